"""Packs tasks into the body of one request, and reads the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from eureka_registry.core.outbox import Task
from eureka_registry.core.pace import Delivered, Outcome, Unreachable
from eureka_registry.peers.client import Answer
from eureka_registry.wire.fields import BadDocument
from eureka_registry.wire.renewals import decode_renewal_replies, encode_renewals
from eureka_registry.wire.replication import Reply, decode_replies, encode_batch

Others = list[tuple[Task, Reply]]
"""Replies that are no 2xx, each with the task it is about."""


class Room(NamedTuple):
    """The bounds of a request."""

    size: int
    items: int


class Outcomes(NamedTuple):
    """The outcomes of an answer.

    After a `mismatch` it is unknown which reply belongs to which item.
    """

    outcome: Outcome
    others: Others
    mismatch: bool = False


class Packed(NamedTuple):
    """The contents of one request: tasks as items, then those as `renewals`; `later` had no room.

    `size` is that of the body, roughly, in bytes.
    """

    tasks: list[Task]
    items: list[bytes]
    renewals: list[bytes]
    size: int
    later: Sequence[Task] = ()

    def body(self) -> bytes:
        """The body: a batch as Java's servers take it, unless there are short renewals."""
        if self.renewals:
            return encode_renewals(self.renewals, self.items)
        return encode_batch(self.items)

    def read(self, answer: Answer, now_ms: int) -> Outcomes:
        """The meaning of an answer; if it cannot be read, the batch is sent again, as in Java."""
        if answer.body is None:
            return Outcomes(answer.outcome, [])
        try:
            if self.renewals:
                return self._read_short(answer.body, now_ms)
            return self._read(self.tasks, decode_replies(answer.body, now_ms))
        except BadDocument:
            return Outcomes(Unreachable("answer is not a replication answer"), [])

    def _read_short(self, body: bytes, now_ms: int) -> Outcomes:
        count, others, rest = decode_renewal_replies(body, now_ms)
        items = len(self.items)
        outcomes = self._read(self.tasks[:items], decode_replies(rest, now_ms))
        renewed = self.tasks[items:]
        if count != len(renewed) or any(not 0 <= place < count for place, _ in others):
            return Outcomes(Delivered(), [], mismatch=True)
        if outcomes.mismatch:
            return outcomes
        return outcomes._replace(
            others=outcomes.others + [(renewed[n], reply) for n, reply in others]
        )

    def _read(self, tasks: Sequence[Task], replies: Sequence[Reply]) -> Outcomes:
        if len(replies) != len(tasks):  # as Java does: nobody knows which reply is whose
            return Outcomes(Delivered(), [], mismatch=True)
        pairs = zip(tasks, replies, strict=True)
        return Outcomes(Delivered(), [(task, reply) for task, reply in pairs if not _is_ok(reply)])


def pack(
    taken: Sequence[Task],
    short_from: int,
    room: Room,
    encode: Callable[[Task], bytes | None],
    renewal: Callable[[Task], bytes | None],
) -> Packed:
    """Pack as many tasks as have room, at least one; those from `short_from` on in short form.

    Tasks whose lease is gone are left out.
    """
    tasks: list[Task] = []
    items: list[bytes] = []
    renewals: list[bytes] = []
    size = 0
    for number, task in enumerate(taken):
        is_short = number >= short_from
        encoded = renewal(task) if is_short else encode(task)
        if encoded is None:
            continue
        if tasks and (size + len(encoded) > room.size or len(tasks) >= room.items):
            return Packed(tasks, items, renewals, size, taken[number:])
        size += len(encoded)
        tasks.append(task)
        (renewals if is_short else items).append(encoded)
    return Packed(tasks, items, renewals, size)


def _is_ok(reply: Reply) -> bool:
    return 200 <= reply.status < 300  # noqa: PLR2004 - HTTP's own numbers
