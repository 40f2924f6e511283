"""One peer as we know it: what we send it, what it says it holds, and whether the two agree."""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from eureka_registry.core.model import Instance, PeerAction
from eureka_registry.core.outbox import Congested, Delivered, Outcome, Refused, Unreachable
from eureka_registry.core.registry import Registry
from eureka_registry.peers.client import Answer, PeerClient
from eureka_registry.peers.discovery import Peer
from eureka_registry.peers.merge import differing, merge
from eureka_registry.peers.sender import Sender
from eureka_registry.wire.copies import Digest, Sight, decode_copy, decode_digest
from eureka_registry.wire.documents import BadDocument
from eureka_registry.wire.replication import decode_replies, encode_batch

_log = logging.getLogger(__name__)

DIGEST_PATH: Final = "peerreplication/digest"
COPY_PATH: Final = "peerreplication/copy"
NAMED_PER_APPLICATION: Final = 20
REPAIRED_AT_ONCE: Final = 20
_CANCEL_AGE_MS: Final = 30_000
_NOT_ALLOWED: Final = frozenset({401, 403})
_NOT_FOUND: Final = 404
_SETTLING_MS: Final = 2_000
"""A change younger than this may still be on its way to the other peer, or from it."""


class Kind(StrEnum):
    """What a peer turned out to be."""

    UNKNOWN = "unknown"
    EUREKUBE = "eurekube"
    JAVA = "java"


class Agreement(StrEnum):
    """Whether a peer holds what we hold."""

    UNKNOWN = "unknown"
    AGREED = "agreed"
    DIVERGED = "diverged"


