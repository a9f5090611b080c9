"""Signing in of staff, and the log of who did what

Revision: 0011, after: 0010
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('audit_event',
    sa.Column('seq', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('actor_id', sa.Uuid(), nullable=True),
    sa.Column('action', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False, comment='kind:id of what it was done to'),
    sa.Column('detail', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('hash', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_audit_event'))
    )
    op.create_index(op.f('ix_audit_event_actor_id'), 'audit_event', ['actor_id'], unique=False)
    op.create_index(op.f('ix_audit_event_at'), 'audit_event', ['at'], unique=False)
    op.create_index(op.f('ix_audit_event_subject'), 'audit_event', ['subject'], unique=False)
    op.create_table('sign_in_failure',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('account', sa.LargeBinary(), nullable=False),
    sa.Column('caller', sa.LargeBinary(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_in_failure'))
    )
    op.create_index('ix_sign_in_failure_account', 'sign_in_failure', ['account', 'at'], unique=False)
    op.create_index('ix_sign_in_failure_caller', 'sign_in_failure', ['caller', 'at'], unique=False)
    op.create_table('credential',
    sa.Column('staff_id', sa.Uuid(), nullable=False),
    sa.Column('password_hash', sa.String(), nullable=True),
    sa.Column('password_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('totp_secret', sa.LargeBinary(), nullable=True),
    sa.Column('totp_confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('totp_step', sa.BigInteger(), server_default='0', nullable=False, comment='newest 30 s whose code was used'),
    sa.Column('setup_hash', sa.LargeBinary(), nullable=True),
    sa.Column('setup_until', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_credential_staff_id')),
    sa.PrimaryKeyConstraint('staff_id', name=op.f('pk_credential'))
    )
    op.create_table('passkey',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('staff_id', sa.Uuid(), nullable=False),
    sa.Column('credential_id', sa.LargeBinary(), nullable=False),
    sa.Column('public_key', sa.LargeBinary(), nullable=False),
    sa.Column('sign_count', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_passkey_staff_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_passkey')),
    sa.UniqueConstraint('credential_id', name=op.f('uq_passkey_credential_id'))
    )
    op.create_index(op.f('ix_passkey_staff_id'), 'passkey', ['staff_id'], unique=False)
    op.create_table('recovery_code',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('staff_id', sa.Uuid(), nullable=False),
    sa.Column('hash', sa.LargeBinary(), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_recovery_code_staff_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_recovery_code')),
    sa.UniqueConstraint('hash', name=op.f('uq_recovery_code_hash'))
    )
    op.create_index(op.f('ix_recovery_code_staff_id'), 'recovery_code', ['staff_id'], unique=False)
    op.create_table('sign_in_step',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('purpose', sa.String(), nullable=False),
    sa.Column('staff_id', sa.Uuid(), nullable=True),
    sa.Column('challenge', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("purpose IN ('second', 'passkey', 'register')", name=op.f('ck_sign_in_step_purpose')),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_sign_in_step_staff_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_in_step'))
    )
    op.create_index(op.f('ix_sign_in_step_created_at'), 'sign_in_step', ['created_at'], unique=False)
    op.create_table('staff_session',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('staff_id', sa.Uuid(), nullable=False),
    sa.Column('how', sa.String(), nullable=False, comment='totp, recovery, passkey, oidc, setup'),
    sa.Column('device', sa.String(), nullable=False, comment="browser and system, as 'Firefox on Android'"),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('proved_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_why', sa.String(), nullable=True),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_staff_session_staff_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_staff_session')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_staff_session_token_hash'))
    )
    op.create_index('ix_staff_session_open', 'staff_session', ['staff_id'], unique=False, postgresql_where=sa.text('ended_at IS NULL'))
    op.execute(
        "CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'the audit log is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_event"
        " FOR EACH ROW EXECUTE FUNCTION audit_append_only()"
    )


def downgrade() -> None:
    op.drop_index('ix_staff_session_open', table_name='staff_session', postgresql_where=sa.text('ended_at IS NULL'))
    op.drop_table('staff_session')
    op.drop_index(op.f('ix_sign_in_step_created_at'), table_name='sign_in_step')
    op.drop_table('sign_in_step')
    op.drop_index(op.f('ix_recovery_code_staff_id'), table_name='recovery_code')
    op.drop_table('recovery_code')
    op.drop_index(op.f('ix_passkey_staff_id'), table_name='passkey')
    op.drop_table('passkey')
    op.drop_table('credential')
    op.drop_index('ix_sign_in_failure_caller', table_name='sign_in_failure')
    op.drop_index('ix_sign_in_failure_account', table_name='sign_in_failure')
    op.drop_table('sign_in_failure')
    op.drop_index(op.f('ix_audit_event_subject'), table_name='audit_event')
    op.drop_index(op.f('ix_audit_event_at'), table_name='audit_event')
    op.drop_index(op.f('ix_audit_event_actor_id'), table_name='audit_event')
    op.drop_table('audit_event')
    op.execute("DROP FUNCTION audit_append_only()")
