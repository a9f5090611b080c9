"""The table of checklists: what the procedure asks of a case."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, SmallInteger, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from base.db import Base, EncryptedText


class ChecklistStep(Base):
    """One step of a procedure for one case, copied when the case began: an edited procedure changes no running case.
    `answer`: done, or not_needed with a note that says why."""

    __tablename__ = "checklist_step"
    __table_args__ = (UniqueConstraint("case_id", "concern", "key"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("case.id"), index=True)
    concern: Mapped[str]
    version: Mapped[date]
    key: Mapped[str]
    position: Mapped[int] = mapped_column(SmallInteger)
    who: Mapped[str]
    what: Mapped[str]
    done_when: Mapped[str]
    begun_at: Mapped[datetime] = mapped_column(comment="its time counts from here")
    within: Mapped[Any] = mapped_column(JSONB, comment="seconds by severity")
    due_at: Mapped[datetime]
    answer: Mapped[str | None]
    answered_at: Mapped[datetime | None]
    answered_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    note: Mapped[str | None] = mapped_column(EncryptedText("checklist_step.note"))
