"""Writes a transformers model as the GGUF file that llama.cpp's converter would make of it: names, metadata, transforms.

Made with gguf 0.19.0. Q4_K and Q6_K have no quantiser in gguf: ggml's own is called in the library that node-llama-cpp brings.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

ROOT = Path(__file__).parent.parent
GGML = ROOT / ".cache/peer/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64/libggml-base.so"
FIM = ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|endoftext|>")
K_QUANTS = (Kind.Q4_K, Kind.Q5_K, Kind.Q6_K)
NORMAL, CONTROL, UNUSED = 1, 3, 5

Transform = Callable[[Tensor, PreTrainedConfig], Tensor]


@dataclass(frozen=True)
class Family:
    arch: str
    # From the end of a tensor's name in transformers to its name in GGUF; a layer's, if it has a number.
    names: dict[str, str]
    metadata: Callable[[gguf.GGUFWriter, PreTrainedConfig], None]
    # By the end of the name in transformers.
    transforms: dict[str, Transform] = field(default_factory=dict)


# ------------------------------------------------------------------------------------------ shared parts

ATTENTION = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
}
OUTER = {"embed_tokens": "token_embd", "lm_head": "output"}


def mixer(name: str) -> dict[str, str]:
    here = {"in_proj": "ssm_in", "conv1d": "ssm_conv1d", "norm": "ssm_norm", "out_proj": "ssm_out"}
    return {f"{name}.{theirs}": ours for theirs, ours in here.items()} | {
        f"{name}.dt_bias": "ssm_dt.bias",
        f"{name}.A_log": "ssm_a",
        f"{name}.D": "ssm_d",
    }


def mixer_transforms(name: str, groups: str) -> dict[str, Transform]:
    return {
        f"{name}.conv1d.weight": lambda t, c: t[:, 0],
        f"{name}.A_log": lambda t, c: -torch.exp(t)[:, None],
        f"{name}.D": lambda t, c: t[:, None],
        f"{name}.norm.weight": lambda t, c: t.reshape(getattr(c, groups), -1),
    }


def write_common(writer: gguf.GGUFWriter, config: PreTrainedConfig, context: int = 1 << 20) -> None:
    writer.add_context_length(context)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_vocab_size(config.vocab_size)
    writer.add_layer_norm_rms_eps(getattr(config, "rms_norm_eps", None) or config.layer_norm_epsilon)


def write_attention(
    writer: gguf.GGUFWriter,
    config: PreTrainedConfig,
    rotated: float = 1.0,
    heads: int | list[int] | None = None,
) -> None:
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(heads or config.num_key_value_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(int(head_dim * rotated))
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])


def write_mixer(writer: gguf.GGUFWriter, taps: int, width: int, state: int, heads: int, groups: int) -> None:
    writer.add_ssm_conv_kernel(taps)
    writer.add_ssm_inner_size(width)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(heads)
    writer.add_ssm_group_count(groups)


# ------------------------------------------------------------------------------------------ families


def write_mamba2(writer: gguf.GGUFWriter, c: PreTrainedConfig) -> None:
    write_common(writer, c)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    write_mixer(writer, c.conv_kernel, c.expand * c.hidden_size, c.state_size, c.num_heads, c.n_groups)


MAMBA2 = Family(
    "mamba2",
    mixer("mixer")
    | {"embeddings": "token_embd", "lm_head": "output", "norm_f": "output_norm", "norm": "attn_norm"},
    write_mamba2,
    mixer_transforms("mixer", "n_groups"),
)


def write_granite(writer: gguf.GGUFWriter, c: PreTrainedConfig) -> None:
    write_common(writer, c)
    heads = [c.num_key_value_heads if kind == "full_attention" else 0 for kind in c.layer_types]
    write_attention(writer, c, heads=heads)
    writer.add_rope_scaling_finetuned(c.position_embedding_type == "rope")
    writer.add_attention_scale(c.attention_multiplier)
    writer.add_embedding_scale(c.embedding_multiplier)
    writer.add_residual_scale(c.residual_multiplier)
    writer.add_logit_scale(c.logits_scaling)
    width = c.mamba_expand * c.hidden_size
    write_mixer(writer, c.mamba_d_conv, width, c.mamba_d_state, c.mamba_n_heads, c.mamba_n_groups)
    if c.num_local_experts:
        writer.add_feed_forward_length(c.intermediate_size)
        writer.add_expert_count(c.num_local_experts)
        writer.add_expert_used_count(c.num_experts_per_tok)
        writer.add_expert_shared_feed_forward_length(c.shared_intermediate_size)
    else:
        writer.add_feed_forward_length(c.shared_intermediate_size)


def permuted(heads: str) -> Transform:
    """From halves to neighbouring pairs: the rotation that ggml calls normal."""

    def permute(t: Tensor, c: PreTrainedConfig) -> Tensor:
        return t.unflatten(0, (getattr(c, heads), 2, -1)).transpose(1, 2).reshape(t.shape)

    return permute


GRANITE = Family(
    "granitehybrid",
    mixer("mamba")
    | ATTENTION
    | OUTER
    | {
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
        "shared_mlp.gate": "ffn_gate",
        "shared_mlp.up": "ffn_up",
        "shared_mlp.output_linear": "ffn_down",
        "router": "ffn_gate_inp",
        "experts.gate": "ffn_gate_exps",
        "experts.up": "ffn_up_exps",
        "experts.down_proj": "ffn_down_exps.weight",
        "norm": "output_norm",
    },
    write_granite,
    mixer_transforms("mamba", "mamba_n_groups")
    | {
        f"self_attn.{p}_proj.{part}": permuted(heads)
        for p, heads in {"q": "num_attention_heads", "k": "num_key_value_heads"}.items()
        for part in ("weight", "bias")
    },
)


def write_falcon(writer: gguf.GGUFWriter, c: PreTrainedConfig) -> None:
    write_common(writer, c, c.max_position_embeddings)
    write_attention(writer, c)
    writer.add_feed_forward_length(c.intermediate_size)
    write_mixer(writer, c.mamba_d_conv, c.mamba_d_ssm, c.mamba_d_state, c.mamba_n_heads, c.mamba_n_groups)


def scaled(factor: Callable[[PreTrainedConfig], float]) -> Transform:
    return lambda t, c: t * factor(c)


def scaled_in_proj(t: Tensor, c: PreTrainedConfig) -> Tensor:
    groups = c.mamba_n_groups * c.mamba_d_state
    rows = torch.tensor([c.mamba_d_ssm, c.mamba_d_ssm, groups, groups, c.mamba_n_heads])
    return t * c.ssm_in_multiplier * torch.tensor(c.ssm_multipliers).repeat_interleave(rows)[:, None]


# Every multiplier is in the weights. A tied head has no tensor of its own: it gets the embedding's factor, not its own.
FALCON = Family(
    "falcon-h1",
    mixer("mamba")
    | ATTENTION
    | OUTER
    | {
        "input_layernorm": "attn_norm",
        "pre_ff_layernorm.weight": "ffn_norm",  # llama.cpp asks for it without ".weight"
        "final_layernorm": "output_norm",
        "feed_forward.gate_proj": "ffn_gate",
        "feed_forward.up_proj": "ffn_up",
        "feed_forward.down_proj": "ffn_down",
    },
    write_falcon,
    mixer_transforms("mamba", "mamba_n_groups")
    | {
        "mamba.in_proj.weight": scaled_in_proj,
        "mamba.out_proj.weight": scaled(lambda c: c.ssm_out_multiplier),
        "self_attn.q_proj.weight": scaled(lambda c: c.attention_in_multiplier),
        "self_attn.k_proj.weight": scaled(lambda c: c.attention_in_multiplier * c.key_multiplier),
        "self_attn.v_proj.weight": scaled(lambda c: c.attention_in_multiplier),
        "self_attn.o_proj.weight": scaled(lambda c: c.attention_out_multiplier),
        "feed_forward.gate_proj.weight": scaled(lambda c: c.mlp_multipliers[0]),
        "feed_forward.down_proj.weight": scaled(lambda c: c.mlp_multipliers[1]),
        "embed_tokens.weight": scaled(lambda c: c.embedding_multiplier),
        "lm_head.weight": scaled(lambda c: c.lm_head_multiplier),
    },
)


def write_qwen3_5(writer: gguf.GGUFWriter, c: PreTrainedConfig) -> None:
    write_common(writer, c, c.max_position_embeddings)
    write_attention(writer, c, c.rope_parameters["partial_rotary_factor"])
    writer.add_rope_dimension_sections([*c.rope_parameters.get("mrope_section", (11, 11, 10)), 0])
    writer.add_feed_forward_length(c.intermediate_size)
    value_heads, width = c.linear_num_value_heads, c.linear_num_value_heads * c.linear_value_head_dim
    write_mixer(
        writer, c.linear_conv_kernel_dim, width, c.linear_key_head_dim, value_heads, c.linear_num_key_heads
    )
    writer.add_full_attention_interval(c.layer_types.index("full_attention") + 1)


def tiled(t: Tensor, c: PreTrainedConfig, width: int, dim: int = 0) -> Tensor:
    """Value heads from grouped by their key head to tiled: ggml repeats keys as a whole."""
    keys = c.linear_num_key_heads
    return t.unflatten(dim, (keys, -1, width)).transpose(dim, dim + 1).reshape(t.shape)


def tiled_values(t: Tensor, c: PreTrainedConfig) -> Tensor:
    keys = 2 * c.linear_num_key_heads * c.linear_key_head_dim
    return torch.cat([t[:keys], tiled(t[keys:], c, c.linear_value_head_dim)])


QWEN3_5 = Family(
    "qwen35",
    ATTENTION
    | OUTER
    | {
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "post_attention_norm",
        "self_attn.q_norm": "attn_q_norm",
        "self_attn.k_norm": "attn_k_norm",
        "linear_attn.in_proj_qkv": "attn_qkv",
        "linear_attn.in_proj_z": "attn_gate",
        "linear_attn.in_proj_a": "ssm_alpha",
        "linear_attn.in_proj_b": "ssm_beta",
        "linear_attn.conv1d": "ssm_conv1d",
        "linear_attn.dt_bias": "ssm_dt.bias",
        "linear_attn.A_log": "ssm_a",
        "linear_attn.norm": "ssm_norm",
        "linear_attn.out_proj": "ssm_out",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "norm": "output_norm",
    },
    write_qwen3_5,
    {
        "linear_attn.in_proj_qkv.weight": tiled_values,
        "linear_attn.conv1d.weight": lambda t, c: tiled_values(t[:, 0], c),
        "linear_attn.in_proj_z.weight": lambda t, c: tiled(t, c, c.linear_value_head_dim),
        "linear_attn.in_proj_a.weight": lambda t, c: tiled(t, c, 1),
        "linear_attn.in_proj_b.weight": lambda t, c: tiled(t, c, 1),
        "linear_attn.dt_bias": lambda t, c: tiled(t, c, 1),
        "linear_attn.A_log": lambda t, c: -torch.exp(tiled(t, c, 1)),
        "linear_attn.out_proj.weight": lambda t, c: tiled(t, c, c.linear_value_head_dim, 1),
    }
    | {
        f"{name}.weight": lambda t, c: 1 + t
        for name in (
            "input_layernorm",
            "post_attention_layernorm",
            "self_attn.q_norm",
            "self_attn.k_norm",
            "model.norm",
        )
    },
)


def write_qwen2(writer: gguf.GGUFWriter, c: PreTrainedConfig) -> None:
    write_common(writer, c, c.max_position_embeddings)
    write_attention(writer, c)
    writer.add_feed_forward_length(c.intermediate_size)


QWEN2 = Family(
    "qwen2",
    ATTENTION
    | OUTER
    | {
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "norm": "output_norm",
    },
    write_qwen2,
)

FAMILIES = {
    "mamba2": MAMBA2,
    "granitemoehybrid": GRANITE,
    "falcon_h1": FALCON,
    "qwen3_5_text": QWEN3_5,
    "qwen2": QWEN2,
}


# ------------------------------------------------------------------------------------------ the file


def unfused(name: str, t: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Granite's gate and up are one tensor in transformers and two in GGUF, and so are its experts'."""
    for fused, dim in {"shared_mlp.input_linear.weight": 0, "experts.gate_up_proj": 1}.items():
        if name.endswith(fused):
            stem = name.removesuffix(fused) + fused.split(".")[0]
            return zip((f"{stem}.gate.weight", f"{stem}.up.weight"), t.chunk(2, dim))
    return iter([(name, t)])


