"""Symmetric int8 quantisation by output row, and the same arithmetic in PyTorch, to measure and to test what it costs."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from architecture import Stateline
from torch import Tensor, nn


def quantise_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """[n, k] fp32 -> int8 [n, k] and scale [n] fp32 with weight = q * scale[row]."""
    scale = weight.abs().amax(1).clamp(min=1e-12) / 127
    return torch.round(weight / scale[:, None]).clamp(-127, 127).to(torch.int8), scale


def as_engine_reads(x: Tensor) -> Tensor:
    """Activations rounded as the int8 engine rounds them: one scale a token row, nearest even."""
    scale = x.abs().amax(-1, keepdim=True) / 127
    return torch.where(scale > 0, torch.round(x / scale.clamp(min=1e-30)) * scale, x)


class QuantisedLinear(nn.Module):
    """y = q(x) q(W)^T in floating point, equal to the engine's int32 dot product times both scales up to rounding."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        quantised, scale = quantise_rows(weight.detach())
        self.register_buffer("weight", quantised.float() * scale[:, None])

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(as_engine_reads(x), self.weight)


class QuantisedStateline(Stateline):
    """The model as the int8 engine computes it, embedding and logits included."""

    def forward(self, tokens, state_heads, memory=None, chunk=64):
        x, after = self.hidden(tokens, state_heads, memory, chunk)
        return F.linear(as_engine_reads(x), self.embed_tokens.weight), after


def quantised(model: Stateline) -> Stateline:
    """A copy whose matrices are int8-valued and whose linear inputs are rounded; the model is not changed."""
    twin = copy.deepcopy(model)
    twin.__class__ = QuantisedStateline
    for block in twin.layers:
        for owner, name in (
            (block.mixer, "in_proj"),
            (block.mixer, "out_proj"),
            (block.mlp, "gate_up_proj"),
            (block.mlp, "down_proj"),
        ):
            setattr(owner, name, QuantisedLinear(getattr(owner, name).weight))
    q, scale = quantise_rows(twin.embed_tokens.weight.detach())
    twin.embed_tokens.weight = nn.Parameter(q.float() * scale[:, None])
    return twin
