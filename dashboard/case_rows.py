"""What the case page shows, read in the view's transaction. No Flask here."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from base.settings import Settings
from bot import officer, thread
from bot.officer import Window
from bot.phrases import texts, wording
from directory.models import Service
from messaging.models import Address, Conversation
from oncall import checklist, consent, looking, notes, staff, wishes
from oncall.models import Case, ChecklistStep, Consent, Staff
from oncall.models.case import OUTCOMES

NEWEST = 200  # messages shown at first
ASKED_BY = {"contact": ("contact_ask",), "share": ("canned.service",)}  # phrases that ask for a consent
SPOKEN = "spoken"  # asked in the officer's own words
HIDDEN_EVENTS = ("reply",)  # the messages themselves show these


@dataclass(frozen=True)
class Talk:
    """A conversation of the case: whether, and until when, something may be written there. `code`: of the case it came
    with. `against`: what speaks against writing now; nothing when it is safe as far as we know."""

    id: uuid.UUID
    code: str
    channel: str
    language: str | None
    window: Window
    against: str
    opted_out: bool

    @property
    def by_segments(self) -> bool:
        return self.channel not in officer.WINDOWED


@dataclass(frozen=True)
class Agreed:
    """A consent for reading."""

    consent: Consent
    service: str
    by: str


def family(session: Session, case: Case) -> Sequence[Case]:
    """The case, and those merged into it."""
    merged = select(Case).where(Case.merged_into == case.id).order_by(Case.opened_at)
    return [case, *session.scalars(merged)]


def name_of(session: Session, staff_id: uuid.UUID | None) -> str:
    """Somebody's name; nothing for nobody."""
    who = session.get(Staff, staff_id) if staff_id else None
    return who.name if who else ""


def cover(session: Session, case: Case, me: Staff) -> dict[str, Any]:
    """What may be seen before the look is logged: no word of the case."""
    earlier = [(looking.address(one), one.closed_at) for one in looking.earlier(session, case, me)]
    return {
        "case": case, "place": looking.address(case), "owner": name_of(session, case.owner_id), "earlier": earlier,
    }  # fmt: skip


def live(session: Session, case: Case, me: Staff, now: datetime, settings: Settings, *, every: bool) -> dict[str, Any]:
    """What changes by itself: state, messages, who is writing, whether it is safe to write. `every`: all messages."""
    lines = thread.of_case(session, case.id, newest=None if every else NEWEST + 1)
    cut = not every and len(lines) > NEWEST
    talks = [_talk(session, one, now, settings) for one in family(session, case)]
    return cover(session, case, me) | {
        "lines": lines[-NEWEST:] if cut else lines, "cut": cut, "talks": talks,
        "codes": {talk.id: talk.code for talk in talks},
        "writing": looking.writing(session, case, now, but=me.id),
        "mine": case.owner_id == me.id, "works": looking.works_on(case, me) and not case.closed_at,
    }  # fmt: skip


def _talk(session: Session, case: Case, now: datetime, settings: Settings) -> Talk:
    talk = session.get_one(Conversation, case.conversation_id)
    address = session.get_one(Address, talk.address_id)
    there = officer.window(address.channel, talk.last_inbound_at, now, settings.config.channels.whatsapp.window)
    against = officer.OPTED_OUT if address.opted_out_at else officer.against(session, talk, now)
    return Talk(
        talk.id, case.code, address.channel, talk.language, there, against or "", address.opted_out_at is not None
    )


def whole(session: Session, case: Case, me: Staff, now: datetime, settings: Settings, *, every: bool) -> dict[str, Any]:
    """Everything on the page."""
    shown = live(session, case, me, now, settings, every=every)
    ids = [one.id for one in family(session, case)]
    happened = notes.history(session, ids, but=HIDDEN_EVENTS)
    newest = {one.kind: one for one in reversed(happened)}
    return shown | {
        "wishes": wishes.of(session, case.id), "handover": newest.get("handover"), "lowered": newest.get("lowered"),
        "steps": steps(session, ids), "consents": consents(session, ids),
        "referrals": referrals(session, ids), "happened": happened,
        "people": [one for one in staff.active(session, *staff.ANSWERS_PAGES) if one.id != me.id],
        "reachable": staff.reachable, "outcomes": OUTCOMES, "asks": asks(case.language),
        "canned": {name: sorted(officer.variables(name)) for name in officer.canned()},
        "closing_by": name_of(session, case.closing_by_id),
        "approves": "supervisor" in me.roles and case.closing_by_id not in {None, me.id},
    }  # fmt: skip


def steps(session: Session, case_ids: Sequence[uuid.UUID]) -> list[tuple[ChecklistStep, str]]:
    """What the procedures ask for, those due first at the head, and who answered it."""
    found = [one for case_id in case_ids for one in checklist.steps(session, case_id)]
    return [(one, name_of(session, one.answered_by_id)) for one in sorted(found, key=lambda step: step.due_at)]


def consents(session: Session, case_ids: Sequence[uuid.UUID]) -> list[Agreed]:
    """All of them, the withdrawn ones too, the newest first."""
    query = select(Consent).where(Consent.case_id.in_(case_ids)).order_by(Consent.given_at.desc())
    found = session.scalars(query).all()
    names = _services(session, [one.service_id for one in found if one.service_id])
    return [
        Agreed(one, names.get(one.service_id, "") if one.service_id else "", name_of(session, one.recorded_by_id))
        for one in found
    ]


def referrals(session: Session, case_ids: Sequence[uuid.UUID]) -> list[dict[str, Any]]:
    """Each with its service's name, who made it, and what it may become."""
    found = [one for case_id in case_ids for one in consent.referrals(session, case_id)]
    names = _services(session, [one.service_id for one in found])
    return [
        {
            "it": one, "service": names.get(one.service_id, ""), "by": name_of(session, one.created_by_id),
            "next": consent.CHANGES.get(one.state, ()),
        }
        for one in found
    ]  # fmt: skip


def _services(session: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    found = session.execute(select(Service.id, Service.name).where(Service.id.in_(ids))) if ids else ()
    return {service_id: name for service_id, name in found}  # noqa: C416 (rows are no pairs to dict)


def asks(language: str | None) -> dict[str, list[tuple[str, str]]]:
    """By purpose, the versions of the words by which a consent may have been asked: version, and the words."""
    return {
        purpose: [
            *((wording(language, key), texts(language or "en")[key]) for key in ASKED_BY.get(purpose, ())),
            (SPOKEN, ""),
        ]
        for purpose in consent.PURPOSES
    }
