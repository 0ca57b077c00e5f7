"""The classifier of bytes: causal, exported as it computes, and a layer of it can imitate attention."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import torch
from architecture import ModelConfig, Stateline
from longrange.distil import InvariantMixer, distil, write_mixer
from longrange.export import (
    read_classifier,
    read_system,
    trainable_classifier,
    write_classifier,
    write_test_set,
)
from longrange.families import FAMILIES
from longrange.forms import kernel, recurrence
from longrange.golden import CASES, GOLDEN, TINY, random_classifier
from longrange.network import Classifier, LongRangeConfig, attention, embed_as_numbers, rotate
from longrange.recall import BLANK, MARKER, PROBLEMS, SYMBOLS
from longrange.start import spread_steps, stretch_steps
from longrange.tasks import TASKS
from longrange.train import NO_HINT, Busy, Run, run_race, stack
from safetensors.torch import load_file
from stream import Batch


@pytest.mark.parametrize("name", CASES)
def test_an_exported_classifier_computes_what_it_did(name: str, tmp_path: Path) -> None:
    model = random_classifier(LongRangeConfig(**TINY | CASES[name]), seed=5)
    write_classifier(model, tmp_path)
    tokens = torch.randint(0, 256, (2, 100), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(read_classifier(tmp_path)(tokens), model(tokens), rtol=1e-4, atol=1e-5)


def test_bytes_that_are_numbers_begin_on_a_line_of_which_a_norm_keeps_the_order() -> None:
    torch.manual_seed(0)
    embed = torch.nn.Embedding(256, 16)
    embed_as_numbers(embed)
    steps = embed.weight.diff(dim=0)
    torch.testing.assert_close(steps, steps[:1].expand_as(steps), rtol=0, atol=1e-5)
    normed = torch.nn.functional.rms_norm(embed.weight, (16,))
    along = normed @ (embed.weight[255] - embed.weight[0])
    assert bool((along.diff() > 0).all())


@pytest.mark.parametrize("name", CASES)
def test_the_golden_numbers_are_what_the_exported_files_give(name: str) -> None:
    model = read_classifier(GOLDEN / name)
    stored = load_file(GOLDEN / name / "golden.safetensors")
    with torch.no_grad():
        for length in (1, 63, 257):
            logits = model(stored[f"tokens.{length}"].long()[None])[0]
            torch.testing.assert_close(logits, stored[f"logits.{length}"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_what_comes_later_changes_nothing_before_and_padding_nothing_at_all(ratio: float) -> None:
    torch.manual_seed(0)
    model = Classifier(
        LongRangeConfig(ssm_ratio=ratio, hidden_size=64, num_hidden_layers=2, bidirectional=False)
    )
    tokens = torch.randint(0, 256, (2, 80), generator=torch.Generator().manual_seed(1))
    other = tokens.clone()
    other[:, 50:] = 7
    with torch.no_grad():
        torch.testing.assert_close(
            model.hidden(tokens)[..., :50], model.hidden(other)[..., :50], rtol=1e-4, atol=1e-5
        )
        padded = model(other, torch.tensor([50, 50]))
        torch.testing.assert_close(padded, model(tokens[:, :50]), rtol=1e-4, atol=1e-5)


def test_attention_is_softmax_over_the_past_with_scores_that_see_distances_only() -> None:
    qkv = torch.randn(3 * 8, 1, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    q, k, v = qkv[:, 0].view(3, 2, 4, 9).transpose(2, 3)  # each [H, T, w]
    scores = (rotate(q) @ rotate(k).transpose(-1, -2) / 2).masked_fill(
        ~torch.ones(9, 9).tril().bool(), -torch.inf
    )
    plain = (scores.softmax(-1) @ v).transpose(0, 1).reshape(9, 8)
    torch.testing.assert_close(attention(qkv, heads=2, causal=True)[:, 0].T, plain)
    constant = torch.randn(4, dtype=torch.float64).expand(1, 1, 9, 4)
    turned = rotate(constant)[0, 0]
    torch.testing.assert_close((turned[3] @ turned[1]).item(), (turned[8] @ turned[6]).item())


@pytest.mark.parametrize(
    "sizes",
    [
        {"ssm_ratio": 0.3},
        {"ssm_ratio": 1.5},
        {"family": "dense"},
        {"rank": 66},
        {"ssm_ratio": 0, "num_heads": 3},
    ],
)
def test_sizes_that_cannot_be_are_refused_in_a_sentence(sizes: dict) -> None:
    with pytest.raises(ValueError, match="take"):
        LongRangeConfig(**sizes)


def test_a_test_set_is_bytes_without_headers(tmp_path: Path) -> None:
    sequences = [np.arange(5, dtype=np.uint8), np.arange(3, dtype=np.uint8)]
    write_test_set(tmp_path, "listops", sequences, [1, 2])
    assert (tmp_path / "test.bin").read_bytes() == bytes([0, 1, 2, 3, 4, 0, 1, 2])
    assert (
        tmp_path / "test.json"
    ).read_text() == '{"task": "listops", "lengths": [5, 3], "labels": [1, 2]}\n'


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_both_ways_what_comes_after_the_end_of_a_row_changes_nothing(ratio: float) -> None:
    torch.manual_seed(0)
    model = Classifier(LongRangeConfig(ssm_ratio=ratio, hidden_size=64, num_hidden_layers=2))
    tokens = torch.randint(0, 256, (2, 300), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        padded = model(tokens, torch.tensor([140, 300]))
        torch.testing.assert_close(padded[0], model(tokens[:1, :140])[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(padded[1], model(tokens)[1], rtol=1e-4, atol=1e-5)
        first = model.hidden(tokens)[..., 0]
        tokens[:, -1] = 7
        assert not torch.allclose(model.hidden(tokens)[..., 0], first, atol=1e-5), (
            "the end is seen from the start"
        )


def test_the_kernels_of_a_picture_stretch_with_it() -> None:
    """Twice as long rows: the kernel at twice the lag, half as high, since there are twice as many steps."""
    torch.manual_seed(0)
    model = Classifier(LongRangeConfig(hidden_size=32, num_hidden_layers=1, state_size=8, rank=8))
    spread_steps(model, 256, 16)
    before = kernel(model.layers[0].ssm.system(), 64, torch.float64)
    stretch_steps(model, 2)
    after = kernel(model.layers[0].ssm.system(), 128, torch.float64)
    slow = model.layers[0].ssm.log_dt.exp() < 0.02
    assert bool(slow.any())
    torch.testing.assert_close(2 * after[slow, ::2], before[slow], rtol=0.1, atol=0.02)


@pytest.fixture
def small_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Trainings of a network of one layer, in stages of 4,096 tokens; the folder of their runs."""
    monkeypatch.setattr("longrange.train.RUNS", tmp_path / "runs")
    for name, value in {"REPORT": 0, "VALIDATE": 0, "VALIDATION": 8, "MICRO_TOKENS": 4096}.items():
        monkeypatch.setattr(f"longrange.train.{name}", value)
    monkeypatch.setitem(TASKS, "pathfinder", replace(TASKS["pathfinder"], stage_tokens=4096))
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "state_size": 8, "rank": 8}
    monkeypatch.setitem(FAMILIES, "ssm", FAMILIES["ssm"] | sizes)
    return tmp_path / "runs"


