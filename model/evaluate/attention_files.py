"""The embedded model's files for scripts/bench/llama.ts, with no decay: then no key weighs nothing and attention passes
over none. In f32, bf16 and int8, one folder each."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parent.parent))
from export import HERE, MATRICES, read_model, write_model

NO_DECAY = -30.0  # A = -exp(A_log): e^-30 a token, nothing over any length here


def write_all(root: Path) -> None:
    model = read_model(HERE / "weights")
    with torch.no_grad():
        for block in model.layers:
            block.mixer.A_log.fill_(NO_DECAY)
    write_model(model, root / "f32", int8=False)
    write_model(model, root / "int8", int8=True)
    (root / "bf16").mkdir(exist_ok=True)
    shutil.copy(root / "f32" / "config.json", root / "bf16")
    tensors = load_file(root / "f32" / "model.safetensors")
    halved = {name: value.bfloat16() if name.endswith(MATRICES) else value for name, value in tensors.items()}
    save_file(halved, root / "bf16" / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
