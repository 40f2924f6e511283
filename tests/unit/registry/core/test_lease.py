"""How long a lease lasts, when a renewal is overdue, and what a digest tells apart."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.core.lease import Lease, content, content_digest, is_odd
from eureka_registry.core.model import (
    ActionType,
    DataCenter,
    Instance,
    LeaseInfo,
    Port,
    Status,
)
from support.instances import changed, instance


def test_lease_is_as_long_as_its_document_wishes() -> None:
    """Clients choose their own durations; only documents without one get 90 s (case 39)."""
    lease = Lease(instance(duration_s=45, interval_s=5), 1_000)

    assert lease.ends_at_ms(java=False) == 46_000
    assert (lease.duration_ms, lease.interval_ms) == (45_000, 5_000)


def test_renewed_lease_lasts_one_duration() -> None:
    """Java's counts the duration twice, so that dead instances are listed for three minutes."""
    lease = Lease(instance(), 0)
    lease.renewed_at_ms = 30_000

    assert lease.ends_at_ms(java=False) == 120_000


def test_java_counts_the_duration_of_a_renewed_lease_twice() -> None:
    """`Lease.renew` and `Lease.isExpired` both add it (case 142)."""
    lease = Lease(instance(), 0)
    never_renewed = lease.ends_at_ms(java=True)
    lease.renewed_at_ms = 30_000

    assert never_renewed == 90_000
    assert lease.ends_at_ms(java=True) == 30_000 + 180_000


@pytest.mark.parametrize(("wished_s", "counted_s"), [(-5, 1), (0, 1), (1, 1), (86_400, 86_400)])
def test_lengths_within_a_day_count_as_they_are(wished_s: int, counted_s: int) -> None:
    """Nothing that clients really send is changed."""
    lease = Lease(instance(duration_s=wished_s, interval_s=wished_s), 0)

    assert (lease.duration_ms, lease.interval_ms) == (counted_s * 1000, counted_s * 1000)
    assert not is_odd(lease.instance.lease)


@pytest.mark.parametrize(("interval_s", "duration_s"), [(30, 2**31 - 1), (2**31 - 1, 90)])
def test_lease_counts_for_a_day_at_most_and_shows_what_was_wished(
    interval_s: int, duration_s: int
) -> None:
    """Java overflows and ends a lease of 68 years at once; digests stay equal."""
    document = instance(interval_s=interval_s, duration_s=duration_s)
    lease = Lease(document, 0)
    lease.renewed_at_ms = 5

    assert max(lease.duration_ms, lease.interval_ms) == 86_400_000
    assert is_odd(document.lease)
    assert lease.info() == msgspec.structs.replace(document.lease, renewed_at_ms=5)


def test_what_is_shown_is_weighed() -> None:
    """Room is given by the size of what is held, and peers compare its digest."""
    lease = Lease(instance(), 0)
    lease.show(instance(metadata={"k": "v" * 1_000}))

    assert lease.digest == content_digest(lease.instance)
    assert 1_000 < lease.bytes == len(content(lease.instance)) < 2_000


@pytest.mark.parametrize(
    ("interval_s", "duration_s", "silent_s", "missing"),
    [
        (30, 90, 60, False),
        (30, 90, 60.001, True),
        (5, 90, 10, False),
        (5, 90, 10.001, True),
        (60, 90, 90, False),
        (60, 90, 90.001, True),
    ],
)
def test_renewal_is_overdue_after_two_intervals_or_the_whole_lease(
    interval_s: int, duration_s: int, silent_s: float, *, missing: bool
) -> None:
    """One lost packet is nothing; but whose lease is over is missing whatever its interval."""
    lease = Lease(instance(interval_s=interval_s, duration_s=duration_s), 0)

    assert lease.is_missing(int(silent_s * 1000)) is missing


def test_document_shows_the_lease_as_it_is_now() -> None:
    """Look-ups of one instance show the last renewal; lists show that of the last change."""
    lease = Lease(instance(), 1_000)
    lease.renewed_at_ms = 31_000
    lease.service_up_at_ms = 2_000

    assert lease.document().lease == LeaseInfo(30, 90, 1_000, 31_000, 0, 2_000)
    assert lease.instance.lease == LeaseInfo(30, 90)


OWN_STAMPS: list[dict[str, Any]] = [
    {"last_updated_ms": 77},
    {"action": ActionType.MODIFIED},
    {"is_coordinating": True},
    {"lease": LeaseInfo(30, 90, 1, 2, 3, 4)},
]


@pytest.mark.parametrize("stamp", OWN_STAMPS, ids=lambda stamp: next(iter(stamp)))
def test_digest_leaves_out_what_each_peer_stamps_by_itself(stamp: dict[str, Any]) -> None:
    """Otherwise two peers that agree would seem to disagree for ever."""
    document = instance()

    assert content_digest(changed(document, **stamp)) == content_digest(document)


VISIBLE: dict[str, Any] = {
    "instance_id": "other",
    "host_name": "other",
    "app": "OTHER",
    "ip_addr": "10.9.9.9",
    "sid": "s",
    "status": Status.DOWN,
    "overridden_status": Status.DOWN,
    "port": Port(1, enabled=True),
    "secure_port": Port(7002, enabled=True),
    "country_id": 2,
    "data_center": DataCenter("Amazon", {"instance-id": "i"}),
    "lease": LeaseInfo(30, 91),
    "metadata": {"k": "v"},
    "app_group_name": "G",
    "home_page_url": "u",
    "status_page_url": "u",
    "health_check_url": "u",
    "secure_health_check_url": "u",
    "vip_address": "v",
    "secure_vip_address": "v",
    "last_dirty_ms": 1_001,
    "asg_name": "g",
}


@pytest.mark.parametrize("field", VISIBLE)
def test_digest_tells_apart_what_clients_see(field: str) -> None:
    """A difference that no digest shows is never repaired."""
    document = instance()

    assert content_digest(changed(document, **{field: VISIBLE[field]})) != content_digest(document)


def test_the_usual_sid_is_no_part_of_the_content() -> None:
    """Peers that know no sid pack 22 fields: of the same document they must have the digest."""
    usual = msgspec.msgpack.decode(content(instance()))
    other = msgspec.msgpack.decode(content(changed(instance(), sid="s")))

    assert len(usual) == 22
    assert other == [*usual, "s"]


def test_every_field_is_either_in_the_digest_or_a_stamp() -> None:
    """A field added to the model must be put on one of the two lists above."""
    stamps = {name for stamp in OWN_STAMPS for name in stamp}

    assert VISIBLE.keys() | stamps == set(Instance.__struct_fields__)


def test_digest_does_not_confuse_neighbouring_texts() -> None:
    """Fields are packed with their lengths, not joined."""
    one = instance(home_page_url="a", status_page_url=None)
    other = instance(home_page_url=None, status_page_url="a")

    assert content_digest(one) != content_digest(other)


@given(st.dictionaries(st.text(), st.text(), max_size=6), st.randoms())
def test_digest_does_not_depend_on_the_order_of_metadata(
    metadata: dict[str, str], random: Random
) -> None:
    """JSON objects have no order, and peers of other make may write them in another."""
    items = list(metadata.items())
    random.shuffle(items)
    center = DataCenter("Amazon", metadata)
    mixed = instance(metadata=dict(items), data_center=DataCenter("Amazon", dict(items)))

    assert content_digest(mixed) == content_digest(instance(metadata=metadata, data_center=center))
