"""Writes the table of results in docs/longrange.md from the records in docs/longrange: python model/longrange/table.py

Answers of all seeds are counted together; the interval is Wilson's at 95 % (1927). Seeds share the test set, so it speaks of
the examples that were drawn, not of the spread between trainings, which stands beside it.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from longrange.tasks import TASKS
from longrange.train import MODELS, ROOT

RECORDS = ROOT / "docs" / "longrange"
DOCUMENT = ROOT / "docs" / "longrange.md"
BEGIN, END = "<!-- results: model/longrange/table.py -->", "<!-- end of results -->"
Z = 1.96  # of a normal distribution at 95 %


def wilson(correct: int, count: int) -> tuple[float, float]:
    """Interval of a share."""
    share, z2 = correct / count, Z * Z
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = Z / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return middle - half, middle + half


def accuracy(correct: int, count: int) -> str:
    """A share and its interval, in per cent."""
    low, high = wilson(correct, count)
    return f"{correct / count:.1%} ({low:.1%} to {high:.1%})"


def records(task: str, model: str) -> list[dict]:
    """Of all seeds, those that were tested."""
    found = [json.loads(path.read_text()) for path in sorted(RECORDS.glob(f"{task}-{model}*.json"))]
    return [record for record in found if record["model"] == model and record.get("tests")]


def rows(found: list[dict]) -> list[str]:
    """One line of the table for each length at which the seeds of a model were tested."""
    out = []
    for length in found[0]["tests"]:
        tests = [record["tests"][length] for record in found if length in record["tests"]]
        correct, count = sum(t["correct"] for t in tests), sum(t["count"] for t in tests)
        share = accuracy(correct, count)
        if len(tests) > 1:
            share += "; seeds " + ", ".join(f"{t['correct'] / t['count']:.1%}" for t in tests)
        first, tokens = found[0], sum(record["trained"]["tokens"] for record in found) / len(found)
        out.append(
            f"| {first['task']} | {first['model']} | {share} | {length} | {tests[0]['secondsASequence']:.3f} | "
            f"{tokens / 1e6:.2f} M in {first['minutes']:g} min | {first['parameters']} |"
        )
    return out


def table() -> str:
    lines = [
        "| task | model | accuracy, 95 % interval | tokens, at most | seconds a sequence | tokens in training | parameters |",
        "| --- | --- | --- | ---: | ---: | --- | ---: |",
    ]
    missing: dict[str, list[str]] = {}
    for task in TASKS:
        for model in MODELS:
            if found := records(task, model):
                lines += rows(found)
            else:
                missing.setdefault(task, []).append(model)
    if missing:
        named = "; ".join(f"{task}: {', '.join(models)}" for task, models in missing.items())
        lines += ["", f"Not tested yet: {named}."]
    return "\n".join(lines)


def main() -> None:
    before, rest = DOCUMENT.read_text().split(BEGIN)
    _, after = rest.split(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}")


if __name__ == "__main__":
    main()
