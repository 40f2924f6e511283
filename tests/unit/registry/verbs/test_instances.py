"""What `ls` and `get` show of instances."""

from __future__ import annotations

import msgspec

from eureka_registry.core.model import LeaseInfo, Port, Status
from eureka_registry.verbs.instances import instance_table, lines, rows, with_status
from unit.registry.verbs.held import NOW_MS, instance, listing

POD = {"namespace": "shop", "zone": "zone-1", "pod-name": "orders-x"}


def test_rows_show_where_an_instance_is_and_how_old() -> None:
    """Namespace and zone only if one has them."""
    plain = instance_table(listing(instance(), instance(instance_id="b", status=Status.DOWN)))
    pods = instance_table(listing(instance(metadata=POD)))

    assert plain.titles == ("application", "instance", "status", "address", "age")
    assert plain.rows == (
        ("ORDERS", "orders-1", "UP", "10.0.0.1:8080", "60m"),
        ("ORDERS", "b", "DOWN", "10.0.0.1:8080", "60m"),
    )
    assert pods.titles[4:6] == ("namespace", "zone")
    assert pods.rows[0][4:6] == ("shop", "zone-1")


def test_wide_rows_show_leases_and_overrides() -> None:
    """An address of IPv6 is written as in URLs; both ports are shown."""
    shown = instance_table(
        listing(
            instance(
                ip_addr="fd00::1",
                secure_port=Port(8443, enabled=True),
                status=Status.OUT_OF_SERVICE,
                overridden_status=Status.OUT_OF_SERVICE,
            )
        ),
        wide=True,
    )

    found = dict(zip(shown.titles, shown.rows[0], strict=True))
    assert found["address"] == "[fd00::1]:8080, [fd00::1]:8443"
    assert found["host"] == "10.0.0.1"
    assert found["vip"] == "orders"
    assert found["renewed"] == "10s"
    assert found["lease"] == "30s/90s"
    assert found["override"] == "OUT_OF_SERVICE"


def test_columns_that_all_leave_empty_are_left_out() -> None:
    """A document need not say where clients look it up."""
    shown = instance_table(listing(instance(vip_address=None)), wide=True)

    assert shown.titles[3:] == ("address", "age", "host", "renewed", "lease")


def test_cells_of_an_instance_that_says_less_than_another_are_empty() -> None:
    """Columns are there as soon as one instance needs them."""
    bare = instance(vip_address=None)
    shown = instance_table(listing(bare, instance(metadata=POD)), wide=True)

    first, second = (dict(zip(shown.titles, row, strict=True)) for row in shown.rows)
    assert (first["namespace"], first["zone"], first["vip"]) == ("", "", "")
    assert (second["namespace"], second["zone"], second["vip"]) == ("shop", "zone-1", "orders")


def test_programs_get_texts_where_a_document_says_nothing() -> None:
    """They need not tell null from empty."""
    (plain, overridden) = rows(
        listing(
            instance(vip_address=None),
            instance(status=Status.DOWN, overridden_status=Status.DOWN),
        )
    )

    assert (plain.namespace, plain.zone, plain.vip_address, plain.override) == ("", "", "", "")
    assert (overridden.vip_address, overridden.override) == ("orders", "DOWN")


def test_programs_get_numbers_and_names() -> None:
    """A port that is not in use is null."""
    (found,) = msgspec.to_builtins(rows(listing(instance(metadata=POD))))

    assert found["port"] == 8080
    assert found["securePort"] is None
    assert found["override"] == ""
    assert found["zone"] == "zone-1"
    assert found["renewedMs"] == NOW_MS - 10_000


def test_only_some_statuses_are_shown() -> None:
    """In any case of letters."""
    held = listing(instance(), instance(instance_id="b", status=Status.DOWN))

    assert [each.id for each in with_status(held, ["down"]).instances] == ["b"]
    assert len(with_status(held, []).instances) == 2


def test_all_of_an_instance_is_shown() -> None:
    """The first line says what people want to know."""
    shown = instance(
        metadata={**POD, "build": "7"},
        overridden_status=Status.OUT_OF_SERVICE,
        status=Status.OUT_OF_SERVICE,
        home_page_url="http://10.0.0.1:8080/",
    )

    assert [f"{each.about}|{each.text}" for each in lines(shown, NOW_MS)] == [
        "|It is OUT_OF_SERVICE; an operator's override says OUT_OF_SERVICE.",
        "host name|10.0.0.1",
        "address|10.0.0.1",
        "port|8080",
        "vip|orders",
        "namespace|shop",
        "zone|zone-1",
        "home page|http://10.0.0.1:8080/",
        "lease|90 s long, renewal every 30 s promised",
        "registered|2026-11-18T10:06:40Z, 60m ago",
        "renewed|2026-11-18T11:06:30Z, 10s ago",
        "ends|in 80s",
        "first UP|2026-11-18T10:06:40Z, 60m ago",
        "changed|2026-11-18T10:06:40Z, 60m ago",
        "written|2026-11-18T10:06:40Z, 60m ago",
        "data center|MyOwn",
        "metadata|build=7",
        "|namespace=shop",
        "|pod-name=orders-x",
        "|zone=zone-1",
    ]


def test_a_lease_that_is_over_and_a_moment_of_no_clock_are_shown() -> None:
    """Self-preservation keeps such leases; any client may write any moment."""
    lease = LeaseInfo(30, 90, 2**62, NOW_MS - 200_000)
    found = {each.about: each.text for each in lines(instance(lease=lease), NOW_MS)}

    assert found["ends"] == "110s ago, and it is kept; the renewal is 2m35s late"
    assert found["registered"] == f"{2**62} ms"


def test_a_lease_ends_when_its_duration_is_over() -> None:
    """At that moment it is still there; one that was never renewed has no end."""
    ending = LeaseInfo(30, 90, 1, NOW_MS - 90_000)
    never = LeaseInfo(30, 90, 1, 0)

    found = {each.about: each.text for each in lines(instance(lease=ending), NOW_MS)}

    assert found["ends"] == "in 0s; the renewal is 45s late"
    about = [each.about for each in lines(instance(lease=never, data_center=None), NOW_MS)]
    assert not {"ends", "renewed", "data center"} & {*about}
