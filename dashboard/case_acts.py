"""What officers do on a case's page: one form, one address, one transaction each. What was not done is said on the
form itself, with what was typed."""

import uuid
from collections.abc import Callable
from datetime import datetime

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Answer

from base.errors import InvalidInput, Refused
from bot import officer, thread
from dashboard import case as pages
from dashboard import case_rows, case_words, shown
from dashboard.case import blueprint
from dashboard.permissions import Action, needs
from dashboard.web import as_uuid, audited, may, me, opened, site
from dashboard.words import _
from directory import for_staff
from oncall import checklist, consent, handling, looking, notes, severity, wishes
from oncall.handling import Answer as Became
from oncall.models import Case, ChecklistStep, Referral

Done = Callable[[Session, Case, datetime], str]


def act(name: str, *, action: Action = "work on a case", hers: bool = False) -> Callable[[Done], Done]:
    """Makes a function into `POST /c/<code>/<name>`: it does it and says what was done. `hers`: only for who has the
    case, and supervisors. Who acts has looked: that is logged when it was not yet."""

    def mark(do: Done) -> Done:
        @needs(action)
        def view(code: str) -> Answer | str | tuple[str, int]:
            try:
                with opened() as (session, now):
                    case = looking.find(session, code, me())
                    if case is None:
                        return pages.unknown()
                    if not looking.before(session, case, me(), now):
                        looking.look(session, case, me(), now)
                    if hers:
                        _must_be_hers(case)
                    told = do(session, case, now)
                    audited(session, f"case {name}", now, f"case:{case.id}")
                    code = looking.address(case)
            except (Refused, InvalidInput) as error:
                return _not_done(code, name, error)
            if name == "reply":
                site().bell.ring("protect")
            flash(told)
            return redirect(url_for("case.page", code=code), 303)

        blueprint.add_url_rule(f"/c/<code>/{name}", name.replace("-", "_"), view, methods=["POST"])
        return do

    return mark


def _must_be_hers(case: Case) -> None:
    if case.closed_at:
        raise Refused("this case is closed")
    if not looking.works_on(case, me()):
        raise Refused("take the case first" if case.owner_id is None else "somebody else has this case")


def _not_done(code: str, name: str, error: Exception) -> tuple[str, int]:
    with opened() as (session, now):
        case = looking.find(session, code, me())
        if case is None:
            return pages.unknown()
        if not looking.before(session, case, me(), now):
            looking.look(session, case, me(), now)
            audited(session, "case viewed", now, f"case:{case.id}")
        told = pages.shown(session, case, now, wrong={name: f"{error}."}, typed={name: request.form}, once=once())
    return render_template(pages.PAGE, **told), 400 if isinstance(error, InvalidInput) else 409


def _became(done: Became) -> Became:
    """Go on only when it was done; else it is refused in words."""
    since = f" since {shown.local(done.since)}" if done.since else ""
    told = {
        "held": f"{done.owner} has this case{since}", "closed": "this case is closed", "late": "somebody was paged",
        "may_not": "you may not do this", "free": "nobody has this case: take it first", "unknown": "no such case",
    }  # fmt: skip
    if done.kind in told:
        raise Refused(told[done.kind])
    return done


def form(name: str, longest: int = 4000) -> str:
    """A field, with line ends as phones send them."""
    return request.form.get(name, "").replace("\r\n", "\n")[:longest].strip()


def once() -> uuid.UUID:
    return as_uuid(form("once")) or uuid.uuid4()


@act("take")
def _take(session: Session, case: Case, now: datetime) -> str:
    done = _became(handling.acknowledge(session, case.id, me().id, now))
    return _("You had it already.") if done.kind == "yours" else _("You have this case. Write to the person now.")


@act("take-over", action="approve a close")
def _take_over(session: Session, case: Case, now: datetime) -> str:
    _became(handling.acknowledge(session, case.id, me().id, now, over=True))
    return _("You have this case now.")


@act("pass")
def _pass(session: Session, case: Case, now: datetime) -> str:
    """To the next level or to a person; what they must know goes with it."""
    to, note = form("to"), form("note")
    whom = as_uuid(to) if to else None
    if to and whom is None:
        raise InvalidInput("the next level, or a person of the list")
    if note:
        notes.write(session, case, "handover", note, now, staff_id=me().id)
    _became(handling.pass_on(session, case.id, me().id, now, to=whom))
    return _("Passed on. People are paged.")


@act("contacted")
def _contacted(session: Session, case: Case, now: datetime) -> str:
    how = form("how")
    if how not in {"call", "visit"}:
        raise InvalidInput("by call or by visit")
    _became(handling.contacted(session, case.id, me().id, now, how=how))
    if note := form("note"):
        notes.write(session, case, "note", note, now, staff_id=me().id)
    return _("Noted. The clock of the next contact runs.")


@act("reply")
def _reply(session: Session, case: Case, now: datetime) -> str:
    talk = as_uuid(form("talk")) or case.conversation_id
    sent = officer.send_reply(
        session, case.id, me().id, form("words", 10_000), now, site().settings, override=form("override") or None,
        conversation_id=talk, message_id=as_uuid(form("once")),
    )  # fmt: skip
    looking.writes(session, case, me(), now, ended=True)
    if sent.how == "knocked":
        return _("The 24 hours are over: the person is asked to write first. Then your words leave.")
    return _("It is on its way.")


