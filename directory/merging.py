"""Two rows become one after a person has decided so; the history keeps all that is needed to take them apart again."""

import json
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from base.db import Base
from base.errors import InvalidInput, Refused
from directory import models as m
from directory.exchange import cells
from directory.exchange.tables import primary
from directory.hsds import public

MERGED, MOVED, DROPPED, MADE = "merge", "merge move", "merge delete", "merge create"  # behind each: the other's id
FILLED = {  # fields of the kept row that are taken from the other where they are empty
    m.Organization: ("alternate_name", "description", "email", "website", "year_incorporated", "legal_status", "uri"),
    m.Service: ("alternate_name", "description", "url", "email", "eligibility_description", "fees_description",
                "application_process", "minimum_age", "maximum_age", "audience", "alert", "source", "source_year"),
}  # fmt: skip
SAME_NUMBER = ("number", "extension", "channel", "confidential")
# what points at an organization or service, by which column, and what makes two such rows the same
HELD: dict[type[Base], tuple[tuple[type[Base], str, tuple[str, ...]], ...]] = {
    m.Organization: (
        (m.Service, "organization_id", ()), (m.Location, "organization_id", ()), (m.Program, "organization_id", ()),
        (m.OrganizationName, "organization_id", ("name",)), (m.Funding, "organization_id", ("source",)),
        (m.OrganizationIdentifier, "organization_id", ("identifier_type", "identifier")),
        (m.DirectoryContact, "organization_id", ()),
        (m.Url, "organization_id", ("url",)), (m.Phone, "organization_id", SAME_NUMBER),
        (m.Organization, "parent_organization_id", ()), (m.Attribute, "link_id", ("taxonomy_term_id", "value")),
    ),
    m.Service: (
        (m.ServiceAtLocation, "service_id", ("location_id",)), (m.ServiceNeed, "service_id", ("need",)),
        (m.Phone, "service_id", SAME_NUMBER), (m.Url, "service_id", ("url",)),
        (m.Schedule, "service_id", ("freq", "byday", "bymonthday", "opens_at", "closes_at")),
        (m.SpokenLanguage, "service_id", ("code",)), (m.RequiredDocument, "service_id", ("document",)),
        (m.CostOption, "service_id", ("option", "amount")), (m.ServiceArea, "service_id", ("parish", "place", "name")),
        (m.ServiceText, "service_id", ("field", "language")), (m.DirectoryContact, "service_id", ()),
        (m.Service, "referred_by_id", ()), (m.Funding, "service_id", ("source",)),
        (m.ServiceCapacity, "service_id", ()), (m.Attribute, "link_id", ("taxonomy_term_id", "value")),
    ),
}  # fmt: skip


def merge(session: Session, keep: uuid.UUID, other: uuid.UUID, *, by: str, at: datetime) -> str:
    """Make one of two organizations or two services; `by` has decided it. Returns what was done, in words.

    All that hangs on `other` moves to `keep`; what both have is kept once, the verified copy before the other. The
    other organization is gone, its name kept as a former one; the other service is defunct (people may have given
    consent to it by name). Refused when one is confidential and the other is not, and for a service that is defunct.
    """
    model = next((one for one in HELD if session.get(one, keep) and session.get(one, other)), None)
    if model is None or keep == other:
        raise InvalidInput("these are not the ids of two organizations, nor of two services")
    if not by.strip():
        raise InvalidInput("who has decided it must be named")
    for key in sorted((keep, other)):  # two clerks at once: the second sees what the first has done
        one = session.get(model, key, with_for_update=True, populate_existing=True)
        if one is None or _merged(session, one):
            raise Refused("somebody else has merged one of them already; look at them again")
        if isinstance(one, m.Service) and one.status == "defunct":
            raise Refused("one of them is defunct")
    _check_open(session, model, keep, other)
    merging = _Merging(session, model, keep, other, by, at)
    merging.run()
    return f"{model.__tablename__}: {merging.moved} rows moved, {merging.dropped} were there already"


def _merged(session: Session, one: Base) -> bool:
    """Whether a service, which stays here for those who consented to it, is part of another since a merge that nobody
    has taken back. (An organization with such a marker is gone; one that is here again came in anew.)"""
    if not isinstance(one, m.Service):
        return False
    marker = (m.FieldChange.resource_id == one.id, m.FieldChange.last_action_type == f"{MERGED} {one.id}")
    return session.scalar(select(m.FieldChange.id).where(*marker).limit(1)) is not None


