#!/bin/sh
# Bring what the make targets need into this folder: uv (.tools/), the service's environment (.venv/) and Rasa's
# (nlu/.venv/). Needs Python 3.11 or newer and nothing else. Does nothing when nothing has changed.
#
# Use: scripts/bootstrap.sh [eval]      eval: also what measuring the model needs
set -eu
cd "$(dirname "$0")/.."

PARTS=${1:-}
TOOLS=$PWD/.tools
STAMP=$TOOLS/installed${PARTS:+-$PARTS}

say() { printf '%s\n' "setup: $*"; }
fail() { printf '%s\n' "setup: $*" >&2; exit 1; }

# The caller's own environment must not bend ours.
unset VIRTUAL_ENV UV_PROJECT_ENVIRONMENT UV_PYTHON UV_PROJECT PYTHONPATH PYTHONHOME PYENV_VERSION PYENV_DIR 2>/dev/null || true
if [ -z "${HOME:-}" ] || [ ! -w "${HOME:-/nonexistent}" ]; then
    # Without a writable home uv keeps its files here.
    export UV_CACHE_DIR="${UV_CACHE_DIR:-$TOOLS/cache}" UV_PYTHON_INSTALL_DIR="${UV_PYTHON_INSTALL_DIR:-$TOOLS/python}"
fi

fingerprint() { cat pyproject.toml uv.lock .python-version nlu/pyproject.toml nlu/uv.lock nlu/.python-version | cksum; }

works() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

is_current() {
    [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(fingerprint) $PWD" ] &&
        works .venv/bin/python && nlu/.venv/bin/python -c '' >/dev/null 2>&1
}

find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if works "$name"; then
            command -v "$name"
            return
        fi
    done
    return 1
}

# uv 0.9 or newer (pyproject.toml asks for it), run from nlu/ too: pyenv offers a uv of one Python version only,
# and nlu/.python-version names another.
usable_uv() {
    (cd nlu && "$1" --version 2>/dev/null) | awk '{ split($2, v, "."); ok = v[1] > 0 || v[2] >= 9 } END { exit !ok }'
}

# The program behind a uv that was installed with pip into the Python we have found.
uv_of_python() {
    python=$(find_python) && "$python" -c 'import uv; print(uv.find_uv_bin())' 2>/dev/null
}

install_uv() {
    python=$(find_python) || fail "Python 3.11 or newer is needed and was not found: install it (for example from python.org or your system's packages) and run this again."
    say "fetching uv, the installer, into .tools/"
    rm -rf "$TOOLS/venv" "$TOOLS/uv"
    mkdir -p "$TOOLS"
    if "$python" -m venv "$TOOLS/venv" >"$TOOLS/uv.log" 2>&1 &&
        "$TOOLS/venv/bin/python" -m pip install --quiet 'uv>=0.9,<1' >>"$TOOLS/uv.log" 2>&1; then
        UV=$TOOLS/venv/bin/uv
    elif "$python" -m pip install --quiet --target "$TOOLS/uv" 'uv>=0.9,<1' >>"$TOOLS/uv.log" 2>&1; then
        UV=$TOOLS/uv/bin/uv
    elif "$python" scripts/fetch_uv.py "$TOOLS/uv/bin" >>"$TOOLS/uv.log" 2>&1; then
        UV=$TOOLS/uv/bin/uv
    else
        fail "uv could not be installed (no network, or PyPI is not reached; see .tools/uv.log): mend that, or install uv yourself (docs.astral.sh/uv) and run this again."
    fi
    usable_uv "$UV" || fail "the uv that was fetched does not run on this machine (see .tools/uv.log): install uv yourself (docs.astral.sh/uv) and run this again."
}

find_uv() {
    for UV in uv "$(uv_of_python)" "$TOOLS/venv/bin/uv" "$TOOLS/uv/bin/uv"; do
        [ -n "$UV" ] && usable_uv "$UV" && return
    done
    install_uv
}

# From inside nlu/, so that nlu/.python-version speaks (to uv and to pyenv), not the service's.
need_python_310() {
    (cd nlu && { "$UV" python find 3.10 || "$UV" python install 3.10; }) >"$TOOLS/python310.log" 2>&1 ||
        fail "Python 3.10, which Rasa needs, was not found and could not be fetched (see .tools/python310.log): install Python 3.10 so that 'python3.10' runs, or let uv reach github.com, and run this again."
}

main() {
    is_current && return
    mkdir -p "$TOOLS"
    find_uv
    need_python_310
    say "the service's environment (.venv), a minute or two the first time"
    "$UV" sync --frozen || fail "the service's environment could not be installed: see above."
    say "Rasa's environment (nlu/.venv), a few minutes the first time"
    (cd nlu && "$UV" sync --frozen --inexact ${PARTS:+--group "$PARTS"}) ||
        fail "Rasa's environment could not be installed: see above."
    printf '%s' "$(fingerprint) $PWD" >"$STAMP"
    say "done"
}

main
