"""What is made ready on a case's page before something is done: a canned reply, services to choose from. Nothing of the
case is changed by it, and nothing of it stands in an address."""

from collections.abc import Callable

from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Answer

from base.errors import InvalidInput
from bot import officer
from dashboard import case as pages
from dashboard.case import blueprint
from dashboard.case_acts import form, once
from dashboard.permissions import needs
from dashboard.web import may, me, opened, site
from directory import for_staff
from oncall import looking
from oncall.models import Case

__all__ = ["blueprint"]
Make = Callable[[Session, Case], dict[str, object]]


@blueprint.post("/c/<code>/canned")
@needs("work on a case")
def canned(code: str) -> Answer | str | tuple[str, int]:
    """A canned reply, filled in, is put into the box after what was typed. Nothing is sent."""

    def fill(_: Session, case: Case) -> dict[str, object]:
        values = {name: form(name, 80) for name in ("officer", "word", "service")}
        made = officer.fill(form("canned"), case.language, site().settings, **values)
        words = "\n".join(part for part in (form("words", 10_000), made) if part)
        return {"typed": {"reply": {**request.form, "words": words}}}

    return _prepared(code, "canned", fill)


@blueprint.post("/c/<code>/services")
@needs("work on a case")
def services(code: str) -> Answer | str | tuple[str, int]:
    """Services by need, place and name, the confidential ones too: officers refer to them."""

    def search(session: Session, _: Case) -> dict[str, object]:
        need, name = form("need", 40), form("name", 80)
        if not need and not name:
            raise InvalidInput("choose a need, or type a part of the name")
        found = for_staff.choices(
            session, need=need, place=form("place", 80), name=name, confidential=may("see what is confidential")
        )
        return {"found": found, "typed": {"services": request.form}}

    return _prepared(code, "services", search)


def _prepared(code: str, name: str, make: Make) -> Answer | str | tuple[str, int]:
    with opened() as (session, now):
        case = looking.find(session, code, me())
        if case is None:
            return pages.unknown()
        if not looking.before(session, case, me(), now):
            return redirect(url_for("case.page", code=looking.address(case)), 303)
        try:
            more = make(session, case)
        except InvalidInput as error:
            more = {"wrong": {name: f"{error}."}, "typed": {"reply": request.form}}
        told = pages.shown(session, case, now, once=once(), **more)
    return render_template(pages.PAGE, **told)
