"""Data, schedule, quantisation and export."""

from __future__ import annotations

import itertools
import json
import random
from dataclasses import fields, replace
from pathlib import Path

import pytest
import stream
import torch
from architecture import ModelConfig, Stateline
from export import MATRICES, between, load_checkpoints, read_model, tensors, write_model
from golden import GOLDEN, TINY, golden_logits, random_model
from grow import grown
from quantise import quantise_rows, quantised
from safetensors.torch import load_file
from tokenizers import Tokenizer
from train import (
    draw_state_heads,
    learning_rate_share,
    main,
    orthogonalised,
    save,
    validate,
    validation_text,
)

WEIGHTS = Path(__file__).parent.parent / "weights"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(WEIGHTS / "tokenizer.json"))


def test_cut_middle_keeps_every_character() -> None:
    rng = random.Random(1)
    text = "def f(x):\n    return x + 1\n\n\nclass A:\n    pass\n"
    for _ in range(500):
        assert "".join(stream.cut_middle(text, rng)) == text


def test_files_decode_to_their_text_in_either_order(tokenizer: Tokenizer) -> None:
    text = "const naïve = [1, 2];\r\n\tif (a) { return '🙂' }\n" * 4
    rng = random.Random(2)
    for _ in range(50):
        ids = stream.encode_file(tokenizer, "src/a.ts", text, rng)
        assert ids[0] == stream.FILE_SEP
        if stream.FIM_PREFIX not in ids:
            assert tokenizer.decode(ids[1:]) == "src/a.ts\n" + text
            continue
        suffix_at, middle_at = ids.index(stream.FIM_SUFFIX), ids.index(stream.FIM_MIDDLE)
        suffix = tokenizer.decode(ids[suffix_at + 1 : middle_at])
        before = tokenizer.decode(ids[ids.index(stream.FIM_PREFIX) + 1 : suffix_at])
        after = tokenizer.decode(ids[middle_at + 1 : -1])
        assert before + after + suffix == text


def test_segments_join_without_gap_and_mark_repositories(tokenizer: Tokenizer, tmp_path: Path) -> None:
    files = [{"path": f"f{i}.py", "text": f"x{i} = {i}\n" * 30} for i in range(5)]
    (tmp_path / "pypi__demo.jsonl").write_text("".join(json.dumps(f) + "\n" for f in files))
    source = stream.batches(tokenizer, tmp_path, rows=2, length=64, seed=3)
    previous = next(source)
    assert previous.reset.tolist() == [True, True]
    for _ in range(6):
        batch = next(source)
        for row in range(2):
            if not batch.reset[row]:
                assert batch.inputs[row, 0] == previous.labels[row, -1]
        previous = batch


