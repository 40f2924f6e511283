"""The requests to a registry, and the meanings of its answers."""

from __future__ import annotations

import enum

from ..records import record


class Operation(enum.Enum):
    """A request of the Eureka protocol."""

    REGISTER = "register"
    VERIFY = "verify"
    RENEW = "renew"
    OVERRIDE = "override"
    LIFT = "lift"
    REMOVE = "remove"


class Outcome(enum.Enum):
    """The outcome of a request."""

    DONE = "done"
    MISSING = "missing"
    INVALID = "invalid"
    DENIED = "denied"
    FORBIDDEN = "forbidden"
    FAILED = "failed"


@record
class Request:
    """A request to a server.

    `server` is its place in the registry's list, `target` the path from the root and the query.
    """

    operation: Operation
    server: int
    method: str
    target: str
    body: bytes = b""


@record
class Answer:
    """An answer, or why there is none: then `status` is 0.

    `reason` is why there is none, else the server's own words for a refusal (X-Eurekube-Reason);
    `code` that of the problem without an answer. `sent` is false if certainly nothing of the
    request reached the server.
    """

    status: int
    body: bytes = b""
    reason: str = ""
    sent: bool = True
    location: str = ""
    code: str = "unreachable"


def outcome(operation: Operation, answer: Answer) -> Outcome:
    """The meaning of an answer.

    Java's client takes any answer to a removal for success (`ServerStatusEvaluators`); here the
    lease must be gone: 2xx or 404. A status below 200 is none, as interim answers are skipped.
    """
    status = answer.status
    if status < 200 or status >= 500 or status in (408, 425, 429):
        return Outcome.FAILED
    if status < 300:
        return Outcome.DONE
    if status == 404 or (status == 405 and operation is Operation.REGISTER):
        return Outcome.MISSING
    if status in (401, 407):
        return Outcome.DENIED
    if status == 403:
        return Outcome.FORBIDDEN
    return Outcome.INVALID
