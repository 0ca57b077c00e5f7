"""The ways to run a time-invariant system give the same outputs and the same gradients."""

from __future__ import annotations

import pytest
import torch
from longrange.blocks import two_ways
from longrange.forms import chunked, direct, fft, recurrence, scan
from longrange.layers import METHODS, DiagonalSSM, LowRankSSM
from torch import Tensor, nn

FAMILIES = ("low_rank", "diagonal")
FORMS = {
    "recurrence": lambda system, u: recurrence(system, u)[0],
    "direct": direct,
    "fft": fft,
    "scan": scan,
    "chunked": lambda system, u: chunked(system, u, chunk=37)[0],
    "blocks": lambda system, u: two_ways([system], u.transpose(0, 1)).transpose(0, 1),
}


def make_layer(
    family: str, channels: int, state_size: int = 12, method: str = METHODS[0], seed: int = 0
) -> nn.Module:
    torch.manual_seed(seed)
    if family == "low_rank":
        return LowRankSSM(channels, state_size, rank=4, method=method)
    return DiagonalSSM(channels, state_size, method)


def relative(found: Tensor, wanted: Tensor) -> float:
    """Largest difference over the largest value, or over 1e-6 where all are smaller (a gradient may be zero)."""
    return ((found - wanted).abs().max() / wanted.abs().max().clamp(min=1e-6)).item()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("length", [1, 2, 3, 64, 101, 500])
def test_every_form_and_its_gradient_equals_the_recurrence_in_double(
    family: str, method: str, length: int
) -> None:
    u = torch.randn(2, 3, length, dtype=torch.float64, generator=torch.Generator().manual_seed(length))
    weight = torch.randn(
        2, 3, length, dtype=torch.float64, generator=torch.Generator().manual_seed(length + 1)
    )
    wanted: list[Tensor] = []
    for name, form in FORMS.items():
        layer = make_layer(family, channels=3, method=method, seed=length).double()
        inputs = u.clone().requires_grad_()
        y = form(layer.system(), inputs)
        (y * weight).sum().backward()
        found = [y.detach(), inputs.grad, *(p.grad for p in layer.parameters())]
        wanted = wanted or found
        errors = list(map(relative, found, wanted))
        assert max(errors[:2]) < 1e-9, name
        # Through G^-1 (A - I) a gradient loses the digits of the slowest rate, 1e-4, twice: how many depends on the processor.
        assert max(errors[2:]) < 1e-7, name


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("length", [1, 17, 1000, 4096])
def test_every_form_equals_the_recurrence_to_1e_5_in_single(family: str, length: int) -> None:
    system = make_layer(family, channels=2, seed=length).system().to(torch.float32)
    u = torch.randn(1, 2, length, generator=torch.Generator().manual_seed(length))
    with torch.no_grad():
        wanted = recurrence(system, u.double())[0]
        for name, form in FORMS.items():
            assert relative(form(system, u).double(), wanted) < 1e-5, name


@pytest.mark.parametrize("family", FAMILIES)
def test_65536_steps_agree_to_1e_5_in_single_with_their_gradients(family: str) -> None:
    """The gradient of <w, K * u> in u is the same convolution over w read backwards, so the recurrence gives both at once."""
    u, w = torch.randn(2, 1, 1, 65536, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        system = make_layer(family, channels=1, state_size=8).system().to(torch.float32)
        both = recurrence(system, torch.cat([u, w.flip(-1)]))[0]
    for name in ("direct", "fft", "scan", "chunked"):
        inputs = u.clone().requires_grad_()
        y = FORMS[name](system, inputs) if name != "chunked" else chunked(system, inputs)[0]
        (y * w).sum().backward()
        assert relative(y, both[:1]) < 1e-5, name
        assert relative(inputs.grad, both[1:].flip(-1)) < 1e-5, name


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("length", [1, 100, 128, 700])
def test_blocks_go_both_ways_at_once_with_the_gradients_of_two_convolutions(family: str, length: int) -> None:
    layers = [make_layer(family, channels=3, seed=seed).double() for seed in (1, 2)]
    u, weight = torch.randn(2, 2, 3, length, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    u.requires_grad_()
    there, back = (layer.system() for layer in layers)
    wanted = fft(there, u) + fft(back, u.flip(-1)).flip(-1)
    found = two_ways([layer.system() for layer in layers], u.transpose(0, 1)).transpose(0, 1)
    assert relative(found.detach(), wanted.detach()) < 1e-9
    inputs = [u, *(p for layer in layers for p in layer.parameters())]
    gradients = (torch.autograd.grad((y * weight).sum(), inputs) for y in (found, wanted))
    assert max(map(relative, *gradients)) < 1e-7


@pytest.mark.parametrize("family", FAMILIES)
def test_blocks_in_bfloat16_are_as_exact_as_it_is(family: str) -> None:
    system = make_layer(family, channels=3, seed=1).system().to(torch.float32)
    u = torch.randn(2, 3, 1000, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        found = FORMS["blocks"](system, u.bfloat16()).float()
        assert relative(found, fft(system, u.bfloat16().float())) < 0.02
