"""Writes the tables of ablations in model/EXPERIMENTS.md from docs/evaluation/ablations.json.

.cache/venv/bin/python model/experiments/ablation_table.py

Seeds of a variant are averaged. A loss is told apart from the shipped way's when they differ by more than twice what the
seeds of the shipped way do among themselves (largest less smallest, at that ratio).
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from statistics import mean

sys.path.append(str(Path(__file__).parents[1]))
from ablations import ROOT, recorded
from trial import MEASURED
from variants import GROUPS, SHIPPED, Variant

DOCUMENT = ROOT / "model" / "EXPERIMENTS.md"
BEGIN, END = "<!-- ablations: model/experiments/ablation_table.py -->", "<!-- end of ablations -->"
TITLES = {
    "ratios": "How the ratio is drawn in training",
    "heads": "What a head is",
    "order": "Which heads switch first, and who shares B and C",
    "shape": "Depth against width",
    "window": "The window of the attention heads",
    "vocabulary": "Size of the vocabulary",
    "optimiser": "Optimiser and rate",
}
TOLD_APART = 2  # times the spread of the shipped way's seeds
IN_BITS = {"vocabulary"}  # groups whose tokens differ: bits a byte instead of nats a token


def loss(run: dict, ratio: str, bits: bool) -> float:
    """Nats a token, or bits a byte, of one seed; NaN if it diverged."""
    nats = math.nan if run["nats"][ratio] is None else run["nats"][ratio]
    return nats / math.log(2) / run["held_out_bytes"] if bits else nats / run["held_out_tokens"]


def losses(runs: list[dict], name: str, ratio: str, bits: bool = False) -> list[float]:
    """Of every seed of a variant."""
    return [loss(run, ratio, bits) for run in runs if run["name"] == name]


def spread(values: list[float]) -> float:
    return max(values) - min(values)


def cell(runs: list[dict], name: str, ratio: str, bits: bool) -> str:
    """The mean loss; beside it the difference from the shipped way's, or (=) if the two are not told apart."""
    ours, shipped = losses(runs, name, ratio, bits), losses(runs, SHIPPED, ratio, bits)
    if math.isnan(mean(ours)):
        return "diverged"
    if len(shipped) < 2:
        return f"{mean(ours):.3f}"
    if name == SHIPPED:
        return f"{mean(ours):.3f} ± {spread(ours) / 2:.3f}"
    difference = mean(ours) - mean(shipped)
    verdict = f"{difference:+.3f}" if abs(difference) > TOLD_APART * spread(shipped) else "="
    return f"{mean(ours):.3f} ({verdict})"


def row(runs: list[dict], name: str, bits: bool) -> str:
    own = [run for run in runs if run["name"] == name]
    first = own[0]
    seeds = f", {len(own)} seeds" if len(own) > 1 else ""
    cost = f"{first['parameters'] / 1e6:.2f} M | {first['tokens'] / 1e3:.0f} k | {first['token_passes'] / 1e3:.0f} k"
    seconds = mean(run["processor_s"] for run in own)
    cells = " | ".join(cell(runs, name, ratio, bits) for ratio in MEASURED)
    return f"| {name}{seeds} | {cells} | {cost} | {seconds:.0f} |"


def table(runs: list[dict], group: str, variants: list[Variant]) -> list[str]:
    done = {run["name"] for run in runs}
    names = [SHIPPED] + [v.name for v in variants if v.name != SHIPPED]
    lines = [f"### {TITLES[group]}", ""]
    if missing := [name for name in names if name not in done]:
        lines += [f"Not run yet: {'; '.join(missing)}.", ""]
    if len(missing) == len(names) - 1:
        return lines
    unit = "bits a byte" if group in IN_BITS else "nats a token"
    heads = " | ".join(f"ratio {ratio}" for ratio in MEASURED)
    return [
        *lines,
        f"| {unit} | {heads} | parameters | tokens read | token passes | processor s |",
        "| --- |" + " ---: |" * (len(MEASURED) + 4),
        *(row(runs, name, group in IN_BITS) for name in names if name in done),
        "",
    ]


def prices(runs: list[dict]) -> list[str]:
    """What a checkpoint for all ratios loses, at each, to the one trained at that ratio alone, in % of the bits."""
    done = {run["name"] for run in runs}
    lines = [
        "### The price of elasticity",
        "",
        "| loss beside the model trained at that ratio alone | "
        + " | ".join(f"ratio {r}" for r in MEASURED)
        + " |",
        "| --- |" + " ---: |" * len(MEASURED),
    ]
    for name in (v.name for v in GROUPS["ratios"] if v.name in done and not v.name.endswith("alone")):
        lines.append(f"| {name} | " + " | ".join(price(runs, name, ratio) for ratio in MEASURED) + " |")
    shares = []
    for ratio in MEASURED:
        shipped = losses(runs, SHIPPED, ratio)
        shares.append(f"{100 * spread(shipped) / mean(shipped):.1f} %")
    return [*lines, "", f"Seeds of the shipped way differ by {', '.join(shares)} at these ratios.", ""]


def price(runs: list[dict], name: str, ratio: str) -> str:
    alone = losses(runs, f"ratio {ratio} alone", ratio)
    if not alone:
        return "not run yet"
    return f"{100 * (mean(losses(runs, name, ratio)) / mean(alone) - 1):+.1f} %"


def main() -> None:
    runs = recorded()
    lines = prices(runs)
    for group, variants in GROUPS.items():
        lines += table(runs, group, variants)
    before, rest = DOCUMENT.read_text().split(BEGIN)
    _, after = rest.split(END)
    DOCUMENT.write_text("\n".join([before + BEGIN, "", *lines]) + END + after)


if __name__ == "__main__":
    main()
