"""Replaces the attention of one layer of a language model by a time-invariant layer that imitates it, and says what it costs.

    python model/longrange/distil.py --layer L [--weights FOLDER] [--minutes M] [--out FOLDER]

The model is a folder in Hugging Face's form, config.json and model.safetensors, of the architecture in
model/architecture.py; all its heads run as attention. The new layer learns from what goes into the old mixer and what
comes out, nothing else moves. Then the loss on held-out repositories is measured three times: with the old mixer, without
any, and with the new one. That is one step of replacing a model layer by layer.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from architecture import LayerMemory, Stateline
from export import read_model
from stream import IGNORED, Batch, batches

from longrange.export import system_tensors
from longrange.forms import fft
from longrange.layers import DiagonalSSM
from longrange.optimizers import make_optimizer, rate_share
from longrange.train import ROOT

ALL_ATTENTION = 0  # heads in state mode
ROWS, LENGTH = 4, 256
STATE_SIZE = 64
RATE = 4e-3
VALIDATION_BATCHES = 8


class InvariantMixer(nn.Module):
    """A time-invariant layer in the place of architecture.Mixer: [s | z] = W x, y = W_out (SSM(s) * SiLU(z))."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.in_proj = nn.Linear(hidden, 2 * hidden, bias=False)
        self.ssm = DiagonalSSM(hidden, STATE_SIZE)
        self.out_proj = nn.Linear(hidden, hidden, bias=False)

    def forward(
        self, x: Tensor, state_heads: int, memory: LayerMemory | None, chunk: int
    ) -> tuple[Tensor, LayerMemory | None]:
        """x [B, T, d] -> [B, T, d]; as Mixer.forward, of whose arguments it needs only x."""
        s, z = self.in_proj(x).chunk(2, -1)
        y = fft(self.ssm.system(), s.transpose(1, 2)).transpose(1, 2)
        return self.out_proj(y * F.silu(z)), memory


class NoMixer(nn.Module):
    """Adds nothing: what the layer is worth at all."""

    def forward(self, x: Tensor, *_: object) -> tuple[Tensor, None]:
        return torch.zeros_like(x), None


@torch.no_grad()
def lesson(model: Stateline, layer: int, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """What goes into the mixer of a layer and what comes out, each [B, T, d]."""
    x = model.embed_tokens(tokens)
    for block in model.layers[:layer]:
        x, _ = block(x, ALL_ATTENTION, None, LENGTH)
    block = model.layers[layer]
    x = block.norm1(x)
    return x, block.mixer(x, ALL_ATTENTION, None, LENGTH)[0]


def distil(
    model: Stateline, layer: int, source: Iterator[Batch], seconds: float
) -> tuple[InvariantMixer, float]:
    """The imitation after so many seconds of the processor, and the share of the mixer's variance it misses at the end."""
    student = InvariantMixer(model.config.hidden_size)
    optimizer = make_optimizer(student, RATE)
    peaks = [group["lr"] for group in optimizer.param_groups]
    start, missed = time.process_time(), 1.0
    while (used := time.process_time() - start) < seconds:
        x, wanted = lesson(model, layer, next(source).inputs)
        for group, peak in zip(optimizer.param_groups, peaks):
            group["lr"] = peak * rate_share(used / seconds)
        loss = F.mse_loss(student(x, ALL_ATTENTION, None, LENGTH)[0], wanted) / wanted.var()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        missed = 0.9 * missed + 0.1 * loss.item()
    return student, missed


@torch.no_grad()
def nats_a_token(model: Stateline, held_out: list[Batch]) -> float:
    losses = []
    for batch in held_out:
        logits = model(batch.inputs, ALL_ATTENTION, None, LENGTH)[0]
        losses.append(
            F.cross_entropy(logits.flatten(0, 1), batch.labels.flatten(), ignore_index=IGNORED).item()
        )
    return sum(losses) / len(losses)


def write_mixer(mixer: InvariantMixer, layer: int, path: Path) -> None:
    """The new layer as safetensors under the names it would have in the model's file, its system in discrete time."""
    tensors = {"in_proj.weight": mixer.in_proj.weight, "out_proj.weight": mixer.out_proj.weight}
    tensors |= {f"ssm.{name}": value for name, value in system_tensors(mixer.ssm.system()).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    named = {
        f"model.layers.{layer}.mixer.{name}": value.detach().float().contiguous()
        for name, value in tensors.items()
    }
    save_file(named, path, metadata={"format": "pt"})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, default=ROOT / "model" / "weights")
    parser.add_argument("--layer", type=int, required=True)
    parser.add_argument("--minutes", type=float, default=2.0, help="of the processor")
    parser.add_argument("--out", type=Path, default=ROOT / ".cache" / "distil")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = read_model(args.weights)
    if not 0 <= args.layer < len(model.layers):
        parser.error(f"--layer {args.layer}: the model has layers 0 to {len(model.layers) - 1}")
    tokenizer = Tokenizer.from_file(str(args.weights / "tokenizer.json"))
    corpus = ROOT / ".cache" / "corpus"
    source = batches(tokenizer, corpus / "valid", ROWS, LENGTH, seed=1)
    held_out = [next(source) for _ in range(VALIDATION_BATCHES)]
    block = model.layers[args.layer]
    nats = {"attention": nats_a_token(model, held_out)}
    student, missed = distil(
        model, args.layer, batches(tokenizer, corpus / "train", ROWS, LENGTH, seed=0), 60 * args.minutes
    )
    for name, mixer in (("nothing", NoMixer()), ("time-invariant", student)):
        block.mixer = mixer
        nats[name] = nats_a_token(model, held_out)
    write_mixer(student, args.layer, args.out / f"layer-{args.layer}.safetensors")
    record = {"layer": args.layer, "minutes": args.minutes, "varianceMissed": missed, "natsAToken": nats}
    (ROOT / "docs" / "longrange" / f"distil-layer-{args.layer}.json").write_text(
        json.dumps(record, indent=1) + "\n"
    )
    print(json.dumps(record))


if __name__ == "__main__":
    main()
