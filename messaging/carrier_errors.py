"""What each of the carrier's error codes means for us. Source: Twilio's error dictionary, read 2026-11
(twilio.com/docs/api/errors)."""

from dataclasses import dataclass
from enum import Enum


class Action(Enum):
    """What to do with a message that met an error."""

    GIVE_UP = "give up"  # it will never arrive there
    RETRY = "retry"  # later, spaced
    RETRY_ONCE = "retry once"
    OPTED_OUT = "opted out"  # the carrier blocks this address until the person opts in again
    NEEDS_TEMPLATE = "needs template"  # WhatsApp's 24 hours are over
    STOP_SENDING = "stop sending"  # our account or settings: people must act


@dataclass(frozen=True)
class Rule:
    """`alarm`: an operator must look (it is about us, not about one person)."""

    action: Action
    meaning: str
    alarm: bool = False


RULES: dict[int, Rule] = {
    20003: Rule(Action.STOP_SENDING, "our keys are refused", alarm=True),
    20429: Rule(Action.RETRY, "too many requests"),
    21211: Rule(Action.GIVE_UP, "not a valid number"),
    21408: Rule(Action.GIVE_UP, "region not enabled in Twilio's geographic permissions", alarm=True),
    21606: Rule(Action.STOP_SENDING, "the sender is not ours or cannot send", alarm=True),
    21610: Rule(Action.OPTED_OUT, "the person opted out"),
    21611: Rule(Action.RETRY, "the sender's queue is full", alarm=True),
    21614: Rule(Action.GIVE_UP, "not a mobile number"),
    21617: Rule(Action.GIVE_UP, "longer than 1,600 characters", alarm=True),
    21635: Rule(Action.GIVE_UP, "a landline"),
    30001: Rule(Action.RETRY, "queue overflow", alarm=True),
    30002: Rule(Action.STOP_SENDING, "our account is suspended", alarm=True),
    30003: Rule(Action.RETRY, "handset switched off or out of reach"),
    30004: Rule(Action.GIVE_UP, "blocked by the person or the network"),
    30005: Rule(Action.GIVE_UP, "unknown handset"),
    30006: Rule(Action.GIVE_UP, "landline or unreachable network"),
    30007: Rule(Action.GIVE_UP, "filtered by the network", alarm=True),
    30008: Rule(Action.RETRY_ONCE, "unknown error"),
    30036: Rule(Action.GIVE_UP, "too late to be useful"),
    63003: Rule(Action.GIVE_UP, "no such WhatsApp address"),
    63014: Rule(Action.GIVE_UP, "blocked by the person"),
    63016: Rule(Action.NEEDS_TEMPLATE, "outside WhatsApp's 24 hours"),
    63017: Rule(Action.RETRY, "account rate exceeded"),
    63018: Rule(Action.RETRY, "channel rate exceeded"),
    63021: Rule(Action.GIVE_UP, "content refused", alarm=True),
    63024: Rule(Action.GIVE_UP, "invalid WhatsApp recipient"),
    63030: Rule(Action.GIVE_UP, "unsupported parameter", alarm=True),
    63032: Rule(Action.GIVE_UP, "limited by Meta for this person"),
}


def rule(code: int, http_status: int = 0) -> Rule:
    """The rule of a code. Unknown: retried when the carrier was at fault (5xx, 429), given up when we were (4xx)."""
    known = RULES.get(code)
    if known:
        return known
    if http_status in {401, 403}:
        return RULES[20003]
    if http_status == 429 or http_status >= 500 or http_status == 0:
        return Rule(Action.RETRY, f"carrier error {code or http_status}")
    return Rule(Action.GIVE_UP, f"refused with {code or http_status}", alarm=True)