def _check_open(session: Session, model: type[Base], keep: uuid.UUID, other: uuid.UUID) -> None:
    ids: Any = model.__table__.c.id
    rule = public.organization() if model is m.Organization else public.service()
    if session.query(model).filter(ids.in_([keep, other]), rule).count() == 1:
        raise Refused("one of them is confidential and the other is not")


class _Merging:
    def __init__(self, session: Session, model: Any, keep: uuid.UUID, other: uuid.UUID, by: str, at: datetime) -> None:
        self.session, self.model, self.by, self.at = session, model, by, at
        self.keep, self.other = session.get_one(model, keep), session.get_one(model, other)
        self.other_id, self.moved, self.dropped = other, 0, 0

    def run(self) -> None:
        self._note(self.model, self.other.id, "merged_into", None, self.keep.id, MERGED)
        for field in FILLED[self.model]:
            mine, theirs = getattr(self.keep, field), getattr(self.other, field)
            if mine in {None, ""} and theirs not in {None, ""} and not self._would_break(field, theirs):
                self._note(self.model, self.keep.id, field, mine, theirs, MOVED)
                setattr(self.keep, field, theirs)
        if self.model is m.Organization and self.other.id in self._above():
            above = self.keep.parent_organization_id
            self._note(self.model, self.keep.id, "parent_organization_id", above, None, MOVED)
            self.keep.parent_organization_id = None
        self.session.flush()
        for table, link, same in HELD[self.model]:
            self._move(table, link, same)
        if self.model is m.Organization:
            self._rename()
            self._drop(m.Organization, _row(self.other))
        else:
            self._note(m.Service, self.other.id, "status", self.other.status, "defunct", MOVED)
            self.other.status = "defunct"
        self.session.flush()
        self.session.expire_all()

    def _above(self) -> set[uuid.UUID]:
        """The organizations above the kept one: what moves to it from one of them would be above itself."""
        found, key = set[uuid.UUID](), self.keep.parent_organization_id
        while key and key not in found:
            found.add(key)
            key = self.session.get_one(m.Organization, key).parent_organization_id
        return found

    def _would_break(self, field: str, value: Any) -> bool:
        """Ages of two services may not fit together."""
        if field == "minimum_age":
            return self.keep.maximum_age is not None and value > self.keep.maximum_age
        return field == "maximum_age" and self.keep.minimum_age is not None and value < self.keep.minimum_age

    def _move(self, table: Any, link: str, same: tuple[str, ...]) -> None:
        columns = table.__table__.c
        rows = [dict(row) for row in self.session.execute(select(table.__table__).where(
            columns[link].in_([self.keep.id, self.other.id]))).mappings()]  # fmt: skip
        mine = {tuple(row[name] for name in same): row for row in rows if same and row[link] == self.keep.id}
        for row in (row for row in rows if row[link] == self.other.id and row.get("id") != self.keep.id):
            twin = mine.get(tuple(row[name] for name in same)) if same else None
            if twin is None or (row.get("verified_on") and not twin.get("verified_on")):
                if twin is not None:
                    self._drop(table, twin)
                self._relink(table, link, row)
            elif table is m.ServiceAtLocation:
                self._same_place(row["id"], twin["id"])
            else:
                self._drop(table, row)

    def _same_place(self, theirs: uuid.UUID, mine: uuid.UUID) -> None:
        """Both are at one location: what hangs on the other's being there moves; the other itself stays."""
        held: tuple[Any, ...] = (m.Phone, m.Schedule, m.DirectoryContact, m.ServiceArea)
        for table in held:
            for row in self.session.scalars(select(table).where(table.service_at_location_id == theirs)):
                self._note(table, row.id, "service_at_location_id", theirs, mine, MOVED)
                row.service_at_location_id = mine
                self.moved += 1

    def _relink(self, table: Any, link: str, row: dict[str, Any]) -> None:
        where = [table.__table__.c[name] == row[name] for name in primary(table)]
        field = link if "id" in row else f"{link} of {row['need']}"
        self._note(table, row.get("id", self.other.id), field, self.other.id, self.keep.id, MOVED)
        self.session.execute(update(table).where(*where).values({link: self.keep.id}))
        self.moved += 1

    def _drop(self, table: Any, row: dict[str, Any]) -> None:
        told = json.dumps({name: cells.written(value) for name, value in row.items() if value is not None})
        self._note(table, row.get("id", self.other.id), "*", told, None, DROPPED)
        self.session.flush()
        self.session.execute(delete(table).where(*(table.__table__.c[name] == row[name] for name in primary(table))))
        self.dropped += table is not m.Organization

    def _rename(self) -> None:
        if self.other.name != self.keep.name:
            former = m.OrganizationName(id=uuid.uuid4(), organization_id=self.keep.id, name=self.other.name)
            self.session.add(former)
            self._note(m.OrganizationName, former.id, "*", None, self.other.name, MADE)

    def _note(self, table: Any, key: uuid.UUID, field: str, before: Any, after: Any, action: str) -> None:
        text: Callable[[Any], str | None] = lambda value: None if value is None else str(value)  # noqa: E731
        self.session.add(
            m.FieldChange(
                resource_id=key, resource_type=table.__tablename__, last_action_date=self.at,
                last_action_type=f"{action} {self.other_id}",
                field_name=field, previous_value=text(before), replacement_value=text(after), updated_by=self.by,
            )
        )  # fmt: skip


