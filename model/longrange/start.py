"""Where the steps of diagonal layers begin: over a range that spans the sequence, and how they grow with a picture."""

from __future__ import annotations

import math

import torch

from longrange.layers import DiagonalSSM
from longrange.network import Classifier

SHORTEST = 4.0  # tokens, of the periods at the start


@torch.no_grad()
def spread_steps(model: Classifier, longest: int, row: int = 0) -> None:
    """S4D-Lin with dt such that the slowest turn of a channel takes 4 to longest tokens, log-uniform.

    Where the sequence is a picture read row by row, half of the channels turn once a row instead, and remember half a row to
    the whole picture: their kernels are combs, which see a neighbourhood of other rows.
    """
    for ssm in diagonal_layers(model):
        channels = len(ssm.log_dt)
        periods = torch.logspace(math.log10(SHORTEST), math.log10(longest), channels)
        ssm.log_dt.copy_(torch.log(2 / periods[torch.randperm(channels)]))
        if row:
            half = channels // 2
            memories = torch.logspace(math.log10(row / 2), math.log10(longest), half)
            ssm.log_dt[:half] = math.log(2 / row)
            ssm.log_re[:half] = torch.log(row / (2 * memories))[:, None]


@torch.no_grad()
def stretch_steps(model: Classifier, ratio: float) -> None:
    """Every time scale times ratio, as that of a picture whose rows became so much longer."""
    for ssm in diagonal_layers(model):
        ssm.log_dt -= math.log(ratio)


def diagonal_layers(model: Classifier) -> list[DiagonalSSM]:
    return [module for module in model.modules() if isinstance(module, DiagonalSSM)]
