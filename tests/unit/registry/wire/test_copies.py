"""Digests and copies: what one peer writes another reads, and nothing else passes for one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.core.limits import (
    COPIED_AT_ONCE,
    COPY_PAGE_BYTES,
    NAME_LENGTH,
    PEERS_SEEN,
)
from eureka_registry.core.model import DataCenter, Instance, Origin, Status
from eureka_registry.core.registry import Registry, Rules
from eureka_registry.wire.copies import (
    Digest,
    Sight,
    decode_digest,
    decode_leases,
    decode_page,
    encode_copy,
    encode_digest,
)
from eureka_registry.wire.documents import BadDocument
from support.instances import instance


def registry() -> Registry:
    """One with two leases, one of them overridden, renewed at 5000 and 7000."""
    held = Registry(Rules(), 0)
    for number in (1, 2):
        held.register(
            Instance(
                instance_id=f"i{number}",
                host_name="h",
                app="A",
                ip_addr="1",
                data_center=DataCenter("MyOwn"),
                metadata={"a_b": "ü"},
                last_dirty_ms=17,
            ),
            Origin.CLIENT,
            4000,
        )
    held.renew("A", "i1", 5000)
    held.set_status("A", "i2", Status.OUT_OF_SERVICE, 7000)
    return held


def encoded_page(held: Registry) -> bytes:
    """A page of all that a registry holds."""
    return encode_copy(held.leases(), "n", "ready", 10_000)[0]


def read(body: bytes, now_ms: int) -> tuple[list[Instance], list[str]]:
    """What a page holds, and what could not be read."""
    return decode_leases(decode_page(body).leases, now_ms)


def test_moments_travel_as_how_long_ago() -> None:
    """The clocks of two machines differ: here by a million seconds."""
    instances, _ = read(encoded_page(registry()), 1_000_010_000)

    moments = [(i.lease.registered_at_ms, i.lease.renewed_at_ms) for i in instances]
    assert moments == [(1_000_004_000, 1_000_005_000), (1_000_004_000, 1_000_007_000)]


def test_a_copied_registry_is_the_same() -> None:
    """Its digests say so; an override comes along."""
    there = registry()
    page = decode_page(encoded_page(there))
    instances, problems = decode_leases(page.leases, 10_000)
    here = Registry(Rules(), 0)
    for each in instances:
        here.copy(each, 10_000)

    assert (page.node, page.stage, page.next, problems) == ("n", "ready", None, [])
    assert here.digest() == there.digest()
    assert here.applications["A"].digest == there.applications["A"].digest
    lease = here.lease("A", "i2")
    assert lease is not None
    assert lease.override is Status.OUT_OF_SERVICE


def large_registry(count: int, size: int) -> Registry:
    """One with so many leases, each with so many characters of metadata."""
    held = Registry(Rules(), 0)
    for number in range(count):
        held.copy(instance(f"i{number:03}", metadata={"k": "v" * size}), 0)
    return held


@pytest.mark.parametrize(
    ("count", "size", "held", "further"),
    [
        (COPIED_AT_ONCE, 0, COPIED_AT_ONCE, None),
        (COPIED_AT_ONCE + 1, 0, COPIED_AT_ONCE, ("ORDERS", f"i{COPIED_AT_ONCE - 1:03}")),
        (3, COPY_PAGE_BYTES // 2, 2, ("ORDERS", "i001")),
        (2, COPY_PAGE_BYTES // 2, 2, None),
        (2, COPY_PAGE_BYTES, 1, ("ORDERS", "i000")),
    ],
    ids=["all", "one more", "large", "two large ones", "one is a page"],
)
def test_a_page_ends_by_number_and_by_size(
    count: int, size: int, held: int, further: tuple[str, str] | None
) -> None:
    """And names its last lease, behind which the next page begins."""
    body, after = encode_copy(large_registry(count, size).leases(), "n", "ready", 0)
    page = decode_page(body)

    assert len(page.leases) == held
    assert page.next == after == further


def test_a_bad_document_costs_only_itself() -> None:
    """And is named."""
    wire = json.loads(encoded_page(registry()))
    wire["leases"][0]["instance"]["leaseInfo"] = []

    instances, problems = read(json.dumps(wire).encode(), 10_000)

    assert [i.id for i in instances] == ["i2"]
    assert problems == ["leaseInfo is not an object"]


@pytest.mark.parametrize(("ago_ms", "moment_ms"), [(-1, 10_000), (-(2**40), 10_000), (2**63, 0)])
def test_a_moment_that_cannot_be_is_moved(ago_ms: int, moment_ms: int) -> None:
    """A negative age would make a lease live too long; Java keeps moments in 64 bits."""
    wire = json.loads(encoded_page(registry()))
    wire["leases"][0] |= {"renewedMsAgo": ago_ms, "registeredMsAgo": ago_ms}

    lease = read(json.dumps(wire).encode(), 10_000)[0][0].lease

    assert (lease.renewed_at_ms, lease.registered_at_ms) == (moment_ms, moment_ms)


@pytest.mark.parametrize(
    "names",
    [{"name": "a" * 300}, {"name": "a\nb"}, {"sees": ["b\x1b"]}, {"stage": "\u2028"}],
)
def test_a_digest_whose_names_cannot_be_shown_is_refused(names: dict[str, object]) -> None:
    """They reach logs, dashboards and metrics of all who read it."""
    sight = {"available": True, "lagMs": 0, "backlog": 0, "agreement": "agreed"}
    wire = json.loads(encode_digest(Digest("n", "p", "ready", {}, 0))) | names
    wire["sees"] = dict.fromkeys(wire["sees"], sight)

    with pytest.raises(BadDocument, match="cannot be shown"):
        decode_digest(json.dumps(wire).encode())


def test_names_and_numbers_of_a_digest_are_bounded() -> None:
    """A peer must not fill logs and dashboards; what is at the bound is taken."""
    sight = Sight(available=True, lag_ms=0, backlog=0, agreement="agreed")

    def read_back(name: str, peers: int) -> Digest:
        seen = {f"peer{number}": sight for number in range(peers)}
        return decode_digest(encode_digest(Digest("n", name, "ready", {}, 0, seen)))

    assert len(read_back("a" * NAME_LENGTH, PEERS_SEEN).sees) == PEERS_SEEN
    with pytest.raises(BadDocument, match="cannot be shown"):
        read_back("a" * (NAME_LENGTH + 1), 0)
    with pytest.raises(BadDocument, match="more than 1000 peers"):
        read_back("a", PEERS_SEEN + 1)


def test_a_peer_of_an_earlier_version_takes_no_short_renewals() -> None:
    """It does not say so; it must be sent Java's items."""
    wire = json.loads(encode_digest(Digest("n", "p", "ready", {}, 0, renewals=True)))
    del wire["renewals"]

    assert not decode_digest(json.dumps(wire).encode()).renewals