class Link:
    """Our end of the connection to one peer."""

    def __init__(self, peer: Peer, client: PeerClient, sender: Sender, registry: Registry) -> None:
        self.peer = peer
        self.client = client
        self.sender = sender
        self.kind = Kind.UNKNOWN
        self.node: str | None = None
        self.digest: Digest | None = None
        self.why_silent: str | None = "not asked yet"
        self.why_not_served: str | None = None
        """Why there is no Eureka server at the URL, although somebody answers there."""
        self.alias_of: str | None = None
        self.repaired = 0
        self.diverged: dict[str, list[str]] = {}
        self._registry = registry
        self._suspected: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The name the peer gives itself, else the one it is listed under."""
        return self.digest.name if self.digest is not None else self.peer.name

    @property
    def counts(self) -> bool:
        """Whether this is another peer and not ourselves, nor one we know by another URL."""
        return not self.sender.is_self and self.alias_of is None

    @property
    def is_heard(self) -> bool:
        """Whether it answered when last asked."""
        return self.why_silent is None

    @property
    def takes_changes(self) -> bool:
        """Whether the peer is to be told of changes."""
        return self.counts and self.peer.takes_changes

    def why_unavailable(self, now_ms: int) -> str | None:
        """Why changes do not reach the peer, else `None`."""
        return self.why_not_served or self.sender.outbox.reason(now_ms) or self.why_silent

    def agreement(self) -> Agreement:
        """Whether the peer held what we hold when last asked."""
        if self.kind is not Kind.EUREKUBE or self.why_silent is not None:
            return Agreement.UNKNOWN
        return Agreement.DIVERGED if self.diverged else Agreement.AGREED

    def sight(self, now_ms: int) -> Sight:
        """How we see the peer."""
        outbox = self.sender.outbox
        why = self.why_unavailable(now_ms)
        return Sight(
            available=why is None,
            lag_ms=outbox.lag_ms(now_ms),
            backlog=outbox.backlog + outbox.in_flight,
            agreement=self.agreement().value,
            why=why,
        )

    async def compare(self, now_ms: int) -> None:
        """Ask the peer what it holds; call it again and again.

        What the peer knows better in applications that differ twice in a row is taken over.
        Instances have diverged if they differ although nobody has changed them for a while: what
        changed just now may be under way, and in a busy registry something always is.
        """
        answer = await self.client.get(DIGEST_PATH)
        if answer.node is not None:
            self.node = answer.node
        if isinstance(answer.outcome, Refused) and answer.outcome.status not in _NOT_ALLOWED:
            await self._compare_with_java(now_ms)
            return
        self.why_not_served = None
        if isinstance(answer.outcome, Refused):
            self.why_silent = f"does not accept our credentials ({answer.outcome.status})"
            return
        if not isinstance(answer.outcome, Delivered) or answer.body is None:
            self.why_silent = self.sender.outbox.reason(now_ms) or _words(answer.outcome)
            return
        try:
            self.digest = decode_digest(answer.body)
        except BadDocument as error:
            self.why_silent = str(error)
            return
        self.kind = Kind.EUREKUBE
        self.why_silent = None
        self.sender.hurry()
        await self._repair(self._differing_applications(self.digest), now_ms)

    async def _compare_with_java(self, now_ms: int) -> None:
        """A Java server knows nothing of digests; that it takes changes is all we can ask for.

        It has said so if it takes a batch without items: 404 is its answer to a digest, and
        anybody's answer below a path that he does not serve.
        """
        if self.kind is not Kind.JAVA:
            answer = await self.client.post_batch(encode_batch(()))
            self.why_not_served = self._why_not_served(answer, now_ms)
            self.why_silent = self.why_not_served or _silence(answer.outcome)
            if self.why_silent is not None:
                self.kind = Kind.UNKNOWN
                return
        self.kind = Kind.JAVA
        self.why_silent = None
        self.sender.hurry()

    def _why_not_served(self, answer: Answer, now_ms: int) -> str | None:
        path = urlsplit(self.client.url).path
        match answer.outcome:
            case Refused(status) if status == _NOT_FOUND:
                return f"answers 404 below {path}: not a path it serves"
            case Refused(status):
                return f"answers {status} to a batch below {path}"
            case Delivered() if not _are_replies(answer.body, now_ms):
                return f"is no Eureka server below {path}"
            case _:
                return None

    async def leads_to(self, node: str) -> bool:
        """Whether the URL's peer is the process `node`; so it is taken for while none answers."""
        answer = await self.client.get(DIGEST_PATH)
        return answer.node == node or not isinstance(answer.outcome, Delivered | Refused)

    def _differing_applications(self, digest: Digest) -> frozenset[str]:
        mine = {n: f"{a.digest:016x}" for n, a in self._registry.applications.items()}
        names = mine.keys() | digest.applications.keys()
        return frozenset(n for n in names if mine.get(n) != digest.applications.get(n))

    async def _repair(self, different: frozenset[str], now_ms: int) -> None:
        certain = sorted(different & self._suspected)
        self._suspected = different
        self.diverged = {app: ids for app, ids in self.diverged.items() if app in different}
        for app in certain[:REPAIRED_AT_ONCE]:
            await self._repair_application(app, now_ms)

    async def _repair_application(self, app: str, now_ms: int) -> None:
        answer = await self.client.get(COPY_PATH, {"app": app})
        if answer.body is None:
            return
        try:
            copy = decode_copy(answer.body, now_ms)
        except BadDocument as error:
            _log.warning("copy not readable peer=%s app=%s reason=%s", self.name, app, error)
            return
        self._show_divergence(app, copy.instances, now_ms)
        merged = merge(self._registry, copy.instances, now_ms)
        self.repaired += len(merged.taken) + len(merged.to_cancel)
        for key in merged.to_cancel:
            self.sender.add(PeerAction.CANCEL, *key, _CANCEL_AGE_MS)

    def _show_divergence(self, app: str, theirs: list[Instance], now_ms: int) -> None:
        settled_ms = now_ms - _SETTLING_MS - self.sender.outbox.lag_ms(now_ms)
        ids = differing(self._registry, app, theirs, now_ms, settled_ms)
        if not ids:
            self.diverged.pop(app, None)
            return
        if app not in self.diverged:
            _log.warning("peers diverged peer=%s app=%s instances=%s", self.name, app, ids[:5])
        self.diverged[app] = ids[:NAMED_PER_APPLICATION]


def _are_replies(body: bytes | None, now_ms: int) -> bool:
    try:
        decode_replies(body or b"", now_ms)
    except BadDocument:
        return False
    return True


def _silence(outcome: Outcome) -> str | None:
    return None if isinstance(outcome, Delivered) else _words(outcome)


def _words(outcome: Outcome) -> str:
    match outcome:
        case Congested(reason) | Unreachable(reason):
            return reason
        case _:
            return "no answer"
