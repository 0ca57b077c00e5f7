"""Where a fixed A ends: selective copying and induction, the time-invariant layer beside the selective one, same budget.

    python model/longrange/recall.py [--minutes M]

Selective copying (Mamba, arXiv 2312.00752, section 4.1): a few symbols stand at random places among blanks, and are to be
said in order at the end. Which inputs to keep depends on what they are, and a time-invariant state cannot ask. Induction:
a marker is followed by a symbol once; when the marker comes again, that symbol is the answer. The selective model is
model/architecture.py's in state mode: its decay and its step depend on the input. Both read one symbol a token.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from architecture import ModelConfig, Stateline

from longrange.network import Classifier, LongRangeConfig
from longrange.optimizers import make_optimizer, rate_share
from longrange.train import ROOT

SYMBOLS = 8
BLANK, MARKER = SYMBOLS, SYMBOLS + 1
VOCABULARY = SYMBOLS + 2
LENGTH, KEPT = 56, 6  # tokens before the answer, symbols to keep; one chunk of the selective model in all
ROWS = 64
RATE = 3e-3
Problem = tuple[
    Tensor, Tensor, Tensor
]  # tokens [rows, T], answers [rows, K], places of the answers [rows, K]


def selective_copying(rows: int, generator: torch.Generator) -> Problem:
    """Symbols among blanks, then a marker for each answer: the i-th marker asks for the i-th symbol."""
    places = torch.rand(rows, LENGTH, generator=generator).argsort(1)[:, :KEPT].sort(1).values
    answers = torch.randint(0, SYMBOLS, (rows, KEPT), generator=generator)
    tokens = torch.full((rows, LENGTH + KEPT), BLANK)
    tokens.scatter_(1, places, answers)
    tokens[:, LENGTH:] = MARKER
    return tokens, answers, torch.arange(LENGTH, LENGTH + KEPT).repeat(rows, 1)


def induction(rows: int, generator: torch.Generator) -> Problem:
    """Random symbols with a marker somewhere; at the end the marker again, which asks for what followed it."""
    tokens = torch.randint(0, SYMBOLS, (rows, LENGTH + 1), generator=generator)
    place = torch.randint(0, LENGTH - 1, (rows, 1), generator=generator)
    answers = tokens.gather(1, place + 1)
    tokens.scatter_(1, place, MARKER)
    tokens[:, -1] = MARKER
    return tokens, answers, torch.full((rows, 1), LENGTH)


PROBLEMS = {"selective copying": selective_copying, "induction": induction}


class Invariant(nn.Module):
    """The blocks of the long-range classifier, with a symbol at each token instead of a class at the end."""

    def __init__(self) -> None:
        super().__init__()
        sizes = {"hidden_size": 64, "num_hidden_layers": 2, "state_size": 64, "bidirectional": False}
        self.body = Classifier(LongRangeConfig(num_classes=SYMBOLS, vocab_size=VOCABULARY, **sizes))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.body.head(self.body.hidden(tokens).permute(1, 2, 0))


class Selective(nn.Module):
    """Two layers of model/architecture.py with every head in state mode, of about the same number of parameters."""

    def __init__(self) -> None:
        super().__init__()
        sizes = {"num_heads": 4, "key_dim": 8, "value_dim": 16, "intermediate_size": 32}
        self.body = Stateline(
            ModelConfig(vocab_size=VOCABULARY, hidden_size=64, num_hidden_layers=2, hybrid_ratio=1.0, **sizes)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        padded = F.pad(tokens, (0, -tokens.shape[1] % 64), value=BLANK)
        return self.body(padded, state_heads=4)[0][:, : tokens.shape[1], :SYMBOLS]


MODELS = {"time-invariant": Invariant, "selective": Selective}


def answers_of(model: nn.Module, problem: Problem) -> tuple[Tensor, Tensor]:
    """Logits [rows K, SYMBOLS] and answers [rows K] at the places that are asked for."""
    tokens, answers, places = problem
    logits = model(tokens)
    asked = logits.gather(1, places[..., None].expand(*places.shape, SYMBOLS))
    return asked.flatten(0, 1), answers.flatten()


def accuracy_after(name: str, problem: str, seconds: float) -> dict[str, float]:
    """Trains a model for so many seconds of the processor; the share of answers that are right on 512 new rows."""
    torch.manual_seed(0)
    model, make = MODELS[name](), PROBLEMS[problem]
    optimizer = make_optimizer(model, RATE)
    peaks = [group["lr"] for group in optimizer.param_groups]
    generator = torch.Generator().manual_seed(1)
    start, steps = time.process_time(), 0
    while (used := time.process_time() - start) < seconds:
        for group, peak in zip(optimizer.param_groups, peaks):
            group["lr"] = peak * rate_share(used / seconds)
        F.cross_entropy(*answers_of(model, make(ROWS, generator))).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        steps += 1
    with torch.no_grad():
        logits, answers = answers_of(model, make(512, torch.Generator().manual_seed(2)))
    right = int((logits.argmax(-1) == answers).sum())
    return {
        "right": right,
        "asked": len(answers),
        "steps": steps,
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--minutes", type=float, default=1.0, help="of the processor, for each model and problem"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    results = {}
    for problem in PROBLEMS:
        for name in MODELS:
            results[f"{problem}, {name}"] = result = accuracy_after(name, problem, 60 * args.minutes)
            print(f"{problem}, {name}: {result}", flush=True)
    record = {"minutes": args.minutes, "chance": 1 / SYMBOLS, "results": results}
    (ROOT / "docs" / "longrange" / "recall.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
