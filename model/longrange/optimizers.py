"""Which parameters move how: matrices of blocks, what makes A, and the rest."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

SYSTEM_RATE = 1e-3  # of what makes A, at most: S4's recipe
MATRICES = ("proj.weight", "qkv.weight", "glu.weight")
WARMUP = 0.05  # share of a budget


def parameter_groups(model: nn.Module) -> dict[str, list[Tensor]]:
    """matrices, which decay; systems, what makes A, which moves slowly; others, norms, biases, B, C, D and embeddings."""
    groups: dict[str, list[Tensor]] = {"matrices": [], "systems": [], "others": []}
    for name, p in model.named_parameters():
        if ".ssm" in f".{name}":
            groups["others" if name.endswith((".B", ".C", ".D")) else "systems"].append(p)
        else:
            groups["matrices" if name.endswith(MATRICES) else "others"].append(p)
    return groups


def make_optimizer(model: nn.Module, rate: float) -> torch.optim.AdamW:
    """For short trainings."""
    groups = parameter_groups(model)
    return torch.optim.AdamW(
        [
            {"params": groups["matrices"], "lr": rate, "weight_decay": 0.05},
            {"params": groups["others"], "lr": rate, "weight_decay": 0.0},
            {"params": groups["systems"], "lr": min(rate, SYSTEM_RATE), "weight_decay": 0.0},
        ],
        betas=(0.9, 0.98),
    )


NEWTON_SCHULZ = (
    3.4445,
    -4.775,
    2.0315,
)  # coefficients of Muon (Jordan 2024); five steps bring singular values near 1


class Muon(torch.optim.Optimizer):
    """torch.optim.Muon with its rates as AdamW's, in fp32: that one multiplies in bfloat16, which without an instruction for it
    takes as long as the network.
    """

    def __init__(self, params: list[Tensor], lr: float, weight_decay: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                mean = self.state[p].setdefault("mean", torch.zeros_like(p))
                mean.lerp_(p.grad, 1 - group["momentum"])
                p.mul_(1 - group["lr"] * group["weight_decay"])
                turn = orthogonal(p.grad.lerp(mean, group["momentum"]))
                p.add_(turn, alpha=-0.2 * math.sqrt(max(p.shape)) * group["lr"])


def orthogonal(x: Tensor) -> Tensor:
    """x [n, m] with its singular values near 1."""
    a, b, c = NEWTON_SCHULZ
    wide = x.T if len(x) > x.shape[1] else x
    wide = wide / wide.norm().clamp(min=1e-7)
    for _ in range(5):
        square = wide @ wide.T
        wide = a * wide + (b * square + c * square @ square) @ wide
    return wide.T if len(x) > x.shape[1] else wide


class Optimizers:
    """For long ones: Muon for the matrices, AdamW for the others, at a share of their learning rates."""

    def __init__(self, model: nn.Module, rate: float) -> None:
        groups = parameter_groups(model)
        muon = Muon(groups["matrices"], lr=rate, weight_decay=0.05)
        adam = torch.optim.AdamW(
            [
                {"params": groups["others"], "lr": rate},
                {"params": groups["systems"], "lr": min(rate, SYSTEM_RATE)},
            ],
            betas=(0.9, 0.98),
            weight_decay=0.0,
        )
        self.all = [muon, adam]
        self.peaks = [[group["lr"] for group in one.param_groups] for one in self.all]

    def step(self, share: float) -> None:
        """At that share of the learning rates."""
        for one, peaks in zip(self.all, self.peaks):
            for group, peak in zip(one.param_groups, peaks):
                group["lr"] = share * peak
            one.step()
            one.zero_grad()


def rate_share(progress: float) -> float:
    """Warm-up, then half a cosine to zero; progress 0..1 of a budget."""
    return min(1.0, (progress + 1e-3) / WARMUP) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
