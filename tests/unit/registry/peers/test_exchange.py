"""What an item of a replication batch does to a registry: cases 159 to 177, 189 and 233 to 236.

Items go through the bytes of the wire in both directions, as they do between peers.
"""

from __future__ import annotations

import json
from typing import Any, Unpack

import pytest

from eureka_registry.core import room
from eureka_registry.core.lease import content_digest
from eureka_registry.core.model import (
    PeerAction,
    Status,
)
from eureka_registry.core.outbox import Task
from eureka_registry.core.registry import Registry, Rules
from eureka_registry.core.room import Room
from eureka_registry.peers.exchange import ReplyOutcome, adopt, apply, take_reply
from eureka_registry.wire import jsoncodec
from eureka_registry.wire.replication import (
    Reply,
    decode_replies,
)
from support.batches import decode_batch, encode_replies
from support.instances import (
    APP,
    DIRTY,
    FullFields,
    holding,
    instance,
    lease,
    registry,
    status,
)

NOW = 50_000
UP, DOWN, OUT, UNKNOWN = Status.UP, Status.DOWN, Status.OUT_OF_SERVICE, Status.UNKNOWN
OK, NOT_FOUND, BROKEN = Reply(200), Reply(404), Reply(500)


def reply_list(held: Registry, *items: object, now_ms: int = NOW) -> list[Reply]:
    """What a registry answers to items as another server writes them."""
    body = json.dumps({"replicationList": items}).encode()
    replies = [apply(held, item, now_ms) for item in decode_batch(body, now_ms)]
    return decode_replies(encode_replies(replies), now_ms)


def item(action: str, **fields: object) -> dict[str, Any]:
    """One item about ORDERS/a."""
    return {"appName": APP, "id": "a", "action": action} | fields


def registration(**fields: Unpack[FullFields]) -> dict[str, Any]:
    """A Register item with such a document."""
    document = instance(**fields)
    return item("Register", instanceInfo=json.loads(jsoncodec.encode_instance(document)))


# -- Receiving: Register


def test_registration_of_a_peer_is_held() -> None:
    """Case 159."""
    held = registry()

    assert reply_list(held, registration()) == [OK]
    assert lease(held).registered_at_ms == NOW


def test_unfit_document_is_answered_200_and_not_held() -> None:
    """Java says so, and its sender would repeat anything else for ever (160)."""
    held = registry()

    assert reply_list(held, registration(host_name="", ip_addr="")) == [OK]
    assert held.size == 0
    assert held.refusals.take(NOW) == ["'ORDERS' 'a': Missing hostname"]


def test_registration_without_room_is_answered_507() -> None:
    """404 would have the sender register it again at once; the log says why peers differ."""
    held = registry(Rules(room=Room(max_instances=0)))

    assert reply_list(held, registration()) == [Reply(507)]
    assert held.refusals.take(NOW) == ["'ORDERS' 'a': this registry holds its 0 instances already"]


def test_document_of_another_application_is_not_held() -> None:
    """Case 236."""
    held = registry()
    foreign = registration()
    foreign["instanceInfo"]["app"] = "OTHER"

    assert reply_list(held, foreign) == [OK]
    assert held.size == 0


def test_registration_without_a_document_fails() -> None:
    """Case 161."""
    assert reply_list(registry(), item("Register")) == [BROKEN]


def test_applications_name_may_be_lower_case() -> None:
    """Case 235."""
    held = registry()

    assert reply_list(held, registration() | {"appName": "orders"}) == [OK]
    assert held.lease(APP, "a") is not None


def test_older_registration_does_not_replace_ours() -> None:
    """Case 177: answered 200 all the same."""
    held = holding(last_dirty_ms=2_000, metadata={"v": "new"})

    assert reply_list(held, registration(last_dirty_ms=1_000)) == [OK]
    assert lease(held).instance.metadata == {"v": "new"}


# -- Receiving: Heartbeat


def test_renewal_of_the_unknown_is_not_found() -> None:
    """The sender then registers it here (162)."""
    assert reply_list(registry(), item("Heartbeat", lastDirtyTimestamp=DIRTY)) == [NOT_FOUND]


