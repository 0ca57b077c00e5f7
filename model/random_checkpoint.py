"""Writes random weights in the shape of a real model, as GGUF and, if wanted, as a Hugging Face folder: for speed, not for text.

./dev bench peers --help          # calls this; or, in an environment with transformers and gguf (see golden_gguf.py):
python model/random_checkpoint.py granite-350m q4_k granite-350m-q4_k.gguf [--folder FOLDER]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from gguf import GGMLQuantizationType as Kind
from gguf_families import write_gguf
from golden_families import Variant, new_model
from transformers import (
    FalconH1Config,
    FalconH1ForCausalLM,
    GraniteMoeHybridConfig,
    GraniteMoeHybridForCausalLM,
    Mamba2Config,
    Mamba2ForCausalLM,
)

KINDS = {"f32": Kind.F32, "f16": Kind.F16, "q8_0": Kind.Q8_0, "q4_0": Kind.Q4_0, "q4_k": Kind.Q4_K}


def granite_kinds(layers: int, attention: tuple[int, ...]) -> list[str]:
    return ["full_attention" if layer in attention else "linear_attention" for layer in range(layers)]


# Sizes and multipliers as the models' own config.json has them.
SHAPES: dict[str, Variant] = {
    "mamba2-130m": Variant(
        Mamba2ForCausalLM,
        Mamba2Config(
            vocab_size=50288,
            hidden_size=768,
            num_hidden_layers=24,
            num_heads=24,
            head_dim=64,
            state_size=128,
            n_groups=1,
            tie_word_embeddings=True,
        ),
    ),
    "granite-350m": Variant(
        GraniteMoeHybridForCausalLM,
        GraniteMoeHybridConfig(
            vocab_size=100352,
            hidden_size=768,
            num_hidden_layers=32,
            layer_types=granite_kinds(32, (10, 13, 17, 27)),
            num_attention_heads=12,
            num_key_value_heads=4,
            mamba_n_heads=48,
            mamba_d_head=32,
            mamba_d_state=128,
            shared_intermediate_size=2048,
            intermediate_size=2048,
            num_local_experts=0,
            num_experts_per_tok=0,
            embedding_multiplier=12,
            attention_multiplier=0.015625,
            residual_multiplier=0.246,
            logits_scaling=3,
            rms_norm_eps=1e-5,
            position_embedding_type="nope",
            max_position_embeddings=32768,
            tie_word_embeddings=True,
        ),
    ),
    "falcon-90m": Variant(
        FalconH1ForCausalLM,
        FalconH1Config(
            vocab_size=32768,
            hidden_size=512,
            intermediate_size=768,
            num_hidden_layers=24,
            num_attention_heads=8,
            num_key_value_heads=2,
            head_dim=64,
            mamba_d_ssm=768,
            mamba_n_heads=24,
            mamba_d_head=32,
            mamba_d_state=64,
            mamba_n_groups=1,
            mamba_rms_norm=False,
            mamba_norm_before_gate=False,
            embedding_multiplier=0.1108,
            lm_head_multiplier=0.078125,
            rope_theta=1e11,
            max_position_embeddings=262144,
            tie_word_embeddings=True,
        ),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--folder", type=Path, help="config.json and model.safetensors (bf16) of the same draw"
    )
    arguments = parser.parse_args()
    model = new_model(SHAPES[arguments.shape], torch.float32)
    beside = arguments.out.with_suffix(".part")
    write_gguf(model, beside, KINDS[arguments.kind])
    beside.rename(arguments.out)
    if arguments.folder:
        model.to(torch.bfloat16).save_pretrained(arguments.folder)


if __name__ == "__main__":
    main()
