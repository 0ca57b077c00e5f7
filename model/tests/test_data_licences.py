"""Licences of packages: SPDX expressions and Debian's machine-readable notices."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "data"))

from licences import (
    debian_expression,
    debian_main_licence,
    debian_permissive,
    debian_wholly_permissive,
    is_permissive,
)

NOTICE = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: shop

Files: *
Copyright: 2020 Somebody
License: Expat

Files: gpl/* tools/build?.c
Copyright: 2020 Somebody
License: GPL-2+

Files: gpl/free/*
Copyright: 2020 Somebody
License: GPL-2+ or BSD-3-clause

Files: debian/*
Copyright: 2021 A packager
License: GPL-3+

License: Expat
 Permission is hereby granted ...
"""


@pytest.mark.parametrize(
    ("synopsis", "expression", "permissive"),
    [
        ("Expat", "MIT", True),
        ("Expat or GPL-2+", "MIT OR GPL-2+", True),
        ("BSD-3-clause and GPL-2", "BSD-3-Clause AND GPL-2", False),
        ("Apache-2.0, and BSD-2-clause", "Apache-2.0 AND BSD-2-Clause", True),
        ("GPL-2 or LGPL-2.1, and MIT", "GPL-2 OR LGPL-2.1 AND MIT", False),
        ("BSD-4-clause", "BSD-4-clause", False),
        ("public-domain", "public-domain", False),
        ("", "", False),
    ],
)
def test_debian_names_are_read_as_spdx(synopsis: str, expression: str, permissive: bool) -> None:
    assert debian_expression(synopsis) == expression
    assert is_permissive(expression) is permissive


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("src/a.c", True),
        ("gpl/a.c", False),
        ("gpl/free/a.c", True),
        ("tools/build1.c", False),
        ("debian/rules", False),
    ],
)
def test_the_last_matching_paragraph_of_a_notice_decides(path: str, allowed: bool) -> None:
    assert debian_permissive(NOTICE)(path) is allowed


def test_a_binary_package_needs_every_paragraph_but_the_packaging() -> None:
    assert debian_main_licence(NOTICE) == "MIT"
    assert not debian_wholly_permissive(NOTICE)
    assert debian_wholly_permissive(NOTICE.replace("License: GPL-2+\n", "License: ISC\n"))


@pytest.mark.parametrize("text", ["", "This package was debianised by hand.\nLicence: MIT\n"])
def test_a_notice_that_no_machine_can_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not machine-readable"):
        debian_permissive(text)
