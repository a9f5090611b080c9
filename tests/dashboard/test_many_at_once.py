"""Many people at once: every request is answered, none waits for a connection that another one of its own holds, and
acts on one case happen one after the other."""

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from base import audit
from oncall.models import Case, CaseEvent
from tests.dashboard.conftest import SignedIn
from tests.dashboard.queue_world import opened

AT_ONCE = 40  # each waits for a connection: far below the ten seconds of the pool, on a busy machine too


def test_two_hundred_looks_at_once_are_all_answered(
    app: Flask, signed_in: SignedIn, sessions: sessionmaker[Session]
) -> None:
    for severity in ("critical", "high", "standard"):
        opened(sessions, severity)
    browsers = [signed_in(role) for role in ("officer", "supervisor", "editor") for _ in range(10)]
    paths = {"officer": ["/queue", "/unread", "/rota", "/me"], "editor": ["/directory", "/directory/stale"]}

    def look(number: int) -> int:
        role = "editor" if number % 30 >= 20 else "officer"
        mine = paths[role]
        return browsers[number % 30].client.get(mine[number % len(mine)]).status_code

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert Counter(pool.map(look, range(200))) == {200: 200}


def test_one_case_taken_by_many_at_once_is_one_person_s(
    signed_in: SignedIn, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    case = opened(sessions, "critical")
    browsers = [signed_in(role) for role in ("officer", "supervisor") for _ in range(10)]
    for browser in browsers:
        browser.get("/queue")
    with ThreadPoolExecutor(20) as pool:
        statuses = Counter(pool.map(lambda one: one.post(f"/queue/{case.code}/take").status_code, browsers))
    assert set(statuses) == {200}
    with sessions() as session:
        taken = session.scalars(select(CaseEvent).where(CaseEvent.kind == "acknowledged")).all()
        assert len(taken) == 1
        assert session.get_one(Case, case.id).owner_id in set(people.values())
        assert audit.verify(session).whole
