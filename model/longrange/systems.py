"""Discrete linear time-invariant systems: what one step does, and what the powers of A do.

    x_{t+1} = A x_t + B u_t,    y_t = C x_{t+1} + D u_t

One input and one output a channel; the state is read after the input has entered, so the kernel is K_0 = C B + D,
K_k = C A^k B. Shapes: p channels, N state size, R rank, n = N / 2 complex modes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LowRank:
    """A = decay (I + P Q^T), shared by all channels; powers keep the form, which makes them cheap."""

    decay: Tensor  # [1]
    P: Tensor  # [N, R]
    Q: Tensor  # [N, R]
    B: Tensor  # [p, N]
    C: Tensor  # [p, N]
    D: Tensor  # [p]

    def to(self, dtype: torch.dtype) -> LowRank:
        return LowRank(*(x.to(dtype) for x in (self.decay, self.P, self.Q, self.B, self.C, self.D)))

    def advance(self, x: Tensor) -> Tensor:
        """A x for states x [..., p, N]."""
        return self.decay * (x + (x @ self.Q) @ self.P.T)

    def squared(self) -> LowRank:
        """The system of A^2: (I + P Q^T)^2 = I + (2 P + P Q^T P) Q^T."""
        P = 2 * self.P + self.P @ (self.Q.T @ self.P)
        return LowRank(self.decay**2, P, self.Q, self.B, self.C, self.D)

    def transposed(self) -> LowRank:
        """The system of A^T."""
        return LowRank(self.decay, self.Q, self.P, self.B, self.C, self.D)

    def entry(self) -> Tensor:
        """B [p, N]."""
        return self.B

    def exit(self) -> Tensor:
        """C [p, N]."""
        return self.C

    def enter(self, u: Tensor) -> Tensor:
        """B u: inputs u [..., p] as states [..., p, N]."""
        return self.B * u[..., None]

    def read(self, x: Tensor) -> Tensor:
        """C x: states [..., p, N] as outputs [..., p]."""
        return (self.C * x).sum(-1)

    def dense(self) -> Tensor:
        """A [N, N]."""
        return self.decay * (torch.eye(len(self.P), dtype=self.P.dtype) + self.P @ self.Q.T)


@dataclass(frozen=True)
class Diagonal:
    """A = diag(lam) with the conjugate of each mode implied; B is 1 and CB holds 2 C B. Modes of its own for each channel."""

    lam: Tensor  # [p, n] complex
    CB: Tensor  # [p, n] complex
    D: Tensor  # [p]

    def to(self, dtype: torch.dtype) -> Diagonal:
        return Diagonal(self.lam.to(dtype.to_complex()), self.CB.to(dtype.to_complex()), self.D.to(dtype))

    def advance(self, x: Tensor) -> Tensor:
        """A x for states x [..., p, n]."""
        return self.lam * x

    def squared(self) -> Diagonal:
        """The system of A^2."""
        return Diagonal(self.lam**2, self.CB, self.D)

    def transposed(self) -> Diagonal:
        """The system of A^T, which is this one."""
        return self

    def entry(self) -> Tensor:
        """B [p, n]."""
        return torch.ones_like(self.lam)

    def exit(self) -> Tensor:
        """2 C B [p, n]."""
        return self.CB

    def enter(self, u: Tensor) -> Tensor:
        """B u: inputs u [..., p] as states [..., p, n]."""
        return u[..., None].to(self.lam.dtype).expand(*u.shape, self.lam.shape[-1])

    def read(self, x: Tensor) -> Tensor:
        """C x: states [..., p, n] as outputs [..., p]."""
        return (self.CB * x).sum(-1).real


System = LowRank | Diagonal


def orbit(system: System, x: Tensor, count: int) -> Tensor:
    """x, A x, ..., A^(count-1) x along a new first dimension, by doubling: log2(count) products."""
    out = x[None]
    while len(out) < count:
        out = torch.cat([out, system.advance(out)])
        system = system.squared()
    return out[:count]
