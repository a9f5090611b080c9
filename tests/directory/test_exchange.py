"""Export, an empty directory, import, export: the same; and bad files change nothing."""

import csv
import uuid
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

import directory.models as m
from directory.exchange import cells, tabular
from directory.exchange.intake import take_in
from directory.exchange.tables import columns
from directory.load import seed
from tests.directory.conftest import LEAVES_FIRST, Add

REFUGE, STREET, LINE = "Zephyrine refuge", "7 Quiet Path", "+17675550177"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def wipe(session: Session) -> None:
    for model in LEAVES_FIRST:
        session.query(model).delete()
    session.query(m.Service).update({"referred_by_id": None})
    session.query(m.Service).delete()
    session.query(m.Organization).delete()
    session.expire_all()


def edit(folder: Path, table: str, changed: dict[str, str]) -> None:
    path = folder / table
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0] |= changed
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_the_real_directory_comes_back_as_it_went(empty: Session, tmp_path: Path) -> None:
    seed(empty, demo=False)
    tabular.export(empty, tmp_path / "first")
    wipe(empty)
    report = take_in(empty, tmp_path / "first", dry_run=False)
    assert report.faults == []
    assert report.added > 200
    tabular.export(empty, tmp_path / "second")
    assert contents(tmp_path / "second") == contents(tmp_path / "first")
    again = take_in(empty, tmp_path / "first", dry_run=False)
    assert (again.added, again.changed, again.unchanged) == (0, 0, report.added)


def test_a_dry_run_tells_and_changes_nothing(empty: Session, tmp_path: Path) -> None:
    seed(empty, demo=False)
    tabular.export(empty, tmp_path / "out")
    wipe(empty)
    assert take_in(empty, tmp_path / "out", dry_run=True).added > 200
    assert empty.scalar(select(func.count()).select_from(m.Service)) == 0


@pytest.mark.parametrize(
    ("name", "changed", "told"),
    [
        ("services.csv", {"name": "=HYPERLINK(1)"}, "line 2, name: is a formula"),
        ("services.csv", {"organization_id": str(uuid.UUID(int=9))}, "is not in organization"),
        ("services.csv", {"minimum_age": "old"}, "line 2, minimum_age: must be a whole number"),
        ("organizations.csv", {"id": "x"}, "line 2, id: must be an id"),
    ],
)
def test_a_wrong_cell_is_named_and_changes_nothing(
    empty: Session, tmp_path: Path, name: str, changed: dict[str, str], told: str
) -> None:
    seed(empty, demo=False)
    tabular.export(empty, tmp_path / "out")
    edit(tmp_path / "out", name, changed)
    wipe(empty)
    report = take_in(empty, tmp_path / "out", dry_run=False)
    assert any(told in str(fault) for fault in report.faults)
    assert empty.scalar(select(func.count()).select_from(m.Organization)) == 0


@pytest.mark.parametrize("rubbish", [b"\xff\xfe\x00\x81" * 1000, b"a" * 500_000, b"", b"id,name\n1\n", b'id\n"'])
def test_rubbish_is_reported(empty: Session, tmp_path: Path, rubbish: bytes) -> None:
    (tmp_path / "services.csv").write_bytes(rubbish)
    assert take_in(empty, tmp_path, dry_run=False).faults


def test_a_loop_and_a_double_id_are_reported(empty: Session, tmp_path: Path) -> None:
    one, two = uuid.UUID(int=1), uuid.UUID(int=2)
    head = "id,name,parent_organization_id"
    rows = "\n".join([head, f"{one},A,{two}", f"{two},B,{one}", f"{two},C,"])
    (tmp_path / "organizations.csv").write_text(rows)
    assert "twice" in "".join(take_in(empty, tmp_path, dry_run=False).lines())
    (tmp_path / "organizations.csv").write_text("\n".join(rows.splitlines()[:3]))
    assert "leads back" in "".join(take_in(empty, tmp_path, dry_run=False).lines())


def test_a_number_is_verified_only_where_the_operator_says_so(empty: Session, add: Add, tmp_path: Path) -> None:
    add("Clinic", "health", phone="+17675550101", verified=True)
    tabular.export(empty, tmp_path / "out")
    edit(tmp_path / "out", "phones.csv", {"number": "+17675550102"})
    take_in(empty, tmp_path / "out", dry_run=False)
    empty.expire_all()
    assert empty.scalars(select(m.Phone)).one().verified_on is None  # not the number that was dialled
    take_in(empty, tmp_path / "out", dry_run=False, trust=True)
    empty.expire_all()
    assert empty.scalars(select(m.Phone)).one().verified_on == date(2026, 11, 1)


def test_a_refuge_is_in_no_file_and_no_report(empty: Session, add: Add, tmp_path: Path) -> None:
    add("Open clinic", "health", parish="Saint John")
    secret = add(REFUGE, "housing", parish="Saint John", address=STREET, phone=LINE, confidential=True, alert=REFUGE)
    tabular.export(empty, tmp_path / "out")
    everything = b"".join(contents(tmp_path / "out").values())
    assert not [word for word in (REFUGE, STREET, LINE, str(secret)) if word.encode() in everything]
    assert b"Open clinic" in everything
    edit(tmp_path / "out", "services.csv", {"id": str(secret)})
    take_in(empty, tmp_path / "out", dry_run=False)
    empty.expire_all()
    kept = empty.get_one(m.Service, secret)
    assert (kept.name, kept.confidential) == (REFUGE, True)


def test_cells_are_no_formulas_and_come_back() -> None:
    column = next(one for one in columns(m.Service) if one.name == "name")
    for words in ("=1+1", "'=1", "''", "+a", "-a", "@a", "\tx", "plain", "'quoted'", "a\nb"):
        assert not cells.written(words).startswith(cells.FORMULA)
        assert cells.read(column, cells.written(words)) == words


def test_an_import_writes_the_fields_it_changes_and_no_others(empty: Session, add: Add, tmp_path: Path) -> None:
    """Else it would undo what somebody edits while it runs."""
    key = add("Clinic", "health", alert="open")
    tabular.export(empty, tmp_path / "out")
    edit(tmp_path / "out", "services.csv", {"alert": "closed today"})
    empty.execute(text("CREATE FUNCTION pg_temp.no() RETURNS trigger AS 'BEGIN RAISE; END' LANGUAGE plpgsql"))
    others = ", ".join(column.name for column in columns(m.Service) if column.name not in {"id", "alert"})
    empty.execute(text(f"CREATE TRIGGER others BEFORE UPDATE OF {others} ON service EXECUTE FUNCTION pg_temp.no()"))
    assert take_in(empty, tmp_path / "out", dry_run=False, by="A. Clerk").faults == []
    assert empty.get_one(m.Service, key).alert == "closed today"
    (change,) = empty.scalars(select(m.FieldChange).where(m.FieldChange.resource_id == key))
    told = (change.field_name, change.previous_value, change.replacement_value, change.updated_by)
    assert told == ("alert", "open", "closed today", "A. Clerk")
