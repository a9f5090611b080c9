"""Words that ask to be left alone or to be written to again: the whole message, nothing else.

Twilio's own words (help article 223134027 and advanced-opt-out documentation) with Haitian Creole, Kweyol, French
and Spanish ones. "STOP li frape m" is not one of them: it is read like any other message.
"""

import unicodedata
from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import func, update
from sqlalchemy.orm import Session

from messaging.models import Address, OptEvent
from messaging.outbox import release_held

TWILIO_OUT = frozenset("stop stopall unsubscribe cancel end quit revoke optout".split())
TWILIO_IN = frozenset("start unstop".split())  # YES is Twilio's too, but here it may answer a question
TWILIO_HELP = frozenset("help info".split())
OUR_OUT = frozenset("rete sispann sispan kanpe arret desabonner alto parar baja".split()) | {
    "stop all", "opt out", "pa ekri m anko", "sispann ekri m",
}  # fmt: skip
OUR_IN = frozenset(["begin", "komanse", "rekomanse", "koumanse", "commencer", "empezar"])

Action = Literal["out", "in"]


def word(text: str) -> str:
    """The message as it is compared: lower case, no accents, no punctuation around it."""
    letters = unicodedata.normalize("NFKD", text.strip(" \t\r\n.,!?;:'\"*_()").lower())
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).split())


def asked(text: str, extra: Mapping[str, Any], *, opted_out: bool) -> Action | None:
    """Whether the whole message is an opt-out or an opt-in. The carrier's own reading (OptOutType) comes first."""
    carrier = extra.get("opt_out")
    if carrier in {"STOP", "START"}:
        return "out" if carrier == "STOP" else "in"
    typed = word(text)
    if typed in TWILIO_OUT or typed in OUR_OUT:
        return "out"
    if typed in TWILIO_IN or typed in OUR_IN or (opted_out and typed == "yes"):
        return "in"
    return None


def carrier_answers(text: str, extra: Mapping[str, Any], channel: str) -> bool:
    """Whether the carrier itself answers this opt-out or opt-in, so that ours would be a second text (or refused)."""
    if extra.get("opt_out") in {"STOP", "START"}:
        return True
    return channel == "sms" and word(text) in TWILIO_OUT | TWILIO_IN


def record(session: Session, address: Address, action: Action, source: str) -> None:
    """Write the ledger and the address's present state. Nothing is written when nothing changes.

    What was held back meanwhile leaves with an opt-in."""
    if (action == "out") == (address.opted_out_at is not None):
        return
    session.add(OptEvent(address_id=address.id, action=action, source=source))
    address.opted_out_at = None
    if action == "in":
        release_held(session, address.id)
    if action == "out":
        session.flush()
        session.execute(update(Address).where(Address.id == address.id).values(opted_out_at=func.now()))
        session.refresh(address)
