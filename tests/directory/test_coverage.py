"""The coverage map: counts, shares, gaps, searches in vain; nothing confidential, nobody to be found in it."""

import csv
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from sqlalchemy.orm import Session, sessionmaker

from base.clock import DOMINICA, now
from base.settings import Settings
from bot.demand import unmet
from bot.models import Demand
from directory import indexing
from directory.coverage import EVERYWHERE, NO_DISTRICT, NO_PARISH, Cell, Coverage, by_district, by_parish
from directory.coverage_told import TILES, as_csv, as_svg, as_tiles, table
from directory.needs import NEEDS
from directory.places import health_districts, parishes
from koudmen.commands import directory as command
from tests.directory.conftest import Add

NUMBER = "+17675550101"


@pytest.fixture
def island(empty: Session, add: Add) -> Coverage:
    add("Clinic", "health", also=("food",), parish="Saint John", place="Portsmouth", phone=NUMBER, verified=True,
        speaks=("ht",), open_to_migrants="yes")  # fmt: skip
    add("Old clinic", "health", parish="Saint John", phone=NUMBER)
    add("Serves the north", "health", parish="Saint Peter", serves=("Saint John",))
    add("Ministry", "money", parish="Saint George", place="Roseau", national=True)
    add("Line", "safety", phone=NUMBER, verified=True)
    add("Hidden house", "shelter", parish="Saint Luke", confidential=True, phone=NUMBER, verified=True)
    add("Secret place", "legal", parish="Saint Luke", hidden_place=True)
    add("Closed", "work", parish="Saint Mark", status="inactive")
    searches = {("shelter", "Saint Luke"): 12, ("food", "Saint Mark"): 4, ("legal", None): 7}
    return by_parish(indexing.current(empty), searches)


def test_counts_and_shares(island: Coverage) -> None:
    assert island.cell("health", "Saint John") == Cell(services=3, verified=1, migrants=1, kreyol=1, unmet=0)
    assert island.cell("health", "Saint Peter").services == 1
    assert island.cell("food", "Saint John").services == 1
    assert island.cell("money", "Saint George").services == island.cell("money", EVERYWHERE).services == 1
    assert island.cell("money", "Saint John").services == 0
    assert island.cell("safety", EVERYWHERE) == Cell(services=1, verified=1)
    assert island.cell("work", "Saint Mark").services == 0


def test_the_confidential_is_in_no_count(island: Coverage) -> None:
    assert island.cell("shelter", "Saint Luke") == Cell(unmet=12)
    assert island.cell("shelter", EVERYWHERE).services == 0
    assert island.cell("legal", "Saint Luke").services == 0
    assert island.cell("legal", EVERYWHERE).services == 1


def test_an_office_that_refers_is_not_counted_for_what_it_refers_to(empty: Session, add: Add) -> None:
    office = add("Welfare", "money", parish="Saint George")
    add("Hidden house", "shelter", confidential=True, referred_by_id=office)
    found = by_parish(indexing.current(empty), {})
    assert {key for key, cell in found.cells.items() if cell.services} == {("money", "Saint George")}


def test_few_searches_are_not_told(island: Coverage) -> None:
    assert island.cell("shelter", "Saint Luke").unmet_told == "12"
    assert island.cell("food", "Saint Mark").unmet_told == "<5"
    assert island.cell("legal", NO_PARISH).unmet_told == "7"
    for text in (table(island), as_csv(island), as_svg(island)):
        assert not re.search(r"! ?4\b|,4$", text, re.MULTILINE)


def test_gaps_are_named(island: Coverage) -> None:
    gaps = island.gaps()
    assert ("health", "Saint John") not in gaps
    assert ("shelter", "Saint Luke") in gaps
    assert len(gaps) == len(NEEDS) * len(parishes()) - 4


def test_as_csv(island: Coverage) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(island))))
    assert len(rows) == len(NEEDS) * len(island.areas)
    (row,) = (r for r in rows if (r["area"], r["need"]) == ("Saint John", "health"))
    assert (row["services"], row["verified_share"], row["migrants_share"], row["kreyol_share"]) == (
        "3",
        "0.33",
        "0.33",
        "0.33",
    )
    (empty,) = (r for r in rows if (r["area"], r["need"]) == ("Saint Luke", "shelter"))
    assert (empty["services"], empty["verified_share"], empty["unmet_searches"]) == ("0", "", "12")


