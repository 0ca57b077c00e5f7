"""llama.cpp reading tokens with a model of random weights in the embedded model's shape, for scripts/bench/llama.ts.

Heads have 48 dimensions for keys and 48 for values where ours have 64 and 32, since llama.cpp wants them equal: the products
a pair of tokens takes and the bytes it keeps are the same. Reads commands from standard input, a line each:
"weights tokens", with weights f32, f16 or q8_0; answers milliseconds of processor time, a line each.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import gguf
import llama_cpp
import numpy as np

WEIGHTS = {
    "f32": gguf.GGMLQuantizationType.F32,
    "f16": gguf.GGMLQuantizationType.F16,
    "q8_0": gguf.GGMLQuantizationType.Q8_0,
}
CONTEXT_TOKENS = 16_384
BATCH_TOKENS = 512  # llama.cpp's default
HEAD_DIMENSIONS = 48


def write_gguf(path: Path, config: dict, weights: str) -> None:
    d, ffn, layers = (config[name] for name in ("hidden_size", "intermediate_size", "num_hidden_layers"))
    heads, vocabulary = config["num_heads"], config["vocab_size"]
    width = heads * HEAD_DIMENSIONS
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(d)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(ffn)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_key_length(HEAD_DIMENSIONS)
    writer.add_value_length(HEAD_DIMENSIONS)
    writer.add_rope_dimension_count(HEAD_DIMENSIONS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(vocabulary)
    writer.add_tokenizer_model("no_vocab")
    random = np.random.default_rng(1)

    def matrix(name: str, rows: int, columns: int) -> None:
        values = random.standard_normal((rows, columns), dtype=np.float32) / np.sqrt(columns)
        kind = WEIGHTS[weights]
        writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)

    def norm(name: str) -> None:
        writer.add_tensor(name, np.ones(d, np.float32))

    matrix("token_embd.weight", vocabulary, d)
    norm("output_norm.weight")
    for layer in range(layers):
        at = f"blk.{layer}"
        norm(f"{at}.attn_norm.weight")
        for part in ("q", "k", "v"):
            matrix(f"{at}.attn_{part}.weight", width, d)
        matrix(f"{at}.attn_output.weight", d, width)
        norm(f"{at}.ffn_norm.weight")
        matrix(f"{at}.ffn_gate.weight", ffn, d)
        matrix(f"{at}.ffn_up.weight", ffn, d)
        matrix(f"{at}.ffn_down.weight", d, ffn)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Reader:
    """One model, kept loaded, with flash attention. The cache is f32 beside f32 weights, else llama.cpp's default, f16."""

    def __init__(self, path: Path, weights: str, threads: int) -> None:
        self.model = llama_cpp.llama_model_load_from_file(
            str(path).encode(), llama_cpp.llama_model_default_params()
        )
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = CONTEXT_TOKENS
        parameters.n_batch = parameters.n_ubatch = BATCH_TOKENS
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
        if weights == "f32":
            parameters.type_k = parameters.type_v = llama_cpp.GGML_TYPE_F32
        self.context = llama_cpp.llama_init_from_model(self.model, parameters)
        if not self.context:
            raise RuntimeError(f"llama.cpp made no context for {path}")
        self.batch = llama_cpp.llama_batch_init(BATCH_TOKENS, 0, 1)

    def read(self, tokens: np.ndarray) -> float:
        """Milliseconds of processor time from nothing to all tokens read, the last one's logits included."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)
        batch = self.batch
        begun = time.process_time()
        for start in range(0, len(tokens), BATCH_TOKENS):
            part = tokens[start : start + BATCH_TOKENS]
            for i, token in enumerate(part):
                batch.token[i], batch.pos[i] = int(token), start + i
                batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
                batch.logits[i] = start + i == len(tokens) - 1
            batch.n_tokens = len(part)
            if llama_cpp.llama_decode(self.context, batch) != 0:
                raise RuntimeError("llama.cpp could not read a batch")
        llama_cpp.llama_synchronize(self.context)
        return 1000 * (time.process_time() - begun)


def main(folder: Path, config_path: Path, threads: int) -> None:
    config = json.loads(config_path.read_text())
    tokens = np.random.default_rng(2).integers(8, config["vocab_size"], CONTEXT_TOKENS)
    readers: dict[str, Reader] = {}
    print(llama_cpp.__version__, flush=True)
    for line in sys.stdin:
        weights, count = line.split()
        if weights not in readers:
            path = folder / f"{weights}.gguf"
            if not path.exists():
                write_gguf(path, config, weights)
            readers[weights] = Reader(path, weights, threads)
        print(readers[weights].read(tokens[: int(count)]), flush=True)


if __name__ == "__main__":
    quiet = llama_cpp.llama_log_callback(lambda *_: None)  # called as long as the process lives
    llama_cpp.llama_log_set(quiet, None)
    llama_cpp.llama_backend_init()
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
