"""Other people's category lists and free attributes (HSDS 3.1)."""

import uuid

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from base.db import Base
from directory.models.columns import Key


class Taxonomy(Base):
    """A list of terms, such as Open Eligibility."""

    __tablename__ = "taxonomy"
    id: Mapped[Key]
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    uri: Mapped[str | None]
    version: Mapped[str | None]


class TaxonomyTerm(Base):
    """A term of a taxonomy; `need` says which of our need codes it stands for."""

    __tablename__ = "taxonomy_term"
    id: Mapped[Key]
    taxonomy_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("taxonomy.id"), index=True)
    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("taxonomy_term.id"), index=True)
    code: Mapped[str | None]
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    language: Mapped[str | None]
    term_uri: Mapped[str | None]
    need: Mapped[str | None]


class Attribute(Base):
    """A term or free value put on any row of the directory."""

    __tablename__ = "attribute"
    __table_args__ = (Index("ix_attribute_link", "link_entity", "link_id"),)
    id: Mapped[Key]
    link_id: Mapped[uuid.UUID]
    link_entity: Mapped[str]
    link_type: Mapped[str | None]
    taxonomy_term_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("taxonomy_term.id"), index=True)
    value: Mapped[str | None]
    label: Mapped[str | None]
