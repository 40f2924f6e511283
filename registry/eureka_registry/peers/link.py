"""One other peer: what is sent to it, what it holds, and whether both agree."""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from eureka_registry.core.pace import Delivered, Outcome, Refused
from eureka_registry.core.registry import Registry
from eureka_registry.peers.client import DIGEST_PATH, SEVERAL, Answer, PeerClient
from eureka_registry.peers.copying import NotCopiedError, failure_text
from eureka_registry.peers.digests import differing_applications
from eureka_registry.peers.discovery import Peer
from eureka_registry.peers.repair import Repair
from eureka_registry.peers.sender import Sender
from eureka_registry.wire.copies import Digest, Sight, decode_digest
from eureka_registry.wire.documents import BadDocument
from eureka_registry.wire.replication import decode_replies, encode_batch

_log = logging.getLogger(__name__)

_NOT_ALLOWED: Final = frozenset({401, 403})
_NOT_FOUND: Final = 404
_ROUNDS_OF_REST: Final = 12
"""So many comparisons are let by before what could not be copied is asked for again."""


class Kind(StrEnum):
    """The kind of a peer, as known so far."""

    UNKNOWN = "unknown"
    EUREKUBE = "eurekube"
    JAVA = "java"


class Agreement(StrEnum):
    """Whether a peer holds the same instances as we do."""

    UNKNOWN = "unknown"
    AGREED = "agreed"
    DIVERGED = "diverged"


