"""Trains the embedded model on this machine within a budget of minutes; resumes from its own checkpoint.

Schedule: warm-up, stable, linear decay to zero over the last part of the time budget (pauses do not count). A run that
resumes with a smaller budget begins to decay there and then, so a stable run can be ended at any time. Checkpoints of the
decay are kept (decay-STEPS.pt): export.py averages those it is given.
Each few steps draw a hybrid ratio, so that one checkpoint serves all of them. Each worker is a process with one thread and
its own rows; they meet once a step to average gradients, so a core that is busy elsewhere costs less than with threads,
which meet in every operation. On a GPU (--device cuda) there is one worker, and --readers processes prepare its text.
"""

from __future__ import annotations

import argparse
import ctypes
import itertools
import json
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from architecture import LayerMemory, ModelConfig, Stateline
from export import read_model
from grow import GROWING, grown
from stream import IGNORED, Batch, batches, batches_of_readers
from tokenizers import Tokenizer
from torch import Tensor, multiprocessing

HERE = Path(__file__).parent
ROOT = HERE.parent
WARMUP_STEPS, DECAY_SHARE = 100, 0.4
RATIO_STEPS = 8  # steps a drawn ratio is kept, so that state heads keep their state across segments
LOG_STEPS, VALIDATE_STEPS = 20, 800
SAVES = 20  # in a budget
VALIDATED = 1024  # tokens a segment of the held-out text, whatever the training's
CHECKPOINT = "checkpoint.pt"
PAUSE_S = 30.0  # a step longer than this was a pause: the rest of it does not count


def matrix_type(device: str) -> torch.dtype:
    """bfloat16 where the device itself multiplies it; on other processors that is up to four times slower than float32."""
    has = torch.cpu.get_capabilities()
    native = device == "cuda" or has.get("avx512_bf16") or has.get("amx_bf16")
    return torch.bfloat16 if native else torch.float32


def autocast(device: str) -> torch.autocast:
    return torch.autocast(device, torch.bfloat16, enabled=matrix_type(device) == torch.bfloat16)


def draw_state_heads(heads: int, default: int, rng: random.Random) -> int:
    """All state, the default, all attention, or any even number: the ends and the default are drawn more (sandwich rule).

    Even, since each number is a graph of its own to compile.
    """
    draw = rng.random()
    if draw < 0.30:
        return heads
    if draw < 0.70:
        return default
    if draw < 0.80:
        return 0
    return rng.randrange(0, heads + 1, 2)


def learning_rate_share(progress: float, steps: int) -> float:
    """0..1 of the peak rate at progress 0..1 of the budget, after so many steps."""
    return min(1.0, (steps + 1) / WARMUP_STEPS, max(0.0, (1.0 - progress) / DECAY_SHARE))


