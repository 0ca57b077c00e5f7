"""Tests what trained (.cache/longrange) on held-out examples, and writes a record: docs/longrange/TASK-FAMILY-SEED.json.

    python model/longrange/evaluate.py TASK-FAMILY-SEED ... [--length T] [--count N] [--ship] [--race]

As the engine computes it, in fp32; the seconds are the processor's, one sequence at a time on one thread. --ship also puts the
model beside those of the package. --race takes the runs of races, and their records lie in docs/longrange/race.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from longrange.export import WEIGHTS, read_classifier
from longrange.families import RATES
from longrange.network import Classifier
from longrange.tasks import TASKS
from longrange.train import ROOT, RUNS


@torch.no_grad()
def test(model: Classifier, task: str, length: int, count: int) -> dict[str, float]:
    """Correct answers on the first count held-out examples, and the median seconds of a sequence."""
    correct, seconds = 0, []
    for seed in range(count):
        sequence, label, _ = TASKS[task].make(seed, length, True)
        tokens = torch.from_numpy(sequence.astype(np.int64))[None]
        start = time.process_time()
        correct += int(model(tokens)[0].argmax()) == label
        seconds.append(time.process_time() - start)
    return {"correct": correct, "count": count, "secondsASequence": float(np.median(seconds))}


def record_of(folder: Path) -> dict:
    """What is known of a run before it is tested."""
    name, stored = folder.name, torch.load(folder / "checkpoint.pt", weights_only=True)
    progress = stored["progress"]
    task = next(task for task in TASKS if name.startswith(f"{task}-"))
    family, _, seed = name.removeprefix(f"{task}-").rpartition("-")
    model = read_classifier(folder / "model")
    return {
        "task": task,
        "model": family,
        "seed": int(seed),
        "minutes": round(progress["seconds"] / 60, 1),
        "rate": RATES[family],
        "parameters": sum(p.numel() for name, p in stored["trainee"].items() if name.startswith("model.")),
        "trained": {
            "tokens": progress["tokens"],
            "examples": progress["examples"],
            "steps": progress["step"],
        },
        "curve": progress["curve"],
        "config": json.loads(model.config.to_json()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", metavar="TASK-FAMILY-SEED")
    parser.add_argument("--length", type=int, help="of the longest sequence; that of the task if not given")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--race", action="store_true")
    parser.add_argument("--ship", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    runs, records = RUNS, ROOT / "docs" / "longrange"
    if args.race:
        runs, records = runs / "race", records / "race"
    for name in args.runs:
        folder = runs / name
        if not (folder / "checkpoint.pt").exists():
            parser.error(f"{folder} holds no training; begin one with ./dev train longrange")
        record = record_of(folder)
        length = args.length or TASKS[record["task"]].lengths[-1]
        path = records / f"{name}.json"
        tests = json.loads(path.read_text()).get("tests", {}) if path.exists() else {}
        tests[str(length)] = tested = test(
            read_classifier(folder / "model"), record["task"], length, args.count
        )
        path.write_text(json.dumps(record | {"tests": tests}, indent=1) + "\n")
        print(f"{name} at {length}: {tested['correct']} of {tested['count']}", flush=True)
        if args.ship:
            kind = record["model"].split("-")[0]
            shutil.copytree(folder / "model", WEIGHTS / f"{record['task']}-{kind}", dirs_exist_ok=True)


if __name__ == "__main__":
    main()
