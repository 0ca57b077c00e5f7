"""Draws the pictures of docs/longrange.md into docs/images/longrange: python model/longrange/figures.py

Wants matplotlib, of model/evaluate/requirements.txt, beside the packages of requirements.txt.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import matplotlib
import numpy as np
import torch

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from longrange.forms import fft, kernel, recurrence
from longrange.layers import DiagonalSSM, LowRankSSM, bilinear_diagonal, hold_diagonal, spectral_radius
from longrange.systems import Diagonal
from longrange.tasks import TASKS

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images" / "longrange"
INK, PALE, GRID = "#24292f", "#8c959f", "#d8dee4"
BLUE, LIGHT, ORANGE, GREEN = "#1b5a8a", "#5fa8d3", "#d1651a", "#3a7d44"


def style() -> None:
    plt.rcParams |= {
        "figure.facecolor": "white",
        "figure.dpi": 110,
        "font.family": "DejaVu Sans",
        "font.size": 11,
        "axes.edgecolor": PALE,
        "axes.labelcolor": INK,
        "axes.titlesize": 12,
        "axes.titleweight": "bold",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
        "svg.fonttype": "none",
    }


def save(figure: Figure, name: str) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    figure.savefig(IMAGES / f"{name}.png", bbox_inches="tight", pad_inches=0.15)
    plt.close(figure)


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], label: str = "") -> None:
    axes.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.4, "shrinkA": 0, "shrinkB": 0}
    )
    axes.text((start[0] + end[0]) / 2, start[1] + 0.12, label, ha="center", va="bottom", style="italic")


def box(axes: Axes, x: float, y: float, label: str, colour: str) -> None:
    frame = {"boxstyle": "round,pad=0.5", "fc": "white", "ec": colour, "lw": 1.8}
    axes.text(x, y, label, ha="center", va="center", color=colour, weight="bold", bbox=frame)


def draw_form() -> None:
    """The block diagram of x_{t+1} = A x_t + B u_t, y_t = C x_{t+1} + D u_t."""
    figure, axes = plt.subplots(figsize=(8, 3))
    arrow(axes, (0, 0), (1.35, 0))
    axes.text(0.2, 0.12, "u", style="italic")
    box(axes, 1.7, 0, "B", BLUE)
    arrow(axes, (2.05, 0), (3.2, 0))
    axes.text(3.4, 0, "+", ha="center", va="center", bbox={"boxstyle": "circle", "fc": "white", "ec": INK})
    arrow(axes, (3.62, 0), (6.0, 0), "the new state x")
    box(axes, 6.35, 0, "C", BLUE)
    arrow(axes, (6.7, 0), (7.75, 0))
    axes.text(7.95, 0, "+", ha="center", va="center", bbox={"boxstyle": "circle", "fc": "white", "ec": INK})
    arrow(axes, (8.17, 0), (9.2, 0), "y")
    axes.plot([5.2, 5.2, 5.05], [0, -1.2, -1.2], color=ORANGE, lw=1.4)
    box(axes, 4.85, -1.2, "one step later", ORANGE)
    axes.plot([3.95, 3.85], [-1.2, -1.2], color=ORANGE, lw=1.4)
    box(axes, 3.4, -1.2, "A", ORANGE)
    axes.annotate("", (3.4, -0.25), (3.4, -0.9), arrowprops={"arrowstyle": "-|>", "color": ORANGE, "lw": 1.4})
    axes.plot([0.6, 0.6, 4.3], [0, 1.0, 1.0], color=PALE, lw=1.4)
    box(axes, 4.6, 1.0, "D", PALE)
    axes.plot([4.9, 7.95], [1.0, 1.0], color=PALE, lw=1.4)
    axes.annotate("", (7.95, 0.25), (7.95, 1.0), arrowprops={"arrowstyle": "-|>", "color": PALE, "lw": 1.4})
    axes.set(xlim=(-0.2, 9.4), ylim=(-1.7, 1.5))
    axes.axis("off")
    save(figure, "state-space-form")


def draw_discretisation() -> None:
    """Left: one mode driven by a changing input, continuous and in steps. Right: where both maps send the left half plane."""
    Lambda, dt = (
        torch.tensor([[-0.4 + 3j]], dtype=torch.complex128),
        torch.tensor([[0.25]], dtype=torch.float64),
    )
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), width_ratios=[1.7, 1])
    fine, steps = 100, 24
    for name, discretise, colour, marker in (
        ("zero-order hold", hold_diagonal, BLUE, "o"),
        ("bilinear", bilinear_diagonal, ORANGE, "s"),
    ):
        lam, B = discretise(dt, Lambda)
        u = torch.sin(1.3 * (torch.arange(steps) + 0.5) * dt[0, 0])[None, None]
        y = recurrence(Diagonal(lam, B, torch.zeros(1, dtype=torch.float64)), u)[0][0, 0]
        left.plot(
            (np.arange(steps) + 1) * 0.25, y, marker, ms=5, color=colour, label=f"{name}, a step of 0.25 s"
        )
    small = dt / fine
    lam, B = hold_diagonal(small, Lambda)
    time = torch.arange(steps * fine) * small[0, 0]
    continuous = fft(
        Diagonal(lam, B, torch.zeros(1, dtype=torch.float64)), torch.sin(1.3 * time)[None, None]
    )[0, 0]
    left.plot(time, continuous, color=PALE, lw=1.5, zorder=0, label="continuous")
    left.set(xlabel="seconds", ylabel="y", title="One mode, -0.4 + 3i, driven by a sine")
    left.legend(fontsize=9)
    circle = np.exp(1j * np.linspace(0, 2 * math.pi, 200))
    right.plot(circle.real, circle.imag, color=PALE, lw=1.2)
    turns = torch.linspace(-12, 12, 49, dtype=torch.float64)
    for real, shade in ((-0.1, 1.0), (-1.0, 0.6), (-4.0, 0.35)):
        line = torch.complex(torch.full_like(turns, real), turns)[None]
        for discretise, colour in ((hold_diagonal, BLUE), (bilinear_diagonal, ORANGE)):
            lam = discretise(dt, line)[0][0]
            right.plot(lam.real, lam.imag, ".-", ms=3, lw=0.8, color=colour, alpha=shade)
    right.set(title="Lines Re = -0.1, -1, -4 after it", aspect="equal", xlabel="Re", ylabel="Im")
    figure.tight_layout()
    save(figure, "discretisation")


def draw_kernel() -> None:
    """What single modes remember, and the kernel of a channel as their sum."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4))
    steps = np.arange(120)
    for rate, turn, colour in (
        (0.01, 0.0, BLUE),
        (0.04, 0.0, LIGHT),
        (0.15, 0.0, PALE),
        (0.02, 0.35, ORANGE),
    ):
        name = f"decay {math.exp(-rate):.2f} a step" + (f", turning {turn} rad" if turn else "")
        left.plot(steps, np.exp(-rate * steps) * np.cos(turn * steps), color=colour, lw=1.8, label=name)
    left.axhline(0, color=GRID, lw=1, zorder=0)
    left.set(title="Four modes", xlabel="steps back", ylabel="weight of that input")
    left.legend(fontsize=8)
    torch.manual_seed(4)
    for layer, colour, name in (
        (LowRankSSM(3, 64, 16), BLUE, "low rank"),
        (DiagonalSSM(3, 64), ORANGE, "diagonal"),
    ):
        with torch.no_grad():
            K = kernel(layer.system(), 400)[1]
        right.plot(K / K.abs().max(), color=colour, lw=1.3, label=f"{name}, 64 states, untrained")
    right.axhline(0, color=GRID, lw=1, zorder=0)
    right.set(title="Kernels of two channels, over their largest value", xlabel="steps back")
    right.legend(fontsize=9)
    figure.tight_layout()
    save(figure, "kernel")


