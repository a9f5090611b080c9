"""Settings, read once at start into frozen objects: `config.yml` for what an operator edits, the environment for
secrets, addresses and ports. A missing or wrong setting stops the start with one sentence that names it."""

import ipaddress
import os
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from base.caller import Network
from base.duration import Duration
from base.errors import ConfigError

# What a wrong value is called when the operator is told.
VARIABLES = {
    "port": "PORT", "staff_port": "STAFF_PORT", "public_base_url": "PUBLIC_BASE_URL",
    "log_level": "KOUDMEN_LOG_LEVEL", "gateway_url": "KOUDMEN_GATEWAY_URL", "rasa_url": "RASA_URL",
    "api_base": "TWILIO_API_BASE", "timeout_s": "TWILIO_TIMEOUT_S", "ping_url": "KOUDMEN_PING_URL",
    "trusted_proxies": "KOUDMEN_TRUSTED_PROXIES",
}  # fmt: skip
ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("en", "ht", "acf", "fr", "es")
Language = Literal["en", "ht", "acf", "fr", "es"]
OptionalDate = Annotated[date | None, BeforeValidator(lambda value: value or None)]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class EmergencyNumber(Frozen):
    number: str = Field(pattern=r"^\+?[0-9]{3,15}$")
    for_: str = Field(alias="for")
    confirmed_by: str = ""
    confirmed_on: OptionalDate = None

    @property
    def confirmed(self) -> bool:
        return bool(self.confirmed_by.strip() and self.confirmed_on)


class Service(Frozen):
    name: str
    languages: tuple[Language, ...]
    default_language: Language
    time_zone: str


class Conversation(Frozen):
    idle: Duration
    results: int = Field(ge=1, le=9)
    max_segments: int = Field(ge=1, le=4)
    ask_again: int = Field(ge=0, le=3)
    human_hours: str


class DutyToReport(Frozen):
    notice: bool
    confirmed_by: str = ""
    confirmed_on: OptionalDate = None


class Danger(Frozen):
    """The conversation of somebody in danger."""

    exit_word: str = Field(pattern=r"^[A-Za-z]{3,12}$")
    knock_template: dict[Language, str] = Field(default_factory=dict)


class Understanding(Frozen):
    rasa_timeout: Duration
    breaker_failures: int = Field(ge=1)
    breaker_pause: Duration
    sure: float = Field(gt=0, lt=1)
    concern: float = Field(gt=0, lt=1)
    second_look: float = Field(0.65, gt=0, lt=1)  # a configuration of before 30 November 2026 has none
    surely_harmless: float = Field(0.03, ge=0, lt=1)  # a configuration of before December 2026 has none
    gentle: float = Field(gt=0, lt=1)


class Sms(Frozen):
    segments_per_s: float = Field(gt=0)


class WhatsApp(Frozen):
    segments_per_s: float = Field(gt=0)
    window: Duration


class Channels(Frozen):
    simulator: Annotated[Literal["auto", "on", "off"], BeforeValidator(lambda v: {True: "on", False: "off"}.get(v, v))]
    sms: Sms
    whatsapp: WhatsApp


class Outbox(Frozen):
    claim: Duration
    retry: tuple[Duration, ...] = Field(min_length=1)
    give_up: Duration


LOOK_BACK_MOST = timedelta(days=30)  # repeats are known for longer (koudmen.purge.SEEN_DAYS)


class Sweeper(Frozen):
    every: Duration
    stale: Duration
    attempts: int = Field(ge=1)
    reconcile: Duration = timedelta(minutes=5)
    look_back: Duration = Field(timedelta(hours=4), le=LOOK_BACK_MOST)
    synthetic: Duration = timedelta(minutes=5)
    purge: Duration = timedelta(hours=6)


