"""The dual-mode language model: every mixer head can run as a state-space recurrence or as decay-masked attention.

Both modes share one set of projections (state-space duality, Mamba-2, arXiv 2405.21060):
C = query, B = key, x = value, and the data-dependent decay is the attention mask (Forgetting Transformer, 2503.02130).
Shapes: B batch, T tokens, H heads, K key width, V value width, d hidden width, Q chunk length.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STATE, ATTENTION = 0, 1
# Log decay a token of the first and the last head, in each mode, before training moves them.
DECAYS = (0.2, 1e-3), (0.05, 5e-4)
DT_FLOOR = 1e-6  # log(dt) is an attention bias; the floor keeps it finite


@dataclass
class ModelConfig:
    """Sizes of the model; the fields carry Hugging Face's names where it has one."""

    vocab_size: int = 4096
    hidden_size: int = 256
    num_hidden_layers: int = 6
    num_heads: int = 8
    key_dim: int = 64
    value_dim: int = 32
    conv_width: int = 4
    intermediate_size: int = 640
    rms_norm_eps: float = 1e-5
    attention_window: int = 1024  # tokens an attention head looks back over
    hybrid_ratio: float = 0.75  # default share of heads in state mode
    head_switch_order: list[list[int]] = field(
        default_factory=list
    )  # [layer][rank] heads as they turn to attention

    def __post_init__(self) -> None:
        if not self.head_switch_order:
            self.head_switch_order = [list(range(self.num_heads)) for _ in range(self.num_hidden_layers)]

    @property
    def conv_channels(self) -> int:
        return self.num_heads * (2 * self.key_dim + self.value_dim)

    def to_json(self) -> str:
        extra = {
            "architectures": ["StatelineForCausalLM"],
            "model_type": "stateline",
            "tie_word_embeddings": True,
            "bos_token_id": 0,
            "eos_token_id": 0,
        }
        return json.dumps(extra | asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, path: Path) -> ModelConfig:
        known = {f for f in cls.__dataclass_fields__}
        return cls(**{k: v for k, v in json.loads(path.read_text()).items() if k in known})


