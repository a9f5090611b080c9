"""An officer's duty as an iCalendar feed (RFC 5545). It names levels and hours: no case, no other person."""

import uuid
from datetime import datetime, timedelta

from icalendar import Calendar, Event
from sqlalchemy.orm import Session

from base.clock import DOMINICA
from oncall import rota
from oncall.duty import Duty

BEHIND, AHEAD = timedelta(days=14), timedelta(days=180)
LEVEL = {1: "On call", 2: "Backup", 3: "Supervisor on call", 4: "On call"}


def feed(session: Session, staff_id: uuid.UUID, now: datetime, *, name: str = "Koudmen") -> bytes:
    """The duties of one person from two weeks ago to half a year ahead."""
    calendar = Calendar()
    calendar.add("prodid", "-//Koudmen//on call//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", f"{name} on call")
    calendar.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
    for duty in rota.planned(session, now - BEHIND, now + AHEAD):
        if duty.staff_id == staff_id:
            calendar.add_component(_event(duty, now, name))
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def _event(duty: Duty, now: datetime, name: str) -> Event:
    event = Event()
    event.add("uid", f"{duty.source}-{duty.start:%Y%m%dT%H%M%SZ}-{duty.level}@koudmen")
    event.add("dtstamp", now)
    event.add("dtstart", duty.start.astimezone(DOMINICA))
    event.add("dtend", duty.end.astimezone(DOMINICA))
    event.add("summary", f"{LEVEL[duty.level]} ({name})")
    event.add("transp", "TRANSPARENT")
    return event
