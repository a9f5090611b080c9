"""Whom a request comes from, where proxies stand in between. No Flask in it: both applications ask."""

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
UNKNOWN = "unknown"


def caller(peer: str, forwarded: str, trusted: Sequence[Network] = ()) -> str:
    """The address of whoever asks. `peer` is who connected (empty: a unix socket), `forwarded` the whole of
    X-Forwarded-For. A word of it is believed only when this machine or a trusted proxy (`trusted`) wrote it: from the
    right, the first address that is none of these. Nobody's own claim about themselves counts."""
    at = _address(peer)
    if at is None and peer:
        return peer[:64]
    for said in reversed([part.strip() for part in forwarded.split(",")] if forwarded else []):
        if at is not None and not (at.is_loopback or any(at in network for network in trusted)):
            break
        found = _address(said)
        if found is None:
            break  # what a proxy of ours passed on is no address: what is behind it is not known
        at = found
    return str(at) if at else UNKNOWN


def untold(peer: str, forwarded: str, trusted: Sequence[Network] = ()) -> bool:
    """Whether a proxy seems to stand before us whose word is not believed: then all its callers look like one."""
    at = _address(peer)
    inside = at is not None and at.is_private and not at.is_loopback
    return bool(forwarded) and inside and not any(at in network for network in trusted)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
