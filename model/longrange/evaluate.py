"""Tests exported classifiers on held-out examples, and adds what they did to their records.

    python model/longrange/evaluate.py TASK [--length T] [--count N] MODEL ...

One sequence at a time, on one thread; the seconds are the processor's.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from longrange.export import read_classifier
from longrange.network import Classifier
from longrange.tasks import TASKS
from longrange.train import ROOT, pool


@torch.no_grad()
def test(model: Classifier, task: str, length: int, count: int) -> dict[str, float]:
    """Correct answers on count held-out examples, and the median seconds of a sequence."""
    correct, seconds = 0, []
    for sequence, label in pool(task, length, True, count):
        tokens = torch.from_numpy(sequence.astype(np.int64))[None]
        start = time.process_time()
        correct += int(model(tokens)[0].argmax()) == label
        seconds.append(time.process_time() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {
        "correct": correct,
        "count": count,
        "secondsASequence": float(np.median(seconds)),
        "peakMemoryMB": peak,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("models", nargs="+", help="such as ssm, or attention-1 for its seed 1")
    parser.add_argument("--length", type=int, help="of the longest sequence; that of training if not given")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--records", type=Path, default=ROOT / "docs" / "longrange")
    parser.add_argument("--weights", type=Path, default=Path(__file__).parent / "weights")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.models:
        label, length = f"{args.task}-{name}", args.length or TASKS[args.task].lengths[-1]
        if not (args.weights / label).is_dir():
            parser.error(f"{args.weights / label} is not there; train it with model/longrange/train.py first")
        tested = test(read_classifier(args.weights / label), args.task, length, args.count)
        path = args.records / f"{label}.json"
        record = json.loads(path.read_text())
        record.setdefault("tests", {})[str(length)] = tested
        path.write_text(json.dumps(record, indent=1) + "\n")
        print(
            f"{label} at {length}: {tested['correct']} of {tested['count']}, {tested['secondsASequence']:.3f} s each",
            flush=True,
        )


if __name__ == "__main__":
    main()
