"""What must not stand in any file of the repository."""

import ast
import re

import pytest

from tests.meta.sources import product, texts

THIS = "tests/meta/test_sources.py"
# Taken as they are from elsewhere, with their examples.
FOREIGN = ("tests/fakes/data/", "tests/directory/hsds_schema/", "directory/data/", "uv.lock", "nlu/uv.lock")
# Folders of one machine, and the notes beside the project.
PRIVATE = re.compile(r"\.\./shared|\.\./\.library|(?<![\w.~])/(?:work|root|home/\w+|Users/\w+)/")
NUMBER = re.compile(r"(?<![\w.])\+\d[\d -]{6,17}\d\b|\b767[-. )]{1,2}\d{3}[-. ]?\d{4}\b")
# 555-0100 to 555-0199 belong to nobody. (+000… and the like are no numbers of anybody either.)
FICTION = re.compile(r"55501\d\d$|^0+$|^(?:12|98)\d*$")
# Files that may show numbers of the directory, which are public: why.
PUBLIC_NUMBERS = {
    "bot/listing.py": "an example in a docstring",
    "bot/phrases_check.py": "the longest form of a number, to measure texts with",
    "tests/directory/test_search.py": "compares with the data",
    "tests/conversations/": "what is answered with the data as it is",
}


def own_texts() -> dict[str, str]:
    return {name: text for name, text in texts().items() if name != THIS and not name.startswith(FOREIGN)}


def test_no_folder_of_one_machine() -> None:
    found = {name: match[0] for name, text in own_texts().items() if (match := PRIVATE.search(text))}
    assert found == {}


@pytest.mark.parametrize("lock", ["uv.lock", "nlu/uv.lock"])
def test_packages_come_from_the_public_index(lock: str) -> None:
    hosts = set(re.findall(r'"https?://([^/"]+)', texts()[lock]))
    assert hosts <= {"pypi.org", "files.pythonhosted.org"}


def directory_numbers() -> str:
    """The digits of the directory's data, one line each."""
    data = (text for name, text in texts(".csv", ".md", ".yml").items() if name.startswith("directory/data/"))
    return "\n".join(re.sub(r"(?<=\d)[ .-](?=\d)|[()+]", "", line) for text in data for line in text.splitlines())


def test_no_number_that_could_be_somebody_s() -> None:
    found, public = {}, directory_numbers()
    for name, text in own_texts().items():
        if name == "config.yml" or name.startswith(("tests/directory/hsds_schema/", "tests/directory/hsds_examples/")):
            continue  # the published schemas and examples, as they are
        digits = {re.sub(r"\D", "", match) for match in NUMBER.findall(text)}
        numbers = {number for number in digits if len(number) >= 10 and not FICTION.search(number)}
        if name.startswith(tuple(PUBLIC_NUMBERS)):
            numbers = {number for number in numbers if number[-7:] not in public}
        if numbers:
            found[name] = sorted(numbers)
    assert found == {}


def test_no_error_is_swallowed() -> None:
    found = []
    for name, text in product().items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ExceptHandler) and _broad(node) and _empty(node.body):
                found.append(f"{name}:{node.lineno}")
    assert found == []


def _broad(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in {"Exception", "BaseException"}
    )


def _empty(body: list[ast.stmt]) -> bool:
    return all(
        isinstance(line, ast.Pass | ast.Continue)
        or (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
        for line in body
    )


def test_the_clock_is_read_in_one_place() -> None:
    wall = re.compile(r"datetime\.(?:now|today|utcnow)\(|date\.today\(|time\.time\(")
    assert {name for name, text in product().items() if wall.search(text)} == {"base/clock.py"}


def test_nothing_is_left_to_do() -> None:
    mark = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]) + r")\b")
    found = {name for name, text in own_texts().items() if name.endswith((".py", ".sh")) and mark.search(text)}
    assert found == set()


def test_tests_do_not_replace_our_own_code() -> None:
    found = {name for name, text in own_texts().items() if name.startswith("tests/") and "mock." + "patch" in text}
    assert found == set()
