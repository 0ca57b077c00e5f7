"""Download the pinned packages of packages.json and write the filtered corpus.

Each package becomes .cache/corpus/{train,valid}/<registry>__<name>.jsonl, one
JSON line a file: {"path": relative path, "text": text}, a file after those it
imports. The packages of split "test" are downloaded only so that no file of
theirs enters the corpus.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from debian_packages import AptUnavailable, archives_of, fetch_debian
from dependency_order import dependency_order
from duplicates import SeenTexts, sketch_of
from licences import (
    debian_main_licence,
    debian_permissive,
    debian_wholly_permissive,
    is_permissive,
    read_licence,
)
from packages import Package, download, read_packages
from select_files import CONFIG_LANGUAGES, SourceFile, read_files, select
from unpack import read_archive

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SPLITS = ("test", "valid", "train")  # the earlier split keeps a shared file
HELD_OUT_CAP_MB = 0.95  # fixed, so that figures on held-out repositories stay comparable
LATER_LANGUAGES = {
    "ruby",
    "php",
    "c#",
    "kotlin",
}  # than the held-out texts, which are of the others, likewise
CAP_MB = {"python": 2.0, "typescript/javascript": 1.5}  # of a train package, by its main language
OTHER_CAP_MB = 0.95


@dataclass
class Repository:
    """What is taken of a package, and all its readable files."""

    package: Package
    files: list[SourceFile]
    readable: list[SourceFile]


def load(package: Package, cache: Path) -> Repository:
    """Download an npm or PyPI package, check its licence, unpack and filter it."""
    entries = read_archive(download(package, cache))
    licence = read_licence(entries)
    if not is_permissive(licence):
        raise ValueError(f"licence {licence!r} is not permissive")
    return filtered(package, entries)


def load_debian(package: Package, folder: Path) -> Repository:
    """Unpack a downloaded package of Debian and filter it by its debian/copyright."""
    entries: dict[str, bytes] = {}
    for archive in reversed(archives_of(package, folder)):
        unpacked = read_archive(archive)
        if package.registry == "debian" and archive.suffix == ".deb":  # came for its notice alone
            unpacked = {p: b for p, b in unpacked.items() if p == "debian/copyright"}
        if ".debian.tar." in archive.name:
            unpacked = {f"debian/{p.removeprefix('debian/')}": b for p, b in unpacked.items()}
        entries = {p: b for p, b in entries.items() if p.startswith("debian/")} | unpacked
    text = entries.get("debian/copyright", b"").decode(errors="replace")
    licence = debian_main_licence(text)
    # Paths of a binary package may differ from those of the source which the notice speaks of.
    if not is_permissive(licence) or (package.registry == "deb" and not debian_wholly_permissive(text)):
        raise ValueError(f"licence {licence!r} is not permissive, or not that of every file")
    allowed = debian_permissive(text) if package.registry == "debian" else lambda path: True
    return filtered(package, entries, allowed)


def filtered(
    package: Package, entries: dict[str, bytes], allowed: Callable[[str], bool] = lambda path: True
) -> Repository:
    """Choose the files of a package; of a train package no more is kept in memory."""
    readable = [f for f in read_files(entries) if allowed(f.path)]
    if package.split == "train":
        cap_mb = CAP_MB.get(package.language, OTHER_CAP_MB)
        return Repository(package, select(readable, package.slug, int(1e6 * cap_mb)), [])
    known = [f for f in readable if f.language not in LATER_LANGUAGES]
    return Repository(package, select(known, package.slug, int(1e6 * HELD_OUT_CAP_MB)), readable)


def present_in_debian(packages: list[Package], folder: Path) -> list[Package]:
    """Download Debian's packages and say which are left out: a corpus without them is smaller, but of use."""
    try:
        missing = fetch_debian(packages, folder)
        for package, reason in missing.items():
            print(f"left out: {package.slug}: {reason}", file=sys.stderr)
    except AptUnavailable as error:
        missing = [p for p in packages if not archives_of(p, folder)]
        print(f"{len(missing)} packages of Debian are left out: {error}.", file=sys.stderr)
    return [p for p in packages if p not in missing]


def load_all(packages: list[Package], cache: Path, jobs: int) -> tuple[list[Repository], list[str]]:
    """Load each package; the second list says which could not be and why."""
    folder = cache / "debian"
    from_debian = [p for p in packages if p.registry in ("debian", "deb")]
    present = set(present_in_debian(from_debian, folder))
    repositories, failures = [], []
    with ThreadPoolExecutor(jobs) as pool:
        loading = []
        for p in packages:
            if p not in from_debian:
                loading.append((p, pool.submit(load, p, cache)))
            elif p in present:
                loading.append((p, pool.submit(load_debian, p, folder)))
        for package, job in loading:
            try:
                repositories.append(job.result())
            except (subprocess.CalledProcessError, ValueError) as error:
                failures.append(f"{package.slug}: {error}")
    return repositories, failures


