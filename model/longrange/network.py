"""A classifier of byte sequences: blocks in which some channels run through a state-space layer and the rest through attention.

Shapes: B batch, T tokens, d hidden width, p = d ssm_ratio channels for the state-space layer, q = d - p for attention.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longrange.forms import fft
from longrange.layers import DiagonalSSM, LowRankSSM

ROPE_BASE = 10000.0
CHANNELS = 16  # the state-space layer gets a multiple of these


@dataclass
class LongRangeConfig:
    """Sizes of a classifier; what config.json of an exported one says."""

    hidden_size: int = 64
    num_hidden_layers: int = 2
    num_classes: int = 10
    ssm_ratio: float = 1.0  # share of the channels in the state-space layer
    state_size: int = 64
    rank: int = 16  # of the low-rank family
    family: str = "diagonal"  # or "low_rank"
    num_heads: int = 4  # of attention
    rms_norm_eps: float = 1e-5
    vocab_size: int = 256
    task: str = ""
    class_names: list[str] = field(default_factory=list)
    max_length: int = 0  # tokens of the longest sequence in training

    def __post_init__(self) -> None:
        channels = self.hidden_size * self.ssm_ratio
        if not 0 <= self.ssm_ratio <= 1 or channels % CHANNELS:
            raise ValueError(
                f"ssm_ratio {self.ssm_ratio} gives the state-space layer {channels:g} of {self.hidden_size} channels; "
                f"take a ratio in 0 .. 1 that makes it a multiple of {CHANNELS}"
            )
        if self.family not in ("diagonal", "low_rank"):
            raise ValueError(f"there is no family {self.family!r}; take 'diagonal' or 'low_rank'")
        if self.rank % 2 or self.rank > self.state_size or self.state_size % 2:
            raise ValueError(
                f"rank {self.rank} and state_size {self.state_size}: take even numbers, rank at most state_size"
            )
        if (self.hidden_size - self.ssm_channels) % (2 * self.num_heads):
            raise ValueError(
                f"{self.hidden_size - self.ssm_channels} channels of attention do not make {self.num_heads} heads of "
                "even width; take another num_heads"
            )

    @property
    def ssm_channels(self) -> int:
        return round(self.hidden_size * self.ssm_ratio)

    def to_json(self) -> str:
        return json.dumps({"model_type": "stateline-longrange"} | asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> LongRangeConfig:
        known = cls.__dataclass_fields__
        return cls(**{name: value for name, value in json.loads(text).items() if name in known})


def make_ssm(config: LongRangeConfig) -> nn.Module:
    if config.family == "low_rank":
        return LowRankSSM(config.ssm_channels, config.state_size, config.rank)
    return DiagonalSSM(config.ssm_channels, config.state_size)


def rotate(x: Tensor) -> Tensor:
    """Rotary positions (arXiv 2104.09864) on x [B, H, T, w]: pairs (i, i + w/2) turn by t base^(-2i/w), as in Llama."""
    length, half = x.shape[-2], x.shape[-1] // 2
    turns = torch.arange(length, dtype=torch.float64)[:, None] * ROPE_BASE ** (
        -torch.arange(half, dtype=torch.float64) / half
    )
    cos, sin = torch.cos(turns).to(x.dtype), torch.sin(turns).to(x.dtype)  # [T, w/2]
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def attention(qkv: Tensor, heads: int) -> Tensor:
    """Causal softmax attention with rotary positions: qkv [B, T, 3 q] -> [B, T, q]."""
    batch, length, width = qkv.shape
    q, k, v = qkv.view(batch, length, 3, heads, width // (3 * heads)).permute(
        2, 0, 3, 1, 4
    )  # each [B, H, T, w]
    y = F.scaled_dot_product_attention(rotate(q), rotate(k), v, is_causal=True)
    return y.transpose(1, 2).reshape(batch, length, -1)


@torch.no_grad()
def embed_as_numbers(embed: nn.Embedding) -> None:
    """Begins the embedding of byte b at (b - 128) / 32 v + w, v and w random: neighbours are alike, and the sign survives a norm.

    With 256 unrelated vectors a network must first find out that samples of sound are numbers.
    """
    size, width = embed.weight.shape
    amplitudes = (torch.arange(size) - 128) / 32
    embed.weight.copy_(amplitudes[:, None] * torch.randn(width) + torch.randn(width))


class HybridBlock(nn.Module):
    """dim ssm_ratio channels to the state-space layer, the others to attention, side by side; a gated unit mixes them."""

    def __init__(self, dim: int, ssm_ratio: float, config: LongRangeConfig) -> None:
        super().__init__()
        self.eps, self.heads = config.rms_norm_eps, config.num_heads
        p = round(dim * ssm_ratio)
        self.split = [p, dim - p]
        self.norm = nn.RMSNorm(dim, eps=self.eps)
        self.in_proj = nn.Linear(dim, dim, bias=False)
        self.ssm = make_ssm(config) if p else None
        self.qkv = nn.Linear(dim - p, 3 * (dim - p), bias=False) if dim > p else None
        self.glu = nn.Linear(dim, 2 * dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, T, d] -> [B, T, d]."""
        s, t = self.in_proj(self.norm(x)).split(self.split, -1)
        parts = []
        if self.ssm is not None:
            parts.append(fft(self.ssm.system(), s.transpose(1, 2)).transpose(1, 2))
        if self.qkv is not None:
            parts.append(attention(self.qkv(t), self.heads))
        return x + F.glu(self.glu(F.gelu(torch.cat(parts, -1))), -1)


class Classifier(nn.Module):
    """Embedding of bytes, blocks, mean over time, linear head. Causal throughout, so a stream needs one running sum."""

    def __init__(self, config: LongRangeConfig) -> None:
        super().__init__()
        self.config = config
        d = config.hidden_size
        self.embed = nn.Embedding(config.vocab_size, d)
        self.layers = nn.ModuleList(
            HybridBlock(d, config.ssm_ratio, config) for _ in range(config.num_hidden_layers)
        )
        self.norm = nn.RMSNorm(d, eps=config.rms_norm_eps)
        self.head = nn.Linear(d, config.num_classes)

    def hidden(self, tokens: Tensor) -> Tensor:
        """tokens [B, T] -> [B, T, d] after the last norm."""
        x = self.embed(tokens)
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)

    def forward(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        """tokens [B, T] -> logits [B, num_classes]; lengths [B] where rows end earlier (what follows is not looked at)."""
        x = self.hidden(tokens)
        if lengths is None:
            return self.head(x.mean(1))
        inside = torch.arange(tokens.shape[1]) < lengths[:, None]  # [B, T]
        return self.head((x * inside[..., None]).sum(1) / lengths[:, None])
