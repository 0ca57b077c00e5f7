"""Heads that differ from the shipped ones in one choice each; with every choice as it is by default they are the shipped ones.

Letters and shapes as in architecture.py. Only what an ablation asks for lives here: the shipped model has no such options.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from architecture import (
    ATTENTION,
    STATE,
    LayerMemory,
    Mixer,
    ModelConfig,
    Stateline,
    causal_conv,
    rms_norm,
    state_mode,
)
from torch import Tensor, nn


@dataclass
class HeadsConfig(ModelConfig):
    """Sizes, and the choices; the rotation turns queries and keys of the heads in state mode, or of all."""

    num_heads: int = 8
    convolution: bool = True
    trapezoidal: bool = False
    rotation: str = "none"  # or "state", "both"
    key_biases: bool = False  # added to queries and keys after their norm, one at first (Mamba-3)
    qk_norm: bool = True
    norms: int = 2  # output norms a head: one each mode, or one for both
    key_groups: int = 8  # of heads that share queries and keys (B and C); as many as heads: none do
    slowest_first: bool = False  # which heads turn to attention first

    @property
    def conv_channels(self) -> int:
        return 2 * self.key_groups * self.key_dim + self.num_heads * self.value_dim


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Turns the pair (x_i, x_{i + K/2}) by angles[..., i]: x [..., K], angles [..., K/2] in radians."""
    first, second = x.float().chunk(2, -1)
    cos, sin = torch.cos(angles), torch.sin(angles)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1).to(x.dtype)


def trapezoidal_mode(
    q: Tensor, k: Tensor, v: Tensor, a: Tensor, dt: Tensor, share: Tensor, state: Tensor, chunk: int
) -> tuple[Tensor, Tensor]:
    """S_t = exp(a_t) (S_{t-1} + (1 - share_t) dt_t k_{t-1} v_{t-1}^T) + share_t dt_t k_t v_t^T, y_t = S_t^T q_t.

    The exponential-trapezoidal rule (Mamba-3, arXiv 2603.15569). Shapes as in state_mode; share [B, T, H] in 0..1, and
    state [B, H, K, 2 V] holds S and k v^T of the last token, which the first token here adds.
    What token t adds of t - 1 decays like t - 1 itself: one recurrence with two weights a token, less what it lets a token
    see of its own second weight too early.
    """
    state, last = state.chunk(2, -1)
    late = (1 - share) * dt
    state = state + late[:, 0, :, None, None] * last
    following = F.pad(late[:, 1:], (0, 0, 0, 1))  # the weight that the next token gives this one
    y, state = state_mode(q, k, v, a, share * dt + following, state, chunk)
    early = ((q * k).sum(-1).float() * following).to(v.dtype)
    last = k[:, -1, :, :, None].float() * v[:, -1, :, None, :].float()
    return y - early[..., None] * v, torch.cat([state, last], -1)


