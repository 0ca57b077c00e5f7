"""Near and exact copies across the packages of a corpus."""

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "data"))

from duplicates import SeenTexts, sketch_of
from fetch import Repository, filtered, without_duplicates, write
from packages import Package
from select_files import SourceFile


def words(seed: int, count: int = 400) -> list[str]:
    """Random identifiers; the seed is in the test's name or text."""
    rng = random.Random(seed)
    return [f"name{rng.randrange(5000)}" for _ in range(count)]


def with_changed(text: list[str], share: float) -> list[str]:
    """The words with an evenly spread share of them replaced."""
    step = round(1 / share)
    return [f"other{i}" if i % step == 0 else w for i, w in enumerate(text)]


def repository(split: str, *texts: str) -> Repository:
    """A package whose readable files are all taken."""
    files = [SourceFile(f"{i}.py", text, "python") for i, text in enumerate(texts)]
    package = Package("pypi", f"{split}-{len(texts)}", "1", "MIT", "python", split)
    return Repository(package, files, [] if split == "train" else files)


@pytest.mark.parametrize(
    ("share", "alike"),
    [(0.005, True), (0.01, True), (0.1, False), (0.5, False)],  # a changed word spoils 5 runs of 5
)
def test_texts_are_near_copies_by_the_share_of_changed_words(share: float, alike: bool) -> None:
    text = words(seed=1)
    seen = SeenTexts()
    assert not seen.is_near_copy(" ".join(text))
    assert seen.is_near_copy(" ".join(with_changed(text, share))) is alike


def test_unrelated_texts_are_no_copies() -> None:
    seen = SeenTexts()
    assert not any(seen.is_near_copy(" ".join(words(seed))) for seed in range(200))


def test_white_space_alone_does_not_make_a_text_new() -> None:
    seen = SeenTexts()
    assert not seen.is_exact_copy("def f():\n    return 1\n")
    assert seen.is_exact_copy("def f():\n\treturn 1")


def test_a_sketch_is_the_same_in_every_run() -> None:
    assert sketch_of("a b c d e f").digest()[:3] == sketch_of("a b c d e f").digest()[:3]
    assert sketch_of("a b c d e f").jaccard(sketch_of("a b c d e f")) == 1.0


def test_nothing_like_a_held_out_file_stays_in_train() -> None:
    held, other = words(seed=2), words(seed=3)
    train = repository("train", " ".join(with_changed(held, 0.005)), " ".join(other), " ".join(other) + " ")
    valid = repository("valid", " ".join(held), " ".join(with_changed(held, 0.01)))
    dropped = without_duplicates([train, valid])
    assert [f.path for f in train.files] == ["1.py"]
    assert len(valid.files) == 2  # held-out texts are fixed
    assert dropped["near"] > 0 and dropped["exact"] > 0


def test_readable_files_beyond_the_cap_of_a_held_out_package_count_too() -> None:
    train, held = repository("train", " ".join(words(seed=4))), repository("test", " ".join(words(seed=4)))
    held.files = []
    without_duplicates([train, held])
    assert train.files == []


@pytest.mark.parametrize(("split", "taken"), [("train", ["a.py", "b.rb"]), ("valid", ["a.py"])])
def test_a_language_that_came_later_leaves_the_held_out_texts_as_they_were(
    split: str, taken: list[str]
) -> None:
    package = Package("pypi", "shop", "1", "MIT", "python", split)
    text = b"def price(order)\n  order.price\nend\n" * 4
    files = filtered(package, {"a.py": text, "b.rb": text}).files
    assert [f.path for f in files] == taken


def test_a_written_split_loses_what_the_list_no_longer_has_and_the_others_stay(tmp_path: Path) -> None:
    for name in ("train/pypi__kept.jsonl", "valid/pypi__gone.jsonl"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("{}\n")
    write([repository("valid", "a = 1"), repository("test", "b = 2")], tmp_path, ("valid",))
    found = {str(p.relative_to(tmp_path)) for p in tmp_path.glob("*/*")}
    assert found == {"train/pypi__kept.jsonl", "valid/pypi__valid-1.jsonl"}
