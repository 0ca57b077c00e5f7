"""Read a package archive in memory: nothing is written, so no path can escape."""

import tarfile
import zipfile
from pathlib import Path, PurePosixPath

MAX_FILE_BYTES = 128 * 1024


def read_archive(archive: Path) -> dict[str, bytes]:
    """Map relative path -> content for the small regular files of a .whl or .tgz."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as z:
            infos = [i for i in z.infolist() if not i.is_dir()]
            small = [i for i in infos if is_wanted(i.filename, i.file_size)]
            entries = {i.filename: z.read(i) for i in small}
    else:
        with tarfile.open(archive, "r:gz") as t:
            entries = {}
            for member in t:
                _, _, path = member.name.partition("/")  # npm's "package/"
                if member.isfile() and is_wanted(path, member.size):
                    entries[path] = t.extractfile(member).read()
    return {p: b for p, b in entries.items() if is_relative(p)}


def is_wanted(path: str, size_bytes: int) -> bool:
    """True for a small file, and for the manifest, which names the licence."""
    manifest = path == "package.json" or path.endswith(".dist-info/METADATA")
    return manifest or size_bytes <= MAX_FILE_BYTES


def is_relative(path: str) -> bool:
    """True for a non-empty path that stays below its folder."""
    pure = PurePosixPath(path)
    return bool(path) and not pure.is_absolute() and ".." not in pure.parts