def test_a_training_goes_on_where_it_ended_and_grows_through_its_lengths(
    small_runs: Path, tmp_path: Path
) -> None:
    run = Run("pathfinder", "ssm", 0, tmp_path / "copy")
    assert run.go_on(lambda: 600.0, target=0.0), "ends with the first validation at the last length"
    assert run.length == 1024 and run.progress.curve[0]["length"] == 256
    with pytest.raises(Busy, match="another process"):
        Run("pathfinder", "ssm", 0, None)
    run.lock.close()
    again = Run("pathfinder", "ssm", 0, None)
    assert again.progress == run.progress
    for name, value in again.average.items():
        torch.testing.assert_close(value, run.average[name])
    larger = Run("path-x", "ssm", 0, None)
    assert larger.progress == replace(run.progress, best=0.0), "goes on from the smaller pictures"
    assert larger.length == 1024 and not larger.last
    (small_runs / "pathfinder-ssm-0" / "checkpoint.pt").unlink()
    again.lock.close()
    assert Run("pathfinder", "ssm", 0, tmp_path / "copy").progress == run.progress, "from the copy"
    with torch.no_grad(), again.averaged():
        exported = read_classifier(small_runs / "pathfinder-ssm-0" / "model")
        tokens = torch.randint(0, 256, (1, 1024))
        trained = again.trainee.model(tokens)
        torch.testing.assert_close(exported(tokens), trained, rtol=1e-2, atol=1e-3, msg="but for f16")


