"""The held-out loss that training logs, of a model folder or of the mean of checkpoints: nats a token by heads in state mode.

Each argument is one model: a folder, or checkpoints joined by commas. The first is what the others are compared with.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from architecture import Stateline
from export import load_checkpoints, read_model
from tokenizers import Tokenizer
from train import HERE, ROOT, VALIDATED, validate, validation_text


def read(name: str) -> Stateline:
    """A model folder, or the mean of checkpoints."""
    paths = [Path(part) for part in name.split(",")]
    return read_model(paths[0]) if paths[0].is_dir() else load_checkpoints(paths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="a folder, or checkpoints joined by commas")
    parser.add_argument("--corpus", type=Path, default=ROOT / ".cache" / "corpus")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    tokenizer = Tokenizer.from_file(str(HERE / "weights" / "tokenizer.json"))
    text = validation_text(tokenizer, args.corpus / "valid", VALIDATED)
    first: dict[str, float] = {}
    for name in args.models:
        losses = validate(read(name).to(args.device), text)
        first = first or losses
        changes = [
            f"{100 * (after / before - 1):+.2f} %" for after, before in zip(losses.values(), first.values())
        ]
        print(f"{name}: {losses} {', '.join(changes)}", flush=True)


if __name__ == "__main__":
    main()