class ChosenMixer(Mixer):
    """The mixer of a HeadsConfig. Heads turn to attention in their natural order."""

    config: HeadsConfig

    def __init__(self, config: HeadsConfig, layer: int) -> None:
        super().__init__(config, layer)
        heads, key, hidden = config.num_heads, config.key_dim, config.hidden_size
        shared = config.key_groups * key
        self.splits[:2] = shared, shared
        self.in_proj = nn.Linear(hidden, sum(self.splits), bias=False)
        self.out_norm = nn.Parameter(torch.ones(config.norms, heads, config.value_dim))
        if not config.convolution:
            self.conv = None
        if not config.qk_norm:
            self.q_norm = self.k_norm = None
        if config.trapezoidal:
            self.share_proj = nn.Linear(hidden, heads)
        if config.rotation != "none":
            self.angle_proj = nn.Linear(hidden, key // 2)
        if config.key_biases:
            self.q_bias = nn.Parameter(torch.ones(heads, key))
            self.k_bias = nn.Parameter(torch.ones(heads, key))

    @torch.no_grad()
    def initialise(self) -> None:
        conv = self.conv
        if conv is None:  # the shipped start sets its taps too
            self.conv = nn.Conv1d(
                self.config.conv_channels, self.config.conv_channels, self.config.conv_width
            )
        super().initialise()
        self.conv = conv
        if self.config.slowest_first:
            self.A_log.copy_(self.A_log.flip(-1))
            self.dt_bias.copy_(self.dt_bias.flip(-1))

    def forward(
        self, x: Tensor, state_heads: int, memory: LayerMemory | None, chunk: int
    ) -> tuple[Tensor, LayerMemory]:
        """As Mixer.forward."""
        cfg, (batch, length, _) = self.config, x.shape
        qkv, z, u_dt = self.in_proj(x).split([sum(self.splits[:3]), *self.splits[3:]], -1)
        qkv, history = self.convolved(qkv, memory)
        q, k, v = (
            p.reshape(batch, length, -1, width)
            for p, width in zip(qkv.split(self.splits[:3], -1), (cfg.key_dim, cfg.key_dim, cfg.value_dim))
        )
        q, k = self.queries_and_keys(q, k)
        dt = F.softplus(u_dt.float() + self.dt_bias)
        width = cfg.value_dim * (2 if cfg.trapezoidal else 1)
        ssm = memory.ssm if memory else torch.zeros(batch, cfg.num_heads, cfg.key_dim, width)
        y, ssm = self.run_heads(x, q, k, v, dt, ssm, state_heads, chunk)
        y = y * torch.sigmoid(z.reshape(batch, length, cfg.num_heads, -1))
        return self.out_proj(y.reshape(batch, length, -1)), LayerMemory(ssm, history)

    def convolved(self, qkv: Tensor, memory: LayerMemory | None) -> tuple[Tensor, Tensor]:
        """SiLU of the short convolution, or of qkv itself; and the last inputs, for the next segment."""
        before = self.config.conv_width - 1
        history = memory.conv if memory else qkv.new_zeros(len(qkv), before, qkv.shape[-1])
        padded = torch.cat([history.to(qkv.dtype), qkv], 1)
        if self.conv is not None:
            taps = self.conv.weight[:, 0].to(qkv.dtype)
            qkv = causal_conv(padded, taps) + self.conv.bias.to(qkv.dtype)
        return F.silu(qkv), padded[:, -before:]

    def queries_and_keys(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """q, k [B, T, groups, K] -> [B, T, H, K], normalised and with their biases, q scaled."""
        cfg = self.config
        if cfg.key_groups < cfg.num_heads:
            q, k = (p.repeat_interleave(cfg.num_heads // cfg.key_groups, 2) for p in (q, k))
        if cfg.qk_norm:
            q, k = rms_norm(q, self.q_norm, cfg.rms_norm_eps), rms_norm(k, self.k_norm, cfg.rms_norm_eps)
        if cfg.key_biases:
            q, k = q + self.q_bias.to(q.dtype), k + self.k_bias.to(k.dtype)
        return q / math.sqrt(cfg.key_dim), k

    def run_heads(
        self,
        x: Tensor,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        dt: Tensor,
        ssm: Tensor,
        state_heads: int,
        chunk: int,
    ) -> tuple[Tensor, Tensor]:
        """As Mixer.mix; x [B, T, d] is what shares and angles are computed from."""
        cfg = self.config
        count = cfg.num_heads - state_heads
        first, rest = slice(0, count), slice(count, None)
        angles = None
        if cfg.rotation != "none":
            angles = self.angles(x, dt, still=count if cfg.rotation == "state" else 0)
            q, k = rotate(q, angles), rotate(k, angles)
        rate = -torch.exp(self.A_log)
        parts, after = [], [torch.zeros_like(ssm[:, first])]
        if count:
            scaled = q[:, :, first] * torch.exp(self.temperature[first])[:, None].to(q.dtype)
            decay = rate[ATTENTION, first] * dt[..., first]
            y = self.attend(scaled, k[:, :, first], v[:, :, first], decay, dt[..., first])
            parts.append(self.normalised(y, v[:, :, first], first, ATTENTION))
        if state_heads:
            a = rate[STATE, rest] * dt[..., rest]
            inputs = q[:, :, rest], k[:, :, rest], v[:, :, rest], a, dt[..., rest]
            if cfg.trapezoidal:
                share = torch.sigmoid(self.share_proj(x).float())[..., rest]
                y, state = trapezoidal_mode(*inputs, share, ssm[:, rest], chunk)
            else:
                y, state = state_mode(*inputs, ssm[:, rest], chunk)
            if angles is not None:  # the next segment's angles begin at zero again
                state = rotate(state.transpose(-1, -2), -angles[:, -1, rest, None]).transpose(-1, -2)
            after.append(state)
            parts.append(self.normalised(y, v[:, :, rest], rest, STATE))
        return torch.cat(parts, 2), torch.cat(after, 1)

    def angles(self, x: Tensor, dt: Tensor, still: int) -> Tensor:
        """Radians by which each pair is turned at each token, [B, T, H, K/2]: sums of dt times a projection of x that the
        heads share; the first `still` heads are not turned."""
        steps = dt[:, :, still:, None] * self.angle_proj(x).float()[:, :, None]
        return F.pad(steps.cumsum(1), (0, 0, still, 0))

    def normalised(self, y: Tensor, v: Tensor, heads: Tensor | slice, mode: int) -> Tensor:
        return super().normalised(y, v, heads, min(mode, self.config.norms - 1))


def build(config: HeadsConfig) -> Stateline:
    """The shipped model around chosen mixers, started as it is."""
    model = Stateline(config)
    for layer, block in enumerate(model.layers):
        mixer = ChosenMixer(config, layer)
        mixer.apply(Stateline.initialise)
        mixer.initialise()
        nn.init.normal_(mixer.out_proj.weight, std=0.02 / math.sqrt(2 * config.num_hidden_layers))
        block.mixer = mixer
    return model
