"""Chooses the server of a registry, and the base path of its API."""

from __future__ import annotations

import binascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .operations import Request

BASE_PATHS = ("/eureka/", "/eureka/v2/", "/v2/", "/")
"""Spring's, Netflix's with and without the name of its web application, and none."""

_RETURN_MS = 300_000


def preferred_order(
    servers: Sequence[str], zones: Sequence[str], zone: str, instance: str
) -> tuple[str, ...]:
    """The servers in the order in which one instance tries them.

    Args:
        servers: all of them.
        zones: of the first ones; the others come last, as they are.
        zone: that of the instance; empty: not known.
        instance: its id, which decides where among servers of a zone it begins: not all at one.
    """
    turn = binascii.crc32(instance.encode())
    placed = list(zip(servers, zones))  # noqa: B905 - there may be more servers
    same_zone = [server for server, its in placed if zone and its == zone]
    other_zones = [server for server, its in placed if not zone or its != zone]
    return (*_rotate(same_zone, turn), *_rotate(other_zones, turn), *servers[len(placed) :])


def _rotate(servers: list[str], turn: int) -> list[str]:
    first = turn % len(servers) if servers else 0
    return servers[first:] + servers[:first]


class Servers:
    """The servers of one registry: one is kept until it fails, then the next one is asked.

    After a while with another one the first, which is the preferred, is tried again.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        """Prepare a choice.

        Args:
            paths: the base path of each server as configured, from `/` to `/`.
        """
        self._configured = tuple(paths)
        self._paths = list(paths)
        self._working_path = [False] * len(paths)
        self._tried_ms: list[int | None] = [None] * len(paths)
        self._untried: list[str] = []
        self._moved_ms = 0
        self._marks: list[tuple[int, str]] = []
        self._places: list[tuple[int, str]] = []
        self.current = 0
        self.switches = 0

    def __len__(self) -> int:
        """How many servers there are."""
        return len(self._paths)

    @property
    def path(self) -> str:
        """The base path of the current server."""
        return self._paths[self.current]

    def move_on(self, now_ms: int) -> None:
        """Take the next server, or the next place of a removal."""
        if self._places:
            self._places.append(self._places.pop(0))
            self._take_place()
            return
        if len(self) == 1:
            return
        if not self._working_path[self.current]:
            self._paths[self.current] = self._configured[self.current]
        self.current = (self.current + 1) % len(self)
        self.switches += 1
        self._moved_ms = now_ms

    def return_to_first(self, now_ms: int) -> None:
        """Take the preferred server again, if another one was taken long enough ago."""
        if self.current and now_ms - self._moved_ms >= _RETURN_MS:
            self.current = 0
            self.switches += 1

    def mark(self, request: Request, *, certain: bool) -> None:
        """Remember that the lease is, or may be, where this request was sent."""
        place = (request.server, request.target.partition("apps/")[0])
        self._marks = [place, *(() if certain else [each for each in self._marks if each != place])]

    def begin_removal(self) -> None:
        """From now on take the places where the lease may be, the last first, then the others."""
        others = [
            (server, path)
            for server, path in enumerate(self._paths)
            if server not in [each for each, _ in self._marks]
        ]
        self._places = [*self._marks, *others]
        self._take_place()

    def drop_place(self) -> bool:
        """The lease is not at the current place: take the next one; `False`: there is none."""
        del self._places[0]
        if self._places:
            self._take_place()
        return bool(self._places)

    def _take_place(self) -> None:
        self.current, path = self._places[0]
        self._paths[self.current] = path

    def try_next_path(self, now_ms: int) -> bool:
        """Take another base path of the current server, which does not know the present one.

        All are tried one after the other, and then not again for a while; `False`: the configured
        one stays.
        """
        here = self.current
        if self._working_path[here]:
            return False
        if self.path == self._configured[here]:
            tried_ms = self._tried_ms[here]
            if tried_ms is not None and now_ms - tried_ms < _RETURN_MS:
                return False
            self._tried_ms[here] = now_ms
            self._untried = [each for each in BASE_PATHS if each != self.path]
        self._paths[here] = self._untried.pop(0) if self._untried else self._configured[here]
        return self.path != self._configured[here]

    def keep_path(self) -> None:
        """Remember the base path of the current server: it works."""
        self._working_path[self.current] = True
