"""Which files of its own repository a file imports, found with regular expressions.

One class a language family; each is made from all files of a repository and maps
a file to the paths that it names. Imports of other packages resolve to nothing.
"""

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from select_files import SourceFile


class ScriptImports:
    """TypeScript and JavaScript: relative paths, with or without ending or /index."""

    IMPORT = re.compile(r"""(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)['"](\.[^'"\n]*)['"]""")
    ENDING = re.compile(r"(\.d)?\.[cm]?[jt]sx?$")

    def __init__(self, files: list[SourceFile]):
        self.by_stem: dict[str, str] = {}
        for f in files:
            self.by_stem.setdefault(self.ENDING.sub("", f.path), f.path)

    def of(self, file: SourceFile) -> Iterator[str]:
        folder = posixpath.dirname(file.path)
        for name in self.IMPORT.findall(file.text):
            target = posixpath.normpath(posixpath.join(folder, name))
            stem = self.ENDING.sub("", target)
            for candidate in (target, stem, f"{target}/index"):
                if candidate in self.by_stem:
                    yield self.by_stem[candidate]
                    break


class PythonImports:
    """Python: absolute module names below any root folder, and relative ones."""

    IMPORT = re.compile(
        r"^[ \t]*(?:from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]+)|import[ \t]+([^\n#]+))",
        re.MULTILINE,
    )

    def __init__(self, files: list[SourceFile]):
        self.by_module: dict[str, str] = {}
        for f in files:
            parts = module_parts(f.path)
            # Modules of a package are named from its root, which may be below src/ or lib/python/.
            for start in range(min(3, len(parts))):
                if start == 0 or len(parts) - start > 1 or f.path.endswith("__init__.py"):
                    self.by_module.setdefault(".".join(parts[start:]), f.path)

    def of(self, file: SourceFile) -> Iterator[str]:
        package = PurePosixPath(file.path).parent.parts
        for base, names, modules in self.IMPORT.findall(file.text):
            if modules:
                wanted = [m.split()[0] for m in modules.split(",") if m.strip()]
                yield from self.resolve(wanted)
                continue
            dots = len(base) - len(base.lstrip("."))
            if dots:
                above = package[: len(package) - dots + 1]
                base = ".".join([*above, *filter(None, [base[dots:]])])
            listed = re.findall(r"[\w]+(?:\s+as\s+\w+)?", names)
            submodules = [f"{base}.{n.split()[0]}" for n in listed]
            found = list(self.resolve(submodules))
            yield from found or self.resolve([base])

    def resolve(self, modules: Iterable[str]) -> Iterator[str]:
        """Paths of the modules that are files here."""
        return (self.by_module[m] for m in modules if m in self.by_module)


def module_parts(path: str) -> list[str]:
    """Dotted name of a Python file in parts; a package is named by its folder."""
    parts = PurePosixPath(path).with_suffix("").parts
    return list(parts[:-1] if parts[-1] == "__init__" else parts)


class GoImports:
    """Go: an import names a folder; tests come after the files of their folder."""

    BLOCK = re.compile(r"^import\s+(?:\(([^)]*)\)|(?:[\w.]+\s+)?(\"[^\"]+\"))", re.MULTILINE)

    def __init__(self, files: list[SourceFile]):
        self.by_folder: dict[str, list[str]] = defaultdict(list)
        for f in files:
            if not f.path.endswith("_test.go"):
                self.by_folder[posixpath.dirname(f.path)].append(f.path)
        self.prefix = self.module_path(files)

    def module_path(self, files: list[SourceFile]) -> str:
        """The module's own import path: what most often stands before a folder of this repository."""
        votes: Counter[str] = Counter()
        for f in files:
            for name in self.names(f):
                parts = name.split("/")
                if "." in parts[0]:
                    starts = (i for i in range(1, len(parts)) if "/".join(parts[i:]) in self.by_folder)
                    votes.update("/".join(parts[:i]) for i in starts)
        return min(votes, key=lambda p: (-votes[p], p), default="")

    def names(self, file: SourceFile) -> list[str]:
        """Import paths of a file."""
        found = (block or single for block, single in self.BLOCK.findall(file.text))
        return [name for block in found for name in re.findall(r'"([^"]+)"', block)]

    def of(self, file: SourceFile) -> Iterator[str]:
        for name in self.names(file):
            if name == self.prefix or name.startswith(self.prefix + "/"):
                yield from self.by_folder.get(name[len(self.prefix) + 1 :], [])
        if file.path.endswith("_test.go"):
            yield from self.by_folder.get(posixpath.dirname(file.path), [])


