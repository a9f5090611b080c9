"""`koudmen directory export` and `import` from the shell."""

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