def test_renewal_of_what_was_cancelled_here_is_not_asked_to_register() -> None:
    """404 makes the sender register it again, and a cancelled instance would come back."""
    held = holding()
    held.cancel(APP, "a", NOW)

    assert reply_list(held, item("Heartbeat", lastDirtyTimestamp=DIRTY)) == [OK]
    assert held.size == 0


def test_renewal_of_a_newer_version_than_the_cancelled_one_is_not_found() -> None:
    """The client has come back at another peer, and its registration got lost on the way here."""
    held = holding()
    held.cancel(APP, "a", NOW)

    assert reply_list(held, item("Heartbeat", lastDirtyTimestamp=DIRTY + 1)) == [NOT_FOUND]


def test_renewal_of_what_expired_here_is_not_found() -> None:
    """Nobody said goodbye: it lives, and has only lost sight of us."""
    held = holding()
    gone = held.evict(NOW + 90_001, lambda _: None)

    assert len(gone) == 1
    assert reply_list(held, item("Heartbeat", lastDirtyTimestamp=DIRTY)) == [NOT_FOUND]


@pytest.mark.parametrize("stamp", [{"lastDirtyTimestamp": DIRTY}, {"lastDirtyTimestamp": None}, {}])
def test_renewal_renews(stamp: dict[str, Any]) -> None:
    """Cases 163 and 233."""
    held = holding()

    assert reply_list(held, item("Heartbeat", **stamp)) == [OK]
    assert lease(held).renewed_at_ms == NOW


def test_renewal_of_an_older_document_is_answered_with_ours() -> None:
    """Case 164: the sender has missed a registration."""
    held = holding(metadata={"v": "new"})

    (reply,) = reply_list(held, item("Heartbeat", lastDirtyTimestamp=DIRTY - 1))

    assert reply.status == 409
    assert reply.entity is not None
    assert content_digest(reply.entity) == lease(held).digest


def test_renewal_of_a_newer_document_brings_its_override() -> None:
    """Case 165."""
    held = holding()
    newer = item("Heartbeat", lastDirtyTimestamp=DIRTY + 1, overriddenStatus="OUT_OF_SERVICE")

    assert reply_list(held, newer) == [NOT_FOUND]
    assert status(held) == (OUT, OUT)


def test_renewal_of_an_equal_document_brings_no_override() -> None:
    """As in Java: equal timestamps are equal documents; digests find it if they are not."""
    held = holding()
    equal = item("Heartbeat", lastDirtyTimestamp=DIRTY, overriddenStatus="OUT_OF_SERVICE")

    assert reply_list(held, equal) == [OK]
    assert status(held) == (UP, UNKNOWN)


@pytest.mark.parametrize(
    ("told", "reply"),
    [({}, NOT_FOUND), ({"overriddenStatus": "DOWN"}, OK)],
    ids=["the client's", "an operator's"],
)
def test_another_status_of_the_client_asks_for_its_document(
    told: dict[str, str], reply: Reply
) -> None:
    """A registration was lost; but with an override the status is not what the client said."""
    held = holding()
    renewal = item("Heartbeat", lastDirtyTimestamp=DIRTY, status="DOWN", **told)

    assert reply_list(held, renewal) == [reply]


@pytest.mark.parametrize("told", [{"status": "DOWN"}, {"lastDirtyTimestamp": DIRTY + 1}])
def test_renewal_of_a_peer_asks_the_peer_and_not_the_client(told: dict[str, object]) -> None:
    """The peer has the document; the client's next renewal here need not be answered 404."""
    held = holding()

    assert reply_list(held, item("Heartbeat", **{"lastDirtyTimestamp": DIRTY} | told)) == [
        NOT_FOUND
    ]
    assert not lease(held).must_register