def without_duplicates(repositories: list[Repository]) -> dict[str, int]:
    """Keep the first copy of each text; return the bytes dropped, by kind.

    Near copies are dropped from train alone, the held-out texts being fixed, and
    nothing like any readable file of a held-out package stays there.
    """
    seen = SeenTexts()
    dropped = {"exact": 0, "near": 0}
    for repository in sorted(repositories, key=lambda r: SPLITS.index(r.package.split)):
        kept = []
        for file in repository.files:
            if seen.is_exact_copy(file.text):
                dropped["exact"] += file.size_bytes
            elif repository.package.split == "train" and seen.is_near_copy(file.text):
                dropped["near"] += file.size_bytes
            else:
                kept.append(file)
        repository.files = kept
        for file in repository.readable:
            seen.is_exact_copy(file.text)
            seen.remember(sketch_of(file.text))
    return dropped


def cap_config(repositories: list[Repository], share: float) -> None:
    """Drop the largest JSON, YAML, Markdown ... files until they are <= share of a split."""
    for split in ("valid", "train"):
        own = [r for r in repositories if r.package.split == split]
        files = [f for r in own for f in r.files]
        config = sorted(
            (f for f in files if f.language in CONFIG_LANGUAGES),
            key=lambda f: f.size_bytes,
            reverse=True,
        )
        config_bytes = sum(f.size_bytes for f in config)
        code_bytes = sum(f.size_bytes for f in files) - config_bytes
        dropped = set()
        for file in config:
            if config_bytes <= share / (1 - share) * code_bytes:
                break
            dropped.add(id(file))
            config_bytes -= file.size_bytes
        for r in own:
            r.files = [f for f in r.files if id(f) not in dropped]


def write(repositories: list[Repository], out: Path, splits: tuple[str, ...] = ("valid", "train")) -> None:
    """Write one JSON-lines file a package of the splits and remove those of earlier lists."""
    wanted = set()
    for repository in repositories:
        package = repository.package
        if package.split not in splits or not repository.files:
            continue
        path = out / package.split / f"{package.slug}.jsonl"
        wanted.add(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as stream:
            for f in dependency_order(repository.files):
                line = json.dumps({"path": f.path, "text": f.text}, ensure_ascii=False)
                stream.write(line + "\n")
    for path in (p for split in splits for p in out.glob(f"{split}/*.jsonl")):
        if path not in wanted:
            path.unlink()


def report(repositories: list[Repository], dropped: dict[str, int]) -> None:
    """Print bytes by package, and bytes by language and split."""
    for r in sorted(repositories, key=lambda r: r.package.slug):
        size = sum(f.size_bytes for f in r.files)
        print(f"{r.package.split:6}{r.package.slug:56}{len(r.files):6}{size / 1e6:8.2f} MB")
    for split in ("train", "valid"):
        own = [r for r in repositories if r.package.split == split and r.files]
        if not own:
            continue
        files = [f for r in own for f in r.files]
        total = sum(f.size_bytes for f in files)
        print(f"\n{split}: {len(own)} packages, {len(files)} files, {total / 1e6:.1f} MB")
        for language in sorted({f.language for f in files}):
            size = sum(f.size_bytes for f in files if f.language == language)
            print(f"  {language:12}{size / 1e6:8.2f} MB{100 * size / total:7.1f} %")
    for kind, size in dropped.items():
        print(f"dropped as {kind} copies: {size / 1e6:.1f} MB")


def main() -> int:
    """Read the arguments, build the corpus, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, default=HERE / "packages.json")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache/packages")
    parser.add_argument("--out", type=Path, default=ROOT / ".cache/corpus")
    parser.add_argument("--config-share", type=float, default=0.08)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument(
        "--held-out", action="store_true", help="only split valid, which no train package changes"
    )
    args = parser.parse_args()

    packages = [p for p in read_packages(args.packages) if not (args.held_out and p.split == "train")]
    repositories, failures = load_all(packages, args.cache, args.jobs)
    dropped = without_duplicates(repositories)
    cap_config(repositories, args.config_share)
    write(repositories, args.out, ("valid",) if args.held_out else ("valid", "train"))
    report(repositories, dropped)
    for failure in failures:
        print("failed:", failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