def test_readers_prepare_the_rows_that_one_process_would_draw_with_their_seeds(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    files = [{"path": f"f{i}.py", "text": f"x{i} = {i}\n" * 30} for i in range(5)]
    (tmp_path / "pypi__demo.jsonl").write_text("".join(json.dumps(f) + "\n" for f in files))
    together = stream.batches_of_readers(tokenizer, tmp_path, rows=4, length=64, seed="3", readers=2)
    alone = [
        stream.batches(tokenizer, tmp_path, rows=2, length=64, seed=f"3/{i}", evenly=True) for i in range(2)
    ]
    for _ in range(5):
        joined, parts = next(together), [next(source) for source in alone]
        assert torch.equal(joined.inputs, torch.cat([part.inputs for part in parts]))
        assert torch.equal(joined.labels, torch.cat([part.labels for part in parts]))
        assert torch.equal(joined.reset, torch.cat([part.reset for part in parts]))
    with pytest.raises(ValueError, match="multiple"):
        next(stream.batches_of_readers(tokenizer, tmp_path, rows=3, length=64, seed="3", readers=2))


@pytest.mark.parametrize(("evenly", "least", "most"), [(True, 1.0, 1.5), (False, 3.0, 9.0)])
def test_text_of_small_repositories_is_read_as_often_as_that_of_large_ones_if_asked(
    tokenizer: Tokenizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    evenly: bool,
    least: float,
    most: float,
) -> None:
    sizes = {"a": 20, "b": 80, "c": 320}  # files of 1,000 characters, here tokens that name their repository
    monkeypatch.setattr(
        stream, "encode_file", lambda tokenizer, path, text, rng: [100 + ord(path)] * len(text)
    )
    for name, count in sizes.items():
        line = json.dumps({"path": name, "text": "x" * 1000}) + "\n"
        (tmp_path / f"pypi__{name}.jsonl").write_text(line * count)
    source = stream.batches(tokenizer, tmp_path, rows=4, length=2048, seed=1, evenly=evenly)
    read = sum(batch.inputs.flatten().bincount(minlength=300) for batch in itertools.islice(source, 2000))
    passes = [read[100 + ord(name)].item() / count for name, count in sizes.items()]
    assert least < max(passes) / min(passes) < most


def test_missing_corpus_says_what_to_run(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"fetch\.py"):
        next(stream.batches(tokenizer, tmp_path, rows=1, length=8, seed=1))


def test_schedule_warms_up_holds_and_decays_to_zero() -> None:
    assert learning_rate_share(0.001, steps=0) < 0.05
    assert learning_rate_share(0.3, steps=1000) == 1
    assert learning_rate_share(0.8, steps=1000) == pytest.approx(0.5)
    assert learning_rate_share(1, steps=1000) == 0


def test_every_even_number_of_state_heads_is_drawn() -> None:
    rng = random.Random(1)
    assert {draw_state_heads(8, 6, rng) for _ in range(2000)} == {0, 2, 4, 6, 8}


@pytest.mark.parametrize("shape", [(9, 5), (5, 9), (7, 7)])
def test_muon_turns_singular_values_by_its_polynomial_alone(shape: tuple[int, int]) -> None:
    a, b, c = 3.4445, -4.775, 2.0315
    gradient = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    left, values, right = torch.linalg.svd(gradient, full_matrices=False)
    values = values / gradient.norm()
    for _ in range(5):
        values = a * values + b * values**3 + c * values**5
    expected = left @ torch.diag(values) @ right
    torch.testing.assert_close(orthogonalised(gradient, (a, b, c), 5, 1e-7), expected)


def test_row_quantisation_error_is_within_half_a_step() -> None:
    weight = torch.randn(13, 37)
    q, scale = quantise_rows(weight)
    assert ((q * scale[:, None] - weight).abs() <= scale[:, None] * 0.5001).all()


@pytest.mark.parametrize("case", ["tiny-f32", "tiny-shuffled-f32", "tiny-int8"])
@torch.no_grad()
def test_golden_files_are_what_their_script_makes(case: str) -> None:
    stored = load_file(GOLDEN / case / "golden.safetensors")
    config = ModelConfig.from_json(GOLDEN / case / "config.json")
    seed = {"tiny-f32": 1, "tiny-shuffled-f32": 2, "tiny-int8": 3}[case]
    model = random_model(config, seed)
    int8 = case.endswith("int8")
    file = load_file(GOLDEN / case / "model.safetensors")
    for name, value in tensors(model, int8).items():
        assert torch.equal(file[name], value), name
    computed = quantised(model) if int8 else model
    for name, value in golden_logits(computed, stored["tokens"].long(), stored["positions"].long()).items():
        # Rounding of an activation may fall either way where sums are ordered otherwise.
        assert (stored[name] - value).abs().max() < (2e-2 if int8 else 1e-5) * stored[name].abs().max(), name


def test_a_checkpoint_returns_as_saved(tmp_path: Path) -> None:
    model = random_model(TINY, seed=9)
    save(tmp_path / "checkpoint.pt", model, [], {"seconds": 1.0, "tokens": 2, "steps": 3})
    again = load_checkpoints([tmp_path / "checkpoint.pt"])
    write_model(again, tmp_path / "out", int8=False)
    file = load_file(tmp_path / "out" / "model.safetensors")
    assert torch.equal(file["model.embed_tokens.weight"], model.embed_tokens.weight)
    assert file["model.layers.0.mixer.conv.weight"].shape == (TINY.conv_channels, TINY.conv_width)


def test_several_checkpoints_are_averaged(tmp_path: Path) -> None:
    models = [random_model(TINY, seed) for seed in (1, 2, 3)]
    paths = [tmp_path / f"decay-{i}.pt" for i in range(3)]
    for model, path in zip(models, paths, strict=True):
        save(path, model, [], {"seconds": 1.0, "tokens": 2, "steps": 3})
    mean = torch.stack([model.embed_tokens.weight for model in models]).mean(0)
    assert torch.equal(load_checkpoints(paths).embed_tokens.weight, mean)
    first, second = (model.embed_tokens.weight for model in models[:2])
    mixed = between(models[0], models[1], 0.75).embed_tokens.weight
    torch.testing.assert_close(mixed, 0.75 * first + 0.25 * second)


@pytest.mark.parametrize("int8", [False, True])
def test_exported_weights_are_read_back(int8: bool, tmp_path: Path) -> None:
    model = random_model(TINY, seed=9)
    write_model(model, tmp_path, int8)
    again = read_model(tmp_path)
    assert again.config == model.config
    for (name, ours), theirs in zip(model.state_dict().items(), again.state_dict().values(), strict=True):
        scale = ours.abs().amax(-1, keepdim=True) / 127 if int8 and name.endswith(MATRICES) else 0
        assert torch.all((ours - theirs).abs() <= 0.5001 * scale), name


def test_training_lowers_the_loss_and_resumes(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for split in ("train", "valid"):
        (tmp_path / split).mkdir()
        files = [{"path": f"f{i}.py", "text": f"value_{i} = compute({i})\n" * 40} for i in range(6)]
        (tmp_path / split / "pypi__demo.jsonl").write_text("".join(json.dumps(f) + "\n" for f in files))
    held_out = validation_text(tokenizer, tmp_path / "valid", 64)
    untrained = validate(Stateline(replace(TINY, vocab_size=4096)), held_out)
    # A clock on which each step takes 0.1 s, so that the number of steps does not depend on the machine.
    ticks = itertools.count()
    monkeypatch.setattr("train.time.monotonic", lambda: next(ticks) / 10)
    arguments = ["train.py", "--corpus", str(tmp_path), "--out", str(tmp_path / "out")]
    arguments += ["--length", "64", "--rows", "2", "--workers", "1"]
    sizes = {
        f.name: getattr(TINY, f.name) for f in fields(TINY) if f.type == "int" and f.name != "vocab_size"
    }
    # The second run resumes the first, sizes and all.
    for more in (["0.1", "--config", json.dumps(sizes)], ["0.2"]):
        monkeypatch.setattr("sys.argv", [*arguments, "--minutes", *more])
        main()
    done = torch.load(tmp_path / "out" / "checkpoint.pt", weights_only=True)["done"]
    assert done["steps"] == 120
    trained = validate(load_checkpoints([tmp_path / "out" / "checkpoint.pt"]), held_out)
    assert trained["4/4"] < untrained["4/4"] - 1


@pytest.mark.parametrize(
    "sizes",
    [
        {"num_hidden_layers": 3},
        {"hidden_size": 80, "intermediate_size": 72},
        {"num_heads": 6},
        {"hidden_size": 64, "num_hidden_layers": 5, "num_heads": 5, "intermediate_size": 57},
    ],
)
def test_a_grown_model_is_the_same_function_and_all_of_it_learns(sizes: dict[str, int]) -> None:
    # The epsilon of a mean square weighs a little less beside channels of zeros: without it the two are equal.
    order = [[2, 0, 3, 1], [1, 3, 0, 2]]
    model = random_model(replace(TINY, head_switch_order=order, rms_norm_eps=1e-12), seed=4)
    larger = grown(model, replace(model.config, head_switch_order=[], **sizes))
    tokens = torch.randint(0, TINY.vocab_size, (2, 64), generator=torch.Generator().manual_seed(4))
    new_heads = larger.config.num_heads - TINY.num_heads
    for attending in range(TINY.num_heads + 1):  # heads; those that are new keep a state
        expected, _ = model(tokens, TINY.num_heads - attending)
        logits, _ = larger(tokens, TINY.num_heads - attending + new_heads)
        torch.testing.assert_close(logits, expected, atol=2e-4, rtol=0)

    optimizer = torch.optim.SGD(larger.parameters(), lr=0.1)
    for _ in range(3):  # what is zero passes no gradient on, so the first steps reach one part after another
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(larger(tokens, 3)[0].flatten(0, 1), tokens.flatten()).backward()
        optimizer.step()
    still = [name for name, p in larger.named_parameters() if p.ndim == 2 and (p.grad == 0).all(1).any()]
    assert [name for name in still if "proj" in name] == []


@pytest.mark.parametrize("sizes", [{"num_heads": 3}, {"key_dim": 32}])
def test_a_model_grows_in_some_sizes_and_shrinks_in_none(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="only hidden_size"):
        grown(Stateline(TINY), replace(TINY, head_switch_order=[], **sizes))
