"""Batches between peers (`docs/protocol/replication.md#batch-request`)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.core.model import DataCenter, Instance, PeerAction, Status
from eureka_registry.wire import jsoncodec
from eureka_registry.wire.documents import BadDocument
from eureka_registry.wire.replication import (
    Item,
    Reply,
    decode_replies,
    encode_batch,
    encode_item,
)
from support.batches import decode_batch, encode_replies

NOW = 1_795_000_000_000
DIRTY = 1_795_178_982_000
ID = "host-a:orders:8080"

JAVA = b"""{"replicationList":[
{"appName":"ORDERS","id":"host-a:orders:8080","lastDirtyTimestamp":1795178982000,"status":"UP",
"instanceInfo":{"instanceId":"host-a:orders:8080","hostName":"host-a.example","app":"ORDERS","ipAddr":"10.0.0.5","status":"UP",
"overriddenStatus":"UNKNOWN","port":{"$":8080,"@enabled":"true"},"securePort":{"$":443,"@enabled":"false"},"countryId":1,
"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"},
"leaseInfo":{"renewalIntervalInSecs":30,"durationInSecs":90,"registrationTimestamp":0,"lastRenewalTimestamp":0,"evictionTimestamp":0,"serviceUpTimestamp":0},
"metadata":{"@class":"java.util.Collections$EmptyMap"},"vipAddress":"orders","isCoordinatingDiscoveryServer":"false",
"lastUpdatedTimestamp":"1795179529898","lastDirtyTimestamp":"1795178982000","actionType":"ADDED"},
"action":"Register"},
{"appName":"ORDERS","id":"host-a:orders:8080","lastDirtyTimestamp":1795178982000,"overriddenStatus":"OUT_OF_SERVICE","status":"OUT_OF_SERVICE","action":"Heartbeat"},
{"appName":"ORDERS","id":"host-a:orders:8080","lastDirtyTimestamp":1795178982000,"status":"OUT_OF_SERVICE","action":"StatusUpdate"},
{"appName":"ORDERS","id":"host-a:orders:8080","lastDirtyTimestamp":1795178982000,"status":"UNKNOWN","action":"DeleteStatusOverride"},
{"appName":"ORDERS","id":"host-a:orders:8080","action":"Cancel"}]}"""

INSTANCE = json.loads(JAVA)["replicationList"][0]["instanceInfo"]


def _batch(*entries: object) -> list[Item]:
    return decode_batch(json.dumps({"replicationList": list(entries)}).encode(), NOW)


def _entry(action: str = "Heartbeat", **fields: object) -> dict[str, object]:
    return {"appName": "ORDERS", "id": ID, "action": action} | fields


def _shown() -> Instance:
    return jsoncodec.instance_from(INSTANCE, NOW)


def test_a_java_batch_is_read() -> None:
    """Captured from the original sender: one item of every kind."""
    register, *others = decode_batch(JAVA, NOW)

    assert register == Item(PeerAction.REGISTER, "ORDERS", ID, DIRTY, "UP", None, _shown())
    assert others == [
        Item(PeerAction.HEARTBEAT, "ORDERS", ID, DIRTY, "OUT_OF_SERVICE", Status.OUT_OF_SERVICE),
        Item(PeerAction.STATUS_UPDATE, "ORDERS", ID, DIRTY, "OUT_OF_SERVICE"),
        Item(PeerAction.DELETE_STATUS_OVERRIDE, "ORDERS", ID, DIRTY, "UNKNOWN"),
        Item(PeerAction.CANCEL, "ORDERS", ID),
    ]


def test_a_batch_is_written_as_java_writes_it() -> None:
    """Byte for byte: a Java peer drops a whole batch for one key too many."""
    oos = Status.OUT_OF_SERVICE
    items = [
        encode_item(
            PeerAction.REGISTER,
            "ORDERS",
            ID,
            last_dirty_ms=DIRTY,
            status="UP",
            overridden=oos,
            instance=jsoncodec.encode_instance(_shown()),
        ),
        encode_item(
            PeerAction.HEARTBEAT, "ORDERS", ID, last_dirty_ms=DIRTY, status=oos, overridden=oos
        ),
        encode_item(
            PeerAction.STATUS_UPDATE, "ORDERS", ID, last_dirty_ms=DIRTY, status=oos, overridden=oos
        ),
        encode_item(
            PeerAction.DELETE_STATUS_OVERRIDE, "ORDERS", ID, last_dirty_ms=DIRTY, status="UNKNOWN"
        ),
        encode_item(PeerAction.CANCEL, "ORDERS", ID, last_dirty_ms=DIRTY, status="UP"),
    ]

    assert encode_batch(items) == JAVA.replace(b"\n", b"")
    assert encode_batch([]) == b'{"replicationList":[]}'


@pytest.mark.parametrize("instance", [None, b'{"app":"A"}'])
def test_a_registration_needs_a_document_with_its_lease(instance: bytes | None) -> None:
    """A Java peer silently skips instances without leaseInfo."""
    with pytest.raises(ValueError, match="full document"):
        encode_item(PeerAction.REGISTER, "ORDERS", ID, instance=instance)


def test_half_a_surrogate_pair_in_an_id_does_not_stop_a_batch() -> None:
    """UTF-8 cannot hold it; the item is then for an unknown lease."""
    item = encode_item(PeerAction.HEARTBEAT, "ORDERS", "\ud800", status=Status.UP)

    assert json.loads(item)["id"] == "\ufffd"
    assert json.loads(item)["action"] == "Heartbeat"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"{}", b'{"replicationList":null}', b'{"replicationList":{}}'],
)
def test_a_body_without_a_list_is_refused(body: bytes) -> None:
    """Case 171: Java answers 500 to some of them."""
    with pytest.raises(BadDocument):
        decode_batch(body, NOW)


def test_deep_nesting_is_refused() -> None:
    """No recursion runs out of stack."""
    with pytest.raises(BadDocument):
        decode_batch(b'{"replicationList":' + b"[" * 100_000, NOW)


def test_an_empty_batch_is_nothing_to_do() -> None:
    """Case 170."""
    assert _batch() == []


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (None, "the item is not an object"),
        (_entry("Explode"), "unknown action: 'Explode'"),
        (_entry("heartbeat"), "unknown action: 'heartbeat'"),
        ({"appName": "A", "id": "i"}, "unknown action: None"),
        (_entry(appName=None), "appName or id is missing"),
        (_entry(id=""), "appName or id is missing"),
        (_entry(id={}), "id is not a text"),
        (_entry(lastDirtyTimestamp="x"), "lastDirtyTimestamp is not a number, or too large: 'x'"),
        (_entry(overriddenStatus="bogus"), "unknown overriddenStatus: 'bogus'"),
        (_entry("Register"), "instanceInfo: the instance is not an object"),
        (_entry("Register", instanceInfo={"instance": INSTANCE}), "instanceInfo: app is missing"),
        (
            _entry("Register", instanceInfo=INSTANCE | {"metadata": []}),
            "instanceInfo: metadata is not an object",
        ),
    ],
)
def test_a_bad_item_fails_alone(bad: object, problem: str) -> None:
    """Cases 161 and 172 to 174: Java refuses the whole batch for most of them."""
    before, item, after = _batch(_entry(), bad, _entry("Cancel"))

    assert item.problem == problem
    assert (before.problem, after.problem) == (None, None)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (_entry("Explode"), ("ORDERS", ID)),
        (_entry(overriddenStatus="bogus"), ("ORDERS", ID)),
        (_entry(id={}), ("ORDERS", None)),
        ({"id": "i"}, (None, "i")),
        (None, (None, None)),
    ],
)
def test_a_bad_item_names_its_instance(bad: object, named: tuple[str | None, str | None]) -> None:
    """The log says which one was refused; nobody finds it otherwise."""
    (item,) = _batch(bad)

    assert (item.app, item.id) == named


def test_unknown_keys_are_ignored() -> None:
    """An object under such a key, too."""
    (item,) = _batch(_entry(more={"action": "Cancel"}, instanceInfo=5))

    assert item == Item(PeerAction.HEARTBEAT, "ORDERS", ID)


@pytest.mark.parametrize(("given", "moment"), [(None, None), ("5", 5), (5, 5)])
def test_timestamps_may_be_texts_or_missing(given: object, moment: int | None) -> None:
    """Case 233."""
    (item,) = _batch(_entry(lastDirtyTimestamp=given))

    assert item.last_dirty_ms == moment


def test_a_status_is_handed_on_as_it_came() -> None:
    """Case 234: an unknown one is an error of its item only."""
    (item,) = _batch(_entry("StatusUpdate", status="bogus"))

    assert (item.status, item.problem) == ("bogus", None)


def test_a_peer_may_register_no_more_than_a_client_may() -> None:
    """A control character that a Java peer has let in costs its item, and no other."""
    bad, good = _batch(
        _entry("Register", instanceInfo=INSTANCE | {"metadata": {"k": "\x01"}}),
        _entry("Register", instanceInfo=INSTANCE),
    )

    expected = "instanceInfo: metadata value of key 'k' holds a control character"
    assert (bad.instance, bad.problem) == (None, expected)
    assert good.instance is not None


def test_answers_are_written_as_java_writes_them() -> None:
    """The entity is a bare instance."""
    replies = [Reply(200), Reply(404), Reply(409, _shown())]

    encoded = encode_replies(replies)

    assert encoded == (
        b'{"responseList":[{"statusCode":200},{"statusCode":404},{"statusCode":409,'
        b'"responseEntity":' + jsoncodec.encode_instance(_shown()) + b"}]}"
    )
    assert decode_replies(encoded, NOW) == replies
    assert encode_replies([]) == b'{"responseList":[]}'


@pytest.mark.parametrize("count", [0, 1, 2, 250])
def test_an_answer_of_nothing_but_200_is_read(count: int) -> None:
    """Nearly every answer; it is recognised without reading it item by item."""
    replies = [Reply(200)] * count

    assert decode_replies(encode_replies(replies), NOW) == replies


def test_an_answer_that_is_200_in_other_words_is_read() -> None:
    """Another server may write blanks, further keys and another order."""
    body = b"""{"responseList": [{"statusCode":200},{"statusCode":200, "x":{"statusCode":200}},
        {"statusCode":404}], "y": [{"statusCode":200}]}"""

    assert [reply.status for reply in decode_replies(body, NOW)] == [200, 200, 404]


@pytest.mark.parametrize(
    "body",
    [
        b'{"responseList":[{"statusCode":200}{"statusCode":200}]}',
        b'{"responseList":[{"statusCode":200},{"statusCode":200}',
        b'{"responseList":[{"statusCode":200},]}',
        b'{"responseLisT":[{"statusCode":200},{"statusCode":200}]}',
        b'{"responseList":[{"statusCode":200},{"statusCode":200}]}x',
    ],
)
def test_what_only_looks_like_200_is_refused(body: bytes) -> None:
    """As long as a right one, or made of the same pieces."""
    with pytest.raises(BadDocument):
        decode_replies(body, NOW)


def test_an_entity_that_cannot_be_read_is_none() -> None:
    """The status counts all the same."""
    body = b'{"responseList":[{"statusCode":409,"responseEntity":{"x":1}},{"statusCode":"200"}]}'

    assert decode_replies(body, NOW) == [Reply(409), Reply(200)]


def test_an_answer_without_status_counts_as_an_error() -> None:
    """It keeps its place: answers belong to items by position."""
    body = b'{"responseList":[{},null,{"statusCode":{}},{"statusCode":200}]}'

    assert [reply.status for reply in decode_replies(body, NOW)] == [500, 500, 500, 200]


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"responseList":5}'])
def test_an_answer_that_is_no_list_is_refused(body: bytes) -> None:
    """A proxy's page, for instance."""
    with pytest.raises(BadDocument):
        decode_replies(body, NOW)


