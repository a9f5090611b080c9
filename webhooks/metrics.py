"""Counters of the public application. Labels are codes from closed lists, never anything typed."""

from prometheus_client import Counter

INBOUND = Counter("koudmen_inbound_messages", "Messages that came in", ["channel", "outcome"])
REPORTS = Counter("koudmen_delivery_reports", "Delivery reports", ["status"])
REFUSED = Counter("koudmen_webhooks_refused", "Webhooks refused", ["reason"])
