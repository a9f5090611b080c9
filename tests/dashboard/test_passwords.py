"""What is a password here, and what is not: measured against leaked ones, words, and what is known of its owner."""

import pytest

from base.errors import InvalidInput
from dashboard.accounts import passwords

ROSE = ("Rose Toussaint", "+17675550160", "rose.toussaint@example.org")


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword1", "iloveyou12345", "qwertyuiop123", "correctpassword", "1q2w3e4r5t6y", "Dominica2026!",
        "motdepasse1234", "koudmenkoudmen", "abcdefghijklm", "x" * 128, "trustno1trustno1", "P@ssw0rd1234",
        "rosetoussaint1", "Toussaint2026", "767555016000", "17675550160!", "short one", "a" * 11, "y" * 129,
    ],
)  # fmt: skip
def test_what_is_soon_guessed_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput):
        passwords.check_strength(password, *ROSE)


@pytest.mark.parametrize(
    "password",
    ["four mango words here", "quiet river under moon", "k7#pQz9!mW2x", "yon mango anba pon an", "aB3$ kw7 mango " * 8],
)
def test_what_is_not_is_taken(password: str) -> None:
    passwords.check_strength(password, *ROSE)
