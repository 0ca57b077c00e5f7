"""Labels of the long-range tasks, checked by readers that share no code with the generators."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from longrange.bundle import COUNTS, generated
from longrange.export import WEIGHTS
from longrange.table import wilson
from longrange.tasks import NO_HINT, TASKS, keywords, listops, pathfinder, protein, text

GENERATED = [name for name in TASKS if name != "text"]


@pytest.mark.parametrize("name", GENERATED)
def test_a_seed_gives_the_same_example_again_and_a_held_out_set_is_another(name: str) -> None:
    task = TASKS[name]
    length = task.lengths[0]
    first, again, other = (task.make(7, length, held_out) for held_out in (False, False, True))
    assert first[0].dtype == np.uint8 and len(first[0]) <= length
    assert np.array_equal(first[0], again[0]) and first[1] == again[1]
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("name", GENERATED)
def test_classes_are_about_equally_frequent(name: str) -> None:
    task = TASKS[name]
    labels = [task.make(seed, task.lengths[0], False)[1] for seed in range(200)]
    frequency = np.bincount(labels, minlength=len(task.class_names)) / len(labels)
    assert frequency.min() > 0.3 / len(task.class_names) and frequency.max() < 2.5 / len(task.class_names)


def evaluated(text: str) -> int:
    """A stack machine over the letters of ListOps."""
    stack: list[list] = [["root"]]
    for letter in text:
        if letter in "nxds":
            stack.append([letter])
        elif letter == "]":
            operator, *values = stack.pop()
            ordered = sorted(values)
            middle = len(ordered) // 2
            median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2
            results = {"n": ordered[0], "x": ordered[-1], "d": median, "s": sum(values) % 10}
            stack[-1].append(results[operator])
        else:
            stack[-1].append(int(letter))
    (_, value), *rest = stack
    assert not rest
    return value


def opening(text: str, end: int) -> int:
    """Where the list that ends there begins."""
    depth = 0
    for place in range(end, -1, -1):
        depth += (text[place] == "]") - (text[place] in listops.OPERATORS)
        if depth == 0:
            return place
    raise AssertionError("a list ends that never began")


@pytest.mark.parametrize("length", [64, 512])
def test_listops_labels_are_the_values_of_the_expressions(length: int) -> None:
    for seed in range(40):
        tokens, label, hints = listops.make(seed, length, False)
        assert length // 4 <= len(tokens) <= length and len(hints) == len(tokens)
        text = tokens.tobytes().decode()
        assert evaluated(text) == label
        for end, hint in enumerate(hints):
            assert (hint == NO_HINT) == (text[end] in listops.OPERATORS)
            if hint != NO_HINT:  # the value of the list that ends there, or would
                so_far = text[: end + 1] + "]" * (text[end] != "]")
                assert evaluated(so_far[opening(so_far, len(so_far) - 1) :]) == hint


@pytest.mark.parametrize(("side", "count"), [(16, 40), (32, 40), (64, 10), (128, 4)])
def test_the_hints_of_pathfinder_follow_contours_to_their_markers(side: int, count: int) -> None:
    """Ink of both markers' contour where they are joined, of two contours with one each where they are apart."""
    for seed in range(count):
        pixels, label, hints = (np.reshape(part, -1) for part in pathfinder.make(seed, side * side, True))
        joined = bool(label[0])
        assert ((hints == NO_HINT) <= (pixels < 128)).all(), "all bright ink has a hint"
        assert (hints == 2).any() == joined and bool((pixels[hints == 2] > 0).all())
        reach = round(2 * pathfinder.DRAWINGS[side].margins[1]) + 2
        parts = pieces(hints.reshape(side, side) == 1 + joined, reach)
        markers = pieces(pixels.reshape(side, side) == 255, 1)
        assert all(any(marker <= part for part in parts) for marker in markers)
        if joined:
            assert len(parts) == 1, f"seed {seed}"


def pieces(drawn: np.ndarray, reach: int) -> list[set[tuple[int, int]]]:
    """Pixels that hang together by jumps of at most reach."""
    left = {(int(r), int(c)) for r, c in np.argwhere(drawn)}
    out = []
    while left:
        border = [left.pop()]
        piece = set(border)
        while border:
            r, c = border.pop()
            near = {p for p in left if max(abs(p[0] - r), abs(p[1] - c)) <= reach}
            left -= near
            piece |= near
            border += near
        out.append(piece)
    return out


