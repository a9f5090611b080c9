"""The doctor's look at the people behind the service: who is on duty, who can sign in, what alarm stands."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from base.db import database_now
from base.settings import Settings
from dashboard.models import Credential, Passkey
from koudmen.findings import Finding, Level
from oncall import alarms, rota, staff
from oncall.models import Staff

SOON = timedelta(days=7)
TOLD = {1: "on call", 2: "backup", 3: "supervisors"}


def duty(session: Session, settings: Settings) -> Iterator[Finding]:
    """Whether a page would reach somebody now and in the next days, and which alarms stand."""
    at, grave = database_now(session), _grave(settings)
    for level, name in TOLD.items():
        if not any(staff.reachable(one) for one in rota.on_duty(session, at, level)):
            words = f"nobody who can be paged stands at level {level} ({name}) now: koudmen rota add, staff verify"
            yield Finding("duty", grave if level == 1 else "look", words)
    if found := rota.gaps(session, at, at + SOON, settings.config.oncall.languages):
        yield Finding("duty", "look", f"{len(found)} gaps in the rota of the next 7 days: koudmen rota gaps")
    for kind, count in alarms.counts(session).items():
        if kind != "gap":
            yield Finding("alarms", "bad", f"`{kind}` stands {count} times: docs/operating.md, Runbook")


def accounts(session: Session, settings: Settings) -> Iterator[Finding]:
    """Whether those who must can sign in: with a password and a second proof. Counted, not named."""
    with_code = select(Credential.staff_id).where(
        Credential.password_hash.is_not(None), Credential.totp_confirmed_at.is_not(None)
    )
    with_proofs = {*session.scalars(with_code), *session.scalars(select(Passkey.staff_id))}
    if settings.oidc:
        with_proofs |= {one.id for one in staff.active(session) if one.email}
    for role in ("administrator", "supervisor", "officer"):
        having = staff.active(session, role)
        if not any(one.id in with_proofs for one in having):
            words = f"no {role} can sign in: koudmen staff add --role {role}, then /setup"
            yield Finding("accounts", _grave(settings) if role != "officer" else "look", words)
        elif without := _lacking(having, with_proofs):
            words = f"{without} of {len(having)} with the role {role} have not set up a second proof and cannot sign in"
            yield Finding("accounts", "look", words)


def _lacking(having: Sequence[Staff], with_proofs: set[uuid.UUID]) -> int:
    return sum(one.id not in with_proofs for one in having)


def _grave(settings: Settings) -> Level:
    """Where nobody real texts it is only to be known."""
    return "look" if settings.rehearsing else "bad"
