"""Pictures of the evaluation for docs/model-card.md, from the JSON in docs/evaluation: python pictures.py docs/evaluation docs/images."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

INK, GRID = "#24292f", "#d8dee4"
# From all attention (light) to all state (dark); readable in grey as well.
RATIO_COLOURS = ["#9ecae8", "#5fa8d3", "#2f7fb8", "#1b5a8a", "#0b3558"]
SMOOTH = 25  # logged training steps in a point of the training curve
ACCENT, PALE = "#d1651a", "#8c959f"


def style() -> None:
    plt.rcParams |= {
        "figure.facecolor": "white",
        "figure.dpi": 160,
        "font.family": "DejaVu Sans",
        "font.size": 12,
        "axes.edgecolor": PALE,
        "axes.labelcolor": INK,
        "axes.titleweight": "bold",
        "axes.titlesize": 13,
        "axes.titlelocation": "left",
        "axes.titlepad": 14,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": GRID,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "legend.frameon": False,
        "lines.linewidth": 2.2,
    }


def colour_of(ratio: float) -> str:
    return RATIO_COLOURS[round(ratio * (len(RATIO_COLOURS) - 1))]


def legend_below(axes: Axes, depth: float) -> None:
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -depth), ncol=2, fontsize=10)


def thousands(tokens: float) -> str:
    return f"{tokens / 1024:g} k" if tokens >= 1024 else f"{tokens:g}"


def save(axes: Axes, path: Path) -> None:
    axes.figure.tight_layout()
    axes.figure.savefig(path)
    plt.close(axes.figure)
    print(path)


def bits_by_position(bits: dict, path: Path) -> None:
    default = bits["model"]["defaultHybridRatio"]
    _, axes = plt.subplots(figsize=(8.4, 6))
    for result in bits["results"]:
        ratio, rows = result["hybridRatio"], result["positions"]
        label = f"repository read, ratio {ratio:g}"
        values = [row["bitsPerByte"]["read"]["value"] for row in rows]
        axes.plot(range(len(rows)), values, color=colour_of(ratio), marker="o", markersize=4, label=label)
        if ratio == default:
            for condition, dashes, shade in (("alone", "--", PALE), ("recalled", "-", ACCENT)):
                values = [row["bitsPerByte"][condition]["value"] for row in rows]
                label = {"alone": "file alone", "recalled": "repository read and recalled"}[condition]
                axes.plot(
                    range(len(rows)),
                    values,
                    dashes,
                    color=shade,
                    marker="o",
                    markersize=4,
                    label=f"{label}, ratio {ratio:g}",
                )
    spans = [
        f"{thousands(row['from'])} to\n{thousands(row['to'])}" for row in bits["results"][0]["positions"]
    ]
    axes.set_xticks(range(len(spans)), spans)
    axes.set_xlabel("tokens of the repository read before")
    axes.set_title("Bits a byte by position in the repository")
    legend_below(axes, 0.24)
    save(axes, path)


def bits_by_ratio(bits: dict, path: Path) -> None:
    _, axes = plt.subplots(figsize=(8.4, 4.4))
    names = {"alone": "file alone", "read": "repository read", "recalled": "and recalled exactly"}
    for (condition, label), colour in zip(names.items(), (PALE, RATIO_COLOURS[2], ACCENT)):
        rows = [(r["hybridRatio"], r["figures"][0]["bitsPerByte"][condition]) for r in bits["results"]]
        x, y = [ratio for ratio, _ in rows], [figure["value"] for _, figure in rows]
        axes.plot(x, y, color=colour, marker="o", label=label)
        axes.fill_between(
            x, [f["low"] for _, f in rows], [f["high"] for _, f in rows], color=colour, alpha=0.12
        )
    axes.set_xlabel("hybrid ratio: 0 is all attention, 1 is all state")
    axes.set_title("Bits a byte of held-out files, with 95 % intervals")
    axes.legend(fontsize=10)
    save(axes, path)


def exact(answers: list[dict], kind: str) -> list[bool]:
    return [one["answer"] == one["rest"] for one in answers if one["kind"] == kind]


def lines_beside_others(parts: dict, path: Path) -> None:
    runs = [
        (f"{name}, {'repository' if run['readsRepository'] else 'file only'}", run["answers"], colour)
        for part, name, colour in (("lines", "Stateline", RATIO_COLOURS[3]), ("ngram", "nested n-gram", PALE))
        for run in parts.get(part, {}).get("results", [])
        if run.get("asked") != "saved"
    ]
    if "smollm2" in parts:
        runs.append(("SmolLM2-135M", parts["smollm2"]["answers"], ACCENT))

    def key(one: dict) -> tuple:
        return one["kind"], one["repository"], one["path"], one["rest"]

    common = set.intersection(*({key(one) for one in answers} for _, answers, _ in runs))
    figure, columns = plt.subplots(1, 2, figsize=(9.6, 4.2), sharex=True, sharey=True)
    farthest = 0.0
    for axes, kind in zip(columns, ("identifier", "anywhere")):
        for row, (_, answers, colour) in enumerate(runs):
            right = exact([one for one in answers if key(one) in common], kind)
            share = 100 * sum(right) / max(len(right), 1)
            error = 196 * (share / 100 * (1 - share / 100) / max(len(right), 1)) ** 0.5
            span = [[min(error, share)], [min(error, 100 - share)]]
            axes.barh(row, share, xerr=span, color=colour, height=0.66, error_kw={"ecolor": INK, "lw": 1})
            axes.text(share + span[1][0] + 1, row, f"{share:.0f} %", va="center", fontsize=11)
            farthest = max(farthest, share + span[1][0])
        places = sum(1 for one in common if one[0] == kind)
        where = "before an identifier" if kind == "identifier" else "anywhere in a line"
        axes.set_title(f"{where} ({places} places)")
        axes.set_yticks(range(len(runs)), [name for name, _, _ in runs])
        axes.grid(axis="y", visible=False)
    columns[0].invert_yaxis()
    columns[0].set_xlim(0, farthest + 10)
    figure.supxlabel("rests of lines written exactly, % (thin lines: 95 % intervals)", fontsize=12)
    save(columns[0], path)


def needles(found: dict, path: Path) -> None:
    figure, columns = plt.subplots(1, 2, figsize=(10.4, 4.6), sharey=True)
    for axes, kind in zip(columns, ("needle", "dense")):
        for result in found["results"]:
            for recalled, dashes in ((False, "-"), (True, ":")):
                rows = [r for r in result["figures"] if r["kind"] == kind and r["recalled"] == recalled]
                values = [100 * row["exact"]["value"] for row in rows]
                colour = colour_of(result["hybridRatio"])
                label = f"ratio {result['hybridRatio']:g}{', recalled' if recalled else ''}"
                axes.plot(
                    range(len(rows)), values, dashes, color=colour, marker="o", markersize=4, label=label
                )
        spans = [row for row in found["results"][0]["figures"] if row["kind"] == kind and not row["recalled"]]
        axes.set_xticks(range(len(spans)), [thousands(row["distance"]) for row in spans])
        axes.set_title("One number in a file" if kind == "needle" else "32 numbers in a file")
        axes.set_ylim(-4, 104)
    columns[0].set_ylabel("written exactly, %")
    figure.supxlabel("tokens since it was read", fontsize=12)
    columns[1].legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=10)
    save(columns[0], path)


def training(found: dict, path: Path) -> None:
    """Loss over tokens read: a running mean of the training steps with attention, and the held-out text at three ratios."""
    _, axes = plt.subplots(figsize=(8, 4.6))
    points = [point for run in found["runs"] for point in run["valid"]]
    ratios = {name: tuple(map(int, name.split("/"))) for name in points[0] if "/" in name}  # state heads, all
    heads = max(total for _, total in ratios.values())
    for index, run in enumerate(found["runs"]):
        steps = [step for step in run["steps"] if step["state_heads"] < heads]
        smooth = [
            sum(s["loss"] for s in steps[at : at + SMOOTH]) / SMOOTH for at in range(len(steps) - SMOOTH + 1)
        ]
        middle = [step["tokens"] / 1e6 for step in steps[SMOOTH // 2 :]][: len(smooth)]
        label = f"training, below ratio 1, mean of {SMOOTH} steps" if index == 0 else None
        axes.plot(middle, smooth, color=PALE, linewidth=1.2, label=label)
        axes.axvline(run["from"] / 1e6, color=PALE, linewidth=1.2, linestyle=":")
    for name, (state_heads, total) in ratios.items():
        ratio = state_heads / total
        across = [point["tokens"] / 1e6 for point in points]
        values = [point[name] for point in points]
        colour = ACCENT if ratio == 0.75 else colour_of(ratio)
        axes.plot(across, values, "o-", color=colour, markersize=4, label=f"held out, ratio {ratio:g}")
    axes.set_xlabel("millions of tokens read (dotted: a run begins)")
    axes.set_ylabel("nats a token")
    axes.set_title("Loss over the tokens read")
    legend_below(axes, 0.2)
    save(axes, path)


def main() -> None:
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    parts = {path.stem: json.loads(path.read_text()) for path in source.glob("*.json")}
    style()
    if "bits" in parts:
        bits_by_position(parts["bits"], target / "bits-by-position.png")
        bits_by_ratio(parts["bits"], target / "bits-by-ratio.png")
    if "lines" in parts:
        lines_beside_others(parts, target / "lines-beside-others.png")
    if "needles" in parts:
        needles(parts["needles"], target / "needles.png")
    if "training" in parts:
        training(parts["training"], target / "training.png")


if __name__ == "__main__":
    main()
