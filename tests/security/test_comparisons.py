"""Secrets are compared in constant time, or looked up by a keyed hash: never with ==."""

import ast
import re
from collections.abc import Iterator

from base.crypto import new_key_text, parse_keys
from tests.meta.sources import product

SECRET = re.compile(r"(^|_)(token|secret|signature|digest|hmac|hash|otp|password|cookie|nonce|mac)($|_)", re.IGNORECASE)
# Compared with ==, and no secret: why.
HARMLESS = {
    "base/audit.py": "the chain of the log: whoever asks has the whole log",
    "koudmen/nlu_versions.py": "files of the model, compared with what they were",
}


def names(node: ast.expr) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Attribute):
            yield inner.attr


def plain(text: str) -> list[int]:
    """The lines on which something named like a secret is compared with == or !=, constants left out."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Compare) and any(isinstance(sign, ast.Eq | ast.NotEq) for sign in node.ops):
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Constant) for side in sides):
                continue
            if any(SECRET.search(name) for side in sides for name in names(side)):
                found.append(node.lineno)
    return found


def test_the_search_finds_a_plain_comparison() -> None:
    assert plain("if given == account.auth_token:\n    pass") == [1]
    assert plain("if hmac.compare_digest(given, token): pass") == []


def test_no_secret_is_compared_in_plain() -> None:
    found = {}
    for name, text in product().items():
        # A column compared with a value is a look-up in the database, by index.
        lines = [line for line in plain(text) if not re.search(r"where|select|Index|\.filter", _around(text, line))]
        if lines and name not in HARMLESS:
            found[name] = [f"{line}: {text.splitlines()[line - 1].strip()}" for line in lines]
    assert found == {}


def _around(text: str, line: int) -> str:
    return "\n".join(text.splitlines()[max(0, line - 3) : line + 1])


def test_what_is_looked_up_by_hash_is_hashed_with_a_key() -> None:
    """Who measures how long a look-up takes learns about the hash, which without the key says nothing of the value."""
    one, two = parse_keys(new_key_text()), parse_keys(new_key_text())
    assert one.lookup("session", "token") == one.lookup("session", "token")
    assert one.lookup("session", "token") != two.lookup("session", "token")
    assert one.lookup("session", "token") != one.lookup("staff code", "token")
