"""Requests between peers: batches; between Eurekube peers also renewals, digests and copies."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from eureka_registry.core.application import Application
from eureka_registry.core.limits import (
    APPLICATIONS_AT_ONCE,
    COPIED_AT_ONCE,
    PAGES_KEPT,
    REPLIES_BYTES,
    SLICE_BYTES,
    SLICE_ITEMS,
)
from eureka_registry.core.pages import leases_after, names_after
from eureka_registry.core.registry import Registry
from eureka_registry.http.gate import Gate
from eureka_registry.http.messages import REASON, Answer, Call, Later, header_text, text
from eureka_registry.http.routes import Route
from eureka_registry.peers.client import STAGE_HEADER, STOPPING
from eureka_registry.peers.exchange import apply
from eureka_registry.peers.identity import NODE_HEADER
from eureka_registry.peers.mesh import Mesh
from eureka_registry.wire.copies import Digest, encode_copy, encode_digest
from eureka_registry.wire.documents import BadDocument
from eureka_registry.wire.jsoncodec import is_plain
from eureka_registry.wire.negotiate import body_format
from eureka_registry.wire.renewals import decode_renewals, encode_renewal_replies
from eureka_registry.wire.replication import (
    Item,
    Reply,
    TooManyError,
    encode_reply,
    entries_of,
    item,
    join_replies,
    size_of,
)

JSON = "application/json"
_T = TypeVar("_T")
_KEPT_MS: Final = 1_000
_STOPS: Final = ((STAGE_HEADER, STOPPING),)
_LARGE_BATCH: Final = 500
"""Items; peers send 250 at once, which is never to wait for a stranger's thousands."""
_ITEM_WORK: Final = SLICE_BYTES // SLICE_ITEMS
"""An item costs as much time as so many bytes, whatever its size."""
_SLICE_RENEWALS: Final = 500
"""Short renewals that are applied before others get their turn: some 2 ms."""