def test_renewal_of_an_unknown_status_brings_no_override() -> None:
    """Such an instance was not renewed, its client has to register first."""
    held = holding(status=UNKNOWN)
    newer = item("Heartbeat", lastDirtyTimestamp=DIRTY + 1, overriddenStatus="OUT_OF_SERVICE")

    assert reply_list(held, newer) == [NOT_FOUND]
    assert status(held) == (UNKNOWN, UNKNOWN)


# -- Receiving: Cancel, overrides


def test_cancellation_is_found_once() -> None:
    """Case 166."""
    held = holding()

    assert reply_list(held, item("Cancel"), item("Cancel")) == [OK, NOT_FOUND]


def test_override_of_a_peer_holds() -> None:
    """Case 167."""
    held = holding()
    update = item("StatusUpdate", status="OUT_OF_SERVICE", lastDirtyTimestamp=DIRTY)

    assert reply_list(held, update) == [OK]
    assert status(held) == (OUT, OUT)


@pytest.mark.parametrize("word", ["bogus", "down", "", None])
def test_unknown_status_fails_and_changes_nothing(word: str | None) -> None:
    """Case 234."""
    held = holding()

    assert reply_list(held, item("StatusUpdate", status=word)) == [BROKEN]
    assert status(held) == (UP, UNKNOWN)


def test_override_of_the_unknown_is_not_found() -> None:
    """Nothing to override."""
    clear = item("DeleteStatusOverride", lastDirtyTimestamp=1)

    assert reply_list(registry(), item("StatusUpdate", status="DOWN"), clear) == [
        NOT_FOUND,
        NOT_FOUND,
    ]


@pytest.mark.parametrize("action", ["StatusUpdate", "DeleteStatusOverride"])
def test_moment_of_a_peers_override_is_not_known(action: str) -> None:
    """The later change wins a conflict: one told late must not look like the latest."""
    held = holding()
    held.set_status(APP, "a", OUT, 1)
    before = lease(held).instance.last_updated_ms

    told = item(action, status="DOWN", lastDirtyTimestamp=DIRTY)

    assert reply_list(held, told) == [OK]
    assert status(held)[0] is DOWN
    assert lease(held).instance.last_updated_ms == before


@pytest.mark.parametrize(("given", "after"), [({"status": "UP"}, UP), ({}, UNKNOWN)])
def test_cleared_override_leaves_the_status_told(given: dict[str, str], after: Status) -> None:
    """Case 168; without a status it is UNKNOWN, as over HTTP."""
    held = holding()
    held.set_status(APP, "a", OUT, 1)
    clear = item("DeleteStatusOverride", lastDirtyTimestamp=DIRTY, **given)

    assert reply_list(held, clear) == [OK]
    assert status(held) == (after, UNKNOWN)


@pytest.mark.parametrize("fields", [{"status": "UP"}, {"status": "bogus", "lastDirtyTimestamp": 1}])
def test_clearing_needs_a_timestamp_and_a_true_status(fields: dict[str, Any]) -> None:
    """Case 169: Java's receiver throws."""
    held = holding()
    held.set_status(APP, "a", OUT, 1)

    assert reply_list(held, item("DeleteStatusOverride", **fields)) == [BROKEN]
    assert status(held) == (OUT, OUT)


# -- Receiving: broken items


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"action": "Cancel"},
        {"action": "Cancel", "appName": APP},
        {"appName": APP, "id": "a"},
        {"appName": APP, "id": "a", "action": "Explode"},
        7,
    ],
)
def test_broken_item_fails_alone(broken: object) -> None:
    """Java refuses the whole batch for some of these; two good items then are lost (173, 174)."""
    held = holding()

    replies = reply_list(held, item("Heartbeat"), broken, item("Cancel"))

    assert replies == [OK, BROKEN, OK]


def test_item_with_a_problem_is_counted_and_named() -> None:
    """Peers differ for as long as it is refused."""
    held = registry()

    assert reply_list(held, item("Heartbeat", overriddenStatus="ODD")) == [BROKEN]
    assert held.refusals.total == 1
    assert held.refusals.take(NOW) == ["'ORDERS' 'a': unknown overriddenStatus: 'ODD'"]


# -- Adopting


