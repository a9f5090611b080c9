"""Changing the directory: any field with its history, back to what it was, new and out of use, files in and out, and
what may be there twice."""

import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as Answer

import directory.models as m
from base.clock import DOMINICA
from base.errors import InvalidInput, KoudmenError, Refused
from base.settings import LANGUAGES
from dashboard.permissions import needs
from dashboard.web import as_uuid, audited, may, me, opened
from dashboard.words import _
from directory import codec, duplicates, edit, fields, history, merging, secrecy, truth
from directory.exchange import forms, sheet_files
from directory.exchange.intake import take_in
from directory.exchange.report import Report

blueprint = Blueprint("edit", __name__)
LONG = {"description", "application_process", "fees_description", "eligibility_description", "alert", "text", "notes"}
# What may be added to a service from its page: table, and the field by which it hangs on the service.
ADDED: dict[str, type[Any]] = {
    "phone": m.Phone, "schedule": m.Schedule, "language": m.SpokenLanguage, "required_document": m.RequiredDocument,
    "cost_option": m.CostOption, "service_area": m.ServiceArea, "service_text": m.ServiceText,
}  # fmt: skip
SUFFIXES = {".csv", ".xlsx", ".json", ".ndjson"}
TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
}


def _row(session: Session, table: str, key: uuid.UUID) -> Any:
    """A row that whoever asks may see; else 404, as if there were none."""
    try:
        row = edit.row_of(session, table, key)
    except InvalidInput:
        abort(404)
    if secrecy.hidden(session, row) and not may("see what is confidential"):
        abort(404)
    return row


def _held(session: Session, row: Any) -> dict[str, str]:
    """Each field that may be edited, as text."""
    return {name: codec.encode(edit.value_of(session, row, name)) or "" for name in fields.editable(type(row))}


def _form(title: str, values: dict[str, str], seen: dict[str, str], table: str, wrong: str = "", **more: Any) -> str:
    return render_template(
        "directory/edit.html", title=title, values=values, seen=seen, table=table, wrong=wrong, long=LONG,
        choices={name: chosen for (of, name), chosen in fields.CHOICES.items() if of == table},
        service=request.values.get("service", ""), **more,
    )  # fmt: skip


@blueprint.get("/directory/rows/<table>/<uuid:key>")
@needs("change the directory")
def row(table: str, key: uuid.UUID) -> str:
    with opened() as (session, _):
        held = _held(session, _row(session, table, key))
    return _form(table.replace("_", " "), held, held, table)


@blueprint.post("/directory/rows/<table>/<uuid:key>")
@needs("change the directory")
def change(table: str, key: uuid.UUID) -> Answer | tuple[str, int]:
    """All fields of the form that differ from what the editor saw."""
    given = {name: request.form.get(name, "") for name in request.form}
    seen = {name.removeprefix("seen-"): value for name, value in given.items() if name.startswith("seen-")}
    wanted = {name: given[name] for name in seen if name in given and _plain(given[name]) != _plain(seen[name])}
    try:
        with opened() as (session, now):
            found = _row(session, table, key)
            expected = {name: seen[name] for name in wanted}
            reason = given.get("reason") or None
            done = edit.edit_all(
                session, found, wanted, by=me().name, now=now, expected=expected, reason=reason
            )  # fmt: skip
            audited(session, "directory changed", now, f"{table}:{key}", fields=sorted(wanted))
    except KoudmenError as error:
        told = f"{str(error)[:1].upper()}{str(error)[1:]}."
        return _form(table.replace("_", " "), {n: given.get(n, "") for n in seen}, seen, table, told), 409
    flash(_("Kept.") if done else _("Nothing was different."))
    return _back()


def _plain(text: str) -> str:
    """Browsers send line ends in two letters."""
    return text.replace("\r\n", "\n")


def _back() -> Answer:
    service_id = as_uuid(request.form.get("service", ""))
    if service_id:
        return redirect(url_for("directory.one", service_id=service_id), 303)
    return redirect(url_for("directory.page"), 303)


@blueprint.get("/directory/<uuid:service_id>/add/<table>")
@needs("change the directory")
def new(service_id: uuid.UUID, table: str) -> str:
    model = ADDED.get(table) or abort(404)
    with opened() as (session, _):
        _row(session, "service", service_id)
    blank = dict.fromkeys(fields.editable(model), "")
    if table == "service_text":
        blank |= {name: request.args.get(name, "") for name in ("field", "language")}
    return _form(f"new {table.replace('_', ' ')}", blank, {}, table, service_id=service_id)


@blueprint.post("/directory/<uuid:service_id>/add/<table>")
@needs("change the directory")
def create(service_id: uuid.UUID, table: str) -> Answer | tuple[str, int]:
    model = ADDED.get(table) or abort(404)
    given = {name: _plain(request.form.get(name, "")) for name in fields.editable(model)}
    try:
        with opened() as (session, now):
            _row(session, "service", service_id)
            values = {name: value for name, value in given.items() if value.strip()}
            made = edit.create(session, model, {"service_id": service_id, **values}, by=me().name, now=now)
            audited(session, "directory row made", now, f"{table}:{made.id}")
    except KoudmenError as error:
        title = f"new {table.replace('_', ' ')}"
        return _form(title, given, {}, table, f"{str(error).capitalize()}.", service_id=service_id), 400
    flash(_("Kept. A new number or hour is unverified until somebody checks it."))
    return redirect(url_for("directory.one", service_id=service_id), 303)


