"""Bits of the evaluation's files from PyTorch, with the arithmetic of the int8 engine: alone, and after their repository.

Reads a model's folder and the cases that scripts/eval/cases.ts writes; writes JSON for scripts/eval/pytorch.ts. The exact
recall is no part of it.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from architecture import DT_FLOOR, LayerMemory, Mixer, ModelConfig, Stateline
from quantise import quantised

CHUNK = 64
SEGMENT = 512


class CarryingMixer(Mixer):
    """Attention heads that look back over their window across segments, as the engine's do; training sees one segment."""

    past: tuple[Tensor, Tensor, Tensor, Tensor] | None = (
        None  # k, v, decay, dt of the last tokens of the window
    )

    def attend(self, q: Tensor, k: Tensor, v: Tensor, decay: Tensor, dt: Tensor) -> Tensor:
        """Shapes as in attention_mode; the keys begin window - 1 tokens before the queries."""
        window, length = self.config.attention_window, q.shape[1]
        parts = (k, v, decay, dt)
        if self.past is not None:
            parts = tuple(torch.cat(pair, 1) for pair in zip(self.past, parts))
        self.past = tuple(part[:, -(window - 1) :] for part in parts)
        k, v, decay, dt = parts
        before = k.shape[1] - length
        bias = torch.log(dt.clamp(min=DT_FLOOR)) - decay.double().cumsum(1)  # [B, S, H]
        bias = (bias - bias[:, -1:]).float()  # softmax does not see a common shift, but fp32 would
        scores = torch.einsum("bthk,bshk->bhts", q, k) + bias.permute(0, 2, 1)[:, :, None]
        i = torch.arange(length)[:, None] + before
        j = torch.arange(k.shape[1])[None]
        scores = scores.masked_fill((j > i) | (j <= i - window), -math.inf)
        return torch.einsum("bhts,bshv->bthv", scores.softmax(-1), v)


Memory = tuple[list[LayerMemory], list]


class Scorer:
    """A model that reads tokens in segments and forgets nothing between them."""

    def __init__(self, model: Stateline, state_heads: int) -> None:
        self.model, self.state_heads = model, state_heads
        self.mixers = [block.mixer for block in model.layers]
        for mixer in self.mixers:
            mixer.__class__ = CarryingMixer

    def empty(self) -> Memory:
        return self.model.empty_memory(1, torch.float32), [None for _ in self.mixers]

    @torch.inference_mode()
    def advance(self, memory: Memory, tokens: list[int], logits: list[Tensor] | None = None) -> Memory:
        """The memory after the tokens. Where logits are wanted, those [T, vocab] of each segment are appended."""
        layers, pasts = memory
        for mixer, past in zip(self.mixers, pasts):
            mixer.past = past
        for segment in segments(tokens):
            model = self.model.hidden if logits is None else self.model
            given, layers = model(torch.tensor([segment]), self.state_heads, layers, CHUNK)
            if logits is not None:
                logits.append(given[0])
        return layers, [mixer.past for mixer in self.mixers]

    def logits(self, memory: Memory, tokens: list[int]) -> Tensor:
        """[T, vocab] after each token."""
        rows: list[Tensor] = []
        self.advance(memory, tokens, rows)
        return torch.cat(rows)

    def bits(self, memory: Memory, header: list[int], tokens: list[int]) -> float:
        """Of the tokens after the header."""
        logits = self.logits(memory, header + tokens[:-1])
        wanted = torch.tensor(tokens)
        nats = F.cross_entropy(logits[len(header) - 1 :].double(), wanted, reduction="sum")
        return nats.item() / math.log(2)


def segments(tokens: list[int]) -> list[list[int]]:
    """Pieces of SEGMENT tokens, one of a multiple of CHUNK, and what is left."""
    whole = len(tokens) - len(tokens) % CHUNK
    pieces = [tokens[at : min(at + SEGMENT, whole)] for at in range(0, whole, SEGMENT)]
    return pieces + ([tokens[whole:]] if whole < len(tokens) else [])


def load_model(folder: Path) -> Stateline:
    """A model's folder as it is shipped; int8 matrices are computed as the engine computes them."""
    model = Stateline(ModelConfig.from_json(folder / "config.json"))
    stored = load_file(folder / "model.safetensors")
    weights = {}
    for name in model.state_dict():
        value = stored[f"model.{name}"]
        scale = stored.get(f"model.{name}_scale")
        value = value if scale is None else value.float() * scale[:, None]
        weights[name] = value[:, None] if name.endswith("conv.weight") else value
    model.load_state_dict(weights)
    return quantised(model) if any(name.endswith("_scale") for name in stored) else model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("cases", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--context", type=int, required=True, help="tokens of a repository that are read")
    parser.add_argument("--ratios", type=float, nargs="+", required=True)
    args = parser.parse_args()
    model = load_model(args.model)
    scores = []
    for path in sorted(args.cases.glob("*.json")):
        case = json.loads(path.read_text())
        for ratio in args.ratios:
            scorer = Scorer(model, round(ratio * model.config.num_heads))
            read = read_repository(scorer, case, args.context)
            for asked in case["asked"]:
                alone = scorer.bits(scorer.empty(), asked["header"], asked["tokens"])
                after = scorer.bits(read, asked["header"], asked["tokens"])
                row = {"repository": case["name"], "path": asked["path"], "hybridRatio": ratio}
                scores.append(row | {"bits": {"alone": alone, "read": after}})
    args.out.write_text(json.dumps(scores))


def read_repository(scorer: Scorer, case: dict, most: int) -> Memory:
    """Texts while they fit, as scripts/eval/reading.ts takes them."""
    memory = scorer.advance(scorer.empty(), case["header"])
    total = 0
    for tokens in case["texts"]:
        total += len(tokens)
        if total > most:
            break
        memory = scorer.advance(memory, tokens)
    return memory


if __name__ == "__main__":
    main()