def draw_duality() -> None:
    """The same outputs as one matrix over all inputs, as a convolution, and as a state that moves."""
    torch.manual_seed(1)
    lam = torch.tensor([[0.93 * np.exp(0.25j), 0.8 + 0j]], dtype=torch.complex128)
    system = Diagonal(
        lam, torch.tensor([[1.0 + 0j, -0.6]], dtype=torch.complex128), torch.zeros(1, dtype=torch.float64)
    )
    T = 48
    K = kernel(system, T, torch.float64)[0]
    distance = torch.arange(T)[:, None] - torch.arange(T)
    matrix = torch.where(distance >= 0, K[distance.clamp(min=0)], 0.0)
    u = torch.zeros(T, dtype=torch.float64)
    u[[4, 18, 19, 30]] = torch.tensor([1.0, -0.8, 0.6, 1.2], dtype=torch.float64)
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6))
    span = matrix.abs().max()
    axes[0].imshow(matrix, cmap="RdBu_r", vmin=-span, vmax=span)
    axes[0].set(title="y = M u, M[t, s] = K[t - s]", xlabel="input s", ylabel="output t")
    axes[1].vlines(range(T), 0, u, color=PALE, lw=2.5, label="u")
    for t in torch.nonzero(u)[:, 0]:
        axes[1].plot(range(t, T), u[t] * K[: T - t], color=LIGHT, lw=1)
    axes[1].plot(fft(system, u[None, None])[0, 0], color=BLUE, lw=2, label="sum of shifted kernels")
    axes[1].set(title="convolution", xlabel="step")
    x, states = torch.zeros(1, 1, 2, dtype=torch.complex128), []
    for t in range(T):
        x = system.advance(x) + system.enter(u[None, t : t + 1])
        states.append(x[0, 0])
    states = torch.stack(states)
    axes[2].plot(states[:, 0].real, color=ORANGE, lw=1.3, label="state 1, real part")
    axes[2].plot(states[:, 1].real, color=GREEN, lw=1.3, label="state 2")
    axes[2].plot((states * system.CB).sum(-1).real, color=BLUE, lw=2, label="y = C x")
    axes[2].set(title="recurrence", xlabel="step")
    axes[1].legend(fontsize=8, loc="lower left")
    axes[2].legend(fontsize=8, loc="upper left")
    figure.tight_layout()
    save(figure, "duality")


