"""Makes native/test/models/gguf-*: a small random GGUF file of each architecture, and the logits that it must give.

    python model/golden_gguf.py                # in .cache/families, which ./dev bench peers makes, with llama.cpp's libraries
    python model/golden_gguf.py --f32 FOLDER   # the same models with matrices of F32, for llama.cpp to be compared with:
    node scripts/eval/peer/agreement.ts FOLDER

golden.safetensors is as in golden_families.py: transformers' logits in float64, with the values that gguf's dequantiser reads
from the file. llama.cpp 0.5.0 gives the same to 1e-5 for the files of F32; beside quantised matrices it rounds activations.
"""

from __future__ import annotations

import argparse
import copy
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from gguf import GGMLQuantizationType as Kind
from gguf_families import as_stored, write_gguf
from golden_families import (
    DELTA,
    LENGTH,
    MODELS,
    Variant,
    falcon,
    granite,
    in_double,
    logits,
    mamba2,
    new_model,
    qwen2,
    write_golden,
)
from transformers import (
    FalconH1ForCausalLM,
    GraniteMoeHybridForCausalLM,
    Mamba2ForCausalLM,
    Qwen2ForCausalLM,
    Qwen3_5ForCausalLM,
    Qwen3_5TextConfig,
)

SMALL = dict(vocab_size=288, hidden_size=64)
ROPE = {"rope_type": "default", "rope_theta": 1e7, "partial_rotary_factor": 0.5, "mrope_section": [2, 1, 1]}


@dataclass(frozen=True)
class File:
    variant: Variant
    kinds: tuple[Kind, ...]


FILES: dict[str, File] = {
    "gguf-mamba2": File(
        Variant(Mamba2ForCausalLM, mamba2(**SMALL, num_heads=8, n_groups=2)),
        (Kind.Q8_0,),
    ),
    "gguf-granite": File(
        Variant(
            GraniteMoeHybridForCausalLM,
            granite(
                **SMALL,
                shared_intermediate_size=64,
            ),
        ),
        (Kind.Q4_0, Kind.Q8_0, Kind.Q5_0),
    ),
    "gguf-granite-experts": File(
        Variant(
            GraniteMoeHybridForCausalLM,
            granite(
                **SMALL,
                num_hidden_layers=2,
                layer_types=["linear_attention", "full_attention"],
                shared_intermediate_size=32,
                intermediate_size=32,
                num_local_experts=4,
                num_experts_per_tok=2,
            ),
        ),
        (Kind.Q8_0, Kind.Q4_0),
    ),
    "gguf-falcon": File(
        Variant(
            FalconH1ForCausalLM,
            falcon(
                **SMALL | dict(intermediate_size=64, head_dim=16, mamba_d_ssm=64),
                embedding_multiplier=0.8,
                tie_word_embeddings=True,
            ),
        ),
        (Kind.Q8_0, Kind.Q8_0, Kind.F16),
    ),
    "gguf-qwen35": File(
        Variant(
            Qwen3_5ForCausalLM,
            Qwen3_5TextConfig(
                **DELTA
                | SMALL
                | dict(
                    num_hidden_layers=3, full_attention_interval=3, intermediate_size=64, rope_parameters=ROPE
                )
                | dict(linear_key_head_dim=32, linear_value_head_dim=32, tie_word_embeddings=True)
            ),
            seed=2,
        ),
        (Kind.Q8_0, Kind.Q8_0, Kind.BF16),
    ),
    "gguf-qwen2": File(
        Variant(
            Qwen2ForCausalLM,
            qwen2(
                vocab_size=288,
                hidden_size=256,
                intermediate_size=256,
                num_hidden_layers=1,
                num_attention_heads=4,
                num_key_value_heads=1,
            ),
        ),
        (Kind.Q4_K, Kind.Q5_K, Kind.Q6_K),
    ),
}


def as_llama_cpp_has_it(variant: Variant) -> Variant:
    """Falcon's multipliers are in the weights; a tied head has the embedding's, where transformers takes another."""
    changed = copy.deepcopy(variant)
    if variant.model is FalconH1ForCausalLM and variant.config.tie_word_embeddings:
        changed.config.lm_head_multiplier = variant.config.embedding_multiplier
    return changed


def write_file(name: str, file: File, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    variant = as_llama_cpp_has_it(file.variant)
    model = new_model(variant, torch.float32)
    write_gguf(model, folder / "model.gguf", *file.kinds)
    as_stored(model, folder / "model.gguf")
    tokens = torch.randint(0, 250, (LENGTH,), generator=torch.Generator().manual_seed(1))
    single = logits(model, tokens)
    with in_double(sys.modules[variant.model.__module__]):
        exact_model = new_model(variant, torch.float64)
        exact_model.load_state_dict(model.state_dict())
        exact = logits(exact_model, tokens)
    write_golden(name, folder, tokens, exact, (exact - single).abs().max().item())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--f32", type=Path)
    folder = parser.parse_args().f32
    for name, file in FILES.items():
        if folder:
            write_file(name, File(file.variant, (Kind.F32,)), folder / name)
        else:
            write_file(name, file, MODELS / name)


if __name__ == "__main__":
    main()
