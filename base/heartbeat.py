"""Who is alive: each process writes a row from time to time, and readiness and alarms look at its age."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from base.db import Base


class Heartbeat(Base):
    """`name` is the process's part (worker turn, sweeper …); `note` a code such as "rasa away"."""

    __tablename__ = "heartbeat"
    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    note: Mapped[str] = mapped_column(server_default="")


def beat(session: Session, name: str, note: str = "") -> None:
    """Say that a process is alive now (the database's clock)."""
    row = insert(Heartbeat).values(name=name, at=func.now(), note=note)
    session.execute(row.on_conflict_do_update(index_elements=["name"], set_={"at": func.now(), "note": note}))


def ages(session: Session) -> dict[str, tuple[float, str]]:
    """Seconds since each process's last sign of life, and its note."""
    rows = session.execute(select(Heartbeat.name, func.extract("epoch", func.now() - Heartbeat.at), Heartbeat.note))
    return {name: (float(age), note) for name, age, note in rows}
