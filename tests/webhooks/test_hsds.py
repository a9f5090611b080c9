"""The HSDS API: what it answers is what the standard's schemas demand, filtered, paged, cacheable, limited."""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from flask.testing import FlaskClient
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from sqlalchemy import delete, func, inspect, or_, select, update
from sqlalchemy.orm import Session, sessionmaker

import directory.models as m
import webhooks.app
from base.clock import DOMINICA
from base.settings import Settings
from directory import truth
from directory.hsds import profile, terms
from directory.hsds.fields import ENTITIES
from directory.seed_rows import service_id
from tests.webhooks.hsds_world import REAL, SECRETS, UNLISTED, World, make_world

SCHEMAS = {
    path.name: json.loads(path.read_text())
    for path in (Path(__file__).parents[1] / "directory/hsds_schema").glob("*.json")
}
LISTS = {
    "services": "service", "organizations": "organization", "service_at_locations": "service_at_location",
    "taxonomies": "taxonomy", "taxonomy_terms": "taxonomy_term",
}  # fmt: skip


def validator(name: str, schemas: dict[str, Any]) -> jsonschema.Draft202012Validator:
    resources = ((key, DRAFT202012.create_resource(one)) for key, one in schemas.items())
    return jsonschema.Draft202012Validator(
        {"$ref": f"{name}.json"},
        registry=Registry().with_resources(resources),
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )


@pytest.fixture
def world(sessions: sessionmaker[Session]) -> Iterator[World]:
    """The seed, and beside it one service with something in every field, and a refuge."""
    with make_world(sessions) as made:
        yield made


@pytest.fixture
def api(settings: Settings, world: World) -> Iterator[FlaskClient]:
    app = webhooks.app.create_app(settings)
    yield app.test_client()
    app.extensions["koudmen"].engine.dispose()


def get(api: FlaskClient, path: str, status: int = 200, **query: Any) -> Any:
    answer = api.get(f"/hsds{path}", query_string=query)
    assert answer.status_code == status, answer.text
    return answer.json


def every(api: FlaskClient, path: str, **query: Any) -> list[Any]:
    """All pages of a list."""
    found: list[Any] = []
    for page in range(1, 99):
        answer = get(api, path, page=page, per_page=25, **query)
        assert answer["page_number"] == page
        assert answer["size"] == len(answer["contents"])
        found += answer["contents"]
        if answer["last_page"]:
            assert len(found) == answer["total_items"]
            return found
    raise AssertionError("it has no end")


def test_it_says_what_it_is(api: FlaskClient) -> None:
    about = get(api, "/")
    assert about["version"] == "3.1"
    for name in ("profile", "openapi_url"):
        assert get(api, about[name].partition("/hsds")[2])
    assert api.get("/hsds").status_code == 308


@pytest.mark.parametrize("full", ["true", "false"])
@pytest.mark.parametrize("name", LISTS)
def test_every_object_of_every_list_is_what_the_standard_demands(api: FlaskClient, name: str, full: str) -> None:
    query = {"full": full, "unverified": "true"} if not name.startswith("tax") else {}
    objects = every(api, f"/{name}", **query)
    assert objects
    standard = validator(LISTS[name], SCHEMAS)
    for one in objects:
        standard.validate(one)
    ids = [one["id"] for one in objects]
    assert ids == list(dict.fromkeys(ids))


@pytest.mark.parametrize("name", LISTS)
def test_one_by_its_id_is_the_same_in_full(api: FlaskClient, name: str) -> None:
    for one in every(api, f"/{name}")[:5]:
        whole = get(api, f"/{name}/{one['id']}")
        validator(LISTS[name], SCHEMAS).validate(whole)
        assert {key: whole[key] for key in one if not isinstance(one[key], dict)} == {
            key: value for key, value in one.items() if not isinstance(value, dict)
        }
    get(api, f"/{name}/{uuid.uuid4()}", 404)
    get(api, f"/{name}/nonsense", 404)