class Link:
    """Our end of the connection to one peer."""

    def __init__(
        self, peer: Peer, client: PeerClient, sender: Sender, registry: Registry, most: int
    ) -> None:
        """Begin without any knowledge; a copy of more than `most` instances fails."""
        self.peer = peer
        self.client = client
        self.sender = sender
        self.kind = Kind.UNKNOWN
        self.digest: Digest | None = None
        self.why_silent: str | None = "not asked yet"
        self.why_not_served: str | None = None
        """Why there is no Eureka server at the URL, although somebody answers there."""
        self.why_not_copied: str | None = None
        """Why what the peer knows better cannot be taken over."""
        self.why_too_large: str | None = None
        """The same, where it holds more than can be copied."""
        self.alias_of: str | None = None
        """A peer that answers with the same node id: listed twice, or one of the two lies."""
        self.may_name_itself = True
        """Whether no other peer has the name that this one gives itself."""
        self.repair = Repair(registry, client, sender, most, lambda: self.name)
        self._registry = registry
        self._differed: frozenset[str] | None = None
        """Applications that differed at the last comparison; `None`: there was none yet."""
        self._unequal = False
        self._resting = 0

    @property
    def name(self) -> str:
        """The peer's own name for itself, else the one in the list."""
        if self.digest is not None and self.may_name_itself:
            return self.digest.name
        return self.peer.name

    @property
    def node(self) -> str | None:
        """The node id of its last answer."""
        return self.client.seen.current

    @property
    def counts(self) -> bool:
        """Whether this is another peer and not ourselves."""
        return not self.sender.is_self

    @property
    def is_heard(self) -> bool:
        """Whether it answered the last request."""
        return self.why_silent is None

    @property
    def takes_changes(self) -> bool:
        """Whether changes are sent to the peer."""
        return self.counts and self.peer.takes_changes

    @property
    def diverged_instances(self) -> dict[str, list[str]]:
        """Instances that differ although they have not changed for a while, by application."""
        return self.repair.diverged

    @property
    def repaired(self) -> int:
        """How many leases were taken over or cancelled after a comparison."""
        return self.repair.repaired

    def why_unavailable(self, now_ms: int) -> str | None:
        """Why changes do not reach the peer, or do not come from it; else `None`."""
        if not self.counts:
            return None
        return (
            self.why_not_served
            or (SEVERAL if self.client.seen.several else None)
            or self.sender.outbox.reason(now_ms)
            or self.why_silent
            or self.why_too_large
        )

    def agreement(self) -> Agreement:
        """Whether the peer held the same as we at the last request.

        Each application's digests were equal at the last comparison or the one before: in a busy
        registry something always changes meanwhile. Or all differences were checked lease by lease,
        and are leases that changed just now or are over: those expire at each peer by itself.
        """
        if self.kind is not Kind.EUREKUBE or self.why_silent is not None:
            return Agreement.UNKNOWN
        if self.diverged_instances:
            return Agreement.DIVERGED
        return Agreement.UNKNOWN if self._unequal else Agreement.AGREED

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

    async def compare(self, now_ms: int, *, repair: bool = True) -> None:
        """Compare what the peer holds with ours; call it at intervals.

        With `repair`, applications that differ twice in a row get the peer's newer documents.

        A start goes without, as it copies anyway. Instances have diverged if they differ although
        they have not changed for a while: recent changes may still be under way.
        """
        answer = await self.client.get(DIGEST_PATH)
        if answer.is_self:
            self.sender.mark_as_self()
            return
        if isinstance(answer.outcome, Refused) and answer.outcome.status not in _NOT_ALLOWED:
            await self._compare_with_java(now_ms)
            return
        self.why_not_served = None
        if isinstance(answer.outcome, Refused):
            self.why_silent = f"does not accept our credentials ({answer.outcome.status})"
            return
        if not isinstance(answer.outcome, Delivered) or answer.body is None:
            self.why_silent = self._why_silent(answer, now_ms)
            return
        try:
            digest = decode_digest(answer.body)
            self._hear(digest)
            different = await differing_applications(self._registry, self.client, digest)
        except (BadDocument, NotCopiedError) as error:
            self.why_silent = str(error)
            return
        self.why_silent = None
        before, self._differed = self._differed, different
        certain = different & (before or frozenset())
        explained = not certain
        if repair:
            explained = await self._repair(different, certain, now_ms)
        self._unequal = not explained or (before is None and bool(different))

    def _why_silent(self, answer: Answer, now_ms: int) -> str:
        if answer.too_large:
            return f"digest: {failure_text(answer.outcome)}"
        return self.sender.outbox.reason(now_ms) or failure_text(answer.outcome)

    def _hear(self, digest: Digest) -> None:
        if self.digest is not None and self.digest.node != digest.node:
            self._differed = None  # it is another process, which was never equal
        self.digest = digest
        self.kind = Kind.EUREKUBE
        self.sender.takes_renewals(digest.node, takes=digest.renewals)
        self.sender.retry_now()

    async def _repair(
        self, different: frozenset[str], certain: frozenset[str], now_ms: int
    ) -> bool:
        """Take over what differs twice in a row; returns whether there was nothing to take over."""
        self.repair.keep(different)
        self._resting = max(0, self._resting - 1)
        if not different:
            self.why_not_copied = self.why_too_large = None
        if not certain or self._resting:
            return not certain
        try:
            explained = await self.repair.take_over(sorted(certain), now_ms)
        except NotCopiedError as error:
            self._pause_copying(str(error), too_large=error.too_large)
            return False
        self.why_not_copied = self.why_too_large = None
        return explained

    def _pause_copying(self, reason: str, *, too_large: bool) -> None:
        """Wait before asking again for a copy that failed; log it once."""
        self._resting = _ROUNDS_OF_REST
        if self.why_not_copied != reason:
            _log.warning("peer differs and cannot be copied peer=%s reason=%s", self.name, reason)
        self.why_not_copied = reason
        self.why_too_large = reason if too_large else None

    async def _compare_with_java(self, now_ms: int) -> None:
        """A Java server has no digests; all we can check is that it accepts changes.

        An empty batch shows that: its answer to a digest is 404, but so is that of any server to an
        unknown path.
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
        self.sender.retry_now()

    def _why_not_served(self, answer: Answer, now_ms: int) -> str | None:
        path = urlsplit(self.client.url).path
        match answer.outcome:
            case Refused(status) if status == _NOT_FOUND:
                return f"answers 404 below {path}: not a path it serves"
            case Refused(status):
                return f"answers {status} to a batch below {path}"
            case Delivered() if not _are_replies(answer.body, now_ms):
                return f"is not a Eureka server below {path}"
            case _:
                return None

    async def leads_here(self) -> bool:
        """Whether the URL leads to this process; also assumed while nobody answers."""
        answer = await self.client.get(DIGEST_PATH)
        return answer.is_self or not isinstance(answer.outcome, Delivered | Refused)


def _are_replies(body: bytes | None, now_ms: int) -> bool:
    try:
        decode_replies(body or b"", now_ms)
    except BadDocument:
        return False
    return True


def _silence(outcome: Outcome) -> str | None:
    return None if isinstance(outcome, Delivered) else failure_text(outcome)
