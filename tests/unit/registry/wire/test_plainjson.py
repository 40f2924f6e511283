"""The short way of reading a registration gives what the lenient one gives, or nothing."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eureka_registry.wire import documents
from eureka_registry.wire.dialects import DEFAULT_CLASS, JSON
from eureka_registry.wire.documents import BadDocument
from eureka_registry.wire.jsoncodec import decode_instance, parse
from eureka_registry.wire.plainjson import plain_instance
from eureka_registry.wire.sharing import (
    shared_center,
    shared_metadata,
    shared_port,
    shared_text,
)

NOW_MS = 1_700_000_000_000

SPRING: dict[str, Any] = {
    "instanceId": "host:app:8080",
    "hostName": "host",
    "app": "App",
    "ipAddr": "10.0.0.1",
    "status": "UP",
    "overriddenStatus": "UNKNOWN",
    "port": {"$": 8080, "@enabled": "true"},
    "securePort": {"$": 443, "@enabled": "false"},
    "countryId": 1,
    "dataCenterInfo": {"@class": DEFAULT_CLASS, "name": "MyOwn"},
    "leaseInfo": {"renewalIntervalInSecs": 30, "durationInSecs": 90},
    "metadata": {"zone": "z1"},
    "homePageUrl": "http://host:8080/",
    "vipAddress": "app",
    "secureVipAddress": "app",
    "isCoordinatingDiscoveryServer": "false",
    "lastUpdatedTimestamp": "1700000000000",
    "lastDirtyTimestamp": "1700000000000",
    "actionType": "ADDED",
}
"""As `EurekaJacksonCodec` writes it."""

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, 2**31 - 1, 2**31 - 2, 2**63 - 1, 2**63 - 2, -1, 1.0, 1.5]),
    st.sampled_from(["", " ", "up", "UP", "DOWN", "Amazon", "MyOwn", "true", "TRUE", "1", "01"]),
    st.sampled_from(
        ["+1", " 7 ", "9" * 18, "9" * 19, "1.5", "\u0661", "1\n", "ADDED", "x", "\x00"]
    ),
    st.text(max_size=5),
    st.sampled_from([{}, [], {"$": 1}, {"@class": "x"}, {"@class": DEFAULT_CLASS}, {"a": None}]),
)
INNER = [
    ("port", "$"), ("port", "@enabled"), ("port", "x"), ("dataCenterInfo", "name"),
    ("dataCenterInfo", "@class"), ("dataCenterInfo", "metadata"), ("metadata", "@class"),
    ("metadata", "k"), ("leaseInfo", "durationInSecs"), ("leaseInfo", "renewalIntervalInSecs"),
    ("leaseInfo", "serviceUpTimestamp"), ("leaseInfo", "other"),
]  # fmt: skip
OUTER = [*SPRING, "sid", "overriddenstatus", "appGroupName", "asgName", "other", "statusPageUrl"]
EDITS = st.lists(
    st.tuples(st.sampled_from([*INNER, *((name, None) for name in OUTER)]), VALUES | st.just(...)),
    max_size=4,
)


def edited(edits: list[tuple[tuple[str, str | None], object]]) -> bytes:
    """Spring's document with some fields of any value, or without them."""
    fields = json.loads(json.dumps(SPRING))
    for (outer, inner), value in edits:
        target, key = (fields, outer) if inner is None else (fields.get(outer), inner)
        if not isinstance(target, dict):
            continue
        if value is ...:
            target.pop(key, None)
        else:
            target[key] = deepcopy(value)  # one may be in several places
    return json.dumps({"instance": fields}).encode()


@settings(max_examples=400)
@given(edits=EDITS)
def test_what_is_read_the_short_way_is_what_the_lenient_one_reads(
    edits: list[tuple[tuple[str, str | None], object]],
) -> None:
    """Whatever stands in whichever field; the short way may decline, but never differ."""
    body = edited(edits)
    plain = plain_instance(body)
    if plain is None:
        return
    root = parse(body)
    assert isinstance(root, dict)
    assert plain == documents.instance(root["instance"], NOW_MS, JSON)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"metadata": {}, "sid": "na", "appGroupName": "group", "asgName": None},
        {"overriddenStatus": ..., "overriddenstatus": "OUT_OF_SERVICE"},
        {"status": "STARTING", "leaseInfo": {}},
    ],
)
def test_javas_documents_take_the_short_way(change: dict[str, object]) -> None:
    """Else nothing is won; Netflix's clients write `overriddenstatus`."""
    body = edited([((name, None), value) for name, value in change.items()])

    assert plain_instance(body) == decode_instance(body, NOW_MS)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"[]", b"null", b'{"instance":{}}', b'{"instance":{},"more":1}', b"\xff",
        b'{"instance":' + b"[" * 100_000, b"\xef\xbb\xbf" + edited([]),
        edited([]).replace(b'"host"', b'"\xff"'),
    ],
)  # fmt: skip
def test_what_is_no_plain_document_is_declined(body: bytes) -> None:
    """And no error comes of it: the lenient way says what is wrong."""
    assert plain_instance(body) is None


def test_bounds_hold_on_the_short_way() -> None:
    """Where a document is read must not matter to what is accepted."""
    with pytest.raises(BadDocument):
        decode_instance(edited([(("instanceId", None), "x" * 5000)]), NOW_MS)
    with pytest.raises(BadDocument):
        decode_instance(edited([(("metadata", "k"), "\x01")]), NOW_MS)


def test_equal_values_of_documents_are_one_object() -> None:
    """Ten thousand documents would hold as many copies of few values: a tenth of the memory."""
    one, other = (decode_instance(edited([]), NOW_MS) for _ in range(2))

    assert one.app is other.app
    assert one.vip_address is other.secure_vip_address
    assert one.port is other.port
    assert one.data_center is other.data_center
    assert one.metadata is other.metadata


def test_values_of_different_metadata_are_one_object() -> None:
    """Some metadata is each instance's own, and its zone is not."""
    one = shared_metadata({"zone": "zone-1", "pod": "a"})
    other = shared_metadata({"zone": "-".join(("zone", "1")), "pod": "b"})

    assert one["zone"] is other["zone"]


def test_what_is_shared_is_bounded() -> None:
    """Strangers may invent names without end, and long ones."""
    long = "x" * 100
    for number in range(20_000):
        shared_text(f"name-{number}")
        shared_port(number, enabled=True)
    many = {f"key-{number}": "value" for number in range(100)}

    assert shared_text(long) is long
    assert shared_metadata(many) is not shared_metadata(many)
    assert shared_metadata({"key": long})["key"] is long
    assert shared_metadata({"key": long}) is not shared_metadata({"key": long})
    assert shared_metadata({long: "value"}) is not shared_metadata({long: "value"})
    assert shared_port.cache_info().currsize <= 4096
    assert shared_center.cache_info().currsize <= 16
