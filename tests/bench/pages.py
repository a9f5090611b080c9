"""From the webhook of a disclosure to the page at the carrier: idle, and beside many ordinary messages."""

import threading
import time
from collections.abc import Callable, Mapping, Set
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from base.db import database_now, make_sessions, transaction
from messaging.models import Address, Conversation
from oncall import rota, staff
from oncall.models import Case
from tests.bench.load import settle
from tests.bench.messages import Letter
from tests.bench.stack import Stack

OFFICER = "+17675550171"
HARM = "mari m ap bat mwen"
ORDINARY = (
    "mwen bezwen yon dokte nan Pòtsmouf", "ki kote mwen ka jwenn manje", "bonjou", "I need a doctor in Marigot",
    "mwen bezwen travay", "lekòl pou pitit mwen nan Wozo", "I need food", "2",
)  # fmt: skip
PATIENCE_S = 30.0
NEVER_S = 60.0  # what a page that never came counts as
SPACING_S = 0.2


def hire(stack: Stack) -> None:
    """Somebody is on call; what was disclosed before is nobody's concern any more."""
    with transaction(make_sessions(stack.engine)) as session:
        session.execute(update(Case).values(closed_at=func.now(), state="closed"))
        now = database_now(session)
        one = staff.add(session, "Ada", ["officer"], now, phone=OFFICER, verified=True)
        rota.add_shift(session, one.id, 1, now, now + timedelta(days=1), now)


def idle(stack: Stack, count: int) -> list[float]:
    """Seconds to each page, sorted, when nothing else goes on. One that never came counts as a minute."""
    return _measured(stack, [f"+1066{number:07d}" for number in range(count)], lambda: None)


def busy(stack: Stack, count: int, letters: list[Letter], connections: int, rate: float) -> list[float]:
    """The same while as many people as in `letters` write something ordinary, at `rate` a second."""
    messages = [(one.sender, ORDINARY[number % len(ORDINARY)]) for number, one in enumerate(letters)]
    flood = threading.Thread(target=lambda: stack.double.flood(messages, rate=rate, connections=connections))
    found = _measured(stack, [f"+1067{number:07d}" for number in range(count)], flood.start)
    flood.join()
    settle(stack)
    return found


def _measured(stack: Stack, senders: list[str], begin: Callable[[], object]) -> list[float]:
    begin()
    began: dict[str, float] = {}
    for sender in senders:
        began[sender] = time.monotonic()
        stack.double.send_sms(sender, HARM)
        time.sleep(SPACING_S)
    return since(stack, began)


def since(stack: Stack, began: Mapping[str, float]) -> list[float]:
    """Seconds from when each sender began (monotonic) to the page, sorted."""
    until = time.monotonic() + PATIENCE_S
    while len(arrived := arrived_pages(stack, set(began))) < len(began) and time.monotonic() < until:
        time.sleep(0.25)
    return sorted(arrived.get(sender, start + NEVER_S) - start for sender, start in began.items())


def arrived_pages(stack: Stack, senders: Set[str]) -> dict[str, float]:
    """Sender -> when the page of each sender's case was taken by the carrier (monotonic)."""
    pages = stack.double.sent(OFFICER)
    with Session(stack.engine) as session:
        rows = session.execute(
            select(Address.channel, Address.value, Case.code)
            .join(Conversation, Conversation.address_id == Address.id)
            .join(Case, Case.conversation_id == Conversation.id)
        ).all()
    named = ((f"whatsapp:{value}" if channel == "whatsapp" else value, code) for channel, value, code in rows)
    codes = {code: sender for sender, code in named if sender in senders}
    found: dict[str, float] = {}
    for page in pages:
        for word in page.text.replace(".", " ").split():
            if word in codes:
                found.setdefault(codes[word], page.at)
    return found
