"""Rules for the metadata of an instance, from any source."""

from __future__ import annotations

MAX_METADATA = 32
"""Keys; each registry copies metadata to every client."""
MAX_VALUE_BYTES = 1_024

_NAME_START = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
_NAME = f"{_NAME_START}0123456789-."
_CONTROLS = "\t\n\r"


def problem(key: str, value: str) -> str:
    """Why a pair cannot be metadata, without its value; empty: it can.

    Keys become names of XML elements and values their text (`Converters.MetadataConverter`). What
    XML cannot hold, Java's server takes, and every client that reads XML then reads nothing; ours
    refuses the registration.
    """
    if not key or key[0] not in _NAME_START or not all(each in _NAME for each in key):
        return (
            "as XML has it, a key is of letters, digits, '_', '-' and '.', the first a letter or"
            " '_'"
        )
    if not all(letter >= " " or letter in _CONTROLS for letter in value) or _is_excluded(value):
        return "it holds a control character"
    if len(key) > MAX_VALUE_BYTES or len(value.encode()) > MAX_VALUE_BYTES:
        return f"it has more than {MAX_VALUE_BYTES} bytes"
    return ""


def _is_excluded(value: str) -> bool:
    """Whether there is half a character, or what XML 1.0 excludes besides (2.2)."""
    return any("\ud800" <= letter <= "\udfff" or letter in "\ufffe\uffff" for letter in value)
