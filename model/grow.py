"""A larger model that begins as the same function (Net2Net, 1511.05641): wider, of more heads, with more layers.

Whatever is new writes nothing at first: its rows and columns of the matrices that end in the residual stream are zero. It
reads at random, so that a gradient reaches it.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from architecture import Block, ModelConfig, Stateline
from torch import Tensor

GROWING = ("hidden_size", "num_hidden_layers", "num_heads", "intermediate_size")


@torch.no_grad()
def grown(model: Stateline, config: ModelConfig) -> Stateline:
    """The model at config's sizes. Its layers stay in order, new ones spread evenly between them; new heads come last.

    ValueError where something would shrink, or where another size than those of GROWING differs.
    """
    had = model.config
    sizes = {name: getattr(config, name) for name in GROWING}
    small = [name for name, size in sizes.items() if size < getattr(had, name)]
    if small or replace(had, head_switch_order=[], **sizes) != replace(config, head_switch_order=[]):
        raise ValueError(f"only {', '.join(GROWING)} can grow, and none of them can shrink")
    layers, new_heads = config.num_hidden_layers, list(range(had.num_heads, config.num_heads))
    places = [(i + 1) * layers // had.num_hidden_layers - 1 for i in range(had.num_hidden_layers)]
    orders = [list(range(config.num_heads)) for _ in range(layers)]
    for place, order in zip(places, had.head_switch_order):
        orders[place] = order + new_heads
    larger = Stateline(replace(config, head_switch_order=orders))
    for block in larger.layers:
        block.mixer.out_proj.weight.zero_()
        block.mlp.down_proj.weight.zero_()
    for place, block in zip(places, model.layers):
        fill_block(larger.layers[place], block, had, config)
    larger.embed_tokens.weight.zero_()
    larger.embed_tokens.weight[:, : had.hidden_size] = model.embed_tokens.weight
    fill_norm(larger.norm.weight, model.norm.weight)
    return larger


def fill_norm(new: Tensor, old: Tensor) -> None:
    """The channels that are new hold zeros, so the mean square is over more of them: the gain makes up for that."""
    new[: len(old)] = old
    new *= (len(old) / len(new)) ** 0.5


def fill_block(new: Block, old: Block, had: ModelConfig, config: ModelConfig) -> None:
    """Copies a layer's weights to where they belong in a larger one."""
    fill_norm(new.norm1.weight, old.norm1.weight)
    fill_norm(new.norm2.weight, old.norm2.weight)
    a, b = new.mixer, old.mixer
    fill_parts(a.in_proj.weight, b.in_proj.weight, a.splits, b.splits)
    fill_parts(a.conv.weight, b.conv.weight, a.splits[:3], b.splits[:3])
    fill_parts(a.conv.bias, b.conv.bias, a.splits[:3], b.splits[:3])
    for name in ("q_norm", "k_norm", "dt_bias", "D", "temperature"):
        getattr(a, name)[: had.num_heads] = getattr(b, name)
    for name in ("A_log", "out_norm"):
        getattr(a, name)[:, : had.num_heads] = getattr(b, name)
    fill_parts(
        new.mlp.gate_up_proj.weight,
        old.mlp.gate_up_proj.weight,
        [config.intermediate_size] * 2,
        [had.intermediate_size] * 2,
    )
    for to, of in ((a.out_proj, b.out_proj), (new.mlp.down_proj, old.mlp.down_proj)):
        rows, columns = of.weight.shape
        to.weight[:rows, :columns] = of.weight


def fill_parts(new: Tensor, old: Tensor, new_rows: list[int], old_rows: list[int]) -> None:
    """Part by part along the rows: the first rows and columns of each part of new become old's."""
    for to, of in zip(new.split(new_rows), old.split(old_rows)):
        if of.ndim == 2:
            to[: of.shape[0], : of.shape[1]] = of
        else:
            to[: of.shape[0]] = of
