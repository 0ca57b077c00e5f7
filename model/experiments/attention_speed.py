"""Attention both ways as PyTorch computes it, alone: a check that the native engine's baseline is a fair one. Prints JSON.

.cache/venv/bin/python model/experiments/attention_speed.py LAYERS HEADS HEAD_WIDTH TOKENS...
"""

import json
import sys
import time

import torch
import torch.nn.functional as F

ROUNDS = 3
LONG = 16_384  # tokens beyond which one round must do


def processor_ms(layers: int, heads: int, width: int, tokens: int) -> float:
    """Milliseconds of processor time, one thread, the median of the rounds; projections and rotary positions left out."""
    q, k, v = (torch.randn(1, heads, tokens, width) for _ in range(3))
    times = []
    for _ in range(1 if tokens > LONG else ROUNDS):
        begin = time.process_time()
        for _ in range(layers):
            F.scaled_dot_product_attention(q, k, v)
        times.append(1000 * (time.process_time() - begin))
    return sorted(times)[len(times) // 2]


def main() -> None:
    torch.set_num_threads(1)
    layers, heads, width, *lengths = map(int, sys.argv[1:])
    rows = [{"tokens": n, "ms": processor_ms(layers, heads, width, n)} for n in lengths]
    print(json.dumps({"version": torch.__version__, "lengths": rows}))


if __name__ == "__main__":
    with torch.inference_mode():
        main()
