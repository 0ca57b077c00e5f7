"""Byte-level text: is this piece of source code part of a test, or of what is tested? From the training corpus, by package.

Each package gives as many test files as others of the same file extension, so that the language tells nothing, and a fifth
of the packages (by a hash of their name) is held out whole. Instead of IMDB's reviews, which no registry here carries.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from functools import cache
from pathlib import Path, PurePath

import numpy as np

CLASS_NAMES = ["code", "test"]
CORPUS = Path(__file__).resolve().parents[3] / ".cache" / "corpus"  # of model/data/fetch.py
IS_TEST = re.compile(r"(^|/)(tests?|specs?|__tests__|testing)/|[._-](test|spec)s?\.|(^|/)test_")
LEAST_BYTES = 4096  # of a file, so that a full sequence can be cut from it
PER_PACKAGE = 12  # files of each class

Files = tuple[list[bytes], list[bytes]]  # those of each class


def make(seed: int, length: int, held_out: bool) -> tuple[np.ndarray, int, None]:
    rng = random.Random(f"text {seed} {held_out}")
    label = rng.randrange(2)
    contents = rng.choice(files(held_out)[label])
    start = rng.randrange(len(contents) - length + 1)
    return np.frombuffer(contents[start : start + length], np.uint8), label, None


@cache
def files(held_out: bool) -> Files:
    """Contents of the files of each class, in an order that does not depend on the machine."""
    packages = sorted(CORPUS.glob("*/*.jsonl"))
    if not packages:
        raise FileNotFoundError(
            f"{CORPUS} has no packages; fetch them with: .cache/venv/bin/python model/data/fetch.py"
        )
    out: Files = ([], [])
    for package in packages:
        if (hashlib.sha256(package.stem.encode()).digest()[0] < 51) == held_out:
            for mine, theirs in zip(out, balanced(package)):
                mine += theirs
    return out


def balanced(package: Path) -> Files:
    """At most PER_PACKAGE files of each class, as many of one as of the other for each extension."""
    by_extension: dict[str, Files] = {}
    with package.open() as lines:
        for line in lines:
            file = json.loads(line)
            contents = file["text"].encode()
            if len(contents) >= LEAST_BYTES:
                group = by_extension.setdefault(PurePath(file["path"]).suffix, ([], []))
                group[bool(IS_TEST.search(file["path"]))].append(contents)
    out: Files = ([], [])
    for group in by_extension.values():
        count = min(map(len, group))
        for mine, theirs in zip(out, group):
            mine += theirs[:count]
    return out[0][:PER_PACKAGE], out[1][:PER_PACKAGE]
