"""Converts text that people write to a setting's value: `false`, `8761`, `eu=http://...`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeGuard

import msgspec

from eureka_registry.config import urls
from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.table import Kind, Setting

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_SHOWN: Final = 80
_SERVICE_URLS: Final = frozenset({"peers", "remote_regions"})
_HOSTS: Final = frozenset({"host", "management_host", "hostname", "ip_address"})


class SettingValue(msgspec.Struct, frozen=True):
    """A value of a setting, already of its type, and where it was given."""

    value: object
    source: str


def display_text(raw: object) -> str:
    """Return `raw` as messages show it: short, and without passwords."""
    text = urls.redact(raw if isinstance(raw, str) else str(raw))
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def _flag(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(f"{display_text(raw)} is neither true nor false")
    return word in _TRUE


def _whole_number(raw: object) -> int:
    if isinstance(raw, bool) or not _WHOLE.fullmatch(str(raw).strip()):
        raise ValueError(f"{display_text(raw)} is not a whole number")
    return int(str(raw))


def _is_plain(raw: object) -> TypeGuard[str | int | float]:
    return isinstance(raw, str | int | float) and not isinstance(raw, bool)


def number(raw: object) -> float:
    """Return the finite number that `raw` is or holds; else `ValueError` with a sentence."""
    problem = f"{display_text(raw)} is not a number"
    if not _is_plain(raw):
        raise ValueError(problem)
    try:
        value = float(raw)
    except (ValueError, OverflowError):
        raise ValueError(problem) from None
    if not math.isfinite(value) or (isinstance(raw, str) and "_" in raw):
        raise ValueError(problem)
    return value


def _text(raw: object) -> str:
    if not _is_plain(raw):
        raise ValueError(f"{display_text(raw)} is not a text")
    return str(raw).strip()


def _texts(raw: object) -> list[str]:
    if isinstance(raw, list | tuple):
        return [item for entry in raw for item in _texts(_text(entry))]
    return [item for part in _text(raw).split(",") if (item := part.strip())]


def _pair(entry: str) -> tuple[str, str]:
    name, equals, value = entry.partition("=")
    if not equals or not name.strip():
        raise ValueError(f"{display_text(entry)} is not name=value")
    return name.strip(), value.strip()


def _pairs(raw: object) -> dict[str, str]:
    if isinstance(raw, Mapping):
        return {_text(name): _text(value) for name, value in raw.items()}
    return dict(_pair(entry) for entry in _texts(raw))


def _lists(raw: object) -> dict[str, list[str]]:
    if isinstance(raw, Mapping):
        return {_text(name): _texts(value) for name, value in raw.items()}
    return {name: _texts(value.replace(";", ",")) for name, value in _pairs(raw).items()}


_READERS: Final[Mapping[Kind, Callable[[object], object]]] = {
    Kind.FLAG: _flag,
    Kind.WHOLE: _whole_number,
    Kind.NUMBER: number,
    Kind.CHOICE: _text,
    Kind.TEXT: _text,
    Kind.TEXTS: _texts,
    Kind.PAIRS: _pairs,
    Kind.LISTS: _lists,
}


def _choice(setting: Setting, text: str) -> str:
    return next((known for known in setting.choices if known.lower() == text.lower()), text)


def _as_service_urls(value: object) -> object:
    if isinstance(value, dict):
        return {name: urls.service_url(url) for name, url in value.items()}
    if isinstance(value, list):
        return [urls.service_url(url) for url in value]
    return value


def convert(setting: Setting, raw: object, source: str) -> SettingValue:
    """Convert a written value into the setting's value.

    Raises:
        ConfigurationError: `raw` is not of the setting's type or out of its bounds.
    """
    try:
        value = _READERS[setting.kind](raw)
    except ValueError as error:
        raise ConfigurationError(source, str(error), setting.allowed) from None
    if setting.kind is Kind.CHOICE and isinstance(value, str):
        value = _choice(setting, value)
    if setting.name in _HOSTS and isinstance(value, str):
        value = urls.host(value)
    if setting.name in _SERVICE_URLS:
        value = _as_service_urls(value)
    try:
        return SettingValue(msgspec.convert(value, setting.annotation), source)
    except msgspec.ValidationError:
        if value == "":
            raise ConfigurationError(source, "is blank", setting.allowed) from None
        raise ConfigurationError(
            source, f"{display_text(raw)} is not possible", setting.allowed
        ) from None
