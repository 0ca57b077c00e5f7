"""Writes and reads a classifier as config.json + model.safetensors (f32, or matrices in f16), and a test set beside it.

A folder holds the network in discrete time, so that a reader needs no discretisation; tensors are listed in state().
A test set is test.json, {"task": name, "lengths": [tokens of each sequence], "labels": [class of each]}, and test.bin, the
bytes of all sequences one after the other without headers.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tensor_file import write_tensors
from torch import Tensor

from longrange.layers import Fixed, take_diagonal
from longrange.network import Classifier, HybridBlock, LongRangeConfig
from longrange.optimizers import MATRICES
from longrange.systems import Diagonal, LowRank, System

LARGE = ("embed.weight", *MATRICES)
WEIGHTS = Path(__file__).resolve().parent / "weights"  # of the package: TASK-MODEL, and the test set TASK


def system_tensors(system: System) -> dict[str, Tensor]:
    """low_rank: decay [1], P, Q [N, R], B, C [p, N], D [p]; diagonal: lambda_re, lambda_im, CB_re, CB_im [p, N/2], D [p]."""
    if isinstance(system, LowRank):
        return {name: getattr(system, name) for name in ("decay", "P", "Q", "B", "C", "D")}
    return {
        "lambda_re": system.lam.real,
        "lambda_im": system.lam.imag,
        "CB_re": system.CB.real,
        "CB_im": system.CB.imag,
        "D": system.D,
    }


@torch.no_grad()
def state(model: Classifier) -> dict[str, Tensor]:
    """Names and f32 tensors of the file: embed, norm and head, and for each layer norm, in_proj, qkv, glu, ssm.* and ssm_back.*."""
    tensors = {name: value for name, value in model.state_dict().items() if ".ssm" not in name}
    for index, layer in enumerate(model.layers):
        for way in ways_of(layer):
            for name, value in system_tensors(getattr(layer, way).system()).items():
                tensors[f"layers.{index}.{way}.{name}"] = value
    return {name: value.float().contiguous() for name, value in tensors.items()}


def write_classifier(model: Classifier, folder: Path, half: bool = False) -> None:
    """With half, the large matrices are stored in f16; systems never are, whose eigenvalues lie too near 1 for it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(model.config.to_json())
    tensors = state(model)
    if half:
        for name in tensors:
            if name.endswith(LARGE):
                tensors[name] = tensors[name].half()
    write_tensors(tensors, folder / "model.safetensors")


def read_classifier(folder: Path) -> Classifier:
    """The exported network, with its systems as they were rounded for the file."""
    model = Classifier(LongRangeConfig.from_json((folder / "config.json").read_text()))
    stored = {name: value.float() for name, value in load_file(folder / "model.safetensors").items()}
    for index, layer in enumerate(model.layers):
        for way in ways_of(layer):
            setattr(layer, way, Fixed(read_system(stored, f"layers.{index}.{way}.")))
    model.load_state_dict({name: value for name, value in stored.items() if ".ssm" not in name})
    return model


def trainable_classifier(folder: Path) -> Classifier:
    """The exported network of the diagonal family, to go on training with."""
    fixed = read_classifier(folder)
    model = Classifier(fixed.config)
    for layer, other in zip(model.layers, fixed.layers):
        for way in ways_of(layer):
            take_diagonal(getattr(layer, way), getattr(other, way).system())
    stored = fixed.state_dict()
    model.load_state_dict({name: stored.get(name, value) for name, value in model.state_dict().items()})
    return model


def ways_of(layer: HybridBlock) -> list[str]:
    """The names of its state-space layers."""
    return [way for way in ("ssm", "ssm_back") if getattr(layer, way) is not None]


def read_system(stored: dict[str, Tensor], prefix: str) -> System:
    own = {name.removeprefix(prefix): value for name, value in stored.items() if name.startswith(prefix)}
    if "P" in own:
        return LowRank(**own)
    return Diagonal(
        torch.complex(own["lambda_re"], own["lambda_im"]), torch.complex(own["CB_re"], own["CB_im"]), own["D"]
    )


def write_test_set(folder: Path, task: str, sequences: list[np.ndarray], labels: list[int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    contents = {"task": task, "lengths": [len(s) for s in sequences], "labels": [int(l) for l in labels]}
    (folder / "test.json").write_text(json.dumps(contents) + "\n")
    (folder / "test.bin").write_bytes(b"".join(s.astype(np.uint8).tobytes() for s in sequences))
