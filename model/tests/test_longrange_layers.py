"""The state-space layers are stable whatever training does, follow published formulae, and weigh what is said of them."""

from __future__ import annotations

import math

import pytest
import torch
from longrange.forms import chunked, fft, kernel, recurrence
from longrange.layers import METHODS, DiagonalSSM, LowRankSSM, hold_diagonal, phi, spectral_radius
from longrange.parameters import article, counts, dense, low_rank
from longrange.systems import Diagonal
from torch import Tensor, nn


def random_steps(layer: nn.Module, count: int, seed: int) -> list[float]:
    """Spectral radii along a training that follows no aim: Adam at a high rate towards ever new random outputs."""
    torch.manual_seed(seed)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    radii = []
    for _ in range(count):
        optimizer.zero_grad()
        y = fft(layer.system(), torch.randn(1, 4, 16))
        (y - 10 * torch.randn_like(y)).square().mean().backward()
        optimizer.step()
        radii.append(spectral_radius(layer.system()))
    return radii


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", ["low_rank", "diagonal"])
def test_the_spectral_radius_stays_below_one_after_random_optimiser_steps(family: str, method: str) -> None:
    torch.manual_seed(0)
    layer = LowRankSSM(4, 16, 4, method) if family == "low_rank" else DiagonalSSM(4, 16, method)
    radii = random_steps(layer, 60, seed=1)
    assert max(radii) < 1
    assert spectral_radius(layer.system().to(torch.float32)) < 1, "rounded for the file"


class PlainSSM(nn.Module):
    """The article's A = I + W1 W2^T with both factors free."""

    def __init__(self, state_size: int, rank: int) -> None:
        super().__init__()
        self.W1 = nn.Parameter(nn.init.orthogonal_(torch.empty(state_size, rank)) * 0.1)
        self.W2 = nn.Parameter(nn.init.orthogonal_(torch.empty(state_size, rank)) * -0.1)

    def A(self) -> Tensor:
        return torch.eye(len(self.W1)) + self.W1 @ self.W2.T


def test_the_plain_identity_plus_low_rank_leaves_the_stable_region() -> None:
    torch.manual_seed(0)
    layer = PlainSSM(16, 4)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    radii = []
    for _ in range(50):
        optimizer.zero_grad()
        x = torch.randn(8, 16)
        (x @ torch.linalg.matrix_power(layer.A(), 8).T - 10 * torch.randn(8, 16)).square().mean().backward()
        optimizer.step()
        radii.append(torch.linalg.eigvals(layer.A().detach()).abs().max().item())
    assert max(radii) > 1.01


@pytest.mark.parametrize("method", METHODS)
def test_the_low_rank_form_is_the_dense_discretisation(method: str) -> None:
    torch.manual_seed(3)
    layer = LowRankSSM(3, 12, 4, method)
    with torch.no_grad():
        layer.U += 0.3 * torch.randn_like(layer.U)  # stability and form do not need it orthonormal
    system = layer.system()
    dt, a, U, M = layer.generator()
    eye = torch.eye(12, dtype=torch.float64)
    G = U @ M @ U.T - a * eye
    if method == METHODS[0]:
        A = torch.linalg.matrix_exp(dt * G)
        B = torch.linalg.solve(G, (A - eye) @ layer.B.double().T).T
    else:
        inverse = torch.linalg.inv(eye - dt / 2 * G)
        A, B = inverse @ (eye + dt / 2 * G), layer.B.double() @ (inverse * dt).T
    torch.testing.assert_close(system.dense(), A, rtol=0, atol=1e-12)
    torch.testing.assert_close(system.B, B, rtol=1e-9, atol=1e-12)
    assert torch.linalg.matrix_norm(A, 2) < 1
    radius = torch.linalg.eigvals(A).abs().max().item()
    assert spectral_radius(system) == pytest.approx(radius, abs=1e-9)


