"""A request and an answer as the handlers use them, without any server."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from functools import cached_property
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from eureka_registry.http.auth import Identity
from eureka_registry.http.rules import RefusalRecord
from eureka_registry.wire.negotiate import Form, form_for, wants_gzip

REPLICATION: Final = "x-netflix-discovery-replication"
REASON: Final = "X-Eurekube-Reason"
"""The header that says why a request was refused, in printable ASCII."""
SERVER_NAME: Final = "eurekube"
MAX_QUERY_FIELDS: Final = 256
MAX_MOMENT_MS: Final = 2**63 - 1
"""Java keeps moments in a `long`; a larger one could be sent to no Java peer."""
_MAX_DIGITS: Final = 20


class Answer(msgspec.Struct, frozen=True):
    """A status, a body and headers. Most bodies are empty and must be: clients parse any body.

    `refused` is the record for log and metric if this refuses a request.
    """

    status: int
    body: bytes = b""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    refused: RefusalRecord | None = None


Later = Coroutine[None, None, Answer]
"""An answer that takes long: others are served meanwhile."""


class RequestError(ValueError):
    """A request that cannot be served; the text says what is wrong with it."""


class Call:
    """One request: what was asked for, by whom, and when it arrived (epoch ms).

    `identity` is `None` where everybody may do everything.
    """

    def __init__(
        self, method: str, query: str, headers: Mapping[str, str], body: bytes, now_ms: int
    ) -> None:
        self.method = method
        self.headers = headers
        self.body = body
        self.now_ms = now_ms
        self.identity: Identity | None = None
        self._query = query

    @cached_property
    def query(self) -> dict[str, str]:
        """The query's fields; the first of one that is given twice, as in Java."""
        try:
            fields = parse_qsl(
                self._query,
                keep_blank_values=True,
                errors="replace",
                max_num_fields=MAX_QUERY_FIELDS,
            )
        except ValueError as error:
            message = f"the query has more than {MAX_QUERY_FIELDS} fields"
            raise RequestError(message) from error
        return {name: value for name, value in reversed(fields) if name}

    @property
    def from_peer(self) -> bool:
        """Whether a peer replicates what a client did."""
        return self.headers.get(REPLICATION) == "true"

    @property
    def gzip(self) -> bool:
        """Whether the answer may be compressed."""
        return wants_gzip(self.headers.get("Accept-Encoding"))

    def has(self, tag: str) -> bool:
        """Whether the client has the document of this entity tag already.

        The comparison is weak (RFC 9110, 13.1.2): a proxy may have dropped the `W/`.
        """
        return tag.removeprefix("W/") in self.headers.get("If-None-Match", "")

    def form(self, *, v1: bool) -> Form:
        """The form of document that the client wants."""
        accept = self.headers.get("Accept")
        return form_for(accept, self.headers.get("X-Eureka-Accept"), v1)

    def moment(self, name: str) -> int | None:
        """A moment (epoch ms) from the query, `None` if it is not given.

        Raises:
            RequestError: it is not a whole number.
        """
        text = self.query.get(name)
        if text is None:
            return None
        digits = text.removeprefix("-")
        number = len(text) <= _MAX_DIGITS and digits.isascii() and digits.isdigit()
        if not number or abs(int(text)) > MAX_MOMENT_MS:
            message = f"{name} is {text[:40]!r}; it must be a whole number of milliseconds"
            raise RequestError(message)
        return int(text)


OK: Final = Answer(200)
NO_CONTENT: Final = Answer(204)
NOT_FOUND: Final = Answer(404)


def text(status: int, sentence: str) -> Answer:
    """An answer with a text for people."""
    return Answer(status, sentence.encode(), "text/plain; charset=utf-8")


def header_text(sentence: str) -> str:
    """A sentence as a header may hold it, cut."""
    return "".join(c if " " <= c <= "~" else "?" for c in sentence)[:400]
