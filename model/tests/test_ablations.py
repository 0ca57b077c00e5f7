"""The ablations' heads, losses and texts against their plain forms."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

sys.path += [str(Path(__file__).parent.parent / folder) for folder in ("data", "experiments")]

import tokenizer as bpe
from ablation_table import cell, price
from architecture import Stateline, state_mode
from heads import HeadsConfig, build, rotate, trapezoidal_mode
from stream import IGNORED
from trial import MEASURED, HeldOut, distillation, held_out_text, score, token_bytes, train, training_text
from variants import SHIPPED, VARIANTS

TOLERANCE = 1e-5  # relative to the largest value, fp32
TINY = {
    "vocab_size": 101,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_heads": 8,
    "key_dim": 16,
    "value_dim": 12,
    "intermediate_size": 56,
}
CHOICES = {
    name: v.changes for name, v in VARIANTS.items() if v.changes and "num_hidden_layers" not in v.changes
}


def randomised(changes: dict) -> Stateline:
    """Every parameter moved, so that no gain of one or bias of zero hides a mistake."""
    torch.manual_seed(11)
    model = build(HeadsConfig(**(TINY | changes)))
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.2 * torch.randn_like(p))
    return model


def close(ours: Tensor, expected: Tensor, tolerance: float = TOLERANCE) -> bool:
    return bool((ours - expected).abs().max() < tolerance * expected.abs().max())


def random_inputs(length: int) -> tuple[Tensor, ...]:
    """q, k, v, a, dt of state_mode: two rows, three heads, K 8, V 6."""
    torch.manual_seed(12)
    q, k, v = (torch.randn(2, length, 3, n) for n in (8, 8, 6))
    return q, k, v, -torch.rand(2, length, 3), torch.rand(2, length, 3)


@pytest.mark.parametrize("state_heads", [0, 2, 6, 8])
@torch.no_grad()
def test_heads_without_a_choice_are_the_shipped_ones(state_heads: int) -> None:
    model = randomised({})
    shipped = Stateline(model.config)
    shipped.load_state_dict(model.state_dict())
    tokens = torch.randint(0, 101, (2, 64))
    assert torch.equal(model(tokens, state_heads, chunk=16)[0], shipped(tokens, state_heads, chunk=16)[0])


@pytest.mark.parametrize("chunk", [1, 4, 20])
def test_trapezoidal_rule_is_its_recurrence(chunk: int) -> None:
    q, k, v, a, dt = random_inputs(20)
    share, state = torch.rand(2, 20, 3), torch.randn(2, 3, 8, 12)
    ours, after = trapezoidal_mode(q, k, v, a, dt, share, state, chunk)
    plain, last = state.double().chunk(2, -1)
    outer = torch.einsum("bthk,bthv->tbhkv", k.double(), v.double())
    for t in range(20):
        weight, part = dt[:, t, :, None, None], share[:, t, :, None, None]
        plain = torch.exp(a[:, t, :, None, None]) * (plain + (1 - part) * weight * last)
        plain = plain + part * weight * outer[t]
        last = outer[t]
        assert close(ours[:, t].double(), torch.einsum("bhk,bhkv->bhv", q[:, t].double(), plain))
    assert close(after.double(), torch.cat([plain, last], -1))


def test_rotation_is_a_matrix_on_the_state() -> None:
    """Turned queries and keys: H_t = exp(a_t) R_t^T H_{t-1} + dt_t k_t v_t^T with R_t the rotation of one step."""
    q, k, v, a, dt = random_inputs(20)
    steps = torch.randn(2, 20, 3, 4)
    angles = steps.cumsum(1)
    state = torch.randn(2, 3, 8, 6)
    ours, after = state_mode(rotate(q, angles), rotate(k, angles), v, a, dt, state, 4)
    cos, sin = torch.diag_embed(torch.cos(steps)), torch.diag_embed(torch.sin(steps))
    matrices = torch.cat(
        [torch.cat([cos, -sin], -1), torch.cat([sin, cos], -1)], -2
    ).double()  # [B, T, H, K, K]
    plain = state.double()
    for t in range(20):
        plain = torch.exp(a[:, t, :, None, None]) * (matrices[:, t].transpose(-1, -2) @ plain)
        plain = plain + torch.einsum(
            "bh,bhk,bhv->bhkv", dt[:, t].double(), k[:, t].double(), v[:, t].double()
        )
        assert close(ours[:, t].double(), torch.einsum("bhk,bhkv->bhv", q[:, t].double(), plain))
    turned_back = rotate(after.transpose(-1, -2), -angles[:, -1, :, None]).transpose(-1, -2)
    assert close(turned_back.double(), plain)


@pytest.mark.parametrize("name", CHOICES)
@torch.no_grad()
def test_state_carried_between_segments_equals_one_pass(name: str) -> None:
    model = randomised(CHOICES[name] | {"intermediate_size": 56})
    tokens = torch.randint(0, 101, (2, 96))
    whole, _ = model(tokens, 8, chunk=16)
    _, memory = model(tokens[:, :32], 8, chunk=16)
    rest, _ = model(tokens[:, 32:], 8, memory, chunk=32)
    assert close(rest, whole[:, 32:], 5 * TOLERANCE)


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("state_heads", [0, 6, 8])
@torch.no_grad()
def test_no_token_sees_a_later_one(name: str, state_heads: int) -> None:
    model = randomised(CHOICES[name] | {"intermediate_size": 56})
    tokens = torch.randint(0, 101, (1, 64))
    changed = tokens.clone()
    changed[0, 40] = (changed[0, 40] + 1) % 101
    before, after = (model(t, state_heads, chunk=16)[0] for t in (tokens, changed))
    assert close(after[:, :40], before[:, :40])
    assert not close(after[:, 40:], before[:, 40:], 100 * TOLERANCE)


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_have_the_parameters_of_the_shipped_way(name: str) -> None:
    """Within 2 %; a larger vocabulary has its rows more."""
    counts = [sum(p.numel() for p in VARIANTS[n].model().parameters()) for n in (SHIPPED, name)]
    rows = (VARIANTS[name].vocabulary - VARIANTS[SHIPPED].vocabulary) * 128
    assert counts[1] - rows == pytest.approx(counts[0], rel=0.02)


@torch.no_grad()
def test_slowest_first_turns_the_decays_round() -> None:
    shipped, turned = (VARIANTS[n].model().layers[0].mixer for n in (SHIPPED, "slowest decays first"))
    for ours, theirs in ((shipped, turned), (turned, shipped)):
        decay = torch.exp(ours.A_log) * F.softplus(ours.dt_bias)
        assert torch.allclose(decay.flip(-1), torch.exp(theirs.A_log) * F.softplus(theirs.dt_bias))
    assert (decay.diff() > 0).all()


def test_distillation_teaches_the_student_alone() -> None:
    """Its gradient is the difference of the two distributions over the number of labelled tokens."""
    torch.manual_seed(13)
    student, teacher = (torch.randn(2, 5, 7, requires_grad=True) for _ in range(2))
    labels = torch.randint(0, 7, (2, 5))
    labels[1, 3:] = IGNORED
    loss = distillation(student, teacher, labels)
    loss.backward()
    known = (labels != IGNORED)[..., None]
    p, q = teacher.softmax(-1).detach(), student.softmax(-1).detach()
    assert torch.allclose(student.grad, torch.where(known, q - p, 0) / 8, atol=1e-7)
    assert teacher.grad is None
    plain = (torch.where(known, p * (p.log() - q.log()), 0)).sum() / 8
    assert loss.item() == pytest.approx(plain.item(), rel=1e-5)


def test_held_out_text_is_the_same_for_every_vocabulary(tmp_path: Path) -> None:
    for repository in ("pypi__first", "pypi__second"):
        files = [{"path": f"é{i}.py", "text": f"naïve_{i} = {repository}\n" * 30} for i in range(6)]
        (tmp_path / f"{repository}.jsonl").write_text("".join(json.dumps(f) + "\n" for f in files))
    lines = [path.read_text() for path in sorted(tmp_path.glob("*.jsonl"))]
    texts = [
        held_out_text(bpe.train(iter(lines), vocabulary), tmp_path, size=1000) for vocabulary in (280, 400)
    ]
    assert texts[0].bytes == texts[1].bytes > 2000
    assert texts[0].labels > texts[1].labels
    for text in texts:
        assert text.tokens.shape[1] % 256 == 1


def test_tokens_have_the_bytes_of_their_text() -> None:
    text = "x = 'naïve 🙂'\n\tif (a) { }\r\n"
    tokenizer = bpe.train(iter([text]), 280)
    sizes = token_bytes(tokenizer)
    assert int(sizes[tokenizer.encode(text).ids].sum()) == len(text.encode())
    assert not sizes[: len(bpe.SPECIAL_TOKENS)].any()


def test_score_sums_over_labels_alone() -> None:
    """A model of equal logits pays log(vocabulary) a label, padding nothing."""
    model = randomised({})
    with torch.no_grad():
        model.embed_tokens.weight.zero_()
    rows = torch.full((2, 257), 6)
    rows[:, :100] = torch.randint(7, 101, (2, 100))
    found = score(model, HeldOut(rows, labels=198, bytes=0))
    assert found["0"] == pytest.approx(2 * 99 * math.log(101), rel=1e-3)


@pytest.mark.parametrize("name", [SHIPPED, "distilled"])
def test_a_trial_learns_and_counts_its_passes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trial.WARMUP_STEPS", 2)
    files = [{"path": f"f{i}.py", "text": f"value_{i} = compute({i})\n" * 200} for i in range(40)]
    (tmp_path / "pypi__demo.jsonl").write_text("".join(json.dumps(f) + "\n" for f in files))
    tokenizer = bpe.train(iter(f["text"] for f in files), 300)
    text = training_text(tokenizer, tmp_path, size=15_000)
    sizes = token_bytes(tokenizer)
    read = [int(sizes[batch.inputs].sum()) for batch in text]
    assert sum(read) >= 15_000 > sum(read[:-1])
    held_out = held_out_text(tokenizer, tmp_path, size=500)
    tiny = {k: v for k, v in TINY.items() if k != "vocab_size"}
    variant = replace(VARIANTS[name], vocabulary=300, changes=VARIANTS[name].changes | tiny)
    torch.manual_seed(1)
    model = variant.model()
    before = score(model, held_out)
    with torch.compiler.set_stance("force_eager"):
        trained = train(model, variant, text, seed=1)
    after = score(model, held_out)
    assert trained.tokens == len(text) * 4 * 256
    assert trained.token_passes == trained.tokens * (1 if variant.teacher is None else 2)
    for ratio in MEASURED:
        assert after[ratio] < 0.97 * before[ratio], ratio


def test_the_table_tells_apart_what_is_more_than_the_seeds() -> None:
    def runs(name: str, *nats: float | None) -> list[dict]:
        return [{"name": name, "held_out_tokens": 10, "nats": {"1": n}} for n in nats]

    shipped = runs(SHIPPED, 40.0, 41.0)
    found = shipped + runs("far", 45.0) + runs("near", 42.0)
    assert cell(found, SHIPPED, "1", bits=False) == "4.050 ± 0.050"
    assert cell(found, "far", "1", bits=False) == "4.500 (+0.450)"
    assert cell(found, "near", "1", bits=False) == "4.200 (=)"
    assert cell(found + runs("away", None), "away", "1", bits=False) == "diverged"
    assert cell(shipped[:1] + runs("far", 45.0), "far", "1", bits=False) == "4.500"
    assert price(found + runs("ratio 1 alone", 45.0), SHIPPED, "1") == "-10.0 %"
