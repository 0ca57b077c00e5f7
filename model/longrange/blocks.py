"""The form for training on a processor: both directions at once, as products of small matrices that bfloat16 makes cheap.

A sequence is cut into chunks of Q tokens. Inside a chunk every output is one product with a Q x Q Toeplitz matrix, of the
forward kernel on and below its diagonal and of the backward one on and above it; between chunks states are carried each way.
The same map as forms.fft, plus, where there is a way back, forms.fft of that system on the reversed sequence.
Shapes: p channels, B batch, T tokens, J chunks, W ways (1 or 2), S real numbers of a state.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from longrange.diagonal_chunks import Carry, Operators
from longrange.systems import Diagonal, System, orbit

CHUNK = 64  # Q


def two_ways(ways: list[System], u: Tensor) -> Tensor:
    """u [p, B, T] -> [p, B, T] through ways[0] forwards, and ways[1], if there is one, backwards.

    Operators are made in double.
    """
    p, batch, length = u.shape
    exact = torch.float64 if u.dtype == torch.float64 else torch.float32  # of what is carried
    count = -(-length // CHUNK)
    padded = u if length == count * CHUNK else F.pad(u, (0, count * CHUNK - length))
    chunks = padded.reshape(p, batch * count, CHUNK)
    ways = [way.to(torch.float64) for way in ways]
    diagonal = isinstance(ways[0], Diagonal)
    if diagonal:
        lam, CB, D = (torch.stack(parts, 1) for parts in zip(*((way.lam, way.CB, way.D) for way in ways)))
        M, enter, leave, power = Operators.apply(lam, CB, D, CHUNK, exact)
    else:
        M, enter, leave = operators(ways)
    y = torch.bmm(chunks, M.to(u.dtype))
    if count > 1:
        gained = torch.bmm(chunks, enter.to(u.dtype)).view(p, batch, count, len(ways), -1).to(exact)
        if diagonal:
            states = Carry.apply(gained.unflatten(-1, (2, -1)), power)
        else:
            states = torch.stack([carry(way, gained[:, :, :, i], bool(i)) for i, way in enumerate(ways)], 3)
        states = states.reshape(p, batch * count, -1).to(u.dtype)
        y = torch.baddbmm(y, states, leave.to(u.dtype).transpose(1, 2))
    return y.view(p, batch, count * CHUNK)[..., :length]


def operators(ways: list[System]) -> tuple[Tensor, Tensor, Tensor]:
    """M, enter and leave, as those of diagonal_chunks.Operators, of any systems."""
    kernels, enter, leave = zip(*map(orbits, ways))
    # A way back meets the tokens of a chunk in the other order.
    enters = torch.cat([m if back else m.flip(1) for back, m in enumerate(enter)], -1)
    leaves = torch.cat([m.flip(1) if back else m for back, m in enumerate(leave)], -1)
    return toeplitz(kernels), enters, leaves


def orbits(system: System) -> tuple[Tensor, Tensor, Tensor]:
    """K_0 .. K_{Q-1} [p, Q] with D in K_0; A^i B [p, Q, S]; and C A^{i+1} [p, Q, S]."""
    entering = orbit(system, system.entry(), CHUNK)  # [Q, p, N]
    kernel = system.read(entering).T
    kernel = torch.cat([kernel[:, :1] + system.D[:, None], kernel[:, 1:]], 1)
    back = system.transposed()
    leaving = orbit(back, back.advance(system.exit()), CHUNK)
    return kernel, entering.transpose(0, 1), leaving.transpose(0, 1)


def toeplitz(kernels: tuple[Tensor, ...]) -> Tensor:
    """M [p, Q, Q] with y_i = sum_j u_j M_ji: the forward kernel's K_{i-j} for j <= i, the backward one's K_{j-i} for j >= i."""
    forward = kernels[0]
    if len(kernels) == 1:
        lags = F.pad(forward, (CHUNK - 1, 0))
    else:
        back = kernels[1].flip(1)  # K_{Q-1} .. K_0
        lags = torch.cat([back[:, :-1], back[:, -1:] + forward[:, :1], forward[:, 1:]], 1)
    # lags[Q - 1 + k] is the weight of lag k = i - j; row j holds those of k = -j .. Q - 1 - j.
    return lags.unfold(1, CHUNK, 1).flip(1)


def carry(power: System, gained: Tensor, back: bool) -> Tensor:
    """The states [p, B, J, S] that the chunks of one way meet, of what they add; power is the system of one step."""
    for _ in range(CHUNK.bit_length() - 1):
        power = power.squared()
    power = power.to(gained.dtype)
    added = gained.transpose(0, 1).unbind(2)  # [B, p, S] each
    x = torch.zeros_like(added[0])
    states = []
    for own in added[::-1] if back else added:
        states.append(x)
        x = power.advance(x) + own
    return torch.stack(states[::-1] if back else states, 2).transpose(0, 1)
