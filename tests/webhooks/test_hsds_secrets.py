"""A refuge cannot be found: not in any reply, endpoint, error, coverage map or log, by any of its strings or ids."""

import uuid
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

import directory.models as m
import webhooks.app
from base.db import transaction
from base.settings import Settings
from bot.drain import Drain
from bot.rasa import Away
from directory import indexing
from directory.coverage import by_district, by_parish
from directory.coverage_told import as_csv, as_svg, table
from directory.hsds.filters import LISTS
from directory.needs import NEEDS
from directory.places import parishes
from directory.search import Query, answer, details
from messaging import inbox, simulator
from messaging.models import OutboundMessage
from tests.security.search import find as hits
from tests.webhooks.hsds_world import SECRETS, World, make_world


@pytest.fixture
def world(sessions: sessionmaker[Session]) -> Iterator[World]:
    with make_world(sessions) as made:
        yield made


@pytest.fixture
def api(settings: Settings, world: World) -> Iterator[FlaskClient]:
    plenty = settings.config.hsds.model_copy(update={"per_minute": 1_000_000, "burst": 1_000_000})
    app = webhooks.app.create_app(
        settings.model_copy(update={"config": settings.config.model_copy(update={"hsds": plenty})})
    )
    yield app.test_client()
    app.extensions["koudmen"].engine.dispose()


def secrets(world: World) -> dict[str, str]:
    return SECRETS | {f"id {n}": str(one) for n, one in enumerate(world.hidden_ids)}


def test_the_search_for_secrets_finds_them_when_they_are_told(
    world: World, api: FlaskClient, sessions: sessionmaker[Session]
) -> None:
    """Once the service is no longer marked, all of it is published: the test can fail."""
    with transaction(sessions) as session:
        session.get_one(m.Service, world.refuge).confidential = False
    told = b"".join(
        api.get(f"/hsds/{name}?format=ndjson&full=true&unverified=true").data
        for name in ("services", "organizations", "service_at_locations")
    )
    found = {hit.rpartition(" (")[0] for hit in hits(secrets(world), told)}
    assert found == set(secrets(world)) - {"hidden phone", "hidden place"}


def test_no_endpoint_tells_it(world: World, api: FlaskClient) -> None:
    """Lists in every form, each object by id, searches for its strings, its own ids, and the errors they give."""
    paths = ["/hsds/", "/hsds/openapi.json", "/hsds/profile"]
    for name, allowed in LISTS.items():
        forms = ["", "format=ndjson"]
        forms += (
            ["full=true&unverified=true&per_page=100", "full=true&unverified=true&format=ndjson"]
            if "full" in allowed
            else []
        )
        forms += ["full_service=true&full=true&format=ndjson"] if "full_service" in allowed else []
        forms += ["minimal=true"] if "minimal" in allowed else []
        forms += ["parish=Saint+Luke&full=true", "need=shelter&full=true"] if "need" in allowed else []
        paths += [f"/hsds/{name}?{form}" for form in forms]
        paths += [f"/hsds/{name}/{one['id']}" for one in api.get(f"/hsds/{name}?per_page=100").json["contents"]]  # type: ignore[index]
    told = []
    for path in paths:
        reply = api.get(path)
        assert reply.status_code == 200, path
        told.append(reply.data + str(reply.headers).encode())
        lower = told[-1].lower()
        assert [name for name, secret in secrets(world).items() if secret.lower().encode() in lower] == [], path
    assert hits(secrets(world), b"\n".join(sorted(set(told), key=len)[-40:])) == []


def test_asking_for_it_by_name_or_id_finds_nothing(world: World, api: FlaskClient) -> None:
    for name, allowed in LISTS.items():
        for secret in SECRETS.values():
            page = api.get(f"/hsds/{name}", query_string={"search": secret}).json
            assert page is not None
            assert page["total_items"] == 0, (name, secret)
        for key in world.hidden_ids:
            assert api.get(f"/hsds/{name}/{key}").status_code == 404
            if "organization_id" in allowed:
                assert api.get(f"/hsds/{name}?organization_id={key}").json["total_items"] == 0  # type: ignore[index]


