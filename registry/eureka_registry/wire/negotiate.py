"""Finds the form of document that a request asks for, and the form of its body.

The protocol: `docs/protocol/http.md#content-types`.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

_CHARSETS: Final = frozenset({"utf-8", "utf8", "iso-8859-1"})


class Format(Enum):
    """The language of a document; the value is its media type."""

    JSON = "application/json"
    XML = "application/xml"


class Form(NamedTuple):
    """One of the forms every list is kept in.

    `v1` is set only with XML: nothing else depends on the version of the API.
    """

    format: Format
    compact: bool = False
    v1: bool = False

    @property
    def content_type(self) -> str:
        """The answer's `Content-Type`; Java adds no charset."""
        return self.format.value


def form_for(accept: str | None, eureka_accept: str | None, v1: bool) -> Form:  # noqa: FBT001
    """Choose the form of an answer.

    JSON if `Accept` has the word in any case; else XML, above all without `Accept`: Python's and
    Go's clients and Prometheus send none and read XML only. `X-Eureka-Accept: [compact]`, which
    Jersey 3 sends, means full, as in Java.

    Args:
        accept: the `Accept` header.
        eureka_accept: the `X-Eureka-Accept` header.
        v1: whether the request came for version 1 of the API.
    """
    compact = (eureka_accept or "").strip().lower() == "compact"
    if "json" in (accept or "").lower():
        return Form(Format.JSON, compact)
    return Form(Format.XML, compact, v1)


def wants_gzip(accept_encoding: str | None) -> bool:
    """Whether `Accept-Encoding` allows gzip: names it with a weight above 0."""
    for coding in (accept_encoding or "").lower().split(","):
        name, *parameters = (part.strip() for part in coding.split(";"))
        if name in {"gzip", "x-gzip"}:
            return not any(_is_zero(parameter) for parameter in parameters)
    return False


@lru_cache(maxsize=64)
def body_format(content_type: str | None) -> Format | None:
    """Find the format of a registration's body; for `None` the answer must be 415.

    Beside Java's two media types their siblings `application/*+json`, `application/*+xml` and
    `text/xml` are taken. A charset must be one that Java reads, and is then ignored: bytes are
    UTF-8.
    """
    media_type, *parameters = (part.strip() for part in (content_type or "").lower().split(";"))
    charsets = [parameter for parameter in parameters if parameter.startswith("charset")]
    if any(_charset(parameter) not in _CHARSETS for parameter in charsets):
        return None
    group, _, name = media_type.partition("/")
    suffix = name.rpartition("+")[2]
    if group == "application" and suffix == "json":
        return Format.JSON
    if (group == "application" and suffix == "xml") or media_type == "text/xml":
        return Format.XML
    return None


def _is_zero(parameter: str) -> bool:
    name, _, weight = parameter.partition("=")
    return name.strip() == "q" and weight.strip() in {"0", "0.", "0.0", "0.00", "0.000"}


def _charset(parameter: str) -> str:
    return parameter.partition("=")[2].strip().strip('"')