class Escalation(Frozen):
    """What is done, and when, for the cases of one severity. `acknowledge` are the waits after each level was paged;
    the last level is paged again and again."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, ser_json_timedelta="float")

    severity: Literal["critical", "high", "standard"]
    acknowledge: tuple[Duration, ...] = Field(min_length=4, max_length=4)
    acknowledge_off_hours: tuple[Duration, ...] = Field(min_length=4, max_length=4)
    reply: Duration
    reply_off_hours: Duration
    contact: Duration
    close: Duration
    remind: Duration
    only_office_hours: bool
    call: bool
    approval: bool

    @field_validator("*")
    @classmethod
    def _some_time(cls, value: Any) -> Any:
        """A clock of no length would ring without end."""
        waits = value if isinstance(value, tuple) else (value,)
        if any(isinstance(wait, timedelta) and wait < timedelta(seconds=10) for wait in waits):
            raise ValueError("at least 10 s")
        return value


class OnCall(Frozen):
    """Who is paged when, and how the watch is watched."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, ser_json_timedelta="float")

    office_hours: str
    staff_url: str = ""
    policies: tuple[Escalation, ...]
    nobody_again: Duration
    every: Duration
    claim: Duration
    retry: tuple[Duration, ...] = Field(min_length=1)
    test_at: str = Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    test_answer: Duration
    look_ahead: Duration
    languages: tuple[Language, ...] = ()
    whatsapp_template: str = ""
    voice_from: str = ""

    @field_validator("policies")
    @classmethod
    def _one_each(cls, value: tuple[Escalation, ...]) -> tuple[Escalation, ...]:
        if sorted(one.severity for one in value) != ["critical", "high", "standard"]:
            raise ValueError("one policy for each of critical, high and standard is needed")
        return value

    def policy(self, severity: str) -> Escalation:
        """The policy of a severity."""
        return next(one for one in self.policies if one.severity == severity)


class Retention(Frozen):
    ordinary: Duration
    case: Duration
    log: Duration


class Hsds(Frozen):
    """How often one address may ask the HSDS API: in the long run, and at once."""

    per_minute: int = Field(120, ge=1, le=1_000_000)
    burst: int = Field(60, ge=1, le=1_000_000)


class Config(Frozen):
    """`config.yml`, every part checked; unknown keys are refused."""

    service: Service
    emergency: tuple[EmergencyNumber, ...] = Field(min_length=1)
    conversation: Conversation
    duty_to_report: DutyToReport
    danger: Danger
    understanding: Understanding
    channels: Channels
    outbox: Outbox
    sweeper: Sweeper
    hsds: Hsds = Field(default_factory=lambda: Hsds.model_validate({}))
    oncall: OnCall
    retention: Retention


class Twilio(Frozen):
    """The Twilio account. `shared_keys` are id -> secret of the newer HMAC-SHA256 signatures, two while rotating."""

    account_sid: str = Field(min_length=1)
    auth_token: str = Field(min_length=1, repr=False)
    api_base: str = Field("https://api.twilio.com", pattern=r"^https?://\S+$")
    sms_from: str | None = None
    whatsapp_from: str | None = None
    messaging_service_sid: str | None = None
    shared_keys: dict[str, str] = Field(default_factory=dict, repr=False)
    timeout_s: float = Field(10, gt=0, le=60)


class Oidc(Frozen):
    """A ministry's own sign-in (OpenID Connect). Its tokens are believed, so it is reached by https only; http is for
    an issuer on this machine (tests)."""

    issuer: str = Field(pattern=r"^(https://[^\s?#]+|http://(localhost|127\.0\.0\.1)(:[0-9]+)?(/[^\s?#]*)?)$")
    client_id: str = Field(min_length=1)
    client_secret: str = Field(min_length=1, repr=False)


