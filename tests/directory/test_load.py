"""The seed: loads once, changes nothing twice, and never undoes what a person did."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import directory.models as m
from base.errors import InvalidInput
from directory.load import PROVIDERS, Counts, seed
from directory.seed_rows import seed_id, service_id

HEAD = PROVIDERS.read_text(encoding="utf-8").splitlines()[0]


def line(key: str = "clinic", **cells: str) -> str:
    row = dict.fromkeys(HEAD.split(","), "") | {
        "key": key, "organization": "Ministry", "service": "Clinic", "needs": "health", "parish": "Saint John",
        "place": "Portsmouth", "coverage": "local", "phones": "+17675550101", "migrants": "unknown",
        "status": "active", "source": "https://example.org", "hours": "Mon-Fri 08:00-13:00 14:00-16:00",
    } | cells  # fmt: skip
    return ",".join(f'"{row[name]}"' for name in HEAD.split(","))


def write(folder: Path, *lines: str) -> Path:
    path = folder / "providers.csv"
    path.write_text("\n".join([HEAD, *lines]), encoding="utf-8")
    return path


def test_the_real_file_loads_and_loads_again(empty: Session) -> None:
    first = seed(empty, demo=False)
    assert first.added > 250
    assert empty.scalar(select(func.count()).select_from(m.Service)) == 53
    again = seed(empty, demo=False)
    assert again == Counts(unchanged=first.added)


def test_the_demo_marks_numbers_and_takes_the_marks_away(empty: Session) -> None:
    marked = select(func.count()).select_from(m.Phone).where(m.Phone.demo)
    seed(empty, demo=True)
    assert (empty.scalar(marked) or 0) >= 5
    assert empty.scalar(select(func.count()).select_from(m.Phone).where(m.Phone.verified_on.is_not(None))) == 0
    seed(empty, demo=False)
    assert empty.scalar(marked) == 0


def test_a_new_file_changes_what_nobody_touched(empty: Session, tmp_path: Path) -> None:
    seed(empty, demo=False, path=write(tmp_path, line()))
    counts = seed(empty, demo=False, path=write(tmp_path, line(service="New clinic", phones="+17675550102")))
    assert (counts.updated, counts.added, counts.removed) == (2, 1, 1)  # service and location; phone
    assert empty.scalars(select(m.Phone.number)).all() == ["+17675550102"]
    assert empty.scalars(select(m.Service.name)).all() == ["New clinic"]


def test_what_a_person_changed_stays(empty: Session, tmp_path: Path) -> None:
    seed(empty, demo=False, path=write(tmp_path, line()))
    service = empty.get_one(m.Service, service_id("clinic"))
    service.name = "Edited"
    phone = empty.get_one(m.Phone, seed_id("phone", "clinic", "+17675550101", "voice"))
    phone.verified_by, phone.verified_on = "A. Clerk", date(2026, 11, 1)
    removed = empty.scalars(select(m.Schedule)).first()
    empty.delete(removed)
    empty.flush()
    counts = seed(empty, demo=False, path=write(tmp_path, line(service="New clinic", phones="")))
    assert (counts.kept, counts.removed, counts.updated) == (2, 0, 1)
    assert service.name == "Edited"
    assert empty.scalars(select(m.Phone.number)).all() == ["+17675550101"]
    assert empty.scalar(select(func.count()).select_from(m.Schedule)) == 1


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"needs": "healt"}, "unknown code healt"),
        ({"needs": ""}, "needs is empty"),
        ({"parish": "Saint Jon", "place": ""}, "parish is not one of the ten"),
        ({"place": "Wozo"}, "place is not in places.yml"),
        ({"place": "Roseau"}, "place is not in that parish"),
        ({"phones": "call us"}, "phones: write"),
        ({"hours": "always"}, "hours: write"),
        ({"hours": "Mon 08:00-25:00"}, "25:00 is not a time"),
        ({"ages": "young"}, "ages: write"),
        ({"migrants": "maybe"}, "migrants is one of no, unknown, yes"),
        ({"referred_by": "nobody"}, "referred_by is not another key"),
        ({"languages": "klingon"}, "unknown code klingon"),
        ({"source_year": "n.d."}, "source_year is not a year"),
        ({"organization": ""}, "organization is empty"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_loaded(
    empty: Session, tmp_path: Path, cells: dict[str, str], sentence: str
) -> None:
    path = write(tmp_path, line("good"), line("bad", **cells))
    with pytest.raises(InvalidInput, match=r"providers\.csv line 3 \(bad\).*" + sentence):
        seed(empty, demo=False, path=path)
    assert empty.scalar(select(func.count()).select_from(m.Service)) == 0


def test_every_wrong_line_is_named(empty: Session, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"line 2 \(a\).*line 4 \(c\)"):
        seed(empty, demo=False, path=write(tmp_path, line("a", needs="x"), line("b"), line("c", status="gone")))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the columns must be"),
        (b"name,phone\nx,y\n", "the columns must be"),
        (b"\xff\xfe\x00", "cannot be read"),
        (HEAD.encode() + b"\nclinic,Ministry\n", "line 2"),
        (HEAD.encode() + b'\n"clinic,Ministry\n', "unexpected end of data"),
    ],
)
def test_a_broken_file_is_refused(empty: Session, tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "providers.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=sentence):
        seed(empty, demo=False, path=path)


def test_the_same_key_twice_is_refused(empty: Session, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="key is used twice"):
        seed(empty, demo=False, path=write(tmp_path, line(), line()))