def test_an_exported_network_goes_on_being_trained(
    small_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = LongRangeConfig(
        **{"num_hidden_layers": 1, "num_classes": 2} | FAMILIES["ssm"], max_length=1024, task="pathfinder"
    )
    torch.manual_seed(5)
    model = Classifier(config)
    spread_steps(model, 1024, 32)
    write_classifier(model, tmp_path / "pathfinder-ssm")
    tokens = torch.randint(0, 256, (2, 1024))
    again = trainable_classifier(tmp_path / "pathfinder-ssm")
    torch.testing.assert_close(again(tokens), model(tokens), rtol=1e-4, atol=1e-5)
    assert all(bool(torch.isfinite(p).all()) for p in again.parameters())
    monkeypatch.setattr("longrange.train.WEIGHTS", tmp_path)
    larger = Run("path-x", "ssm", 0)
    torch.testing.assert_close(larger.trainee.model(tokens), model(tokens), rtol=1e-4, atol=1e-5)
    assert larger.length == 1024, "where the task before it ended"
    larger.go_on(lambda: 1.0 - larger.progress.seconds, target=2.0)
    assert larger.progress.step > 0


def test_the_rates_fall_over_the_last_minutes_of_a_training(small_runs: Path) -> None:
    run = Run("pathfinder", "ssm", 0, None)
    end = time.monotonic() + 3.0
    run.go_on(lambda: end - time.monotonic(), target=2.0, cooling=1.0)
    (peak,) = run.optimizers.peaks[0]
    assert 0 <= run.optimizers.all[0].param_groups[0]["lr"] < peak / 2


def test_a_race_ends_after_its_processor_time_at_the_last_length_it_was_given(small_runs: Path) -> None:
    run = Run("pathfinder", "ssm", 0, race=2.0, longest=576)
    run_race(run)
    assert (small_runs / "race" / "pathfinder-ssm-0" / "model").exists(), "apart from trainings of days"
    assert 2.0 <= run.progress.seconds < 4.0
    assert run.progress.curve[-1]["length"] == 576
    assert run.optimizers.all[0].param_groups[0]["lr"] < run.optimizers.peaks[0][0] / 2


def test_rows_of_different_lengths_are_stacked_with_their_lengths_and_hints() -> None:
    hints = np.array([NO_HINT, 3], np.uint8)
    tokens, lengths, labels, told = stack(
        [(np.array([5, 6], np.uint8), 1, hints), (np.array([7], np.uint8), 0, hints[:1])]
    )
    assert tokens.tolist() == [[5, 6], [7, 0]] and lengths.tolist() == [2, 1] and labels.tolist() == [1, 0]
    assert told.tolist() == [[NO_HINT, 3], [NO_HINT, NO_HINT]]


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_answers_of_recall_problems_stand_in_their_tokens(name: str) -> None:
    tokens, answers, places = PROBLEMS[name](20, torch.Generator().manual_seed(0))
    for row, answer, place in zip(tokens.tolist(), answers.tolist(), places.tolist()):
        assert all(row[p] == MARKER for p in place)
        if name == "induction":
            assert row[row.index(MARKER) + 1] == answer[0]
        else:
            assert [symbol for symbol in row if symbol < SYMBOLS] == answer and BLANK in row


def test_a_time_invariant_layer_learns_from_a_layer_of_attention(tmp_path: Path) -> None:
    torch.manual_seed(0)
    teacher = Stateline(
        ModelConfig(vocab_size=64, hidden_size=32, num_hidden_layers=2, num_heads=2, key_dim=8, value_dim=8)
    )
    tokens = torch.randint(0, 64, (4, 64))
    batch = Batch(tokens, tokens, torch.zeros(4, dtype=torch.bool))
    student, missed = distil(teacher, 1, repeat(batch), seconds=2.0)
    assert missed < 0.5, "share of the variance"
    write_mixer(student, 1, tmp_path / "layer.safetensors")
    prefix = "model.layers.1.mixer."
    stored = {
        name.removeprefix(prefix): value for name, value in load_file(tmp_path / "layer.safetensors").items()
    }
    u = torch.randn(1, 32, 20)
    with torch.no_grad():
        again = recurrence(read_system(stored, "ssm."), u)[0]
        torch.testing.assert_close(again, recurrence(student.ssm.system(), u)[0], rtol=1e-3, atol=1e-4)
    assert isinstance(student, InvariantMixer) and stored["in_proj.weight"].shape == (64, 32)
