"""Tables of signing in: what proves who somebody is, and where they are signed in. Nothing secret is readable in them:
passwords are hashed with Argon2id, one-time secrets encrypted, tokens and codes kept as keyed hashes."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, LargeBinary, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from base.db import Base, EncryptedText


class Credential(Base):
    """An account's password and one-time code. `setup_hash`: of the code an administrator hands out for a first
    sign-in or after a loss, good until `setup_until` or until there is a second proof."""

    __tablename__ = "credential"
    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    password_hash: Mapped[str | None]
    password_at: Mapped[datetime | None]
    totp_secret: Mapped[str | None] = mapped_column(EncryptedText("credential.totp_secret"))
    totp_confirmed_at: Mapped[datetime | None]
    totp_step: Mapped[int] = mapped_column(BigInteger, server_default="0", comment="newest 30 s whose code was used")
    setup_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    setup_until: Mapped[datetime | None]


class RecoveryCode(Base):
    """A code that stands in for the one-time code, once."""

    __tablename__ = "recovery_code"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff.id"), index=True)
    hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    used_at: Mapped[datetime | None]


class Passkey(Base):
    """A key that lives in somebody's phone or computer (WebAuthn)."""

    __tablename__ = "passkey"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff.id"), index=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(EncryptedText("passkey.name"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    used_at: Mapped[datetime | None]


class StaffSession(Base):
    """A place where somebody is signed in. `proved_at`: when they last proved who they are; `seen_at`: last page they
    asked for themselves (a page that refreshes itself does not count)."""

    __tablename__ = "staff_session"
    __table_args__ = (Index("ix_staff_session_open", "staff_id", postgresql_where=text("ended_at IS NULL")),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff.id"))
    how: Mapped[str] = mapped_column(comment="totp, recovery, passkey, oidc, setup")
    device: Mapped[str] = mapped_column(comment="browser and system, as 'Firefox on Android'")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime]
    proved_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_why: Mapped[str | None]


class SignInStep(Base):
    """Half of a sign-in: what was proved or asked so far. Used once, within minutes."""

    __tablename__ = "sign_in_step"
    __table_args__ = (CheckConstraint("purpose IN ('second', 'passkey', 'register', 'oidc')", name="purpose"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    purpose: Mapped[str]
    staff_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    challenge: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class SignInFailure(Base):
    """A wrong password or code, by keyed hashes of what was typed as the account and of the caller's address."""

    __tablename__ = "sign_in_failure"
    __table_args__ = (
        Index("ix_sign_in_failure_account", "account", "at"),
        Index("ix_sign_in_failure_caller", "caller", "at"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    account: Mapped[bytes] = mapped_column(LargeBinary)
    caller: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime]


class MonthlyReport(Base):
    """A month's report as it was first told, small counts kept back. Never counted again (dashboard.reports.kept)."""

    __tablename__ = "monthly_report"
    month: Mapped[date] = mapped_column(primary_key=True, comment="its first day")
    made_at: Mapped[datetime]
    tables: Mapped[Any] = mapped_column(JSONB)
