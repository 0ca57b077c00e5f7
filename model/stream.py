"""Corpus files to training segments: whole repositories in order, fill-in-the-middle inside files, state-carrying rows.

A row of the batch walks through a stretch of one repository after another in segments of fixed length; `reset` marks the
segment that opens a stretch, where the carried state starts from zero.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

END, FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE, REPO_NAME, FILE_SEP, FIM_PAD = range(7)
IGNORED = -100  # label of padding, as in torch's cross_entropy

FIM_SHARE = 0.5  # of files
SPM_SHARE = 0.8  # of fill-in-the-middle files; the product asks in this order
WINDOW_CHARS = 6000  # a fill-in-the-middle file is cut to this much text around the hole
WALK_SEGMENTS = (4, 8, 16, 32, 64)  # how many segments a row stays in a repository
SUFFIX_CHARS = 1600  # and its suffix to this much, as the server does


@dataclass
class Batch:
    """inputs, labels [rows, length] int64; reset [rows] bool."""

    inputs: Tensor
    labels: Tensor
    reset: Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(self.inputs.to(device), self.labels.to(device), self.reset.to(device))


def cut_middle(text: str, rng: random.Random) -> tuple[str, str, str]:
    """prefix, middle, suffix at character level: half as users meet it (the rest of a line, some lines), half uniform."""
    start = rng.randrange(len(text) + 1)
    if rng.random() < 0.5:
        end = start
        for _ in range(rng.choice((1, 1, 1, 2, 3, 5, 8))):
            newline = text.find("\n", end + 1)
            end = len(text) if newline < 0 else newline
    else:
        start, end = sorted((start, rng.randrange(len(text) + 1)))
        end = min(end, start + 1000)
    return text[:start], text[start:end], text[end:]


def encode_file(tokenizer: Tokenizer, path: str, text: str, rng: random.Random) -> list[int]:
    """One file as it stands in a repository's stream; FIM_SHARE of files carry a hole."""

    def plain(s: str) -> list[int]:
        return tokenizer.encode(s, add_special_tokens=False).ids

    head = [FILE_SEP, *plain(path + "\n")]
    if rng.random() >= FIM_SHARE or len(text) < 40:
        return head + plain(text)
    if len(text) > WINDOW_CHARS:
        begin = rng.randrange(len(text) - WINDOW_CHARS)
        begin = text.find("\n", begin) + 1
        text = text[begin : begin + WINDOW_CHARS]
    prefix, middle, suffix = cut_middle(text, rng)
    suffix = suffix[:SUFFIX_CHARS]
    if rng.random() < SPM_SHARE:
        hole = [FIM_PREFIX, FIM_SUFFIX, *plain(suffix), FIM_MIDDLE, *plain(prefix), *plain(middle)]
    else:
        hole = [FIM_PREFIX, *plain(prefix), FIM_SUFFIX, *plain(suffix), FIM_MIDDLE, *plain(middle)]
    return head + hole + [END]


def read_repository(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def repository_tokens(tokenizer: Tokenizer, path: Path, rng: random.Random) -> Iterator[list[int]]:
    """The repository from a random file on, to its end; file by file."""
    name = path.stem.split("__", 1)[1].replace("+", "/")
    yield [REPO_NAME, *tokenizer.encode(name + "\n", add_special_tokens=False).ids]
    files = read_repository(path)
    for file in files[rng.randrange(len(files)) :]:
        yield encode_file(tokenizer, file["path"], file["text"].replace("<|", "< |"), rng)
    yield [END]


def segments(
    tokenizer: Tokenizer,
    repositories: list[Path],
    length: int,
    rng: random.Random,
    weights: list[float] | None = None,
) -> Iterator[tuple[list[int], bool]]:
    """Endless (length + 1 tokens, opens a walk); the last token of a segment is the first of the next.

    Repositories are drawn alike unless weights are given. A row leaves its repository after some segments: else a batch would be a few repositories for hundreds of steps,
    and the weights would learn those rather than code.
    """
    while True:
        left = rng.choice(WALK_SEGMENTS)
        waiting: list[int] = []
        opens = True
        drawn = rng.choices(repositories, weights)[0] if weights else rng.choice(repositories)
        for ids in repository_tokens(tokenizer, drawn, rng):
            waiting += ids
            while left > 0 and len(waiting) > length:
                yield waiting[: length + 1], opens
                del waiting[:length]
                opens = False
                left -= 1
            if left == 0:
                break
        else:
            if len(waiting) > length // 4:
                yield waiting + [FIM_PAD] * (length + 1 - len(waiting)), opens


def batches(
    tokenizer: Tokenizer,
    corpus: Path,
    rows: int,
    length: int,
    seed: int | str,
    pattern: str = "*.jsonl",
    evenly: bool = False,
) -> Iterator[Batch]:
    """Endless batches from the repositories whose file names match the pattern.

    With evenly, small ones are drawn less often, so that all text is read about equally often: a walk ends with a small
    repository and in the middle of a large one, so what it reads grows as the root of the size, and so does the draw.
    """
    repositories = sorted(corpus.glob(pattern))
    if not repositories:
        raise FileNotFoundError(f"no {pattern} repositories in {corpus}; run model/data/fetch.py first")
    weights = [path.stat().st_size ** 0.5 for path in repositories] if evenly else None
    walkers = [
        segments(tokenizer, repositories, length, random.Random(f"{seed}/{row}"), weights)
        for row in range(rows)
    ]
    while True:
        drawn = [next(walker) for walker in walkers]
        tokens = torch.tensor([ids for ids, _ in drawn])
        labels = tokens[:, 1:].clone()
        labels[labels == FIM_PAD] = IGNORED
        yield Batch(tokens[:, :-1], labels, torch.tensor([opens for _, opens in drawn]))


class ReaderRows(IterableDataset):
    """What one reader of batches_of_readers prepares."""

    def __init__(self, tokenizer: Tokenizer, corpus: Path, rows: int, length: int, seed: str) -> None:
        self.tokenizer, self.corpus, self.rows, self.length, self.seed = tokenizer, corpus, rows, length, seed

    def __iter__(self) -> Iterator[Batch]:
        seed = f"{self.seed}/{get_worker_info().id}"
        return batches(self.tokenizer, self.corpus, self.rows, self.length, seed, evenly=True)


def batches_of_readers(
    tokenizer: Tokenizer, corpus: Path, rows: int, length: int, seed: str, readers: int
) -> Iterator[Batch]:
    """As batches() evenly, each of the readers a process that prepares rows // readers of the rows ahead of their use."""
    if rows % readers:
        raise ValueError(f"{rows} rows cannot be shared by {readers} readers; take a multiple")
    share = ReaderRows(tokenizer, corpus, rows // readers, length, seed)
    parts = iter(DataLoader(share, batch_size=None, num_workers=readers, prefetch_factor=8))
    while True:
        drawn = [next(parts) for _ in range(readers)]  # of each reader in turn
        yield Batch(*(torch.cat([getattr(p, f.name) for p in drawn]) for f in fields(Batch)))