def orthogonalised(
    gradient: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """The Newton-Schulz iteration of Muon (torch.optim.Muon's docstring) in float32, where torch has bfloat16.

    gradient [rows, columns] -> the same shape, its singular values near one.
    """
    a, b, c = coefficients
    tall = gradient.size(0) > gradient.size(1)
    x = gradient.T if tall else gradient
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


def make_optimizers(model: Stateline, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the hidden matrices, AdamW for embedding, convolution and vectors."""
    if matrix_type(model.device.type) == torch.float32:  # torch has no setting for it
        torch.optim._muon._zeropower_via_newtonschulz = orthogonalised
    matrices, others = [], []
    for name, p in model.named_parameters():
        (matrices if p.ndim == 2 and name.endswith("proj.weight") else others).append(p)
    return [
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def validation_text(tokenizer: Tokenizer, corpus: Path, length: int) -> list[Batch]:
    """The same each time, of held-out repositories."""
    return list(itertools.islice(batches(tokenizer, corpus, 8, length, seed=1), 4))


@torch.no_grad()
@torch.compiler.set_stance("force_eager")
def validate(model: Stateline, text: list[Batch]) -> dict[str, float]:
    """Nats a token of the text at ratios 1, default and 0, state carried."""
    heads = model.config.num_heads
    default = round(model.config.hybrid_ratio * heads)
    losses: dict[str, float] = {}
    for state_heads in (heads, default, 0):
        memory, total = None, 0.0
        for batch in text:
            loss, memory = loss_of(model, batch.to(model.device), state_heads, memory)
            total += loss.item()
        losses[f"{state_heads}/{heads}"] = round(total / len(text), 4)
    return losses


def save(
    path: Path, model: Stateline, optimizers: list[torch.optim.Optimizer], done: dict[str, float]
) -> None:
    """Whole checkpoint, by rename, so that an interruption leaves the last one."""
    part = path.with_suffix(".part")
    torch.save(
        {
            "config": asdict(model.config),
            "model": model.state_dict(),
            "optimizers": [o.state_dict() for o in optimizers],
            "done": done,
        },
        part,
    )
    part.replace(path)


def note(out: Path, record: dict) -> None:
    """One line more of the log, from which model/evaluate/training_curve.py draws."""
    with (out / "log.jsonl").open("a") as log:
        log.write(json.dumps(record) + "\n")


def loss_of(
    model: Stateline, batch: Batch, state_heads: int, memory: list[LayerMemory] | None
) -> tuple[Tensor, list[LayerMemory]]:
    """Nats a token of the batch, and what the layers carry after it; they came with what they carried before."""
    if memory:
        memory = [m.detached(batch.reset) for m in memory]
    with autocast(model.device.type):
        logits, memory = model(batch.inputs, state_heads, memory)
        labels = batch.labels.flatten()
        return F.cross_entropy(logits.flatten(0, 1).float(), labels, ignore_index=IGNORED), memory


def keep_freed_memory() -> None:
    """Tells glibc to reuse what tensors free instead of returning it: page faults were 40 % of a step."""
    trim_threshold, top_pad, mmap_max, arena_max = -1, -2, -4, -8  # malloc.h
    mallopt = ctypes.CDLL(None).mallopt
    for parameter, value in (trim_threshold, 2**31 - 1), (top_pad, 2**28), (mmap_max, 0), (arena_max, 1):
        mallopt(parameter, value)


def end_with_parent() -> None:
    """torch's own way is SIGINT, which a shell has its background jobs ignore: such workers went on without a parent."""
    set_parent_death_signal = 1  # prctl.h
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


def compile_blocks(model: Stateline) -> None:
    """One graph a block and ratio: the first step at a ratio takes half a minute, the others two thirds of the time."""
    torch._dynamo.config.recompile_limit = 4 * (model.config.num_heads + 1)
    for block in model.layers:
        block.compile(dynamic=False)


def first_model(args: argparse.Namespace, vocab_size: int) -> Stateline:
    """Of random weights and args.config's sizes; or args.weights, grown to these."""
    if args.weights is None:
        return Stateline(ModelConfig(vocab_size=vocab_size, **args.config))
    model = read_model(args.weights)
    return grown(model, replace(model.config, **args.config)) if args.config else model


def start_or_resume(
    args: argparse.Namespace, vocab_size: int
) -> tuple[Stateline, list[torch.optim.Optimizer], dict[str, float]]:
    """Model, optimisers and what is done so far: from the checkpoint if there is one, else from args.weights if given."""
    checkpoint = args.out / CHECKPOINT
    if not checkpoint.exists():
        model = first_model(args, vocab_size).to(args.device)
        return model, make_optimizers(model, args.rate), {"seconds": 0.0, "tokens": 0, "steps": 0}
    loaded = torch.load(checkpoint, map_location=args.device, weights_only=True)
    model = Stateline(ModelConfig(**loaded["config"])).to(args.device)
    model.load_state_dict(loaded["model"])
    optimizers = make_optimizers(model, args.rate)
    for optimizer, state in zip(optimizers, loaded["optimizers"], strict=True):
        optimizer.load_state_dict(state)
    return model, optimizers, loaded["done"]


def optimise(model: Stateline, optimizers: list[torch.optim.Optimizer], rate: float) -> None:
    """One update from the gradients at hand, which it clears."""
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def average_over_workers(model: Stateline, seconds: float) -> float:
    """Gradients become their mean over the workers; so do the seconds, which all must agree on."""
    if not dist.is_initialized():
        return seconds
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients] + [torch.tensor([seconds])])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for gradient, mean in zip(gradients, flat[:-1].split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))
    return flat[-1].item()


def start_worker(worker: int, args: argparse.Namespace, meeting: str) -> None:
    """What a process of one thread wants of the system, and where it meets the others."""
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # far decays vanish; on some processors these cost half of a step's time
    if args.device == "cpu":
        keep_freed_memory()
    if args.workers > 1:
        end_with_parent()
        dist.init_process_group("gloo", init_method=meeting, rank=worker, world_size=args.workers)


def training_text(args: argparse.Namespace, tokenizer: Tokenizer, seed: str) -> Iterator[Batch]:
    corpus = args.corpus / "train"
    if args.readers == 0:
        return batches(tokenizer, corpus, args.rows, args.length, seed, evenly=True)
    return batches_of_readers(tokenizer, corpus, args.rows, args.length, seed, args.readers)


