"""The HSDS API: anonymous, cacheable, limited in rate. Errors are RFC 9457 problems."""

import hashlib
import math
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from flask import Blueprint, Response, g, request
from sqlalchemy import Select, text
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, HTTPException, NotFound, ServiceUnavailable, TooManyRequests

from base.caller import caller
from base.errors import InvalidInput
from directory.hsds import filters, lists, openapi, profile
from directory.hsds.objects import Objects
from webhooks.context import context

PREFIX = "/hsds"
FRESH_S = 60  # a service that was made confidential is gone from every cache after that
AT_ONCE, WAIT_S, LONGEST = 4, 2.0, "10s"  # requests of this API that work at the same time: webhooks come first
BATCH = 200
blueprint = Blueprint("hsds", __name__, url_prefix=PREFIX)
_working = threading.BoundedSemaphore(AT_ONCE)
Json = dict[str, Any]
Values = dict[str, Any]


@blueprint.before_request
def _limit() -> None:
    """Too many from one caller: 429. Too many from everybody: 503."""
    wait = context().buckets.take(_caller(), time.monotonic())
    if wait:
        raise TooManyRequests(retry_after=math.ceil(wait))
    if not _working.acquire(timeout=WAIT_S):
        raise ServiceUnavailable(retry_after=5)
    g.working = True


@blueprint.teardown_request
def _done(_error: BaseException | None) -> None:
    if g.pop("working", False):
        _working.release()


@blueprint.get("/")
def about() -> Response:
    _read(())
    base = _base()
    return _json({"version": profile.HSDS_VERSION, "profile": f"{base}/profile", "openapi_url": f"{base}/openapi.json"})


@blueprint.get("/openapi.json")
def described() -> Response:
    _read(())
    return _json(openapi.document(_base(), context().settings.config.service.name))


@blueprint.get("/profile")
def profiled() -> Response:
    _read(())
    return _json(profile.index(_base()))


@blueprint.get("/profile/<name>.json")
def patch(name: str) -> Response:
    _read(())
    if name not in profile.names():
        raise NotFound("the profile does not change this schema")
    return _json(profile.merge_patch(name))


@blueprint.get("/services")
def services() -> Response:
    values = _read(filters.LISTS["services"])
    if not values.get("minimal"):
        return _listed(values, lists.service_ids(values), _services)
    with _reading() as session:
        every = lists.minimal(session, lists.service_ids(values))
    return _paged(values, len(every), every, size=max(len(every), 1))


@blueprint.get("/services/<key>")
def service(key: str) -> Response:
    values = _read(filters.ONE["services"]) | {"full": True}
    return _one(values, key, _services)


@blueprint.get("/organizations")
def organizations() -> Response:
    values = _read(filters.LISTS["organizations"])
    return _listed(values, lists.organization_ids(values), _organizations)


@blueprint.get("/organizations/<key>")
def organization(key: str) -> Response:
    values = _read(filters.ONE["organizations"]) | {"full": True}
    return _one(values, key, _organizations)


@blueprint.get("/service_at_locations")
def service_at_locations() -> Response:
    values = _read(filters.LISTS["service_at_locations"])
    return _listed(values, lists.service_at_location_ids(values), _at_locations)


@blueprint.get("/service_at_locations/<key>")
def service_at_location(key: str) -> Response:
    values = _read(filters.ONE["service_at_locations"]) | {"full": True}
    return _one(values, key, _at_locations)


@blueprint.get("/taxonomies")
def taxonomies() -> Response:
    return _few("taxonomies", lists.taxonomies)


@blueprint.get("/taxonomies/<key>")
def taxonomy(key: str) -> Response:
    return _one_of_few("taxonomies", key, lists.taxonomies)


@blueprint.get("/taxonomy_terms")
def taxonomy_terms() -> Response:
    return _few("taxonomy_terms", lists.taxonomy_terms)


@blueprint.get("/taxonomy_terms/<key>")
def taxonomy_term(key: str) -> Response:
    return _one_of_few("taxonomy_terms", key, lists.taxonomy_terms)


def problem(error: HTTPException) -> Response:
    """An error as RFC 9457 has it, with the headers it needs (Allow, Retry-After)."""
    code = error.code or 500
    detail = error.description if code in {400, 404, 429} and error.description else error.name
    response = Response(
        orjson.dumps({"type": "about:blank", "title": error.name, "status": code, "detail": detail}),
        status=code,
        mimetype="application/problem+json",
    )
    for name, value in error.get_headers():
        if name.lower() in {"allow", "retry-after"}:
            response.headers[name] = value
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


blueprint.register_error_handler(HTTPException, problem)

