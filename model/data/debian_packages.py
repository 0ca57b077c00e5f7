"""Packages of Debian, downloaded and verified by apt with lists of its own.

Two registries: "debian" are source packages, "deb" are binary packages which
carry source (Go's and Rust's -dev packages). The machine's apt settings are not
touched: the source list, the package lists and the archives are all below the
cache folder.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

from debian.deb822 import Packages, Sources
from packages import Package

SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"  # apt checks signatures, so http is enough
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
ARCHITECTURE = "amd64"  # -dev packages of source are alike on all; one keeps names and versions the same
TAR = re.compile(r"\.tar\.(gz|xz|bz2)$")


class AptUnavailable(Exception):
    """This machine cannot download from Debian; the message says why."""


def archives_of(package: Package, folder: Path) -> list[Path]:
    """The package's downloaded archives (a source package's upstream one first); empty if it is not there."""
    stamp = stamp_of(package, folder)
    return [folder / name for name in stamp.read_text().splitlines()] if stamp.exists() else []


def stamp_of(package: Package, folder: Path) -> Path:
    """The file that names the archives once they are complete."""
    return folder / f"{package.slug}_{package.version}.done"


def fetch_debian(
    packages: list[Package], folder: Path, suites: tuple[str, ...] = (SUITE,)
) -> dict[Package, str]:
    """Download what is not there; return why a package could not be."""
    missing = [p for p in packages if not archives_of(p, folder)]
    if not missing:
        return {}
    folder.mkdir(parents=True, exist_ok=True)
    apt = own_apt(folder, suites)
    failures = fetch_kind([p for p in missing if p.registry == "debian"], folder, apt, source_packages)
    for package in fetch_notices(list(failures), folder, apt):
        del failures[package]
    return failures | fetch_kind([p for p in missing if p.registry == "deb"], folder, apt, binary_packages)


def fetch_kind(
    packages: list[Package], folder: Path, apt: Callable[..., str], look_up: Callable[..., Iterable[tuple]]
) -> dict[Package, str]:
    """Download packages of one kind in one call of apt and stamp those that came in full."""
    if not packages:
        return {}
    offered = {(name, version): files for name, version, files in look_up(packages, apt)}
    failures = {}
    pinned = [p for p in packages if (p.name, p.version) in offered]
    for package in packages:
        if package in pinned:
            continue
        has = ", ".join(sorted(v for n, v in offered if n == package.name)) or "none"
        failures[package] = f"version {package.version} is gone from Debian's mirror, which has {has}"
    command = (
        ["source", "--download-only", "--only-source"] if packages[0].registry == "debian" else ["download"]
    )
    apt("apt-get", *command, *(f"{p.name}={p.version}" for p in pinned))
    for package in pinned:
        if not stamp(package, offered[package.name, package.version], folder):
            failures[package] = f"Debian's mirror did not serve version {package.version} in full"
    return failures


def stamp(package: Package, files: list[tuple[str, int]], folder: Path) -> bool:
    """True if all files (name, bytes) have come; then they are the package's archives from now on."""
    complete = bool(files) and all(is_whole(folder / name, size) for name, size in files)
    if complete:
        stamp_of(package, folder).write_text("\n".join(name for name, _ in files))
    return complete


def is_whole(path: Path, size_bytes: int) -> bool:
    return path.exists() and path.stat().st_size == size_bytes


def fetch_notices(packages: list[Package], folder: Path, apt: Callable[..., str]) -> list[Package]:
    """Sources whose authors' archive has come without the packaging: the notice is also in each binary package made of them.

    Stamps those for which such a package is there, and returns them.
    """
    if not packages:
        return []
    upstream = {
        (name, version): [f for f in files if ".orig.tar." in f[0]]
        for name, version, files in source_packages(packages, apt)
    }
    made = smallest_made_of(packages, apt)
    came = [
        p
        for p in packages
        if (p.name, p.version) in made
        and any(is_whole(folder / name, size) for name, size in upstream.get((p.name, p.version), []))
    ]
    apt("apt-get", "download", *(made[p.name, p.version][0] for p in came))
    return [p for p in came if stamp(p, upstream[p.name, p.version] + [made[p.name, p.version][1]], folder)]