@act("note")
def _note(session: Session, case: Case, now: datetime) -> str:
    kind = form("kind") or "note"
    notes.write(session, case, kind, form("words", 10_000), now, staff_id=me().id)
    return _("The hand-over note is kept.") if kind == "handover" else _("The note is kept.")


@act("translation")
def _translation(session: Session, case: Case, now: datetime) -> str:
    known = {line.id for line in thread.of_case(session, case.id)}
    if form("message") not in known:
        raise InvalidInput("choose a message of this case")
    notes.translate(session, case, form("message"), form("words", 10_000), now, staff_id=me().id)
    return _("The translation is kept.")


@act("consent", hers=True)
def _consent(session: Session, case: Case, now: datetime) -> str:
    consent.give(
        session, case.id, form("purpose"), _wording(case, form("purpose")), now, language=case.language,
        given_by=form("given_by") or "self", staff_id=me().id,
    )  # fmt: skip
    return _("The consent is recorded.")


def _wording(case: Case, purpose: str) -> str:
    """The version of the words that asked, out of those that ask for this purpose."""
    known = {version for version, _ in case_rows.asks(case.language).get(purpose, ())}
    if form("wording") not in known:
        raise InvalidInput("say with which words it was asked: words that ask for this")
    return form("wording")


@act("withdraw", hers=True)
def _withdraw(session: Session, case: Case, now: datetime) -> str:
    if not consent.withdraw(session, case.id, form("purpose"), now, staff_id=me().id):
        raise Refused("there is no consent of this kind to withdraw")
    return _("Withdrawn. Referrals that stood on it and are not done are revoked.")


@act("wish", hers=True)
def _wish(session: Session, case: Case, now: datetime) -> str:
    wishes.change(session, case, form("step"), form("answer", 200), now, staff_id=me().id)
    return _("Noted.")


@act("severity", hers=True)
def _severity(session: Session, case: Case, now: datetime) -> str:
    done = severity.change(session, case.id, me().id, form("severity"), now, reason=form("reason"))
    if done == "lowered":
        return _("Lowered. It stands in the case's log for the supervisors.")
    return _("Raised. The clocks are shorter now.")


@act("step", hers=True)
def _step(session: Session, case: Case, now: datetime) -> str:
    step = session.get(ChecklistStep, as_uuid(form("step")) or uuid.UUID(int=0))
    if step is None or step.case_id not in {one.id for one in case_rows.family(session, case)}:
        raise InvalidInput("choose a step of this case")
    checklist.answer(session, step.id, me().id, form("said"), now, note=form("note") or None)
    return _("Done.") if form("said") == "done" else _("Not needed: noted with why.")


@act("refer", hers=True)
def _refer(session: Session, case: Case, now: datetime) -> str:
    service = as_uuid(form("service"))
    if service is None or not for_staff.told(session, [service], confidential=may("see what is confidential")):
        raise InvalidInput("choose a service")
    if form("agreed"):
        consent.give(
            session, case.id, "share", _wording(case, "share"), now, language=case.language, service_id=service,
            staff_id=me().id,
        )  # fmt: skip
    note, override = form("note"), form("override") or None
    if override and not note:
        raise InvalidInput("without consent, write down why")
    consent.refer(session, case.id, service, me().id, now, override=override, note=note or None)
    return _("The referral is recorded. Call the service now: Koudmen does not write to it.")


@act("referral", hers=True)
def _referral(session: Session, case: Case, now: datetime) -> str:
    found = session.get(Referral, as_uuid(form("referral")) or uuid.UUID(int=0))
    if found is None or found.case_id not in {one.id for one in case_rows.family(session, case)}:
        raise InvalidInput("choose a referral of this case")
    done = consent.change(session, found.id, form("state"), me().id, now)
    return _("The referral is %(state)s.", state=case_words.said(done.state))


@act("close", hers=True)
def _close(session: Session, case: Case, now: datetime) -> str:
    done = _became_closed(handling.close(session, case.id, me().id, form("outcome"), now, note=form("note") or None))
    return _("A supervisor is asked to agree.") if done.kind == "closing" else _("The case is closed.")


def _became_closed(done: Became) -> Became:
    return done if done.kind == "closed" else _became(done)


@act("approve", action="approve a close")
def _approve(session: Session, case: Case, now: datetime) -> str:
    if case.closed_at:
        raise Refused("this case is closed")
    _became_closed(handling.approve_close(session, case.id, me().id, now))
    return _("The case is closed.")


@act("refuse", action="approve a close")
def _refuse(session: Session, case: Case, now: datetime) -> str:
    done = handling.refuse_close(session, case.id, me().id, now)
    if done.kind in {"closed", "may_not"}:
        _became(done)
    if note := form("note"):
        notes.write(session, case, "note", note, now, staff_id=me().id)
    return _("It goes on.")


@act("merge", hers=True)
def _merge(session: Session, case: Case, now: datetime) -> str:
    """Another open case becomes part of this one."""
    other = session.scalar(select(Case).where(Case.code == form("other", 10), Case.closed_at.is_(None)))
    if other is None:
        raise Refused("no open case has this code")
    if other.owner_id not in {None, me().id} and "supervisor" not in me().roles:
        raise Refused("somebody else has the other case: a supervisor makes them one")
    _became(handling.merge(session, other.id, case.id, me().id, now))
    return _("%(code)s is part of this case now.", code=other.code)
