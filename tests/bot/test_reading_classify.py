"""`koudmen classify`: JSON lines in, JSON lines out, in order."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from base.settings import ROOT, load_settings
from bot.rasa import Away
from koudmen.commands.classify import classify

FIELDS = "text language intent need concern severity place parish confidence source".split()
TEXTS = [
    "I need a doctor in Portsmouth",
    "mari m ap bat mwen",
    "",
    "mwen bezwen manje nan Wozo",
    "hello",
    'line\nbreak and "quotes" and é',
] * 30


def run(lines: bytes, home: Path, *options: str, **env: str) -> tuple[int, list[dict[str, object]]]:
    """The command's exit code and the lines it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "koudmen.cli", "classify", *options],
        input=lines, capture_output=True, timeout=120, check=False,
        env={"PATH": os.environ["PATH"], "KOUDMEN_HOME": str(home), **env},
    )  # fmt: skip
    assert not done.stderr, done.stderr.decode()
    return done.returncode, [orjson.loads(line) for line in done.stdout.splitlines()]


def test_offline_in_order_with_the_same_findings_as_a_message(tmp_path: Path) -> None:
    code, lines = run(b"".join(orjson.dumps({"text": text}) + b"\n" for text in TEXTS), tmp_path, "--offline")
    assert code == 0
    assert [line["text"] for line in lines] == TEXTS
    rules = load_settings({"KOUDMEN_HOME": str(tmp_path)}).config.understanding
    for line, reading in zip(lines[:6], classify(TEXTS[:6], Away(), rules), strict=True):
        assert list(line) == FIELDS
        assert (line["intent"], line["need"], line["concern"]) == (reading.intent, reading.need, reading.concern)
    assert lines[0]["place"] == "Portsmouth"
    assert lines[0]["parish"] == "Saint John"
    assert lines[1]["concern"] == "domestic_violence"
    assert lines[3]["need"] == "food"


def test_bad_lines_are_answered_in_their_place(tmp_path: Path) -> None:
    bad = [
        b"not json",
        b"[]",
        b'{"words": "x"}',
        b'{"text": 5}',
        b'"text"',
        b"null",
        b"\xff\xfe",
        b'{"text": "\\ud800"}',
    ]
    bad += [b"[" * 100_000, b'{"text": null}', b'{"text": "hello"']
    code, lines = run(b"\n\n".join([*bad, b'{"text": "hello"}']), tmp_path, "--offline")
    assert code == 1
    assert ["error" in line for line in lines] == [True] * len(bad) + [False]
    assert [line["line"] for line in lines[:-1]] == list(range(1, 2 * len(bad), 2))
    assert lines[-1]["intent"] == "greet"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (b"rules: [unclosed", "ht.yml: "),
        (b"rules:\n  - id: x\n    concern: nonsense\n    say: [hit me]\n", "ht.yml, line 3: 'nonsense' is not one of"),
        (b"\xff\xfe", "ht.yml: "),
        (None, "ht.yml: "),
    ],
)
def test_a_broken_phrase_file_is_told_in_one_sentence(tmp_path: Path, wrong: bytes | None, told: str) -> None:
    for room in ("base", "bot", "directory", "koudmen", "messaging", "oncall"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "config.yml", tmp_path)
    phrases = tmp_path / "bot/safety/phrases/ht.yml"
    phrases.unlink()
    if wrong is not None:
        phrases.write_bytes(wrong)
    done = subprocess.run(
        [sys.executable, "-m", "koudmen.cli", "classify", "--offline"], cwd=tmp_path,
        input=b'{"text": "hello"}\n' * 50, capture_output=True, timeout=60, check=False,
        env={"PATH": os.environ["PATH"], "KOUDMEN_HOME": str(tmp_path), "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, b"")
    error = done.stderr.decode()
    assert error.startswith("koudmen classify: ")
    assert told in error
    assert error.count("\n") == 1


def test_nothing_in_nothing_out(tmp_path: Path) -> None:
    assert run(b"", tmp_path, "--offline") == (0, [])


def test_each_answer_leaves_before_the_next_question(tmp_path: Path) -> None:
    """A program at the other end of the pipe may wait for each answer."""
    process = subprocess.Popen(
        [sys.executable, "-m", "koudmen.cli", "classify", "--offline"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "KOUDMEN_HOME": str(tmp_path)},
    )  # fmt: skip
    with process:
        assert process.stdin
        assert process.stdout
        for text in ("hello", "thanks", "I need food"):
            process.stdin.write(orjson.dumps({"text": text}) + b"\n")
            process.stdin.flush()
            assert orjson.loads(process.stdout.readline())["text"] == text
        process.stdin.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0


@pytest.mark.slow
def test_with_rasa(tmp_path: Path, rasa: tuple[str, str]) -> None:
    texts = ["I need a doctor in Portsmouth", "mwen bezwen yon doktè nan Pòtsmouf", "who are you"]
    lines = b"".join(orjson.dumps({"text": text}) + b"\n" for text in texts)
    code, found = run(lines, tmp_path, RASA_URL=rasa[0], RASA_TOKEN=rasa[1])
    assert code == 0
    assert [line["source"] for line in found][:2] == ["model", "model"]
    assert [line["need"] for line in found] == ["health", "health", None]
    assert [line["language"] for line in found] == ["en", "ht", "en"]
