"""Training steps by form and precision, the forms in turn: python model/longrange/throughput.py

The network of families.py with six layers, as many sequences of 1,024 tokens as training takes at once, forwards and backwards, one
thread; processor seconds, medians. Activations are what training takes on this processor. Writes docs/longrange/throughput.json.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from longrange import blocks, network
from longrange.families import FAMILIES
from longrange.forms import fft
from longrange.network import Classifier, LongRangeConfig
from longrange.systems import System
from longrange.train import MICRO_TOKENS, ROOT, activations, keep_memory

LENGTH, ROUNDS = 1024, 5
ROWS = MICRO_TOKENS // LENGTH


def two_convolutions(ways: list[System], u: Tensor) -> Tensor:
    """blocks.two_ways by FFT."""
    rows = u.transpose(0, 1)
    y = fft(ways[0], rows) + fft(ways[1], rows.flip(-1)).flip(-1)
    return y.transpose(0, 1)


def seconds_of_a_step(
    model: Classifier, form: Callable[[list[System], Tensor], Tensor], dtype: torch.dtype
) -> float:
    network.two_ways = form
    tokens = torch.randint(0, 256, (ROWS, LENGTH))
    start = time.process_time()
    F.cross_entropy(model.pooled(model.hidden(tokens, None, dtype)), tokens[:, 0] % 2).backward()
    return time.process_time() - start


def main() -> None:
    keep_memory()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    ssm, attention = (
        Classifier(LongRangeConfig(num_classes=2, **FAMILIES[name])) for name in ("ssm", "attention")
    )
    network.compile_elementwise()
    dtype = activations()
    trials = {
        "FFT": (ssm, two_convolutions, torch.float32),
        "blocks": (ssm, blocks.two_ways, dtype),
        "attention": (attention, blocks.two_ways, dtype),
    }
    times: dict[str, list[float]] = {name: [] for name in trials}
    for _ in range(ROUNDS + 1):  # the first compiles
        for name, trial in trials.items():
            times[name].append(seconds_of_a_step(*trial))
    record = {name: round(ROWS / statistics.median(taken[1:]), 1) for name, taken in times.items()}
    print(json.dumps(record))
    (ROOT / "docs" / "longrange" / "throughput.json").write_text(
        json.dumps({"length": LENGTH, "activations": str(dtype), "sequencesASecond": record}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