def longest(table: dict[str, Any], name: str) -> Any:
    """The entry whose key is the longest end of the name, at a border of parts."""
    found = [key for key in table if name == key or name.endswith(f".{key}")]
    return table[max(found, key=len)] if found else None


def gguf_name(family: Family, name: str, experts: bool) -> str:
    layer = next((part for part in name.split(".") if part.isdigit()), None)
    stem, _, part = name.rpartition(".")
    ours = longest(family.names, name)
    if ours is None and part in ("weight", "bias"):
        ours = longest(family.names, stem)
        # Beside experts, the network that is shared has another name.
        ours = ours and f"{ours}{'_shexp' * (experts and '.shared_mlp.' in name)}.{part}"
    if ours is None:
        raise ValueError(f"{name} has no name in GGUF.")
    return ours if layer is None else f"blk.{layer}.{ours}"


Parts = Callable[[Tensor], list[tuple[str, Tensor]]]


def map_parameters(model: PreTrainedModel) -> Iterator[tuple[Tensor, Parts]]:
    """Each parameter, and what makes of its values the file's tensors, named; a tied head is the embedding, and named once."""
    family, config = FAMILIES[model.config.model_type], model.config
    experts = bool(getattr(config, "num_local_experts", 0))

    def parts_of(whole: str) -> Parts:
        transform = longest(family.transforms, whole) or (lambda t, c: t)
        return lambda value: [
            (gguf_name(family, name, experts), part.contiguous())
            for name, part in unfused(whole, transform(value, config))
        ]

    for whole, parameter in model.named_parameters():
        yield parameter, parts_of(whole)


