"""Writes the tables of results in docs/longrange.md from the records in docs/longrange: python model/longrange/table.py

Answers of all seeds are counted together; the interval is Wilson's at 95 % (1927). Seeds share the test set, so it speaks of
the examples that were drawn, not of the spread between trainings, which stands beside it.
"""

from __future__ import annotations

import json
import math
import sys
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from longrange.families import FAMILIES
from longrange.tasks import TASKS
from longrange.train import ROOT

RECORDS = ROOT / "docs" / "longrange"
DOCUMENT = ROOT / "docs" / "longrange.md"
MODELS = ("ssm", "low_rank", "hybrid", "attention")  # in the order of the table
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


def groups() -> list[list[dict]]:
    """What was tested, the seeds of a network of one task together, in the order of the tasks and larger networks first."""
    found: dict[tuple, list[dict]] = {}
    for path in sorted(RECORDS.glob("*.json")):
        record = json.loads(path.read_text())
        if record.get("task") in TASKS and record.get("tests"):
            config, order = record["config"], list(TASKS).index(record["task"])
            model = record["model"]
            key = (order, -config["num_hidden_layers"], MODELS.index(model) if model in MODELS else 9, model)
            found.setdefault(key, []).append(record)
    return [found[key] for key in sorted(found)]


def rows(found: list[dict]) -> list[str]:
    """One line of the table for each length at which the seeds of a model were tested."""
    out = []
    for length in found[0]["tests"]:
        tests = [record["tests"][length] for record in found if length in record["tests"]]
        correct, count = sum(t["correct"] for t in tests), sum(t["count"] for t in tests)
        share = accuracy(correct, count)
        if len(tests) > 1:
            share += "; seeds " + ", ".join(f"{t['correct'] / t['count']:.1%}" for t in tests)
        first, config, tokens = (
            found[0],
            found[0]["config"],
            sum(record["trained"]["tokens"] for record in found) / len(found),
        )
        out.append(
            f"| {first['task']} | {first['model']} | {config['num_hidden_layers']} x {config['hidden_size']} | {share} | {length} | {tests[0]['secondsASequence']:.3f} | "
            f"{tokens / 1e6:.2f} M in {first['minutes']:g} min | {first['parameters']} |"
        )
    return out


def table() -> str:
    lines = [
        "| task | model | layers x width | accuracy, 95 % interval | tokens, at most | seconds a sequence | tokens in training | parameters |",
        "| --- | --- | --- | --- | ---: | ---: | --- | ---: |",
    ]
    for found in groups():
        lines += rows(found)
    return "\n".join(lines)


def curves() -> str:
    """How each training of the large network went: the first and the last validation at each length, in the order of training."""
    lines = [
        "| run | at length | minutes | tokens, M | right |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for found in groups():
        for record in found:
            if record["config"]["num_hidden_layers"] < 4 or not record.get("curve"):
                continue
            for length, points in groupby(record["curve"], key=lambda point: point["length"]):
                first, *rest = points
                for point in [first, *rest[-1:]]:
                    lines.append(
                        f"| `{record['task']}-{record['model']}` | {length:,} | {point['minutes']:.1f} | "
                        f"{point['tokens'] / 1e6:.1f} | {point['accuracy']:.1%} |"
                    )
    return "\n".join(lines)


def when(record: dict, tokens: int) -> str:
    """What a training knew of unseen examples once it had read so many tokens, and how long they were."""
    point = next((point for point in record["curve"] if point["tokens"] >= tokens), record["curve"][-1])
    return f"{point['accuracy']:.0%} at {point['length']:,}"


def race() -> str:
    """Families side by side, after equal minutes and after as many tokens as the slowest of them read."""
    lines = [
        "| task | model | minutes | tokens, M | trained up to | right, 95 % interval | tested at | after equal tokens |",
        "| --- | --- | ---: | ---: | ---: | --- | ---: | --- |",
    ]
    for task in TASKS:
        found = [RECORDS / "race" / f"{task}-{family}-0.json" for family in FAMILIES]
        records = [json.loads(path.read_text()) for path in found if path.exists()]
        least = min((record["trained"]["tokens"] for record in records), default=0)
        for record in records:
            row = f"| {task} | {record['model']} | {record['minutes']:g} | {record['trained']['tokens'] / 1e6:.2f} |"
            row += f" {record['curve'][-1]['length']:,} |"
            for length, tested in record["tests"].items():
                share = accuracy(tested["correct"], tested["count"])
                lines.append(
                    f"{row} {share} | {int(length):,} | {when(record, least)} ({least / 1e6:.2f} M) |"
                )
    return "\n".join(lines)


def put(document: str, name: str, text: str) -> str:
    """The document with the text between <!-- name: ... --> and <!-- end of name -->."""
    begin, end = f"<!-- {name}: model/longrange/table.py -->", f"<!-- end of {name} -->"
    before, rest = document.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n{text}\n{end}{after}"


def main() -> None:
    document = DOCUMENT.read_text()
    for name, text in {"curves": curves(), "results": table(), "race": race()}.items():
        document = put(document, name, text)
    DOCUMENT.write_text(document)


if __name__ == "__main__":
    main()
