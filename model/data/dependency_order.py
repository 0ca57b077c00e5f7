"""Order a repository's files so that each comes after those it imports."""

import heapq
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import PurePosixPath

from imports import imports_between
from select_files import SourceFile, reading_order


def dependency_order(files: list[SourceFile]) -> list[SourceFile]:
    """README and manifest first, then imported before importing, folder by folder where that allows it."""
    in_path_order = sorted(files, key=reading_order)
    rank = {f.path: i for i, f in enumerate(in_path_order)}
    acyclic = without_cycles({p: sorted(d, key=rank.get) for p, d in imports_between(in_path_order).items()})
    return [in_path_order[rank[path]] for path in near_folders(acyclic, rank)]


def without_cycles(imports: dict[str, list[str]]) -> dict[str, list[str]]:
    """Leave out each import of a file that is still being read by the depth-first walk in path order."""
    kept: dict[str, list[str]] = {path: [] for path in imports}
    done: set[str] = set()
    for start in imports:
        open_paths = {start: iter(imports[start])} if start not in done else {}
        while open_paths:
            path, pending = next(reversed(open_paths.items()))
            target = next(pending, None)
            if target is None:
                done.add(path)
                del open_paths[path]
            elif target not in open_paths:
                kept[path].append(target)
                if target not in done:
                    open_paths[target] = iter(imports[target])
    return kept


def near_folders(imports: dict[str, list[str]], rank: dict[str, int]) -> list[str]:
    """A topological order that stays in a folder while a file there has all its imports behind it."""
    sorter = TopologicalSorter(imports)
    sorter.prepare()
    ready: dict[str, list[tuple[int, str]]] = defaultdict(list)
    order: list[str] = []
    folder = ""
    while sorter.is_active():
        for path in sorter.get_ready():
            heapq.heappush(ready[str(PurePosixPath(path).parent)], (rank[path], path))
        if not ready[folder]:
            folder = min((f for f in ready if ready[f]), key=lambda f: ready[f][0])
        _, path = heapq.heappop(ready[folder])
        order.append(path)
        sorter.done(path)
    return order
