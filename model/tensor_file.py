"""Writes a model's tensors where a running server may have those of before mapped."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor


def write_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Another file in its place rather than the same with other bytes; for everybody to read, which save_file's is not."""
    beside = path.with_name(path.name + ".new")
    save_file(tensors, beside, metadata={"format": "pt"})
    beside.chmod(0o644)
    beside.replace(path)