class PeerApi:
    """Serves the other peers."""

    def __init__(
        self, registry: Registry, gate: Gate, node: str, name: Callable[[], str], mesh: Mesh
    ) -> None:
        """Serve `registry`.

        Args:
            registry: this peer's.
            gate: knows whether we are ready.
            node: this process's node id.
            name: this peer's name.
            mesh: knows the others.
        """
        self._registry = registry
        self._gate = gate
        self._node = node
        self._name = name
        self._mesh = mesh
        self._pages = _Pages()
        self._turn = asyncio.Lock()
        self.items = 0

    def batch(self, call: Call, _route: Route) -> Answer | Later:
        """Apply what another peer's clients did; one reply per item (E16)."""
        if call.headers.get(NODE_HEADER) == self._node:
            return Answer(200, b'{"responseList":[]}', JSON)
        return self._carry_out(call, entries_of, self._reply)

    def renewals(self, call: Call, _route: Route) -> Answer | Later:
        """The same for a batch with short renewals."""
        return self._carry_out(call, decode_renewals, self._reply_to_renewals)

    def _carry_out(
        self, call: Call, decode: Callable[[bytes], _T], reply: Callable[[_T, Call], Later]
    ) -> Answer | Later:
        """Apply a peer's batch, unless it cannot be read."""
        # Java sends JSON; XML is read as JSON there, too, and fails as such. What any web page can
        # send without asking, or what has no type, is neither (E16).
        if body_format(call.headers.get("Content-Type")) is None:
            return Answer(415)
        self._hear(call)
        try:
            read = decode(call.body)
        except BadDocument as error:
            return _unreadable(error)
        except TooManyError:
            return Answer(413)
        return reply(read, call)

    async def _reply(self, entries: Sequence[object], call: Call) -> Answer:
        return self._json_answer(join_replies(await self._replies(entries, call)))

    async def _reply_to_renewals(
        self, read: tuple[Sequence[Item], Sequence[object]], call: Call
    ) -> Answer:
        renewals, entries = read
        item_replies = await self._replies(entries, call)
        replies = []
        for start in range(0, len(renewals), _SLICE_RENEWALS):
            part = renewals[start : start + _SLICE_RENEWALS]
            replies += [apply(self._registry, each, call.now_ms) for each in part]
            await asyncio.sleep(0)
        self.items += len(renewals)
        return self._json_answer(encode_renewal_replies(replies, join_replies(item_replies)))

    async def _replies(self, entries: Sequence[object], call: Call) -> list[bytes]:
        """Apply items; large batches one at a time, else others would wait for a slice of each."""
        plain = is_plain(call.body)
        if len(entries) <= _LARGE_BATCH:
            return await self._apply(entries, call.now_ms, plain=plain)
        async with self._turn:
            return await self._apply(entries, call.now_ms, plain=plain)

    async def _apply(self, entries: Sequence[object], now_ms: int, *, plain: bool) -> list[bytes]:
        """Apply items in slices; other tasks run between two items, never within one."""
        replies: list[bytes] = []
        size = work = 0
        for entry in entries:
            reply = apply(self._registry, item(entry, now_ms, plain=plain), now_ms)
            if reply.entity is not None and size > REPLIES_BYTES:
                reply = Reply(reply.status)
            replies.append(encode_reply(reply))
            size += len(replies[-1])
            work += _ITEM_WORK + len(replies[-1]) + size_of(entry)
            if work >= SLICE_BYTES:
                work = 0
                await asyncio.sleep(0)
        self.items += len(entries)
        return replies

    def digest(self, call: Call, _route: Route) -> Answer:
        """The digests of our applications, and how we see our peers.

        One page of them; with `?after=` the page after that application.
        """
        after = call.query.get("after", "")
        applications = self._registry.applications
        names = names_after(applications, after, APPLICATIONS_AT_ONCE + 1)
        page = names[:APPLICATIONS_AT_ONCE]
        digest = Digest(
            node=self._node,
            name=self._name(),
            stage=self._gate.stage.value,
            applications={name: f"{applications[name].digest:016x}" for name in page},
            instances=self._registry.size,
            sees={} if after else self._mesh.sees(call.now_ms),
            whole=f"{self._registry.digest():016x}",
            next=page[-1] if len(names) > len(page) else None,
            renewals=True,
        )
        return self._json_answer(encode_digest(digest))

    def copy(self, call: Call, _route: Route) -> Answer:
        """A page of leases after `?after_app=` and `after_id=`; with `?app=` of one application.

        A peer of an older version asks for everything at once. If that is more than a page, it is
        refused, and such a peer then reads the list for clients.
        """
        query = call.query
        after = (query.get("after_app", ""), query.get("after_id", ""))
        app = query.get("app")
        key = (after, app, self._gate.stage, "after_app" in query)
        kept = self._pages.get(key, self._registry.version, call.now_ms)
        if kept is not None:
            return kept
        leases = leases_after(self._of(app), after, COPIED_AT_ONCE + 1)
        body, goes_on = encode_copy(leases, self._node, self._gate.stage.value, call.now_ms)
        answer = self._json_answer(body)
        if "after_app" not in query and goes_on is not None:
            answer = text(413, "ask for pages: after_app, after_id\n")
        self._pages.keep(key, self._registry.version, call.now_ms, answer)
        return answer

    def _of(self, app: str | None) -> Mapping[str, Application]:
        applications = self._registry.applications
        if app is None:
            return applications
        return {app: applications[app]} if app in applications else {}

    def _hear(self, call: Call) -> None:
        if call.headers.get(STAGE_HEADER) == STOPPING:
            self._mesh.hear_stop(call.headers.get(NODE_HEADER))

    def _json_answer(self, body: bytes) -> Answer:
        return Answer(200, body, JSON, _STOPS if self._gate.is_stopping() else ())


class _Pages:
    """Encoded pages, kept for a second while nothing changes, the latest few.

    Renewals change no version, so moments in a page may be a second too old, as if the page had
    been under way for a second.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[object, tuple[int, int, Answer]] = OrderedDict()

    def get(self, key: object, version: int, now_ms: int) -> Answer | None:
        """The page of that key and version; `None`: it must be encoded."""
        found = self._kept.get(key)
        if found is None or found[0] != version or now_ms - found[1] > _KEPT_MS:
            return None
        return found[2]

    def keep(self, key: object, version: int, now_ms: int, answer: Answer) -> None:
        """Keep a page, and forget the oldest beyond the bound."""
        self._kept[key] = (version, now_ms, answer)
        self._kept.move_to_end(key)
        if len(self._kept) > PAGES_KEPT:
            self._kept.popitem(last=False)


def _unreadable(error: BadDocument) -> Answer:
    reason = (REASON, header_text(str(error)))
    return Answer(400, b'{"error": "cannot parse request body"}', JSON, (reason,))
