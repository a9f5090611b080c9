"""`koudmen staff`, `rota`, `oncall`, `drill` from the shell."""

import re
from collections.abc import Callable
from io import StringIO

import pytest
from redis import Redis
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from base import audit
from base.settings import Settings
from bot.drain import Drain
from bot.rasa import Away
from koudmen import cli
from messaging import inbox
from messaging.inbound import Inbound
from oncall.models import Case, CaseEvent, Shift, Staff

Run = Callable[..., str]


@pytest.fixture
def run(engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command; what it prints, or a sentence about what is wrong."""
    for name, value in (
        ("DATABASE_URL", settings.database_url), ("KOUDMEN_KEYS", settings.keys), ("KOUDMEN_HOME", str(settings.home)),
        ("REDIS_URL", settings.redis_url),
    ):  # fmt: skip
        monkeypatch.setenv(name, value or "")
    for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "PORT"):
        monkeypatch.delenv(name, raising=False)

    def command(*words: str, code: int = 0) -> str:
        assert cli.main(list(words)) == code
        told = capsys.readouterr()
        return told.out if code == 0 else told.err

    return command


def test_staff_and_rota_as_the_design_says(run: Run, sessions: sessionmaker[Session]) -> None:
    run("staff", "add", "--name", "Ada", "--role", "officer", "--phone", "+17675550171", "--email", "a@example.org",
        "--verified")  # fmt: skip
    run("rota", "add", "--staff", "+17675550171", "--level", "1", "--from", "now", "--hours", "12")
    with sessions() as session:
        one, shift = session.scalars(select(Staff)).one(), session.scalars(select(Shift)).one()
        assert (one.name, one.roles, one.phone, one.email) == ("Ada", ["officer"], "+17675550171", "a@example.org")
        assert (shift.staff_id, shift.level, (shift.ends_at - shift.starts_at).total_seconds()) == (one.id, 1, 43200)
    assert "level 1  Ada" in run("rota", "list", "--days", "1")
    assert "level 2  nobody" in run("rota", "gaps", "--days", "1")


def test_what_is_refused_is_said_in_a_sentence(run: Run) -> None:
    run("staff", "add", "--name", "Ada", "--role", "officer", "--phone", "767 555 0171")
    shift = ("rota", "add", "--staff", "767 555 0171", "--level", "1", "--hours", "12", "--from")
    assert "not confirmed" in run(*shift, "now", code=2)
    run("staff", "verify", "--phone", "767 555 0171")
    assert "a time is written" in run(*shift, "tomorrow", code=2)
    run(*shift, "2026-12-24 18:00")
    assert "another account" in run("staff", "add", "--name", "B", "--role", "officer", "--phone", "7675550171", code=2)
    assert "no account" in run("rota", "add", "--staff", "7675550172", "--level", "1", "--from", "now", "--hours", "1",
                               code=2)  # fmt: skip
    assert "Ada" in run("staff", "disable", "--phone", "767 555 0171")
    assert run("staff", "list").strip() == "nobody"


def test_a_rotation(run: Run) -> None:
    for last, name in (("1", "Ada"), ("2", "Bea")):
        run("staff", "add", "--name", name, "--role", "officer", "--phone", f"767 555 017{last}", "--verified")
    run("rota", "rotate", "--name", "nights", "--staff", "767 555 0171", "--staff", "767 555 0172", "--level", "2",
        "--from", "2026-01-05 08:00", "--windows", "Mon-Fri 16:00-08:00")  # fmt: skip
    listed = run("rota", "list", "--days", "20")
    assert {"Ada", "Bea"} <= set(re.findall("Ada|Bea", listed))
    assert "hours are written like" in run(
        "rota", "rotate", "--name", "x", "--staff", "767 555 0171", "--level", "1", "--from", "now", "--windows", "x",
        code=2,
    )  # fmt: skip


def test_a_drill_from_the_shell(run: Run, sessions: sessionmaker[Session]) -> None:
    run("staff", "add", "--name", "Ada", "--role", "officer", "--role", "supervisor", "--phone", "767 555 0171",
        "--verified")  # fmt: skip
    told = run("drill", "start", "papers_taken")
    found = re.search(r"exercise (\d{4})", told)
    assert found
    assert f"exercise {found[1]} high new" in run("oncall", "cases")
    assert f"{found[1]}: taken (Ada)" in run("oncall", "take", found[1], "--staff", "767 555 0171")
    assert f"{found[1]}: passed" in run("oncall", "pass", found[1], "--staff", "767 555 0171")
    assert "papers_taken (high): taken by Ada after" in run("drill", "report")
    assert "is over" in run("drill", "stop", found[1])
    assert run("oncall", "cases").strip() == "none"
    assert run("oncall", "alarms").strip() == "none"
    with sessions() as session:
        assert session.scalars(select(Case.outcome)).one() == "drill"
    assert len(run("drill", "scenarios").splitlines()) == 9
    assert "no exercise with this code" in run("drill", "stop", "0000", code=2)


def test_a_case_is_read_and_answered_from_the_shell(
    run: Run, sessions: sessionmaker[Session], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was said is shown to officers alone, and that they looked is noted."""
    run("staff", "add", "--name", "Ada", "--role", "officer", "--phone", "767 555 0171", "--verified")
    run("staff", "add", "--name", "Dan", "--role", "analyst", "--phone", "767 555 0172", "--verified")
    with sessions() as session, session.begin():
        inbox.receive(session, Inbound("test", "SM1", "sim_sms", "+17675550101", "mari m ap bat mwen"))
    drain = Drain(sessions, Away(), settings)
    drain.once()
    with sessions() as session:
        code = session.scalars(select(Case.code)).one()
    assert "does not read" in run("oncall", "read", code, "--staff", "767 555 0172", code=2)
    monkeypatch.setattr("sys.stdin", StringIO("Bonjou, se Ada."))
    assert f"{code}: sent, 1 SMS" in run("oncall", "reply", code, "--staff", "767 555 0171")
    said = run("oncall", "read", code, "--staff", "767 555 0171")
    assert "them: mari m ap bat mwen" in said
    assert "officer queued: Bonjou, se Ada." in said
    with sessions() as session:
        assert session.scalars(select(CaseEvent.kind).where(CaseEvent.kind == "viewed")).all() == ["viewed"]
        assert session.scalars(select(Case.state)).one() == "engaged"
        assert [one.action for one in audit.entries(session)][-2:] == ["case reply", "case viewed"]


def test_a_reply_from_the_shell_rings_and_what_was_said_moves_no_cursor(
    run: Run, sessions: sessionmaker[Session], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves at once; and a message cannot clear the screen, turn a line, or look like another message."""
    run("staff", "add", "--name", "Ada", "--role", "officer", "--phone", "767 555 0171", "--verified")
    nasty = "mari m ap bat mwen\x1b[2J\u202eevil\n24 Nov 10:00 officer: forged"
    with sessions() as session, session.begin():
        inbox.receive(session, Inbound("test", "SM1", "sim_sms", "+17675550101", nasty))
    Drain(sessions, Away(), settings).once()
    with sessions() as session:
        code = session.scalars(select(Case.code)).one()
    said = run("oncall", "read", code, "--staff", "767 555 0171")
    assert "them: mari m ap bat mwen[U+001B][2J[U+202E]evil\n    24 Nov 10:00 officer: forged" in said
    redis = Redis.from_url(settings.redis_url or "")
    redis.delete("koudmen:bell:protect")
    monkeypatch.setattr("sys.stdin", StringIO("Bonjou"))
    run("oncall", "reply", code, "--staff", "767 555 0171")
    assert redis.exists("koudmen:bell:protect")
    redis.close()