class Settings(Frozen):
    """All a process needs to know, from the environment and config.yml."""

    home: Path
    spool: Path
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    staff_port: int = Field(8001, ge=1, le=65535)
    public_base_url: str = Field(pattern=r"^https?://\S+$")
    trusted_proxies: tuple[Network, ...] = ()
    database_url: str | None = Field(None, repr=False)
    redis_url: str | None = Field(None, repr=False)
    rasa_url: str | None = Field(None, pattern=r"^https?://\S+$")
    rasa_token: str | None = Field(None, repr=False)
    keys: str | None = Field(None, repr=False)
    gateway_secret: str | None = Field(None, repr=False)
    gateway_url: str | None = Field(None, pattern=r"^https?://\S+$")
    metrics_token: str | None = Field(None, repr=False)
    ping_url: str | None = Field(None, repr=False, pattern=r"^https?://\S+$")
    twilio: Twilio | None = None
    oidc: Oidc | None = None
    rehearsal: bool = False
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    config: Config

    @property
    def simulator(self) -> bool:
        """Whether the phone in the browser is served (off in production unless config.yml says `on`)."""
        wanted = self.config.channels.simulator
        return wanted == "on" or (wanted == "auto" and self.twilio is None and self.gateway_url is None)

    @property
    def rehearsing(self) -> bool:
        """Unconfirmed emergency numbers and the demo's numbers may be used: no real texter is behind this."""
        return self.rehearsal or (self.twilio is None and self.gateway_url is None)

    @property
    def staff_url(self) -> str:
        """Where officers open the staff site, for the link in a page; this machine's where nobody real texts."""
        set_by_hand = self.config.oncall.staff_url
        return set_by_hand or (f"http://{self.host}:{self.staff_port}" if self.rehearsing else "")

    def emergency_numbers(self) -> tuple[str, ...]:
        """The numbers a person in danger is given: confirmed ones, or all of them where nobody real is texting."""
        return tuple(n.number for n in self.config.emergency if n.confirmed or self.rehearsing)


def load_config(path: Path) -> Config:
    """Read and check config.yml."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not a text in UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigError(f"{path} is not valid YAML, line {mark.line + 1 if mark else '?'}") from None
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_sentence(error)}") from None


def load_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment (default: this process's) and the config file it names."""
    env = os.environ if env is None else env
    config = load_config(Path(env.get("KOUDMEN_CONFIG") or ROOT / "config.yml"))
    port = env.get("PORT") or "8000"
    home = Path(env.get("KOUDMEN_HOME") or ROOT / ".koudmen").resolve()
    values: dict[str, Any] = {
        "home": home,
        "spool": Path(env.get("KOUDMEN_SPOOL") or home / "spool").resolve(),
        "host": env.get("HOST") or "127.0.0.1",
        "port": port,
        "staff_port": env.get("STAFF_PORT") or "8001",
        "public_base_url": (env.get("PUBLIC_BASE_URL") or f"http://127.0.0.1:{port}").rstrip("/"),
        "trusted_proxies": _networks(env.get("KOUDMEN_TRUSTED_PROXIES", "")),
        "database_url": env.get("DATABASE_URL") or None,
        "redis_url": env.get("REDIS_URL") or None,
        "rasa_url": env.get("RASA_URL") or None,
        "rasa_token": env.get("RASA_TOKEN") or None,
        "keys": env.get("KOUDMEN_KEYS") or None,
        "gateway_secret": env.get("KOUDMEN_GATEWAY_SECRET") or None,
        "gateway_url": env.get("KOUDMEN_GATEWAY_URL") or None,
        "ping_url": env.get("KOUDMEN_PING_URL") or None,
        "metrics_token": env.get("KOUDMEN_METRICS_TOKEN") or None,
        "twilio": _twilio(env),
        "oidc": _oidc(env),
        "rehearsal": _flag(env, "KOUDMEN_REHEARSAL"),
        "log_level": env.get("KOUDMEN_LOG_LEVEL") or "INFO",
        "config": config,
    }
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"environment: {_sentence(error, VARIABLES)}") from None


def check_ready_for_people(settings: Settings) -> None:
    """Refuse to serve real texters with unconfirmed emergency numbers; the sentence says which line to fill in."""
    if settings.rehearsing:
        return
    missing = [f'"{n.number}"' for n in settings.config.emergency if not n.confirmed]
    if missing:
        raise ConfigError(
            f"emergency number {', '.join(missing)} is not confirmed: dial it from both networks, then fill in "
            "confirmed_by and confirmed_on under 'emergency' in config.yml (or set KOUDMEN_REHEARSAL=1 for a test)"
        )