def test_the_profile_is_a_merge_patch_that_gives_a_valid_schema_which_the_answers_meet(api: FlaskClient) -> None:
    merged = dict(SCHEMAS)
    for name, url in get(api, "/profile")["schemas"].items():
        patch = get(api, url.partition("/hsds")[2])
        merged[f"{name}.json"] = merge(SCHEMAS[f"{name}.json"], patch)
        jsonschema.Draft202012Validator.check_schema(merged[f"{name}.json"])
    assert merged != SCHEMAS
    assert "parish" in merged["location.json"]["properties"]
    assert merged["address.json"]["required"] == profile.NOT_DEMANDED["address"]
    for one in every(api, "/services", full="true", unverified="true"):
        validator("service", merged).validate(one)
    get(api, "/profile/program.json", 404)


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    made = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        made = (
            {k: v for k, v in made.items() if k != key} if value is None else made | {key: merge(made.get(key), value)}
        )
    return made


def test_every_field_of_the_tables_that_may_be_told_is_told(api: FlaskClient, world: World) -> None:
    whole = get(api, f"/services/{world.full}")
    assert whole["phones"][0]["number"] == REAL
    kinds = (
        "phones schedules service_areas service_at_locations languages cost_options required_documents contacts "
        "attributes additional_urls organization program funding capacities"
    )
    assert [kind for kind in kinds.split() if not whole.get(kind)] == []
    at = whole["service_at_locations"][0]
    assert {"phones", "schedules", "service_areas", "contacts", "location"} <= set(at)
    assert {"languages", "addresses", "accessibility", "phones", "schedules", "contacts"} <= set(at["location"])
    held = {"contacts", "phones", "programs", "locations", "additional_websites", "funding", "organization_identifiers"}
    assert held <= set(whole["organization"])
    count = whole["capacities"][0]
    assert (count["available"], count["maximum"], count["unit"]["name"]) == (4, 9.5, "place")
    assert whole["schedules"][0]["opens_at"] == "08:00-04:00"
    assert whole["cost_options"][0]["amount"] == 20.5
    assert at["location"]["parish"] == "Saint John"


def test_a_number_nobody_verified_is_told_only_when_asked_for_and_says_so(api: FlaskClient) -> None:
    path = f"/services/{service_id('social-welfare')}"
    assert "phones" not in get(api, path)
    phones = get(api, path, unverified="true")["phones"]
    assert phones
    assert all("verified_on" not in phone for phone in phones)
    assert {(a["link_type"], a["value"]) for phone in phones for a in phone["attributes"]} == {
        ("verification", "unverified")
    }


def test_what_a_verified_number_says(api: FlaskClient, world: World) -> None:
    (phone,) = get(api, f"/services/{world.full}")["phones"]
    assert (phone["verified_on"], phone["attributes"][0]["value"]) == ("2026-11-01", "verified")


def test_who_verified_and_where_it_was_found_stays_inside(api: FlaskClient) -> None:
    everything = api.get("/hsds/services?format=ndjson&full=true&unverified=true").text
    for inside in ("verified_by", "A. Clerk", "confidence", "referred_by", "source_year", "next_check_due"):
        assert inside not in everything
    for line in everything.splitlines():
        one = json.loads(line, object_pairs_hook=_without_funding)
        assert '"source"' not in json.dumps(one)


