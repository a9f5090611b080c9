"""Fetch uv from PyPI with nothing but Python: for systems whose Python has neither venv nor pip.

Use: `python fetch_uv.py FOLDER`; writes FOLDER/uv. The wheel is checked against the SHA-256 that PyPI gives.
Exit code 1, with one sentence, when there is no wheel for this machine or PyPI is not reached.
"""

import hashlib
import io
import json
import os
import platform
import sys
import urllib.request
import zipfile
from pathlib import Path
from urllib.parse import urljoin

PROJECT = "https://pypi.org/simple/uv/"
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"  # PEP 691
TAGS = {
    ("linux", "x86_64"): "manylinux_2_17_x86_64",
    ("linux", "aarch64"): "manylinux_2_17_aarch64",
    ("darwin", "x86_64"): "macosx_10_12_x86_64",
    ("darwin", "arm64"): "macosx_11_0_arm64",
}


def read(url: str, accept: str = "*/*") -> bytes:
    """The body at an https address."""
    request = urllib.request.Request(url, headers={"Accept": accept})  # noqa: S310 (https only, from PROJECT)
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        body: bytes = response.read()
        return body


def version(filename: str) -> tuple[int, ...]:
    """(0, 13, 9) from uv-0.13.9-….whl; parts that are not numbers count as 0."""
    return tuple(int(part) if part.isdigit() else 0 for part in filename.split("-")[1].split("."))


def main() -> str | None:
    """Fetch, check, unpack. Returns what went wrong."""
    folder = Path(sys.argv[1])
    tag = TAGS.get((sys.platform, platform.machine().lower()))
    try:
        files = json.loads(read(PROJECT, SIMPLE_JSON))["files"]
        wheels = [file for file in files if tag and tag in file["filename"] and not file.get("yanked")]
        if not wheels:
            return f"there is no uv for {sys.platform} {platform.machine()}"
        newest = max(wheels, key=lambda file: version(file["filename"]))
        content = read(urljoin(PROJECT, newest["url"]))
    except OSError as error:
        return f"PyPI is not reached: {error}"
    if hashlib.sha256(content).hexdigest() != newest["hashes"]["sha256"]:
        return "the file from PyPI is damaged"
    archive = zipfile.ZipFile(io.BytesIO(content))
    program = next(name for name in archive.namelist() if name.endswith("/scripts/uv"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "uv").write_bytes(archive.read(program))
    os.chmod(folder / "uv", 0o755)  # noqa: S103 (a program)
    return None


if __name__ == "__main__":
    sys.exit(main())
