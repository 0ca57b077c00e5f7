"""Trainable state-space layers: continuous systems that are stable whatever the optimiser does, and their discretisation.

A continuous system x' = G x + B u becomes x_{t+1} = A x_t + B_ u_t with a step of dt. Zero-order hold takes u constant over the
step: A = exp(dt G), B_ = G^-1 (A - I) B. The bilinear transform (Tustin) takes the mean of both ends:
A = (I - dt/2 G)^-1 (I + dt/2 G), B_ = (I - dt/2 G)^-1 dt B. Both map a stable G to a stable A.
Everything here is made in double, since A - I cancels where a mode is slow. Shapes: p channels, N state size, R rank.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from longrange.systems import Diagonal, LowRank, System

METHODS = ("zero-order hold", "bilinear")
RATE_FLOOR = (
    1e-6  # least decay a step: a memory of a million steps, and rounding A to fp32 (6e-8) cannot lift it to 1
)
SLOWEST, FASTEST = 1e-4, 0.5  # decay a step of the modes at the start; the slowest then reaches 10,000 steps


class LowRankSSM(nn.Module):
    """G = -a I + U (S - L) U^T with S skew and L >= 0 diagonal: then G + G^T <= -2 a I for every U, so |exp(dt G)| <= exp(-a dt) < 1.

    One A for all channels, and exp(dt G) keeps the form decay (I + P Q^T). U starts orthonormal.
    """

    def __init__(self, channels: int, state_size: int, rank: int, method: str = METHODS[0]) -> None:
        super().__init__()
        self.method = method
        self.U = nn.Parameter(nn.init.orthogonal_(torch.empty(state_size, rank)))
        # Modes come in pairs that turn together, by something from their rate to pi radians a step.
        slow_to_fast = torch.logspace(math.log10(SLOWEST), math.log10(FASTEST), rank // 2)
        turns = slow_to_fast * torch.exp(torch.rand(rank // 2) * torch.log(math.pi / slow_to_fast))
        rates = slow_to_fast.repeat_interleave(2)
        skew = torch.zeros(rank, rank)
        skew[range(0, rank, 2), range(1, rank, 2)] = turns
        self.S = nn.Parameter(skew)  # its skew part counts: S - S^T
        self.log_L = nn.Parameter(torch.log(rates))
        self.log_a = nn.Parameter(torch.tensor([math.log(SLOWEST)]))
        self.log_dt = nn.Parameter(torch.zeros(1))
        # Each mode starts with a kernel of energy 1: sum over k of exp(-rate k)^2 is about 1 / (2 rate), as LRU's gamma.
        gains = torch.randn(channels, rank) * torch.sqrt(2 * (rates + SLOWEST))
        rest = torch.randn(channels, state_size) * math.sqrt(2 * SLOWEST)
        with torch.no_grad():
            self.B = nn.Parameter(gains @ self.U.T + rest - rest @ self.U @ self.U.T)
        self.C = nn.Parameter(torch.randn(channels, state_size) * rank**-0.5)
        self.D = nn.Parameter(torch.randn(channels))

    def generator(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """dt [1], a [1], U [N, R] and M = S - S^T - L [R, R], in double: G = -a I + U M U^T."""
        dt = torch.exp(self.log_dt.double())
        a = torch.exp(self.log_a.double()) + RATE_FLOOR / dt
        S = self.S.double()
        return dt, a, self.U.double(), S - S.T - torch.diag(torch.exp(self.log_L.double()))

    def system(self) -> LowRank:
        return {METHODS[0]: hold_low_rank, METHODS[1]: bilinear_low_rank}[self.method](
            *self.generator(), self.B.double(), self.C.double(), self.D.double()
        )


def hold_low_rank(dt: Tensor, a: Tensor, U: Tensor, M: Tensor, B: Tensor, C: Tensor, D: Tensor) -> LowRank:
    """Zero-order hold of G = -a I + U M U^T: exp(dt U M U^T) = I + U phi(Z) dt M U^T, Z = dt M U^T U, phi(z) = (e^z - 1) / z."""
    decay = torch.exp(-a * dt)
    P = U @ phi(dt * M @ (U.T @ U)) @ (dt * M)
    eye = torch.eye(len(U), dtype=U.dtype)
    G = U @ M @ U.T - a * eye
    step = torch.linalg.solve(G, decay * (eye + P @ U.T) - eye)  # G^-1 (A - I)
    return LowRank(decay, P, U, B @ step.T, C, D)


def phi(Z: Tensor) -> Tensor:
    """(e^Z - I) Z^-1 for any square Z, singular or not: the upper right block of exp [[Z, I], [0, 0]] (Van Loan 1978)."""
    size = len(Z)
    zero, eye = torch.zeros_like(Z), torch.eye(size, dtype=Z.dtype)
    return torch.linalg.matrix_exp(torch.cat([torch.cat([Z, eye], 1), torch.cat([zero, zero], 1)]))[
        :size, size:
    ]


def bilinear_low_rank(
    dt: Tensor, a: Tensor, U: Tensor, M: Tensor, B: Tensor, C: Tensor, D: Tensor
) -> LowRank:
    """Bilinear transform of the same G by the Woodbury identity: with c = 1 + a dt / 2 and h = dt / (2 c),

    (I - dt/2 G)^-1 = (I + U E U^T) / c with E = h (I - h M U^T U)^-1 M, and A = 2 (I - dt/2 G)^-1 - I. Wants a dt < 2.
    """
    c = 1 + a * dt / 2
    h = dt / (2 * c)
    small = torch.eye(len(M), dtype=M.dtype) - h * M @ (U.T @ U)  # [R, R]
    E = torch.linalg.solve(small, h * M)
    P = U @ E * (2 / (2 - c))
    return LowRank((2 - c) / c, P, U, (B + B @ U @ E.T @ U.T) * (dt / c), C, D)


class DiagonalSSM(nn.Module):
    """N / 2 complex modes a channel with Re < 0, conjugates implied (S4D, arXiv 2206.11893); starts as S4D-Lin, -1/2 + i pi n."""

    def __init__(self, channels: int, state_size: int, method: str = METHODS[0]) -> None:
        super().__init__()
        modes = state_size // 2
        self.method = method
        # A step of its own for each channel, so that one channel sees near and another far.
        steps = torch.logspace(math.log10(2 * SLOWEST), math.log10(2 * FASTEST / 10), channels)
        self.log_dt = nn.Parameter(torch.log(steps[torch.randperm(channels)]))
        self.log_re = nn.Parameter(torch.full((channels, modes), math.log(0.5)))
        self.im = nn.Parameter(math.pi * torch.arange(modes).float().repeat(channels, 1))
        self.C = nn.Parameter(torch.randn(channels, modes, 2) * 0.5**0.5)
        self.D = nn.Parameter(torch.randn(channels))

    def system(self) -> Diagonal:
        dt = torch.exp(self.log_dt.double())[:, None]
        Lambda = torch.complex(-torch.exp(self.log_re.double()) - RATE_FLOOR / dt, self.im.double())
        discretise = {METHODS[0]: hold_diagonal, METHODS[1]: bilinear_diagonal}[self.method]
        lam, B = discretise(dt, Lambda)
        return Diagonal(lam, 2 * torch.view_as_complex(self.C.double()) * B, self.D.double())


@torch.no_grad()
def take_diagonal(layer: DiagonalSSM, system: Diagonal) -> None:
    """Makes a layer with zero-order hold compute this discrete system; the step, which is free, is such that Re is -1/2 as at the start."""
    log = torch.log(system.lam.to(torch.complex128))  # dt Lambda
    dt = 2 * (-log.real).median(1, keepdim=True).values
    Lambda = log / dt
    layer.log_dt.copy_(torch.log(dt[:, 0]))
    layer.log_re.copy_(torch.log((-Lambda.real - RATE_FLOOR / dt).clamp_min(1e-9)))
    layer.im.copy_(Lambda.imag)
    gain = system.CB.to(torch.complex128) / (2 * hold_diagonal(dt, Lambda)[1])
    layer.C.copy_(torch.view_as_real(gain))
    layer.D.copy_(system.D)


def hold_diagonal(dt: Tensor, Lambda: Tensor) -> tuple[Tensor, Tensor]:
    """exp(dt Lambda) and (exp(dt Lambda) - 1) / Lambda, of modes whose B is 1."""
    z = dt * Lambda
    lam = torch.polar(torch.exp(z.real), z.imag)  # several times as quick as torch.exp of complex numbers
    return lam, (lam - 1) / Lambda


def bilinear_diagonal(dt: Tensor, Lambda: Tensor) -> tuple[Tensor, Tensor]:
    """(1 + dt Lambda / 2) / (1 - dt Lambda / 2) and dt / (1 - dt Lambda / 2)."""
    return (1 + dt * Lambda / 2) / (1 - dt * Lambda / 2), dt / (1 - dt * Lambda / 2)


class Fixed(nn.Module):
    """A layer whose discrete system was read from a file."""

    def __init__(self, system: System) -> None:
        super().__init__()
        self.fixed = system

    def system(self) -> System:
        return self.fixed


@torch.no_grad()
def spectral_radius(system: System) -> float:
    """Largest |eigenvalue| of A. That of decay (I + P Q^T) comes from the R x R matrix I + Q^T P, and is decay beside it."""
    if isinstance(system, Diagonal):
        return system.lam.abs().max().item()
    P, Q = system.P.double(), system.Q.double()
    inside = torch.linalg.eigvals(torch.eye(P.shape[1], dtype=P.dtype) + Q.T @ P).abs().max().item()
    return system.decay.double().item() * max(inside, 1.0 if P.shape[0] > P.shape[1] else 0.0)
