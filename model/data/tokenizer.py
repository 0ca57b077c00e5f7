r"""Train the byte-level BPE tokenizer on the train split and check it.

A piece never looks ahead of itself: each alternative of PIECES takes what it
can from the left, so appending characters to a text changes only its last
piece. White space is spelt out because \s differs between JavaScript and
Rust's regex engines.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from select_files import language_of
from tokenizers import Regex, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from tokenizers.trainers import BpeTrainer

ROOT = Path(__file__).resolve().parent.parent.parent
VOCABULARY = 4096
SPECIAL_TOKENS = [
    "<|endoftext|>",
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<|fim_pad|>",
    "<|reserved_0|>",
]
PIECES = "|".join(
    (
        r" ?[\p{L}_]+",  # a word or identifier, with the one space before it
        r" ?\p{N}",  # one digit
        r"\n[ \t]*",  # a line end with the next line's indentation
        r" ?[^ \t\r\n\p{L}\p{N}_]{1,8}",  # punctuation, emoji, other symbols
        r"[ \t\r]+",  # white space inside a line, and CR of CRLF
    )
)


def read_lines(folder: Path, pattern: str) -> list[str]:
    """All JSON lines below a folder; only LF ends one (U+2028 may be in a text)."""
    lines = []
    for path in sorted(folder.glob(pattern)):
        with path.open(encoding="utf-8", newline="\n") as stream:
            lines += list(stream)
    return lines


def read_texts(folder: Path, limit_bytes: int, seed: int) -> Iterator[str]:
    """Yield texts of a split, files in random order, until limit_bytes."""
    lines = read_lines(folder, "*.jsonl")
    random.Random(seed).shuffle(lines)
    used = 0
    for line in lines:
        text = json.loads(line)["text"]
        used += len(text.encode())
        if used > limit_bytes:
            return
        yield text


def train(texts: Iterator[str], vocabulary: int = VOCABULARY) -> Tokenizer:
    """Train the vocabulary; all 256 bytes are in it whatever the texts hold."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = Sequence(
        [
            Split(Regex(PIECES), behavior="isolated"),
            ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=ByteLevel.alphabet(),
        max_token_length=32,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save(tokenizer: Tokenizer, out: Path) -> None:
    """Write tokenizer.json and tokenizer_config.json in Hugging Face conventions."""
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "bos_token": None,
        "eos_token": "<|endoftext|>",
        "pad_token": "<|fim_pad|>",
        "unk_token": None,
        "additional_special_tokens": SPECIAL_TOKENS[1:6] + SPECIAL_TOKENS[7:],
        "added_tokens_decoder": {
            str(i): {
                "content": token,
                "lstrip": False,
                "normalized": False,
                "rstrip": False,
                "single_word": False,
                "special": True,
            }
            for i, token in enumerate(SPECIAL_TOKENS)
        },
    }
    path = out / "tokenizer_config.json"
    path.write_text(json.dumps(config, indent=2) + "\n")


def check(tokenizer: Tokenizer, corpus: Path, files: int, seed: int) -> None:
    """Assert the round trip on random files and print bytes a token by language."""
    assert tokenizer.get_vocab_size() == VOCABULARY
    for i, token in enumerate(SPECIAL_TOKENS):
        assert tokenizer.token_to_id(token) == i
    lines = read_lines(corpus, "*/*.jsonl")
    n_bytes: Counter[str] = Counter()
    n_tokens: Counter[str] = Counter()
    for line in random.Random(seed).sample(lines, min(files, len(lines))):
        record = json.loads(line)
        text = record["text"]
        ids = tokenizer.encode(text).ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == text, record["path"]
        language = language_of(record["path"], text.encode())
        n_bytes[language] += len(text.encode())
        n_tokens[language] += len(ids)
    for language in sorted(n_bytes):
        print(f"{language:12}{n_bytes[language] / n_tokens[language]:6.2f} bytes a token")
    mean = n_bytes.total() / n_tokens.total()
    print(f"{'all':12}{mean:6.2f} bytes a token, round trip of {files} files is exact")


def main() -> None:
    """Read the arguments, train, save, check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=ROOT / ".cache/corpus")
    parser.add_argument("--out", type=Path, default=ROOT / "model/weights")
    parser.add_argument("--sample-mb", type=float, default=60.0)
    parser.add_argument("--check-files", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    sample_bytes = int(args.sample_mb * 1e6)
    tokenizer = train(read_texts(args.corpus / "train", sample_bytes, args.seed))
    save(tokenizer, args.out)
    check(tokenizer, args.corpus, args.check_files, args.seed)


if __name__ == "__main__":
    main()
