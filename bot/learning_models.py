"""The table of proposed training examples."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from base.db import Base, EncryptedText


class LearningExample(Base):
    """A sentence that may teach the model, stripped of what could tell whose it was.

    `state` is proposed, approved or rejected. Staff ids are kept as text and never point at the same person twice:
    the database refuses a review by the one who proposed.
    """

    __tablename__ = "learning_example"
    __table_args__ = (
        CheckConstraint("state IN ('proposed', 'approved', 'rejected')", name="state"),
        CheckConstraint("reviewed_by <> proposed_by", name="second_person"),
        CheckConstraint("(state = 'proposed') = (reviewed_by IS NULL)", name="reviewed"),
        Index("ix_learning_example_proposed", "proposed_at", postgresql_where=text("state = 'proposed'")),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    unread_id: Mapped[int | None] = mapped_column(ForeignKey("unread_message.id", ondelete="SET NULL"), unique=True)
    language: Mapped[str]
    label: Mapped[str]
    words: Mapped[str] = mapped_column(EncryptedText("learning_example.words"))
    state: Mapped[str] = mapped_column(server_default="proposed")
    proposed_by: Mapped[str]
    proposed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    reviewed_by: Mapped[str | None]
    reviewed_at: Mapped[datetime | None]