Make = Callable[[Session, Values, Sequence[uuid.UUID]], list[Json]]


def _services(session: Session, values: Values, ids: Sequence[uuid.UUID]) -> list[Json]:
    return _objects(session, values).services(ids, full=bool(values.get("full")))


def _organizations(session: Session, values: Values, ids: Sequence[uuid.UUID]) -> list[Json]:
    full, services = bool(values.get("full")), bool(values.get("full_service"))
    return _objects(session, values).organizations(ids, full=full, full_service=services)


def _at_locations(session: Session, values: Values, ids: Sequence[uuid.UUID]) -> list[Json]:
    return _objects(session, values).service_at_locations(ids, full=bool(values.get("full")))


def _objects(session: Session, values: Values) -> Objects:
    return Objects(session, unverified=bool(values.get("unverified")))


def _listed(values: Values, ids: Select[Any], make: Make) -> Response:
    if values.get("format") == "ndjson" and not {"page", "per_page"} & set(values):
        return _lines(_every(values, ids, make))
    number, size = values.get("page", 1), values.get("per_page", filters.PER_PAGE)
    with _reading() as session:
        total, found = lists.page(session, ids, (number - 1) * size, size)
        contents = make(session, values, found)
    return _paged(values, total, contents, number, size)


def _every(values: Values, ids: Select[Any], make: Make) -> list[Json]:
    """Everything, read a batch at a time."""
    with _reading() as session:
        keys = list(session.scalars(ids))
        batches = (keys[start : start + BATCH] for start in range(0, len(keys), BATCH))
        return [one for batch in batches for one in make(session, values, batch)]


def _one(values: Values, key: str, make: Make) -> Response:
    try:
        identity = uuid.UUID(key)
    except ValueError:
        raise NotFound("there is nothing with this id") from None
    with _reading() as session:
        found = make(session, values, [identity])
    if not found:
        raise NotFound("there is nothing with this id")
    return _json(found[0])


def _few(name: str, read: Callable[[Session, Values], list[Json]]) -> Response:
    values = _read(filters.LISTS[name])
    with _reading() as session:
        every = read(session, values)
    number, size = values.get("page", 1), values.get("per_page", filters.PER_PAGE)
    if values.get("format") == "ndjson" and not {"page", "per_page"} & set(values):
        return _lines(every)
    return _paged(values, len(every), every[(number - 1) * size : number * size], number, size)


def _one_of_few(name: str, key: str, read: Callable[[Session, Values], list[Json]]) -> Response:
    _read(filters.ONE[name])
    with _reading() as session:
        found = next((one for one in read(session, {}) if one["id"] == key.lower()), None)
    if found is None:
        raise NotFound("there is nothing with this id")
    return _json(found)


def _paged(values: Values, total: int, contents: list[Json], number: int = 1, size: int = 1) -> Response:
    if values.get("format") == "ndjson":
        return _lines(contents)
    pages = math.ceil(total / size)
    return _json(
        {
            "total_items": total,
            "total_pages": pages,
            "page_number": number,
            "size": len(contents),
            "first_page": number == 1,
            "last_page": number >= pages,
            "empty": not contents,
            "contents": contents,
        }
    )


def _read(allowed: Sequence[str]) -> Values:
    try:
        return filters.read(request.args.to_dict(flat=False), allowed)
    except InvalidInput as error:
        raise BadRequest(str(error)) from None


class _reading:  # noqa: N801 (a context manager)
    """A transaction that only reads, and not for long."""

    def __enter__(self) -> Session:
        self.session = context().sessions()
        self.session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        self.session.execute(text(f"SET LOCAL statement_timeout = '{LONGEST}'"))
        return self.session

    def __exit__(self, *_error: object) -> None:
        self.session.close()


def _json(body: Json) -> Response:
    return _cached(Response(orjson.dumps(body), mimetype=openapi.JSON))


def _lines(objects: list[Json]) -> Response:
    return _cached(Response(b"".join(orjson.dumps(one) + b"\n" for one in objects), mimetype=openapi.LINES))


def _cached(response: Response) -> Response:
    """Anyone may keep it for a minute, and ask again with its ETag."""
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32])
    response.headers["Cache-Control"] = f"public, max-age={FRESH_S}"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.make_conditional(request)
    return response


def _base() -> str:
    return f"{context().settings.public_base_url}{PREFIX}"


def _caller() -> str:
    """Who asks, by the word of our own proxies alone (base.caller)."""
    peer, said = request.remote_addr or "", ",".join(request.headers.getlist("X-Forwarded-For"))
    return caller(peer, said, context().settings.trusted_proxies)