def test_counts_do_not_betray_it(world: World, api: FlaskClient, sessions: sessionmaker[Session]) -> None:
    """Every answer is the same as when the refuge is not in the database at all."""
    asked = [f"/hsds/{name}?per_page=1" for name in LISTS] + [
        "/hsds/services?need=shelter",
        "/hsds/services?parish=Saint+Luke",
    ]
    before = [api.get(path).data for path in asked]
    with transaction(sessions) as session:
        owners = [m.Phone, m.Url, m.DirectoryContact, m.ServiceAtLocation, m.ServiceNeed, m.ServiceArea]
        owners += [m.Schedule, m.Funding, m.ServiceCapacity]
        contacts = select(m.DirectoryContact.id).where(m.DirectoryContact.service_id == world.refuge)
        session.execute(delete(m.Phone).where(m.Phone.contact_id.in_(contacts)))
        for model in owners:
            session.execute(delete(model).where(model.service_id == world.refuge))  # type: ignore[attr-defined]
        session.execute(delete(m.Service).where(m.Service.id == world.refuge))
        at = world.hidden_ids[3]
        for owned in (m.LocationAddress, m.Phone):
            session.execute(delete(owned).where(owned.location_id == at))
        for owned_by in (m.Phone, m.DirectoryContact, m.Program, m.OrganizationIdentifier):
            session.execute(delete(owned_by).where(owned_by.organization_id == world.hidden_ids[0]))
        session.execute(delete(m.Location).where(m.Location.id == at))
        session.execute(delete(m.Organization).where(m.Organization.id == world.hidden_ids[0]))
    assert [api.get(path).data for path in asked] == before


def test_no_search_and_no_map_tells_it(world: World, sessions: sessionmaker[Session]) -> None:
    told = []
    with sessions() as session:
        for need in NEEDS:
            for parish in (None, *(p.name for p in parishes())):
                told.append(repr(answer(session, Query((need,), parish=parish, limit=99, demo_numbers=True))))
        told += [repr(answer(session, Query(("shelter",), latitude=15.26, longitude=-61.38, limit=99)))]
        told += [repr(details(session, key)) for key in world.hidden_ids]
        index = indexing.current(session)
        told += [
            form(found) for found in (by_parish(index, {}), by_district(index, {})) for form in (table, as_csv, as_svg)
        ]
        office = details(session, world.refuge)
    assert office is not None
    assert (office.name, "refers" in office.reasons) == ("Open Office desk", True)
    hidden = {name: text for name, text in secrets(world).items() if text != str(world.refuge)}
    assert hits(hidden, "\n".join(told).encode()) == []
    assert str(world.refuge) not in "\n".join(told)


def test_no_reply_tells_it(
    world: World, sessions: sessionmaker[Session], settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    """A person who asks in every way they might, on both channels; and what was logged meanwhile."""
    drain = Drain(sessions, Away(), settings)
    asked = [
        "I need shelter in Pointe Michel", "1", "2", "3", "more", "more", "more", f"where is {SECRETS['service']}",
        SECRETS["place"], f"number for {SECRETS['organization']}", SECRETS["street"], "my husband beats me", "1",
        "I need a place to sleep tonight in Saint Luke", "3", "4", "5", str(world.refuge), "a", "wrong number",
    ]  # fmt: skip
    for mode in ("sms", "whatsapp"):
        for words in asked:
            with transaction(sessions) as session:
                inbox.receive(session, simulator.parse_inbound(mode, "+17675550110", words))
            drain.run(seconds=10)
    with sessions() as session:
        bodies = [body or "" for body in session.scalars(select(OutboundMessage.body))]
    assert len(bodies) >= len(asked)
    assert hits(secrets(world), "\n".join(bodies).encode()) == []
    assert hits(secrets(world), "".join(capfd.readouterr()).encode()) == []


def test_a_wrong_request_is_not_repeated_in_the_answer(api: FlaskClient) -> None:
    secret = f"x{uuid.uuid4().hex}"
    for path in (
        f"/hsds/services?{secret}=1",
        f"/hsds/services?page={secret}",
        f"/hsds/services/{secret}",
        f"/hsds/{secret}",
    ):
        reply = api.get(path)
        assert reply.status_code in {400, 404}
        assert secret not in reply.text