def _row(one: Any) -> dict[str, Any]:
    return {column.name: getattr(one, column.name) for column in one.__table__.columns}


def unmerge(session: Session, other: uuid.UUID, *, by: str, at: datetime) -> int:
    """Take the last merge of `other` back. What has changed since is left as it is. Returns how many rows came back."""
    marker = session.scalars(
        select(m.FieldChange)
        .where(m.FieldChange.resource_id == other, m.FieldChange.last_action_type == f"{MERGED} {other}")
        .order_by(m.FieldChange.last_action_date.desc())
        .limit(1)
    ).one_or_none()
    if marker is None:
        raise InvalidInput("this was not merged into another")
    same = (
        m.FieldChange.last_action_date == marker.last_action_date,
        m.FieldChange.last_action_type.endswith(str(other)),
    )
    tables = {table.__tablename__: table for table in (m.Organization, m.Service)}
    tables |= {held.__tablename__: held for rows in HELD.values() for held, _, _ in rows}
    order = [f"{action} {other}" for action in (MERGED, DROPPED, MOVED, MADE)]
    changes = [one for one in session.scalars(select(m.FieldChange).where(*same)) if one.last_action_type in order]
    changes.sort(key=lambda one: (order.index(one.last_action_type), one.resource_id != other))
    done = sum(_undo(session, tables[change.resource_type], change) for change in changes)
    marker.last_action_type = f"merge undone {other}"
    session.add(
        m.FieldChange(
            resource_id=other, resource_type=marker.resource_type, last_action_date=at, last_action_type="unmerge",
            field_name="merged_into", previous_value=marker.replacement_value, updated_by=by,
        )
    )  # fmt: skip
    session.flush()
    session.expire_all()
    return done


def _undo(session: Session, table: Any, change: m.FieldChange) -> int:
    columns, action = table.__table__.c, change.last_action_type.rpartition(" ")[0]
    if action == DROPPED:
        told = json.loads(change.previous_value or "{}")
        session.execute(insert(table).values({n: cells.read(columns[n], text) for n, text in told.items()}))
        return 1
    if action == MADE:
        session.execute(delete(table).where(columns.id == change.resource_id))
        return 1
    if action != MOVED:
        return 0
    field, _, need = change.field_name.partition(" of ")
    column = columns[field]
    if change.replacement_value is None:
        key: tuple[Any, ...] = (columns.id == change.resource_id, column.is_(None))
        result: Any = session.execute(update(table).where(*key).values({field: _value(column, change.previous_value)}))
        return int(result.rowcount)
    key = (columns.need == need, column == uuid.UUID(change.replacement_value)) if need else (
        columns.id == change.resource_id, column == _value(column, change.replacement_value))  # fmt: skip
    before = _value(column, change.previous_value)
    result = session.execute(update(table).where(*key).values({field: before}))
    return int(result.rowcount)


def _value(column: Any, text: str | None) -> Any:
    return text if text is None or column.type.python_type is str else cells.read(column, text)
