"""Trains classifiers on one task, each within the same budget of processor minutes; evaluate.py tests them.

    python model/longrange/train.py TASK MODEL ... [--seed N] [--minutes M]

The budget is the time of the processor in training steps, on one thread: a busy machine does not change what a run may
learn, and each model gets the same. Lengths grow in equal shares of it (tasks/__init__.py). The network and the recipe are
the same for all but the learning rate, which is the model's own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from longrange.export import write_classifier
from longrange.network import Classifier, LongRangeConfig, embed_as_numbers
from longrange.tasks import TASKS

ROOT = Path(__file__).resolve().parents[2]
MODELS = {
    "ssm": {"ssm_ratio": 1.0, "family": "diagonal"},
    "low_rank": {"ssm_ratio": 1.0, "family": "low_rank"},
    "hybrid": {"ssm_ratio": 0.5, "family": "diagonal"},
    "attention": {"ssm_ratio": 0.0},
}
RATES = {"ssm": 4e-3, "low_rank": 4e-3, "hybrid": 4e-3, "attention": 2e-3}
SYSTEM_RATE = 1e-3  # of what makes A, at most: S4's recipe
POOL_TOKENS = 2**24  # the training set of a length has at most so many
WARMUP = 0.05  # share of the budget

Batch = tuple[Tensor, Tensor, Tensor]  # tokens [B, T], lengths [B], labels [B]


def pool(task: str, length: int, held_out: bool, count: int) -> list[tuple[np.ndarray, int]]:
    """The first count examples of a length, made once and kept in .cache/longrange until a generator changes."""
    sources = b"".join(path.read_bytes() for path in sorted((Path(__file__).parent / "tasks").glob("*.py")))
    folder = ROOT / ".cache" / "longrange" / hashlib.sha256(sources).hexdigest()[:12]
    path = folder / f"{task}-{length}-{'test' if held_out else 'train'}-{count}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        examples = [TASKS[task].make(seed, length, held_out) for seed in range(count)]
        lengths = [len(sequence) for sequence, _ in examples]
        part = path.with_suffix(f".{time.time_ns()}.npz")
        np.savez(
            part,
            bytes=np.concatenate([s for s, _ in examples]),
            lengths=lengths,
            labels=[l for _, l in examples],
        )
        part.replace(path)
    stored = np.load(path)
    ends = np.cumsum(stored["lengths"])
    return list(zip(np.split(stored["bytes"], ends[:-1]), stored["labels"].tolist()))


def stack(examples: list[tuple[np.ndarray, int]]) -> Batch:
    lengths = torch.tensor([len(sequence) for sequence, _ in examples])
    tokens = torch.zeros(len(examples), int(lengths.max()), dtype=torch.long)
    for row, (sequence, _) in zip(tokens, examples):
        row[: len(sequence)] = torch.from_numpy(sequence.astype(np.int64))
    return tokens, lengths, torch.tensor([label for _, label in examples])


def batches(
    examples: list[tuple[np.ndarray, int]], batch_tokens: int, generator: torch.Generator
) -> Iterator[Batch]:
    """Without end; rows of a batch are of nearly the same length, and it has about batch_tokens tokens."""
    size = max(1, batch_tokens // max(len(sequence) for sequence, _ in examples))
    while True:
        order = torch.randperm(len(examples), generator=generator).tolist()
        order.sort(key=lambda i: len(examples[i][0]))  # stable: equal lengths stay shuffled
        groups = [order[i : i + size] for i in range(0, len(order), size)]
        for group in torch.randperm(len(groups), generator=generator):
            yield stack([examples[i] for i in groups[group]])


def make_optimizer(model: nn.Module, rate: float) -> torch.optim.AdamW:
    """Matrices decay; what makes A moves slowly and does not; nor do norms, biases and the embedding."""
    groups: dict[str, list[Tensor]] = {"matrices": [], "system": [], "others": []}
    for name, p in model.named_parameters():
        if "ssm." in name:
            groups["others" if name.endswith((".B", ".C", ".D")) else "system"].append(p)
        else:
            groups[
                "matrices"
                if name.endswith(("proj.weight", "qkv.weight", "glu.weight", "head.weight"))
                else "others"
            ].append(p)
    return torch.optim.AdamW(
        [
            {"params": groups["matrices"], "lr": rate, "weight_decay": 0.05},
            {"params": groups["others"], "lr": rate, "weight_decay": 0.0},
            {"params": groups["system"], "lr": min(rate, SYSTEM_RATE), "weight_decay": 0.0},
        ],
        betas=(0.9, 0.98),
    )


def rate_share(progress: float) -> float:
    """Warm-up, then half a cosine to zero; progress 0..1 of the budget."""
    return min(1.0, (progress + 1e-3) / WARMUP) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def fit(model: Classifier, task: str, rate: float, seconds: float, seed: int) -> dict[str, float]:
    """Trains in place; returns steps, tokens and the loss over the last tenth of the budget."""
    lengths, most = TASKS[task].lengths, TASKS[task].examples
    optimizer = make_optimizer(model, rate)
    peaks = [group["lr"] for group in optimizer.param_groups]
    generator = torch.Generator().manual_seed(seed)
    used, steps, tokens, last = 0.0, 0, 0, []
    for stage, length in enumerate(lengths):
        examples = pool(task, length, False, min(most, POOL_TOKENS // length))
        source = batches(examples, TASKS[task].batch_tokens, generator)
        while used < seconds * (stage + 1) / len(lengths):
            inputs, ends, labels = next(source)
            start = time.process_time()
            for group, peak in zip(optimizer.param_groups, peaks):
                group["lr"] = peak * rate_share(used / seconds)
            loss = F.cross_entropy(model(inputs, ends), labels)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            used += time.process_time() - start
            steps, tokens = steps + 1, tokens + int(ends.sum())
            if used > 0.9 * seconds:
                last.append(loss.item())
            if steps % 50 == 0:
                print(f"  {used:6.1f} s  step {steps}  length {length}  loss {loss.item():.3f}", flush=True)
    return {"steps": steps, "tokens": tokens, "loss": sum(last) / len(last), "trainSeconds": used}


def train(
    task: str, name: str, seed: int, minutes: float, rate: float, ssm_ratio: float | None = None
) -> tuple[Classifier, dict]:
    """A model of MODELS, with another ratio if one is given, and the record of its training."""
    torch.manual_seed(seed)
    classes, longest = TASKS[task].class_names, TASKS[task].lengths[-1]
    sizes = MODELS[name] | ({} if ssm_ratio is None else {"ssm_ratio": ssm_ratio})
    config = LongRangeConfig(
        num_classes=len(classes), class_names=classes, task=task, max_length=longest, **sizes
    )
    model = Classifier(config)
    if TASKS[task].samples:
        embed_as_numbers(model.embed)
    trained = fit(model, task, rate, 60 * minutes, seed)
    parameters = sum(p.numel() for p in model.parameters())
    record = {
        "task": task,
        "model": name,
        "seed": seed,
        "minutes": minutes,
        "rate": rate,
        "parameters": parameters,
    }
    return model, record | {"trained": trained, "config": asdict(config)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("models", choices=MODELS, nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1.0, help="of the processor, for each model")
    parser.add_argument("--rate", type=float, help="learning rate in place of the model's own")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "longrange", help="folder of the records")
    parser.add_argument(
        "--weights", type=Path, default=Path(__file__).parent / "weights", help="folder of the models"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.models:
        try:
            model, record = train(args.task, name, args.seed, args.minutes, args.rate or RATES[name])
        except FileNotFoundError as missing:
            parser.exit(1, f"{missing}\n")
        label = f"{args.task}-{name}" + (f"-{args.seed}" if args.seed else "")
        (args.out / f"{label}.json").write_text(json.dumps(record, indent=1) + "\n")
        write_classifier(model, args.weights / label)
        print(
            f"{label}: loss {record['trained']['loss']:.3f} after {record['trained']['tokens'] / 1e6:.2f} M tokens",
            flush=True,
        )


if __name__ == "__main__":
    main()
