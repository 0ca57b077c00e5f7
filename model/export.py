"""Writes a trained checkpoint as config.json + model.safetensors in Hugging Face's conventions; int8 by default.

And reads such a folder back, so that training can go on from weights that were shipped.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from architecture import ModelConfig, Stateline
from quantise import quantise_rows
from safetensors.torch import load_file
from tensor_file import write_tensors
from torch import Tensor

HERE = Path(__file__).parent
SHARE = 0.65  # of a run's end in its mean with what it began from
MATRICES = (
    "embed_tokens.weight",
    "in_proj.weight",
    "out_proj.weight",
    "gate_up_proj.weight",
    "down_proj.weight",
)


def tensors(model: Stateline, int8: bool) -> dict[str, Tensor]:
    """State dict under the file's names; with int8, matrices become I8 with `<name>_scale` beside them."""
    out: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        value = value.detach().float().contiguous()
        full = f"model.{name}"
        if name.endswith("conv.weight"):
            value = value[:, 0].contiguous()  # [C, 1, W] -> [C, W]
        if int8 and name.endswith(MATRICES):
            out[full], out[f"{full}_scale"] = quantise_rows(value)
        else:
            out[full] = value
    return out


def write_model(model: Stateline, folder: Path, int8: bool) -> None:
    """config.json and model.safetensors into folder; the tokenizer is written where it is trained."""
    folder.mkdir(parents=True, exist_ok=True)
    config = json.loads(model.config.to_json())
    config["quantization"] = {"method": "int8", "scheme": "per_row_symmetric"} if int8 else None
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    write_tensors(tensors(model, int8), folder / "model.safetensors")


def read_model(folder: Path) -> Stateline:
    """The inverse of write_model; int8 matrices come back as the values that they stand for."""
    stored = load_file(folder / "model.safetensors")
    state: dict[str, Tensor] = {}
    for full, value in stored.items():
        if full.endswith("_scale"):
            continue
        scale = stored.get(f"{full}_scale")
        value = value.float() if scale is None else value.float() * scale[:, None]
        state[full.removeprefix("model.")] = value[:, None] if full.endswith("conv.weight") else value
    model = Stateline(ModelConfig.from_json(folder / "config.json"))
    model.load_state_dict(state)
    return model


def load_checkpoints(paths: list[Path]) -> Stateline:
    """The mean of the checkpoints' weights: those of the decay are better together than the last alone (2203.05482)."""
    loaded = [torch.load(path, weights_only=True) for path in paths]
    model = Stateline(ModelConfig(**loaded[0]["config"]))
    states = [one["model"] for one in loaded]
    model.load_state_dict(
        {name: torch.stack([state[name].float() for state in states]).mean(0) for name in states[0]}
    )
    return model


def between(a: Stateline, b: Stateline, share: float) -> Stateline:
    """share * a + (1 - share) * b. Between the end of a run and the weights that it began from the loss is lower than at
    either (model/EXPERIMENTS.md); of two models that were trained apart it says nothing."""
    model, other = Stateline(a.config), b.state_dict()
    model.load_state_dict(
        {name: share * value + (1 - share) * other[name] for name, value in a.state_dict().items()}
    )
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--checkpoint",
        type=Path,
        nargs="+",
        default=[HERE.parent / ".cache" / "train" / "embedded" / "checkpoint.pt"],
        help="one, or several to be averaged",
    )
    parser.add_argument(
        "--began",
        type=Path,
        help="a model folder that the run began from: writes a mean of its weights and these",
    )
    parser.add_argument(
        "--share",
        type=float,
        help=f"of the checkpoints in that mean; {SHARE} unless said, and only with --began",
    )
    parser.add_argument("--out", type=Path, default=HERE / "weights")
    parser.add_argument("--float", action="store_true", help="fp32 instead of int8")
    args = parser.parse_args()
    if args.share is not None and not args.began:
        parser.error("--share needs --began, the weights that the rest of the mean is of")
    model = load_checkpoints(args.checkpoint)
    if args.began:
        model = between(model, read_model(args.began), SHARE if args.share is None else args.share)
    write_model(model, args.out, int8=not args.float)
    print(f"{args.out / 'model.safetensors'}: {(args.out / 'model.safetensors').stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
