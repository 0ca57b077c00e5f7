"""Makes test/golden/longrange: tiny random classifiers and PyTorch's logits for them, which the native engine must reproduce.

Each folder holds config.json, model.safetensors and golden.safetensors with, for each length T, tokens.T [T] I32,
logits.T [num_classes] F32, computed in double; and where there is a state-space layer, the kernel [p, KERNEL_LENGTH] F32 of
layer 0, with D added to K_0. And trained.json: what PyTorch answers with each trained model of weights/, {"TASK-MODEL":
[logits of each of the first sequences of its test set]}, in double too.
Run as: python model/longrange/golden.py [trained]; with "trained" only that file is made anew, after a training.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from longrange.export import WEIGHTS, read_classifier, write_classifier
from longrange.forms import kernel
from longrange.network import Classifier, LongRangeConfig

GOLDEN = Path(__file__).resolve().parent.parent.parent / "test" / "golden" / "longrange"
LENGTHS = (1, 2, 63, 257, 1024)
KERNEL_LENGTH = 200
TRAINED_TOKENS = 8192  # of the test sequences of a trained model, about
TINY = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "bidirectional": False,
    "num_classes": 5,
    "state_size": 24,
    "rank": 8,
    "num_heads": 2,
    "task": "golden",
    "class_names": list("abcde"),
    "max_length": max(LENGTHS),
}
CASES = {
    "diagonal": {"family": "diagonal", "ssm_ratio": 1.0},
    "diagonal-hybrid": {"family": "diagonal", "ssm_ratio": 0.5},
    "low-rank": {"family": "low_rank", "ssm_ratio": 1.0},
    "low-rank-hybrid": {"family": "low_rank", "ssm_ratio": 0.5},
    "attention": {"ssm_ratio": 0.0},
    "both-ways": {"ssm_ratio": 0.5, "bidirectional": True},
    "both-ways-low-rank": {"family": "low_rank", "ssm_ratio": 1.0, "bidirectional": True},
}


@torch.no_grad()
def random_classifier(config: LongRangeConfig, seed: int) -> Classifier:
    """Every parameter random, so that no gain of one or bias of zero hides a mistake."""
    torch.manual_seed(seed)
    model = Classifier(config)
    for name, p in model.named_parameters():
        if name.endswith("norm.weight"):
            p.uniform_(0.5, 1.5)
        elif ".ssm" in name:
            p.add_(torch.randn_like(p) * 0.1)
        elif name.endswith("proj.weight") or "qkv" in name or "glu" in name:
            p.normal_(std=1.5 * p.shape[-1] ** -0.5)
    return model


@torch.no_grad()
def golden_numbers(model: Classifier, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    out: dict[str, Tensor] = {}
    for length in LENGTHS:
        tokens = torch.randint(0, 256, (length,), generator=generator)
        out[f"tokens.{length}"] = tokens.int()
        out[f"logits.{length}"] = model(tokens[None])[0].float()
    if (ssm := model.layers[0].ssm) is not None:
        K = kernel(ssm.system(), KERNEL_LENGTH, torch.float64)
        K[:, 0] += ssm.system().D
        out["kernel"] = K.float().contiguous()
    return out


@torch.no_grad()
def trained_numbers() -> dict[str, list[list[float]]]:
    """Of every trained model, the logits of the first sequences of its test set, as many as have TRAINED_TOKENS."""
    out = {}
    for folder in sorted(path.parent for path in WEIGHTS.glob("*/config.json")):
        model = read_classifier(folder).double()
        test_set = WEIGHTS / model.config.task
        lengths = json.loads((test_set / "test.json").read_text())["lengths"]
        ends = np.cumsum(lengths)
        sequences = np.split(np.fromfile(test_set / "test.bin", np.uint8), ends[:-1])
        count = max(1, int((ends <= TRAINED_TOKENS).sum()))
        out[folder.name] = [
            [
                round(logit, 6)
                for logit in model(torch.from_numpy(sequence.astype(np.int64))[None])[0].tolist()
            ]
            for sequence in sequences[:count]
        ]
    return out


def main() -> None:
    (GOLDEN / "trained.json").write_text(json.dumps(trained_numbers()) + "\n")
    if sys.argv[1:] == ["trained"]:
        return
    for seed, (name, sizes) in enumerate(CASES.items()):
        write_classifier(random_classifier(LongRangeConfig(**TINY | sizes), seed), GOLDEN / name)
        # From the file, so that both sides begin at the same rounded numbers.
        numbers = golden_numbers(read_classifier(GOLDEN / name).double(), seed)
        save_file(numbers, GOLDEN / name / "golden.safetensors")


if __name__ == "__main__":
    main()
