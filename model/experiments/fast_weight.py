"""What a fast weight of a repository at the head is worth: a matrix A [d, d] and an output bias, learned from its reading.

h' = h + h A, logits = E h' + bias, by the cross-entropy of the token that follows: the hidden vectors h [d] are those that
reading computes, nothing goes back through the layers. Scores files that were not read.

node scripts/eval/cases.ts valid FOLDER && .cache/venv/bin/python model/experiments/fast_weight.py FOLDER [NAME ...]
"""

from __future__ import annotations

import json
import sys
import time
from itertools import accumulate
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "evaluate")]
from score import Memory, Scorer, load_model

WEIGHTS = Path(__file__).parents[1] / "weights"
MOST_LEARNED = 100_000  # tokens, of the last that are read
PASSES, BATCH, RATE = 2, 256, 1e-3
SCALES = 0.3, 0.6, 1.0  # of what was learned: it is surer than it should be


@torch.no_grad()
def learn(E: Tensor, h: Tensor, tokens: Tensor, passes: int = PASSES) -> tuple[Tensor, Tensor]:
    """E [vocab, d], h [N, d], tokens [N] that follow -> A [d, d], bias [vocab]; N >= BATCH."""
    A, bias = torch.nn.Parameter(E.new_zeros(E.shape[1], E.shape[1])), torch.nn.Parameter(E.new_zeros(len(E)))
    optimizer = torch.optim.AdamW([A, bias], lr=RATE)
    generator = torch.Generator().manual_seed(0)
    batches = [
        rows
        for _ in range(passes)
        for rows in torch.randperm(len(h), generator=generator)[: len(h) // BATCH * BATCH].split(BATCH)
    ]
    for step, rows in enumerate(batches):
        A.grad, bias.grad = gradient(E, h[rows], tokens[rows], A, bias)
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / len(batches))
        optimizer.step()
    return A.detach(), bias.detach()


def gradient(E: Tensor, h: Tensor, tokens: Tensor, A: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Of the mean cross-entropy by A and the bias, written out: an autograd graph of [B, vocab] costs four times as much."""
    errors = F.softmax(F.linear(h + h @ A, E, bias), -1)  # [B, vocab]
    errors[torch.arange(len(h)), tokens] -= 1
    errors /= len(h)
    return h.T @ (errors @ E), errors.sum(0)


class Reader(Scorer):
    """Also gives the final hidden vectors, as the head is given them."""

    def hidden(self, memory: Memory, tokens: list[int]) -> tuple[Tensor, Memory]:
        """[T, d] after each token."""
        rows: list[Tensor] = []
        handle = self.model.norm.register_forward_hook(lambda _module, _inputs, out: rows.append(out[0]))
        memory = self.advance(memory, tokens)
        handle.remove()
        return torch.cat(rows), memory


def read(reader: Reader, case: dict) -> tuple[Tensor, Tensor, Memory]:
    """Hidden vectors of the last tokens of a repository, the tokens that follow them, and the memory of all."""
    memory = reader.advance(reader.empty(), case["header"])
    total = sum(map(len, case["texts"]))
    hidden, following = [], []
    for tokens, end in zip(case["texts"], accumulate(map(len, case["texts"]))):
        if total - end > MOST_LEARNED:
            memory = reader.advance(memory, tokens)
            continue
        h, memory = reader.hidden(memory, tokens)
        hidden.append(h[:-1])
        following.append(torch.tensor(tokens[1:]))
    return torch.cat(hidden), torch.cat(following), memory


def asked(reader: Reader, case: dict, memory: Memory) -> tuple[Tensor, Tensor]:
    """Hidden vectors before the tokens of the files that are scored, and these tokens."""
    hidden, following = [], []
    for file in case["asked"]:
        h, _ = reader.hidden(memory, file["header"] + file["tokens"][:-1])
        hidden.append(h[len(file["header"]) - 1 :])
        following.append(torch.tensor(file["tokens"]))
    return torch.cat(hidden), torch.cat(following)


def nats(E: Tensor, h: Tensor, tokens: Tensor, A: Tensor, bias: Tensor) -> float:
    """A token, on average."""
    losses = [
        F.cross_entropy(F.linear(x + x @ A, E, bias), t, reduction="sum")
        for x, t in zip(h.split(BATCH), tokens.split(BATCH))
    ]
    return sum(losses).item() / len(tokens)


def main() -> None:
    folder, *names = sys.argv[1:]
    model = load_model(WEIGHTS)
    reader = Reader(model, round(model.config.hybrid_ratio * model.config.num_heads))
    E = model.embed_tokens.weight.detach()
    for path in sorted(Path(folder).glob("*.json")):
        case = json.loads(path.read_text())
        if names and case["name"] not in names:
            continue
        h, tokens, memory = read(reader, case)
        begun = time.process_time()
        A, bias = learn(E, h, tokens)
        seconds = time.process_time() - begun
        scored = asked(reader, case, memory)
        before = nats(E, *scored, 0 * A, 0 * bias)
        changes = [nats(E, *scored, scale * A, scale * bias) / before - 1 for scale in SCALES]
        print(
            f"{case['name']}: {len(h)} tokens learned in {seconds:.0f} core-seconds, {before:.4f} nats,",
            ", ".join(f"{100 * change:+.1f} % at {scale}" for scale, change in zip(SCALES, changes)),
            flush=True,
        )


if __name__ == "__main__":
    with torch.inference_mode():
        main()
