"""How codes of a case are said on its page: states of messages, kinds of events, answers, reasons."""

from typing import Any

from base.harmless import harmless
from dashboard.words import _
from oncall.notes import Happened

# state of the outbox, or what the carrier told since -> what an officer reads
DELIVERY = {
    "queued": "waiting to leave", "held": "held back", "window": "waits until the person writes",
    "sending": "leaving", "unknown": "leaving, not confirmed", "accepted": "on its way", "scheduled": "on its way",
    "sent": "sent", "partially_delivered": "partly delivered", "delivered": "delivered", "read": "read",
    "undelivered": "not delivered", "failed": "not delivered", "canceled": "not sent", "dropped": "not sent",
}  # fmt: skip
FAILED = frozenset({"undelivered", "failed", "canceled", "dropped", "held"})
STATES = {
    "new": "new", "paged": "nobody has it, people are paged", "acknowledged": "taken, not yet answered",
    "engaged": "a person is in contact", "closed": "closed", "merged": "one with another case",
}  # fmt: skip
EVENTS = {
    "disclosed": "harm was told of", "raised": "severity raised", "lowered": "severity lowered",
    "message": "the person wrote", "viewed": "opened the case", "acknowledged": "took the case", "passed": "passed on",
    "engaged": "first contact", "contact": "contact", "reopened": "paged again", "closing": "asked to close",
    "close_refused": "closing refused", "closed": "closed", "merged": "made one with another",
    "merged_in": "another case became part of it", "consent": "consent given", "consent_withdrawn": "consent withdrawn",
    "referred": "referred", "referred_without_consent": "referred without consent", "step": "step answered",
    "wish": "wish noted", "hidden": "quick-exit word used", "override": "written to although it spoke against it",
    "note": "note", "handover": "hand-over note", "translation": "translation", "reply": "reply",
    "referral_accepted": "referral accepted", "referral_refused": "referral refused", "referral_done": "referral done",
    "referral_revoked": "referral revoked", "paged": "people were paged", "late": "late",
}  # fmt: skip
SAID = {
    "text": "by text", "call": "by call", "no": "no contact from us", "any": "any time", "morning": "morning (6 to 12)",
    "afternoon": "afternoon (12 to 17)", "evening": "evening (17 to 21)", "after_me": "only after they write",
    "child_in_danger": "a child is in danger", "imminent_harm": "harm is about to happen",
    "legal_duty": "the law demands it", "resolved": "resolved", "referred": "referred and accepted",
    "police": "handed to the police", "unreachable": "cannot be reached", "no_concern": "not a concern",
    "drill": "exercise", "contact": "being contacted", "share": "telling a service", "service": "being helped by us",
    "statistics": "being counted", "created": "sent", "accepted": "accepted", "refused": "refused", "done": "done",
    "revoked": "revoked", "not_needed": "not needed", "message": "by message", "visit": "by visit",
    "self": "the person", "caregiver": "a caregiver", "when": "safe times", "word": "safe word",
    "spoken": "in own words, spoken",
}  # fmt: skip


LANGUAGES = {"en": "English", "ht": "Kreyòl (Haiti)", "acf": "Kwéyòl", "fr": "French", "es": "Spanish"}


def language(code: str) -> str:
    return LANGUAGES.get(code, code)


def said(code: str | None) -> str:
    """A code in words; itself where it has none."""
    return _(SAID.get(code or "", (code or "").replace("_", " ")))


def event(kind: str) -> str:
    return _(EVENTS.get(kind, kind.replace("_", " ")))


def delivery(state: str) -> str:
    return _(DELIVERY.get(state, state))


def failed(state: str) -> bool:
    return state in FAILED


def state(name: str) -> str:
    return _(STATES.get(name, name))


def detail(one: Happened) -> str:
    """What is noted with an event, in one line; ids are left out."""
    return "; ".join(harmless(_part(name, value)) for name, value in one.detail.items() if name not in IDS and value)


IDS = frozenset({"message", "service", "into", "case", "wording"})


def _part(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    words = str(value)
    if name in {"note", "reason", "against"}:
        return said(words) if words in SAID else words
    return said(words)
