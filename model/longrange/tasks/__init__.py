"""The tasks: each makes a sequence of bytes and its class from a seed, so that every set can be made again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from longrange.tasks import keywords, listops, pathfinder, protein, text

Example = tuple[np.ndarray, int]  # bytes [T] uint8, class


@dataclass(frozen=True)
class Task:
    make: Callable[[int, int, bool], Example]  # seed, longest length, held out? -> an example
    class_names: list[str]
    lengths: tuple[
        int, ...
    ]  # training goes through these in equal shares of its time, and is tested at the last
    samples: bool = False  # bytes are numbers, 128 is zero: embeddings begin on a line
    batch_tokens: int = 8192  # of a step in training, about
    examples: int = 8000  # for training at each length, at most


TASKS = {
    "listops": Task(listops.make, listops.CLASS_NAMES, (64, 128, 256)),
    "text": Task(text.make, text.CLASS_NAMES, (256, 1024, 4096)),
    "pathfinder": Task(pathfinder.make, pathfinder.CLASS_NAMES, (256, 1024), examples=40_000),
    "path-x": Task(pathfinder.make, pathfinder.CLASS_NAMES, (256, 1024, 4096, 16384), examples=40_000),
    "protein": Task(protein.make, protein.CLASS_NAMES, (512, 2048, 8192)),
    "keywords": Task(
        keywords.make, keywords.CLASS_NAMES, (1024, 2048, 4096), samples=True, batch_tokens=16384
    ),
}