def is_quantised(name: str, value: Tensor) -> bool:
    """As llama-quantize has it: vectors, convolutions and routers stay in float32."""
    return value.ndim > 1 and not name.endswith(
        ("ssm_a", "ssm_d", "norm", "norm.weight", "conv1d.weight", "gate_inp.weight")
    )


def kind_of(name: str, value: Tensor, kind: Kind) -> Kind:
    """Rows that are no whole blocks get eight bits; the embedding is finer than four."""
    if value.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0]:
        return Kind.Q8_0
    return Kind.Q6_K if kind == Kind.Q4_K and name in ("token_embd.weight", "output.weight") else kind


def as_stored(model: PreTrainedModel, path: Path) -> None:
    """Gives the model the values that the file's quantised matrices stand for."""
    stored = read_gguf(path)
    for parameter, parts in map_parameters(model):
        # A transform permutes and scales, T = S P, so that its inverse is its transpose on values divided by S squared.
        blank = torch.zeros_like(parameter, requires_grad=True)
        one = dict(parts(torch.ones_like(parameter)))
        if any(is_quantised(name, value) for name, value in one.items()):
            outputs = [(value * stored[name] / one[name] ** 2).sum() for name, value in parts(blank)]
            (parameter.data,) = torch.autograd.grad(sum(outputs), blank)


