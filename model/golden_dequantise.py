"""Makes native/test/formats: types.gguf, rows of every stored type that the engine reads and metadata of every kind, and
values.safetensors, what gguf's own dequantiser makes of the rows, one F32 tensor a type.

    python model/golden_dequantise.py   # wants numpy, safetensors and gguf==0.19.0

Blocks are random bits under scales of many sizes, so that each bit of a block counts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGUFEndian, GGUFWriter
from gguf import GGMLQuantizationType as Kind
from gguf.quants import dequantize
from safetensors.numpy import save_file

FOLDER = Path(__file__).parent.parent / "native" / "test" / "formats"
ROWS, WIDTH = 3, 512
# Where the 16-bit floats of a block lie, in bytes.
SCALES = {
    Kind.F16: (0,),
    Kind.Q8_0: (0,),
    Kind.Q4_0: (0,),
    Kind.Q4_1: (0, 2),
    Kind.Q5_0: (0,),
    Kind.Q5_1: (0, 2),
    Kind.Q4_K: (0, 2),
    Kind.Q5_K: (0, 2),
    Kind.Q6_K: (208,),
}


def scales(random: np.random.Generator, count: int) -> np.ndarray:
    """Of both signs, from subnormal numbers to 100."""
    size = 10 ** random.uniform(-7.5, 2, count)
    return (size * random.choice((-1, 1), count)).astype(np.float16)


def stored(kind: Kind, random: np.random.Generator) -> np.ndarray:
    """[ROWS, bytes of a row] U8"""
    values, size = GGML_QUANT_SIZES[kind]
    if kind in (Kind.F32, Kind.BF16):
        floats = random.normal(size=(ROWS, WIDTH)).astype(np.float32)
        if kind == Kind.F32:
            return floats.view(np.uint8)
        return (floats.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
    blocks = random.integers(0, 256, (ROWS * WIDTH // values, size), dtype=np.uint8)
    for at in SCALES[kind]:
        blocks[:, at : at + 2] = scales(random, len(blocks)).view(np.uint8).reshape(-1, 2)
    return blocks.reshape(ROWS, -1)


def add_metadata(writer: GGUFWriter) -> None:
    writer.add_uint8("test.uint8", 2**8 - 1)
    writer.add_int8("test.int8", -(2**7))
    writer.add_uint16("test.uint16", 2**16 - 1)
    writer.add_int16("test.int16", -(2**15))
    writer.add_uint32("test.uint32", 2**32 - 1)
    writer.add_int32("test.int32", -(2**31))
    writer.add_uint64("test.uint64", 2**64 - 1)
    writer.add_int64("test.int64", 2**62)
    writer.add_float32("test.float32", 1e6)
    writer.add_float64("test.float64", 1e-300)
    writer.add_bool("test.flag", True)
    writer.add_string("test.text", "naïve 世界")
    writer.add_array("test.numbers", [3, 1, 4, 1, 5])
    writer.add_array("test.flags", [True, False, True])
    writer.add_array("test.texts", ["Ġ", "", "\n"])


def main() -> None:
    random = np.random.default_rng(20)
    writer = GGUFWriter(FOLDER / "types.gguf", "test", endianess=GGUFEndian.LITTLE)
    add_metadata(writer)
    values = {}
    for kind in (Kind.F32, Kind.BF16, *SCALES):
        rows, name = stored(kind, random), kind.name.lower()
        writer.add_tensor(name, rows, raw_shape=rows.shape, raw_dtype=kind)
        values[name] = np.ascontiguousarray(dequantize(rows, kind).reshape(ROWS, WIDTH))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(values, FOLDER / "values.safetensors")


if __name__ == "__main__":
    main()
