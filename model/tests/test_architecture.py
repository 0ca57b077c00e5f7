"""The chunked, trained form of the model against the plain recurrence and the plain softmax, token by token."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from architecture import (
    ATTENTION,
    DT_FLOOR,
    STATE,
    Mixer,
    ModelConfig,
    Stateline,
    attention_mode,
    blocked_sum,
    segment_sum,
)
from golden import TINY, random_model
from torch import Tensor

TOLERANCE = 1e-5  # relative to the largest logit, fp32 against fp64


def naive_norm(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps) * gain


def naive_mixer(mixer: Mixer, x: Tensor, state_heads: int) -> Tensor:
    """x [T, d] fp64, one token and one head at a time, straight from the equations."""
    cfg, eps = mixer.config, mixer.config.rms_norm_eps
    heads, key, value = cfg.num_heads, cfg.key_dim, cfg.value_dim
    attending = set(mixer.order[: heads - state_heads])
    u = x @ mixer.in_proj.weight.T
    channels = cfg.conv_channels
    qkv, z, u_dt = u[:, :channels], u[:, channels : channels + heads * value], u[:, -heads:]
    zeros = torch.zeros(cfg.conv_width - 1, channels, dtype=x.dtype)
    padded = torch.cat([zeros, qkv])
    conv = torch.stack(
        [(padded[t : t + cfg.conv_width] * mixer.conv.weight[:, 0].T).sum(0) for t in range(len(x))]
    )
    conv = F.silu(conv + mixer.conv.bias)
    dt = F.softplus(u_dt + mixer.dt_bias)
    out = torch.zeros(len(x), heads * value, dtype=x.dtype)
    for h in range(heads):
        q = naive_norm(conv[:, h * key : (h + 1) * key], mixer.q_norm[h], eps) / math.sqrt(key)
        k = naive_norm(conv[:, (heads + h) * key : (heads + h + 1) * key], mixer.k_norm[h], eps)
        v = conv[:, 2 * heads * key + h * value : 2 * heads * key + (h + 1) * value]
        mode = ATTENTION if h in attending else STATE
        a = -torch.exp(mixer.A_log[mode, h]) * dt[:, h]
        state = torch.zeros(key, value, dtype=x.dtype)
        for t in range(len(x)):
            if mode == STATE:
                state = torch.exp(a[t]) * state + dt[t, h] * torch.outer(k[t], v[t])
                y = state.T @ q[t]
            else:
                first = max(0, t - cfg.attention_window + 1)
                span = range(first, t + 1)
                scores = torch.stack(
                    [
                        torch.exp(mixer.temperature[h]) * (q[t] @ k[j])
                        + a[j + 1 : t + 1].sum()
                        + torch.log(dt[j, h].clamp(min=DT_FLOOR))
                        for j in span
                    ]
                )
                y = scores.softmax(0) @ v[first : t + 1]
            y = naive_norm(y + mixer.D[h] * v[t], mixer.out_norm[mode, h], eps)
            out[t, h * value : (h + 1) * value] = y * torch.sigmoid(z[t, h * value : (h + 1) * value])
    return out @ mixer.out_proj.weight.T


def naive_logits(model: Stateline, tokens: Tensor, state_heads: int) -> Tensor:
    """tokens [T] -> logits [T, vocab] by a copy of the model in fp64."""
    twin = Stateline(model.config).double()
    twin.load_state_dict(model.state_dict())
    eps = model.config.rms_norm_eps
    x = twin.embed_tokens.weight[tokens]
    for block in twin.layers:
        x = x + naive_mixer(block.mixer, naive_norm(x, block.norm1.weight, eps), state_heads)
        gate, up = (naive_norm(x, block.norm2.weight, eps) @ block.mlp.gate_up_proj.weight.T).chunk(2, -1)
        x = x + (F.silu(gate) * up) @ block.mlp.down_proj.weight.T
    return naive_norm(x, twin.norm.weight, eps) @ twin.embed_tokens.weight.T


@pytest.mark.parametrize("state_heads", range(5))
@pytest.mark.parametrize("window", [1000, 9])
@pytest.mark.parametrize("order", [None, [[2, 0, 3, 1], [1, 3, 0, 2]]])
@torch.no_grad()
def test_chunked_model_equals_the_equations(
    state_heads: int, window: int, order: list[list[int]] | None
) -> None:
    config = ModelConfig(**(TINY.__dict__ | {"attention_window": window, "head_switch_order": order or []}))
    model = random_model(config, seed=7)
    tokens = torch.randint(0, config.vocab_size, (48,), generator=torch.Generator().manual_seed(7))
    expected = naive_logits(model, tokens, state_heads)
    for chunk in (1, 3, 16, 48):
        logits, _ = model(tokens[None], state_heads, chunk=chunk)
        assert (logits[0].double() - expected).abs().max() < TOLERANCE * expected.abs().max(), (
            f"chunk {chunk}"
        )


@torch.no_grad()
def test_state_carried_between_segments_equals_one_pass() -> None:
    model = random_model(TINY, seed=3)
    tokens = torch.randint(0, TINY.vocab_size, (2, 96), generator=torch.Generator().manual_seed(3))
    whole, _ = model(tokens, TINY.num_heads, chunk=16)
    _, memory = model(tokens[:, :32], TINY.num_heads, chunk=16)
    rest, _ = model(tokens[:, 32:], TINY.num_heads, memory, chunk=16)
    assert (rest - whole[:, 32:]).abs().max() < TOLERANCE * whole.abs().max()


@torch.no_grad()
def test_a_reset_row_forgets_and_another_row_does_not() -> None:
    model = random_model(TINY, seed=4)
    tokens = torch.randint(0, TINY.vocab_size, (2, 32), generator=torch.Generator().manual_seed(4))
    _, memory = model(tokens, TINY.num_heads, chunk=16)
    cut = [m.detached(torch.tensor([True, False])) for m in memory]
    after, _ = model(tokens, TINY.num_heads, cut, chunk=16)
    fresh, _ = model(tokens, TINY.num_heads, chunk=16)
    assert torch.equal(after[0], fresh[0])
    assert not torch.allclose(after[1], fresh[1])


def test_gradient_of_attention_decay_flows_once() -> None:
    """The three-way split of the key bias must not triple the gradient of the decays."""
    torch.manual_seed(5)
    q, k, v = (torch.randn(1, 24, 2, n, requires_grad=True) for n in (8, 8, 4))
    a = (-torch.rand(1, 24, 2)).requires_grad_()
    dt = (torch.rand(1, 24, 2) + 0.1).requires_grad_()
    fused = attention_mode(q, k, v, a, dt, window=24)
    scores = torch.einsum("bihk,bjhk->bhij", q, k) + segment_sum(a.transpose(1, 2))
    scores = scores + torch.log(dt).transpose(1, 2)[:, :, None]
    plain = torch.einsum("bhij,bjhv->bihv", scores.softmax(-1), v)
    weights = torch.randn_like(plain)
    for ours, expected in zip(
        torch.autograd.grad((fused * weights).sum(), (q, k, v, a, dt)),
        torch.autograd.grad((plain * weights).sum(), (q, k, v, a, dt)),
        strict=True,
    ):
        assert torch.allclose(ours, expected, atol=1e-4, rtol=1e-4)


def test_empty_memory_is_no_memory() -> None:
    torch.manual_seed(6)
    model = random_model(TINY, seed=6)
    tokens = torch.randint(0, TINY.vocab_size, (2, 16))
    without, _ = model(tokens, 2)
    with_empty, _ = model(tokens, 2, model.empty_memory(2, torch.float32))
    assert torch.equal(without, with_empty)


@pytest.mark.parametrize("block", [1, 8, 24])
def test_a_blocked_sum_is_the_running_sum_and_so_are_its_gradients(block: int) -> None:
    a = torch.randn(2, 24, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn_like(a)
    sums = [blocked_sum(a, block), a.cumsum(1)]
    torch.testing.assert_close(*sums)
    torch.testing.assert_close(*(torch.autograd.grad((y * weight).sum(), a) for y in sums))
