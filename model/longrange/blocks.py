"""The form for training on a processor: both directions at once, as products of small matrices that bfloat16 makes cheap.

A sequence is cut into chunks of Q tokens. Inside a chunk every output is one product with a Q x Q Toeplitz matrix, of the
forward kernel on and below its diagonal and of the backward one on and above it; between chunks states are carried each way.
The same map as forms.fft, plus, where there is a way back, forms.fft of that system on the reversed sequence.
Shapes: p channels, B batch, T tokens, J chunks, W ways (1 or 2), S real numbers of a state.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from longrange.systems import Diagonal, System, orbit

CHUNK = 128  # Q


def two_ways(ways: list[System], u: Tensor) -> Tensor:
    """u [p, B, T] -> [p, B, T] through ways[0] forwards, and ways[1], if there is one, backwards.

    Operators are made in double, for a bfloat16 u in fp32, which the powers of one chunk leave exact enough.
    """
    p, batch, length = u.shape
    ways = [way.to(torch.float32 if u.dtype == torch.bfloat16 else torch.float64) for way in ways]
    count = -(-length // CHUNK)
    chunks = F.pad(u, (0, count * CHUNK - length)).reshape(p, batch * count, CHUNK)
    kernels, enter, leave = zip(*(operators(way) for way in ways))
    y = torch.bmm(chunks, toeplitz(kernels).to(u.dtype))
    if count > 1:
        # A way back meets the tokens of a chunk in the other order.
        enters = torch.cat([m if back else m.flip(1) for back, m in enumerate(enter)], -1)  # [p, Q, W S]
        leaves = torch.cat([m.flip(1) if back else m for back, m in enumerate(leave)], -1)
        gained = torch.bmm(chunks, enters.to(u.dtype)).view(p, batch, count, len(ways), -1)
        states = carried(ways, gained).reshape(p, batch * count, -1)
        y = torch.baddbmm(y, states, leaves.to(u.dtype).transpose(1, 2))
    return y.view(p, batch, count * CHUNK)[..., :length]


def operators(system: System) -> tuple[Tensor, Tensor, Tensor]:
    """K_0 .. K_{Q-1} [p, Q] with D in K_0; A^i B [p, Q, S]; and C A^{i+1} [p, Q, S], as what reads real numbers."""
    entering = orbit(system, system.entry(), CHUNK)  # [Q, p, N]
    kernel = system.read(entering).T
    kernel = torch.cat([kernel[:, :1] + system.D[:, None], kernel[:, 1:]], 1)
    back = system.transposed()
    leaving = orbit(back, back.advance(system.exit()), CHUNK)
    if entering.is_complex():  # Re(c x) = Re c Re x - Im c Im x; the parts of a number stand side by side
        entering, leaving = (
            torch.view_as_real(m).flatten(-2) for m in (entering, leaving.conj().resolve_conj())
        )
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


def carried(ways: list[System], gained: Tensor) -> Tensor:
    """The states that each chunk meets, [p, B, J, W, S], of what the chunks add to them."""
    powers = ways
    for _ in range(CHUNK.bit_length() - 1):
        powers = [power.squared() for power in powers]
    if isinstance(powers[0], Diagonal):
        return Carry.apply(gained, torch.stack([power.lam for power in powers], 1))
    return torch.stack(
        [carry(power, gained[:, :, :, way], bool(way)).to(gained.dtype) for way, power in enumerate(powers)],
        3,
    )


def carry(power: System, gained: Tensor, back: bool) -> Tensor:
    """One way [p, B, J, S], chunk after chunk."""
    added = gained.transpose(0, 1).to(power.D.dtype).unbind(2)  # [B, p, S] each
    x = torch.zeros_like(added[0])
    states = []
    for own in added[::-1] if back else added:
        states.append(x)
        x = power.advance(x) + own
    return torch.stack(states[::-1] if back else states, 2).transpose(0, 1)


class Carry(torch.autograd.Function):
    """carry for diagonal systems, all ways, in place: gained [p, B, J, W, 2 n], lam [p, W, n] complex of a whole chunk."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, gained: Tensor, lam: Tensor) -> Tensor:
        added = as_complex(gained, lam)
        _, _, _, batch, _ = added.shape
        powers = lam.transpose(0, 1)[:, :, None].expand(-1, -1, batch, -1).contiguous()  # [W, p, B, n]
        states = torch.zeros_like(added)
        for way, order in orders(added):
            for j, after in pairwise(order):
                torch.addcmul(added[way, j], states[way, j], powers[way], out=states[way, after])
        ctx.save_for_backward(states, powers)
        return as_real(states, gained.dtype)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, Tensor]:
        states, powers = ctx.saved_tensors
        own = as_complex(gradient, powers)
        turned = powers.conj().resolve_conj()
        out = torch.zeros_like(own)
        for way, order in orders(own):
            for after, j in pairwise(reversed(order)):
                torch.addcmul(own[way, after], out[way, after], turned[way], out=out[way, j])
        of_lam = torch.stack([(o * s.conj()).sum((0, 2)) for o, s in zip(out, states)], 1)
        return as_real(out, gradient.dtype), of_lam


def orders(x: Tensor) -> list[tuple[int, list[int]]]:
    """Each way of [W, J, ...] and the chunks in its order."""
    count = x.shape[1]
    return list(enumerate(([*range(count)], [*range(count)][::-1])[: x.shape[0]]))


def as_complex(x: Tensor, like: Tensor) -> Tensor:
    """[p, B, J, W, 2 n] -> [W, J, p, B, n] of like's precision: a chunk of a way is a plain run of memory."""
    real = x.permute(3, 2, 0, 1, 4).to(like.real.dtype, memory_format=torch.contiguous_format)
    return torch.view_as_complex(real.unflatten(-1, (-1, 2)))


def as_real(x: Tensor, dtype: torch.dtype) -> Tensor:
    """The way back."""
    return (
        torch.view_as_real(x)
        .flatten(-2)
        .permute(2, 3, 1, 0, 4)
        .to(dtype, memory_format=torch.contiguous_format)
    )
