"""Exact and near duplicates over the whole corpus: the first copy stays.

Near duplicates have at least THRESHOLD of their runs of SHINGLE_WORDS words in
common (Jaccard), found by MinHash and locality-sensitive hashing.
"""

import hashlib
import re

from rensa import RMinHash, RMinHashLSH

SHINGLE_WORDS = 5
THRESHOLD = 0.75
PERMUTATIONS = 128
BANDS = 32  # of 4 rows: a pair at the threshold is looked at in all but 1 of 100,000 cases
SEED = 1


def shingles(text: str) -> list[str]:
    """Runs of words; a text shorter than one run is one shingle."""
    words = re.findall(r"\w+", text)
    if len(words) < SHINGLE_WORDS:
        return [" ".join(words)]
    return list(map(" ".join, zip(*(words[i:] for i in range(SHINGLE_WORDS)))))


def sketch_of(text: str) -> RMinHash:
    """MinHash of a text's shingles."""
    sketch = RMinHash(num_perm=PERMUTATIONS, seed=SEED)
    sketch.update(shingles(text))
    return sketch


class SeenTexts:
    """The texts met so far, exactly (white space ignored) and nearly."""

    def __init__(self) -> None:
        self.exact: set[bytes] = set()
        self.index = RMinHashLSH(THRESHOLD, PERMUTATIONS, BANDS)
        self.sketches: list[RMinHash] = []

    def is_exact_copy(self, text: str) -> bool:
        """True for a text met before; else it is remembered."""
        digest = hashlib.sha256(re.sub(r"\s+", "", text).encode()).digest()
        if digest in self.exact:
            return True
        self.exact.add(digest)
        return False

    def is_near_copy(self, text: str) -> bool:
        """True for a text like one met before; else it is remembered."""
        sketch = sketch_of(text)
        if any(sketch.jaccard(self.sketches[i]) >= THRESHOLD for i in self.index.query(sketch)):
            return True
        self.remember(sketch)
        return False

    def remember(self, sketch: RMinHash) -> None:
        """Whatever is like this text is a copy from now on."""
        self.index.insert(len(self.sketches), sketch)
        self.sketches.append(sketch)
