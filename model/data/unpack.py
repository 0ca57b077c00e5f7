"""Read a package archive in memory: nothing is written, so no path can escape."""

import re
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from debian.debfile import DebFile

MAX_FILE_BYTES = 128 * 1024
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_ARCHIVE_BYTES = 1024 * 1024 * 1024  # of the files wanted from one archive

SOURCE_FOLDERS = ("usr/share/cargo/registry/", "usr/share/gocode/src/")  # of -dev packages


def read_archive(archive: Path) -> dict[str, bytes]:
    """Map relative path -> content for the small regular files of a wheel, a tar archive or a .deb."""
    if archive.suffix == ".whl":
        entries = read_wheel(archive)
    elif archive.suffix == ".deb":
        entries = read_deb(archive)
    else:
        with tarfile.open(archive, "r:*") as tar:
            entries = without_top(read_tar(tar))
    return {p: b for p, b in entries.items() if is_relative(p)}


def read_wheel(archive: Path) -> dict[str, bytes]:
    """Small files of a zip archive; the sizes are checked before anything is read."""
    with zipfile.ZipFile(archive) as z:
        infos = [i for i in z.infolist() if not i.is_dir()]
        small = [i for i in infos if is_wanted(i.filename, i.file_size)]
        check_total(archive, sum(i.file_size for i in small))
        return {i.filename: z.read(i) for i in small}


def read_tar(tar: tarfile.TarFile) -> dict[str, bytes]:
    """Small regular files of a tar archive."""
    entries = {}
    total = 0
    for member in tar:
        if member.isfile() and is_wanted(member.name, member.size):
            total += member.size
            check_total(Path(tar.name or ".deb"), total)
            entries[member.name.removeprefix("./")] = tar.extractfile(member).read()
    return entries


def read_deb(archive: Path) -> dict[str, bytes]:
    """The source that a binary package installs, below its common folder, and debian/copyright."""
    with DebFile(str(archive)) as deb:
        entries = read_tar(deb.data.tgz())
    sources = {p: b for p, b in entries.items() if p.startswith(SOURCE_FOLDERS)}
    source = sources or {p: b for p, b in entries.items() if not p.startswith("usr/share/doc/")}
    notices = [b for p, b in entries.items() if re.fullmatch(r"usr/share/doc/[^/]+/copyright", p)]
    while (below := without_top(source)) != source:
        source = below
    return source | ({"debian/copyright": notices[0]} if notices else {})


def without_top(entries: dict[str, bytes]) -> dict[str, bytes]:
    """Drop the folder around everything (npm's "package/", "jq-1.7.1/")."""
    tops = {p.partition("/")[0] if "/" in p else "" for p in entries}
    if len(tops) != 1 or tops == {""}:
        return entries
    return {p.partition("/")[2]: b for p, b in entries.items()}


def check_total(archive: Path, size_bytes: int) -> None:
    """Refuse an archive that would fill the memory."""
    if size_bytes > MAX_ARCHIVE_BYTES:
        raise ValueError(f"{archive.name} unpacks to more than {MAX_ARCHIVE_BYTES} bytes")


def is_wanted(path: str, size_bytes: int) -> bool:
    """True for a small file, and for the manifest, which names the licence."""
    manifest = path.endswith(("package.json", ".dist-info/METADATA", "debian/copyright"))
    return size_bytes <= (MAX_MANIFEST_BYTES if manifest else MAX_FILE_BYTES)


def is_relative(path: str) -> bool:
    """True for a non-empty path that stays below its folder."""
    pure = PurePosixPath(path)
    return bool(path) and not pure.is_absolute() and ".." not in pure.parts
