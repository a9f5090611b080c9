"""What a channel hands over when somebody wrote, whatever the carrier."""

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["text", "button", "location", "media"]


@dataclass(frozen=True)
class Inbound:
    """One message as it came in.

    `channel` with `address` says who wrote; `external_id` is the carrier's id, unique for `provider`. `text` is what
    was typed, or the label of a button. `extra` holds the rest: `button` (its payload), `latitude`/`longitude` in
    degrees, `media` (a list of {url, type}), `opt_out` (STOP, START or HELP when the carrier acted on the word).
    """

    provider: str
    external_id: str
    channel: str
    address: str
    text: str
    kind: Kind = "text"
    extra: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Inbound(provider={self.provider!r}, channel={self.channel!r}, kind={self.kind!r})"