def _twilio(env: Mapping[str, str]) -> Twilio | None:
    sid, token = env.get("TWILIO_ACCOUNT_SID"), env.get("TWILIO_AUTH_TOKEN")
    if not sid and not token:
        return None
    if not sid or not token:
        missing = "TWILIO_AUTH_TOKEN" if sid else "TWILIO_ACCOUNT_SID"
        raise ConfigError(f"{missing} is missing: both of Twilio's keys are needed, or neither")
    sms, whatsapp = env.get("TWILIO_SMS_FROM") or None, env.get("TWILIO_WHATSAPP_FROM") or None
    if not sms and not whatsapp:
        raise ConfigError("TWILIO_SMS_FROM or TWILIO_WHATSAPP_FROM is needed: the number the service sends from")
    values = {
        "account_sid": sid,
        "auth_token": token,
        "api_base": (env.get("TWILIO_API_BASE") or "https://api.twilio.com").rstrip("/"),
        "sms_from": sms,
        "whatsapp_from": whatsapp and "whatsapp:" + whatsapp.removeprefix("whatsapp:"),
        "messaging_service_sid": env.get("TWILIO_MESSAGING_SERVICE_SID") or None,
        "shared_keys": _shared_keys(env.get("TWILIO_SHARED_KEYS", "")),
        "timeout_s": env.get("TWILIO_TIMEOUT_S") or 10,
    }
    try:
        return Twilio.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"environment: {_sentence(error, VARIABLES)}") from None


def _oidc(env: Mapping[str, str]) -> Oidc | None:
    given = {
        "issuer": (env.get("KOUDMEN_OIDC_ISSUER") or "").rstrip("/"),
        "client_id": env.get("KOUDMEN_OIDC_CLIENT_ID") or "",
        "client_secret": env.get("KOUDMEN_OIDC_CLIENT_SECRET") or "",
    }
    if not any(given.values()):
        return None
    missing = [f"KOUDMEN_OIDC_{name.upper()}" for name, value in given.items() if not value]
    if missing:
        raise ConfigError(f"{', '.join(missing)} missing: a ministry's sign-in needs issuer, client id and secret")
    try:
        return Oidc.model_validate(given)
    except ValidationError:
        raise ConfigError("KOUDMEN_OIDC_ISSUER is an https address, without ? and #") from None


def _networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks of proxies, `10.0.0.5 172.16.0.0/12`. Whole continents of addresses are refused: whoever
    is in there is believed."""
    try:
        found = tuple(ipaddress.ip_network(word) for word in text.replace(",", " ").split())
    except ValueError:
        raise ConfigError("KOUDMEN_TRUSTED_PROXIES is written '10.0.0.5' or '10.0.0.5 172.16.0.0/12'") from None
    if any(network.prefixlen < 8 for network in found):
        raise ConfigError("KOUDMEN_TRUSTED_PROXIES: a network that wide would believe everybody")
    return found


def _shared_keys(text: str) -> dict[str, str]:
    """`id:secret id:secret`, at most two (the old and the new one while rotating)."""
    pairs = [word.partition(":") for word in text.replace(",", " ").split()]
    if any(not secret for _, _, secret in pairs) or len(pairs) > 2:
        raise ConfigError("TWILIO_SHARED_KEYS is written 'id:secret' or 'id:secret id:secret'")
    return {name: secret for name, _, secret in pairs}


def _flag(env: Mapping[str, str], name: str) -> bool:
    value = env.get(name, "").strip().lower()
    if value not in {"", "0", "1", "true", "false", "yes", "no"}:
        raise ConfigError(f"{name} is 1 or 0")
    return value in {"1", "true", "yes"}


def _sentence(error: ValidationError, names: Mapping[str, str] | None = None) -> str:
    """The first faults as 'place: what is wrong', without the values (one may be a secret)."""
    faults = []
    for fault in error.errors(include_input=False)[:3]:
        place = ".".join(str(part) for part in fault["loc"]) or "the whole"
        faults.append(f"{(names or {}).get(place, place)}: {fault['msg']}")
    return "; ".join(faults)


def seconds(duration: timedelta) -> float:
    """A duration in seconds."""
    return duration.total_seconds()