def test_searches_that_are_not_known_are_not_told_as_none(session: Session) -> None:
    for found in (by_parish(indexing.current(session), None), by_district(indexing.current(session), None)):
        assert {row["unmet_searches"] for row in csv.DictReader(io.StringIO(as_csv(found)))} == {"not told"}
        for told in (table(found), as_svg(found)):
            assert "searches are not told" in told
            assert "found nothing there" not in told


def test_the_picture_says_everything_without_colour(island: Coverage) -> None:
    picture = ElementTree.fromstring(as_svg(island))
    space = "{http://www.w3.org/2000/svg}"
    words = " | ".join(text.text or "" for text in picture.iter(f"{space}text"))
    assert all(area in words for area in island.areas)
    assert "3 | 1v 1m 1k" in words
    assert "! 12" in words
    assert "! <5" in words
    fills = {rect.get("fill", "") for rect in picture.iter(f"{space}rect")}
    greys = {fill for fill in fills if (m := re.fullmatch(r"rgb\((\d+),(\d+),(\d+)\)", fill)) and m[1] == m[2] == m[3]}
    assert fills - greys == {"url(#none)", "#fff", "#000"}
    assert (picture.find(f"{space}title") is not None, picture.get("role")) == (True, "img")


def test_the_seed_by_parish_and_by_health_district(session: Session) -> None:
    index = indexing.current(session)
    for found in (by_parish(index, {}), by_district(index, {})):
        for text in (table(found), as_csv(found), as_svg(found)):
            assert "CHANCES" not in text
            assert "Refuge" not in text
    assert by_parish(index, {}).cell("health", "Saint John").services >= 2
    assert set(by_district(index, {}).areas) > set(health_districts())
    assert by_district(index, {}).cell("health", "Portsmouth").services >= 1


def test_searches_by_health_district(session: Session) -> None:
    searches = {("shelter", "Grand Bay"): 6, ("shelter", None): 5, ("food", "Marigot"): 4}
    found = by_district(indexing.current(session), searches)
    assert found.cell("shelter", "Grand Bay").unmet_told == "6"
    assert found.cell("shelter", NO_DISTRICT).unmet_told == "5"
    assert found.cell("food", "Marigot").unmet_told == "<5"


def test_the_command(
    sessions: sessionmaker[Session], settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """With what was searched for in vain, as it is in the database."""
    today = now().astimezone(DOMINICA).date()
    with sessions() as session, session.begin():
        for outcome, count in (("none", 6), ("found", 9)):
            session.add_all(
                Demand(day=today, need="shelter", parish="Saint Luke", language="ht", channel="sms", outcome=outcome)
                for _ in range(count)
            )
    with sessions() as session:
        assert unmet(session, today, today) == {("shelter", "Saint Luke"): 6}
    monkeypatch.setenv("DATABASE_URL", settings.database_url or "")
    monkeypatch.setenv("KOUDMEN_HOME", str(settings.home))
    monkeypatch.setenv("KOUDMEN_KEYS", settings.keys or "")
    assert command.main(["coverage"]) == 0
    assert "!6" in capsys.readouterr().out
    picture = tmp_path / "map.svg"
    assert command.main(["coverage", "--by", "district", "--format", "svg", "--out", str(picture)]) == 0
    assert ElementTree.parse(picture).getroot().get("role") == "img"


def test_the_island_as_tiles_says_in_words_how_many(island: Coverage) -> None:
    told = ElementTree.fromstring(as_tiles(island, "health"))
    words = [one.text or "" for one in told.iter("{http://www.w3.org/2000/svg}text")]
    assert words[words.index("Saint John") + 1] == f"{island.cell('health', 'Saint John').services}, 1 verified"
    assert set(TILES) == {one.name for one in parishes()}
    assert len(set(TILES.values())) == len(TILES), "no tile lies on another"
