"""The honest time in which a person answers somebody who told of harm, from the policy and the rota of that moment."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from directory.holidays import PublicHolidays
from oncall import clocks, rota
from oncall.clocks import SUPERVISORS, Policy, Rules
from oncall.staff import reachable


def answer_within(session: Session, policy: Policy, at: datetime) -> dict[str, timedelta]:
    """By severity, how long an answer takes when every level up to the supervisors lets its time run out; nothing when
    nobody on call or backup can be paged at this moment, for then nobody can say."""
    if not any(reachable(staff) for staff in rota.called_first(session, at)):
        return {}
    holidays = PublicHolidays()
    return {severity: longest(clocks.rules(policy, severity, holidays), at) for severity in policy.rules}


def longest(rules: Rules, at: datetime) -> timedelta:
    """From `at` to the first answer, when each level is paged and only the supervisors take the case, at the last
    moment, and use all the time to answer."""
    paged = rules.first_page(at)
    for level in range(1, SUPERVISORS + 1):
        paged = rules.next_page(level, paged)
    return rules.reply_due(paged) - at
