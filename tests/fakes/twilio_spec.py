"""Twilio's own OpenAPI description, compiled once into checks cheap enough for a load test."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

DESCRIPTION = Path(__file__).parent / "data" / "messages_calls_openapi.json"
ROOT = "/2010-04-01/Accounts/{AccountSid}"
FORM = "application/x-www-form-urlencoded"

Schema = dict[str, Any]
Form = dict[str, list[str]]
Test = Callable[[str], object]


def _is_datetime(text: str) -> bool:
    try:
        return bool(datetime.fromisoformat(text))
    except ValueError:
        return False


_FORMATS: dict[str, Test] = {
    "uri": re.compile(r"https?://\S+").fullmatch,
    "date-time": _is_datetime,
    "phone-number": bool,
    "endpoint": bool,
}
_TYPES: dict[str, Test] = {
    "boolean": {"true", "false"}.__contains__,
    "integer": re.compile(r"-?\d+").fullmatch,
    "number": re.compile(r"-?\d+(\.\d+)?").fullmatch,
}


@cache
def description() -> Schema:
    """The whole document, as Twilio wrote it."""
    loaded: Schema = json.loads(DESCRIPTION.read_bytes())
    return loaded


def resolve(schema: Schema) -> Schema:
    """`schema`, or what its `$ref` points to."""
    name = schema.get("$ref", "").rpartition("/")[2]
    target: Schema = description()["components"]["schemas"][name] if name else schema
    return target


def _test(schema: Schema) -> Test | None:
    if "enum" in schema:
        return set(schema["enum"]).__contains__
    if "pattern" in schema:
        return re.compile(schema["pattern"]).fullmatch
    return _FORMATS.get(schema.get("format", "")) or _TYPES.get(schema["type"])


class FormSpec:
    """One request form: which parameters there are, of what type, and which may be repeated."""

    def __init__(self, schema: Schema) -> None:
        fields = {name: resolve(field) for name, field in schema["properties"].items()}
        self.required: list[str] = schema.get("required", [])
        self.many = {name for name, field in fields.items() if field["type"] == "array"}
        self.tests = {name: _test(resolve(field.get("items", field))) for name, field in fields.items()}

    def problems(self, form: Form) -> list[str]:
        """What in `form` Twilio does not describe, one sentence each; empty when it is right."""
        found = [f"{name} is missing" for name in self.required if name not in form]
        for name, values in form.items():
            if name not in self.tests:
                found.append(f"{name} is no parameter of this request")
                continue
            test = self.tests[name]
            if test and not all(map(test, values)):
                found.append(f"{name} has a wrong value: {values}")
            if len(values) > 1 and name not in self.many:
                found.append(f"{name} is given {len(values)} times")
        return found


@cache
def form_spec(path: str, method: str = "post") -> FormSpec:
    """The form of an operation, such as `form_spec("/Messages.json")`."""
    return FormSpec(description()["paths"][ROOT + path][method]["requestBody"]["content"][FORM]["schema"])


@cache
def query_spec(path: str) -> FormSpec:
    """The query parameters of a GET."""
    parameters = description()["paths"][ROOT + path]["get"]["parameters"]
    # A list is filtered by date as well as by moment, and Twilio names both `date-time`.
    fields = {p["name"]: {"type": p["schema"]["type"]} for p in parameters if p["in"] == "query"}
    return FormSpec({"properties": fields})


def response_schema(path: str, method: str, status: int) -> Schema:
    """The schema of an answer, to hold the double to its own word."""
    answer = description()["paths"][ROOT + path][method]["responses"][str(status)]
    return resolve(answer["content"]["application/json"]["schema"])


_JSON: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "object": dict,
    "array": list,
    "boolean": bool,
    "number": (int, float),
}


def value_problems(value: object, schema: Schema, where: str = "answer") -> list[str]:
    """Where a JSON value departs from an OpenAPI 3.0 schema. Every described property has to be there, and no other."""
    schema = resolve(schema)
    if value is None:
        return [] if schema.get("nullable") else [f"{where} is null"]
    if not isinstance(value, _JSON[schema["type"]]):
        return [f"{where} is {type(value).__name__}, not {schema['type']}"]
    if isinstance(value, list):
        return [p for n, item in enumerate(value) for p in value_problems(item, schema["items"], f"{where}[{n}]")]
    if isinstance(value, dict) and "properties" in schema:
        return _object_problems(value, schema["properties"], where)
    bad = "enum" in schema and value not in schema["enum"]
    bad = bad or ("pattern" in schema and not re.fullmatch(schema["pattern"], str(value)))
    return [f"{where} is {value!r}"] if bad else []


def _object_problems(value: dict[str, object], properties: Schema, where: str) -> list[str]:
    found = [f"{where}.{name} is there or missing" for name in value.keys() ^ properties.keys()]
    for name in value.keys() & properties.keys():
        found += value_problems(value[name], properties[name], f"{where}.{name}")
    return found
