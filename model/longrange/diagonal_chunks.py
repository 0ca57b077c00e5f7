"""What chunks of diagonal systems need, in loops over memory with their gradients: operators, and states carried both ways.

PyTorch would make a pass over all numbers for each power of lambda and for each chunk, which takes as long as the products
that they are for. Shapes: p channels, B batch, J chunks of Q tokens, W ways (the second goes from the end), n complex modes,
all real parts before the imaginary ones.
"""

from __future__ import annotations

import numba
import numpy as np
import torch
from torch import Tensor

Context = torch.autograd.function.FunctionCtx


class Operators(torch.autograd.Function):
    """Of lam and CB [p, W, n] and D [p, W], in double: with u and y the tokens of a chunk, and x the states that it meets,

    y = u M + x leave^T, M [p, Q, Q]; a chunk adds u enter, enter [p, Q, W 2 n], to the states times power [p, W, 2, n].
    """

    @staticmethod
    def forward(
        ctx: Context, lam: Tensor, CB: Tensor, D: Tensor, Q: int, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        p, W, n = lam.shape
        shapes = (p, Q, Q), (p, Q, W, 2, n), (p, Q, W, 2, n), (p, W, 2, n)
        lam, CB = lam.detach().resolve_conj().contiguous(), CB.detach().resolve_conj().contiguous()
        made = [torch.zeros(shape, dtype=dtype) for shape in shapes]
        make_operators(lam.numpy(), CB.numpy(), D.detach().numpy(), *(m.numpy() for m in made))
        ctx.save_for_backward(lam, CB)
        M, enter, leave, power = made
        return M, enter.flatten(2), leave.flatten(2), power

    @staticmethod
    def backward(ctx: Context, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        lam, CB = ctx.saved_tensors
        (p, W, n), Q = lam.shape, gradients[0].shape[1]
        M, enter, leave, power = (g.detach().contiguous() for g in gradients)
        of_lam, of_CB, of_D = (
            torch.zeros_like(lam),
            torch.zeros_like(CB),
            torch.zeros(p, W, dtype=torch.float64),
        )
        given = M, enter.view(p, Q, W, 2, n), leave.view(p, Q, W, 2, n), power
        operators_back(*(x.numpy() for x in (lam, CB, *given, of_lam, of_CB, of_D)))
        return of_lam, of_CB, of_D, None, None


@numba.njit(nogil=True, cache=True)
def make_operators(
    lam: np.ndarray,
    CB: np.ndarray,
    D: np.ndarray,
    M: np.ndarray,
    enter: np.ndarray,
    leave: np.ndarray,
    power: np.ndarray,
) -> None:
    """M_ji has the kernel K_|i-j| of its way, K_k = Re sum CB lam^k; what enters d tokens before the end has lam^d."""
    channels, ways, modes = lam.shape
    Q = M.shape[1]
    kernel = np.empty(Q)
    for p in range(channels):
        for w in range(ways):
            kernel[:] = 0
            kernel[0] = D[p, w]
            for i in range(modes):
                x, own, out = 1.0 + 0.0j, lam[p, w, i], CB[p, w, i]
                for k in range(Q):
                    first, last = (Q - 1 - k, k) if w == 0 else (k, Q - 1 - k)
                    enter[p, first, w, 0, i], enter[p, first, w, 1, i] = x.real, x.imag
                    kernel[k] += (out * x).real
                    x *= own
                    y = out * x
                    leave[p, last, w, 0, i], leave[p, last, w, 1, i] = y.real, -y.imag
                power[p, w, 0, i], power[p, w, 1, i] = x.real, x.imag
            for j in range(Q):
                for k in range(Q - j):
                    if w == 0:
                        M[p, j, j + k] += kernel[k]
                    else:
                        M[p, Q - 1 - j, Q - 1 - j - k] += kernel[k]


@numba.njit(nogil=True, cache=True)
def operators_back(
    lam: np.ndarray,
    CB: np.ndarray,
    M: np.ndarray,
    enter: np.ndarray,
    leave: np.ndarray,
    power: np.ndarray,
    of_lam: np.ndarray,
    of_CB: np.ndarray,
    of_D: np.ndarray,
) -> None:
    """The gradients of make_operators, from those of what it made. A complex one is that of the real part + i that of the other."""
    channels, ways, modes = lam.shape
    Q = M.shape[1]
    of_kernel = np.empty(Q)
    for p in range(channels):
        for w in range(ways):
            of_kernel[:] = 0
            for j in range(Q):
                for k in range(Q - j):
                    of_kernel[k] += M[p, j, j + k] if w == 0 else M[p, Q - 1 - j, Q - 1 - j - k]
            of_D[p, w] = of_kernel[0]
            for i in range(modes):
                x, own, out = (
                    1.0 + 0.0j,
                    np.conj(lam[p, w, i]),
                    np.conj(CB[p, w, i]),
                )  # turned, as gradients take them
                of_own, of_out, slope = 0.0j, 0.0j, 0.0j  # slope is that of x by own
                for k in range(Q):
                    first, last = (Q - 1 - k, k) if w == 0 else (k, Q - 1 - k)
                    of_x = enter[p, first, w, 0, i] + 1j * enter[p, first, w, 1, i] + out * of_kernel[k]
                    of_own += slope * of_x
                    of_out += x * of_kernel[k]
                    slope = slope * own + x
                    x *= own
                    of_y = leave[p, last, w, 0, i] - 1j * leave[p, last, w, 1, i]
                    of_own += slope * out * of_y
                    of_out += x * of_y
                of_own += slope * (power[p, w, 0, i] + 1j * power[p, w, 1, i])
                of_lam[p, w, i], of_CB[p, w, i] = of_own, of_out


class Carry(torch.autograd.Function):
    """The states that each chunk meets, [p, B, J, W, 2, n], of what the chunks add to them; lam [p, W, 2, n] of a whole chunk."""

    @staticmethod
    def forward(ctx: Context, gained: Tensor, lam: Tensor) -> Tensor:
        gained, lam = gained.contiguous(), lam.contiguous()
        states = torch.empty_like(gained)
        walk(gained.numpy(), lam.numpy(), states.numpy())
        ctx.save_for_backward(states, lam)
        return states

    @staticmethod
    def backward(ctx: Context, gradient: Tensor) -> tuple[Tensor, Tensor]:
        states, lam = ctx.saved_tensors
        gradient = gradient.contiguous()
        of_gained, of_lam = torch.empty_like(gradient), torch.zeros_like(lam)
        walk_back(gradient.numpy(), lam.numpy(), states.numpy(), of_gained.numpy(), of_lam.numpy())
        return of_gained, of_lam


@numba.njit(nogil=True, fastmath=True, cache=True)
def walk(gained: np.ndarray, lam: np.ndarray, states: np.ndarray) -> None:
    """x_{j+1} = lam x_j + gained_j from zero, in each way's order."""
    channels, batch, count, ways, _, modes = gained.shape
    for p in range(channels):
        for b in range(batch):
            for w in range(ways):
                re, im = lam[p, w, 0], lam[p, w, 1]
                last = states[p, b, 0 if w == 0 else count - 1, w]
                last[:] = 0
                for k in range(1, count):
                    j = k if w == 0 else count - 1 - k
                    own, x = gained[p, b, j - 1 if w == 0 else j + 1, w], states[p, b, j, w]
                    for i in range(modes):
                        x[0, i] = own[0, i] + re[i] * last[0, i] - im[i] * last[1, i]
                        x[1, i] = own[1, i] + re[i] * last[1, i] + im[i] * last[0, i]
                    last = x


@numba.njit(nogil=True, fastmath=True, cache=True)
def walk_back(
    gradient: np.ndarray, lam: np.ndarray, states: np.ndarray, of_gained: np.ndarray, of_lam: np.ndarray
) -> None:
    """of_gained_j = a_{j+1} with a_j = gradient_j + conj(lam) a_{j+1}; of_lam = the sum of a_{j+1} conj(x_j)."""
    channels, batch, count, ways, _, modes = gradient.shape
    for p in range(channels):
        for b in range(batch):
            for w in range(ways):
                re, im, sums = lam[p, w, 0], lam[p, w, 1], of_lam[p, w]
                a = of_gained[p, b, count - 1 if w == 0 else 0, w]
                a[:] = 0
                for k in range(1, count):
                    j = count - 1 - k if w == 0 else k
                    after = j + 1 if w == 0 else j - 1
                    own, x, out = gradient[p, b, after, w], states[p, b, j, w], of_gained[p, b, j, w]
                    for i in range(modes):
                        out[0, i] = own[0, i] + re[i] * a[0, i] + im[i] * a[1, i]
                        out[1, i] = own[1, i] + re[i] * a[1, i] - im[i] * a[0, i]
                        sums[0, i] += out[0, i] * x[0, i] + out[1, i] * x[1, i]
                        sums[1, i] += out[1, i] * x[0, i] - out[0, i] * x[1, i]
                    a = out
