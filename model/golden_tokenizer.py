"""Cuts a GGUF file's vocabulary down to its first merges, for a tokenizer's tests, and writes it once for each pre-tokenizer.

    python model/golden_tokenizer.py .cache/peer/peer.gguf .cache/tokenizer
    node scripts/eval/peer/tokens.ts .cache/tokenizer   # says that there is no model in the files, and goes on

The second writes what llama.cpp makes of its texts to test/golden/tokenizer/ids.json; this writes vocabulary.gguf beside it
(Qwen2.5-Coder's, Apache-2.0). Wants gguf==0.19.0.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gguf import GGUFReader, GGUFWriter

VOCABULARY = Path(__file__).parent.parent / "test" / "golden" / "tokenizer" / "vocabulary.gguf"
BYTES, MERGES = 256, 1500
NORMAL, CONTROL, USER_DEFINED = 1, 3, 4
# What else files come with: runs of spaces for indentation, and tokens that stand for nothing.
MORE = (("    ", USER_DEFINED), ("<|reserved|>", 5))
PRE = ("qwen2", "qwen35", "dbrx", "llama-bpe", "falcon-h1", "gpt-2", "mpt", "refact", "default")


def write(path: Path, pre: str, tokens: list[str], kinds: list[int], merges: list[str]) -> None:
    writer = GGUFWriter(path, "qwen2")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eos_token_id(tokens.index("<|endoftext|>"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    fields = GGUFReader(source).fields
    tokens, kinds, merges = (
        fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "token_type", "merges")
    )
    merges = merges[:MERGES]
    text = tokens[:BYTES] + list(dict.fromkeys(merge.replace(" ", "") for merge in merges))
    special = [(token, kind) for token, kind in zip(tokens, kinds) if kind in (CONTROL, USER_DEFINED)]
    added = [*special, *MORE]
    small = [*text, *(token for token, _ in added)]
    small_kinds = [NORMAL] * len(text) + [kind for _, kind in added]
    folder.mkdir(parents=True, exist_ok=True)
    VOCABULARY.parent.mkdir(parents=True, exist_ok=True)
    write(VOCABULARY, "qwen2", small, small_kinds, merges)
    for pre in PRE:
        write(folder / f"{pre}.gguf", pre, small, small_kinds, merges)


if __name__ == "__main__":
    main()