def train(worker: int, args: argparse.Namespace, meeting: str) -> None:
    """One worker's loop; the first also validates, logs and saves."""
    start_worker(worker, args, meeting)
    tokenizer = Tokenizer.from_file(str(HERE / "weights" / "tokenizer.json"))
    args.out.mkdir(parents=True, exist_ok=True)
    model, optimizers, done = start_or_resume(args, tokenizer.get_vocab_size())
    config = model.config
    compile_blocks(model)
    rng = random.Random(f"{args.seed}/{done['steps']}")
    source = training_text(args, tokenizer, f"{args.seed}/{done['steps']}/{worker}")
    held_out = validation_text(tokenizer, args.corpus / "valid", VALIDATED) if worker == 0 else []
    default, state_heads = round(config.hybrid_ratio * config.num_heads), config.num_heads
    memory = model.empty_memory(args.rows, matrix_type(args.device))
    budget, last_save = args.minutes * 60, done["seconds"]
    begun = time.monotonic()
    while done["seconds"] < budget:
        if done["steps"] % RATIO_STEPS == 0:
            state_heads = args.state_heads
            if state_heads is None:
                state_heads = draw_state_heads(config.num_heads, default, rng)
        loss, memory = loss_of(model, next(source).to(model.device), state_heads, memory)
        loss.backward()
        now = time.monotonic()
        took, begun = average_over_workers(model, min(now - begun, PAUSE_S)), now
        share = learning_rate_share(done["seconds"] / budget, int(done["steps"]))
        optimise(model, optimizers, args.rate * share)
        tokens = args.rows * args.length * args.workers
        done = {
            "seconds": done["seconds"] + took,
            "tokens": done["tokens"] + tokens,
            "steps": done["steps"] + 1,
        }
        if worker > 0:
            continue
        if done["steps"] % LOG_STEPS == 0:
            record = done | {
                "loss": round(loss.item(), 4),
                "state_heads": state_heads,
                "rate_share": round(share, 3),
            }
            record["tokens_per_second"] = round(tokens / took)
            if done["steps"] % VALIDATE_STEPS == 0:
                record["valid"] = validate(model, held_out)
            note(args.out, record)
        if done["seconds"] - last_save > budget / SAVES:
            save(args.out / CHECKPOINT, model, optimizers, done)
            if share < 1 and done["steps"] > WARMUP_STEPS:  # of the decay, for export.py to average
                shutil.copy(args.out / CHECKPOINT, args.out / f"decay-{done['steps']}.pt")
            last_save = done["seconds"]
    if dist.is_initialized():
        dist.destroy_process_group()
    if worker > 0:
        return
    save(args.out / CHECKPOINT, model, optimizers, done)
    record = done | {"valid": validate(model, held_out)}
    note(args.out, record)
    print(json.dumps(record))


def sizes(text: str) -> dict[str, int]:
    """Fields of ModelConfig from JSON, as --config gives them."""
    known = {f.name for f in fields(ModelConfig) if f.type == "int"}
    given = json.loads(text)
    if not isinstance(given, dict) or given.keys() - known:
        raise argparse.ArgumentTypeError(f"{text} is no JSON object of {', '.join(sorted(known))}")
    return given


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60, help="training time, pauses not counted")
    parser.add_argument("--corpus", type=Path, default=ROOT / ".cache" / "corpus")
    parser.add_argument("--out", type=Path, default=ROOT / ".cache" / "train" / "embedded")
    parser.add_argument("--weights", type=Path, help="a model folder to begin from, instead of from nothing")
    parser.add_argument(
        "--config",
        type=sizes,
        default={},
        help='sizes unlike the default, as {"num_hidden_layers": 8}; with --weights, those to grow to',
    )
    parser.add_argument("--state-heads", type=int, help="always so many heads in state mode, none drawn")
    parser.add_argument("--rows", type=int, default=2, help="repositories that a worker walks side by side")
    parser.add_argument(
        "--length", type=int, default=1024, help="tokens a segment; the state is carried between"
    )
    parser.add_argument("--rate", type=float, default=5e-3, help="peak learning rate")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--workers", type=int, help="processes of one thread; one a core unless said, one on a GPU"
    )
    parser.add_argument(
        "--readers", type=int, default=0, help="processes that prepare a worker's text; none: itself"
    )
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.workers = args.workers or (1 if args.device == "cuda" else os.cpu_count() or 1)
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: this PyTorch finds no NVIDIA GPU; see docs/training.md, On a GPU")
    if args.device == "cuda" and args.workers > 1:
        parser.error("--workers: one worker trains on a GPU; --readers says how many prepare its text")
    if args.weights and args.config.keys() - set(GROWING):
        parser.error(
            f"--config: of --weights only {', '.join(GROWING)} can grow; the rest trains from nothing"
        )
    with tempfile.TemporaryDirectory() as folder:
        meeting = f"file://{folder}/meeting"
        if args.workers == 1:
            train(0, args, meeting)
        else:
            multiprocessing.spawn(train, (args, meeting), args.workers)


if __name__ == "__main__":
    main()
