"""Trains the embedded model on this machine's CPU within a budget of minutes; resumes from its own checkpoint.

Schedule: warm-up, stable, linear decay to zero over the last part of the time budget (pauses do not count). A run that
resumes with a smaller budget begins to decay there and then, so a stable run can be ended at any time.
Each few steps draw a hybrid ratio, so that one checkpoint serves all of them.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import random
import time
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from architecture import ModelConfig, Stateline
from stream import IGNORED, batches
from tokenizers import Tokenizer
from torch import Tensor

HERE = Path(__file__).parent
ROOT = HERE.parent
WARMUP_STEPS, DECAY_SHARE = 100, 0.4
RATIO_STEPS = 8  # steps a drawn ratio is kept, so that state heads keep their state across segments
LOG_STEPS, VALIDATE_STEPS, SAVE_S = 20, 400, 300.0
CHECKPOINT = "checkpoint.pt"
PAUSE_S = 30.0  # a step longer than this was a pause: the rest of it does not count


def draw_state_heads(heads: int, default: int, rng: random.Random) -> int:
    """All state, the default, all attention, or any: the ends and the default are drawn more (sandwich rule)."""
    draw = rng.random()
    if draw < 0.30:
        return heads
    if draw < 0.70:
        return default
    if draw < 0.80:
        return 0
    return rng.randrange(heads + 1)


def learning_rate_share(progress: float, steps: int) -> float:
    """0..1 of the peak rate at progress 0..1 of the budget, after so many steps."""
    return min(1.0, (steps + 1) / WARMUP_STEPS, max(0.0, (1.0 - progress) / DECAY_SHARE))


def make_optimizers(model: Stateline, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the hidden matrices, AdamW for embedding, convolution and vectors."""
    matrices, others = [], []
    for name, p in model.named_parameters():
        (matrices if p.ndim == 2 and name.endswith("proj.weight") else others).append(p)
    return [
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


@torch.no_grad()
@torch.compiler.set_stance("force_eager")
def validate(model: Stateline, tokenizer: Tokenizer, corpus: Path, length: int) -> dict[str, float]:
    """Nats a token on held-out repositories at ratios 1, default and 0, state carried; the same text each time."""
    heads = model.config.num_heads
    default = round(model.config.hybrid_ratio * heads)
    losses: dict[str, float] = {}
    for state_heads in (heads, default, 0):
        source, memory, total = batches(tokenizer, corpus, 8, length, seed=1), None, 0.0
        for _ in range(4):
            batch = next(source)
            memory = [m.detached(batch.reset) for m in memory] if memory else None
            with torch.autocast("cpu", torch.bfloat16):
                logits, memory = model(batch.inputs, state_heads, memory)
            total += F.cross_entropy(
                logits.flatten(0, 1).float(), batch.labels.flatten(), ignore_index=IGNORED
            ).item()
        losses[f"{state_heads}/{heads}"] = round(total / 4, 4)
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


def training_step(model: Stateline, inputs: Tensor, labels: Tensor, state_heads: int, memory: list | None):
    with torch.autocast("cpu", torch.bfloat16):
        logits, memory = model(inputs, state_heads, memory)
        loss = F.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED)
    loss.backward()
    return loss.item(), memory


def keep_freed_memory() -> None:
    """Tells glibc to reuse what tensors free instead of returning it: page faults were 40 % of a step."""
    trim_threshold, top_pad, mmap_max, arena_max = -1, -2, -4, -8  # malloc.h
    mallopt = ctypes.CDLL(None).mallopt
    for parameter, value in (trim_threshold, 2**31 - 1), (top_pad, 2**28), (mmap_max, 0), (arena_max, 1):
        mallopt(parameter, value)


def compile_blocks(model: Stateline) -> None:
    """One graph a block and ratio: the first step at a ratio takes half a minute, the others two thirds of the time."""
    torch._dynamo.config.recompile_limit = 4 * (model.config.num_heads + 1)
    for block in model.layers:
        block.compile(dynamic=False)


def start_or_resume(
    args: argparse.Namespace, config: ModelConfig
) -> tuple[Stateline, list[torch.optim.Optimizer], dict[str, float]]:
    """Model, optimisers and what is done so far, from the checkpoint if there is one."""
    model = Stateline(config)
    optimizers = make_optimizers(model, args.rate)
    checkpoint = args.out / CHECKPOINT
    if not checkpoint.exists():
        return model, optimizers, {"seconds": 0.0, "tokens": 0, "steps": 0}
    loaded = torch.load(checkpoint, weights_only=True)
    model.load_state_dict(loaded["model"])
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


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    keep_freed_memory()
    tokenizer = Tokenizer.from_file(str(HERE / "weights" / "tokenizer.json"))
    config = ModelConfig(vocab_size=tokenizer.get_vocab_size())
    args.out.mkdir(parents=True, exist_ok=True)
    model, optimizers, done = start_or_resume(args, config)
    compile_blocks(model)
    rng = random.Random(f"{args.seed}/{done['steps']}")
    source = batches(
        tokenizer, args.corpus / "train", args.rows, args.length, seed=args.seed + int(done["steps"])
    )
    default, state_heads = round(config.hybrid_ratio * config.num_heads), config.num_heads
    memory = model.empty_memory(args.rows, torch.bfloat16)
    budget, last_save = args.minutes * 60, done["seconds"]
    while done["seconds"] < budget:
        begun = time.monotonic()
        if done["steps"] % RATIO_STEPS == 0:
            state_heads = draw_state_heads(config.num_heads, default, rng)
        batch = next(source)
        memory = [m.detached(batch.reset) for m in memory]
        loss, memory = training_step(model, batch.inputs, batch.labels, state_heads, memory)
        share = learning_rate_share(done["seconds"] / budget, int(done["steps"]))
        optimise(model, optimizers, args.rate * share)
        took = min(time.monotonic() - begun, PAUSE_S)
        done = {
            "seconds": done["seconds"] + took,
            "tokens": done["tokens"] + batch.inputs.numel(),
            "steps": done["steps"] + 1,
        }
        if done["steps"] % LOG_STEPS == 0:
            record = done | {
                "loss": round(loss, 4),
                "state_heads": state_heads,
                "rate_share": round(share, 3),
            }
            record["tokens_per_second"] = round(batch.inputs.numel() / took)
            if done["steps"] % VALIDATE_STEPS == 0:
                record["valid"] = validate(model, tokenizer, args.corpus / "valid", args.length)
            with (args.out / "log.jsonl").open("a") as log:
                log.write(json.dumps(record) + "\n")
        if done["seconds"] - last_save > SAVE_S:
            save(args.out / CHECKPOINT, model, optimizers, done)
            last_save = done["seconds"]
    save(args.out / CHECKPOINT, model, optimizers, done)
    print(json.dumps(done | {"valid": validate(model, tokenizer, args.corpus / "valid", args.length)}))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60, help="training time, pauses not counted")
    parser.add_argument("--corpus", type=Path, default=ROOT / ".cache" / "corpus")
    parser.add_argument("--out", type=Path, default=ROOT / ".cache" / "train" / "embedded")
    parser.add_argument("--rows", type=int, default=8, help="repositories walked side by side")
    parser.add_argument(
        "--length", type=int, default=512, help="tokens a segment; the state is carried between"
    )
    parser.add_argument("--rate", type=float, default=5e-3, help="peak learning rate")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
