"""Writes a random model of a few hundred kilobytes that servers of completions load: for their interface and its speed, not for text.

python model/tiny_llama.py FOLDER        # in an environment with gguf and numpy

FOLDER/tiny.gguf is for llama-server and llama-cpp-python; FOLDER itself, with config.json and the embedded model's tokenizer,
for `vllm serve FOLDER --load-format dummy`.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import gguf
import numpy as np

WEIGHTS = Path(__file__).parent / "weights"
# Heads of 64: vLLM has no kernel for narrower ones on a processor.
LAYERS, HIDDEN, HEADS, FEED_FORWARD, CONTEXT = 2, 128, 2, 256, 8192
NORMAL, CONTROL = 1, 3
SEED = 7


def write_vocabulary(writer: gguf.GGUFWriter) -> int:
    tokenizer = json.loads((WEIGHTS / "tokenizer.json").read_text())
    special = {token["id"] for token in tokenizer["added_tokens"] if token["special"]}
    spelled = tokenizer["model"]["vocab"] | {
        token["content"]: token["id"] for token in tokenizer["added_tokens"]
    }
    tokens = [text for text, _ in sorted(spelled.items(), key=lambda entry: entry[1])]
    writer.add_tokenizer_model("gpt2")
    # Another way to cut words than the tokenizer's own: a random model does not mind.
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([CONTROL if i in special else NORMAL for i in range(len(tokens))])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    writer.add_add_bos_token(False)
    return len(tokens)


def write_tensors(writer: gguf.GGUFWriter, vocabulary: int) -> None:
    random = np.random.default_rng(SEED)

    def matrix(name: str, rows: int, columns: int) -> None:
        writer.add_tensor(name, random.normal(0, columns**-0.5, (rows, columns)).astype(np.float32))

    def norm(name: str) -> None:
        writer.add_tensor(name, np.ones(HIDDEN, np.float32))

    matrix("token_embd.weight", vocabulary, HIDDEN)
    norm("output_norm.weight")
    for layer in range(LAYERS):
        norm(f"blk.{layer}.attn_norm.weight")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            matrix(f"blk.{layer}.{part}.weight", HIDDEN, HIDDEN)
        norm(f"blk.{layer}.ffn_norm.weight")
        matrix(f"blk.{layer}.ffn_gate.weight", FEED_FORWARD, HIDDEN)
        matrix(f"blk.{layer}.ffn_up.weight", FEED_FORWARD, HIDDEN)
        matrix(f"blk.{layer}.ffn_down.weight", HIDDEN, FEED_FORWARD)


def write_gguf(path: Path) -> int:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("qwen-tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    vocabulary = write_vocabulary(writer)
    write_tensors(writer, vocabulary)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return vocabulary


def write_folder(folder: Path, vocabulary: int) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(WEIGHTS / name, folder / name)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocabulary,
        "hidden_size": HIDDEN,
        "intermediate_size": FEED_FORWARD,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-5,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    write_folder(folder, write_gguf(folder / "tiny.gguf"))


if __name__ == "__main__":
    main()
