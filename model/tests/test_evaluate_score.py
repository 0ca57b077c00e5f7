"""The evaluation in PyTorch reads in segments what the model reads at once."""

from __future__ import annotations

import pytest
import torch
from evaluate.score import Scorer, load_model, segments
from export import write_model
from golden import TINY, random_model
from quantise import quantised


@pytest.mark.parametrize("length", [1, 63, 64, 65, 512, 513, 1100])
def test_segments_are_the_text(length: int) -> None:
    tokens = list(range(length))
    pieces = segments(tokens)
    assert [token for piece in pieces for token in piece] == tokens
    assert all(len(piece) % 64 == 0 or len(piece) < 64 for piece in pieces)


@pytest.mark.parametrize("state_heads", [0, 2, 4])
@pytest.mark.parametrize("cut", [1, 70, 200])
def test_a_text_read_in_two_parts_is_the_text_read_at_once(state_heads: int, cut: int) -> None:
    """The window (45 tokens) is shorter than the parts, and longer."""
    model = random_model(TINY, seed=3)
    model.config.attention_window = 45
    tokens = torch.randint(0, TINY.vocab_size, (320,)).tolist()
    with torch.inference_mode():
        at_once, _ = model(torch.tensor([tokens]), state_heads)
    scorer = Scorer(model, state_heads)
    first = scorer.logits(scorer.empty(), tokens[:cut])
    memory = scorer.advance(scorer.empty(), tokens[:cut])
    second = scorer.logits(memory, tokens[cut:])
    assert torch.allclose(torch.cat([first, second]), at_once[0], atol=2e-4)
    assert torch.equal(scorer.logits(memory, tokens[cut:]), second), "reading on does not change a memory"


@pytest.mark.parametrize("int8", [False, True])
def test_a_written_model_comes_back(tmp_path, int8: bool) -> None:
    model = random_model(TINY, seed=4)
    write_model(model, tmp_path, int8)
    tokens = torch.randint(0, TINY.vocab_size, (1, 64))
    expected = (quantised(model) if int8 else model)(tokens, 2)[0]
    assert torch.allclose(load_model(tmp_path)(tokens, 2)[0], expected, atol=1e-4)
