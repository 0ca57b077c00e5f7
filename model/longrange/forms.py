"""The equal ways to run a system over a sequence: recurrence, direct and FFT convolution, parallel scan, and chunks.

Each takes inputs u [batch, p, T] and returns outputs y [batch, p, T] in u's dtype; all are differentiable. Cost for one
channel: recurrence T N products one after the other; direct T^2 / 2 at once; FFT T log T; scan T N log T in log T steps.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from longrange.systems import System, orbit


def kernel(system: System, length: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """K [p, length] with K_k = C A^k B, without D: the response to one impulse.

    K_{jm+i} = (C A^{jm}) (A^i B) with m near the root of length, so that 2 m powers serve for m^2 entries. The powers are
    made in double: fp32 would lose as many digits as k has, where a mode is slow.
    """
    exact = system.to(torch.float64)
    level = (max(length - 1, 1).bit_length() + 1) // 2
    m = 2**level
    near = orbit(exact, exact.entry(), m)  # [m, p, N]
    for _ in range(level):
        exact = exact.squared()
    far = orbit(exact.transposed(), exact.exit(), -(-length // m))  # [ceil(length / m), p, N]
    kind = dtype.to_complex() if near.is_complex() else dtype
    product = torch.einsum("jpn,ipn->pji", far.to(kind), near.to(kind))
    return (product.real if product.is_complex() else product).flatten(1)[:, :length]


def recurrence(system: System, u: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """One step after the other; state [batch, p, N] is that before u, zero if None. Returns y and the state after."""
    system = system.to(u.dtype)
    x = torch.zeros_like(system.enter(u[..., 0])) if state is None else state
    states = []
    for t in range(u.shape[-1]):
        x = system.advance(x) + system.enter(u[..., t])
        states.append(system.read(x))
    return torch.stack(states, -1) + system.D[:, None] * u, x


def direct(system: System, u: Tensor) -> Tensor:
    """y_t = sum over k <= t of K_k u_{t-k}, as written: one Toeplitz matrix for each distance between blocks of m steps."""
    batch, p, length = u.shape
    m = min(length, 256)
    count = -(-length // m)
    padded = F.pad(
        kernel(system, length, u.dtype), (m - 1, count * m - length)
    )  # K_{-(m-1)} .. K_{count m - 1}
    blocks = F.pad(u, (0, count * m - length)).view(batch, p, count, m).flip(-1)
    y = torch.zeros_like(blocks)
    for lag in range(count):
        windows = padded[:, lag * m : (lag + 2) * m - 1].unfold(
            -1, m, 1
        )  # [p, m, m]: row i holds K_{lag m + i - m + 1} ..
        reached = torch.einsum("pik,bpnk->bpni", windows, blocks[:, :, : count - lag])
        y = y + F.pad(reached, (0, 0, lag, 0))
    return y.flatten(2)[..., :length] + system.D.to(u.dtype)[:, None] * u


def fft(system: System, u: Tensor) -> Tensor:
    """The same sum as a product of spectra; padded to 2 T, so that the end does not wrap around to the beginning."""
    length = u.shape[-1]
    return convolve(kernel(system, length, u.dtype), u) + system.D.to(u.dtype)[:, None] * u


def convolve(K: Tensor, u: Tensor) -> Tensor:
    """Causal convolution of K [p, T] and u [batch, p, T] by FFT."""
    length = u.shape[-1]
    size = 2 ** (2 * length - 1).bit_length()
    return torch.fft.irfft(torch.fft.rfft(u, size) * torch.fft.rfft(K, size), size)[..., :length]


def scan(system: System, u: Tensor) -> Tensor:
    """All states by a parallel prefix sum (Kogge and Stone 1973): after step i each state holds its last 2^i inputs.

    Holds the states of the whole sequence, [batch, T, p, N].
    """
    power = system.to(torch.float64)  # A^(2^i), in double as in kernel
    system = system.to(u.dtype)
    x = system.enter(u.transpose(1, 2))  # [batch, T, p, N]
    reach = 1
    while reach < u.shape[-1]:
        x = torch.cat([x[:, :reach], x[:, reach:] + power.to(u.dtype).advance(x[:, :-reach])], 1)
        power, reach = power.squared(), 2 * reach
    return system.read(x).transpose(1, 2) + system.D[:, None] * u


def chunked(
    system: System, u: Tensor, state: Tensor | None = None, chunk: int = 1024
) -> tuple[Tensor, Tensor]:
    """Convolution inside chunks, recurrence between them: streams any length in memory of one chunk. As recurrence."""
    batch, _, length = u.shape
    exact, system = system.to(torch.float64), system.to(u.dtype)
    x = torch.zeros_like(system.enter(u[..., 0])) if state is None else state
    responses = orbit(exact, exact.entry(), min(chunk, length)).to(x.dtype)  # [chunk, p, N]: A^k B
    K = system.read(responses).T
    parts = []
    for part in u.split(chunk, -1):
        size = part.shape[-1]
        wide = torch.complex128 if x.is_complex() else torch.float64
        carried = orbit(exact, x.to(wide), size + 1)[1:].to(x.dtype)  # [size, batch, p, N]: A^(k+1) x
        y = convolve(K[:, :size], part) + system.read(carried).permute(1, 2, 0)
        parts.append(y + system.D[:, None] * part)
        x = carried[-1] + torch.einsum("kpn,bpk->bpn", responses[:size].flip(0), part.to(x.dtype))
    return torch.cat(parts, -1), x
