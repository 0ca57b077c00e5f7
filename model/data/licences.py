"""Read a package's licence from its own metadata and judge it."""

import email
import json
import logging
import re
from collections.abc import Callable

from debian.copyright import Copyright, FilesParagraph, NotMachineReadableError

PERMISSIVE = {
    "MIT", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD",
    "Unlicense", "Zlib", "BSL-1.0", "Apache-2.0 with LLVM-exception",
}  # fmt: skip
# Names met in older wheels' classifiers and License fields, and in Debian's copyright files.
ALIASES = {
    "mit license": "MIT",
    "expat": "MIT",
    "mit/expat": "MIT",
    "mit-expat": "MIT",
    "apache software license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "apache2": "Apache-2.0",
    "asl-2.0": "Apache-2.0",
    "bsd license": "BSD",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "isc license (iscl)": "ISC",
    "bsd-3-clause~google": "BSD-3-Clause",
    "bsd-3-google": "BSD-3-Clause",
    "bsd-c3": "BSD-3-Clause",
    "go": "BSD-3-Clause",  # what the package golang calls its own text of it
    "zlib/libpng": "Zlib",
    "apache-2.0 with llvm exception": "Apache-2.0 with LLVM-exception",
    "boost": "BSL-1.0",
    "boost-1.0": "BSL-1.0",
}
logging.getLogger("debian.copyright").setLevel(logging.ERROR)  # a missing "/" in a format's address

SPDX = {name.lower(): name for name in PERMISSIVE}


def read_licence(entries: dict[str, bytes]) -> str:
    """Licence expression of an npm manifest or a wheel's METADATA."""
    if "package.json" in entries:
        licence = json.loads(entries["package.json"]).get("license", "")
        return licence.get("type", "") if isinstance(licence, dict) else licence
    path = next((p for p in entries if re.fullmatch(r"[^/]+\.dist-info/METADATA", p)), None)
    if path is None:
        return ""
    metadata = email.message_from_bytes(entries[path])
    if metadata.get("License-Expression"):
        return metadata["License-Expression"]
    names = [
        c.split("::")[-1].strip()
        for c in metadata.get_all("Classifier", [])
        if c.startswith("License ::") and c != "License :: OSI Approved"
    ]
    names = names or [(metadata.get("License") or "").split("\n")[0].strip()]
    return " AND ".join(ALIASES.get(n.lower(), n) for n in names)


def is_permissive(expression: str) -> bool:
    """True when every AND part offers (by OR) an allowed licence."""
    parts = re.split(r"\s+AND\s+", expression.replace("(", "").replace(")", ""))
    return all(any(name.strip() in PERMISSIVE for name in re.split(r"\s+OR\s+", part)) for part in parts)


def debian_expression(synopsis: str) -> str:
    """Debian's "Expat or GPL-2+" in SPDX's words: "MIT OR GPL-2+"."""
    words = re.split(r",?\s+(and(?:/or)?|or)\s+", synopsis.strip(), flags=re.IGNORECASE)
    names = [ALIASES.get(n.lower(), SPDX.get(n.lower(), n)) for n in words[::2]]
    operators = ["AND" if w.lower() == "and" else "OR" for w in words[1::2]]
    return " ".join(w for pair in zip(names, [*operators, ""]) for w in pair if w)


def debian_main_licence(copyright_text: str) -> str:
    """Licence of "Files: *" in a machine-readable debian/copyright, else ""."""
    paragraph = machine_readable(copyright_text).find_files_paragraph("*")
    return licence_of(paragraph) if paragraph else ""


def debian_permissive(copyright_text: str) -> Callable[[str], bool]:
    """A test of source paths: is this file's own paragraph of debian/copyright permissive?"""
    paragraphs = [
        (p, is_permissive(licence_of(p))) for p in machine_readable(copyright_text).all_files_paragraphs()
    ]
    # The last matching paragraph counts.
    return lambda path: next((ok for p, ok in reversed(paragraphs) if p.matches(path)), False)


def debian_wholly_permissive(copyright_text: str) -> bool:
    """True when each paragraph, those about the packaging left out, is permissive."""
    paragraphs = machine_readable(copyright_text).all_files_paragraphs()
    own = [p for p in paragraphs if not all(f.startswith("debian/") for f in p.files)]
    return bool(own) and all(is_permissive(licence_of(p)) for p in own)


def machine_readable(copyright_text: str) -> Copyright:
    """Parse a DEP-5 file; anything else is an error, since nobody may guess a licence."""
    try:
        return Copyright(copyright_text.splitlines(), strict=False)
    except (NotMachineReadableError, ValueError) as error:
        raise ValueError("debian/copyright is not machine-readable") from error


def licence_of(paragraph: FilesParagraph) -> str:
    """Licence expression of a paragraph."""
    return debian_expression(paragraph.license.synopsis) if paragraph.license else ""
