"""Makes native/test/models: a small random checkpoint of every family and variant, and the logits that it must give.

    python model/golden_families.py [VARIANT ...]           # in .cache/families, which ./dev bench peers makes
    python model/golden_families.py --long [VARIANT ...]    # some minutes; after the others

Made with transformers 5.18.0, torch 2.13.0 (CPU), safetensors 0.8.0; transformers' own PyTorch code is the reference, without
CUDA kernels. Each folder holds config.json and model.safetensors as transformers writes them (or as older files of the hub
are spelled, where a variant says so) and golden.safetensors with
  tokens [T] I32, positions [P] I32 (where logits are kept), logits [P, vocabulary] F32.
and long.safetensors, of some variants, with positions and logits alike, after 64 k tokens that a formula gives.
The logits are computed in float64 throughout from the values stored in the file, so that they are the function's and not one
order of sums; what transformers makes of the files in float32 must agree.

Where the reference is not what the loader must compute:
- transformers normalises the gated norm of mamba2 over the whole inner width; mamba_ssm, which trained the only files with more
  than one group, does it in groups. Here it is in groups (its pull request 40861).
- A cached step of one token ignores time_step_limit in transformers; the goldens come from the pass over all tokens, which
  clamps as mamba_ssm does.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import (
    FalconH1Config,
    FalconH1ForCausalLM,
    GraniteMoeHybridConfig,
    GraniteMoeHybridForCausalLM,
    Mamba2Config,
    Mamba2ForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3_5Config,
    Qwen3_5ForCausalLM,
    Qwen3_5ForConditionalGeneration,
    Qwen3_5TextConfig,
    Qwen3NextConfig,
    Qwen3NextForCausalLM,
)
from transformers.models.mamba2 import modeling_mamba2

MODELS = Path(__file__).parent.parent / "native" / "test" / "models"
VOCABULARY = 256
# Crosses two borders of chunks of 64 and four of pages of 32, and ends inside of both.
LENGTH = 150
POSITIONS = (0, 1, 3, 4, 31, 32, 63, 64, 65, 100, 127, 128, 149)
# Of the variants that have a golden of so many tokens too: each kind of memory is among them.
LONG = ("mamba2-groups", "granite", "falcon", "qwen3_5-text")
LONG_LENGTH = 65_536
LONG_POSITIONS = (32_767, 65_503, 65_504, 65_535)
# Float32 must agree with float64 this well, else a golden tests the order of sums (or a router's tie) rather than the loader.
AGREEMENT = 3e-5


# ------------------------------------------------------------------------------------------ the reference


class GroupedGatedNorm(modeling_mamba2.MambaRMSNormGated):
    """y * silu(z) normalised in groups, as mamba_ssm's RMSNormGated does with group_size = d_inner / n_groups."""

    groups = 1

    def forward(self, hidden_states: Tensor, gate: Tensor) -> Tensor:
        x = hidden_states * nn.functional.silu(gate)
        grouped = x.unflatten(-1, (self.groups, -1))
        grouped = grouped * torch.rsqrt(grouped.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        return self.weight * grouped.flatten(-2)


def normalise_in_groups(model: PreTrainedModel) -> None:
    for module in model.modules():
        if isinstance(module, modeling_mamba2.MambaRMSNormGated):
            module.__class__ = GroupedGatedNorm
            module.groups = model.config.n_groups


class DoubleTorch(ModuleType):
    """The torch module for code that asks for float32 by name, and gets float64."""

    float32 = float = torch.float64

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


@contextmanager
def in_double(modelling: ModuleType) -> Iterator[None]:
    """transformers rounds to float32 inside of norms, softmax and scans, whatever the model's type: not in here."""
    single = torch.Tensor.float
    modelling.torch, torch.Tensor.float = DoubleTorch("torch"), torch.Tensor.double
    try:
        yield
    finally:
        modelling.torch, torch.Tensor.float = torch, single


# ------------------------------------------------------------------------------------------ weights


def randomise(model: PreTrainedModel, seed: int) -> None:
    """Every parameter random, so that no gain of one and no bias of zero hides a mistake; logits with a deviation of about one."""
    generator = torch.Generator().manual_seed(seed)
    zero_centred = type(model).__name__.startswith("Qwen3")
    for name, p in model.named_parameters():
        uniform = torch.rand(p.shape, generator=generator)
        normal = torch.randn(p.shape, generator=generator)
        if name.endswith("A_log"):
            value = torch.log(0.05 + 4 * uniform**3)  # some heads remember hundreds of tokens
        elif name.endswith("dt_bias"):
            value = -4 + 4 * uniform
        elif name.endswith(".D"):
            value = 0.5 + uniform
        elif "norm" in name:
            plain = not zero_centred or name.endswith("linear_attn.norm.weight")
            value = uniform + 0.5 if plain else uniform - 0.5
        elif name.endswith("conv1d.weight"):
            value = 0.6 * normal
        elif name.endswith("bias"):
            value = 0.3 * normal
        else:
            value = normal * p.shape[-1] ** -0.5
        p.data.copy_(value)


# ------------------------------------------------------------------------------------------ variants


@dataclass(frozen=True)
class Variant:
    model: type[PreTrainedModel]
    config: PreTrainedConfig
    dtype: torch.dtype = torch.float32
    shards: int = 1
    # Where a recurrent output that is nearly zero is normalised, float32 is off by more: another draw has none.
    seed: int = 5
    # From the config.json that transformers 5 writes to an older spelling of it.
    respell: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    # Of the same weights under other names: mamba_ssm's.
    rename: Callable[[dict[str, Tensor]], dict[str, Tensor]] | None = None
    also: dict[str, tuple[int, ...]] = field(default_factory=dict)  # tensors that a loader must skip


def older_spelling(config: dict[str, Any]) -> dict[str, Any]:
    """As transformers 4 wrote it: rope_theta at the top, the hub's names and counts of layers, an Infinity that is no JSON."""
    rope = config.pop("rope_parameters", {})
    kept = {key: rope[key] for key in ("rope_theta", "partial_rotary_factor") if key in rope}
    config |= kept | ({"rope_scaling": None} if rope else {})
    kinds = config.pop("layer_types", [])
    if config["model_type"] == "granitemoehybrid":
        granite = {"linear_attention": "mamba", "full_attention": "attention"}
        config["layer_types"] = [granite[kind] for kind in kinds]
        del config["time_step_limit"]
    elif config["model_type"] == "qwen3_next":
        config["full_attention_interval"] = kinds.index("full_attention") + 1
    elif "time_step_limit" in config:
        config["time_step_limit"] = [0.0, float("inf")]
    config["torch_dtype"] = config.pop("dtype")
    return config


def mamba_ssm_config(config: dict[str, Any]) -> dict[str, Any]:
    """mamba_ssm's config.json of the same model; a vocabulary that is no multiple of 16, which it pads."""
    ssm = {"layer": "Mamba2", "d_state": config["state_size"], "headdim": config["head_dim"]}
    ssm |= {"ngroups": config["n_groups"], "bias": config["use_bias"], "expand": config["expand"]}
    return {
        "d_model": config["hidden_size"],
        "d_intermediate": 0,
        "n_layer": config["num_hidden_layers"],
        "vocab_size": config["vocab_size"] - 6,
        "ssm_cfg": ssm,
        "attn_layer_idx": [],
        "attn_cfg": {},
        "rms_norm": True,
        "residual_in_fp32": True,
        "fused_add_norm": True,
        "pad_vocab_size_multiple": 16,
        "tie_embeddings": config["tie_word_embeddings"],
    }


def mamba_ssm_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """One letter differs; and the head is stored although it is the embedding."""
    named = {name.replace("backbone.embeddings.", "backbone.embedding."): t for name, t in tensors.items()}
    return {"lm_head.weight": named["backbone.embedding.weight"].clone()} | named


def mamba2(**changes: Any) -> Mamba2Config:
    sizes = dict(vocab_size=VOCABULARY, hidden_size=32, num_heads=4, head_dim=16, state_size=24, n_groups=1)
    return Mamba2Config(**(sizes | dict(num_hidden_layers=2, tie_word_embeddings=True) | changes))


def granite(**changes: Any) -> GraniteMoeHybridConfig:
    sizes = dict(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=3, num_attention_heads=4)
    sizes |= dict(
        num_key_value_heads=2, shared_intermediate_size=40, intermediate_size=24, num_local_experts=0
    )
    sizes |= dict(num_experts_per_tok=0, mamba_n_heads=4, mamba_d_state=24, rms_norm_eps=1e-5)
    kinds = ["linear_attention", "full_attention", "linear_attention"]
    multipliers = dict(
        embedding_multiplier=6, attention_multiplier=0.25, residual_multiplier=0.6, logits_scaling=0.8
    )
    spelled = dict(layer_types=kinds, tie_word_embeddings=True, position_embedding_type="nope")
    return GraniteMoeHybridConfig(**(sizes | multipliers | spelled | changes))


def falcon(**changes: Any) -> FalconH1Config:
    sizes = dict(vocab_size=VOCABULARY, hidden_size=32, intermediate_size=40, num_hidden_layers=2)
    sizes |= dict(num_attention_heads=4, num_key_value_heads=2, head_dim=12, mamba_d_ssm=48, mamba_n_heads=4)
    multipliers = dict(
        embedding_multiplier=5.6, lm_head_multiplier=1.3, key_multiplier=0.4, ssm_in_multiplier=1.25
    )
    multipliers |= dict(attention_in_multiplier=1.1, attention_out_multiplier=0.9, ssm_out_multiplier=0.7)
    multipliers |= dict(mlp_multipliers=[0.88, 0.58], ssm_multipliers=[0.85, 0.75, 0.65, 0.5, 0.35])
    spelled = dict(mamba_d_state=24, mamba_rms_norm=False, rope_theta=1e11)
    return FalconH1Config(**(sizes | multipliers | spelled | changes))


DELTA = dict(
    vocab_size=VOCABULARY,
    hidden_size=32,
    intermediate_size=40,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=16,
    linear_num_key_heads=2,
    linear_num_value_heads=4,
    linear_key_head_dim=12,
    linear_value_head_dim=8,
)


def qwen3_next(**changes: Any) -> Qwen3NextConfig:
    experts = dict(
        num_experts=6, num_experts_per_tok=3, moe_intermediate_size=12, shared_expert_intermediate_size=16
    )
    return Qwen3NextConfig(**(DELTA | experts | dict(rope_theta=1e6) | changes))


def qwen3_5_nested() -> Qwen3_5Config:
    rope = {"rope_type": "default", "rope_theta": 1e7, "partial_rotary_factor": 0.5}
    rope |= {"mrope_section": [2, 1, 1], "mrope_interleaved": True}
    text = DELTA | dict(tie_word_embeddings=True, rope_parameters=rope, linear_num_value_heads=2)
    sight = dict(depth=1, hidden_size=8, intermediate_size=8, num_heads=2, out_hidden_size=32, patch_size=2)
    return Qwen3_5Config(
        text_config=text, vision_config=sight | dict(num_position_embeddings=4), tie_word_embeddings=True
    )


def qwen2(**changes: Any) -> Qwen2Config:
    sizes = dict(vocab_size=VOCABULARY, hidden_size=48, intermediate_size=56, num_hidden_layers=2)
    heads = dict(num_attention_heads=6, num_key_value_heads=2, rope_theta=1e6, tie_word_embeddings=True)
    return Qwen2Config(**(sizes | heads | changes))


GROUPED = dict(n_groups=2, use_bias=True)
VARIANTS: dict[str, Variant] = {
    "mamba2": Variant(Mamba2ForCausalLM, mamba2()),
    "mamba2-groups": Variant(Mamba2ForCausalLM, mamba2(**GROUPED), torch.bfloat16),
    "mamba2-untied": Variant(
        Mamba2ForCausalLM,
        mamba2(tie_word_embeddings=False, use_conv_bias=False),
        torch.bfloat16,
        respell=older_spelling,
    ),
    "mamba2-limit": Variant(Mamba2ForCausalLM, mamba2(time_step_limit=(0.05, 0.4)), torch.bfloat16),
    "mamba2-ssm": Variant(
        Mamba2ForCausalLM, mamba2(), torch.bfloat16, respell=mamba_ssm_config, rename=mamba_ssm_names
    ),
    "mamba2-ssm-groups": Variant(
        Mamba2ForCausalLM,
        mamba2(**GROUPED),
        torch.bfloat16,
        respell=mamba_ssm_config,
        rename=mamba_ssm_names,
    ),
    "granite": Variant(GraniteMoeHybridForCausalLM, granite(), torch.bfloat16, respell=older_spelling),
    "granite-rope": Variant(
        GraniteMoeHybridForCausalLM,
        granite(
            position_embedding_type="rope",
            attention_bias=True,
            mamba_proj_bias=True,
            tie_word_embeddings=False,
        ),
        torch.bfloat16,
    ),
    "granite-experts": Variant(
        GraniteMoeHybridForCausalLM,
        granite(num_local_experts=4, num_experts_per_tok=2, intermediate_size=16),
        torch.bfloat16,
    ),
    "falcon": Variant(
        FalconH1ForCausalLM, falcon(tie_word_embeddings=True), torch.bfloat16, respell=older_spelling
    ),
    "falcon-norm": Variant(
        FalconH1ForCausalLM,
        falcon(
            mamba_rms_norm=True, mamba_n_groups=2, projectors_bias=True, mlp_bias=True, attention_bias=True
        ),
        torch.bfloat16,
    ),
    "falcon-gate-first": Variant(
        FalconH1ForCausalLM,
        falcon(mamba_rms_norm=True, mamba_norm_before_gate=False, mamba_n_groups=2, mamba_proj_bias=True),
        torch.bfloat16,
    ),
    "qwen3-next": Variant(
        Qwen3NextForCausalLM,
        qwen3_next(num_hidden_layers=3, full_attention_interval=3),
        torch.bfloat16,
        respell=older_spelling,
        also={"mtp.norm.weight": (32,), "mtp.fc.weight": (8, 8)},
    ),
    "qwen3-next-dense": Variant(
        Qwen3NextForCausalLM,
        qwen3_next(
            num_hidden_layers=2, mlp_only_layers=[0, 1], full_attention_interval=2, tie_word_embeddings=True
        ),
        torch.bfloat16,
        seed=3,
    ),
    "qwen3-next-some-dense": Variant(
        Qwen3NextForCausalLM,
        qwen3_next(
            num_hidden_layers=2, full_attention_interval=2, decoder_sparse_step=2, norm_topk_prob=False
        ),
        torch.bfloat16,
    ),
    "qwen3_5": Variant(
        Qwen3_5ForConditionalGeneration,
        qwen3_5_nested(),
        torch.bfloat16,
        seed=4,
        also={"mtp.norm.weight": (32,)},
    ),
    "qwen3_5-text": Variant(
        Qwen3_5ForCausalLM,
        Qwen3_5TextConfig(**DELTA | dict(num_hidden_layers=3, full_attention_interval=3)),
        torch.bfloat16,
        seed=2,
    ),
    "qwen2": Variant(Qwen2ForCausalLM, qwen2(), torch.bfloat16),
    "qwen2-sharded": Variant(
        Qwen2ForCausalLM,
        qwen2(tie_word_embeddings=False, num_key_value_heads=1),
        torch.float16,
        shards=3,
        respell=older_spelling,
    ),
}


# ------------------------------------------------------------------------------------------ files


def write_checkpoint(model: PreTrainedModel, variant: Variant, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    size = sum(p.numel() for p in model.parameters()) * variant.dtype.itemsize
    model.to(variant.dtype).save_pretrained(folder, max_shard_size=size // variant.shards + 1024)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if variant.respell:
        config = variant.respell(json.loads((folder / "config.json").read_text()))
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    if variant.rename or variant.also:
        tensors = load_file(folder / "model.safetensors")
        tensors = variant.rename(tensors) if variant.rename else tensors
        skipped = {name: torch.ones(shape, dtype=variant.dtype) for name, shape in variant.also.items()}
        save_file(tensors | skipped, folder / "model.safetensors", metadata={"format": "pt"})


@torch.no_grad()
def logits(model: PreTrainedModel, tokens: Tensor) -> Tensor:
    """[T, V]"""
    return model(input_ids=tokens[None], use_cache=False).logits[0]


def new_model(variant: Variant, dtype: torch.dtype) -> PreTrainedModel:
    """Random weights, in dtype, with values that a file of the variant's type holds; buffers (rotations) are not rounded."""
    variant.config._attn_implementation = "eager"
    variant.config._experts_implementation = "eager"
    model = variant.model(variant.config).eval()
    randomise(model, variant.seed)
    for p in model.parameters():
        p.data = p.data.to(variant.dtype)
    normalise_in_groups(model)
    return model.to(dtype)


def read_model(variant: Variant, folder: Path) -> PreTrainedModel:
    """What transformers makes of the files, in float32; of mamba_ssm's it knows the tensors, not the configuration."""
    if variant.rename:
        model = variant.model(variant.config)
        model.load_state_dict(load_file(folder / "model.safetensors"))
    else:
        model = variant.model.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    normalise_in_groups(model)
    return model.eval()


def write_golden(name: str, folder: Path, tokens: Tensor, exact: Tensor, difference: float) -> None:
    """exact [T, V], float64; difference is float32's."""
    if not difference < AGREEMENT:
        raise SystemExit(f"{name}: the file in float32 and the golden differ by {difference:.1e}.")
    positions = torch.tensor(POSITIONS)
    stored = {"tokens": tokens.int(), "positions": positions.int(), "logits": exact[positions].float()}
    save_file(stored, folder / "golden.safetensors")
    for file in folder.iterdir():
        file.chmod(0o644)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{name:22} {size >> 10:4} KiB  deviation {exact.std():.2f}  float32 differs by {difference:.1e}")


def write_variant(name: str, variant: Variant) -> None:
    folder = MODELS / name
    write_checkpoint(new_model(variant, variant.dtype), variant, folder)
    tokens = torch.randint(
        0, VOCABULARY - 6, (LENGTH,), generator=torch.Generator().manual_seed(variant.seed)
    )
    with in_double(sys.modules[variant.model.__module__]):
        exact = logits(new_model(variant, torch.float64), tokens)
    single = logits(read_model(variant, folder), tokens)
    write_golden(name, folder, tokens, exact, (exact - single).abs().max().item())


def long_tokens() -> Tensor:
    """families_test.cc has the same formula."""
    i = torch.arange(LONG_LENGTH)
    return (i * i * 31 + i * 17 + i // 7) % (VOCABULARY - 6)


@torch.no_grad()
def write_long(name: str, variant: Variant) -> None:
    """Token by token, from a cache: what transformers computes of all tokens at once would not fit into memory."""
    with in_double(sys.modules[variant.model.__module__]):
        model = new_model(variant, torch.float64)
        model.config._attn_implementation = "sdpa"
        memory = "cache_params" if variant.model is Mamba2ForCausalLM else "past_key_values"
        kept, cache = [], None
        for at, token in enumerate(long_tokens().tolist()):
            now = model(input_ids=torch.tensor([[token]]), use_cache=True, **{memory: cache})
            cache = now[memory]
            if at in LONG_POSITIONS:
                kept.append(now.logits[0, -1])
    stored = {"positions": torch.tensor(LONG_POSITIONS).int(), "logits": torch.stack(kept).float()}
    save_file(stored, MODELS / name / "long.safetensors")
    (MODELS / name / "long.safetensors").chmod(0o644)


def main() -> None:
    names = sys.argv[1:]
    if "--long" in names:
        for name in [name for name in names if name != "--long"] or LONG:
            write_long(name, VARIANTS[name])
        return
    for name in names or VARIANTS:
        write_variant(name, VARIANTS[name])


if __name__ == "__main__":
    main()
