"""Finds the handler of a path and a method, and turns errors into answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from eureka_registry.http.counters import Counters
from eureka_registry.http.messages import Answer, Call, Later, RequestError, text
from eureka_registry.http.peer_api import PeerApi
from eureka_registry.http.reads import Reads
from eureka_registry.http.routes import Resource, Route
from eureka_registry.http.writes import Writes

Handler = Callable[[Call, Route], Answer | Later]
"""Answers one request; what is no `Later` is complete when it returns."""

_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"})

Methods = Mapping[Resource, Mapping[str, Handler]]


def methods(
    reads: Reads, writes: Writes, peers: PeerApi, status: Handler, pages: Handler
) -> Methods:
    """Which handler serves which method of which resource."""
    return {
        Resource.APPS: {"GET": reads.apps},
        Resource.DELTA: {"GET": reads.delta},
        Resource.APP: {"GET": reads.app, "POST": writes.register},
        Resource.INSTANCE: {
            "GET": reads.instance,
            "PUT": writes.renew,
            "DELETE": writes.cancel,
        },
        Resource.STATUS_OVERRIDE: {"PUT": writes.set_status, "DELETE": writes.clear_status},
        Resource.METADATA: {"PUT": writes.update_metadata},
        Resource.BY_ID: {"GET": reads.by_id},
        Resource.VIP: {"GET": reads.vip},
        Resource.SVIP: {"GET": reads.svip},
        Resource.ASG: {"PUT": _asg},
        Resource.STATUS: {"GET": status},
        Resource.BATCH: {"POST": peers.batch},
        Resource.RENEWALS: {"POST": peers.renewals},
        Resource.OVERRIDES: {"GET": reads.overrides},
        Resource.DIGEST: {"GET": peers.digest},
        Resource.COPY: {"GET": peers.copy},
        Resource.PAGE: {"GET": pages},
    }


class Api:
    """Answers every request that is not a management one."""

    def __init__(self, handlers: Methods, counters: Counters) -> None:
        self._handlers = handlers
        self._counters = counters

    def answer(self, call: Call, route: Route | None) -> Answer | Later:
        """The answer to a request for `route`, `None` for no resource; counts it."""
        if route is None:
            return Answer(404)
        answer = self._answer(call, route)
        if not isinstance(answer, Answer):
            return self._count_later(call.method, route, answer)
        self.count(call.method, route, answer)
        return answer

    async def _count_later(self, method: str, route: Route, later: Later) -> Answer:
        answer = await later
        self.count(method, route, answer)
        return answer

    def count(self, method: str, route: Route | None, answer: Answer) -> None:
        """Count an answer, whoever made it."""
        if route is None:
            return
        # Clients may invent methods; the counters must not grow with them.
        known = method if method in _METHODS else "other"
        self._counters.note(route.resource, known, answer.status, len(answer.body))

    def takes_body(self, method: str, route: Route | None) -> bool:
        """Whether a request's body matters; other bodies are read and dropped."""
        return method == "POST" and route is not None and "POST" in self._handlers[route.resource]

    def _answer(self, call: Call, route: Route) -> Answer | Later:
        handlers = self._handlers[route.resource]
        allowed = ("Allow", ", ".join((*handlers, "HEAD", "OPTIONS")))
        if call.method == "OPTIONS":
            return Answer(204, headers=(allowed,))
        handler = handlers.get("GET" if call.method == "HEAD" else call.method)
        if handler is None:
            return Answer(405, headers=(allowed,))
        try:
            return handler(call, route)
        except RequestError as error:
            return text(400, f"{error}\n")


def _asg(_call: Call, _route: Route) -> Answer:
    """Amazon's auto scaling groups; Java answers so wherever it does not run there (E14)."""
    return Answer(400)
