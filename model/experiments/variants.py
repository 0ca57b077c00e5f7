"""The ablations: small models that differ from the shipped way in one thing each."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from architecture import Stateline
from heads import HeadsConfig, build
from train import draw_state_heads, make_optimizers

HEADS, DEFAULT = 8, 6  # in all, and in state mode at the default ratio
SMALL = {
    "hidden_size": 128,
    "num_hidden_layers": 4,
    "num_heads": HEADS,
    "key_dim": 32,
    "value_dim": 16,
    "intermediate_size": 320,
}
RATE = 5e-3  # peak learning rate of the shipped training
SHIPPED = "as shipped"


def sandwich(rng: random.Random) -> int:
    return draw_state_heads(HEADS, DEFAULT, rng)


def uniform(rng: random.Random) -> int:
    return rng.randrange(0, HEADS + 1, 2)


def always(state_heads: int) -> Callable[[random.Random], int]:
    return lambda rng: state_heads


def adamw(model: Stateline, rate: float) -> list[torch.optim.Optimizer]:
    """AdamW for all, the matrices with the decay that Muon gives them."""
    matrices = [p for p in model.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if p.ndim != 2]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    return [torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))]


@dataclass(frozen=True)
class Variant:
    """One way to train a small model; every default is the shipped way."""

    name: str
    changes: dict = field(default_factory=dict)  # of SMALL and of HeadsConfig's choices
    draw: Callable[[random.Random], int] = sandwich  # state heads of some steps
    teacher: int | None = None  # state heads of the pass that the drawn one also learns from
    optimizers: Callable[[Stateline, float], list[torch.optim.Optimizer]] = make_optimizers
    rate: float = RATE
    vocabulary: int = 4096
    text: float = 1.0  # share of the training text

    def model(self) -> Stateline:
        return build(HeadsConfig(vocab_size=self.vocabulary, **(SMALL | self.changes)))


MAMBA3 = {"convolution": False, "trapezoidal": True, "rotation": "state", "key_biases": True}
GROUPS: dict[str, list[Variant]] = {
    "ratios": [
        Variant(SHIPPED),
        Variant("ratio 1 alone", draw=always(8)),
        Variant("ratio 0.75 alone", draw=always(6)),
        Variant("ratio 0.5 alone", draw=always(4)),
        Variant("ratio 0 alone", draw=always(0)),
        Variant("uniform", draw=uniform),
        Variant("distilled", teacher=0),
        Variant("distilled, half of the text", teacher=0, text=0.5),
    ],
    "heads": [
        Variant("no convolution", {"convolution": False}),
        Variant("trapezoidal", {"trapezoidal": True}),
        Variant("rotation in state mode", {"rotation": "state"}),
        Variant("rotation in both modes", {"rotation": "both"}),
        Variant("Mamba-3 style", MAMBA3),
        Variant("no QK norm", {"qk_norm": False}),
        Variant("one output norm", {"norms": 1}),
    ],
    "order": [
        Variant("slowest decays first", {"slowest_first": True}),
        Variant("B and C in 2 groups", {"key_groups": 2, "intermediate_size": 456}),
    ],
    "shape": [
        Variant(
            "2 layers",
            {"num_hidden_layers": 2, "hidden_size": 168, "value_dim": 21, "intermediate_size": 456},
        ),
        Variant(
            "8 layers",
            {"num_hidden_layers": 8, "hidden_size": 96, "value_dim": 12, "intermediate_size": 200},
        ),
    ],
    "window": [Variant("window of 64 tokens", {"attention_window": 64})],
    "vocabulary": [
        Variant("8,192 entries", vocabulary=8192),
        Variant("16,384 entries", vocabulary=16384),
    ],
    "optimiser": [
        Variant("Muon, rate 2.5e-3", rate=2.5e-3),
        Variant("Muon, rate 1e-2", rate=1e-2),
        Variant("AdamW, rate 2.5e-3", optimizers=adamw, rate=2.5e-3),
        Variant("AdamW, rate 5e-3", optimizers=adamw),
        Variant("AdamW, rate 1e-2", optimizers=adamw, rate=1e-2),
    ],
}
VARIANTS = {variant.name: variant for group in GROUPS.values() for variant in group}
