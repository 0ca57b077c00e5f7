"""What one checkpoint for all hybrid ratios costs: small models trained at one ratio each, and at drawn ratios, on equal tokens.

The models see the same text in the same order and differ in nothing but the number of state heads of each step. Printed are
nats a token on the held-out repositories at ratios 1, 0.75, 0.5 and 0. A lead for the embedded model, not a proof: at 1.6 M
parameters and a few million tokens, prices of sharing may be larger or smaller than at its size.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parent.parent))
from architecture import ModelConfig, Stateline
from stream import IGNORED, batches
from tokenizers import Tokenizer
from train import draw_state_heads, keep_freed_memory, make_optimizers, optimise, training_step

ROOT = Path(__file__).parent.parent.parent
HEADS = 8
MEASURED = (8, 6, 4, 0)
VARIANTS: dict[str, Callable[[random.Random], int]] = {
    "1 alone": lambda rng: 8,
    "0.75 alone": lambda rng: 6,
    "0.5 alone": lambda rng: 4,
    "0 alone": lambda rng: 0,
    "sandwich": lambda rng: draw_state_heads(HEADS, 6, rng),
    "uniform": lambda rng: rng.randrange(0, HEADS + 1, 2),
}


def small_model(vocab_size: int) -> Stateline:
    return Stateline(
        ModelConfig(
            vocab_size=vocab_size,
            hidden_size=128,
            num_hidden_layers=4,
            num_heads=HEADS,
            key_dim=32,
            value_dim=16,
            intermediate_size=320,
        )
    )


def train(model: Stateline, draw: Callable, tokenizer: Tokenizer, args: argparse.Namespace) -> None:
    optimizers, rng = make_optimizers(model, args.rate), random.Random(args.seed)
    source = batches(tokenizer, args.corpus / "train", args.rows, args.length, args.seed)
    memory = model.empty_memory(args.rows, torch.bfloat16)
    state_heads = HEADS
    for step in range(args.steps):
        if step % 4 == 0:
            state_heads = draw(rng)
        batch = next(source)
        memory = [m.detached(batch.reset) for m in memory]
        _, memory = training_step(model, batch.inputs, batch.labels, state_heads, memory)
        optimise(
            model, optimizers, args.rate * min(1.0, (step + 1) / 50, (args.steps - step) / (0.4 * args.steps))
        )


@torch.no_grad()
def losses(model: Stateline, tokenizer: Tokenizer, args: argparse.Namespace) -> list[float]:
    """Nats a token at each measured ratio, state carried; the same text each time."""
    found = []
    for state_heads in MEASURED:
        source, memory, total = batches(tokenizer, args.corpus / "valid", 16, args.length, seed=1), None, 0.0
        for _ in range(args.batches):
            batch = next(source)
            memory = [m.detached(batch.reset) for m in memory] if memory else None
            with torch.autocast("cpu", torch.bfloat16):
                logits, memory = model(batch.inputs, state_heads, memory)
            labels = batch.labels.flatten()
            total += F.cross_entropy(logits.flatten(0, 1).float(), labels, ignore_index=IGNORED).item()
        found.append(total / args.batches)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--corpus", type=Path, default=ROOT / ".cache" / "corpus")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--batches", type=int, default=16, help="of held-out text")
    parser.add_argument("--rate", type=float, default=5e-3)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    tokenizer = Tokenizer.from_file(str(ROOT / "model" / "weights" / "tokenizer.json"))
    print(f"{args.steps * args.rows * args.length / 1e6:.1f} M tokens each; ratios 1 / 0.75 / 0.5 / 0")
    for name in args.variants:
        torch.manual_seed(args.seed)
        model = small_model(tokenizer.get_vocab_size())
        train(model, VARIANTS[name], tokenizer, args)
        print(f"{name:12}", " / ".join(f"{x:.3f}" for x in losses(model, tokenizer, args)), flush=True)


if __name__ == "__main__":
    main()
