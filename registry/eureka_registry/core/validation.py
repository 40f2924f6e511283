"""Which instances may be registered (Netflix `ApplicationResource.addInstance`), and their bounds.

The bounds hold wherever a document comes from: clients, batches and copies of peers, lists of
other regions, snapshots. Each is in `eureka_registry.core.limits`, with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from eureka_registry.core.limits import (
    MAX_ADDRESS_LIST,
    MAX_ADDRESSES,
    MAX_APP_BYTES,
    MAX_ID_BYTES,
    MAX_METADATA,
    MAX_METADATA_ENTRIES,
    MAX_METADATA_KEY,
    MAX_METADATA_KEYS,
    MAX_NAME,
    MAX_URL,
)
from eureka_registry.core.model import Instance

UNSAFE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""A character that no XML document can hold: control characters, surrogates, U+FFFE, U+FFFF."""

_NOT_IN_NAMES: Final = re.compile("[\x00-\x1f\x80-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
"""What names must not hold: line feeds and the like forge lines of a log."""

_NAMES: Final = ("instance_id", "host_name", "app", "ip_addr", "vip_address", "secure_vip_address")
_LETTERS: Final = {
    "host_name": MAX_NAME,
    "ip_addr": MAX_NAME,
    "sid": MAX_NAME,
    "app_group_name": MAX_NAME,
    "asg_name": MAX_NAME,
    "home_page_url": MAX_URL,
    "status_page_url": MAX_URL,
    "health_check_url": MAX_URL,
    "secure_health_check_url": MAX_URL,
    "vip_address": MAX_ADDRESS_LIST,
    "secure_vip_address": MAX_ADDRESS_LIST,
}
_LONGEST_SHOWN: Final = 60


def problem(instance: Instance, app: str) -> str | None:
    """Why `instance` cannot be registered below `app`, in the Java server's words; else `None`.

    `app` is the upper-cased name from the request's path. Blank means empty, not white space.
    """
    center = instance.data_center
    if instance.app == app and instance.host_name and instance.ip_addr and center and center.name:
        return None if app else "Missing appName"  # a host name is an id, too
    checks = (
        (not instance.id, "Missing instanceId"),
        (not instance.host_name, "Missing hostname"),
        (not instance.ip_addr, "Missing ip address"),
        (not instance.app, "Missing appName"),
        (instance.app != app, f"Mismatched appName, expecting {app} but was {instance.app}"),
        (center is None, "Missing dataCenterInfo"),
        (center is not None and not center.name, "Missing dataCenterInfo Name"),
    )
    return next((sentence for wrong, sentence in checks if wrong), None)


def beyond_bounds(instance: Instance) -> str | None:
    """Which field is too long or holds too much; else `None`."""
    return (
        _unnameable(instance.app, MAX_APP_BYTES, "app")
        or _unnameable(instance.id, MAX_ID_BYTES, "instanceId")
        or _too_long(instance)
        or _too_many(instance.vip_address, "vipAddress")
        or _too_many(instance.secure_vip_address, "secureVipAddress")
        or metadata_problem(instance.metadata)
        or metadata_problem(_amazon(instance), "dataCenterInfo.metadata")
    )


def beyond_short_bounds(instance: Instance) -> str | None:
    """The same for a document whose text `is_short`, much quicker."""
    vip, secure_vip = instance.vip_address, instance.secure_vip_address
    fine = (
        len(instance.app) <= MAX_APP_BYTES
        and len(instance.id) <= MAX_ID_BYTES
        and (vip is None or vip.count(",") < MAX_ADDRESSES)
        and (secure_vip is None or secure_vip.count(",") < MAX_ADDRESSES)
        and "" not in instance.metadata
    )
    return None if fine else beyond_bounds(instance)


def is_short(text: bytes) -> bool:
    """Whether a document in ASCII is so short that it can break few of the bounds."""
    return len(text) <= MAX_NAME


def metadata_problem(metadata: Mapping[str, str], where: str = "metadata") -> str | None:
    """Why this metadata is not accepted; else `None`. An empty key cannot be an XML element."""
    if len(metadata) > MAX_METADATA_ENTRIES:
        return (
            f"{where} has {len(metadata):,} entries; at most {MAX_METADATA_ENTRIES:,} are accepted"
        )
    keys = size = 0
    for key, value in metadata.items():
        if not key:
            return f"{where} has an empty key"
        if len(key) > MAX_METADATA_KEY:
            return _long(f"{where} key {display_text(key)}", len(key), MAX_METADATA_KEY)
        keys += len(key)
        size += len(value)
    if keys > MAX_METADATA_KEYS:
        return _long(f"{where}, its keys alone,", keys, MAX_METADATA_KEYS)
    return _long(where, keys + size, MAX_METADATA) if keys + size > MAX_METADATA else None


def unsafe_characters(instance: Instance) -> str | None:
    """Which field holds a character that breaks lists or forges log lines; else `None`.

    Java accepts such a document and then writes malformed XML to everybody.
    """
    amazon, held = _amazon(instance), instance.metadata
    texts = [value for value in msgspec.structs.astuple(instance) if isinstance(value, str)]
    everything = "".join((*texts, *held, *held.values(), *amazon, *amazon.values()))
    if everything.isprintable():
        return None
    for where, text, pattern in _texts(instance):
        if pattern.search(text):
            return f"{where} holds a control character"
    return None


def display_text(value: object) -> str:
    """A value from a document as messages show it: printable ASCII, and short."""
    text = ascii(value[: _LONGEST_SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:57]}..."


def _unnameable(name: str, limit: int, where: str) -> str | None:
    """Why no request can have this name in its path; `None` if one can."""
    size = len(name) if name.isascii() else len(name.encode("utf-8", "surrogatepass"))
    if size > limit:
        return (
            f"{where} {display_text(name)} is {size:,} bytes long; at most {limit:,} are accepted"
        )
    return None


def _too_long(instance: Instance) -> str | None:
    for field, limit in _LETTERS.items():
        text = getattr(instance, field)
        if text is not None and len(text) > limit:
            return _long(_wire_name(field), len(text), limit)
    return None


def _too_many(addresses: str | None, where: str) -> str | None:
    count = addresses.count(",") + 1 if addresses else 0
    if count > MAX_ADDRESSES:
        return f"{where} names {count:,} addresses; at most {MAX_ADDRESSES} are accepted"
    return None


def _long(what: str, size: int, limit: int) -> str:
    return f"{what} is {size:,} characters long; at most {limit:,} are accepted"


def _amazon(instance: Instance) -> Mapping[str, str]:
    center = instance.data_center
    return (center.amazon if center is not None else None) or {}


def _texts(instance: Instance) -> Iterator[tuple[str, str, re.Pattern[str]]]:
    """All texts of a document, each with its name and the characters that it must not hold."""
    for key, value in (*instance.metadata.items(), *_amazon(instance).items()):
        yield f"metadata key {display_text(key)}", key, UNSAFE
        yield f"metadata value of key {display_text(key)}", value, UNSAFE
    for field, value in msgspec.structs.asdict(instance).items():
        if isinstance(value, str):
            yield _wire_name(field), value, _NOT_IN_NAMES if field in _NAMES else UNSAFE


def _wire_name(field: str) -> str:
    first, *rest = field.split("_")
    return first + "".join(word.capitalize() for word in rest)
