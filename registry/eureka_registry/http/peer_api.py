"""What peers ask each other: batches (E16), and between Eurekube peers digests and copies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from eureka_registry.core.lease import Lease
from eureka_registry.core.limits import REPLIES_BYTES, SLICE_BYTES, SLICE_ITEMS
from eureka_registry.core.registry import Registry
from eureka_registry.http.gate import Gate
from eureka_registry.http.messages import Answer, Call, Later
from eureka_registry.http.routes import Route
from eureka_registry.peers.client import NODE_HEADER
from eureka_registry.peers.exchange import apply
from eureka_registry.wire.copies import Digest, Sight, encode_copy, encode_digest
from eureka_registry.wire.documents import BadDocument
from eureka_registry.wire.replication import (
    Reply,
    TooManyError,
    encode_reply,
    entries_of,
    item,
    join_replies,
    size_of,
)

JSON = "application/json"
_LARGE_BATCH = 500
"""Items; peers send 250 at once, which is never to wait for a stranger's thousands."""
_ITEM_WORK = SLICE_BYTES // SLICE_ITEMS
"""An item costs as much time as so many bytes, whatever its size."""


class PeerApi:
    """Serves the other peers."""

    def __init__(
        self,
        registry: Registry,
        gate: Gate,
        node: str,
        name: Callable[[], str],
        sees: Callable[[int], dict[str, Sight]],
    ) -> None:
        """Serve `registry`.

        Args:
            registry: this peer's.
            gate: knows whether we are ready.
            node: this process's node id.
            name: this peer's name.
            sees: how we see the others.
        """
        self._registry = registry
        self._gate = gate
        self._node = node
        self._name = name
        self._sees = sees
        self._turn = asyncio.Lock()
        self.items = 0

    def batch(self, call: Call, _route: Route) -> Answer | Later:
        """Apply what another peer's clients did; one reply per item (E16)."""
        if call.headers.get(NODE_HEADER) == self._node:
            return Answer(200, b'{"responseList":[]}', JSON)
        if not _may_be_json(call.headers.get("Content-Type")):
            return Answer(415)
        try:
            entries = entries_of(call.body)
        except BadDocument as error:
            reason = ("X-Eurekube-Reason", str(error).encode("ascii", "replace").decode()[:400])
            return Answer(400, b'{"error": "cannot parse request body"}', JSON, (reason,))
        except TooManyError:
            return Answer(413)
        carry_out = self._in_turn if len(entries) > _LARGE_BATCH else self._carried_out
        return carry_out(entries, call.now_ms)

    async def _in_turn(self, entries: Sequence[object], now_ms: int) -> Answer:
        """Apply one large batch at a time, or others would wait for a slice of each."""
        async with self._turn:
            return await self._carried_out(entries, now_ms)

    async def _carried_out(self, entries: Sequence[object], now_ms: int) -> Answer:
        """Apply a batch in slices; each item is complete when others get their turn."""
        replies: list[bytes] = []
        told = work = 0
        for entry in entries:
            reply = apply(self._registry, item(entry, now_ms), now_ms)
            if reply.entity is not None and told > REPLIES_BYTES:
                reply = Reply(reply.status)
            replies.append(encode_reply(reply))
            told += len(replies[-1])
            work += _ITEM_WORK + len(replies[-1]) + size_of(entry)
            if work >= SLICE_BYTES:
                work = 0
                await asyncio.sleep(0)
        self.items += len(entries)
        return Answer(200, join_replies(replies), JSON)

    def digest(self, call: Call, _route: Route) -> Answer:
        """What we hold, summed up per application, and how we see our peers."""
        digest = Digest(
            node=self._node,
            name=self._name(),
            stage=self._gate.stage.value,
            applications={n: f"{a.digest:016x}" for n, a in self._registry.applications.items()},
            instances=self._registry.size,
            sees=self._sees(call.now_ms),
        )
        return Answer(200, encode_digest(digest), JSON)

    def copy(self, call: Call, _route: Route) -> Answer:
        """All leases, or with `?app=` those of one application."""
        app = call.query.get("app")
        leases = self._registry.leases() if app is None else self._of(app)
        body = encode_copy(leases, self._node, self._gate.stage.value, call.now_ms)
        return Answer(200, body, JSON)

    def _of(self, app: str) -> Iterable[Lease]:
        application = self._registry.applications.get(app)
        return application.leases.values() if application else ()


def _may_be_json(content_type: str | None) -> bool:
    """Java sends `application/json`; an XML body is read as JSON there and fails as such."""
    return content_type is None or "json" in content_type.lower() or "xml" in content_type.lower()
