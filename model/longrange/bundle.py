"""Makes the small test sets that stand beside the trained models (weights/TASK/): python model/longrange/bundle.py [TASK ...]

Generated tasks take held-out seeds. For text, the pieces come from this repository's own files, which the corpus does not
hold, so that no other project's source is copied here.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from pathlib import Path, PurePath

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from longrange.export import WEIGHTS, write_test_set
from longrange.tasks import TASKS, Example
from longrange.tasks.text import IS_TEST, LEAST_BYTES

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {".ts", ".py", ".cc", ".h"}
# Sequences of each length; none of keywords, which are beside the arena and whose models are not in the package.
COUNTS = {
    "listops": {256: 100, 2000: 50},
    "pathfinder": {1024: 100},
    "path-x": {16384: 12},
    "protein": {8192: 24, 32768: 4},
}
TEXTS = 60
BUNDLED = [*COUNTS, "text"]


def generated(task: str) -> list[Example]:
    return [
        TASKS[task].make(seed, length, True)
        for length, count in COUNTS[task].items()
        for seed in range(count)
    ]


def own_text() -> list[Example]:
    """Pieces of this repository's sources, as many of tests as of others, no two of one file."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    files: tuple[list[bytes], list[bytes]] = ([], [])
    for path in sorted(listed):
        if PurePath(path).suffix in SOURCES and len(contents := (ROOT / path).read_bytes()) >= LEAST_BYTES:
            files[bool(IS_TEST.search(path))].append(contents)
    rng = random.Random(0)
    examples = []
    for label, group in enumerate(files):
        for contents in rng.sample(group, min(TEXTS // 2, *map(len, files))):
            start = rng.randrange(len(contents) - LEAST_BYTES + 1)
            examples.append((np.frombuffer(contents[start : start + LEAST_BYTES], np.uint8), label, None))
    rng.shuffle(examples)
    return examples


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "tasks", nargs="*", metavar="TASK", help=f"of {', '.join(BUNDLED)}; all if none is given"
    )
    tasks = parser.parse_args().tasks or BUNDLED
    if unknown := set(tasks) - set(BUNDLED):
        parser.error(
            f"there is no test set of {', '.join(sorted(unknown))}; take some of {', '.join(BUNDLED)}"
        )
    for task in tasks:
        examples = own_text() if task == "text" else generated(task)
        sequences, labels, _ = zip(*examples)
        write_test_set(WEIGHTS / task, task, list(sequences), list(labels))
        print(f"{task}: {len(labels)} sequences, {sum(map(len, sequences)) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