def rms_norm(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    """x / rms(x) * gain over the last dimension, computed in fp32 and returned in x's dtype."""
    return (F.rms_norm(x.float(), (x.shape[-1],), eps=eps) * gain).to(x.dtype)


def segment_sum(a: Tensor) -> Tensor:
    """[..., Q] -> [..., Q, Q]: entry (i, j) = sum of a over (j, i] for j <= i, -inf above the diagonal.

    A masked sum, not a difference of cumulative sums, which would cancel (state-spaces/mamba, ssd_minimal).
    """
    size = a.shape[-1]
    below = torch.ones(size, size, dtype=torch.bool, device=a.device).tril(-1)
    sums = a[..., :, None].expand(*a.shape, size).masked_fill(~below, 0).cumsum(-2)
    return sums.masked_fill(~below.logical_or(torch.eye(size, dtype=torch.bool, device=a.device)), -math.inf)


def state_mode(
    q: Tensor, k: Tensor, v: Tensor, a: Tensor, dt: Tensor, state: Tensor, chunk: int
) -> tuple[Tensor, Tensor]:
    """S_t = exp(a_t) S_{t-1} + dt_t k_t v_t^T, y_t = S_t^T q_t, in chunked matrix form (Mamba-2, section 6).

    q, k [B, T, H, K] (q already scaled), v [B, T, H, V], a, dt [B, T, H] fp32, state [B, H, K, V] fp32; T a multiple of chunk.
    Returns y [B, T, H, V] and the state after T tokens.
    """
    batch, length, heads, _ = q.shape
    count = length // chunk

    def chunked(x: Tensor) -> Tensor:  # [B, T, H, *] -> [B, H, count, chunk, *]
        return x.reshape(batch, count, chunk, heads, -1).permute(0, 3, 1, 2, 4)

    q, k, v = chunked(q), chunked(k), chunked(v)
    a, dt = chunked(a)[..., 0], chunked(dt)[..., 0]  # [B, H, count, chunk]
    inside = torch.exp(segment_sum(a)) * dt[..., None, :]  # [B, H, count, i, j]
    y = (q @ k.transpose(-1, -2) * inside.to(q.dtype)) @ v
    cumulative = a.cumsum(-1)
    to_end = (torch.exp(cumulative[..., -1:] - cumulative) * dt).to(k.dtype)
    added = ((k * to_end[..., None]).transpose(-1, -2) @ v).float()  # [B, H, count, K, V]
    carried = []
    decay = torch.exp(cumulative[..., -1])[..., None, None]
    for c in range(count):
        carried.append(state)
        state = state * decay[:, :, c] + added[:, :, c]
    before = torch.stack(carried, 2).to(q.dtype)
    y = y + (q * torch.exp(cumulative)[..., None].to(q.dtype)) @ before
    return y.permute(0, 2, 3, 1, 4).reshape(batch, length, heads, -1), state


def attention_mode(q: Tensor, k: Tensor, v: Tensor, a: Tensor, dt: Tensor, window: int) -> Tensor:
    """softmax_j(q_i . k_j + sum of a over (j, i] + log dt_j) v_j over i - window < j <= i. Shapes as in state_mode.

    The sum over (j, i] is c_i - c_j with c = cumsum(a), and softmax does not see c_i: what is left is one number a key,
    which rides along as extra key channels, so that any fused attention kernel computes the decay mask.
    """
    length, key = q.shape[1], q.shape[-1]
    bias = torch.log(dt.clamp(min=DT_FLOOR)) - running_sum(a)  # [B, T, H]
    width = key + 8
    q = torch.cat([q, q.new_ones(*q.shape[:-1], 3), q.new_zeros(*q.shape[:-1], 5)], -1)
    k = torch.cat([k, split_in_three(bias, k.dtype), k.new_zeros(*k.shape[:-1], 5)], -1)
    padded = F.pad(v, (0, width - v.shape[-1]))
    q, k, padded = (x.transpose(1, 2) for x in (q, k, padded))  # [B, H, T, *]
    mask = None
    if length > window:
        mask = torch.ones(length, length, dtype=torch.bool, device=q.device).tril().triu(1 - window)
    y = F.scaled_dot_product_attention(q, k, padded, attn_mask=mask, is_causal=mask is None, scale=1.0)
    return y[..., : v.shape[-1]].transpose(1, 2)


def running_sum(a: Tensor) -> Tensor:
    """a [B, T, H] summed over T up to each token. In blocks on a GPU, where T allows it: there torch 2.11 cannot compile a
    scan over thousands of tokens that lie heads apart."""
    block = 64
    return blocked_sum(a, block) if a.is_cuda and a.shape[1] % block == 0 else a.cumsum(1)


def blocked_sum(a: Tensor, block: int) -> Tensor:
    """cumsum(a, 1) in two levels; a [B, T, H], T a multiple of block."""
    inside = a.unflatten(1, (-1, block)).cumsum(2)
    totals = inside[:, :, -1]  # [B, T / block, H]
    return (inside + (totals.cumsum(1) - totals)[:, :, None]).flatten(1, 2)


def split_in_three(x: Tensor, dtype: torch.dtype) -> Tensor:
    """[...] -> [..., 3] in dtype, whose sum is x to three times dtype's precision; the gradient flows once."""
    exact = x.detach()
    high = leading_bits(exact)
    middle = leading_bits(exact - high)
    low = exact - high - middle
    carrier = x - exact  # zero in value
    return torch.stack([high + carrier, middle, low], -1).to(dtype)


def leading_bits(x: Tensor) -> Tensor:
    """x fp32 cut to bf16's bits. By its bits, since a compiler leaves out a cast to bf16 and back."""
    return (x.view(torch.int32) & -0x10000).view(torch.float32)


def causal_conv(x: Tensor, weight: Tensor) -> Tensor:
    """y_t = sum_w x_{t+w} weight[:, w]: depthwise, x [B, T + W - 1, C], weight [C, W] -> [B, T, C]."""
    length = x.shape[1] - weight.shape[1] + 1
    return sum(x[:, w : w + length] * weight[:, w] for w in range(weight.shape[1]))


@dataclass
class LayerMemory:
    """What one layer carries across segments: ssm [B, H, K, V] fp32, conv [B, conv_width - 1, C]."""

    ssm: Tensor
    conv: Tensor

    def detached(self, reset: Tensor) -> LayerMemory:
        """Cut from the graph; rows where reset [B] is true start from zero."""
        keep = (~reset).float()
        return LayerMemory(
            self.ssm.detach() * keep[:, None, None, None],
            self.conv.detach() * keep[:, None, None].to(self.conv.dtype),
        )


class Mixer(nn.Module):
    """The dual-mode heads of one layer."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        heads, key, value, hidden = config.num_heads, config.key_dim, config.value_dim, config.hidden_size
        self.config = config
        self.order = config.head_switch_order[layer]
        self.splits = [heads * key, heads * key, heads * value, heads * value, heads]  # q, k, v, z, dt
        self.in_proj = nn.Linear(hidden, sum(self.splits), bias=False)
        self.conv = nn.Conv1d(
            config.conv_channels, config.conv_channels, config.conv_width, groups=config.conv_channels
        )
        self.q_norm = nn.Parameter(torch.ones(heads, key))
        self.k_norm = nn.Parameter(torch.ones(heads, key))
        self.A_log = nn.Parameter(torch.empty(2, heads))
        self.dt_bias = nn.Parameter(torch.empty(heads))
        self.D = nn.Parameter(torch.zeros(heads))  # a skip as strong as the memory would hide it at first
        self.temperature = nn.Parameter(torch.zeros(heads))
        self.out_norm = nn.Parameter(torch.ones(2, heads, value))
        self.out_proj = nn.Linear(heads * value, hidden, bias=False)

    @torch.no_grad()
    def initialise(self) -> None:
        """Starts where copying is near: each key is also of the token before it, so that "what followed this token the
        last time" is one product away. With random taps and biases the model had not found it after 10 M tokens."""
        cfg, keys = self.config, self.splits[0]
        nn.init.normal_(self.in_proj.weight[: cfg.conv_channels], std=cfg.hidden_size**-0.5)
        nn.init.zeros_(self.conv.bias)
        nn.init.normal_(self.conv.weight, std=0.1)
        self.conv.weight[:, 0, -1] += 1
        self.conv.weight[keys : 2 * keys, 0, -2] += 1
        decays = torch.stack([torch.logspace(*map(math.log10, ends), cfg.num_heads) for ends in DECAYS])
        dt = torch.sqrt(2 * decays[STATE])  # the sum of 1 / decay random terms is then as large as v
        self.dt_bias.copy_(dt + torch.log(-torch.expm1(-dt)))
        self.A_log.copy_(torch.log(decays / dt))

    def forward(
        self, x: Tensor, state_heads: int, memory: LayerMemory | None, chunk: int
    ) -> tuple[Tensor, LayerMemory]:
        """x [B, T, d] -> [B, T, d]; the first H - state_heads heads of the order run as attention."""
        cfg, (batch, length, _) = self.config, x.shape
        heads, eps = cfg.num_heads, cfg.rms_norm_eps
        u = self.in_proj(x)
        qkv, z, u_dt = u.split([sum(self.splits[:3]), self.splits[3], self.splits[4]], -1)
        history = memory.conv if memory else qkv.new_zeros(batch, cfg.conv_width - 1, qkv.shape[-1])
        padded = torch.cat([history.to(qkv.dtype), qkv], 1)
        taps = self.conv.weight[:, 0].to(qkv.dtype)  # [C, conv_width]
        convolved = F.silu(causal_conv(padded, taps) + self.conv.bias.to(qkv.dtype))
        q, k, v = (p.reshape(batch, length, heads, -1) for p in convolved.split(self.splits[:3], -1))
        q = rms_norm(q, self.q_norm, eps) / math.sqrt(cfg.key_dim)
        k = rms_norm(k, self.k_norm, eps)
        dt = F.softplus(u_dt.float() + self.dt_bias)  # [B, T, H]
        rate = -torch.exp(self.A_log)  # [2, H]

        ssm = (
            memory.ssm
            if memory
            else x.new_zeros(batch, heads, cfg.key_dim, cfg.value_dim, dtype=torch.float32)
        )
        y, ssm = self.mix(q, k, v, rate, dt, ssm, state_heads, chunk)
        y = y * torch.sigmoid(z.reshape(batch, length, heads, -1))
        return self.out_proj(y.reshape(batch, length, -1)), LayerMemory(
            ssm, padded[:, -(cfg.conv_width - 1) :]
        )

    def mix(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        rate: Tensor,
        dt: Tensor,
        ssm: Tensor,
        state_heads: int,
        chunk: int,
    ) -> tuple[Tensor, Tensor]:
        """Runs each head in its mode, adds the skip D v, normalises per head with the mode's gain."""
        count = self.config.num_heads - state_heads
        first, rest = slice(0, count), slice(count, None)  # slices, since the gradient of an index is slow
        permuted = self.order != sorted(self.order)
        if permuted:
            order = torch.tensor(self.order, device=q.device)
            first, rest = order[:count], order[count:]
            q, k, v, dt, ssm = (x.index_select(2, order) for x in (q, k, v, dt, ssm.transpose(1, 2)))
            ssm = ssm.transpose(1, 2)
        q_a, q_s = q.split([count, state_heads], 2)
        k_a, k_s = k.split([count, state_heads], 2)
        v_a, v_s = v.split([count, state_heads], 2)
        dt_a, dt_s = dt.split([count, state_heads], 2)
        parts: list[Tensor] = []
        last = [torch.zeros_like(ssm[:, :count])]
        if count:
            scaled = q_a * torch.exp(self.temperature[first])[:, None].to(q.dtype)
            decay = rate[ATTENTION, first] * dt_a
            y = self.attend(scaled, k_a, v_a, decay, dt_a)
            parts.append(self.normalised(y, v_a, first, ATTENTION))
        if state_heads:
            y, after = state_mode(q_s, k_s, v_s, rate[STATE, rest] * dt_s, dt_s, ssm[:, count:], chunk)
            last.append(after)
            parts.append(self.normalised(y, v_s, rest, STATE))
        mixed, kept = torch.cat(parts, 2), torch.cat(last, 1)
        if permuted:
            back = order.argsort()
            mixed, kept = mixed.index_select(2, back), kept.index_select(1, back)
        return mixed, kept

    def attend(self, q: Tensor, k: Tensor, v: Tensor, decay: Tensor, dt: Tensor) -> Tensor:
        """Over this segment; the evaluation carries the window on (model/evaluate/score.py)."""
        return attention_mode(q, k, v, decay, dt, self.config.attention_window)

    def normalised(self, y: Tensor, v: Tensor, heads: Tensor | slice, mode: int) -> Tensor:
        skipped = y + v * self.D[heads][:, None].to(v.dtype)
        return rms_norm(skipped, self.out_norm[mode, heads], self.config.rms_norm_eps)


class MLP(nn.Module):
    """SwiGLU: down(SiLU(gate x) * up x)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_up_proj = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.gate_up_proj(x).chunk(2, -1)
        return self.down_proj(F.silu(gate) * up)


class Norm(nn.Module):
    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, self.eps)


class Block(nn.Module):
    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.norm1 = Norm(config.hidden_size, config.rms_norm_eps)
        self.mixer = Mixer(config, layer)
        self.norm2 = Norm(config.hidden_size, config.rms_norm_eps)
        self.mlp = MLP(config)

    def forward(
        self, x: Tensor, state_heads: int, memory: LayerMemory | None, chunk: int
    ) -> tuple[Tensor, LayerMemory]:
        mixed, memory = self.mixer(self.norm1(x), state_heads, memory, chunk)
        x = x + mixed
        return x + self.mlp(self.norm2(x)), memory


class Stateline(nn.Module):
    """Embedding, blocks, final norm, tied output."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config, layer) for layer in range(config.num_hidden_layers))
        self.norm = Norm(config.hidden_size, config.rms_norm_eps)
        self.apply(self.initialise)
        for block in self.layers:
            block.mixer.initialise()
            # Residual branches start small (GPT-2's rule).
            for proj in (block.mixer.out_proj, block.mlp.down_proj):
                nn.init.normal_(proj.weight, std=0.02 / math.sqrt(2 * config.num_hidden_layers))

    @staticmethod
    def initialise(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)

    @property
    def device(self) -> torch.device:
        return self.embed_tokens.weight.device

    def empty_memory(self, batch: int, dtype: torch.dtype) -> list[LayerMemory]:
        """What each layer carries before the first token; dtype is that of the activations."""
        c = self.config
        ssm = torch.zeros(batch, c.num_heads, c.key_dim, c.value_dim, device=self.device)
        conv = torch.zeros(batch, c.conv_width - 1, c.conv_channels, dtype=dtype, device=self.device)
        return [LayerMemory(ssm, conv) for _ in self.layers]

    def hidden(
        self, tokens: Tensor, state_heads: int, memory: list[LayerMemory] | None = None, chunk: int = 64
    ) -> tuple[Tensor, list[LayerMemory]]:
        """tokens [B, T] -> final normed hidden [B, T, d] and each layer's memory after T tokens.

        T must be a multiple of chunk, or at most chunk. Attention heads see this segment only.
        """
        chunk = min(chunk, tokens.shape[1])
        x = self.embed_tokens(tokens)
        after = []
        for index, block in enumerate(self.layers):
            x, layer_memory = block(x, state_heads, memory[index] if memory else None, chunk)
            after.append(layer_memory)
        return self.norm(x), after

    def forward(
        self, tokens: Tensor, state_heads: int, memory: list[LayerMemory] | None = None, chunk: int = 64
    ) -> tuple[Tensor, list[LayerMemory]]:
        """As hidden(), but logits [B, T, vocab_size]."""
        x, after = self.hidden(tokens, state_heads, memory, chunk)
        return F.linear(x, self.embed_tokens.weight), after
