"""The possible values of a setting, by its kind."""

from __future__ import annotations

from . import metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_BYTES = 1_024
MOST_LISTED = 16
MOST_WORDS = 1_024
_NOT_SHOWN = "what was given"
_MOST_SHOWN = 60
_MOST_NAME = 255
_MOST_SOCKET = 107  # bytes of `sun_path`
# Texts and not sets, which would be 8 KiB each for what is looked at once.
_NOT_IN_NAMES = " /\\?#%;@\"'<>"
_LOOKED_UP = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:$+"
_IPV6 = "0123456789abcdefABCDEF:."


def problem(kind: str, value: object, low: int, high: int) -> str:
    """What a value must be, as the rest of a sentence; empty: the value is right.

    Args:
        kind: one of `KINDS`, number or seconds.
        value: from JSON, or from a flag.
        low: the least number.
        high: the greatest number.
    """
    if kind in ("number", "seconds"):
        # A boolean is an int of Python.
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if is_number and low <= value <= high:  # type: ignore[operator] # it is a number
            return ""
        return f"must be a number from {low} to {high}, not {display_text(value)}"
    return KINDS[kind](value)


def number(text: str) -> int | None:
    """A number as it is typed; `None`: it is not a number. `isdigit` alone accepts `²`, too."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


def display_text(value: object) -> str:
    """A value for a message: cut, and hidden if there may be a password in it."""
    try:
        text = ascii(value)
    except RecursionError:  # a document may be nested as deep as its reader lets it
        return _NOT_SHOWN
    if "@" in text:
        return _NOT_SHOWN
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def consists_of(text: str, letters: str) -> bool:
    """Whether a text has no other characters."""
    return all(letter in letters for letter in text)


def is_address(text: str) -> bool:
    """Whether it is an IPv4 address, or looks like one of IPv6, without brackets."""
    if ":" in text:
        return len(text) <= 45 and text.count(":") > 1 and consists_of(text, _IPV6)
    parts = [number(each) for each in text.split(".")]
    return len(parts) == 4 and all(each is not None and each < 256 for each in parts)


def _text(value: object) -> str:
    is_line = isinstance(value, str) and value.isprintable()
    if is_line and len(value.encode()) <= MOST_BYTES:  # type: ignore[attr-defined] # it is a str
        return ""
    return f"must be a text of one line, at most {MOST_BYTES} bytes"


def _name(value: object) -> str:
    if not isinstance(value, str) or not _is_name(value):
        return (
            f"must be a name of at most {_MOST_NAME} letters, without blanks, quotation marks and"
            " any of / \\ ? # % ; @ < >"
        )
    return ""


def _is_name(text: str) -> bool:
    """Whether it can be a segment of a path that all servers and proxies read alike."""
    is_plain = text.isprintable() and not any(letter in _NOT_IN_NAMES for letter in text)
    return is_plain and bool(text.strip(".")) and len(text) <= _MOST_NAME


def _address(value: object) -> str:
    if isinstance(value, str) and is_address(value):
        return ""
    return "must be an IPv4 address, or an IPv6 address without brackets"


def _url(value: object) -> str:
    """Dashboards make links of these: `javascript:` would be one, too."""
    if value == "":
        return ""
    is_url = isinstance(value, str) and value.startswith(("http://", "https://"))
    if not is_url or _text(value) or set(value) & set(" @\"'<>"):  # type: ignore[call-overload] # it is a str
        return (
            "must be a URL that begins with http:// or https:// and has no user, blank or"
            " quotation mark in it"
        )
    return ""


def _socket(value: object) -> str:
    is_path = isinstance(value, str) and value not in ("", "@") and not _text(value)
    if is_path and len(value.encode()) <= _MOST_SOCKET:  # type: ignore[attr-defined] # it is a str
        return ""
    return f"must be a path or @NAME, at most {_MOST_SOCKET} bytes"


def _texts(value: object) -> str:
    if isinstance(value, list) and len(value) <= MOST_LISTED and not any(map(_text, value)):
        return ""
    return f"must be a list of at most {MOST_LISTED} texts"


def _names(value: object) -> str:
    """Names that the local look-up takes (`core/lookup.py`), which is not loaded for this."""
    if isinstance(value, list) and len(value) <= MOST_LISTED and all(map(_is_looked_up, value)):
        return ""
    return f"must be a list of at most {MOST_LISTED} names of letters, digits and -._~:$+"


def _is_looked_up(value: object) -> bool:
    return isinstance(value, str) and _is_name(value) and consists_of(value, _LOOKED_UP)


def _command(value: object) -> str:
    """A command: what `execve` takes."""
    if not isinstance(value, list) or not 0 < len(value) <= MOST_WORDS:
        return f"must be a command: a list of 1 to {MOST_WORDS} texts"
    if not all(isinstance(each, str) and "\0" not in each for each in value) or not value[0]:
        return "must be a command: a list of texts, the first the program"
    return ""


def _pairs(value: object) -> str:
    if not isinstance(value, dict) or len(value) > metadata.MAX_METADATA:
        return f"must be an object of at most {metadata.MAX_METADATA} texts"
    for key, text in value.items():
        if not isinstance(text, str):
            return f"has {display_text(key)}, whose value must be a text"
        if wrong := metadata.problem(key, text):
            return f"cannot have {display_text(key)}: {wrong}"
    return ""


def _object(value: object) -> str:
    return "" if isinstance(value, dict) else "must be an object"


KINDS: Mapping[str, Callable[[object], str]] = {
    "text": _text,
    "name": _name,
    "address": _address,
    "url": _url,
    "socket": _socket,
    "texts": _texts,
    "names": _names,
    "words": _command,
    "map": _pairs,
    "object": _object,
}
