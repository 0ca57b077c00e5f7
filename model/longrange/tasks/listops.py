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
    """Drawn anew until it has length / 4 .. length tokens; a held-out set has seeds of its own."""
    rng = random.Random(f"listops {seed} {held_out}")
    while True:
        tokens: list[str] = []
        if grow(rng, tokens, 1, length) and len(tokens) >= length // 4:
            hints = values_of(tokens)
            return np.frombuffer("".join(tokens).encode(), np.uint8), hints[-1], np.array(hints, np.uint8)


def grow(rng: random.Random, tokens: list[str], depth: int, longest: int) -> bool:
    """Appends an expression to tokens; false as soon as it is too long."""
    if depth > 1 and (depth == MAX_DEPTH or rng.random() > OPERATOR_PROBABILITY):
        tokens.append(str(rng.randrange(10)))
        return True
    tokens.append(rng.choice(OPERATORS))
    for _ in range(rng.randint(2, MAX_ARGUMENTS)):
        if not grow(rng, tokens, depth + 1, longest) or len(tokens) >= longest:
            return False
    tokens.append("]")
    return True


def values_of(tokens: list[str]) -> list[int]:
    """Hints: at a digit the value of its list so far, at the end of a list that list's value."""
    lists: list[tuple[str, list[int]]] = []
    out = []
    for token in tokens:
        if token in OPERATORS:
            lists.append((token, []))
            out.append(NO_HINT)
        elif token == "]":
            out.append(value := apply(*lists.pop()))
            if lists:
                lists[-1][1].append(value)
        else:
            lists[-1][1].append(int(token))
            out.append(apply(*lists[-1]))
    return out


def apply(operator: str, values: list[int]) -> int:
    if operator == "n":
        return min(values)
    if operator == "x":
        return max(values)
    if operator == "d":
        values = sorted(values)
        return (values[(len(values) - 1) // 2] + values[len(values) // 2]) // 2
    return sum(values) % 10