def smallest_made_of(
    packages: list[Package], apt: Callable[..., str]
) -> dict[tuple[str, str], tuple[str, tuple[str, int]]]:
    """(source, version) -> the smallest binary package made of it: name=version, (file, bytes)."""
    listing = apt("apt-cache", "showsrc", "--only-source", *(p.name for p in packages))
    sources = Sources.iter_paragraphs(listing.splitlines(), use_apt_pkg=False)
    names = sorted({b.strip() for s in sources for b in s.get("Binary", "").split(",")} - {""})
    made: dict[tuple[str, str], tuple[str, tuple[str, int]]] = {}
    shown = apt("apt-cache", "show", *names) if names else ""
    for paragraph in Packages.iter_paragraphs(shown.splitlines(), use_apt_pkg=False):
        name, version = paragraph["Package"], paragraph["Version"]
        source, _, other = paragraph.get("Source", name).partition(" (")
        key = source, other.rstrip(")") or version
        file = deb_file(paragraph)
        if key not in made or file[1] < made[key][1][1]:
            made[key] = f"{name}={version}", file
    return made


def source_packages(packages: list[Package], apt: Callable[..., str]) -> Iterable[tuple]:
    """(name, version, [(file, bytes)]) with the authors' archive first, then the one with debian/copyright."""
    listing = apt("apt-cache", "showsrc", "--only-source", *(p.name for p in packages))
    for paragraph in Sources.iter_paragraphs(listing.splitlines(), use_apt_pkg=False):
        tars = [(Path(f["name"]).name, int(f["size"])) for f in paragraph["Files"] if TAR.search(f["name"])]
        upstream = [t for t in tars if ".orig.tar." in t[0]]
        packaging = [t for t in tars if ".debian.tar." in t[0]]
        native = tars if len(tars) == 1 else []
        yield paragraph["Package"], paragraph["Version"], upstream + packaging if packaging else native


def binary_packages(packages: list[Package], apt: Callable[..., str]) -> Iterable[tuple]:
    """(name, version, [(file, bytes)]) of .deb files under the name that apt gives them."""
    listing = apt("apt-cache", "show", *(p.name for p in packages))
    for paragraph in Packages.iter_paragraphs(listing.splitlines(), use_apt_pkg=False):
        yield paragraph["Package"], paragraph["Version"], [deb_file(paragraph)]


def deb_file(paragraph: Packages) -> tuple[str, int]:
    """Name and bytes of a binary package's file as apt stores it."""
    version = paragraph["Version"].replace(":", "%3a")
    return f"{paragraph['Package']}_{version}_{paragraph['Architecture']}.deb", int(paragraph["Size"])


def own_apt(folder: Path, suites: tuple[str, ...]) -> Callable[..., str]:
    """A function that runs apt with the lists of these suites alone, freshly updated, and returns its output."""
    if shutil.which("apt-get") is None or not KEYRING.exists():
        raise AptUnavailable("apt-get or Debian's keyring is not on this machine")
    state = folder.resolve() / "apt"
    for name in ("lists/partial", "archives/partial"):
        (state / name).mkdir(parents=True, exist_ok=True)
    lines = (
        f"{kind} [signed-by={KEYRING}] {MIRROR} {suite} main\n"
        for suite in suites
        for kind in ("deb", "deb-src")
    )
    (state / "sources.list").write_text("".join(lines))
    settings = {
        "APT::Architecture": ARCHITECTURE,
        "APT::Sandbox::User": "",
        "Dir::Cache": state,
        "Dir::Etc::sourcelist": state / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": state / "lists",
        "Dir::State::status": state / "status",
    }
    (state / "status").touch()
    options = [word for k, v in settings.items() for word in ("-o", f"{k}={v}")]

    def apt(program: str, *arguments: str) -> str:
        # One file that the mirror lacks fails the whole call: what came is looked at instead of the exit status.
        command = [program, "-q", *options, *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout

    apt("apt-get", "update")
    if not apt("apt-cache", "pkgnames").strip():
        raise AptUnavailable(f"apt-get update got no package lists from {MIRROR}")
    return apt
