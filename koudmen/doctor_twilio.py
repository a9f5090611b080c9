"""The doctor's look at what stands in Twilio's console: our senders, and where it brings what comes in."""

from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

from base.errors import SendError
from base.settings import Settings, Twilio
from koudmen.findings import Finding
from messaging.twilio_api import Record, TwilioApi

INBOUND = "/webhooks/twilio/inbound"
_REFUSED = {20003: "refuses TWILIO_ACCOUNT_SID or TWILIO_AUTH_TOKEN", 20404: "does not know this account"}


def account(settings: Settings) -> Iterator[Finding]:
    """Whether our keys are taken, the senders are ours, and incoming messages are brought to us."""
    if settings.twilio is None:
        yield Finding("twilio", "look", "off: no real phone is answered")
        return
    api = TwilioApi(settings.twilio)
    try:
        list(api.list({}, most=1))
    except SendError as error:
        yield Finding("twilio", "bad", _REFUSED.get(error.code, f"its list of messages cannot be read: {error}"))
        return
    try:
        yield from _webhooks(settings, settings.twilio, api)
    except SendError as error:
        yield Finding("twilio", "look", f"what its console says of senders and addresses cannot be read: {error}")


def _webhooks(settings: Settings, ours: Twilio, api: TwilioApi) -> Iterator[Finding]:
    wanted = settings.public_base_url + INBOUND
    service: Record | None = None
    if ours.messaging_service_sid:
        service = api.service(ours.messaging_service_sid)
        if service is None:
            yield Finding("twilio", "bad", "TWILIO_MESSAGING_SERVICE_SID is not one of this account's services")
    else:
        yield Finding("twilio", "look", "no Messaging Service: Twilio answers STOP and HELP in English only (step 5)")
    told_by_service = service is not None and not service.get("use_inbound_webhook_on_number")
    if service is not None and told_by_service:
        yield from _brought(service, "the Messaging Service", "inbound_request_url", "inbound_method", wanted)
        yield from _fallback(service.get("fallback_url"), "the Messaging Service")
    if ours.sms_from:
        yield from _number(settings, ours.sms_from, api, None if told_by_service else wanted)
    if ours.whatsapp_from:
        yield from _whatsapp(ours.whatsapp_from, api, None if told_by_service else wanted)


def _number(settings: Settings, number: str, api: TwilioApi, wanted: str | None) -> Iterator[Finding]:
    """`wanted`: where the number must bring messages; None when the service says where."""
    found = api.number(number)
    if found is None:
        yield Finding("twilio", "bad", "TWILIO_SMS_FROM is not one of this account's numbers")
        return
    if found.get("sms_application_sid"):
        yield Finding("twilio", "look", "an application (AP…) says where TWILIO_SMS_FROM brings messages: look there")
    elif wanted:
        yield from _brought(found, "the number TWILIO_SMS_FROM", "sms_url", "sms_method", wanted)
        yield from _fallback(found.get("sms_fallback_url"), "the number TWILIO_SMS_FROM")
    able = found.get("capabilities") or {}
    if not able.get("sms", True):
        yield Finding("twilio", "bad", "TWILIO_SMS_FROM cannot send SMS")
    calls = any(policy.call for policy in settings.config.oncall.policies)
    if calls and not settings.config.oncall.voice_from and not able.get("voice", True):
        yield Finding("twilio", "look", "TWILIO_SMS_FROM cannot call officers: set oncall.voice_from to one that can")


def _whatsapp(sender: str, api: TwilioApi, wanted: str | None) -> Iterator[Finding]:
    found = api.whatsapp_sender(sender)
    if found is None:
        yield Finding("twilio", "bad", "TWILIO_WHATSAPP_FROM is not one of this account's WhatsApp senders")
        return
    if not str(found.get("status", "")).startswith("ONLINE"):
        words = f"the WhatsApp sender is {str(found.get('status', 'not ready')).lower()}, not online"
        yield Finding("twilio", "bad", words)
    if wanted:
        hook = found.get("webhook") or {}
        yield from _brought(hook, "the WhatsApp sender", "callback_url", "callback_method", wanted)
        yield from _fallback(hook.get("fallback_url"), "the WhatsApp sender")


def _brought(record: Record, who: str, url: str, method: str, wanted: str) -> Iterator[Finding]:
    """Whether messages that come in are brought to us."""
    where = record.get(url) or ""
    if not where:
        yield Finding("twilio", "bad", f"{who} brings incoming messages nowhere: set {wanted}, HTTP POST (step 3)")
    elif where != wanted:
        yield Finding("twilio", "bad", f"{who} brings incoming messages to {_shown(where)}, not to {wanted}")
    elif record.get(method, "POST") != "POST":
        yield Finding("twilio", "bad", f"{who} brings incoming messages by {record[method]}, not by HTTP POST")


def _fallback(url: str | None, who: str) -> Iterator[Finding]:
    if not url:
        yield Finding("twilio", "look", f"{who} has no fallback address (step 3): what is lost waits for reconcile")


def _shown(url: str) -> str:
    """An address without what may be a secret in it."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
