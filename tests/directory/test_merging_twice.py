"""Two clerks decide on the same two rows at once: the second is told, and nothing is merged into what is gone."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

import directory.models as m
from base.db import Base, transaction
from base.errors import Refused
from directory.merging import merge, unmerge

MODELS: tuple[type[Base], ...] = (m.Organization, m.Service)
AT = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def pairs(sessions: sessionmaker[Session]) -> Iterator[dict[type[Base], list[uuid.UUID]]]:
    """Two organizations and two services, committed, so that two clerks see them."""
    found: dict[type[Base], list[uuid.UUID]] = {model: [uuid.uuid4(), uuid.uuid4()] for model in MODELS}
    owner = uuid.uuid4()
    with transaction(sessions) as session:
        session.add_all(m.Organization(id=key, name="An office") for key in (owner, *found[m.Organization]))
        session.flush()
        session.add_all(m.Service(id=key, organization_id=owner, name="A service") for key in found[m.Service])
    yield found
    every = [owner, *found[m.Organization], *found[m.Service]]
    with transaction(sessions) as session:
        session.execute(delete(m.Service).where(m.Service.id.in_(every)))
        session.execute(delete(m.Organization).where(m.Organization.id.in_(every)))
        session.execute(delete(m.FieldChange).where(m.FieldChange.resource_id.in_(every)))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("turned", [True, False], ids=["the other way round", "the same way"])
def test_the_second_of_two_clerks_is_told(
    sessions: sessionmaker[Session], pairs: dict[type[Base], list[uuid.UUID]], model: Any, turned: bool
) -> None:
    keep, other = pairs[model]
    with sessions() as slow:
        seen = slow.scalars(select(model).where(model.id.in_([keep, other]))).all()
        assert len(seen) == 2
        with transaction(sessions) as quick:
            merge(quick, keep, other, by="A. Clerk", at=AT)
        with pytest.raises(Refused, match="somebody else"):
            merge(slow, *((other, keep) if turned else (keep, other)), by="B. Clerk", at=AT)


def test_services_may_be_merged_again_after_the_merge_was_taken_back(
    sessions: sessionmaker[Session], pairs: dict[type[Base], list[uuid.UUID]]
) -> None:
    keep, other = pairs[m.Service]
    with transaction(sessions) as session:
        merge(session, keep, other, by="A. Clerk", at=AT)
        unmerge(session, other, by="A. Clerk", at=AT)
    with transaction(sessions) as session:
        merge(session, other, keep, by="B. Clerk", at=AT)
        assert session.get_one(m.Service, keep).status == "defunct"


def test_nothing_is_merged_with_a_defunct_service(
    sessions: sessionmaker[Session], pairs: dict[type[Base], list[uuid.UUID]]
) -> None:
    keep, other = pairs[m.Service]
    with transaction(sessions) as session:
        session.get_one(m.Service, keep).status = "defunct"
        session.flush()
        for pair in ((keep, other), (other, keep)):
            with pytest.raises(Refused, match="defunct"):
                merge(session, *pair, by="A. Clerk", at=AT)
