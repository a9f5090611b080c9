"""A year of the service in an empty database: people, a million messages, open and closed cases; by SQL, in bulk.

Words are real ciphertexts, a few of them repeated: each opens with the keys in use."""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, sessionmaker

from base.db import keys, make_sessions, transaction
from base.settings import Settings
from dashboard.accounts import codes, passwords
from dashboard.accounts import sessions as places
from koudmen import partitions
from messaging import months
from oncall import clocks, staff

SAYINGS = ("Mwen bezwen manje pou timoun yo", "I need a doctor in Portsmouth", "mari m ap bat mwen", "He hit me again")
_PEOPLE = """
INSERT INTO contact (id) SELECT md5('contact' || n)::uuid FROM generate_series(1, :people) n;
INSERT INTO address (id, contact_id, channel, lookup, value)
  SELECT md5('address' || n)::uuid, md5('contact' || n)::uuid, CASE WHEN n % 10 = 0 THEN 'whatsapp' ELSE 'sms' END,
         sha256(('person' || n)::bytea), :number FROM generate_series(1, :people) n;
INSERT INTO conversation (id, address_id, language, last_inbound_at)
  SELECT md5('conversation' || n)::uuid, md5('address' || n)::uuid, (ARRAY['en','ht','acf'])[1 + n % 3],
         now() - n * interval '5 min' FROM generate_series(1, :people) n;
INSERT INTO inbound_message (provider, external_id, conversation_id, kind, body, received_at, handled_at, outcome)
  SELECT 'bench', 'SM' || n, md5('conversation' || 1 + n % :people)::uuid, 'text',
         (CAST(:sayings AS bytea[]))[1 + n % cardinality(CAST(:sayings AS bytea[]))],
         now() - (:messages - n) * interval '30 s', now() - (:messages - n) * interval '30 s', 'answered'
  FROM generate_series(1, :messages) n;
INSERT INTO outbound_message (id, conversation_id, inbound_id, channel, lane, body, segments, state, delivery,
                              delivery_rank, external_id, accepted_at, created_at)
  SELECT gen_random_uuid(), conversation_id, id, 'sms', 1,
         (CAST(:answers AS bytea[]))[1 + id % cardinality(CAST(:answers AS bytea[]))],
         1, 'sent', 'delivered', 5, 'SMO' || id, received_at, received_at FROM inbound_message;
INSERT INTO unread_message (inbound_id, conversation_id, reason)
  SELECT id, conversation_id, 'unclear' FROM inbound_message WHERE id <= 500;
"""
_CASES = """
INSERT INTO "case" (id, code, conversation_id, state, severity, concerns, language, drill, owner_id, policy, level,
                    next_level, round, late, opened_at, paged_at, acknowledged_at, engaged_at, contact_at, closed_at,
                    page_due_at, contact_due_at, close_due_at, outcome)
  SELECT md5('case' || n)::uuid, CASE WHEN n <= :open THEN 100000 + n ELSE 1000 + n % 9000 END,
         md5('conversation' || n)::uuid,
         CASE WHEN n > :open THEN 'closed' WHEN n % 3 = 0 THEN 'paged' ELSE 'engaged' END,
         CASE WHEN n % 20 = 0 THEN 'critical' WHEN n % 3 = 0 THEN 'high' ELSE 'standard' END,
         ARRAY['domestic_violence'], (ARRAY['en','ht','acf'])[1 + n % 3], n % 100 = 7,
         CASE WHEN n % 3 > 0 THEN (CAST(:owners AS uuid[]))[1 + n % cardinality(CAST(:owners AS uuid[]))] END,
         CAST(:policy AS jsonb), 1, 2, 1, CASE WHEN n % 11 = 0 THEN 1 ELSE 0 END,
         now() - n * interval '10 min', now() - n * interval '10 min', now(), now(), now(),
         CASE WHEN n > :open THEN now() - n * interval '4 min' END,
         CASE WHEN n <= :open AND n % 3 = 0 THEN now() + n * interval '1 s' + interval '30 min' END,
         CASE WHEN n <= :open AND n % 3 > 0 THEN now() + n * interval '1 s' + interval '30 min' END,
         CASE WHEN n <= :open THEN now() + interval '9 d' END, CASE WHEN n > :open THEN 'resolved' END
  FROM generate_series(1, CAST(:open AS int) + CAST(:closed AS int)) n;
INSERT INTO case_event (case_id, kind, inbound_id, at)
  SELECT md5('case' || n)::uuid, kind, CASE WHEN kind = 'disclosed' THEN least(n, CAST(:messages AS int)) END,
         now() - n * interval '10 min'
  FROM generate_series(1, CAST(:open AS int) + CAST(:closed AS int)) n,
       unnest(ARRAY['disclosed','paged','acknowledged','engaged','contact']) kind;
"""