def test_a_peers_newer_document_is_adopted_with_its_override() -> None:
    """Case 189."""
    held = holding()
    newer = instance(last_dirty_ms=2_000, status=OUT, overridden_status=OUT, metadata={"v": "new"})

    assert adopt(held, newer, NOW)
    assert status(held) == (OUT, OUT)
    assert lease(held).instance.metadata == {"v": "new"}
    assert lease(held).instance.last_dirty_ms == 2_000


def test_adopting_replaces_an_override_of_ours() -> None:
    """`storeOverriddenStatusIfRequired`: the newer document's holds."""
    held = holding()
    held.set_status(APP, "a", DOWN, 1)
    adopt(held, instance(last_dirty_ms=2_000, status=OUT, overridden_status=OUT), NOW)

    assert status(held)[1] is OUT


def test_unfit_document_is_not_adopted() -> None:
    """A broken peer must not break this one."""
    held = holding()

    assert not adopt(held, instance(last_dirty_ms=2_000, ip_addr=""), NOW)
    assert lease(held).instance.last_dirty_ms == DIRTY


def test_a_lease_that_ended_meanwhile_is_not_brought_back() -> None:
    """Its client cancelled while the answer was under way; Java has a zombie then."""
    held = holding()
    held.cancel(APP, "a", 1)

    assert not adopt(held, instance(last_dirty_ms=2_000), NOW)
    assert held.size == 0


def test_larger_document_without_room_is_not_adopted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is its override: the two belong together."""
    monkeypatch.setattr(room, "MIN_REGISTRY_BYTES", 1_000)
    monkeypatch.setattr(room, "MEAN_INSTANCE_BYTES", 1_000)
    held = registry(Rules(room=Room(max_instances=1)))
    held.copy(instance(), 0)
    large = instance(
        last_dirty_ms=2_000, status=OUT, overridden_status=OUT, metadata={"k": "v" * 20_000}
    )

    assert not adopt(held, large, NOW)
    assert status(held) == (UP, UNKNOWN)


# -- Replies


NEWER = instance(last_dirty_ms=2_000)


@pytest.mark.parametrize(
    ("action", "reply", "outcome"),
    [
        (PeerAction.HEARTBEAT, OK, ReplyOutcome.NOTHING),
        (PeerAction.HEARTBEAT, NOT_FOUND, ReplyOutcome.MUST_REGISTER),
        (PeerAction.REGISTER, NOT_FOUND, ReplyOutcome.NOTHING),
        (PeerAction.STATUS_UPDATE, Reply(409, NEWER), ReplyOutcome.NOTHING),
        (PeerAction.HEARTBEAT, Reply(409), ReplyOutcome.NOTHING),
        (PeerAction.HEARTBEAT, Reply(409, NEWER), ReplyOutcome.ADOPTED),
        (PeerAction.HEARTBEAT, Reply(409, instance(ip_addr="")), ReplyOutcome.LEFT),
        (PeerAction.HEARTBEAT, Reply(409, instance("b")), ReplyOutcome.NOTHING),
        (PeerAction.HEARTBEAT, Reply(409, instance("a", "OTHER")), ReplyOutcome.NOTHING),
    ],
)
def test_only_the_reply_to_a_renewal_asks_for_something(
    action: PeerAction, reply: Reply, outcome: ReplyOutcome
) -> None:
    """And only about the instance that was renewed: a peer must not write what it likes."""
    held = holding()

    assert take_reply(held, Task(action, APP, "a", 0, NOW), reply, NOW) is outcome
    adopted = outcome is ReplyOutcome.ADOPTED
    assert lease(held).instance.last_dirty_ms == (2_000 if adopted else DIRTY)
    assert held.size == 1


def test_reply_about_a_lease_that_ended_meanwhile_is_left() -> None:
    """The client cancelled here while the batch was under way."""
    held = registry()
    task = Task(PeerAction.HEARTBEAT, APP, "a", 0, NOW)

    assert take_reply(held, task, Reply(409, NEWER), NOW) is ReplyOutcome.LEFT
    assert held.size == 0