def wandering_radii(count: int) -> tuple[list[float], list[float], torch.Tensor, torch.Tensor]:
    """Radii of the stable and of the plain low-rank A while Adam chases random targets; eigenvalues of the first, before, after."""
    torch.manual_seed(0)
    layer = LowRankSSM(4, 32, 8)
    W1 = nn.Parameter(nn.init.orthogonal_(torch.empty(32, 8)) * 0.1)
    W2 = nn.Parameter(-W1.detach().clone())
    before = torch.linalg.eigvals(layer.system().dense().detach())
    optimizer = torch.optim.Adam([*layer.parameters(), W1, W2], lr=0.02)
    stable, plain = [], []
    for _ in range(count):
        optimizer.zero_grad()
        x = torch.randn(8, 32)
        A = torch.eye(32) + W1 @ W2.T
        y = fft(layer.system(), torch.randn(1, 4, 32))
        loss = (torch.linalg.matrix_power(A, 8) @ x.T - 10 * torch.randn(32, 8)).square().mean()
        (loss + (y - 10 * torch.randn_like(y)).square().mean()).backward()
        optimizer.step()
        stable.append(spectral_radius(layer.system()))
        plain.append(torch.linalg.eigvals((torch.eye(32) + W1 @ W2.T).detach()).abs().max().item())
    return stable, plain, before, torch.linalg.eigvals(layer.system().dense().detach())


def draw_eigenvalues() -> None:
    stable, plain, before, after = wandering_radii(150)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), width_ratios=[1, 1.5])
    circle = np.exp(1j * np.linspace(0, 2 * math.pi, 200))
    left.plot(circle.real, circle.imag, color=PALE, lw=1.2)
    left.plot(before.real, before.imag, "o", ms=5, mfc="none", color=LIGHT, label="at the start")
    left.plot(after.real, after.imag, "o", ms=4, color=BLUE, label="after 150 random steps")
    left.set(title="Eigenvalues of exp(dt G)", aspect="equal", xlabel="Re", ylabel="Im", xlim=(-1.15, 1.15))
    left.legend(fontsize=8, loc="center left")
    right.axhline(1, color=PALE, lw=1)
    right.plot(plain, color=ORANGE, lw=1.8, label="I + W1 W2$^T$, both factors free")
    right.plot(stable, color=BLUE, lw=1.8, label="exp(dt G), G = -a I + U (S - L) U$^T$")
    right.set(
        title="Spectral radius while Adam chases random targets", xlabel="step", ylabel="largest |eigenvalue|"
    )
    right.legend(fontsize=9)
    figure.tight_layout()
    save(figure, "eigenvalues")


def draw_tasks() -> None:
    """Examples of the tasks that are pictures or sounds."""
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.3), width_ratios=[1, 1, 1, 1.6])
    for panel, side, seed in ((axes[0], 32, 1), (axes[1], 32, 2), (axes[2], 128, 0)):
        pixels, label, _ = TASKS["pathfinder"].make(seed, side * side, True)
        panel.imshow(pixels.reshape(side, side), cmap="gray")
        panel.set(title=f"{side} x {side}: {TASKS['pathfinder'].class_names[label]}", xticks=[], yticks=[])
    samples, label, _ = TASKS["keywords"].make(5, 4096, False)
    axes[3].plot(np.arange(4096) / 4096, samples, color=BLUE, lw=0.5)
    axes[3].set(
        title=f"keyword '{TASKS['keywords'].class_names[label]}'",
        xlabel="seconds",
        ylabel="byte",
        ylim=(0, 255),
    )
    figure.tight_layout()
    save(figure, "tasks")


def main() -> None:
    torch.set_num_threads(1)
    style()
    draw_form()
    draw_discretisation()
    draw_kernel()
    draw_duality()
    draw_eigenvalues()
    draw_tasks()


if __name__ == "__main__":
    main()
