"""`koudmen directory`: export, import, template, duplicates, merge, check, from the shell."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from base.settings import Settings
from koudmen import cli

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command; its exit code and all it prints."""
    for name, value in (
        ("DATABASE_URL", settings.database_url), ("KOUDMEN_KEYS", settings.keys), ("KOUDMEN_HOME", str(settings.home)),
    ):  # fmt: skip
        monkeypatch.setenv(name, value or "")

    def command(*words: str) -> tuple[int, str]:
        code = cli.main(["directory", *words])
        told = capsys.readouterr()
        return code, told.out + told.err

    return command


def change(folder: Path, table: str, column: str, value: str) -> None:
    """One cell of the first row."""
    with (folder / table).open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0][column] = value
    with (folder / table).open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_what_was_exported_comes_in_again_and_changes_nothing(run: Run, tmp_path: Path) -> None:
    assert run("export", str(tmp_path / "out"))[0] == 0
    code, told = run("import", str(tmp_path / "out"))
    assert code == 0
    assert "0 added, 0 changed" in told


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("phones.csv", "number", "not a number"),
        ("services.csv", "status", "zephyrine"),
        ("phones.csv", "id", "quetzal"),
    ],
)
def test_a_value_that_cannot_be_is_told_and_changes_nothing(
    run: Run, tmp_path: Path, table: str, column: str, value: str
) -> None:
    run("export", str(tmp_path / "out"))
    change(tmp_path / "out", table, column, value)
    code, told = run("import", str(tmp_path / "out"))
    assert code in {1, 2}
    assert "Traceback" not in told
    assert "SELECT" not in told
    assert run("import", str(tmp_path / "out"), "--dry-run")[0] in {0, 1}
    run("export", str(tmp_path / "again"))
    assert value not in (tmp_path / "again" / table).read_text()


def test_a_folder_that_is_not_there(run: Run, tmp_path: Path) -> None:
    code, told = run("import", str(tmp_path / "none"))
    assert (code, "there is no such folder or file" in told) == (2, True)


@pytest.mark.parametrize("name", ["out.json", "out.ndjson", "out.csv", "out.xlsx"])
def test_each_form_by_its_ending(run: Run, tmp_path: Path, name: str) -> None:
    assert run("export", str(tmp_path / name))[0] == 0
    code, told = run("import", str(tmp_path / name), "--dry-run")
    assert (code, "0 added, 0 changed, 0 removed" in told) == (0, True), told
    assert run("export", str(tmp_path / name)) == (2, "koudmen directory: there is such a file already\n")


def test_confidential_only_with_a_word_of_warning(run: Run, tmp_path: Path) -> None:
    code, told = run("export", str(tmp_path / "out.json"), "--with-confidential")
    assert (code, "keep it locked up" in told) == (0, True)


def test_the_form(run: Run, tmp_path: Path) -> None:
    assert run("template", str(tmp_path / "form.xlsx"))[0] == 0
    code, told = run("import", str(tmp_path / "form.xlsx"))
    assert (code, "it has nothing of the directory in it" in told) == (1, True)
    assert run("template", str(tmp_path / "form.ods"))[0] == 2


def test_proposals_and_the_check(run: Run) -> None:
    assert "proposals; a person decides" in run("duplicates")[1]
    code, told = run("check")
    assert (code, "0 errors" in told) == (0, True), told
    assert "warning: numbers that nobody has verified" in told


def test_merging_from_the_shell(run: Run) -> None:
    unknown = "00000000-0000-0000-0000-000000000001"
    assert run("merge", unknown, unknown)[0] == 2
    assert run("unmerge", unknown)[0] == 2
    with pytest.raises(SystemExit):
        run("merge", unknown)
