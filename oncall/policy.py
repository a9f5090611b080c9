"""The rules of a case: frozen with its first look by the engine, so that an edit changes no running case."""

from datetime import datetime

from directory.holidays import PublicHolidays
from oncall import clocks
from oncall.clocks import Policy, Rules
from oncall.models import Case


def rules_of(case: Case) -> Rules | None:
    """The frozen rules at the case's present severity; None while the engine has not seen it."""
    if case.policy is None:
        return None
    return clocks.rules(clocks.policy_from(case.policy), case.severity, PublicHolidays())


def freeze(case: Case, policy: Policy) -> Rules:
    """Give a case the rules that hold now, and set the clocks that waited for them."""
    rules = clocks.rules(policy, case.severity, PublicHolidays())
    case.policy = policy.as_json()
    if case.state == "new" and case.level == 0:
        case.page_due_at = rules.first_page(case.page_due_at or case.opened_at)
    elif case.state == "acknowledged" and case.acknowledged_at:
        case.reply_due_at = rules.reply_due(case.acknowledged_at)
    elif case.state == "engaged" and case.contact_at:
        case.contact_due_at = rules.contact_due(case.contact_at)
    case.close_due_at = rules.close_due(case.opened_at)
    return rules


def take_clocks(case: Case, now: datetime) -> None:
    """Somebody took it: paging ends, the clock of the first answer runs."""
    rules = rules_of(case)
    case.page_due_at = case.contact_due_at = None
    case.reply_due_at = rules.reply_due(now) if rules else now  # the engine sets it right when it freezes the rules


def contact_clocks(case: Case, now: datetime) -> None:
    """A person wrote or called: the clock of the next contact runs."""
    rules = rules_of(case)
    case.page_due_at = case.reply_due_at = None
    case.contact_due_at = rules.contact_due(now) if rules else now
    case.late = 0


def page_clocks(case: Case, at: datetime) -> None:
    """It is nobody's: page at `at`."""
    case.page_due_at = at
    case.reply_due_at = case.contact_due_at = case.news_at = None
    case.news = None


def stop_clocks(case: Case) -> None:
    """Nothing more is due."""
    case.page_due_at = case.reply_due_at = case.contact_due_at = case.close_due_at = case.news_at = None
    case.news = None