def test_a_digest_is_read_as_it_was_written() -> None:
    """With how its writer sees others."""
    sight = Sight(available=False, lag_ms=5, backlog=2, agreement="unknown", why="refused")
    digest = Digest("n", "peer1", "ready", {"A": "00ff"}, 3, {"peer2": sight})

    assert decode_digest(encode_digest(digest)) == digest


def test_later_versions_may_say_more() -> None:
    """A rolling update has peers of two versions."""
    wire = json.loads(encode_digest(Digest("n", "p", "ready", {}, 0)))

    assert decode_digest(json.dumps({**wire, "new": [1]}).encode()).node == "n"


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{}", b"[]", b"null", b"[" * 100_000, b"\xff", b'{"node":1}', b"<html>"),
        b'{"odd":' + b"[" * 100_000,
        b'{"node":"\xff"}',
    ],
)
def test_anything_else_is_refused(body: bytes) -> None:
    """A Java server, or a proxy, may answer anything."""
    with pytest.raises(BadDocument):
        decode_digest(body)
    with pytest.raises(BadDocument):
        decode_page(body)


@given(body=st.binary(max_size=100))
def test_random_bytes_are_refused(body: bytes) -> None:
    """With this error, and no other."""
    for decode in (decode_digest, decode_page):
        with pytest.raises(BadDocument):
            decode(body)
