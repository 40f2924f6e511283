"""Single values of documents, read with the same tolerance as in Netflix's Jackson codec.

Clients write numbers as text, flags as numbers and text as numbers; which of these Java takes,
and as what, is `docs/protocol/documents.md#fields`. `where` names the field in messages.
"""

from __future__ import annotations

import re
from typing import Final, cast

from eureka_registry.core.model import Status
from eureka_registry.core.validation import display_text as display_text  # noqa: PLC0414 - for codecs, too

INT_MAX: Final = 2**31 - 1
"""Largest number a Java `int` holds; a larger one could be sent to no Java peer."""

LONG_MAX: Final = 2**63 - 1
"""Largest number a Java `long` holds."""

_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_LONGEST_NUMBER: Final = 64
_STATUSES: Final = {status.value: status for status in Status}


class BadDocument(ValueError):  # noqa: N818 - the page's word, and no error of the program
    """A body that cannot be read; its text says in one sentence what is wrong, and where.

    `sentence` is `None`, or the text for the client instead of Java's fixed `cannot parse request
    body`.
    """

    def __init__(self, reason: str, *, sentence: str | None = None) -> None:
        super().__init__(reason)
        self.sentence = sentence


class Literal(str):
    """A JSON number with a fraction or an exponent, as it was written: Jackson keeps such text."""

    __slots__ = ()


def refused_document(sentence: str) -> BadDocument:
    """Make the refusal of a document with a reason for the client."""
    return BadDocument(sentence, sentence=sentence)


def text(value: object, where: str) -> str | None:
    """Read a text; numbers and flags count as written, `None` as not given.

    Raises:
        BadDocument: it is an object or an array.
    """
    if value is None or type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise BadDocument(f"{where} is not a text")


def read_integer(
    value: object, where: str, *, bound: int = INT_MAX, otherwise: int | None = 0
) -> int | None:
    """Read a whole number, `None` if it was not given; fractions are cut off, as Jackson does.

    Args:
        value: a number, or a text that should hold one.
        where: the field's name.
        bound: the largest number allowed, and one less the smallest.
        otherwise: the value for a text that is not a number; `None`: the document is refused.

    Raises:
        BadDocument: it is an object, an array or a number out of bounds.
    """
    if value is None or (type(value) is int and 0 <= value < bound):
        return value
    if isinstance(value, int | float):
        number: int | None = int(value)
    elif isinstance(value, str):
        number = _number_in(value.strip())
    else:
        raise BadDocument(f"{where} is not a number")
    if number is not None and -bound <= number + 1 <= bound + 1:
        return number
    if otherwise is None or not isinstance(value, str) or isinstance(value, Literal):
        raise BadDocument(f"{where} is not a number, or too large: {display_text(value)}")
    return otherwise


def flag(value: object, where: str, *, default: bool) -> bool:
    """Read a JSON flag: of texts only `true` is true, of numbers every whole one but 0.

    Raises:
        BadDocument: it is an object or an array.
    """
    if value is None:
        return default
    if isinstance(value, int):
        return value != 0
    if isinstance(value, str | float):
        return str(value).strip() == "true"
    raise BadDocument(f"{where} is not a flag")


def status(value: object, where: str, *, default: Status, fold: bool = False) -> Status:
    """Read a status, `default` if not given; an unknown word counts as `UNKNOWN`.

    Args:
        value: what was given.
        where: the field's name.
        default: the status when none was given.
        fold: whether `up` is `UP` (XML: `InstanceStatus.toEnum`).

    Raises:
        BadDocument: it is an object or an array.
    """
    word = text(value, where)
    if word is None:
        return default
    return _STATUSES.get(word.upper() if fold else word, Status.UNKNOWN)


def metadata(value: object) -> dict[str, str]:
    """Read a map of texts; objects and arrays in it are left out, and so is Java's `@class`.

    Raises:
        BadDocument: it is not a map. Java's parser spins for ever on an array.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadDocument("metadata is not an object")
    return {
        key: "null" if given is None else cast("str", text(given, "metadata"))
        for key, given in value.items()
        if key != "@class" and not isinstance(given, list | dict)
    }


def known_status(word: str | None) -> Status | None:
    """Find the status of exactly this name, `None` if there is none (`InstanceStatus.valueOf`)."""
    return _STATUSES.get(word) if word is not None else None


def _number_in(written: str) -> int | None:
    if len(written) > _LONGEST_NUMBER or not _NUMBER.fullmatch(written):
        return None
    try:
        return int(written)
    except ValueError:
        number = float(written)
    return int(number) if abs(number) <= LONG_MAX else None
