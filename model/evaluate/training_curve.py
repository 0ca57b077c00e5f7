"""Adds what the picture of the training needs from the log of another run to docs/evaluation/training.json.

.cache/venv/bin/python model/evaluate/training_curve.py LOG     # then ./dev eval pictures
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

OUT = Path(__file__).parents[2] / "docs" / "evaluation" / "training.json"


def run_of(log: Path, before: int) -> dict:
    """Losses of the logged steps, and of the held-out text, by tokens read in all; nats a token."""
    records = [json.loads(line) for line in log.read_text().splitlines()]
    steps = [
        {"tokens": before + r["tokens"], "state_heads": r["state_heads"], "loss": r["loss"]}
        for r in records
        if "loss" in r
    ]
    valid = [{"tokens": before + r["tokens"], **r["valid"]} for r in records if "valid" in r]
    minutes = round(records[-1]["seconds"] / 60)
    return {
        "from": before,
        "to": before + records[-1]["tokens"],
        "minutes": minutes,
        "steps": steps,
        "valid": valid,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("log", type=Path, help="log.jsonl of a run that went on from the last one there")
    args = parser.parse_args()
    runs = json.loads(OUT.read_text())["runs"]
    runs.append(run_of(args.log, runs[-1]["to"]))
    OUT.write_text(json.dumps({"runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
