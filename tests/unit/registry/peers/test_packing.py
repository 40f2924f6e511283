"""How much goes into one request, and whose reply is whose."""

from __future__ import annotations

import json

import pytest

from eureka_registry.core.model import PeerAction, Status
from eureka_registry.core.outbox import Task
from eureka_registry.core.pace import Delivered, Outcome, Unreachable
from eureka_registry.peers.client import Answer
from eureka_registry.peers.packing import Outcomes, Packed, Room, pack
from eureka_registry.wire.renewals import encode_renewal
from eureka_registry.wire.replication import encode_item

WIDE = Room(1_000_000, 1_000)


def tasks(*names: str) -> list[Task]:
    """Cancellations of these instances."""
    return [Task(PeerAction.CANCEL, "APP", name, 0, 1) for name in names]


def packed(taken: list[Task], short_from: int = 1_000, room: Room = WIDE) -> Packed:
    """As a sender packs; of those named `gone` nothing is to be told."""
    return pack(
        taken,
        short_from,
        room,
        lambda task: None if task.id == "gone" else encode_item(task.action, task.app, task.id),
        lambda task: (
            None if task.id == "gone" else encode_renewal(task.app, task.id, 1, Status.UP, None)
        ),
    )


def ids(told: list[Task]) -> list[str]:
    """Of whom tasks speak."""
    return [task.id for task in told]


def test_a_body_ends_before_its_bound() -> None:
    """A server may refuse it whole, a cancellation in it included."""
    size = len(encode_item(PeerAction.CANCEL, "APP", "a"))

    found = packed(tasks(*"abc"), room=Room(2 * size, 9))

    assert ids(found.tasks) == ["a", "b"]
    assert ids(list(found.later)) == ["c"]
    assert json.loads(found.body())["replicationList"][1]["id"] == "b"


@pytest.mark.parametrize("short_from", [0, 1, 9])
def test_a_body_holds_no_more_items_than_are_accepted(short_from: int) -> None:
    """A server refuses one with more, whatever its size."""
    found = packed(tasks(*"abc"), short_from=short_from, room=Room(1_000_000, 2))

    assert (ids(found.tasks), ids(list(found.later))) == (["a", "b"], ["c"])


def test_one_item_always_has_room() -> None:
    """Else it would wait for ever; whether it is too large the peer says."""
    found = packed(tasks("gone", *"ab"), room=Room(1, 1))

    assert (ids(found.tasks), ids(list(found.later))) == (["a"], ["b"])


@pytest.mark.parametrize("short_from", [0, 1, 3])
def test_tasks_and_what_is_told_of_them_stand_in_one_order(short_from: int) -> None:
    """Replies are told apart by their places."""
    found = packed(tasks("a", "gone", "b", "c"), short_from=short_from)

    assert ids(found.tasks) == ["a", "b", "c"]
    named = [json.loads(item)["id"] for item in found.items]
    assert named + [json.loads(renewal)[1] for renewal in found.renewals] == ["a", "b", "c"]


def test_batch_without_short_renewals_is_one_that_java_takes() -> None:
    """Its servers refuse a batch for one unknown key."""
    assert [*json.loads(packed(tasks("a")).body())] == ["replicationList"]
    short = json.loads(packed(tasks("a"), short_from=0).body())
    assert (len(short["renewals"]), short["replicationList"]) == (1, [])


@pytest.mark.parametrize(
    ("body", "others", "mismatch"),
    [
        ('{"responseList":[{"statusCode":200},{"statusCode":299}]}', [], False),
        ('{"responseList":[{"statusCode":300},{"statusCode":199}]}', ["a", "b"], False),
        ('{"responseList":[{"statusCode":404}]}', [], True),
        ('{"responseList":[{"statusCode":200},{"statusCode":200},{"statusCode":404}]}', [], True),
    ],
)
def test_replies_of_a_java_peer_are_told_apart(
    body: str,
    others: list[str],
    mismatch: bool,  # noqa: FBT001
) -> None:
    """Those that are no 2xx, by their order."""
    told = packed(tasks(*"ab")).read(Answer(Delivered(), body.encode()), 0)

    assert told.outcome == Delivered()
    assert ids([task for task, _ in told.others]) == others
    assert told.mismatch is mismatch


@pytest.mark.parametrize("short_from", [0, 9])
def test_without_an_answer_there_are_no_replies(short_from: int) -> None:
    """The outcome says why; the batch is sent again."""
    away = Unreachable("connection refused")

    told = packed(tasks("a"), short_from=short_from).read(Answer(away), 0)

    assert told == Outcomes(away, [])


@pytest.mark.parametrize(
    ("body", "outcome", "others"),
    [
        ('{"renewals":2,"others":[],"responseList":[{"statusCode":200}]}', Delivered(), []),
        (
            '{"renewals":2,"others":[[0,404],[1,409]],"responseList":[{"statusCode":500}]}',
            Delivered(),
            [("a", 500), ("b", 404), ("c", 409)],
        ),
        ("{}", Unreachable("answer is not a replication answer"), []),
        ("<html>", Unreachable("answer is not a replication answer"), []),
    ],
)
def test_replies_are_told_apart(body: str, outcome: Outcome, others: list[tuple[str, int]]) -> None:
    """Those to items by their order, those to renewals by the place they name."""
    told = packed(tasks(*"abc"), short_from=1).read(Answer(Delivered(), body.encode()), 0)

    assert told.outcome == outcome
    assert [(task.id, reply.status) for task, reply in told.others] == others
    assert not told.mismatch


@pytest.mark.parametrize(
    "body",
    [
        '{"renewals":1,"others":[],"responseList":[{"statusCode":200}]}',
        '{"renewals":2,"others":[],"responseList":[]}',
        '{"renewals":2,"others":[[2,404]],"responseList":[{"statusCode":200}]}',
        '{"renewals":2,"others":[[-1,404]],"responseList":[{"statusCode":200}]}',
    ],
)
def test_replies_of_another_number_are_ignored(body: str) -> None:
    """Nobody knows which is whose; Java ignores all of them, too."""
    told = packed(tasks(*"abc"), short_from=1).read(Answer(Delivered(), body.encode()), 0)

    assert told.mismatch
    assert told.others == []
