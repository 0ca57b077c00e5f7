"""How soon a small model learns to copy: random tokens, then the same again; the loss on the repetition.

Nothing but copying helps here, so a start that hides it shows within minutes. Variants change how a model starts.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parent.parent))
from architecture import ModelConfig, Stateline
from train import make_optimizers, optimise

VOCAB, HALF, ROWS = 512, 64, 32  # a repetition at random costs log(512) = 6.24 nats a token
VARIANTS = ("as trained", "keys not shifted", "skip of 1", "both")


def start(variant: str) -> Stateline:
    torch.manual_seed(0)
    model = Stateline(
        ModelConfig(
            vocab_size=VOCAB, hidden_size=128, num_hidden_layers=2, num_heads=4, intermediate_size=256
        )
    )
    with torch.no_grad():
        for block in model.layers:
            mixer = block.mixer
            if variant in ("keys not shifted", "both"):
                mixer.conv.weight[mixer.splits[0] : 2 * mixer.splits[0], 0, -2] -= 1
            if variant in ("skip of 1", "both"):
                mixer.D.fill_(1)
    return model


def losses(variant: str, state_heads: int, steps: int, rate: float) -> list[float]:
    """Nats a token on the repetition, each 50 steps."""
    model = start(variant)
    optimizers = make_optimizers(model, rate)
    generator = torch.Generator().manual_seed(0)
    out = []
    for step in range(1, steps + 1):
        first = torch.randint(0, VOCAB, (ROWS, HALF), generator=generator)
        tokens = torch.cat([first, first], 1)
        with torch.autocast("cpu", torch.bfloat16):
            logits, _ = model(tokens, state_heads)
        loss = F.cross_entropy(
            logits[:, :-1].float().flatten(0, 1), tokens[:, 1:].flatten(), reduction="none"
        )
        loss.mean().backward()
        optimise(model, optimizers, rate * min(1.0, step / 20))
        if step % 50 == 0:
            out.append(round(loss.view(ROWS, -1)[:, HALF:].mean().item(), 2))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--rate", type=float, default=2.5e-3)
    args = parser.parse_args()
    for variant in VARIANTS:
        for name, state_heads in (("attention", 0), ("state", 4)):
            print(f"{variant}, {name}: {losses(variant, state_heads, args.steps, args.rate)}", flush=True)


if __name__ == "__main__":
    main()
