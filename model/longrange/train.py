"""Trains a classifier for so many minutes, from where the last time ended: ./dev train longrange --minutes N [--task T]

    python model/longrange/train.py --minutes N [--task T] [--family F] [--seed S] [--copy FOLDER]
    python model/longrange/train.py --race N --task T --family F [--length L]

Without --task the first of ORDER that is not done and that no other process trains goes on. A run has a folder, .cache/longrange/TASK-FAMILY-SEED: checkpoint.pt, what
is needed to go on, every few minutes; log.jsonl, a line a report; model/, the averaged weights as the engine reads them.
Examples come from the generators and none is seen twice, but for text. A run grows through the lengths of its task
(tasks/__init__.py); a stage ends when its own validation is good enough, or after its share of tokens. Activations are
bfloat16 where the processor multiplies it; all families have the same recipe but for the learning rate.

A race is a training of its own of N minutes of the processor, in .cache/longrange/race/TASK-FAMILY-SEED; in its last fifth the
rates fall to nothing. Validations are not counted as time.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import json
import math
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from longrange.export import WEIGHTS, trainable_classifier, write_classifier
from longrange.families import FAMILIES, RATES
from longrange.network import Classifier, LongRangeConfig, compile_elementwise, embed_as_numbers, inside_of
from longrange.optimizers import Optimizers
from longrange.start import spread_steps, stretch_steps
from longrange.tasks import NO_HINT, TASKS, Example

ROOT = Path(__file__).resolve().parents[2]
RUNS = ROOT / ".cache" / "longrange"
# What is learned soonest comes first: the task, and the share of right answers at which it is done.
ORDER = {"protein": 0.99, "text": 0.95, "listops": 0.6, "pathfinder": 0.93, "path-x": 0.97}
STAGE_DONE = 0.85  # right answers at a length before the last, on validation of that length
MICRO_TOKENS = 2**13  # that go through the network together
LEAST_ROWS = 8  # examples of a step
DRAWN = 8  # steps whose examples are drawn together, and sorted by length
WARMUP = 50  # steps, at the start of each stage
AVERAGE = 0.998  # of the weights that are tested and exported
REPORT, CHECKPOINT, VALIDATE = (
    30.0,
    75.0,
    75.0,
)  # seconds of the processor, which a busy machine does not use up
RACE_COOLING, RACE_VALIDATIONS = 1 / 5, 16
VALIDATION, VALIDATION_TOKENS = 400, 2**19  # examples, fewer where they are long
RACE_VALIDATION_TOKENS = 2**17
VALIDATION_SEEDS = 1_000_000  # from here on; the tests take those from 0 on

Batch = tuple[Tensor, Tensor, Tensor, Tensor | None]  # tokens [B, T], lengths [B], labels [B], hints [B, T]


@dataclass
class Progress:
    """Where a run stands."""

    stage: int = 0  # index into the lengths of the task
    step: int = 0
    stage_step: int = 0
    seed: int = 0  # of the next example
    tokens: int = 0
    stage_tokens: int = 0
    examples: int = 0
    seconds: float = 0.0  # of the processor, in training
    best: float = 0.0  # right answers in validation at the last length
    curve: list[dict] = field(default_factory=list)  # validations


def stack(examples: list[Example]) -> Batch:
    lengths = torch.tensor([len(sequence) for sequence, _, _ in examples])
    longest = int(lengths.max())
    tokens = torch.zeros(len(examples), longest, dtype=torch.long)
    hints = None if examples[0][2] is None else torch.full((len(examples), longest), NO_HINT)
    for row, (sequence, _, own) in enumerate(examples):
        tokens[row, : len(sequence)] = torch.from_numpy(sequence.astype(np.int64))
        if hints is not None and own is not None:
            hints[row, : len(sequence)] = torch.from_numpy(own.astype(np.int64))
    return tokens, lengths, torch.tensor([label for _, label, _ in examples]), hints


def steps(task: str, length: int, progress: Progress) -> Iterator[list[Batch]]:
    """Without end: the batches of one step of the optimiser, rows of a batch of nearly the same length."""
    rows = max(1, MICRO_TOKENS // length)
    parts = max(1, -(-LEAST_ROWS // rows))
    while True:
        seeds = range(progress.seed, progress.seed + rows * parts * DRAWN)
        progress.seed = seeds.stop
        examples = [TASKS[task].make(seed, length, False) for seed in seeds]
        examples.sort(key=lambda example: len(example[0]))
        batches = [stack(examples[i : i + rows]) for i in range(0, len(examples), rows)]
        random.Random(seeds.start).shuffle(batches)
        yield from (batches[i : i + parts] for i in range(0, len(batches), parts))


class Trainee(nn.Module):
    """A classifier, and what says the hints while it learns."""

    def __init__(self, model: Classifier, hints: int) -> None:
        super().__init__()
        self.model = model
        self.hint = nn.Linear(model.config.hidden_size, hints) if hints else None

    def loss(self, batch: Batch, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Cross entropy of the classes plus that of the hints, and the number of right answers."""
        tokens, lengths, labels, hints = batch
        inside = inside_of(tokens, lengths)
        x = self.model.hidden(tokens, inside, dtype)
        logits = self.model.pooled(x, inside)
        loss = F.cross_entropy(logits, labels)
        if self.hint is not None and hints is not None:
            told = (hints.flatten() != NO_HINT).nonzero()[:, 0]
            said = self.hint(x.flatten(1)[:, told].T.float())
            loss = loss + F.cross_entropy(said, hints.flatten()[told])
        return loss, (logits.argmax(-1) == labels).sum()


