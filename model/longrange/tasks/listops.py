"""ListOps (arXiv 1804.06028) as in Long Range Arena: the value of a nested expression of MIN, MAX, MED and SM over digits.

One byte a token: '(' is spared, since an operator opens its list. Letters: n MIN, x MAX, d MED (lower middle for even
counts, as numpy's median rounded down), s SM (sum modulo 10); ']' closes. Lengths are a quarter of the longest to the longest.
"""

from __future__ import annotations

import random

import numpy as np

CLASS_NAMES = [str(digit) for digit in range(10)]
OPERATORS = "nxds"
MAX_DEPTH, MAX_ARGUMENTS = 10, 10
OPERATOR_PROBABILITY = 0.25
NO_HINT = 255


def make(seed: int, length: int, held_out: bool) -> tuple[np.ndarray, int, np.ndarray]:
    """Drawn anew until it has length / 4 .. length tokens; a held-out set has seeds of its own. Hints: a list's value at its end."""
    rng = random.Random(f"listops {seed} {held_out}")
    while True:
        tokens: list[str] = []
        hints: list[int] = []
        value = grow(rng, tokens, hints, 1, length)
        if value is not None and len(tokens) >= length // 4:
            return np.frombuffer("".join(tokens).encode(), np.uint8), value, np.array(hints, np.uint8)


def grow(rng: random.Random, tokens: list[str], hints: list[int], depth: int, longest: int) -> int | None:
    """Appends an expression to tokens and its hints, and returns its value; None as soon as it is too long."""
    if depth > 1 and (depth == MAX_DEPTH or rng.random() > OPERATOR_PROBABILITY):
        digit = rng.randrange(10)
        tokens.append(str(digit))
        hints.append(NO_HINT)
        return digit
    operator = rng.choice(OPERATORS)
    tokens.append(operator)
    hints.append(NO_HINT)
    values = []
    for _ in range(rng.randint(2, MAX_ARGUMENTS)):
        value = grow(rng, tokens, hints, depth + 1, longest)
        if value is None or len(tokens) >= longest:
            return None
        values.append(value)
    tokens.append("]")
    hints.append(value := apply(operator, values))
    return value


def apply(operator: str, values: list[int]) -> int:
    if operator == "n":
        return min(values)
    if operator == "x":
        return max(values)
    if operator == "d":
        values = sorted(values)
        return (values[(len(values) - 1) // 2] + values[len(values) // 2]) // 2
    return sum(values) % 10
