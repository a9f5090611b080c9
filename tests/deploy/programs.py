"""Programs of the machine that a test needs: nginx, systemd-analyze."""

import os
import shutil

import pytest


def found(program: str) -> str:
    """Where it is; the test is skipped where it is not installed, unless KOUDMEN_BROWSER=required (as in CI)."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if not path and os.environ.get("KOUDMEN_BROWSER") == "required":
        pytest.fail(f"{program} is not installed, and none of its tests may be left out")
    if not path:
        pytest.skip(f"{program} is not installed")
    return path
