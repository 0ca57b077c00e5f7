"""Read a package's licence from its own metadata and judge it."""

import email
import json
import re

PERMISSIVE = {
    "MIT", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD",
    "Unlicense",
}  # fmt: skip
# Names met in older wheels' classifiers and License fields.
ALIASES = {
    "mit license": "MIT",
    "apache software license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "bsd license": "BSD",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "isc license (iscl)": "ISC",
}


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
