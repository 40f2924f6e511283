"""Several peers in memory: real registries and outboxes, a clock and a network that obey."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

from eureka_registry.core.model import Instance, Origin, PeerAction
from eureka_registry.core.outbox import Outbox, Task
from eureka_registry.core.pace import Congested, Delivered, Outcome, Unreachable
from eureka_registry.core.registry import Registry, Rules
from eureka_registry.peers.exchange import ReplyOutcome, apply, encode, take_reply
from eureka_registry.wire.replication import (
    Reply,
    decode_replies,
    encode_batch,
)
from support.batches import decode_batch, encode_replies

START_MS = 1_000_000_000
DEFAULT_AGE_MS = 30_000
"""How long changes stay worth sending that no later renewal repairs (`replication_max_age_s`)."""

Key = tuple[str, str]


class Trouble(Enum):
    """What happens to one batch instead of its arrival."""

    REQUEST_LOST = "request lost"
    ANSWER_LOST = "answer lost"


@dataclass
class Peer:
    """One peer: what it holds, what it still has to tell, and what is wrong with it."""

    name: str
    registry: Registry
    outboxes: dict[str, Outbox] = field(default_factory=dict)
    overloaded: bool = False
    troubles: list[Trouble] = field(default_factory=list)
    """What awaits the next batches it sends."""


@dataclass(frozen=True)
class Event:
    """One item that went from one peer to another, or one batch that did not."""

    source: str
    target: str
    text: str
    answer: str

    def __str__(self) -> str:
        """As stories show it."""
        return f"{self.source} -> {self.target}  {self.text}: {self.answer}"


class Cluster:
    """Peers that know each other, the time, and who cannot reach whom."""

    def __init__(self, names: Sequence[str], rules: Rules) -> None:
        self.now_ms = START_MS
        self.cuts: set[frozenset[str]] = set()
        self.peers = {name: Peer(name, Registry(rules, self.now_ms)) for name in names}
        for peer in self.peers.values():
            peer.outboxes = {other: Outbox(250, 10_000) for other in names if other != peer.name}

    def publish(self, peer: Peer, action: PeerAction, key: Key) -> None:
        """Tell the other peers what a client did, as `Mesh.publish` does."""
        lease = peer.registry.lease(*key)
        repeats = action in (PeerAction.HEARTBEAT, PeerAction.REGISTER)
        age_ms = lease.interval_ms if repeats and lease is not None else DEFAULT_AGE_MS
        for outbox in peer.outboxes.values():
            outbox.add(action, *key, self.now_ms, age_ms)

    def register(self, peer: Peer, document: Instance) -> None:
        """A client registers."""
        peer.registry.register(document, Origin.CLIENT, self.now_ms)
        self.publish(peer, PeerAction.REGISTER, (document.app, document.id))

    def renew(self, peer: Peer, key: Key, dirty: int | None) -> bool:
        """A client renews; false if it has to register."""
        renewal = peer.registry.renew(*key, self.now_ms, dirty)
        if renewal.renewed:
            self.publish(peer, PeerAction.HEARTBEAT, key)
        return renewal.found

    def wait(self, span_ms: int) -> None:
        """Let time pass."""
        self.now_ms += span_ms
        for peer in self.peers.values():
            peer.registry.tick(self.now_ms)

    def links(self, source: str | None, target: str | None) -> Iterator[tuple[Peer, Peer, Outbox]]:
        """Who tells whom, and from which outbox; `None` stands for every peer."""
        for peer in self.peers.values():
            for other, outbox in peer.outboxes.items():
                if source in (None, peer.name) and target in (None, other):
                    yield peer, self.peers[other], outbox

    def deliver(self, source: str | None = None, target: str | None = None) -> list[Event]:
        """Send batches until nothing more can be sent now, answers' consequences included."""
        events: list[Event] = []
        while True:
            fresh = [e for link in self.links(source, target) for e in self._send(*link)]
            if not fresh:
                return events
            events += fresh

    def _send(self, peer: Peer, other: Peer, outbox: Outbox) -> list[Event]:
        tasks, items = [], []
        for task in outbox.take(self.now_ms):
            item = encode(peer.registry, task)
            if item is not None:
                tasks.append(task)
                items.append(item)
        outbox.retain(tasks)
        if not tasks:
            return []
        outcome, replies = self._carry(peer, other, encode_batch(items))
        outbox.settle(outcome, self.now_ms)
        if replies is None:
            what = ", ".join(f"{task.action} {task.app}/{task.id}" for task in tasks)
            return [Event(peer.name, other.name, what, _outcome_text(outcome))]
        return [
            Event(
                peer.name,
                other.name,
                f"{task.action} {task.app}/{task.id}",
                f"{reply.status}{self._act_on_reply(peer, outbox, task, reply)}",
            )
            for task, reply in zip(tasks, replies, strict=True)
        ]

    def _carry(self, peer: Peer, other: Peer, body: bytes) -> tuple[Outcome, list[Reply] | None]:
        """Bring a batch to its receiver and the answer back, or not."""
        trouble = peer.troubles.pop(0) if peer.troubles else None
        if {peer.name, other.name} in self.cuts or trouble is Trouble.REQUEST_LOST:
            return Unreachable("no connection"), None
        if other.overloaded:
            return Congested("overloaded"), None
        replies = [
            apply(other.registry, item, self.now_ms) for item in decode_batch(body, self.now_ms)
        ]
        answer = encode_replies(replies)
        if trouble is Trouble.ANSWER_LOST:
            return Congested("no answer in time"), None
        return Delivered(), decode_replies(answer, self.now_ms)

    def _act_on_reply(self, peer: Peer, outbox: Outbox, task: Task, reply: Reply) -> str:
        """Do what a reply asks for; says what that is."""
        match take_reply(peer.registry, task, reply, self.now_ms):
            case ReplyOutcome.MUST_REGISTER:
                outbox.add(PeerAction.REGISTER, task.app, task.id, self.now_ms, DEFAULT_AGE_MS)
                return f" ({peer.name} will register it there)"
            case ReplyOutcome.ADOPTED:
                return f" ({peer.name} adopts the newer one)"
            case ReplyOutcome.LEFT:
                return f" ({peer.name} has it no more)"
            case ReplyOutcome.NOTHING:
                return ""


def _outcome_text(outcome: Outcome) -> str:
    match outcome:
        case Congested(reason) | Unreachable(reason):
            return reason
        case _:
            return "?"
