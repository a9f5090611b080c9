"""Needs for the services of another directory: it has none of our codes, but perhaps terms of Open Eligibility."""

from typing import Any

from sqlalchemy.orm import Session

from directory import models as m
from directory import open_eligibility
from directory.exchange.gathered import Gathered
from directory.exchange.here import here
from directory.exchange.tables import Key, Row

NOTE = "service: needs taken from its terms of Open Eligibility"


def add_needs(session: Session, gathered: Gathered) -> None:
    """Give services that are new here the needs that their terms stand for, unless the file has needs of ours."""
    if gathered.rows[m.ServiceNeed] or not gathered.rows[m.Attribute]:
        return
    needs = _needs(session, gathered)
    known = here(session, m.Service, list(gathered.rows[m.Service]), hidden=True)
    for key, row in list(gathered.rows[m.Attribute].items()):
        need, service = needs.get(row.get("taxonomy_term_id")), row["link_id"]
        if need and row["link_entity"] == "service" and (service,) in gathered.rows[m.Service] and service not in known:
            if (service, need) not in gathered.rows[m.ServiceNeed]:
                gathered.report.notes[NOTE] += 1
            made = {"service_id": service, "need": need, "rank": 0, "part": False}
            gathered.merge(m.ServiceNeed, made, *gathered.found_at[m.Attribute][key])


def _needs(session: Session, gathered: Gathered) -> dict[Any, str]:
    """The need of each term, by its id: as the term says itself, or by its code in Open Eligibility."""
    wanted: list[Key] = [(row.get("taxonomy_term_id"),) for row in gathered.rows[m.Attribute].values()]
    terms: dict[Any, Row] = here(session, m.TaxonomyTerm, [key for key in wanted if key[0]], hidden=True)
    terms |= {key[0]: row for key, row in gathered.rows[m.TaxonomyTerm].items()}
    lists = here(session, m.Taxonomy, [(row.get("taxonomy_id"),) for row in terms.values()], hidden=True)
    lists |= {key[0]: row for key, row in gathered.rows[m.Taxonomy].items()}
    return {key: need for key, row in terms.items() if (need := _need(row, lists.get(row.get("taxonomy_id"), {})))}


def _need(term: Row, taxonomy: Row) -> str | None:
    if term.get("need"):
        return str(term["need"])
    ours = open_eligibility.NAME.lower().replace(" ", "")
    if (taxonomy.get("name") or "").lower().replace(" ", "") != ours:
        return None
    return open_eligibility.need_of(term.get("code") or "")
