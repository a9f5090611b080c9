"""What Twilio's console says of our numbers, Messaging Services and WhatsApp senders, as its APIs tell it.

Fields as in twilio-python 9.13: api/v2010/account/incoming_phone_number, messaging/v1/service,
messaging/v2/channels_sender. Everything is as docs/operating.md says to set it, but for what a test puts into
`console`: `double.console["sms_url"] = None`."""

from tests.fakes.twilio_errors import RefusedError
from tests.fakes.twilio_ground import Ground
from tests.fakes.twilio_records import Json
from tests.fakes.twilio_spec import Form

MESSAGING = ("/v1/Services/", "/v2/Channels/Senders")


def numbers(double: Ground, query: Form) -> Json:
    """IncomingPhoneNumbers.json?PhoneNumber=+1…: Twilio also finds numbers that only hold these digits."""
    asked = query.get("PhoneNumber", [""])[0]
    ours = [sender for sender in double.senders if not sender.startswith("whatsapp:")]
    found = [_number(double, one) for one in ours if asked.strip("+") in one]
    return {"incoming_phone_numbers": found, "page": 0, "page_size": 50, "next_page_uri": None}


def _number(double: Ground, number: str) -> Json:
    told = {
        "sid": "PN" + "0" * 32, "phone_number": number, "sms_url": _inbound(double), "sms_method": "POST",
        "sms_fallback_url": _inbound(double), "sms_application_sid": "",
        "capabilities": {"voice": True, "sms": True, "mms": False, "fax": False},
    }  # fmt: skip
    return told | {key: value for key, value in double.console.items() if key in told}


def messaging(double: Ground, path: str, query: Form) -> Json:
    """What messaging.twilio.com says."""
    if path == "/v2/Channels/Senders" and query == {"Channel": ["whatsapp"]}:
        ours = [sender for sender in sorted(double.senders) if sender.startswith("whatsapp:")]
        return {"meta": {"key": "senders"}, "senders": [_sender(double, one) for one in ours]}
    sid = path.removeprefix("/v1/Services/")
    if sid not in double.messaging_services:
        raise RefusedError(20404)
    told = {
        "sid": sid, "inbound_request_url": _inbound(double), "inbound_method": "POST",
        "fallback_url": _inbound(double), "use_inbound_webhook_on_number": False,
    }  # fmt: skip
    return told | {key: value for key, value in double.console.items() if key in told}


def _sender(double: Ground, sender: str) -> Json:
    hook = {"callback_url": _inbound(double), "callback_method": "POST", "fallback_url": _inbound(double)}
    hook |= {key: value for key, value in double.console.items() if key in hook}
    status = double.console.get("status", "ONLINE")
    return {"sid": "XE" + "0" * 32, "sender_id": sender, "status": status, "webhook": hook}


def _inbound(double: Ground) -> str:
    return f"{double.account.public_base_url}/webhooks/twilio/inbound"
