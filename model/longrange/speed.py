"""Seconds and memory of a forward pass by length, attention beside the time-invariant layer: python model/longrange/speed.py

PyTorch on one thread in fp32, one sequence, the families of families.py with random weights, which look both ways; processor seconds, the least of some
passes. Attention is PyTorch's fused kernel, whose memory grows as the sequence and whose time as its square.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from longrange.families import FAMILIES
from longrange.network import Classifier, LongRangeConfig
from longrange.train import ROOT

LENGTHS = (1024, 4096, 16384, 32768)
NAMES = ("ssm", "low_rank", "hybrid-50", "attention")


@torch.no_grad()
def measured(name: str, length: int) -> dict[str, float]:
    """Of one pass in this process, whose memory counts from before the model was there."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model = Classifier(LongRangeConfig(**FAMILIES[name]))
    tokens = torch.randint(0, 256, (1, length))
    seconds = []
    for _ in range(3 if length <= 4096 else 1):
        start = time.process_time()
        model(tokens)
        seconds.append(time.process_time() - start)
    added = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"seconds": min(seconds), "addedMemoryMB": round(added / 1024, 1)}


def main() -> None:
    if len(sys.argv) == 3:
        print(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))
        return
    record: dict[str, dict[str, dict[str, float]]] = {name: {} for name in NAMES}
    for length in LENGTHS:
        for name in NAMES:  # each in a process of its own, or the peak would be that of the largest before it
            command = [sys.executable, __file__, name, str(length)]
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            record[name][str(length)] = json.loads(out)
            print(length, name, out.strip(), flush=True)
    (ROOT / "docs" / "longrange" / "speed.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
