"""Procedures as files: what the check finds, and what a case keeps of them."""

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from base.db import transaction
from base.errors import InvalidInput, Refused
from koudmen.commands import sops as command
from messaging import inbox, simulator
from oncall import cases, checklist, sop
from oncall.cases import Disclosure
from oncall.models import Case, Staff

AT = datetime(2026, 11, 17, 14, 0, tzinfo=UTC)


def test_every_concern_has_its_procedure(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["check"]) == 0
    assert capsys.readouterr().out == "procedures: complete\n"
    assert set(sop.sops()) == set(sop.CONCERNS)
    for one in sop.sops().values():
        assert one.steps[0].key == "first_reply"
        assert one.steps[-1].who == "supervisor"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("concern: danger", "concern: sea", "is for 'sea', so it must be named sea.yml"),
        ("concern: danger", "concern: dangr", "concern 'dangr' is none of danger,"),
        ("version: 2026-11-23", "version: soon", "danger.yml: version: "),
        ("who: officer", "who: nobody", "danger.yml: steps.1.who: "),
        ("{critical: 15 min, high: 3 h, standard: 1 d}", "{critical: 15 min}", "needs a time for each"),
        ("{critical: 15 min, high: 3 h, standard: 1 d}", "15", "steps.1.within"),
        ("{critical: 15 min, high: 3 h, standard: 1 d}", "0 s", "more than no time"),
        ("{critical: 15 min, high: 3 h, standard: 1 d}", "9 d", "'safety' is due before 'first_reply'"),
        ("key: safety", "key: first_reply", "step 'first_reply' stands there twice"),
        ("approved_by: ''", "approved_by: A. Name", "filled in together"),
        ("steps:", "steps: [", "danger.yml: not valid YAML, line"),
        ("title:", "titel:", "danger.yml: title: "),
    ],
)
def test_each_kind_of_fault_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, fault: str
) -> None:
    folder = tmp_path / "sops"
    shutil.copytree(sop.FOLDER, folder)
    text = (folder / "danger.yml").read_text(encoding="utf-8")
    assert old in text
    (folder / "danger.yml").write_text(text.replace(old, new, 1), encoding="utf-8")
    assert command.main(["check", "--folder", str(folder)]) == 1
    assert fault in capsys.readouterr().out


def test_a_missing_file_is_found(tmp_path: Path) -> None:
    assert next(iter(sop.check(tmp_path))) == "danger.yml is missing: no procedure for this concern"


def opened(session: Session, concern: str = "danger", severity: str = "high") -> Case:
    """A case as a message opens it."""
    got = inbox.receive(session, simulator.parse_inbound("sms", "+17675550100", "x"))
    assert got.message_id is not None
    told = Disclosure(concern, severity)
    return cases.disclose(session, got.conversation_id, got.message_id, told, language="en", now=AT)


def officer(session: Session) -> Staff:
    who = Staff(name="Marie", roles=["officer"])
    session.add(who)
    session.flush()
    return who


def test_a_case_carries_its_steps_and_keeps_their_version(session: Session) -> None:
    case = opened(session)
    checklist.attach(session, case, AT)
    first = checklist.steps(session, case.id)
    assert [step.key for step in first] == [step.key for step in sop.sops()["danger"].steps]
    newer = sop.sops()["danger"].model_copy(update={"version": date(2027, 1, 1), "steps": sop.sops()["sea"].steps})
    checklist.attach(session, case, AT, {"danger": newer})
    again = checklist.steps(session, case.id)
    assert [(step.key, step.version, step.what) for step in again] == [
        (step.key, date(2026, 11, 23), step.what) for step in sop.sops()["danger"].steps
    ]


def test_a_further_concern_adds_its_steps_and_a_worse_case_is_due_earlier(session: Session) -> None:
    case = opened(session)
    checklist.attach(session, case, AT)
    assert checklist.steps(session, case.id)[0].due_at == AT + timedelta(hours=3)
    case.concerns, case.severity = ["danger", "sea"], "critical"
    session.flush()
    checklist.attach(session, case, AT + timedelta(hours=1))
    steps = checklist.steps(session, case.id)
    assert {step.concern for step in steps} == {"danger", "sea"}
    due = {(step.concern, step.key): step.due_at for step in steps}
    assert due["danger", "first_reply"] == AT + timedelta(minutes=15)
    assert due["sea", "first_reply"] == AT + timedelta(hours=1, minutes=15)


def test_lateness_and_answers(session: Session) -> None:
    case, who = opened(session), officer(session)
    checklist.attach(session, case, AT)
    now = AT + timedelta(hours=3, minutes=5)
    (step,) = checklist.late(session, now)
    assert step.key == "first_reply"
    assert checklist.late_by(step, now) == timedelta(minutes=5)
    assert checklist.late(session, AT + timedelta(hours=3)) == []
    with pytest.raises(InvalidInput):
        checklist.answer(session, step.id, who.id, "not_needed", now)
    checklist.answer(session, step.id, who.id, "done", now)
    assert checklist.late(session, now) == []
    assert checklist.late_by(step, now + timedelta(days=9)) == timedelta(minutes=5)
    with pytest.raises(Refused):
        checklist.answer(session, step.id, who.id, "done", now)


def test_two_at_once_tick_a_step_once(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        case, who = opened(session), officer(session)
        checklist.attach(session, case, AT)
        checklist.attach(session, case, AT)
        step, me = checklist.steps(session, case.id)[0].id, who.id
    with transaction(sessions) as session:
        checklist.answer(session, step, me, "done", AT)
    with pytest.raises(Refused), transaction(sessions) as session:
        checklist.answer(session, step, me, "not_needed", AT, note="again")
