"""How hard the made tasks are: what a vote on one glance gets, and for pictures what a small convolutional network learns.

    python model/longrange/difficulty.py [--minutes M]

A vote counts, over 4,000 examples, the classes beside one thing that is easily seen, and says the most frequent one of 2,000
others: the distance of the markers in a picture, the outermost operator of an expression. The network sees the picture as one,
which no model of sequences may, and is told the same hints in training. Writes docs/longrange/difficulty.json.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from longrange.optimizers import rate_share
from longrange.tasks import NO_HINT, TASKS
from longrange.train import ROOT, stack

SIDE = 32
CHANNELS, LAYERS = 48, 12
ROWS, RATE = 64, 2e-3
SEEN, ASKED = 4000, 2000


def marker_distance(sequence: np.ndarray) -> int:
    side = math.isqrt(len(sequence))
    marked = np.argwhere(sequence.reshape(side, side) > 240)
    return int(2 * np.hypot(*(marked - marked.mean(0)).T).mean())


def outermost_operator(sequence: np.ndarray) -> int:
    return int(sequence[0])


GLANCES: dict[str, tuple[int, Callable[[np.ndarray], Hashable]]] = {
    "pathfinder": (SIDE * SIDE, marker_distance),
    "listops": (2000, outermost_operator),
}


def vote(task: str) -> int:
    """Right answers, of ASKED."""
    length, glance = GLANCES[task]
    counts: dict[Hashable, Counter] = defaultdict(Counter)
    right = 0
    for seed in range(SEEN + ASKED):
        sequence, label, _ = TASKS[task].make(seed, length, True)
        if seed < SEEN:
            counts[glance(sequence)][label] += 1
        elif seen := counts[glance(sequence)]:
            right += seen.most_common(1)[0][0] == label
    return right


class Conv(nn.Module):
    """Residual 3 x 3 convolutions without a stride, a mean over the picture, and hints at each pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(1, CHANNELS, 3, padding=1)
        self.layers = nn.ModuleList(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1) for _ in range(LAYERS))
        self.norms = nn.ModuleList(nn.GroupNorm(1, CHANNELS) for _ in range(LAYERS))
        self.head, self.hint = nn.Linear(CHANNELS, 2), nn.Conv2d(CHANNELS, 3, 1)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 1, side, side] -> logits [B, 2], and of the hints [B, 3, side, side]."""
        x = self.enter(pictures)
        for layer, norm in zip(self.layers, self.norms):
            x = x + layer(F.gelu(norm(x)))
        return self.head(x.mean((2, 3))), self.hint(x)


def pictures_of(seeds: range, held_out: bool) -> tuple[Tensor, Tensor, Tensor]:
    tokens, _, labels, hints = stack(
        [TASKS["pathfinder"].make(seed, SIDE * SIDE, held_out) for seed in seeds]
    )
    return tokens.view(-1, 1, SIDE, SIDE) / 255, labels, hints.view(-1, SIDE, SIDE)


def learned(seconds: float) -> dict[str, float]:
    """Right answers of the network after so many seconds of the processor, and the pictures it saw."""
    torch.manual_seed(0)
    model = Conv().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    start, seen = time.process_time(), 0
    while (used := time.process_time() - start) < seconds:
        for group in optimizer.param_groups:
            group["lr"] = RATE * rate_share(used / seconds)
        pictures, labels, hints = pictures_of(range(seen, seen + ROWS), False)
        with torch.autocast("cpu", torch.bfloat16):
            logits, told = model(pictures)
        loss = F.cross_entropy(logits.float(), labels)
        loss = loss + F.cross_entropy(told.float(), hints, ignore_index=NO_HINT)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        seen += ROWS
    with torch.no_grad():
        right = 0
        for first in range(0, ASKED, 100):
            pictures, labels, _ = pictures_of(range(first, first + 100), True)
            right += int((model(pictures)[0].argmax(-1) == labels).sum())
    return {
        "right": right,
        "asked": ASKED,
        "pictures": seen,
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="of the processor, for the network")
    args = parser.parse_args()
    torch.set_num_threads(1)
    record: dict = {"votes": {task: {"right": vote(task), "asked": ASKED} for task in GLANCES}}
    print(json.dumps(record), flush=True)
    record["network"] = learned(60 * args.minutes) | {"minutes": args.minutes}
    print(json.dumps(record["network"]))
    (ROOT / "docs" / "longrange" / "difficulty.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
