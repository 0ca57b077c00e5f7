"""The tasks: each makes a sequence of bytes and its class from a seed, so that every set can be made again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from longrange.tasks import keywords, listops, pathfinder, protein, text

NO_HINT = 255
Example = tuple[
    np.ndarray, int, np.ndarray | None
]  # bytes [T] uint8, class, hints [T] uint8 with NO_HINT where there is none


@dataclass(frozen=True)
class Task:
    make: Callable[[int, int, bool], Example]  # seed, longest length, held out? -> an example
    class_names: list[str]
    lengths: tuple[int, ...]  # training grows through these, and is tested at the last
    layers: int = 6
    samples: bool = False  # bytes are numbers: embeddings begin on a line
    picture: bool = False  # rows of a square, so that the steps of a layer grow with its side
    hints: int = 0  # classes of what training says about single tokens, beside the class of the whole
    stage_tokens: int = 40_000_000  # of training at most, at a length before the last
    after: str = ""  # the task with whose network this one begins: its lengths begin alike


TASKS = {
    "listops": Task(
        listops.make,
        listops.CLASS_NAMES,
        (64, 128, 256, 500, 1000, 2000),
        hints=10,
        stage_tokens=4_000_000,
    ),
    "text": Task(text.make, text.CLASS_NAMES, (1024, 4096), layers=4, stage_tokens=2_000_000),
    "pathfinder": Task(
        pathfinder.make,
        pathfinder.CLASS_NAMES,
        (256, 400, 576, 784, 1024),
        samples=True,
        picture=True,
        hints=3,
    ),
    "path-x": Task(
        pathfinder.make,
        pathfinder.CLASS_NAMES,
        (256, 400, 576, 784, 1024, 1600, 2304, 3136, 4096, 6400, 9216, 12544, 16384),
        samples=True,
        picture=True,
        hints=3,
        after="pathfinder",
    ),
    "protein": Task(protein.make, protein.CLASS_NAMES, (2048, 8192, 32768), layers=4),
    "keywords": Task(keywords.make, keywords.CLASS_NAMES, (1024, 2048, 4096), layers=4, samples=True),
}
