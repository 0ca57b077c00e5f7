"""A classifier of byte sequences: blocks in which some channels run through a state-space layer and the rest through attention.

Shapes: B batch, T tokens, d hidden width, p = d ssm_ratio channels for the state-space layer, q = d - p for attention.
Inside, channels come first, [d, B, T]: then a channel's tokens are one run of memory, and nothing is transposed on the way
from a matrix product to a state-space layer.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longrange.blocks import two_ways
from longrange.layers import DiagonalSSM, LowRankSSM
from longrange.systems import System

ROPE_BASE = 10000.0
CHANNELS = 16  # the state-space layer gets a multiple of these


@dataclass
class LongRangeConfig:
    """Sizes of a classifier; what config.json of an exported one says."""

    hidden_size: int = 128
    num_hidden_layers: int = 6
    num_classes: int = 10
    ssm_ratio: float = 1.0  # share of the channels in the state-space layer
    state_size: int = 32
    rank: int = 16  # of the low-rank family
    family: str = "diagonal"  # or "low_rank"
    num_heads: int = 4  # of attention
    bidirectional: bool = (
        True  # each token sees those after it too; a stream then ends before its answer begins
    )
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


def attention(qkv: Tensor, heads: int, causal: bool, inside: Tensor | None = None) -> Tensor:
    """Softmax attention with rotary positions: qkv [3 q, B, T] -> [q, B, T]; keys outside [B, T] are not looked at."""
    width, batch, length = qkv.shape
    q, k, v = qkv.view(3, heads, width // (3 * heads), batch, length).permute(
        0, 3, 1, 4, 2
    )  # each [B, H, T, w]
    mask = None if inside is None or causal else inside[:, None, None]
    y = F.scaled_dot_product_attention(rotate(q), rotate(k), v.contiguous(), mask, is_causal=causal)
    return y.permute(1, 3, 0, 2).reshape(-1, batch, length)


@torch.no_grad()
def embed_as_numbers(embed: nn.Embedding) -> None:
    """Begins the embedding of byte b at (b - 128) / 32 v + w, v and w random: neighbours are alike, and the sign survives a norm.

    With 256 unrelated vectors a network must first find out that samples of sound are numbers.
    """
    size, width = embed.weight.shape
    amplitudes = (torch.arange(size) - 128) / 32
    embed.weight.copy_(amplitudes[:, None] * torch.randn(width) + torch.randn(width))


# What runs over every element between two products; compile_elementwise makes one pass of each.
def normalised(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """RMSNorm over the channels of x [d, B, T], in fp32 at least."""
    wide = x if x.dtype == torch.float64 else x.float()
    scale = torch.rsqrt((wide * wide).mean(0, keepdim=True) + eps)
    return (wide * scale * weight[:, None, None]).to(x.dtype)


def activated(z: Tensor) -> Tensor:
    return F.gelu(z)


def gated(x: Tensor, glu: Tensor) -> Tensor:
    """x [d, B, T] plus the first half of glu [2 d, B, T] as far as the other half lets it through."""
    value, gate = glu.chunk(2, 0)
    return x + value * torch.sigmoid(gate)


ELEMENTWISE = {"normalised": normalised, "activated": activated, "gated": gated}


def compile_elementwise() -> None:
    """For a long training: wants a C++ compiler and half a minute."""
    for name, function in ELEMENTWISE.items():
        ELEMENTWISE[name] = torch.compile(function)


def product(linear: nn.Linear, x: Tensor) -> Tensor:
    """linear over the channels of x [k, B, T] -> [n, B, T]."""
    return (linear.weight.to(x.dtype) @ x.flatten(1)).view(-1, *x.shape[1:])


class HybridBlock(nn.Module):
    """dim ssm_ratio channels to the state-space layer, the others to attention, side by side; a gated unit mixes them."""

    def __init__(self, dim: int, ssm_ratio: float, config: LongRangeConfig) -> None:
        super().__init__()
        self.eps, self.heads, self.causal = config.rms_norm_eps, config.num_heads, not config.bidirectional
        p = round(dim * ssm_ratio)
        self.split = [p, dim - p]
        self.norm = nn.RMSNorm(dim, eps=self.eps)
        self.in_proj = nn.Linear(dim, dim, bias=False)
        self.ssm = make_ssm(config) if p else None
        self.ssm_back = make_ssm(config) if p and config.bidirectional else None
        self.qkv = nn.Linear(dim - p, 3 * (dim - p), bias=False) if dim > p else None
        self.glu = nn.Linear(dim, 2 * dim, bias=False)

    def systems(self) -> list[System]:
        return [ssm.system() for ssm in (self.ssm, self.ssm_back) if ssm is not None]

    def forward(self, x: Tensor, inside: Tensor | None = None) -> Tensor:
        """x [d, B, T] -> [d, B, T]; inside [B, T] where rows end earlier."""
        h = product(self.in_proj, ELEMENTWISE["normalised"](x, self.norm.weight, self.eps))
        if inside is not None:
            h = h * inside  # a way back begins at the end of its row
        s, t = h.split(self.split)
        parts = []
        if self.ssm is not None:
            parts.append(two_ways(self.systems(), s))
        if self.qkv is not None:
            parts.append(attention(product(self.qkv, t), self.heads, self.causal, inside))
        z = parts[0] if len(parts) == 1 else torch.cat(parts)
        return ELEMENTWISE["gated"](x, product(self.glu, ELEMENTWISE["activated"](z)))


class Classifier(nn.Module):
    """Embedding of bytes, blocks, mean over time, linear head. Causal if it is not bidirectional: a stream needs one running sum."""

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

    def hidden(
        self, tokens: Tensor, inside: Tensor | None = None, dtype: torch.dtype | None = None
    ) -> Tensor:
        """tokens [B, T] -> [d, B, T] after the last norm; dtype is that of the activations, by default the weights'."""
        x = self.embed(tokens).permute(2, 0, 1).to(dtype or self.embed.weight.dtype).contiguous()
        for layer in self.layers:
            x = layer(x, inside)
        return ELEMENTWISE["normalised"](x, self.norm.weight, self.config.rms_norm_eps)

    def pooled(self, x: Tensor, inside: Tensor | None = None) -> Tensor:
        """x [d, B, T] -> logits [B, num_classes] of the mean over each row."""
        wide = x.to(self.head.weight.dtype)
        if inside is None:
            return self.head(wide.mean(2).T)
        return self.head(((wide * inside).sum(2) / inside.sum(1)).T)

    def forward(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        """tokens [B, T] -> logits [B, num_classes]; lengths [B] where rows end earlier (what follows is not looked at)."""
        inside = inside_of(tokens, lengths)
        return self.pooled(self.hidden(tokens, inside), inside)


def inside_of(tokens: Tensor, lengths: Tensor | None) -> Tensor | None:
    """[B, T], true within each row; None where all rows are full."""
    if lengths is None or bool((lengths == tokens.shape[1]).all()):
        return None
    return torch.arange(tokens.shape[1]) < lengths[:, None]
