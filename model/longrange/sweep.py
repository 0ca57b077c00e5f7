"""Sweeps the ratio of the hybrid block, or the learning rate of a model, over one task: a short training for each value.

    python model/longrange/sweep.py ratio TASK [--minutes M] [--count N]
    python model/longrange/sweep.py rate TASK [--model attention] [--minutes M] [--count N]

Writes docs/longrange/sweep-WHAT-TASK.json and prints its table.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from longrange.evaluate import test
from longrange.table import accuracy
from longrange.tasks import TASKS
from longrange.train import MODELS, RATES, ROOT, train

RATIOS = (1.0, 0.75, 0.5, 0.25, 0.0)
RATE_FACTORS = (0.5, 1, 2)  # times the model's own
SEED = 0


def trial(what: str, value: float, args: argparse.Namespace) -> dict:
    """One training with that ratio or rate, and its test at the longest length of the task."""
    if what == "ratio":
        name = "attention" if value == 0 else "hybrid"
        model, record = train(args.task, name, SEED, args.minutes, RATES[name], ssm_ratio=value)
    else:
        model, record = train(args.task, args.model, SEED, args.minutes, value)
    tested = test(model, args.task, TASKS[args.task].lengths[-1], args.count)
    return {what: value, "rate": record["rate"], "trained": record["trained"], "test": tested}


def table(what: str, trials: list[dict]) -> str:
    lines = [
        f"| {what} | accuracy, 95 % interval | loss in training | tokens in training | seconds a sequence |",
        "| ---: | --- | ---: | ---: | ---: |",
    ]
    for one in trials:
        trained, tested = one["trained"], one["test"]
        lines.append(
            f"| {one[what]:g} | {accuracy(tested['correct'], tested['count'])} | {trained['loss']:.3f} | "
            f"{trained['tokens'] / 1e6:.2f} M | {tested['secondsASequence']:.3f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("ratio", "rate"))
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--model", choices=MODELS, default="attention", help="whose rate is swept")
    parser.add_argument("--minutes", type=float, default=1.0, help="of the processor, for each value")
    parser.add_argument("--count", type=int, default=200, help="held-out examples")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rates = [RATES[args.model] * factor for factor in RATE_FACTORS]
    trials = [trial(args.what, value, args) for value in (RATIOS if args.what == "ratio" else rates)]
    record = {"task": args.task, "what": args.what, "minutes": args.minutes, "seed": SEED, "trials": trials}
    if args.what == "rate":
        record["model"] = args.model
    path = ROOT / "docs" / "longrange" / f"sweep-{args.what}-{args.task}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(table(args.what, trials))


if __name__ == "__main__":
    main()