def _without_funding(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Who pays is the standard's own field `source`."""
    return {name: value for name, value in pairs if name != "funding"}


def test_filters_add_up(api: FlaskClient, world: World) -> None:
    def names(**query: Any) -> set[str]:
        return {one["name"] for one in every(api, "/services", **query)}

    health, north = names(need="health"), names(parish="Saint John")
    both = names(need="health", parish="Saint John")
    assert both == health & north
    assert "Portsmouth Hospital" in both
    assert "Roseau Health Centre" in health - north
    assert names(taxonomy_term_id=terms.term_id("health")) == health
    assert names(taxonomy_id=terms.taxonomy().id) >= health | names(need="food")
    assert names(need="health", search="HOSPITAL", open_to_migrants="yes") == set()
    assert "Dominica-Haiti Friendship Association" in names(language="ht", open_to_migrants="yes")
    assert "Open Office desk" in names(language="en")  # spoken at its place
    organization = get(api, f"/services/{service_id('odm')}")["organization"]["id"]
    assert names(organization_id=organization) == {"Office of Disaster Management"}
    assert names(search="%") == set()
    assert names(taxonomy_term_id=uuid.uuid4()) == names(taxonomy_id=uuid.uuid4()) == set()
    assert {one["name"] for one in every(api, "/organizations", taxonomy_term_id=terms.term_id("disaster"))} >= {
        "Office of Disaster Management"
    }
    assert every(api, "/taxonomy_terms", top_only="true", search="mental")[0]["code"] == "mental_health"
    assert every(api, "/taxonomy_terms", parent_id=uuid.uuid4()) == []


def test_modified_after(api: FlaskClient, world: World, sessions: sessionmaker[Session]) -> None:
    """A number that was verified since has changed its service too."""
    with sessions() as session, session.begin():
        since = session.scalars(select(func.clock_timestamp())).one()
    assert every(api, "/services", modified_after=since.isoformat()) == []
    with sessions() as session, session.begin():
        phone = session.scalars(select(m.Phone).where(m.Phone.number == REAL)).one()
        truth.verify(session, phone, by="A. Clerk", on=since.astimezone(DOMINICA).date())
    (found,) = every(api, "/services", modified_after=since.isoformat())
    assert found["id"] == str(world.full)
    (minimal,) = get(api, "/services", minimal="true", modified_after=since.isoformat())["contents"]
    assert set(minimal) == {"id", "modified_date"}


TOLD: list[tuple[Any, str, Any]] = [  # of the service with everything: by its number, hours, place, contact, ...
    (m.Service, "alert", "new"), (m.Organization, "website", "https://example.org/new"),
    (m.OrganizationIdentifier, "identifier", "new"), (m.Program, "description", "new"),
    (m.Location, "transportation", "bus"), (m.LocationAddress, "attention", "desk"),
    (m.Accessibility, "details", "bell"), (m.Schedule, "notes", "new"),
    (m.Phone, "description", "new"), (m.SpokenLanguage, "note", "new"), (m.CostOption, "option", "new"),
    (m.RequiredDocument, "document", "new"), (m.ServiceArea, "description", "new"),
    (m.DirectoryContact, "title", "new"), (m.Url, "label", "new"), (m.Attribute, "label", "new"),
    (m.Taxonomy, "description", "new"), (m.TaxonomyTerm, "description", "new"), (m.Unit, "uri", "https://example.org"),
    (m.Funding, "source", "new"), (m.ServiceNeed, "rank", 1),
    (m.ServiceCapacity, "available", 1), (m.ServiceAtLocation, "description", "new"),
]  # fmt: skip
HELD_BY_OTHERS = (  # what something else points at is not taken away while it does
    m.Service, m.Organization, m.Program, m.Location, m.ServiceAtLocation, m.Taxonomy, m.TaxonomyTerm, m.Unit,
)  # fmt: skip


def held(session: Session, model: Any, world: World) -> list[Any]:
    """The rows of a table by which the service, its organization, its place or its being there is known."""
    service = session.get_one(m.Service, world.full)
    at = session.execute(
        select(m.ServiceAtLocation.id, m.Location.id).join(m.Location).where(m.Location.name == "Open House")
    ).one()
    contacts = select(m.DirectoryContact.id).where(m.DirectoryContact.service_id == service.id)
    used = select(m.Attribute.taxonomy_term_id).where(m.Attribute.link_id == service.id)
    own: dict[Any, Any] = {
        m.Service: m.Service.id == service.id, m.Organization: m.Organization.id == service.organization_id,
        m.Location: m.Location.id == at[1], m.ServiceAtLocation: m.ServiceAtLocation.id == at[0],
        m.Program: m.Program.id == service.program_id, m.TaxonomyTerm: m.TaxonomyTerm.id.in_(used),
        m.Taxonomy: m.Taxonomy.id.in_(select(m.TaxonomyTerm.taxonomy_id).where(m.TaxonomyTerm.id.in_(used))),
        m.Unit: m.Unit.id.in_(select(m.ServiceCapacity.unit_id).where(m.ServiceCapacity.service_id == service.id)),
    }  # fmt: skip
    owners = {
        "service_id": [service.id], "link_id": [service.id], "location_id": [at[1]], "service_at_location_id": [at[0]],
        "organization_id": [service.organization_id], "contact_id": contacts,
    }  # fmt: skip
    found = [getattr(model, name).in_(keys) for name, keys in owners.items() if hasattr(model, name)]
    where = own[model] if model in own else or_(*found)
    open_only = [~model.confidential] if hasattr(model, "confidential") else []
    refuge = [model.service_id.is_distinct_from(world.refuge)] if hasattr(model, "service_id") else []
    return list(session.scalars(select(model).where(where, *open_only, *refuge).order_by(*inspect(model).primary_key)))


def changed_by(api: FlaskClient, sessions: sessionmaker[Session], act: Callable[[Session], object]) -> set[str]:
    """Which services the API calls changed after this was done."""
    with sessions() as session, session.begin():
        since = session.scalars(select(func.clock_timestamp())).one()
    with sessions() as session, session.begin():
        act(session)
    return {one["id"] for one in every(api, "/services", modified_after=since.isoformat())}


def test_every_object_that_the_api_tells_is_among_them() -> None:
    assert {model for model, _, _ in TOLD} >= {entity.model for entity in ENTITIES.values()}


@pytest.mark.parametrize(("model", "field", "value"), TOLD, ids=lambda one: getattr(one, "__tablename__", ""))
def test_whatever_is_told_of_a_service_changes_it(
    api: FlaskClient, world: World, sessions: sessionmaker[Session], model: Any, field: str, value: Any
) -> None:
    """Who fetches what is new since yesterday must hear of new hours, and of hours that are gone."""
    with sessions() as session, session.begin():
        count = len(held(session, model, world))
    assert count
    for number in range(count):

        def edit(session: Session, n: int = number) -> None:
            setattr(held(session, model, world)[n], field, value)

        assert changed_by(api, sessions, edit) == {str(world.full)}, number
    for number in range(count) if model not in HELD_BY_OTHERS else ():
        found = changed_by(api, sessions, lambda session: _take_away(session, held(session, model, world)[0]))
        assert found == {str(world.full)}, number


def _take_away(session: Session, row: Any) -> None:
    if isinstance(row, m.DirectoryContact):
        session.execute(delete(m.Phone).where(m.Phone.contact_id == row.id))
    session.delete(row)


def test_what_moves_changes_where_it_was_and_where_it_comes_to(
    api: FlaskClient, world: World, sessions: sessionmaker[Session]
) -> None:
    other = service_id("odm")

    def move(session: Session) -> None:
        session.execute(update(m.Phone).where(m.Phone.number == REAL).values(service_id=other))

    assert changed_by(api, sessions, move) == {str(world.full), str(other)}


def test_what_is_hidden_changes_nothing_and_hiding_does(
    api: FlaskClient, world: World, sessions: sessionmaker[Session]
) -> None:
    def of(model: Any, *where: Any, **values: Any) -> Callable[[Session], object]:
        return lambda session: session.execute(update(model).where(*where).values(**values))

    secret = of(m.Phone, m.Phone.number == UNLISTED, m.Phone.confidential, description="new")
    annex = of(m.Location, m.Location.name == SECRETS["hidden place"], description="new")
    assert changed_by(api, sessions, secret) == changed_by(api, sessions, annex) == set()
    hide = of(m.Location, m.Location.name == "Open House", confidential=True)
    assert changed_by(api, sessions, hide) == {str(world.full)}


def test_minimal_is_everything_on_one_page(api: FlaskClient) -> None:
    page = get(api, "/services", minimal="true")
    assert page["last_page"]
    assert page["total_items"] == len(page["contents"]) == len(every(api, "/services"))


def test_ndjson_is_one_object_a_line(api: FlaskClient) -> None:
    for name in LISTS:
        answer = api.get(f"/hsds/{name}?format=ndjson")
        assert answer.mimetype == "application/x-ndjson"
        assert [json.loads(line) for line in answer.text.splitlines()] == every(api, f"/{name}")
    assert len(api.get("/hsds/services?format=ndjson&per_page=3&page=2").text.splitlines()) == 3


def test_a_page_after_the_last_is_empty(api: FlaskClient) -> None:
    page = get(api, "/services", page=1000)
    assert (page["empty"], page["contents"], page["last_page"], page["first_page"]) == (True, [], True, False)


@pytest.mark.parametrize(
    "query",
    [
        "page=0", "page=-1", "page=one", "page=1&page=2", "page=99999999", "page=%D9%A1", "per_page=101", "per_page=",
        "format=xml", "full=yes", "organization_id=1", "taxonomy_term_id=%00", "modified_after=yesterday",
        "modified_after=2026-13-01", "need=gold", "parish=Kent", "search=%00", "search=" + "x" * 201,
        "postcode=00000", "nonsense=1", "language=EN", "open_to_migrants=maybe",
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named_and_never_ignored(api: FlaskClient, query: str) -> None:
    answer = api.get(f"/hsds/services?{query}")
    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"
    assert answer.json is not None
    assert (answer.json["status"], answer.json["title"], answer.json["type"]) == (400, "Bad Request", "about:blank")
    assert answer.json["detail"].startswith((query.partition("=")[0], "there is no such parameter"))


@pytest.mark.parametrize(
    "moment", ["2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+04:00", "0001-01-01T00:00:00+14:00"]
)
def test_moments_are_read_however_they_are_written(api: FlaskClient, moment: str) -> None:
    assert get(api, "/services", modified_after=moment)["total_items"]
    assert api.get(f"/hsds/services?modified_after={moment}").status_code == 200  # its "+" arrives as a space


def test_other_methods_and_other_paths_are_problems_too(api: FlaskClient) -> None:
    wrong = api.post("/hsds/services", json={})
    assert (wrong.status_code, wrong.mimetype) == (405, "application/problem+json")
    assert "GET" in wrong.headers["Allow"]
    gone = api.get("/hsds/nothing/here")
    assert (gone.status_code, gone.mimetype) == (404, "application/problem+json")


def test_it_can_be_cached_and_asked_again(api: FlaskClient, world: World, sessions: sessionmaker[Session]) -> None:
    first = api.get("/hsds/services")
    assert first.headers["Cache-Control"] == "public, max-age=60"
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    etag = {"If-None-Match": first.headers["ETag"]}
    assert api.get("/hsds/services", headers=etag).status_code == 304
    with sessions() as session, session.begin():
        session.get_one(m.Service, world.full).name = "A new name"
    assert api.get("/hsds/services?per_page=100", headers=etag).status_code == 200


def test_too_many_requests_are_told_when_to_come_again(settings: Settings) -> None:
    few = settings.config.model_copy(
        update={"hsds": settings.config.hsds.model_copy(update={"per_minute": 1, "burst": 2})}
    )
    api = webhooks.app.create_app(settings.model_copy(update={"config": few})).test_client()
    assert [api.get("/hsds/").status_code for _ in range(3)] == [200, 200, 429]
    refused = api.get("/hsds/")
    assert refused.mimetype == "application/problem+json"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert api.get("/hsds/", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 200
    assert api.get("/healthz").status_code == 200


def test_openapi_names_every_path_and_field(api: FlaskClient) -> None:
    document = get(api, "/openapi.json")
    assert set(LISTS) == {path.strip("/") for path in document["paths"]} & set(LISTS)
    assert set(document["components"]["schemas"]) >= set(ENTITIES)
    for path, item in document["paths"].items():
        names = [one["name"] for one in item["get"]["parameters"]]
        assert len(names) == len(set(names)), path


def test_dates_of_the_seed_are_whole(api: FlaskClient) -> None:
    assert date.fromisoformat(get(api, "/services", minimal="true")["contents"][0]["modified_date"][:10])
