"""Lists as servers write them."""

from __future__ import annotations

import json

import pytest

from eureka_registry.core.model import LeaseInfo
from eureka_registry.verbs.listing import overdue_ms, read_listing, renewed_ms
from eureka_registry.wire.documents import BadDocument
from eureka_registry.wire.jsoncodec import encode_instance
from unit.registry.verbs.held import NOW_MS, instance

DOCUMENT = json.loads(encode_instance(instance()))


def test_all_applications_and_one_are_read() -> None:
    """What cannot be read is left out, and said."""
    broken = {**DOCUMENT, "port": {"$": []}}
    application = {"name": "ORDERS", "instance": [DOCUMENT, broken]}

    every = read_listing(
        json.dumps({"applications": {"application": [application]}}).encode(), NOW_MS
    )
    one = read_listing(json.dumps({"application": application}).encode(), NOW_MS)

    assert every == one
    assert [each.id for each in every.instances] == ["orders-1"]
    assert "ORDERS" in every.problems[0]


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b'{"applications": 1}'])
def test_another_document_is_no_list(body: bytes) -> None:
    """Many web servers answer 200 to everything."""
    with pytest.raises(BadDocument):
        read_listing(body, NOW_MS)


def test_a_java_servers_renewals_are_in_the_future() -> None:
    """It adds the duration (`Lease.renew`); a moment in the past is taken as it is."""
    java = instance(lease=LeaseInfo(30, 90, 0, NOW_MS + 80_000))
    ours = instance(lease=LeaseInfo(30, 90, 0, NOW_MS - 10_000))

    assert renewed_ms(java, NOW_MS) == renewed_ms(ours, NOW_MS) == NOW_MS - 10_000


def test_a_renewal_is_overdue_after_one_and_a_half_intervals() -> None:
    """One that says nothing is never."""
    silent = instance(lease=LeaseInfo(30, 90, 0, NOW_MS - 46_000))

    assert overdue_ms(silent, NOW_MS) == 1_000
    assert overdue_ms(silent, NOW_MS - 1_000) == 0
    assert overdue_ms(instance(lease=LeaseInfo()), NOW_MS) == 0
