"""Our need codes as terms of Open Eligibility, and its terms as our needs (`data/open_eligibility.yml`)."""

from functools import cache
from pathlib import Path

import yaml

NAME = "Open Eligibility"
HOME = "https://company.findhelp.com/the-open-eligibility-project/"
DATA = Path(__file__).parent / "data" / "open_eligibility.yml"


@cache
def _terms() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return found


def term_of(need: str) -> tuple[str, str]:
    """Code and title of the term that a need is published as. KeyError for what is no need."""
    return next(iter(_terms()[need].items()))


@cache
def needs_by_code() -> dict[str, str]:
    """The need of each code that is in the file."""
    return {code: need for need, terms in _terms().items() for code in terms}


def need_of(code: str) -> str | None:
    """The need that a term of Open Eligibility stands for, by its code or the longest one above it."""
    parts = code.split("-")
    above = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((need for one in above if (need := needs_by_code().get(one))), None)
