"""What a person agreed to, and referrals, which need it. An override for danger or the law is possible, and logged."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from base.errors import InvalidInput, Refused
from oncall import staff
from oncall.cases import event, locked
from oncall.models import Consent, Referral

PURPOSES = ("contact", "share", "service", "statistics")
OVERRIDES = ("child_in_danger", "imminent_harm", "legal_duty")
# state -> what it may become. What is done or refused stays so; a new referral is a new row.
CHANGES = {"created": ("accepted", "refused", "revoked"), "accepted": ("done", "refused", "revoked")}


def give(
    session: Session, case_id: uuid.UUID, purpose: str, wording: str, now: datetime, *, language: str | None = None,
    given_by: str = "self", service_id: uuid.UUID | None = None, inbound_id: int | None = None,
    staff_id: uuid.UUID | None = None,
) -> Consent:  # fmt: skip
    """Record a consent: its purpose, and the version of the words that were agreed to. `service_id`: to share with this
    service only. `inbound_id`: the message that said so; `staff_id`: who wrote it down."""
    if purpose not in PURPOSES or not wording.strip() or given_by not in {"self", "caregiver"}:
        raise InvalidInput(f"a purpose out of {', '.join(PURPOSES)}, and the version of the words")
    case = locked(session, case_id)
    consent = Consent(
        case_id=case.id, purpose=purpose, wording=wording, language=language, given_by=given_by,
        service_id=service_id, inbound_id=inbound_id, recorded_by_id=staff_id, given_at=now,
    )  # fmt: skip
    session.add(consent)
    event(session, case, "consent", now, staff_id=staff_id, detail={"purpose": purpose, "wording": wording})
    session.flush()
    return consent


def standing(
    session: Session, case_id: uuid.UUID, purpose: str, *, service_id: uuid.UUID | None = None
) -> Consent | None:
    """The newest consent for a purpose that was not withdrawn; for sharing, one that covers this service."""
    query = select(Consent).where(
        Consent.case_id == case_id, Consent.purpose == purpose, Consent.withdrawn_at.is_(None),
        or_(Consent.service_id.is_(None), Consent.service_id == service_id),
    )  # fmt: skip
    return session.scalar(query.order_by(Consent.given_at.desc()).limit(1))


def withdraw(
    session: Session, case_id: uuid.UUID, purpose: str, now: datetime, *, staff_id: uuid.UUID | None = None
) -> int:
    """The person no longer agrees. Referrals that stood on it and are not done are revoked. Returns how many consents
    ended."""
    case = locked(session, case_id)
    ended = session.scalars(
        update(Consent)
        .where(Consent.case_id == case.id, Consent.purpose == purpose, Consent.withdrawn_at.is_(None))
        .values(withdrawn_at=now)
        .returning(Consent.id)
    ).all()
    stood = select(Referral).where(Referral.consent_id.in_(ended), Referral.state.in_(CHANGES))
    for referral in session.scalars(stood).all():
        referral.state, referral.changed_at = "revoked", now
    if ended:
        event(session, case, "consent_withdrawn", now, staff_id=staff_id, detail={"purpose": purpose})
    session.flush()
    return len(ended)


def refer(
    session: Session, case_id: uuid.UUID, service_id: uuid.UUID, staff_id: uuid.UUID, now: datetime,
    *, override: str | None = None, note: str | None = None,
) -> Referral:  # fmt: skip
    """Refer to a service of the directory. Refused without a standing consent to share with it, unless `override` says
    why it must be: then who did it and why stands in the case's log."""
    who, case = staff.get(session, staff_id), locked(session, case_id)
    if override is not None and override not in OVERRIDES:
        raise InvalidInput(f"a reason out of {', '.join(OVERRIDES)}")
    if not staff.may_take(who) or case.closed_at:
        raise Refused("this account may not refer, or the case is closed")
    consent = standing(session, case.id, "share", service_id=service_id)
    if consent is None and override is None:
        raise Refused("the person has not agreed that anything is told to this service")
    referral = Referral(
        case_id=case.id, service_id=service_id, consent_id=consent.id if consent else None,
        override_reason=None if consent else override, note=note, created_by_id=who.id, created_at=now, changed_at=now,
    )  # fmt: skip
    session.add(referral)
    session.flush()
    told = {"service": str(service_id)} | ({} if consent else {"override": override})
    event(session, case, "referred" if consent else "referred_without_consent", now, staff_id=who.id, detail=told)
    session.flush()
    return referral


def change(session: Session, referral_id: uuid.UUID, state: str, staff_id: uuid.UUID, now: datetime) -> Referral:
    """A referral was accepted, refused, done or revoked; Refused when its present state does not lead there."""
    who = staff.get(session, staff_id)
    referral = session.get_one(Referral, referral_id)
    case = locked(session, referral.case_id)
    session.refresh(referral, with_for_update=True)
    if not staff.may_take(who) or state not in CHANGES.get(referral.state, ()):
        raise Refused(f"a referral that is {referral.state} cannot become {state}")
    referral.state, referral.changed_at = state, now
    event(session, case, f"referral_{state}", now, staff_id=who.id, detail={"service": str(referral.service_id)})
    session.flush()
    return referral


def referrals(session: Session, case_id: uuid.UUID) -> Sequence[Referral]:
    """A case's referrals, oldest first."""
    return session.scalars(select(Referral).where(Referral.case_id == case_id).order_by(Referral.created_at)).all()
