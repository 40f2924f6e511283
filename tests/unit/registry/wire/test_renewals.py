"""Short renewals do what Java's items do, and are read as strictly."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eureka_registry.core.limits import RENEWALS_ACCEPTED, REPLIES_BYTES
from eureka_registry.core.model import Instance, PeerAction, Status
from eureka_registry.core.outbox import Task
from eureka_registry.core.registry import Registry
from eureka_registry.peers.exchange import apply, encode, renewal
from eureka_registry.wire.documents import BadDocument
from eureka_registry.wire.renewals import (
    decode_renewal_replies,
    decode_renewals,
    encode_renewal,
    encode_renewal_replies,
    encode_renewals,
)
from eureka_registry.wire.replication import (
    Reply,
    decode_replies,
    encode_batch,
    item,
)
from support.batches import decode_batch, encode_replies
from support.instances import APP, DIRTY, changed, instance, registry

NOW = 50_000
NONE = encode_replies([])
STATUSES = st.sampled_from([Status.UP, Status.DOWN, Status.OUT_OF_SERVICE, Status.UNKNOWN])
OVERRIDES = st.none() | st.sampled_from([Status.DOWN, Status.OUT_OF_SERVICE])
HELD = st.fixed_dictionaries(
    {
        "last_dirty_ms": st.integers(DIRTY - 1, DIRTY + 1),
        "status": STATUSES,
        "overridden_status": st.sampled_from([Status.UNKNOWN, Status.OUT_OF_SERVICE]),
    }
)
PEERS = st.dictionaries(st.sampled_from("abc"), HELD, max_size=3)


def holding(leases: dict[str, dict[str, object]]) -> Registry:
    """A registry with these instances; one of them left lately."""
    held = registry()
    for name, fields in leases.items():
        held.copy(changed(instance(name), **fields), 10_000)
    held.copy(instance("gone"), 10_000)
    held.cancel(APP, "gone", 20_000)
    return held


def state(held: Registry) -> object:
    """All that renewals may change."""
    return [(each.document(), each.override, each.renewed_at_ms) for each in held.leases()]


@given(ours=PEERS, theirs=PEERS)
def test_short_renewals_do_what_items_do(
    ours: dict[str, dict[str, object]], theirs: dict[str, dict[str, object]]
) -> None:
    """The same replies, and the same registry afterwards: 404, 409 with a document, overrides."""
    sender, one, other = holding(ours), holding(theirs), holding(theirs)
    sender.copy(instance("gone"), 10_000)
    tasks = [Task(PeerAction.HEARTBEAT, APP, name, 0, NOW) for name in [*ours, "gone"]]
    items = [item for task in tasks if (item := encode(sender, task)) is not None]
    short = [told for task in tasks if (told := renewal(sender, task)) is not None]

    usual = [apply(one, item, NOW) for item in decode_batch(encode_batch(items), NOW)]
    renewals, rest = decode_renewals(encode_renewals(short, []))
    replied = [apply(other, item, NOW) for item in renewals]

    assert rest == []
    assert state(one) == state(other)
    count, others, _ = decode_renewal_replies(encode_renewal_replies(replied, NONE), NOW)
    replies = [Reply(200)] * count
    for place, reply in others:
        replies[place] = reply
    assert replies == decode_replies(encode_replies(usual), NOW)


def test_items_travel_beside_renewals() -> None:
    """One request at a time keeps the changes of an instance in order."""
    short = [encode_renewal(APP, "é\n", 7, Status.UP, None)]
    items = [b'{"appName":"ORDERS","id":"x","action":"Cancel"}']

    renewals, entries = decode_renewals(encode_renewals(short, items))
    told = [item(entry, NOW, plain=False) for entry in entries]

    assert [(each.id, each.status, each.overridden) for each in renewals] == [("é\n", "UP", None)]
    assert [(each.action, each.id) for each in told] == [(PeerAction.CANCEL, "x")]
    body = encode_renewal_replies([Reply(200)], encode_replies([Reply(404)]))
    count, others, rest = decode_renewal_replies(body, NOW)
    assert (count, others, decode_replies(rest, NOW)) == (1, [], [Reply(404)])


@pytest.mark.parametrize(
    "renewals",
    [
        None,
        {},
        [None],
        [[]],
        [["A", "i", 1, "UP"]],
        [["", "i", 1, "UP", None]],
        [["A", "", 1, "UP", None]],
        [["A", 5, 1, "UP", None]],
        [["A", "i", 2**63, "UP", None]],
        [["A", "i", -(2**63) - 1, "UP", None]],
        [["A", "i", 1e300, "UP", None]],
        [["A", "i", 1, [], None]],
        [["A", "i", 1, "UP", None]] * (RENEWALS_ACCEPTED + 1),
    ],
)
def test_what_is_no_list_of_renewals_is_refused(renewals: object) -> None:
    """Only peers of ours write it, so nothing is tolerated."""
    body = json.dumps({"renewals": renewals, "replicationList": []}).encode()

    with pytest.raises(BadDocument):
        decode_renewals(body)


@given(body=st.binary(max_size=60))
@example(body=b"[" * 100_000)
@example(body=b'{"odd":' + b"[" * 100_000)
def test_anything_else_is_refused(body: bytes) -> None:
    """With this error, and no other."""
    with pytest.raises(BadDocument):
        decode_renewals(body)
    with pytest.raises(BadDocument):
        decode_renewal_replies(body, NOW)


def test_unknown_override_fails_alone() -> None:
    """A later version may have one more; the log names the instance."""
    body = json.dumps(
        {"renewals": [["A", "i", 1, "UP", "ODD"], ["A", "j", 1, "UP", None]], "replicationList": []}
    )

    first, second = decode_renewals(body.encode())[0]

    assert (first.app, first.id) == ("A", "i")
    assert first.problem == "unknown overriddenStatus: 'ODD'"
    assert second.problem is None


@pytest.mark.parametrize("moment", [2**63 - 1, -(2**63)])
def test_every_moment_of_java_is_read(moment: int) -> None:
    """It is a `long`, and clients write what they like."""
    (told,), _ = decode_renewals(
        encode_renewals([encode_renewal("A", "i", moment, Status.UP, None)], [])
    )

    assert told.last_dirty_ms == moment


@pytest.mark.parametrize("entity", ["null", "{}", "5", "[]"])
def test_reply_whose_document_cannot_be_read_has_none(entity: str) -> None:
    """Its status is what the peer said."""
    body = f'{{"renewals":1,"others":[[0,409,{entity}]],"responseList":[]}}'

    assert decode_renewal_replies(body.encode(), NOW)[:2] == (1, [(0, Reply(409))])


def test_newer_documents_are_bounded() -> None:
    """2,000 renewals that are all out of date must not be answered by 2,000 large documents."""
    large: Instance = changed(instance(), metadata={"k": "v" * 200_000})

    body = encode_renewal_replies([Reply(409, large)] * 2_000, NONE)

    assert len(body) < REPLIES_BYTES + 400_000
    _, others, _ = decode_renewal_replies(body, NOW)
    assert {reply.status for _, reply in others} == {409}
    assert others[0][1].entity is not None
    assert others[-1][1].entity is None