_MORE = """
INSERT INTO contact (id) SELECT md5(:part || 'c' || n)::uuid FROM generate_series(1, :people) n;
INSERT INTO address (id, contact_id, channel, lookup, value)
  SELECT md5(:part || 'a' || n)::uuid, md5(:part || 'c' || n)::uuid, 'sms', sha256((:part || 'p' || n)::bytea), :number
  FROM generate_series(1, :people) n;
INSERT INTO conversation (id, address_id, language, last_inbound_at)
  SELECT md5(:part || 'v' || n)::uuid, md5(:part || 'a' || n)::uuid, 'ht', now() - interval '40 d'
  FROM generate_series(1, :people) n;
INSERT INTO inbound_message (id, provider, external_id, conversation_id, kind, body, received_at, handled_at, outcome)
  SELECT (:month + n % 12) * CAST(:step AS bigint) + :stored + n,
         'bench', :part || n, md5(:part || 'v' || 1 + n % :people)::uuid, 'text',
         (CAST(:sayings AS bytea[]))[1 + n % cardinality(CAST(:sayings AS bytea[]))],
         now() - interval '40 d', now() - interval '40 d', 'answered'
  FROM generate_series(1, :messages) n;
INSERT INTO inbound_seen (provider, external_id) SELECT 'bench', :part || n FROM generate_series(1, :messages, 9) n;
INSERT INTO outbound_message (id, conversation_id, channel, lane, body, segments, state, delivery, delivery_rank,
                              external_id, accepted_at, created_at)
  SELECT (lpad(to_hex((CAST(:starts AS bigint[]))[1 + n % 12] + :stored + n), 12, '0') || '70008'
          || substr(md5(:part || n), 1, 15))::uuid, md5(:part || 'v' || 1 + n % :people)::uuid, 'sms', 1,
         (CAST(:answers AS bytea[]))[1 + n % cardinality(CAST(:answers AS bytea[]))],
         1, 'accepted', 'delivered', 5, :part || n, now() - interval '40 d', now() - interval '40 d'
  FROM generate_series(1, :messages) n;
"""


@dataclass(frozen=True)
class Crowd:
    """How much there is, and the tokens of officers who are signed in."""

    open: int
    messages: int
    tokens: tuple[str, ...]
    staff_ids: tuple[uuid.UUID, ...]


def fill(
    engine: Engine, sessions: sessionmaker[Session], settings: Settings, *, open_: int, messages: int, officers: int
) -> Crowd:
    """Half of `messages` come in and half go out; three closed cases for each open one."""
    tokens, ids = _officers(sessions, officers)
    policy = json.dumps(clocks.policy_of(settings.config.oncall).as_json())
    told = {"open": open_, "closed": 3 * open_, "owners": list(ids), "policy": policy,
            "people": max(4 * open_, messages // 10), "messages": messages // 2,
            "number": keys().encrypt(b"+17675550100", "address.value"),
            "sayings": [keys().encrypt(one.encode(), "inbound_message.body") for one in SAYINGS * 25],
            "answers": [keys().encrypt(one.encode(), "outbound_message.body") for one in SAYINGS * 25]}  # fmt: skip
    with engine.begin() as connection:
        for statement in (_PEOPLE + _CASES).split(";\n"):
            if statement.strip():
                connection.execute(text(statement), told)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    return Crowd(open_, messages, tokens, ids)


def months_made(engine: Engine) -> None:
    """The tables of a year, and the month after it begun: where `more` writes, and what is new lies apart."""
    for month in range(13):
        partitions.ensure(make_sessions(engine), months.begins(months.month_of(datetime.now(UTC)) + month))


def more(engine: Engine, messages: int, part: int, stored: int = 0) -> None:
    """So many further messages of other people, ten a person, half in and half out, all answered and delivered, spread
    over a year; `stored` are there already."""
    month = months.month_of(datetime.now(UTC))
    starts = [int(months.begins(month + each).timestamp() * 1000) for each in range(12)]
    told = {"part": f"part {part} ", "people": max(messages // 10, 1), "messages": messages // 2,
            "number": keys().encrypt(b"+17675550100", "address.value"),
            "month": month, "step": months.STEP, "starts": starts, "stored": stored,
            "sayings": [keys().encrypt(one.encode(), "inbound_message.body") for one in SAYINGS * 25],
            "answers": [keys().encrypt(one.encode(), "outbound_message.body") for one in SAYINGS * 25]}  # fmt: skip
    with engine.begin() as connection:
        for statement in filter(str.strip, _MORE.split(";\n")):
            connection.execute(text(statement), told)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))


def _officers(sessions: sessionmaker[Session], count: int) -> tuple[tuple[str, ...], tuple[uuid.UUID, ...]]:
    now, tokens, ids = datetime.now(UTC), [], []
    with transaction(sessions) as session:
        for number in range(count):
            who = staff.add(session, f"Officer {number}", ["officer"], now)
            known = passwords.of(session, who.id)
            codes.new_totp(session, who.id)
            known.totp_confirmed_at = now
            tokens.append(places.begin(session, who.id, "totp", "bench", now))
            ids.append(who.id)
    return tuple(tokens), tuple(ids)