@blueprint.post("/directory/rows/<table>/<uuid:key>/retire")
@needs("change the directory")
def retire(table: str, key: uuid.UUID) -> Answer:
    """Out of use, or into use again; nothing is deleted."""
    again = bool(request.form.get("again"))
    with opened() as (session, now):
        found = _row(session, table, key)
        act = edit.unretire if again else edit.retire
        act(session, found, by=me().name, now=now, reason=request.form.get("reason") or None)
        audited(session, "directory row used again" if again else "directory row retired", now, f"{table}:{key}")
    flash(_("In use again; what was checked has to be checked anew.") if again else _("Out of use. Its history stays."))
    return _back()


@blueprint.post("/directory/texts/<uuid:key>/review")
@needs("change the directory")
def review(key: uuid.UUID) -> Answer:
    """A speaker has read a translation and found it right."""
    with opened() as (session, now):
        text = _row(session, "service_text", key)
        day = now.astimezone(DOMINICA).date()
        truth.review(session, text, by=me().name, on=day, seen=_plain(request.form.get("seen", "")), now=now)
        audited(session, "translation reviewed", now, f"service_text:{key}")
    flash(_("Kept: you have reviewed it."))
    return _back()


@blueprint.get("/directory/<uuid:service_id>/history")
@needs("see the directory")
def changes(service_id: uuid.UUID) -> str:
    """Every change of the service and of what hangs on it."""
    with opened() as (session, _):
        service = _row(session, "service", service_id)
        found = history.history(session, service, confidential=may("see what is confidential"))
        return render_template("directory/history.html", service=service, changes=found)


@blueprint.post("/directory/changes/<uuid:key>/restore")
@needs("change the directory")
def restore(key: uuid.UUID) -> Answer:
    """A field is put back as it was before a change."""
    with opened() as (session, now):
        done = history.restore(
            session, key, by=me().name, now=now, confidential=may("see what is confidential")
        )  # fmt: skip
        audited(session, "directory restored", now, f"change:{key}")
    flash(_("Put back.") if done else _("It was so already."))
    return _back()


@blueprint.get("/directory/<uuid:service_id>/texts")
@needs("see the directory")
def texts(service_id: uuid.UUID) -> str:
    """The service's words beside their translations."""
    with opened() as (session, _):
        service = _row(session, "service", service_id)
        rows = history.rows_of(session, service)
        known = {(one.field, one.language): one for one in rows if isinstance(one, m.ServiceText)}
        named = [name for name in fields.CHOICES["service_text", "field"] if getattr(service, name)]
        return render_template(
            "directory/texts.html", service=service, known=known, named=named, languages=LANGUAGES[1:]
        )


@blueprint.get("/directory/files")
@needs("change the directory")
def files() -> str:
    return render_template("directory/files.html", report=None)


@blueprint.post("/directory/files")
@needs("change the directory", proof=True, file=True)
def bring_in() -> str | tuple[str, int]:
    """A file is tried, or taken in when it was asked for and nothing is wrong."""
    upload, really = request.files.get("file"), request.form.get("act") == "import"
    try:
        if not upload or not upload.filename:
            raise InvalidInput("choose a file first")
        with opened() as (session, now):
            report = _take(session, upload, really=really)
            if really and not report.faults:
                audited(session, "directory imported", now, "directory", added=report.added, changed=report.changed)
    except (DataError, IntegrityError):
        return render_template("directory/files.html", report=None, wrong="A row breaks a rule of the directory."), 400
    except KoudmenError as error:
        return render_template("directory/files.html", report=None, wrong=f"{error}."), 400
    return render_template("directory/files.html", report=report, really=really)


def _take(session: Session, upload: FileStorage, *, really: bool) -> Report:
    suffix = Path(upload.filename or "").suffix.lower()
    if suffix not in SUFFIXES:
        raise InvalidInput("a file ends with .csv, .xlsx, .json or .ndjson")
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        upload.save(path)
        return take_in(session, path, dry_run=not really, form=forms.guess(path), by=me().name)


@blueprint.get("/directory/files/<any(template, directory):name>.<any(csv, xlsx, json):form>")
@needs("change the directory", proof=True)
def file(name: str, form: str) -> Response:
    """The directory without what is confidential, or the empty form for clerks."""
    if name == "template" and form != "xlsx":
        abort(404)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.{form}"
        if name == "template":
            sheet_files.template(path)
        else:
            with opened() as (session, now):
                forms.export(session, path, forms.guess(path))
                audited(session, "directory exported", now, "directory", form=form)
        answer = Response(path.read_bytes(), content_type=TYPES[form])
    answer.headers["Content-Disposition"] = f'attachment; filename="koudmen-{name}.{form}"'
    return answer


@blueprint.get("/directory/duplicates")
@needs("change the directory")
def twice() -> str:
    """What may be there twice. A person decides."""
    with opened() as (session, _):
        return render_template("directory/twice.html", proposals=duplicates.find(session, confidential=True))


@blueprint.post("/directory/duplicates")
@needs("change the directory")
def merge() -> Answer:
    keep, other = as_uuid(request.form.get("keep", "")), as_uuid(request.form.get("other", ""))
    if not keep or not other or keep == other:
        raise Refused("say which of two stays")
    with opened() as (session, now):
        merging.merge(session, keep, other, by=me().name, at=now)
        audited(session, "directory merged", now, f"keep:{keep}", other=str(other))
    flash(_("They are one now. The history can take it apart again (koudmen directory unmerge)."))
    return redirect(url_for("edit.twice"), 303)
