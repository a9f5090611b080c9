"""What a command changes stands in the audit log, called as on the staff site; what only looks leaves nothing there."""

from collections.abc import Callable

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from base.audit import AuditEvent, verify
from directory.seed_rows import service_id
from koudmen import cli
from koudmen.commands import truth
from koudmen.runtime import at_the_database
from tests.koudmen.test_on_call_commands import run

__all__ = ["run"]
Run = Callable[..., str]
ADA = "+17675550171"
WELFARE = str(service_id("social-welfare"))


@pytest.fixture(autouse=True)
def ada(run: Run) -> None:
    run("staff", "add", "--name", "Ada", "--role", "officer", "--phone", ADA)


def test_a_command_s_output_may_be_read_slowly(run: Run) -> None:
    """The database would end a transaction that stands still for a minute, and with it an export in a pager."""
    with at_the_database() as (session, _):
        assert session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "0"


@pytest.mark.parametrize(
    ("words", "action"),
    [
        (("staff", "verify", "--phone", ADA), "phone confirmed"),
        (("staff", "reset", "--phone", ADA), "account reset"),
        (("staff", "disable", "--phone", ADA), "account ended"),
        (("drill", "start", "papers_taken"), "drill started"),
        (("directory", "export", "{folder}/all.json"), "directory exported"),
        (("purge",), "purged"),
        (("audit", "export"), "log exported"),
        (("keys", "rewrite"), "keys rewritten"),
    ],
)
def test_it_is_noted(
    run: Run, sessions: sessionmaker[Session], tmp_path: object, words: tuple[str, ...], action: str
) -> None:
    run(*(word.format(folder=tmp_path) for word in words))
    with sessions() as session:
        entry = session.scalars(select(AuditEvent).order_by(AuditEvent.seq.desc())).first()
        assert entry
        assert (entry.action, entry.detail and entry.detail["by"]) == (action, "shell")
        assert verify(session).whole


def test_a_shift_a_rotation_and_the_end_of_a_drill_are_noted(run: Run, sessions: sessionmaker[Session]) -> None:
    run("staff", "verify", "--phone", ADA)
    run("rota", "add", "--staff", ADA, "--level", "1", "--from", "now", "--hours", "1")
    run("rota", "rotate", "--name", "nights", "--staff", ADA, "--level", "2", "--from", "now")
    code = run("drill", "start", "papers_taken").split()[1]
    run("drill", "stop", code)
    with sessions() as session:
        done = session.scalars(select(AuditEvent.action).order_by(AuditEvent.seq)).all()
    assert done[2:] == ["shift added", "rotation added", "drill started", "drill stopped"]


@pytest.mark.parametrize(
    "words",
    [
        ("staff", "list"), ("rota", "list"), ("rota", "gaps"), ("rota", "calendar", "--staff", ADA),
        ("oncall", "cases"),
        ("drill", "report"), ("directory", "stale"), ("directory", "show", WELFARE), ("audit", "verify"),
        ("keys", "status"),
    ],
)  # fmt: skip
def test_what_only_looks_is_not(run: Run, sessions: sessionmaker[Session], words: tuple[str, ...]) -> None:
    run(*words)
    with sessions() as session:
        assert session.scalars(select(AuditEvent.action)).all() == ["account made"]


def test_each_change_of_the_directory_has_a_name_in_the_log() -> None:
    assert set(truth.DO) - set(truth.CHANGES) == {"stale", "show", "history"}


def test_the_log_is_found_by_action_through_an_index(sessions: sessionmaker[Session]) -> None:
    """In a long log with few such entries: in an empty one every way costs the same and any may be taken."""
    with sessions() as session:
        session.execute(
            text("""
            INSERT INTO audit_event (seq, at, action, subject, hash)
            SELECT 1000 + n, now(), CASE WHEN n % 1000 = 0 THEN 'x' ELSE 'y' END, '', ''
            FROM generate_series(1, 20000) n
        """)
        )
        session.execute(text("ANALYZE audit_event"))
        wanted = "EXPLAIN SELECT * FROM audit_event WHERE action = 'x' ORDER BY seq DESC LIMIT 100"
        plan = "\n".join(session.scalars(text(wanted)))
        session.rollback()
    assert "ix_audit_event_action" in plan


def test_an_edit_from_the_shell_is_noted(run: Run, sessions: sessionmaker[Session]) -> None:
    changed = ("directory", "edit", "service", WELFARE, "fees_description", "--by", "A. Clerk")
    try:
        run(*changed[:5], "free of charge", *changed[5:])
        with sessions() as session:
            entry = session.scalars(select(AuditEvent).order_by(AuditEvent.seq.desc())).first()
            assert entry
            assert (entry.action, entry.subject) == ("directory changed", f"service:{WELFARE}")
    finally:
        assert cli.main([*changed[:5], "", *changed[5:]]) == 0