class Refused(Exception):
    """A training that cannot begin; the message says why in one sentence."""


class Busy(Refused):
    """Another process trains there."""


def lock(folder: Path) -> IO[str]:
    """Held for as long as the file is open; raises Busy."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as held:
        file.close()
        raise Busy(f"{folder} is being trained by another process; give another --task.") from held
    return file


class Run:
    """A training, its folder and its state; race is its seconds of the processor, if they are what ends it. Raises Refused."""

    def __init__(
        self,
        task: str,
        family: str,
        seed: int,
        copy: Path | None = None,
        race: float = 0.0,
        longest: int | None = None,
    ) -> None:
        torch.manual_seed(seed)
        self.task, self.family, self.seed, self.race = task, family, seed, race
        name = f"{task}-{family}-{seed}"
        self.folder, self.copy = (RUNS / "race" if race else RUNS) / name, copy and copy / name
        self.lock = lock(self.folder)
        spec = TASKS[task]
        self.lengths = [length for length in spec.lengths if longest is None or length <= longest]
        config = LongRangeConfig(
            num_classes=len(spec.class_names),
            class_names=spec.class_names,
            task=task,
            max_length=spec.lengths[-1],
            **{"num_hidden_layers": spec.layers} | FAMILIES[family],
        )
        model = Classifier(config)
        if spec.samples:
            embed_as_numbers(model.embed)
        # A picture's steps are stretched as it grows; other sequences' span the longest from the start.
        row = math.isqrt(spec.lengths[0]) if spec.picture else 0
        spread_steps(model, spec.lengths[0] if row else spec.lengths[-1], row)
        self.trainee = Trainee(model, spec.hints)
        self.average = {name: p.detach().clone() for name, p in self.trainee.named_parameters()}
        self.optimizers = Optimizers(self.trainee, RATES[family])
        self.progress = Progress(seed=seed * 1_000_000_000)
        self.stopped = False
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        self.dtype = activations()
        self.restore()

    def stop(self, *_: object) -> None:
        """After this step, with a checkpoint."""
        self.stopped = True

    def restore(self) -> None:
        """From its own checkpoint, from the copy's, or from where the task before it stands: there, or in the package."""
        path = self.folder / "checkpoint.pt"
        after = TASKS[self.task].after
        before = self.folder.parent / f"{after}-{self.family}-{self.seed}" / "checkpoint.pt"
        if not path.exists() and self.copy and (self.copy / "checkpoint.pt").exists():
            shutil.copytree(self.copy, self.folder, dirs_exist_ok=True)
        if path.exists():
            self.take(path)
        elif after and before.exists():
            self.take(before)
            self.progress.best = 0.0  # its last length is not this one's
        elif after and (WEIGHTS / f"{after}-{self.family}").exists():
            self.take_exported(WEIGHTS / f"{after}-{self.family}")

    def take_exported(self, folder: Path) -> None:
        """A network without the optimisers' memory and without what said the hints, at the length of its own last training."""
        model = trainable_classifier(folder)
        if model.config.max_length not in self.lengths:
            raise Refused(
                f"{folder} was trained with {model.config.max_length} tokens; give a --length that is not shorter."
            )
        self.trainee.model.load_state_dict(model.state_dict())
        self.average = {name: p.detach().clone() for name, p in self.trainee.named_parameters()}
        self.progress.stage = self.lengths.index(model.config.max_length)

    def take(self, path: Path) -> None:
        stored = torch.load(path, weights_only=True)
        self.trainee.load_state_dict(stored["trainee"])
        self.average = stored["average"]
        for one, state in zip(self.optimizers.all, stored["optimizers"]):
            one.load_state_dict(state)
        self.progress = Progress(**stored["progress"])

    def keep(self) -> None:
        """Writes the checkpoint and the averaged model, whole or not at all, and the copy."""
        stored = {
            "trainee": self.trainee.state_dict(),
            "average": self.average,
            "optimizers": [one.state_dict() for one in self.optimizers.all],
            "progress": asdict(self.progress),
        }
        part = self.folder / "checkpoint.part"
        torch.save(stored, part)
        part.replace(self.folder / "checkpoint.pt")
        with self.averaged():
            write_classifier(self.trainee.model, self.folder / "model", half=True)
        if self.copy:
            shutil.copytree(self.folder, self.copy, dirs_exist_ok=True)

    def averaged(self) -> Swapped:
        return Swapped(self.trainee, self.average)

    def log(self, **line: object) -> None:
        text = json.dumps(line | {"at": time.strftime("%Y-%m-%dT%H:%M:%S")})
        print(f"{self.task}-{self.family} {text}", flush=True)
        with (self.folder / "log.jsonl").open("a") as out:
            out.write(text + "\n")

    @property
    def length(self) -> int:
        return self.lengths[self.progress.stage]

    @property
    def last(self) -> bool:
        return self.progress.stage == len(self.lengths) - 1

    @torch.no_grad()
    def validate(self) -> float:
        """Right answers of the averaged weights on unseen examples of this length, as hard as those of the test."""
        rows = max(1, MICRO_TOKENS // self.length)
        tokens = RACE_VALIDATION_TOKENS if self.race else VALIDATION_TOKENS
        count = min(VALIDATION, tokens // self.length)
        right = 0
        with self.averaged():
            for first in range(0, count, rows):
                seeds = range(VALIDATION_SEEDS + first, VALIDATION_SEEDS + min(first + rows, count))
                batch = stack([TASKS[self.task].make(seed, self.length, True) for seed in seeds])
                right += int(self.trainee.loss(batch, self.dtype)[1])
        progress, accuracy = self.progress, right / count
        point = {"length": self.length, "accuracy": accuracy, "tokens": progress.tokens}
        point |= {"examples": progress.examples, "minutes": round(progress.seconds / 60, 1)}
        progress.curve.append(point)
        if self.last:
            progress.best = max(progress.best, accuracy)
        self.log(validation=accuracy, **point)
        return accuracy

    def grow(self) -> None:
        """The next stage: a longer sequence, whose picture's rows are longer too."""
        lengths, progress = self.lengths, self.progress
        if TASKS[self.task].picture:
            ratio = math.sqrt(lengths[progress.stage + 1] / lengths[progress.stage])
            stretch_steps(self.trainee.model, ratio)
            with self.averaged():
                stretch_steps(self.trainee.model, ratio)
        progress.stage, progress.stage_step, progress.stage_tokens = progress.stage + 1, 0, 0

    def train_step(self, batches: list[Batch], rate: float) -> tuple[float, int]:
        """One step of the optimisers, at that share of their rates; its loss and right answers."""
        progress, losses, right = self.progress, 0.0, 0
        for batch in batches:
            loss, good = self.trainee.loss(batch, self.dtype)
            (loss / len(batches)).backward()
            losses, right = losses + loss.item() / len(batches), right + int(good)
            tokens = int(batch[1].sum())
            progress.tokens, progress.stage_tokens = progress.tokens + tokens, progress.stage_tokens + tokens
            progress.examples += len(batch[1])
        nn.utils.clip_grad_norm_(self.trainee.parameters(), 1.0)
        self.optimizers.step(rate * min(1.0, (progress.stage_step + 1) / WARMUP))
        share = min(AVERAGE, progress.step / (progress.step + 10))
        with torch.no_grad():
            for name, p in self.trainee.named_parameters():
                self.average[name].lerp_(p, 1 - share)
        progress.step, progress.stage_step = progress.step + 1, progress.stage_step + 1
        return losses, right

    def go_on(self, left: Callable[[], float], target: float, cooling: float = 0.0) -> bool:
        """Trains until no seconds are left, or until validation at the last length reaches the target; says whether it did.

        Over the last `cooling` seconds the rates fall to nothing.
        """
        source, seen, right, losses, count = None, 0, 0, 0.0, 0
        every = self.race / RACE_VALIDATIONS or VALIDATE
        reported = kept = validated = 0.0  # seconds of training since then
        while left() > 0 and not self.stopped:
            if source is None:
                source = steps(self.task, self.length, self.progress)
            begun = time.process_time()
            batches = next(source)
            rate = min(1.0, left() / cooling) if cooling else 1.0
            loss, good = self.train_step(batches, max(rate, 0.0))
            spent = time.process_time() - begun
            self.progress.seconds += spent
            reported, kept, validated = reported + spent, kept + spent, validated + spent
            seen, right = seen + sum(len(batch[1]) for batch in batches), right + good
            losses, count = losses + loss, count + 1
            if reported >= REPORT:
                self.log(
                    step=self.progress.step,
                    length=self.length,
                    loss=round(losses / count, 4),
                    training=round(right / seen, 4),
                    examplesPerProcessorSecond=round(seen / reported, 1),
                    tokens=self.progress.tokens,
                    processorMinutes=round(self.progress.seconds / 60, 2),
                )
                reported, seen, right, losses, count = 0.0, 0, 0, 0.0, 0
            if kept >= CHECKPOINT:
                self.keep()
                kept = 0.0
            if validated >= every:
                accuracy = self.validate()
                validated = 0.0
                if self.last and accuracy >= target:
                    self.keep()
                    return True
                if not self.last and (
                    accuracy >= STAGE_DONE or self.progress.stage_tokens > TASKS[self.task].stage_tokens
                ):
                    self.grow()
                    source = None
        if self.race:
            self.validate()
        self.keep()
        return False


def activations() -> torch.dtype:
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32


def keep_memory() -> None:
    """glibc returns large buffers to the system, which then clears them for the next step: half of the time on some machines."""
    libc = ctypes.CDLL(None)
    for option, value in ((-4, 0), (-1, 2**31 - 1), (-2, 2**28)):  # M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD
        if hasattr(libc, "mallopt"):
            libc.mallopt(option, value)


class Swapped:
    """While it is entered, a module has other parameters; changes made to them stay with those."""

    def __init__(self, module: nn.Module, values: dict[str, Tensor]) -> None:
        self.module, self.values = module, values

    def __enter__(self) -> None:
        self.swap()

    def __exit__(self, *_: object) -> None:
        self.swap()

    def swap(self) -> None:
        for name, p in self.module.named_parameters():
            p.data, self.values[name] = self.values[name], p.data


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    how_long = parser.add_mutually_exclusive_group(required=True)
    how_long.add_argument("--minutes", type=float, help="of the clock")
    how_long.add_argument("--race", type=float, help="minutes of the processor, for one --task")
    parser.add_argument("--task", choices=TASKS, help="by default the first that is not done")
    parser.add_argument("--family", choices=FAMILIES, default="ssm")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--cool-down",
        type=float,
        default=0.0,
        help="minutes at the end in which the rates fall to nothing, before a test; the next run has them whole again",
    )
    parser.add_argument("--length", type=int, help="the longest to train with")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument(
        "--copy",
        type=Path,
        help="folder that keeps a copy of the runs, and from which a missing one comes back",
    )
    args = parser.parse_args()
    if (args.race or args.length) and not args.task:
        parser.error("--race and --length need a --task")
    if args.length and args.length not in (lengths := TASKS[args.task].lengths):
        parser.error(f"--length of {args.task} is one of {', '.join(map(str, lengths))}")
    keep_memory()
    torch.set_num_threads(args.threads)
    compile_elementwise()
    try:
        if args.race:
            run_race(Run(args.task, args.family, args.seed, args.copy, 60 * args.race, args.length))
        else:
            run_for(args)
    except Refused as refused:
        parser.exit(1, f"{refused}\n")


def run_race(run: Run) -> None:
    run.go_on(lambda: run.race - run.progress.seconds, math.inf, RACE_COOLING * run.race)


def run_for(args: argparse.Namespace) -> None:
    """One task after the other, as long as there is time."""
    end = time.monotonic() + 60 * args.minutes
    for task in [args.task] if args.task else ORDER:
        try:
            run = Run(task, args.family, args.seed, args.copy, longest=args.length)
        except Busy:
            if args.task:
                raise
            continue
        target = ORDER.get(task, 1.0)
        if run.progress.best < target and not run.go_on(
            lambda: end - time.monotonic(), target, 60 * args.cool_down
        ):
            return


if __name__ == "__main__":
    main()
