"""How many tokens each head's state takes to halve, at its own step: python model/experiments/half_lives.py [FOLDER]

A head halves in ln 2 / (exp(A_log) softplus(dt_bias)) tokens where the token says nothing of its step (dt = 0 before the bias).
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch.nn.functional as F
from safetensors.torch import load_file

STATE = 0  # the mode's row in A_log [2, heads]
LN_2 = 0.6931471805599453


def half_lives(folder: Path) -> list[list[float]]:
    """Tokens, by layer and head."""
    weights = load_file(folder / "model.safetensors")
    layers = sum(name.endswith("mixer.A_log") for name in weights)
    of_layers = []
    for layer in range(layers):
        mixer = f"model.layers.{layer}.mixer"
        rate = weights[f"{mixer}.A_log"][STATE].exp() * F.softplus(weights[f"{mixer}.dt_bias"])  # [heads]
        of_layers.append((LN_2 / rate).tolist())
    return of_layers


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "weights"
    of_layers = half_lives(folder)
    for layer, tokens in enumerate(of_layers):
        print(f"layer {layer}:", *(f"{one:.0f}" for one in sorted(tokens)))
    every = sorted(one for tokens in of_layers for one in tokens)
    for most in (10, 100, 600, 3_600, 100_000):
        print(f"within {most} tokens: {sum(one <= most for one in every)} of {len(every)} heads")


if __name__ == "__main__":
    main()
