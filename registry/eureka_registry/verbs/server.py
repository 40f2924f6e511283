"""A Eureka server to query, and the requests that the commands need."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import quote

from eureka_registry.core.model import Instance, Status
from eureka_registry.verbs.listing import Listing, read_listing
from eureka_registry.wire.documents import BadDocument
from eureka_registry.wire.jsoncodec import instance_from, parse

JSON: Final = "application/json"
_NO_NAMES: Final = frozenset({"", ".", ".."})
"""Parts of a path that would lead to another resource."""


class NoAnswerError(Exception):
    """The server refused or did not answer; the text says which one, why, and what can be done."""


class BadNameError(ValueError):
    """An argument is not a name of an instance; the text says what to type."""


class Answer(NamedTuple):
    """An answer with status 2xx or 404; `now_ms` is the moment by the server's clock."""

    status: int
    body: bytes
    now_ms: int


class Server(Protocol):
    """One Eureka server."""

    @property
    def name(self) -> str:
        """The name of the server for people; without a password."""

    async def ask(self, method: str, path: str, accept: str = JSON) -> Answer:
        """Send a request for a path below the service URL, such as `apps/ORDERS`.

        Raises:
            NoAnswerError: The answer is neither a 2xx nor a 404, or there is none.
        """


class Name(NamedTuple):
    """An instance as the command line names it: `APP/ID`."""

    app: str
    id: str

    @property
    def path(self) -> str:
        """Its path below the service URL."""
        return f"apps/{quote(self.app, safe='')}/{quote(self.id, safe='')}"

    def __str__(self) -> str:
        """The name as it is typed."""
        return f"{self.app}/{self.id}"


class FoundInstance(NamedTuple):
    """One instance: its document as the server wrote it, the parsed document, and the moment."""

    document: dict[str, Any]
    instance: Instance
    now_ms: int


def read_name(text: str) -> Name:
    """The instance that `APP/ID` names; a slash in the id is part of it.

    Raises:
        BadNameError: It is not of this form.
    """
    app, _, instance_id = text.partition("/")
    if app in _NO_NAMES or instance_id in _NO_NAMES:
        raise BadNameError(f"'{text}' names no instance: write APP/ID, as `ls` shows them")
    return Name(app.upper(), instance_id)


async def listing(server: Server, app: str = "") -> Listing:
    """The instances of the server, or of one application; none if it does not know that.

    Raises:
        BadNameError: It cannot be the name of an application.
        NoAnswerError: The server cannot be asked, or is not a Eureka server.
    """
    if app in _NO_NAMES - {""} or "/" in app:
        raise BadNameError(f"'{app}' names no application")
    path = f"apps/{quote(app.upper(), safe='')}" if app else "apps"
    answer = await server.ask("GET", path)
    if answer.status == HTTPStatus.NOT_FOUND and app:
        return Listing(now_ms=answer.now_ms)
    try:
        return read_listing(answer.body, answer.now_ms)
    except BadDocument as bad:
        raise _not_eureka(server, path, bad) from bad


async def instance(server: Server, name: Name) -> FoundInstance | None:
    """One instance, with the present state of its lease; `None`: the server does not know it.

    Raises:
        NoAnswerError: The server cannot be asked, or is not a Eureka server.
    """
    if not _NO_NAMES.isdisjoint(name):
        return None  # a list may hold anything
    answer = await server.ask("GET", name.path)
    if answer.status == HTTPStatus.NOT_FOUND:
        return None
    try:
        document = parse(answer.body)
        fields = document.get("instance") if isinstance(document, dict) else None
        if not isinstance(fields, dict):
            raise BadDocument("the document has no object instance")  # noqa: TRY301
        return FoundInstance(fields, instance_from(fields, answer.now_ms), answer.now_ms)
    except BadDocument as bad:
        raise _not_eureka(server, name.path, bad) from bad


async def override(server: Server, name: Name) -> bool:
    """Take an instance out of service, as the dashboard does; returns whether the server knows it.

    Raises:
        NoAnswerError: The server cannot be asked, or refuses.
    """
    answer = await server.ask("PUT", f"{name.path}/status?value={Status.OUT_OF_SERVICE}")
    return answer.status != HTTPStatus.NOT_FOUND


async def lift_override(server: Server, name: Name) -> bool:
    """Put an instance back in service: it is UP until its client says otherwise.

    Returns whether the server knows it.

    Raises:
        NoAnswerError: The server cannot be asked, or refuses.
    """
    answer = await server.ask("DELETE", f"{name.path}/status?value={Status.UP}")
    return answer.status != HTTPStatus.NOT_FOUND


def moment_ms(date: str, otherwise_ms: int) -> int:
    """The moment of a `Date` header; `otherwise_ms` if it has none."""
    try:
        return int(parsedate_to_datetime(date).timestamp() * 1000)
    except (ValueError, OverflowError):
        return otherwise_ms


def _not_eureka(server: Server, path: str, bad: BadDocument) -> NoAnswerError:
    return NoAnswerError(
        f"{server.name} answers {path} with something else than a Eureka server does ({bad}); is"
        " it one, and is this its base path?"
    )
