"""Files of a repository in dependency order."""

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "data"))

from dependency_order import dependency_order
from imports import imports_between
from select_files import SourceFile, language_of


def files(texts: dict[str, str]) -> list[SourceFile]:
    """Source files with the language of their path."""
    return [SourceFile(p, t, language_of(p, t.encode())) for p, t in texts.items()]


def order(texts: dict[str, str]) -> list[str]:
    """Paths in dependency order."""
    return [f.path for f in dependency_order(files(texts))]


CASES = {
    "typescript: relative, without ending, index, import() and export from": (
        {
            "src/a.ts": "import { b } from './b.js'\nexport * from './deep'\nimport React from 'react'",
            "src/b.ts": "const c = await import('./c')",
            "src/c.mjs": "const d = require('../lib/d.json')",
            "src/deep/index.ts": "",
        },
        {"src/a.ts": {"src/b.ts", "src/deep/index.ts"}, "src/b.ts": {"src/c.mjs"}},
    ),
    "python: absolute below src, relative, a submodule rather than its package, several lines": (
        {
            "src/shop/__init__.py": "",
            "src/shop/cart.py": "from shop import prices, missing\nfrom .money import (\n    Euro,\n)\nimport os, json",
            "src/shop/prices.py": "from . import money as m",
            "src/shop/money.py": "import shop",
            "src/json.py": "",
        },
        {
            "src/shop/cart.py": {"src/shop/prices.py", "src/shop/money.py"},
            "src/shop/prices.py": {"src/shop/money.py"},
            "src/shop/money.py": {"src/shop/__init__.py"},
        },
    ),
    "go: a folder of the own module, tests after their folder": (
        {
            "main.go": 'package main\nimport (\n  "fmt"\n  x "example.org/shop/cart"\n  "github.com/other/cart"\n)',
            "tool.go": 'package main\nimport "example.org/shop/cart"',
            "cart/a.go": "package cart",
            "cart/a_test.go": "package cart",
        },
        {"main.go": {"cart/a.go"}, "tool.go": {"cart/a.go"}, "cart/a_test.go": {"cart/a.go"}},
    ),
    "rust: mod, crate paths with braces, super, tests use the library": (
        {
            "src/lib.rs": "pub mod parse;\nmod lex;",
            "src/parse/mod.rs": "use crate::{lex::Token, error::Error};\nmod item;",
            "src/parse/item.rs": "use super::super::lex::Token; use super::Node;",
            "src/lex.rs": "use std::fmt;",
            "tests/all.rs": "use shop::parse;",
        },
        {
            "src/lib.rs": {"src/parse/mod.rs", "src/lex.rs"},
            "src/parse/mod.rs": {"src/lex.rs", "src/parse/item.rs"},
            "src/parse/item.rs": {"src/parse/mod.rs"},
            "tests/all.rs": {"src/lib.rs"},
        },
    ),
    "c: beside, by the end of the path, not the C library": (
        {
            "src/a.c": '#include "a.h"\n#include <shop/b.h>\n#include <string.h>\n  # include "../lib/c.h"',
            "src/a.h": "",
            "include/shop/b.h": "",
            "lib/c.h": "",
            "compat/string.h": "",
        },
        {"src/a.c": {"src/a.h", "include/shop/b.h", "lib/c.h"}},
    ),
    "java: imported classes, static members, classes of the same folder": (
        {
            "src/org/shop/A.java": "package org.shop;\nimport org.shop.util.U;\nimport static org.shop.util.V.of;\nB b;",
            "src/org/shop/B.java": "package org.shop;",
            "src/org/shop/util/U.java": "package org.shop.util;",
            "src/org/shop/util/V.java": "package org.shop.util;",
        },
        {
            "src/org/shop/A.java": {
                "src/org/shop/B.java",
                "src/org/shop/util/U.java",
                "src/org/shop/util/V.java",
            }
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_imports_are_found(case: str) -> None:
    texts, expected = CASES[case]
    assert {p: d for p, d in imports_between(files(texts)).items() if d} == expected


def test_a_file_comes_after_what_it_imports_and_readme_and_manifest_first() -> None:
    texts = {
        "a.ts": "import './z/first'",
        "b.ts": "import './a'",
        "package.json": "{}",
        "README.md": "#",
        "z/first.ts": "import './second'",
        "z/second.ts": "",
    }
    assert order(texts) == ["README.md", "package.json", "z/second.ts", "z/first.ts", "a.ts", "b.ts"]


def test_files_of_a_folder_stay_together_where_imports_allow_it() -> None:
    texts = {
        "a/one.py": "from b.two import x",
        "a/two.py": "",
        "b/one.py": "",
        "b/two.py": "",
        "b/three.py": "",
    }
    assert order(texts) == ["a/two.py", "b/one.py", "b/three.py", "b/two.py", "a/one.py"]


def test_a_cycle_is_broken_and_what_is_outside_of_it_keeps_its_place() -> None:
    texts = {
        "a.ts": "import './b'",
        "b.ts": "import './c'",
        "c.ts": "import './a'\nimport './z'",
        "user.ts": "import './b'",
        "z.ts": "",
    }
    assert order(texts) == ["z.ts", "c.ts", "b.ts", "a.ts", "user.ts"]


def test_the_order_does_not_depend_on_the_order_of_the_input() -> None:
    texts = {
        f"f{i}/m{j}.ts": f"import '../f{(i * 3) % 5}/m{(j + i) % 4}'" for i in range(5) for j in range(4)
    }
    expected = order(texts)
    shuffled = list(texts.items())
    random.Random(5).shuffle(shuffled)
    assert order(dict(shuffled)) == expected
    assert sorted(expected) == sorted(texts)


def test_a_long_chain_of_imports_needs_no_deep_stack() -> None:
    texts = {f"{i:05}.ts": f"import './{i + 1:05}'" for i in range(3000)}
    assert order(texts) == sorted(texts, reverse=True)
