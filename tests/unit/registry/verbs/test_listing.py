"""Lists as servers write them."""

from __future__ import annotations

import json

import pytest

from eureka_registry.core.model import LeaseInfo, Port, Status
from eureka_registry.verbs.listing import (
    is_overridden,
    key_of,
    name_of,
    overdue_ms,
    ports_of,
    read_listing,
    renewed_ms,
)
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


def test_instances_are_in_the_order_of_application_and_id() -> None:
    """However the server lists them."""
    applications = [
        {"name": app, "instance": [{**DOCUMENT, "app": app, "instanceId": name} for name in "ba"]}
        for app in ("STOCK", "ORDERS")
    ]

    found = read_listing(
        json.dumps({"applications": {"application": applications}}).encode(), NOW_MS
    )

    assert [name_of(each) for each in found.instances] == [
        *("ORDERS/a", "ORDERS/b", "STOCK/a", "STOCK/b"),
    ]
    assert [*found.by_key] == [key_of(each) for each in found.instances]
    assert found.by_key["STOCK", "b"].app == "STOCK"


@pytest.mark.parametrize(
    ("override", "overridden"), [(Status.UNKNOWN, False), (Status.OUT_OF_SERVICE, True)]
)
def test_an_override_is_what_an_operator_said(override: Status, overridden: bool) -> None:  # noqa: FBT001
    """Without one a document says UNKNOWN."""
    assert is_overridden(instance(overridden_status=override)) is overridden


def test_ports_are_those_in_use() -> None:
    """A document has the number of a port that is off, too."""
    off, on = Port(8080, enabled=False), Port(8443, enabled=True)

    assert ports_of(instance()) == (("http", 8080),)
    assert ports_of(instance(port=off, secure_port=on)) == (("https", 8443),)
    assert ports_of(instance(secure_port=on)) == (("http", 8080), ("https", 8443))


@pytest.mark.parametrize(
    "body", [b"<html>", b"{}", b"[]", b'["application"]', b'{"applications": 1}']
)
def test_another_document_is_no_list(body: bytes) -> None:
    """Many web servers answer 200 to everything."""
    with pytest.raises(BadDocument):
        read_listing(body, NOW_MS)


def test_a_java_servers_renewals_are_in_the_future() -> None:
    """It adds the duration (`Lease.renew`); a moment in the past is taken as it is."""
    java = instance(lease=LeaseInfo(30, 90, 0, NOW_MS + 80_000))
    ours = instance(lease=LeaseInfo(30, 90, 0, NOW_MS - 10_000))

    assert renewed_ms(java, NOW_MS) == renewed_ms(ours, NOW_MS) == NOW_MS - 10_000


@pytest.mark.parametrize(("ahead_ms", "renewed_at_ms"), [(2_000, 2_000), (2_001, -87_999)])
def test_a_renewal_of_this_moment_may_be_ahead_of_the_servers_clock(
    ahead_ms: int, renewed_at_ms: int
) -> None:
    """Its clock is known to the second; what is further ahead has the duration added."""
    just_now = instance(lease=LeaseInfo(30, 90, 0, NOW_MS + ahead_ms))

    assert renewed_ms(just_now, NOW_MS) == NOW_MS + renewed_at_ms


def test_a_renewal_is_overdue_after_one_and_a_half_intervals() -> None:
    """One that says nothing is never."""
    silent = instance(lease=LeaseInfo(30, 90, 0, NOW_MS - 46_000))

    assert overdue_ms(silent, NOW_MS) == 1_000
    assert overdue_ms(silent, NOW_MS - 1_000) == 0
    assert overdue_ms(instance(lease=LeaseInfo()), NOW_MS) == 0
