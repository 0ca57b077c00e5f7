"""One trial of an ablation: a small model trained on a given text and scored on held-out repositories."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from architecture import LayerMemory, Stateline
from stream import FILE_SEP, FIM_PAD, IGNORED, REPO_NAME, Batch, batches, read_repository
from tokenizers import Tokenizer
from torch import Tensor
from train import compile_blocks, optimise
from variants import Variant

ROWS, LENGTH, CHUNK = 4, 256, 32  # repositories side by side, tokens a segment, tokens a chunk
REPOSITORIES = "pypi__*.jsonl"  # Python alone: what can be told of one language needs less text than of ten
DRAW_STEPS = 4  # steps a drawn ratio is kept
WARMUP_STEPS, DECAY_SHARE = 50, 0.4
MEASURED = {"1": 8, "0.75": 6, "0.5": 4, "0": 0}  # ratio -> heads in state mode
TEXT_SEED = 1  # all trials read the same text in the same order


def token_bytes(tokenizer: Tokenizer) -> Tensor:
    """[vocab] int64: bytes of text in each token, none in a special one. A byte-level token has one character a byte."""
    added = tokenizer.get_added_tokens_decoder()
    sizes = [0 if i in added else len(tokenizer.id_to_token(i)) for i in range(tokenizer.get_vocab_size())]
    return torch.tensor(sizes)


def training_text(tokenizer: Tokenizer, corpus: Path, size: float) -> list[Batch]:
    """Batches of at least size bytes of text in all."""
    sizes, read, text = token_bytes(tokenizer), 0, []
    source = batches(tokenizer, corpus, ROWS, LENGTH, TEXT_SEED, REPOSITORIES)
    while read < size:
        text.append(next(source))
        read += int(sizes[text[-1].inputs].sum())
    return text


@dataclass
class HeldOut:
    """The same bytes whatever the tokenizer; tokens [repositories, T] padded to whole segments."""

    tokens: Tensor
    labels: int  # tokens that are scored: all but the first of a repository
    bytes: int


def held_out_text(tokenizer: Tokenizer, corpus: Path, size: int) -> HeldOut:
    """Of each repository some size bytes: whole files in reading order from the middle one on, the last one cut."""
    rows, sizes = [], token_bytes(tokenizer)
    for path in sorted(corpus.glob(REPOSITORIES)):
        files, row, left = read_repository(path), [REPO_NAME], size
        for file in files[len(files) // 2 :]:
            text = f"{file['path']}\n{file['text'][:left].replace('<|', '< |')}"
            row += [FILE_SEP, *tokenizer.encode(text).ids]
            left -= len(text)
            if left <= 0:
                break
        rows.append(row)
    labels = sum(len(row) - 1 for row in rows)
    total = sum(int(sizes[row].sum()) for row in rows)
    segments = math.ceil((max(map(len, rows)) - 1) / LENGTH)
    width = segments * LENGTH + 1  # a token is also the label of the one before
    return HeldOut(torch.tensor([row + [FIM_PAD] * (width - len(row)) for row in rows]), labels, total)


@torch.no_grad()
@torch.compiler.set_stance("force_eager")
def empty_memory(model: Stateline) -> list[LayerMemory]:
    """What each layer carries before the first token, whatever its heads carry."""
    with torch.autocast("cpu", torch.bfloat16):
        _, memory = model(torch.zeros(ROWS, 1, dtype=torch.int64), model.config.num_heads)
    return [m.detached(torch.ones(ROWS, dtype=torch.bool)) for m in memory]


@torch.no_grad()
@torch.compiler.set_stance("force_eager")
def score(model: Stateline, text: HeldOut) -> dict[str, float]:
    """Nats of the whole text at each measured ratio, the state carried from segment to segment."""
    found = {}
    for ratio, state_heads in MEASURED.items():
        memory, total = None, 0.0
        for start in range(0, text.tokens.shape[1] - 1, LENGTH):
            piece = text.tokens[:, start : start + LENGTH + 1]
            with torch.autocast("cpu", torch.bfloat16):
                logits, memory = model(piece[:, :-1], state_heads, memory, CHUNK)
            total += F.cross_entropy(
                logits.flatten(0, 1).float(), piece[:, 1:].flatten(), ignore_index=FIM_PAD, reduction="sum"
            ).item()
        found[ratio] = round(total, 1)
    return found


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Nats a token; logits [B, T, vocab], labels [B, T]."""
    return F.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED)


def distillation(logits: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
    """Mean over the labelled tokens of KL(teacher || student), in nats; the teacher gets no gradient. [B, T, vocab], [B, T]."""
    known = labels != IGNORED
    student, target = (x[known].float().log_softmax(-1) for x in (logits, teacher.detach()))
    return F.kl_div(student, target, reduction="batchmean", log_target=True)


def shared_loss(logits: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
    """The teacher learns from the labels, the student from labels and teacher alike (dual-mode ASR, arXiv 2010.06030)."""
    student = 0.5 * cross_entropy(logits, labels) + 0.5 * distillation(logits, teacher, labels)
    return 0.5 * (cross_entropy(teacher, labels) + student)


@dataclass
class Trained:
    steps: int
    tokens: int  # of text
    token_passes: int  # through the model, both ways
    processor_s: float


def train(model: Stateline, variant: Variant, text: list[Batch], seed: int) -> Trained:
    """One pass over the text: warm-up, stable rate, linear decay."""
    optimizers, rng = variant.optimizers(model, variant.rate), random.Random(seed)
    torch.compiler.reset()  # graphs of the trial before would count against the limit of this one
    compile_blocks(model)
    memory = teacher_memory = empty_memory(model)
    passes, begun = 0, time.process_time()
    for step, batch in enumerate(text):
        if step % DRAW_STEPS == 0:
            state_heads = variant.draw(rng)
        memory = [m.detached(batch.reset) for m in memory]
        with torch.autocast("cpu", torch.bfloat16):
            logits, memory = model(batch.inputs, state_heads, memory, CHUNK)
            passes += batch.inputs.numel()
            if variant.teacher is None:
                loss = cross_entropy(logits, batch.labels)
            else:
                teacher_memory = [m.detached(batch.reset) for m in teacher_memory]
                strong, teacher_memory = model(batch.inputs, variant.teacher, teacher_memory, CHUNK)
                passes += batch.inputs.numel()
                loss = shared_loss(logits, strong, batch.labels)
        loss.backward()
        left = (len(text) - step) / (DECAY_SHARE * len(text))
        optimise(model, optimizers, variant.rate * min(1.0, (step + 1) / WARMUP_STEPS, left))
    tokens = sum(batch.inputs.numel() for batch in text)
    return Trained(len(text), tokens, passes, round(time.process_time() - begun, 1))
