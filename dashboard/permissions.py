"""Who may do what. Denied by default: a view without `needs` or `public` answers nobody (dashboard.guard).

Whose case it is, whether consent is there, who approved: these are rules of the rooms (oncall.handling), checked there.
"""

from collections.abc import Callable, Iterable
from typing import Literal, TypeVar

from oncall.models import Staff

Action = Literal[
    "own account",
    "see the queue",
    "see a case",
    "work on a case",
    "approve a close",
    "see the rota",
    "change the rota",
    "see the directory",
    "see what is confidential",
    "change the directory",
    "read what was not understood",
    "see reports",
    "export reports",
    "see the audit log",
    "export the audit log",
    "change accounts",
    "agree to roles",
    "see the service's health",
    "replay",
]
EVERYBODY: frozenset[Action] = frozenset({"own account"})
_OFFICER: frozenset[Action] = frozenset(
    {
        "see the queue", "see a case", "work on a case", "see the rota", "see the directory",
        "see what is confidential", "read what was not understood",
    }
)  # fmt: skip
# Whoever may read reports reaches no person by that role (a supervisor who needs both has both roles).
MAY: dict[str, frozenset[Action]] = {
    "officer": _OFFICER,
    "supervisor": _OFFICER
    | {"approve a close", "change the rota", "see the audit log", "export the audit log", "agree to roles"},
    "editor": frozenset({"see the directory", "see what is confidential", "change the directory"}),
    "analyst": frozenset({"see reports", "export reports"}),
    "administrator": frozenset(
        {"see the rota", "change the rota", "see the audit log", "export the audit log", "change accounts",
         "agree to roles", "see the service's health", "replay"}
    ),
}  # fmt: skip
View = TypeVar("View", bound=Callable[..., object])


def actions(roles: Iterable[str]) -> frozenset[Action]:
    """Everything that these roles together may do."""
    return EVERYBODY.union(*(MAY.get(role, frozenset()) for role in roles))


def allowed(who: Staff, action: Action) -> bool:
    """Whether somebody may do this."""
    return who.disabled_at is None and action in actions(who.roles)


def needs(
    action: Action, *, proof: bool = False, live: bool = False, file: bool = False
) -> Callable[[View], View]:  # fmt: skip
    """Marks a view: who may ask for it. `proof`: only soon after proving who they are. `live`: a page that refreshes
    itself, which keeps no session alive. `file`: a large file may be sent to it."""

    def mark(view: View) -> View:
        view.__dict__.update(needs=action, proof=proof, live=live, file=file)
        return view

    return mark


def public(why: str) -> Callable[[View], View]:
    """Marks a view that nobody has to sign in for, and says why."""

    def mark(view: View) -> View:
        view.__dict__["public"] = why
        return view

    return mark
