"""The rota: a week by day and level, its gaps weeks ahead, and forms to fill them. Who is on the rota sees it and asks
for swaps; who plans it (supervisors, administrators) changes it."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as Answer

from base.clock import DOMINICA
from base.errors import InvalidInput, KoudmenError, Refused
from dashboard import calendar, rota_rows, typed
from dashboard.permissions import needs
from dashboard.web import address, audited, may, me, opened, site
from dashboard.words import _
from oncall import notices, rota, staff, swaps, watch
from oncall.clocks import LEVELS
from oncall.models import Override, Rotation, Shift, Staff

blueprint = Blueprint("rota", __name__)
MOST_GAPS = 15
LONGEST = timedelta(days=366)
Made = Shift | Rotation | Override
KINDS: dict[str, type[Made]] = {"shift": Shift, "rotation": Rotation, "override": Override}
TITLES = {"shift": "Add a shift", "rotation": "Add a rotation", "override": "Put somebody in another's place"}


@blueprint.get("/rota")
@needs("see the rota")
def page() -> str:
    """A week (`?week=` any day of it), what is wrong in the coming weeks, what is planned, and the duty phones."""
    config = site().settings.config.oncall
    with opened() as (session, now):
        first = typed.monday(typed.day(request.args.get("week")) or now.astimezone(DOMINICA).date())
        found = rota_rows.gaps(session, now, config.look_ahead, config.languages)
        return render_template(
            "rota/page.html", at=now, first=first, week=rota_rows.week(session, first, now), gaps=found[:MOST_GAPS],
            more=len(found) - len(found[:MOST_GAPS]), ahead=rota_rows.ahead(session, now),
            people=rota_rows.people(session), tests=watch.last_tests(session), swaps=swaps.waiting(session, now),
            phones=[one for one in staff.active(session) if one.phone], may_agree=swaps.may_agree,
            days=config.look_ahead.days, weeks=timedelta(weeks=1), names=rota_rows.LEVEL_NAMES, hours=rota_rows.hours,
            typed=typed.as_typed, feed=address() + calendar.path(me()),
        )  # fmt: skip


def _form(kind: str, filled: MultiDict[str, str], wrong: str = "") -> str:
    with opened() as (session, _now):
        return render_template(
            "rota/form.html", kind=kind, title=TITLES[kind], filled=filled, wrong=wrong, people=staff.active(session),
            reachable=staff.reachable, names=rota_rows.LEVEL_NAMES,
        )  # fmt: skip


def _made(kind: str, make: Callable[[Session, datetime], Made]) -> Answer | tuple[str, int]:
    """Make it and show its week; what is refused is told on the form, with what was typed."""
    try:
        with opened() as (session, now):
            made = make(session, now)
            audited(session, f"{kind} added", now, f"{kind}:{made.id}", level=made.level)
    except KoudmenError as error:
        return _form(kind, request.form, typed.told(error)), 400
    flash(_("It is in the rota."))
    return redirect(url_for("rota.page", week=made.starts_at.astimezone(DOMINICA).date()), 303)


def _level() -> int:
    return typed.number(request.form.get("level"), 1, LEVELS, "the level")


def _times() -> tuple[datetime, datetime]:
    start, end = typed.moment(request.form.get("start", "")), typed.moment(request.form.get("end", ""))
    if end - start > LONGEST:
        raise InvalidInput("a year at most")
    return start, end


def _one(session: Session, field: str) -> uuid.UUID | None:
    """The person chosen in a field; None for nobody."""
    if not request.form.get(field):
        return None
    found = typed.chosen(request.form[field], "a person")
    if session.get(Staff, found) is None:
        raise InvalidInput("choose a person out of the list")
    return found


@blueprint.get("/rota/shift")
@needs("change the rota")
def shift() -> str:
    return _form("shift", request.args)


@blueprint.post("/rota/shift")
@needs("change the rota")
def shift_add() -> Answer | tuple[str, int]:
    def make(session: Session, now: datetime) -> Shift:
        who = _one(session, "staff")
        if who is None:
            raise InvalidInput("choose who is on duty")
        start, end = _times()
        if end <= now:
            raise InvalidInput("this shift is over already")
        return rota.add_shift(session, who, _level(), start, end, now, by=me().id)

    return _made("shift", make)


@blueprint.get("/rota/rotation")
@needs("change the rota")
def rotation() -> str:
    return _form("rotation", request.args)


@blueprint.post("/rota/rotation")
@needs("change the rota")
def rotation_add() -> Answer | tuple[str, int]:
    """The people in the order of the fields `staff`; empty ones are left out."""

    def make(session: Session, now: datetime) -> Rotation:
        form = request.form
        people = [typed.chosen(one, "people") for one in form.getlist("staff") if one]
        name = form.get("name", "").strip()[:60]
        if not name:
            raise InvalidInput("give the rotation a name")
        end = typed.moment(form["end"]) if form.get("end") else None
        days = typed.number(form.get("days"), 1, 60, "the length of a turn")
        windows = form.get("windows", "").strip()[:200] or None
        try:
            return rota.add_rotation(
                session, name, _level(), people, typed.moment(form.get("start", "")), now, turn_days=days,
                windows=windows, end=end,
            )  # fmt: skip
        except KoudmenError as error:
            raise InvalidInput(str(error)) from None

    return _made("rotation", make)


@blueprint.get("/rota/override")
@needs("change the rota")
def override() -> str:
    return _form("override", request.args)


@blueprint.post("/rota/override")
@needs("change the rota")
def override_add() -> Answer | tuple[str, int]:
    def make(session: Session, now: datetime) -> Override:
        start, end = _times()
        if end <= now:
            raise InvalidInput("this time is over already")
        return rota.add_override(
            session, _level(), start, end, now, staff_id=_one(session, "staff"), replaces_id=_one(session, "replaces"),
            by=me().id,
        )  # fmt: skip

    return _made("override", make)


def _ended(kind: str, id_: uuid.UUID, end: Callable[[Session, datetime], None]) -> Answer:
    with opened() as (session, now):
        if session.get(KINDS[kind], id_) is None:
            abort(404)
        end(session, now)
        audited(session, f"{kind} ended", now, f"{kind}:{id_}")
    flash(_("It is taken back. Look whether there is a gap now."))
    return redirect(url_for("rota.page"), 303)


@blueprint.post("/rota/shift/<uuid:shift_id>/cancel")
@needs("change the rota")
def shift_cancel(shift_id: uuid.UUID) -> Answer:
    return _ended("shift", shift_id, lambda session, now: rota.cancel_shift(session, shift_id, now))


@blueprint.post("/rota/rotation/<uuid:rotation_id>/end")
@needs("change the rota")
def rotation_end(rotation_id: uuid.UUID) -> Answer:
    return _ended("rotation", rotation_id, lambda session, now: rota.end_rotation(session, rotation_id, now))


@blueprint.post("/rota/override/<uuid:override_id>/cancel")
@needs("change the rota")
def override_cancel(override_id: uuid.UUID) -> Answer:
    return _ended("override", override_id, lambda session, now: rota.cancel_override(session, override_id, now))


@blueprint.get("/rota/swap")
@needs("see the rota")
def swap() -> str:
    return _swap_form()


def _swap_form(wrong: str = "") -> str:
    with opened() as (session, now):
        return render_template(
            "rota/swap.html", duties=rota_rows.swappable(session, now), people=rota_rows.people(session),
            filled=request.form, wrong=wrong, names=rota_rows.LEVEL_NAMES, plans=may("change the rota"),
        )  # fmt: skip


@blueprint.post("/rota/swap")
@needs("see the rota")
def swap_ask() -> Answer | tuple[str, int]:
    """Who plans the rota swaps any two duties at once; an officer asks, for a duty of their own."""
    try:
        with opened() as (session, now):
            one = rota_rows.duty_of(session, request.form.get("one"), now)
            other = rota_rows.duty_of(session, request.form.get("other"), now)
            if one.staff_id == other.staff_id:
                raise InvalidInput("choose duties of two people")
            if may("change the rota"):
                made, _second = rota.swap(session, one, other, now, by=me().id)
                others = [session.get_one(Staff, duty.staff_id) for duty in (one, other) if duty.staff_id != me().id]
                notices.tell(session, others, "swap", now)
                audited(session, "swap made", now, f"override:{made.id}")
            else:
                asked = swaps.ask(session, me().id, one, other, now)
                audited(session, "swap asked", now, f"swap:{asked.id}")
    except KoudmenError as error:
        return _swap_form(typed.told(error)), 400
    flash(_("The two duties are swapped.") if may("change the rota") else _("Asked. Nothing changes before a yes."))
    return redirect(url_for("rota.page", week=one.start.astimezone(DOMINICA).date()), 303)


@blueprint.post("/rota/swap/<uuid:swap_id>")
@needs("see the rota")
def swap_answer(swap_id: uuid.UUID) -> Answer:
    agreed = request.form.get("answer") == "yes"
    with opened() as (session, now):
        swaps.decide(session, swap_id, me(), now, agreed=agreed)
        audited(session, "swap agreed" if agreed else "swap refused", now, f"swap:{swap_id}")
    flash(_("The two duties are swapped.") if agreed else _("The rota stays as it is."))
    return redirect(url_for("rota.page"), 303)


@blueprint.post("/rota/test/<uuid:staff_id>")
@needs("change the rota")
def test(staff_id: uuid.UUID) -> Answer:
    """A test page to a phone; the answer is A and its code, as for a case."""
    with opened() as (session, now):
        who = session.get(Staff, staff_id)
        if who is None or who.disabled_at is not None:
            abort(404)
        if not watch.test_page(session, who, now):
            raise Refused("this phone is not confirmed, so no page may go there")
        audited(session, "test page sent", now, f"staff:{staff_id}")
    flash(_("A test page is on its way. It counts when they text back A and its code."))
    return redirect(url_for("rota.page"), 303)
