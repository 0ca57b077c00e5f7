"""Two versions of each package in a list, unpacked, so that the edits between them can be replayed.

Each version becomes .cache/replay/sources/<slug>/<version>/, with the files that a person wrote: what the corpus would
take, without its limits of size. Nothing of the list may be in the corpus of training: what a person types there
should be new to the model; seen_lines.py looks for its lines there, too.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from debian_packages import archives_of, fetch_debian
from packages import Package, download, read_packages
from select_files import one_form_each, read_files
from unpack import read_archive

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LIST = ROOT / "scripts/eval/replay/packages.json"
DEBIAN = ("debian", "deb")
SUITES = ("bookworm", "trixie")
WRAPPING = re.compile(r"^(python3?|node|golang|rust|librust)-|-dev$")


def versions_in(listed: list[dict]) -> list[Package]:
    """Both versions of each entry of the list; those of Git are commits of this repository."""
    return [
        Package(entry["registry"], entry["name"], entry[which], "", "", entry["split"])
        for entry in listed
        for which in ("from", "to")
    ]


def folder_of(package: Package, out: Path) -> Path:
    """Where an unpacked version lies."""
    return out / package.slug / package.version


def bare_name(package: Package) -> str:
    """The name without what Debian puts around it."""
    return WRAPPING.sub("", package.name.lower())


def of_the_corpus(packages: list[Package], corpus: list[Package]) -> list[Package]:
    """Those of `packages` that the corpus has under the same name, in whatever registry."""
    taken = {bare_name(p) for p in corpus}
    return [p for p in packages if bare_name(p) in taken]


def unpacked(package: Package, archives: list[Path], out: Path) -> None:
    """Write the files of the archives into a folder that is there whole or not at all."""
    folder = folder_of(package, out)
    entries: dict[str, bytes] = {}
    for archive in archives:
        if ".debian.tar." not in archive.name:
            entries |= read_archive(archive)
    files = one_form_each(read_files(entries))
    if not files:
        raise ValueError("no file of it is source that a person wrote")
    beside = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    for file in files:
        target = beside / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.text, encoding="utf-8")
    beside.rename(folder)


def fetch(package: Package, cache: Path, out: Path) -> None:
    """Download what is not there yet and unpack it."""
    if package.registry in DEBIAN:
        archives = archives_of(package, cache / "debian")
        if not archives:
            raise ValueError("Debian's mirror did not serve it")
    elif package.registry == "git":
        archives = [archive_of_commit(package.version, cache / package.slug)]
    else:
        archives = [download(package, cache)]
    unpacked(package, archives, out)


def archive_of_commit(commit: str, folder: Path) -> Path:
    """The files of a commit of this repository, which a shallow copy may not have."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{commit}.tar"
    command = ["git", "archive", f"--output={archive}", "--prefix=stateline/", commit]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return archive


def main() -> int:
    """Read the arguments, fetch what is missing, say what failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", type=Path, default=LIST)
    parser.add_argument("--split", choices=("development", "report"))
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache/replay/archives")
    parser.add_argument("--out", type=Path, default=ROOT / ".cache/replay/sources")
    args = parser.parse_args()

    listed = [e for e in json.loads(args.list.read_text()) if args.split in (None, e["split"])]
    wanted = versions_in(listed)
    seen = of_the_corpus(wanted, read_packages(HERE / "packages.json"))
    if seen:
        print("in the corpus, so not to be replayed:", *(p.slug for p in seen), file=sys.stderr)
        return 1
    missing = [p for p in wanted if not folder_of(p, args.out).is_dir()]
    fetch_debian([p for p in missing if p.registry in DEBIAN], args.cache / "debian", SUITES)
    failed = False
    for package in missing:
        try:
            fetch(package, args.cache, args.out)
        except (subprocess.CalledProcessError, ValueError) as error:
            print(f"failed: {package.slug} {package.version}: {error}", file=sys.stderr)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
