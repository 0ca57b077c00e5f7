"""What docs/longrange.md tells a reader to run, runs."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
import torch
from longrange.export import read_system
from longrange.forms import kernel
from safetensors.torch import load_file, save_file

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "longrange.md"


def test_the_lines_that_move_a_published_s4d_layer_keep_its_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S4D (arXiv 2206.11893, listing 1): K = 2 Re(C (exp(dt A) - 1) / A exp(dt A)^k), A = -exp(log_A_real) + i A_imag."""
    torch.manual_seed(2)
    layer = {
        "kernel.log_dt": torch.empty(3).uniform_(-6, -2),
        "kernel.log_A_real": torch.randn(3, 4) * 0.3,
        "kernel.A_imag": torch.rand(3, 4) * 20,
        "kernel.C": torch.randn(3, 4, 2),
        "D": torch.randn(3),
    }
    monkeypatch.chdir(tmp_path)
    save_file(layer, "s4d.safetensors")
    (code,) = re.findall(r"^ *```python\n(.*?)^ *```", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    exec(textwrap.dedent(code), {})

    dt = torch.exp(layer["kernel.log_dt"].double())[:, None]
    A = torch.complex(-torch.exp(layer["kernel.log_A_real"].double()), layer["kernel.A_imag"].double())
    C = torch.view_as_complex(layer["kernel.C"].double()) * (torch.exp(dt * A) - 1) / A
    K = 2 * torch.einsum("pn,pnk->pk", C, torch.exp((dt * A)[..., None] * torch.arange(300))).real
    moved = read_system(load_file("layer.safetensors"), "layers.0.ssm.")
    torch.testing.assert_close(kernel(moved, 300, torch.float64), K, rtol=1e-3, atol=1e-5)
