"""Text that is replayed must be new to the model: its lines are looked for in the corpus."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "data"))

from seen_lines import SHORTEST_LINE, long_lines, seen_in
from versions import folder_of, versions_in

LONG = [letter * SHORTEST_LINE for letter in "abcd"]


def test_long_lines_count_once_and_without_white_space() -> None:
    texts = [f"  {LONG[0]}  \nshort\n", f"\t{LONG[0]}\n{LONG[1]}"]
    assert long_lines(texts) == {LONG[0], LONG[1]}


def test_a_copy_in_one_repository_is_told_from_lines_that_everybody_writes() -> None:
    corpus = [("one", {LONG[0]}), ("two", {LONG[1]}), ("copy", {LONG[2], LONG[3]})]
    seen = seen_in(corpus, {"idioms": {LONG[0], LONG[1]}, "copied": {LONG[2], LONG[3]}, "new": {"z" * 50}})
    assert {name: (one.repository, one.share) for name, one in seen.items()} == {
        "idioms": ("one", 0.5),
        "copied": ("copy", 1.0),
        "new": ("", 0.0),
    }
    assert seen["idioms"].anywhere == {LONG[0], LONG[1]}


def test_commits_lie_beside_published_versions(tmp_path: Path) -> None:
    entry = {"registry": "git", "name": "stateline", "from": "a1", "to": "b2", "split": "development"}
    older, newer = versions_in([entry])
    assert folder_of(older, tmp_path) == tmp_path / "git__stateline" / "a1"
    assert folder_of(newer, tmp_path) == tmp_path / "git__stateline" / "b2"
