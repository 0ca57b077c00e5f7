"""Trains the variants of variants.py on equal text and records their loss on held-out repositories; ablation_table.py shows it.

.cache/venv/bin/python model/experiments/ablations.py                          # all that the record lacks
.cache/venv/bin/python model/experiments/ablations.py "as shipped" --seed 2    # one more seed of one

The models see the same text in the same order and differ in the one thing their name says. A lead for the embedded model,
not a proof: it has four times the parameters and some 370 times the tokens.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict
from functools import cache
from pathlib import Path

import torch
from tokenizers import Tokenizer

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "data")]
import tokenizer as bpe
from stream import Batch
from train import keep_freed_memory
from trial import HeldOut, held_out_text, score, token_bytes, train, training_text
from variants import GROUPS, VARIANTS, Variant

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "docs" / "evaluation" / "ablations.json"
CORPUS = ROOT / ".cache" / "corpus"
SHIPPED_VOCABULARY = 4096
TEXT_BYTES = 3.2e6  # of training text: a million tokens
HELD_OUT_BYTES = 20_000  # of each held-out repository
SAMPLE_BYTES = 60_000_000  # that another tokenizer is trained on, as the shipped one is


@cache
def tokenizer_of(vocabulary: int) -> Tokenizer:
    """The shipped tokenizer, or one trained in the same way and kept in .cache/ablations."""
    if vocabulary == SHIPPED_VOCABULARY:
        return Tokenizer.from_file(str(ROOT / "model" / "weights" / "tokenizer.json"))
    path = ROOT / ".cache" / "ablations" / f"tokenizer-{vocabulary}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        bpe.train(bpe.read_texts(CORPUS / "train", SAMPLE_BYTES, seed=1), vocabulary).save(str(path))
    return Tokenizer.from_file(str(path))


@cache
def texts(vocabulary: int) -> tuple[list[Batch], HeldOut]:
    """What every trial with such a tokenizer trains on and is scored on."""
    tokenizer = tokenizer_of(vocabulary)
    training = training_text(tokenizer, CORPUS / "train", TEXT_BYTES)
    return training, held_out_text(tokenizer, CORPUS / "valid", HELD_OUT_BYTES)


def run(variant: Variant, seed: int) -> dict:
    """The record of one trial."""
    training, held_out = texts(variant.vocabulary)
    training = training[: round(variant.text * len(training))]
    torch.manual_seed(seed)
    model = variant.model()
    trained = train(model, variant, training, seed)
    sizes = token_bytes(tokenizer_of(variant.vocabulary))
    return {
        "name": variant.name,
        "seed": seed,
        "parameters": sum(p.numel() for p in model.parameters()),
        **asdict(trained),
        "bytes": sum(int(sizes[batch.inputs].sum()) for batch in training),
        "held_out_bytes": held_out.bytes,
        "held_out_tokens": held_out.labels,
        "nats": {ratio: x if math.isfinite(x) else None for ratio, x in score(model, held_out).items()},
    }


def recorded() -> list[dict]:
    """The trials so far."""
    return json.loads(RECORD.read_text())["runs"] if RECORD.exists() else []


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "variants", nargs="*", default=list(VARIANTS), help="by name, or groups: " + ", ".join(GROUPS)
    )
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    for name in args.variants:
        if name not in GROUPS and name not in VARIANTS:
            parser.error(f"no variant or group is called {name!r}; variants are: {', '.join(VARIANTS)}")
        for variant in GROUPS.get(name) or [VARIANTS[name]]:
            if any((done["name"], done["seed"]) == (variant.name, args.seed) for done in recorded()):
                continue
            done = run(variant, args.seed)
            record = {"torch": torch.__version__, "runs": [*recorded(), done]}
            RECORD.write_text(json.dumps(record, indent=1) + "\n")
            nats = " / ".join(
                "diverged" if x is None else f"{x / done['held_out_tokens']:.3f}"
                for x in done["nats"].values()
            )
            print(f"{variant.name}, seed {args.seed}: {nats}, {done['processor_s']:.0f} s", flush=True)


if __name__ == "__main__":
    main()