def test_both_answers_of_pathfinder_draw_the_same_amount_of_ink() -> None:
    """Or counting pixels would do."""
    ink: tuple[list[int], list[int]] = ([], [])
    for seed in range(200):
        pixels, label, _ = pathfinder.make(seed, 1024, False)
        ink[label].append(int((pixels > 64).sum()))
    assert abs(np.mean(ink[0]) - np.mean(ink[1])) < 3 * np.std(ink[0] + ink[1]) / 200**0.5 * 2


def test_turns_have_their_density() -> None:
    """cos^2 of 1.8 d: half of the mass lies within 0.2612 radians, where d + sin(3.6 d) / 3.6 is half of its greatest."""
    rng = np.random.default_rng(0)
    turns = np.abs([pathfinder.turn(rng, 1.8) for _ in range(4000)])
    assert turns.max() <= np.pi / 3.6
    assert 0.46 < (turns < 0.2311).mean() < 0.54


def test_protein_labels_name_the_families_of_the_outer_quarters() -> None:
    for seed in range(10):
        sequence, label, _ = protein.make(seed, 2048, False)
        found = tuple(
            int(np.argmax([(windows(part) == motif).sum(1).clip(5).sum() for motif in protein.MOTIFS]))
            for part in (sequence[:512], sequence[-512:])
        )
        assert protein.PAIRS[label] == found


def windows(part: np.ndarray) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(part, len(protein.MOTIFS[0]))


@pytest.mark.parametrize("length", [1024, 4096])
def test_a_keyword_is_louder_than_the_noise_around_it(length: int) -> None:
    samples, _, _ = keywords.make(3, length, False)
    blocks = samples.astype(float).reshape(16, -1).std(1)
    assert blocks.max() > 2 * np.sort(blocks)[3]


def test_intervals_are_wilsons() -> None:
    """8 of 10, worked out by hand: (0.8 + 0.192 +- 1.96 sqrt(0.016 + 0.0096)) / 1.384."""
    assert wilson(8, 10) == pytest.approx((0.490, 0.943), abs=1e-3)
    low, high = wilson(50, 50)
    assert 0.92 < low < 0.94 and high == pytest.approx(1)


def test_text_holds_out_whole_packages_and_balances_each_file_extension(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "train").mkdir()
    for number in range(40):
        files = [("tests/a.py", "T"), ("a.py", "C"), ("b.py", "X"), ("tests/only.go", "X")]
        lines = [json.dumps({"path": path, "text": f"{number:02}{letter}" * 2000}) for path, letter in files]
        (tmp_path / "train" / f"package{number}.jsonl").write_text("\n".join(lines))
    monkeypatch.setattr(text, "CORPUS", tmp_path)
    text.files.cache_clear()
    try:
        sets = [text.files(held_out) for held_out in (False, True)]
        for code, tests in sets:
            assert len(code) == len(tests) > 0
            assert {contents[2:3] for contents in code} == {b"C"} and {
                contents[2:3] for contents in tests
            } == {b"T"}
        numbers = [{contents[:2] for contents in code} for code, _ in sets]
        assert not numbers[0] & numbers[1] and len(numbers[0] | numbers[1]) == 40
        piece, label, _ = text.make(3, 100, True)
        assert len(piece) == 100 and label in (0, 1)
    finally:
        text.files.cache_clear()


def test_text_says_how_to_fetch_a_corpus_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "CORPUS", tmp_path)
    text.files.cache_clear()
    with pytest.raises(FileNotFoundError, match="fetch.py"):
        text.make(0, 100, False)


@pytest.mark.parametrize("task", COUNTS)
def test_the_sets_in_the_package_are_what_the_tasks_make_today(task: str) -> None:
    examples = generated(task)
    told = json.loads((WEIGHTS / task / "test.json").read_text())
    assert told["labels"] == [label for _, label, _ in examples]
    assert told["lengths"] == [len(sequence) for sequence, _, _ in examples]
    assert (WEIGHTS / task / "test.bin").read_bytes() == b"".join(s.tobytes() for s, _, _ in examples)