def quantised(value: np.ndarray, kind: Kind) -> np.ndarray:
    """[..., row] f32 -> [..., bytes of a row] u8"""
    if kind not in K_QUANTS:
        return gguf.quants.quantize(value, kind)
    block, size = gguf.GGML_QUANT_SIZES[kind]
    out = np.empty((*value.shape[:-1], value.shape[-1] // block * size), np.uint8)
    quantise = ctypes.CDLL(str(GGML)).ggml_quantize_chunk
    quantise.argtypes = (
        [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + 3 * [ctypes.c_int64] + [ctypes.c_void_p]
    )
    quantise.restype = ctypes.c_size_t
    rows = value.size // value.shape[-1]
    written = quantise(int(kind), value.ctypes.data, out.ctypes.data, 0, rows, value.shape[-1], None)
    assert written == out.nbytes
    return out


def byte_alphabet() -> list[str]:
    """GPT-2's printable character of each byte."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(b) if b in printable else chr(next(others)) for b in range(256)]


def write_tokenizer(writer: gguf.GGUFWriter, size: int) -> None:
    """Bytes, two merges, the special tokens of filling in the middle at the end; what is between is unused."""
    merges = ["Ġ Ġ", "i n"]
    ordinary = byte_alphabet() + [merge.replace(" ", "") for merge in merges]
    filling = [f"[unused {i}]" for i in range(size - len(ordinary) - len(FIM))]
    kinds = [NORMAL] * len(ordinary) + [UNUSED] * len(filling) + [CONTROL] * len(FIM)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*ordinary, *filling, *FIM])
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(size - 1)
    writer.add_add_bos_token(False)


@torch.no_grad()
def write_gguf(model: PreTrainedModel, path: Path, *kinds: Kind) -> None:
    """The matrices take the kinds in turn."""
    family = FAMILIES[model.config.model_type]
    writer = gguf.GGUFWriter(path, family.arch)
    writer.add_name(path.stem)
    family.metadata(writer, model.config)
    write_tokenizer(writer, model.config.vocab_size)
    turn = itertools.cycle(kinds)
    for parameter, parts in map_parameters(model):
        for name, value in parts(parameter.float()):
            kind = kind_of(name, value, next(turn)) if is_quantised(name, value) else Kind.F32
            writer.add_tensor(name, quantised(value.numpy(), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_gguf(path: Path) -> dict[str, Tensor]:
    """By gguf's own reader and dequantiser: names to float32."""
    return {
        t.name: torch.tensor(
            gguf.quants.dequantize(t.data, t.tensor_type).reshape(*reversed(t.shape.tolist()))
        )
        for t in gguf.GGUFReader(path).tensors
    }