class RustImports:
    """Rust: `mod x;` and paths from crate, self and super; tests and examples use their crate's lib.rs."""

    MODULE = re.compile(r"^\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;", re.MULTILINE)
    USE = re.compile(r"\b(crate|super|self)::((?:\w+::)*)(\{[^;]*?\}\s*;|\w+)")

    def __init__(self, files: list[SourceFile]):
        self.by_module: dict[tuple[str, ...], str] = {}
        for f in files:
            self.by_module.setdefault(self.module_of(f.path), f.path)

    @staticmethod
    def module_of(path: str) -> tuple[str, ...]:
        """Folders and module names: a/src/b/mod.rs and a/src/b.rs are both a, src, b."""
        parts = PurePosixPath(path).with_suffix("").parts
        return parts[:-1] if parts[-1] in ("mod", "lib", "main") else parts

    def of(self, file: SourceFile) -> Iterator[str]:
        here = self.module_of(file.path)
        crate = self.crate_of(here)
        for name in self.MODULE.findall(file.text):
            yield from self.longest((*here, name), len(here))
        for root, middle, last in self.USE.findall(file.text):
            base = {"crate": crate, "self": here, "super": here[:-1]}[root]
            names = re.findall(r"[{,]\s*(\w+(?:::\w+)*)", last) if last.startswith("{") else [last]
            for name in names:
                path = (*base, *filter(None, middle.split("::")), *name.split("::"))
                yield from self.longest(path, len(crate))
        if here and not crate:
            outside = {"tests", "examples", "benches"} & set(here)
            root = here[: min(here.index(o) for o in outside)] if outside else here
            yield from self.longest((*root, "src"), len(root))

    @staticmethod
    def crate_of(module: tuple[str, ...]) -> tuple[str, ...]:
        """Folders to the innermost src, or none."""
        above = [i for i, part in enumerate(module) if part == "src"]
        return module[: above[-1] + 1] if above else ()

    def longest(self, path: tuple[str, ...], shortest: int) -> Iterator[str]:
        """The file of the longest leading part of a path (its end may be a type's name)."""
        for end in range(len(path), shortest, -1):
            if path[:end] in self.by_module:
                yield self.by_module[path[:end]]
                return


class IncludeImports:
    """C and C++: the included file beside this one, else the nearest whose path ends so."""

    INCLUDE = re.compile(r"^[ \t]*#[ \t]*(?:include|import)[ \t]+([\"<])([^\">\n]+)", re.MULTILINE)

    def __init__(self, files: list[SourceFile]):
        self.paths = {f.path for f in files}
        self.by_name: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self.paths):
            self.by_name[posixpath.basename(path)].append(path)

    def of(self, file: SourceFile) -> Iterator[str]:
        folder = posixpath.dirname(file.path)
        for bracket, name in self.INCLUDE.findall(file.text):
            beside = posixpath.normpath(posixpath.join(folder, name))
            if bracket == '"' and beside in self.paths:
                yield beside
            elif bracket == '"' or "/" in name:  # not the C library's <string.h>
                yield from self.nearest(file.path, re.sub(r"^(\.\.?/)+", "", name))

    def nearest(self, path: str, name: str) -> list[str]:
        """The file ending in /name which shares most folders with path."""
        ends = [p for p in self.by_name[posixpath.basename(name)] if f"/{p}".endswith(f"/{name}")]
        return sorted(ends, key=lambda p: (-len(posixpath.commonprefix([p, path])), p))[:1]


class JavaImports:
    """Java: imported classes, and classes of the same folder that are named."""

    IMPORT = re.compile(r"^import\s+(?:static\s+)?([\w.]+)", re.MULTILINE)
    CLASS = re.compile(r"\b[A-Z]\w*")

    def __init__(self, files: list[SourceFile]):
        self.by_end: dict[str, str] = {}
        self.by_folder: dict[str, dict[str, str]] = defaultdict(dict)
        for f in files:
            pure = PurePosixPath(f.path)
            self.by_folder[str(pure.parent)][pure.stem] = f.path
            package = re.search(r"^package\s+([\w.]+)", f.text, re.MULTILINE)
            if package:
                self.by_end.setdefault(f"{package[1]}.{pure.stem}", f.path)

    def of(self, file: SourceFile) -> Iterator[str]:
        for name in self.IMPORT.findall(file.text):
            for candidate in (name, name.rpartition(".")[0]):  # a static import ends in a member
                if candidate in self.by_end:
                    yield self.by_end[candidate]
                    break
        classes = self.by_folder[posixpath.dirname(file.path) or "."]
        yield from (classes[n] for n in sorted(set(self.CLASS.findall(file.text)) & classes.keys()))


FAMILIES = {
    "typescript": ScriptImports,
    "javascript": ScriptImports,
    "python": PythonImports,
    "go": GoImports,
    "rust": RustImports,
    "c/c++": IncludeImports,
    "java": JavaImports,
}


def imports_between(files: list[SourceFile]) -> dict[str, set[str]]:
    """Map each path to the other paths of the repository which it imports."""
    found: dict[str, set[str]] = {f.path: set() for f in files}
    for family in dict.fromkeys(FAMILIES.values()):
        own = [f for f in files if FAMILIES.get(f.language) is family]
        resolver = family(own) if own else None
        for f in own:
            found[f.path] = set(resolver.of(f)) - {f.path}
    return found
