"""Makes test/golden: small random checkpoints and PyTorch's logits for them, which the native engine must reproduce.

Each folder holds config.json, model.safetensors and golden.safetensors with
  tokens [T] I32, positions [P] I32 (where logits are kept),
  logits.<state heads>.<window> [P, vocab] F32 for every number of state heads and two windows (the text, and less).
"""

from __future__ import annotations

from pathlib import Path

import torch
from architecture import ModelConfig, Stateline
from export import write_model
from quantise import quantised
from safetensors.torch import save_file
from torch import Tensor

GOLDEN = Path(__file__).parent.parent / "test" / "golden"
TINY = ModelConfig(
    vocab_size=101,
    hidden_size=48,
    num_hidden_layers=2,
    num_heads=4,
    key_dim=16,
    value_dim=12,
    intermediate_size=56,
)
LENGTH, STRIDE, SHORT_WINDOW = 320, 11, 45


def random_model(config: ModelConfig, seed: int) -> Stateline:
    """Every parameter random, so that no gain of one or bias of zero hides a mistake."""
    torch.manual_seed(seed)
    model = Stateline(config)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim >= 2 and name.endswith(("proj.weight", "embed_tokens.weight")):
                p.normal_(std=p.shape[-1] ** -0.5)
            elif name.endswith(
                ("norm.weight", "norm1.weight", "norm2.weight", "q_norm", "k_norm", "out_norm")
            ):
                p.uniform_(0.5, 1.5)
            else:
                p.add_(torch.randn_like(p) * 0.3)
    return model


@torch.no_grad()
def golden_logits(model: Stateline, tokens: Tensor, positions: Tensor) -> dict[str, Tensor]:
    out: dict[str, Tensor] = {}
    for window in (tokens.numel(), SHORT_WINDOW):
        model.config.attention_window = window
        for state_heads in range(model.config.num_heads + 1):
            logits, _ = model(tokens[None], state_heads)
            out[f"logits.{state_heads}.{window}"] = logits[0, positions].contiguous()
    return out


def write_case(name: str, config: ModelConfig, seed: int, int8: bool) -> None:
    model = random_model(config, seed)
    write_model(model, GOLDEN / name, int8)
    computed = quantised(model) if int8 else model
    tokens = torch.randint(0, config.vocab_size, (LENGTH,), generator=torch.Generator().manual_seed(seed))
    positions = torch.arange(STRIDE - 1, LENGTH, STRIDE)
    stored = {"tokens": tokens.int(), "positions": positions.int()} | golden_logits(
        computed, tokens, positions
    )
    save_file(stored, GOLDEN / name / "golden.safetensors")


def main() -> None:
    shuffled = ModelConfig(**{**TINY.__dict__, "head_switch_order": [[2, 0, 3, 1], [1, 3, 0, 2]]})
    write_case("tiny-f32", TINY, seed=1, int8=False)
    write_case("tiny-shuffled-f32", shuffled, seed=2, int8=False)
    write_case("tiny-int8", TINY, seed=3, int8=True)


if __name__ == "__main__":
    main()
