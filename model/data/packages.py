"""The pinned packages of packages.json, and their archives from npm and PyPI."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Package:
    """One pinned line of packages.json."""

    registry: str  # "npm", "pypi" or "debian"
    name: str
    version: str
    licence: str
    language: str
    split: str  # "train", "valid" or "test"

    @property
    def slug(self) -> str:
        """File name of the package: npm__@scope+name."""
        return f"{self.registry}__{self.name.replace('/', '+')}"


def read_packages(path: Path) -> list[Package]:
    """All lines of packages.json."""
    return [Package(**p) for p in json.loads(path.read_text())]


def download(package: Package, cache: Path) -> Path:
    """Return the archive of an npm or PyPI package, downloaded once with its registry's client."""
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
