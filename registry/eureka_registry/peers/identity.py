"""Finds which process is behind a URL: this process, another one, or several in turn.

Every process has a node id, and names it in a header of its requests and answers. Who answers may
claim any: our own, which stands in each of our requests, or that of another peer.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Final

NODE_HEADER: Final = "X-Eurekube-Node"
"""Names, both ways, the process that speaks; Java peers neither send nor read it."""

NONCE_HEADER: Final = "X-Eurekube-Nonce"
"""A number that shows where a request arrives."""

_LONGEST_ID: Final = 64
_KEPT_IDS: Final = 8
_CALM_ANSWERS: Final = 100
"""So many answers of one process in a row end what was said of several."""


class Nonces:
    """Numbers that were sent to a URL; one that arrives here shows that the URL leads here.

    So does a proxy that forwards our requests to us.
    """

    def __init__(self) -> None:
        self._arrived: dict[str, bool] = {}

    def begin(self) -> str:
        """Create a number that nobody can guess."""
        nonce = secrets.token_hex(16)
        self._arrived[nonce] = False
        return nonce

    def arrive(self, nonce: str | None) -> None:
        """Note the number of a received request; `None` and others' numbers are ignored."""
        if nonce in self._arrived:
            self._arrived[nonce] = True

    def end(self, nonce: str) -> bool:
        """Whether the number arrived; it is then forgotten."""
        return self._arrived.pop(nonce)


class NodesSeen:
    """Node ids that answered at one URL.

    A restart brings a new id. An id that comes back after another one shows that the URL leads to
    several processes in turn, like that of a Kubernetes Service.
    """

    def __init__(self) -> None:
        self.current: str | None = None
        """The id of the last answer that had one."""
        self.several = False
        """Whether the URL leads to several processes in turn."""
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._in_a_row = 0

    def hear(self, node: str | None) -> bool:
        """Note who answered; returns whether this answer shows that there are several processes."""
        if node is None or len(node) > _LONGEST_ID:
            return False
        if node == self.current:
            self._in_a_row += 1
            self.several = self.several and self._in_a_row < _CALM_ANSWERS
            return False
        self.current, self._in_a_row = node, 0
        came_back = node in self._seen
        self._seen[node] = None
        self._seen.move_to_end(node)
        if len(self._seen) > _KEPT_IDS:
            self._seen.popitem(last=False)
        shows = came_back and not self.several
        self.several |= came_back
        return shows
