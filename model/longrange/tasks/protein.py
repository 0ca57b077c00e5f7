"""A protein-like task: which family has the first domain, and which the second? The two are thousands of residues apart.

Grammar: sequence = domain linker domain; a domain is the motif of its family over and over, each copy with a quarter of its
residues changed and a random spacer after it; a linker is random residues. The first domain lies in the first quarter,
the second in the last quarter, the linker takes the half between them. Classes are ordered pairs of different families, so
a reader that only counts motifs anywhere tells pairs from each other but not their order (accuracy 1/2).
It is no data set of biology, and no task of Long Range Arena.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np

RESIDUES = np.frombuffer(b"ACDEFGHIKLMNPQRSTVWY", np.uint8)
MOTIFS = [np.frombuffer(motif, np.uint8) for motif in (b"WKGDLHEV", b"NPRTCFYA", b"GQSMIKWD")]
MUTATION = 0.25
SPACER = (4, 12)  # residues between copies
PAIRS = list(permutations(range(len(MOTIFS)), 2))
CLASS_NAMES = [f"{'ABC'[first]} then {'ABC'[second]}" for first, second in PAIRS]


def make(seed: int, length: int, held_out: bool) -> tuple[np.ndarray, int, None]:
    rng = np.random.default_rng([seed, int(held_out), 1])
    label = int(rng.integers(len(PAIRS)))
    first, second = PAIRS[label]
    sequence = rng.choice(RESIDUES, length)
    quarter = length // 4
    fill(rng, sequence[:quarter], MOTIFS[first])
    fill(rng, sequence[-quarter:], MOTIFS[second])
    return sequence, label, None


def fill(rng: np.random.Generator, domain: np.ndarray, motif: np.ndarray) -> None:
    """Writes mutated copies of motif over domain, in place; the residues between them stay."""
    start = int(rng.integers(*SPACER))
    while start + len(motif) <= len(domain):
        kept = rng.random(len(motif)) >= MUTATION
        domain[start : start + len(motif)][kept] = motif[kept]
        start += len(motif) + int(rng.integers(*SPACER))
