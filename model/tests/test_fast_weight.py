"""The fast weight at the head: its gradient, and that it learns what a repository does."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from experiments.fast_weight import BATCH, gradient, learn, nats

VOCAB, WIDTH = 40, 12


def random_head(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    E, h = (torch.randn(rows, WIDTH, generator=generator) for rows in (VOCAB, count))
    return E, h, torch.randint(0, VOCAB, (count,), generator=generator)


def test_the_gradient_is_that_of_the_cross_entropy() -> None:
    E, h, tokens = random_head(30)
    A, bias = torch.randn(WIDTH, WIDTH).requires_grad_(), torch.randn(VOCAB).requires_grad_()
    F.cross_entropy(F.linear(h + h @ A, E, bias), tokens).backward()
    by_A, by_bias = gradient(E, h, tokens, A.detach(), bias.detach())
    assert torch.allclose(by_A, A.grad, atol=1e-6)
    assert torch.allclose(by_bias, bias.grad, atol=1e-6)


@pytest.mark.parametrize(
    "turned", [False, True], ids=["frequencies, by the bias", "turned vectors, by the matrix"]
)
def test_what_is_learned_lowers_the_loss_of_other_tokens(turned: bool) -> None:
    E, h, _ = random_head(16 * BATCH)
    turn = (
        torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(1)) if turned else torch.eye(WIDTH)
    )
    usual = torch.zeros(VOCAB) if turned else torch.linspace(-3, 3, VOCAB)
    follow = (F.linear(h @ turn, E) + usual).softmax(-1)
    tokens = torch.multinomial(follow, 1, generator=torch.Generator().manual_seed(2))[:, 0]
    half = len(h) // 2
    A, bias = learn(E, h[:half], tokens[:half], passes=20)
    before = nats(E, h[half:], tokens[half:], 0 * A, 0 * bias)
    assert nats(E, h[half:], tokens[half:], A, bias) < 0.95 * before
