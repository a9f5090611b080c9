"""Tables of the on-call room: cases and what happens in them, staff and rota, pages and alarms."""

from oncall.models.case import Case, CaseEvent, CaseViewer, Consent, Referral
from oncall.models.checklist import ChecklistStep
from oncall.models.page import Alarm, Page
from oncall.models.staff import Override, Rotation, Shift, Staff, SwapRequest

__all__ = [
    "Alarm",
    "Case",
    "CaseEvent",
    "CaseViewer",
    "ChecklistStep",
    "Consent",
    "Override",
    "Page",
    "Referral",
    "Rotation",
    "Shift",
    "Staff",
    "SwapRequest",
]
