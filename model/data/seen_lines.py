"""How much of the text that is replayed stands in the corpus of training, by lines and not by names only.

A package may be in the corpus under another name, or copied into another package. A long line says that: lines of 40
characters or more are hardly ever written twice. Lines that stand in many repositories are licences and idioms, so a
package counts as seen by the share of its lines that one single repository of the corpus has.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from versions import LIST, ROOT, folder_of, versions_in

SHORTEST_LINE = 40  # characters, without the white space around them
MOST_SHARE = 0.1  # of a package's lines in one repository of the corpus


@dataclass
class Seen:
    """What the corpus has of one set of lines."""

    lines: frozenset[str]
    anywhere: set[str] = field(default_factory=set)
    most: int = 0
    repository: str = ""

    def meet(self, repository: str, lines: set[str]) -> None:
        """Count the lines of one repository of the corpus."""
        shared = self.lines & lines
        self.anywhere |= shared
        if len(shared) > self.most:
            self.most, self.repository = len(shared), repository

    @property
    def share(self) -> float:
        """Of the lines, those that the likest repository has."""
        return self.most / len(self.lines) if self.lines else 0.0


def long_lines(texts: Iterable[str]) -> set[str]:
    """Every long line once, without the white space around it."""
    return {
        line for text in texts for line in map(str.strip, text.splitlines()) if len(line) >= SHORTEST_LINE
    }


def texts_below(folder: Path) -> Iterator[str]:
    """Every file of an unpacked version."""
    return (path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*")) if path.is_file())


def corpus_lines(folder: Path) -> Iterator[tuple[str, set[str]]]:
    """The long lines of each repository of the corpus."""
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as rows:
            yield path.stem, long_lines(json.loads(row)["text"] for row in rows)


def seen_in(corpus: Iterable[tuple[str, set[str]]], wanted: dict[str, set[str]]) -> dict[str, Seen]:
    """What the repositories of the corpus have of each named set of lines."""
    known = set().union(*wanted.values())
    seen = {name: Seen(frozenset(lines)) for name, lines in wanted.items()}
    for repository, lines in corpus:
        shared = lines & known
        for one in seen.values() if shared else ():
            one.meet(repository, shared)
    return seen


def main() -> int:
    """Print what was seen of each package and of what its newer version adds; fail if it is too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", type=Path, default=LIST)
    parser.add_argument("--sources", type=Path, default=ROOT / ".cache/replay/sources")
    parser.add_argument("--corpus", type=Path, default=ROOT / ".cache/corpus/train")
    args = parser.parse_args()

    wanted: dict[str, set[str]] = {}
    for entry in json.loads(args.list.read_text()):
        older, newer = (folder_of(version, args.sources) for version in versions_in([entry]))
        missing = next((folder for folder in (older, newer) if not folder.is_dir()), None)
        if missing:
            print(f"{missing} is not there: run versions.py before", file=sys.stderr)
            return 1
        before, after = long_lines(texts_below(older)), long_lines(texts_below(newer))
        wanted[entry["name"]] = before | after
        wanted[f"{entry['name']}, added"] = after - before

    seen = seen_in(corpus_lines(args.corpus), wanted)
    for name, one in seen.items():
        anywhere = len(one.anywhere) / max(1, len(one.lines))
        print(
            f"{name}: {len(one.lines)} lines, {anywhere:.1%} in the corpus, "
            f"{one.share:.1%} in {one.repository or 'no repository'}"
        )
    too_much = [name for name, one in seen.items() if one.share > MOST_SHARE]
    if too_much:
        print("seen in training, so not to be replayed:", "; ".join(too_much), file=sys.stderr)
    return 1 if too_much else 0


if __name__ == "__main__":
    sys.exit(main())