def test_amazon_survives_a_round_trip() -> None:
    """Its metadata hold the id of the lease."""
    amazon = Instance(
        host_name="h",
        app="PAY",
        ip_addr="1",
        data_center=DataCenter("Amazon", {"instance-id": "i"}),
    )
    item = encode_item(PeerAction.REGISTER, "PAY", "i", instance=jsoncodec.encode_instance(amazon))

    (read,) = decode_batch(encode_batch([item]), NOW)

    assert read.instance is not None
    assert read.instance.id == "i"


_ODD: st.SearchStrategy[object] = st.sampled_from(
    [None, "", "a", "UP", "ODD", 0, -1, 7, 7.5, 2**62, 2**63, 2**70, True, [], {}, "1795178982000"]
)
_ENTRIES = st.fixed_dictionaries(
    {"action": st.sampled_from([*PeerAction, "heartbeat"]) | _ODD},
    optional={
        "appName": st.just("ORDERS") | _ODD,
        "id": st.just(ID) | _ODD,
        "lastDirtyTimestamp": st.just(DIRTY) | _ODD,
        "status": st.sampled_from(Status) | _ODD,
        "overriddenStatus": st.sampled_from(Status) | _ODD,
        "instanceInfo": st.none() | st.just(INSTANCE),
    },
)


@given(entries=st.lists(_ENTRIES, max_size=3))
def test_what_peers_write_is_read_as_anything_else(entries: list[object]) -> None:
    """A batch without documents has a quicker way, which a key that nobody knows closes."""
    usual = json.dumps({"replicationList": entries, "unknown": 1}).encode()
    try:
        expected: object = decode_batch(usual, NOW)
    except BadDocument:
        expected = BadDocument

    try:
        found: object = _batch(*entries)
    except BadDocument:
        found = BadDocument

    assert found == expected
