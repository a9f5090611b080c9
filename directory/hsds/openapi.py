"""The OpenAPI document of the API, made from the same tables that serve it."""

from typing import Any

from directory.hsds.fields import ENTITIES, json_schema
from directory.hsds.filters import LISTS, ONE, PARAMETERS, UUID_SCHEMA
from directory.hsds.profile import HSDS_VERSION, VERSION

JSON, LINES, PROBLEM = "application/json", "application/x-ndjson", "application/problem+json"
HOLDS = {
    "services": "service",
    "organizations": "organization",
    "service_at_locations": "service_at_location",
    "taxonomies": "taxonomy",
    "taxonomy_terms": "taxonomy_term",
}
Json = dict[str, Any]


def document(base: str, title: str) -> Json:
    """The whole document. `base` is the address of the API, `title` the service's name."""
    paths: Json = {"/": {"get": _get("The version, the profile and this document", {}, _object("Meta"))}}
    for name in LISTS:
        paths[f"/{name}"] = {"get": _list(name)}
        paths[f"/{name}/{{id}}"] = {"get": _one(name)}
    paths["/profile"] = {"get": _get("The profile and its files", {}, {"type": "object"})}
    paths["/profile/{name}.json"] = {"get": _get("A merge patch of the profile", {}, {"type": "object"}, _name(), 404)}
    paths["/openapi.json"] = {"get": _get("This document", {}, {"type": "object"})}
    info = {
        "title": f"{title}: services in Dominica",
        "version": VERSION,
        "description": f"HSDS {HSDS_VERSION} with the Dominica profile. Anyone may read it.",
        "license": {"name": "CC BY-SA 4.0", "url": "https://creativecommons.org/licenses/by-sa/4.0/"},
    }
    return {
        "openapi": "3.1.0",
        "info": info,
        "servers": [{"url": base}],
        "paths": paths,
        "components": {"schemas": _schemas()},
    }


def _list(name: str) -> Json:
    page = {
        "allOf": [_object("Page")],
        "type": "object",
        "properties": {"contents": {"type": "array", "items": _contents(name)}},
        "required": ["contents"],
    }
    found = _get(f"A page of {name}", dict.fromkeys(LISTS[name]), page)
    found["responses"]["200"]["content"][LINES] = {"schema": {}}
    return found


def _contents(name: str) -> Json:
    if name != "services":
        return _object(HOLDS[name])
    return {"anyOf": [_object("service"), _object("Minimal")]}


def _one(name: str) -> Json:
    identity = {"name": "id", "in": "path", "required": True, "schema": UUID_SCHEMA}
    return _get(f"One of {name}, with everything nested", dict.fromkeys(ONE[name]), _object(HOLDS[name]), identity, 404)


def _get(summary: str, parameters: Json, schema: Json, path: Json | None = None, *more: int) -> Json:
    query = [
        {"name": name, "in": "query", "required": False, "description": PARAMETERS[name].meaning,
         "schema": dict(PARAMETERS[name].schema)}
        for name in parameters
    ]  # fmt: skip
    errors = {str(code): _problem(code) for code in (400, 429, 503, *more)}
    return {
        "summary": summary,
        "parameters": query + ([path] if path else []),
        "responses": {"200": {"description": summary, "content": {JSON: {"schema": schema}}},
                      "304": {"description": "Not changed since the ETag that was sent"}, **errors},
    }  # fmt: skip


def _name() -> Json:
    return {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[a-z_]+$"}}


def _problem(code: int) -> Json:
    words = {400: "A parameter is wrong", 404: "Not there", 429: "Too many requests", 503: "Not now, try again"}
    return {"description": words[code], "content": {PROBLEM: {"schema": _object("Problem")}}}


def _object(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _schemas() -> Json:
    whole, truth, text = {"type": "integer"}, {"type": "boolean"}, {"type": "string"}
    numbers = dict.fromkeys(("total_items", "total_pages", "page_number", "size"), whole)
    page = numbers | dict.fromkeys(("first_page", "last_page", "empty"), truth)
    problem = {"type": text, "title": text, "status": whole, "detail": text}
    meta = dict.fromkeys(("version", "profile", "openapi_url"), text)
    return {name: _entity(name) for name in ENTITIES} | {
        "Page": {"type": "object", "properties": page, "required": list(page)},
        "Problem": {"type": "object", "properties": problem, "required": list(problem)},
        "Meta": {"type": "object", "properties": meta, "required": list(meta)},
        "Minimal": {
            "type": "object",
            "properties": {"id": UUID_SCHEMA, "modified_date": {"type": "string", "format": "date-time"}},
            "required": ["id", "modified_date"],
        },
    }


def _entity(name: str) -> Json:
    entity = ENTITIES[name]
    fields: Json = {column: json_schema(name, column) for column in (*entity.names, *entity.profile)}
    fields |= {column: fields[column] | {"description": meaning} for column, meaning in entity.profile.items()}
    fields |= {column: {"type": "array", "items": _object(inner)} for column, inner in entity.lists.items()}
    fields |= {column: _object(inner) for column, inner in entity.single.items()}
    if name == "organization":
        fields["services"] = {"type": "array", "items": _object("service")}
    return {"type": "object", "properties": fields, "required": list(entity.required)}
