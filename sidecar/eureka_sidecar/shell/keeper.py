"""Sends the requests of a lease, and gives it the answers."""

from __future__ import annotations

import time

from ..core.operations import Answer, Operation
from .connection import NoAnswer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..core.lease import Lease
    from ..core.operations import Request
    from .connection import Server
    from .loop import Event, Loop

READ_HEADERS = {"Accept": "application/json", "User-Agent": "eureka-sidecar"}
_WRITE_HEADERS = {**READ_HEADERS, "Content-Type": "application/json"}
_REASON = "x-eurekube-reason"
"""The header in which an Eurekube registry says why it refuses a request."""


async def keep(
    loop: Loop,
    lease: Lease,
    servers: Sequence[Server],
    wish_event: Event,
    on_answer: Callable[[], None],
) -> None:
    """Send the requests of a lease until it is finished, or until cancelled.

    `servers` are those of its registry, in order. `wish_event` happens when something else is
    wanted; `on_answer` is called when the lease has changed.
    """
    try:
        while not lease.finished:
            now_ms = loop.now_ms()
            request = lease.next_request(now_ms, time.time_ns() // 1_000_000)
            if request is None:
                await loop.wait_for_event(wish_event, lease.wake_ms(now_ms))
                continue
            server = servers[request.server]
            answer = await _answer(server, request, lambda: lease.deadline_ms, wish_event)
            lease.receive(answer, loop.now_ms())
            on_answer()
    finally:
        for server in servers:
            server.close()


async def _answer(
    server: Server, request: Request, deadline: Callable[[], int], change_event: Event
) -> Answer:
    headers = _WRITE_HEADERS if request.operation is Operation.REGISTER else READ_HEADERS
    try:
        response = await server.exchange(
            request.method, request.target, headers, request.body, deadline, change_event
        )
    except NoAnswer as failure:
        return Answer(0, reason=failure.reason, sent=failure.sent, code=failure.code)
    return Answer(
        response.status,
        response.body,
        reason=response.headers.get(_REASON, ""),
        location=response.headers.get("location", "")[:200],
    )