def test_phi_is_its_series_also_where_Z_is_singular() -> None:
    Z = torch.tensor([[0.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(phi(Z), torch.eye(2, dtype=torch.float64) + Z / 2)


def test_the_diagonal_kernel_is_that_of_S4D() -> None:
    """S4D (arXiv 2206.11893, listing 1): K = 2 Re(C (exp(dt A) - 1) / A . exp(dt A)^k), A = -1/2 + i pi n at the start."""
    torch.manual_seed(0)
    layer = DiagonalSSM(3, 8)
    A = -0.5 + 1j * math.pi * torch.arange(4)
    dt = torch.exp(layer.log_dt.double())[:, None]
    C = torch.view_as_complex(layer.C.detach().double()) * (torch.exp(dt * A) - 1) / A
    K = 2 * torch.einsum("pn,pnk->pk", C, torch.exp((dt * A)[..., None] * torch.arange(100))).real
    torch.testing.assert_close(kernel(layer.system(), 100, torch.float64), K, rtol=1e-3, atol=1e-5)


def test_a_linear_recurrent_unit_is_a_diagonal_system() -> None:
    """LRU (arXiv 2303.06349): lambda = exp(-exp(nu) + i exp(theta)), gamma = sqrt(1 - |lambda|^2), x = lambda x + gamma B u."""
    torch.manual_seed(1)
    nu, theta = torch.randn(2, 1, 6, dtype=torch.float64)
    B, C = torch.randn(2, 1, 6, dtype=torch.complex128)
    lam = torch.exp(torch.complex(-torch.exp(nu), torch.exp(theta)))
    gamma = torch.sqrt(1 - lam.abs() ** 2)
    u = torch.randn(50, dtype=torch.float64)
    x, wanted = torch.zeros(1, 6, dtype=torch.complex128), []
    for value in u:
        x = lam * x + gamma * B * value
        wanted.append((C * x).sum().real)
    system = Diagonal(lam, C * gamma * B, torch.zeros(1, dtype=torch.float64))
    torch.testing.assert_close(recurrence(system, u[None, None])[0][0, 0], torch.stack(wanted))


def test_hold_of_a_constant_input_is_exact() -> None:
    """x' = Lambda x + 1 from 0 is (exp(Lambda t) - 1) / Lambda, which zero-order hold meets at every step."""
    Lambda, dt = (
        torch.tensor([[-0.3 + 2j]], dtype=torch.complex128),
        torch.tensor([[0.1]], dtype=torch.float64),
    )
    lam, B = hold_diagonal(dt, Lambda)
    x = torch.zeros_like(lam)
    for _ in range(20):
        x = lam * x + B
    torch.testing.assert_close(x, (torch.exp(2.0 * Lambda) - 1) / Lambda)


def test_parameters_of_A_are_those_that_the_table_says() -> None:
    layer = LowRankSSM(4, 64, 16)
    skew = 16 * 15 // 2  # S counts by its skew part
    held = layer.U.numel() + skew + layer.log_L.numel() + layer.log_a.numel() + layer.log_dt.numel()
    assert held == low_rank(64, 16)
    assert 1 - article(128, 16) / dense(128) == 0.75, "the article's saving, at this size alone"
    assert [1 - article(N, 16) / dense(N) for N in (32, 64, 256)] == [0.0, 0.5, 0.875]
    assert len(counts()) > 3


def test_a_million_steps_stream_in_memory_of_one_chunk() -> None:
    torch.manual_seed(0)
    system = LowRankSSM(1, 8, 4).system()
    state, total = None, 0
    with torch.no_grad():
        for _ in range(8):
            y, state = chunked(system, torch.ones(1, 1, 2**17), state, chunk=2**14)
            total += y.shape[-1]
    assert total == 2**20
    # By now the output is what the constant input settles at: the sum of the kernel.
    A = system.dense()
    settled = (
        system.C @ torch.linalg.solve(torch.eye(8, dtype=A.dtype) - A, system.B.T)
    ).squeeze() + system.D
    torch.testing.assert_close(y[0, 0, -1:].double(), settled, rtol=1e-3, atol=1e-3)
