"""What the local look-up knows, fetches, and gives."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

import pytest

from eureka_sidecar.core.lookup import (
    MAX_BODY_BYTES,
    MAX_KEPT_BYTES,
    MAX_NAMES,
    Directory,
    TooManyNames,
    Want,
)

if TYPE_CHECKING:
    from eureka_sidecar.core.lookup import Kind


def instance(number: int, **changes: object) -> dict[str, object]:
    """An instance as a registry writes it."""
    return {
        "instanceId": f"orders-{number}",
        "hostName": f"orders-{number}.example",
        "app": "ORDERS",
        "ipAddr": f"10.0.0.{number}",
        "status": "UP",
        "port": {"$": 8080, "@enabled": "true"},
        "securePort": {"$": 8443, "@enabled": "false"},
        "metadata": {"zone": "a"},
        "vipAddress": "orders",
        **changes,
    }


def application(*instances: dict[str, object]) -> bytes:
    """The answer to `apps/ORDERS`."""
    return json.dumps({"application": {"name": "ORDERS", "instance": instances}}).encode()


def applications(*instances: dict[str, object]) -> bytes:
    """The answer to `vips/orders`."""
    inner = [{"name": "ORDERS", "instance": instances}]
    return json.dumps({"applications": {"versions__delta": "-1", "application": inner}}).encode()


def no_chance() -> float:
    """Pauses have their mean length."""
    return 0.5


def directory(*apps: str) -> Directory:
    """One without jitter."""
    return Directory(no_chance, apps)


def filled(*instances: dict[str, object], kind: Kind = "vip") -> Directory:
    """One that knows the vip, or svip, orders."""
    result = directory()
    result.ask(kind, "orders", 0)
    result.keep(kind, "orders", applications(*instances), 0)
    return result


def answer_for_orders(
    known: Directory, zone: str = "", *, secure: bool = False
) -> list[dict[str, object]]:
    """What is served of orders."""
    return [json.loads(each) for each in known.instances("orders", zone, secure=secure)]


def test_instance_is_served_with_what_a_caller_needs() -> None:
    """No caller should have to know how Eureka writes a port."""
    known = filled(instance(1, metadata={"zone": "a", "version": "3"}))

    assert answer_for_orders(known) == [
        {
            "instanceId": "orders-1",
            "app": "ORDERS",
            "host": "10.0.0.1",
            "hostName": "orders-1.example",
            "port": 8080,
            "secure": False,
            "zone": "a",
            "metadata": {"zone": "a", "version": "3"},
            "url": "http://10.0.0.1:8080/",
        }
    ]


@pytest.mark.parametrize("status", ["DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN", "up", None])
def test_only_what_is_up_is_served(status: str | None) -> None:
    """The registry lists all; whoever calls one that is paused undoes the pause."""
    assert [
        each["instanceId"]
        for each in answer_for_orders(filled(instance(1, status=status), instance(2)))
    ] == ["orders-2"]


def test_own_zone_comes_first() -> None:
    """Calls between zones cost money and time; they are better than none."""
    zones = ["b", "a", "c", "a", "b", "a"]
    known = filled(*(instance(n, metadata={"zone": zone}) for n, zone in enumerate(zones)))

    assert [each["zone"] for each in answer_for_orders(known, "a")][:3] == ["a", "a", "a"]
    assert sorted(str(each["zone"]) for each in answer_for_orders(known, "a")[3:]) == [
        "b",
        "b",
        "c",
    ]


def test_instances_without_zone_are_not_preferred_by_who_has_none() -> None:
    """An unknown zone is not a zone that both are in."""
    chance = Random(7)  # noqa: S311 - no secret
    known = Directory(chance.random)
    known.ask("vip", "orders", 0)
    body = applications(instance(1, metadata={}), instance(2), instance(3))
    known.keep("vip", "orders", body, 0)

    first = {answer_for_orders(known)[0]["zone"] for _ in range(50)}

    assert first == {"", "a"}


def test_each_instance_is_first_as_often_as_any_other() -> None:
    """Most callers take the first: without this all calls of a zone go to one instance."""
    chance = Random(7)  # noqa: S311 - no secret
    known = Directory(chance.random)
    known.ask("vip", "orders", 0)
    known.keep("vip", "orders", applications(*(instance(n) for n in range(4))), 0)

    firsts = [answer_for_orders(known, "a")[0]["instanceId"] for _ in range(2_000)]

    assert all(400 < firsts.count(f"orders-{n}") < 600 for n in range(4))


def test_plain_call_of_what_is_only_secure_gets_https() -> None:
    """The only enabled port is the one that answers."""
    only_secure = instance(
        1, port={"$": 8080, "@enabled": "false"}, securePort={"$": "8443", "@enabled": True}
    )

    (place,) = answer_for_orders(filled(only_secure))

    assert (place["port"], place["secure"]) == (8443, True)
    assert place["url"] == "https://orders-1.example:8443/"


def test_secure_call_never_gets_a_plain_port() -> None:
    """Spring's clients have a secure vip also if their secure port is disabled."""
    both = instance(2, securePort={"$": 8443, "@enabled": "true"})
    known = filled(instance(1), both, kind="svip")

    (place,) = answer_for_orders(known, secure=True)

    assert place["url"] == "https://orders-2.example:8443/"
    assert answer_for_orders(known) == []


@pytest.mark.parametrize(
    "port",
    [None, 8080, {}, {"$": "x", "@enabled": "true"}, {"$": 0}, {"$": 70_000}, {"$": [8080]}],
)
def test_instance_without_a_port_is_not_served(port: object) -> None:
    """Nobody can call it."""
    assert answer_for_orders(filled(instance(1, port=port))) == []


def test_address_of_ipv6_has_brackets_in_the_url_only() -> None:
    """A host in brackets cannot be connected to, a URL without cannot be read."""
    (place,) = answer_for_orders(filled(instance(1, ipAddr="fd00::7")))

    assert (place["host"], place["url"]) == ("fd00::7", "http://[fd00::7]:8080/")


def test_mark_of_an_empty_java_map_is_no_metadata() -> None:
    """Java writes `{"@class": "java.util.Collections$EmptyMap"}`."""
    empty = {"@class": "java.util.Collections$EmptyMap"}

    assert answer_for_orders(filled(instance(1, metadata=empty)))[0]["metadata"] == {}


def test_single_instance_without_an_array_is_read() -> None:
    """Servers of before 2014 write one element alone."""
    known = directory()
    known.ask("vip", "orders", 0)
    body = {"applications": {"application": {"name": "ORDERS", "instance": instance(1)}}}
    known.keep("vip", "orders", json.dumps(body).encode(), 0)

    assert len(answer_for_orders(known)) == 1


def test_application_is_kept_as_it_came() -> None:
    """Whoever asks for it reads Eureka's own format, instances that are not UP included."""
    known = directory()
    known.ask("app", "orders", 0)
    body = application(instance(1), instance(2, status="DOWN"))
    known.keep("app", "ORDERS", body, 1_000)

    kept = known.ask("app", "Orders", 4_900)

    assert kept
    assert kept.body == body
    assert kept.hosts == (("orders-1.example", "orders"),)
    assert kept.age_s(4_900) == 3


def test_absent_application_and_empty_vip_are_known() -> None:
    """That there is none is an answer, not a reason to ask the registry each time."""
    known = directory()
    known.ask("app", "gone", 0)
    known.ask("vip", "gone", 0)
    known.take(Want("app", "GONE", "apps/GONE"), 404, b"", 0)
    known.take(Want("vip", "gone", "vips/gone"), 200, applications(), 0)

    absent, empty = known.ask("app", "gone", 1), known.ask("vip", "gone", 1)

    assert absent
    assert absent.body is None
    assert empty
    assert known.instances("gone", "", secure=False) == []


def test_nothing_is_fetched_before_somebody_asks() -> None:
    """A thousand sidecars that fetch for nobody are a thousand clients of the registry."""
    assert directory().due(0) == 30_000


def test_configured_applications_are_fetched_from_the_start_and_for_ever() -> None:
    """A registry may be away when the first call comes, or when the next comes after an hour."""
    known = directory("orders")

    first = known.due(0)
    assert isinstance(first, Want)
    known.keep(first.kind, first.name, None if first.kind == "app" else applications(), 0)
    second = known.due(0)
    assert isinstance(second, Want)

    assert {first.path, second.path} == {"apps/ORDERS", "vips/orders"}
    assert isinstance(known.due(100 * 600_000), Want)


@pytest.mark.parametrize(
    ("kind", "path"), [("app", "apps/ORDERS"), ("vip", "vips/Orders"), ("svip", "svips/Orders")]
)
def test_name_is_fetched_once_somebody_asked(kind: Kind, path: str) -> None:
    """Applications are in upper case in the registry, vips are as they were written."""
    known = directory()

    assert known.ask(kind, "Orders", 5) is None
    want = known.due(5)

    assert isinstance(want, Want)
    assert want.path == path


def test_what_is_asked_for_is_fetched_every_thirty_seconds() -> None:
    """As Java's clients do, with jitter: instances that started together drift apart."""
    known = filled(instance(1))
    assert known.due(0) == 30_000
    early, late = Directory(lambda: 0.0), Directory(lambda: 0.999)
    for each in (early, late):
        each.ask("vip", "orders", 0)
        each.keep("vip", "orders", applications(), 0)

    assert early.due(0) == 24_000
    assert late.due(0) == 35_988


def test_name_that_nobody_asks_for_is_forgotten() -> None:
    """Ten minutes: a batch that is done must not be fetched for as long as the pod lives."""
    known = filled(instance(1))
    known.ask("vip", "orders", 100_000)

    assert isinstance(known.due(699_999), Want)
    assert known.due(700_000) == 730_000
    assert known.instances("orders", "", secure=False) == []


def test_new_name_goes_before_what_is_known() -> None:
    """Somebody waits for it; who has an answer of 30 s can have one of 31 s."""
    known = filled(instance(1))
    known.ask("vip", "users", 50_000)

    want = known.due(50_000)

    assert isinstance(want, Want)
    assert want.name == "users"


@pytest.mark.parametrize("status", [0, 401, 403, 500, 503])
def test_registry_that_is_away_leaves_what_is_known(status: int) -> None:
    """An old address mostly works, none never does."""
    known = filled(instance(1))

    known.take(Want("vip", "orders", "vips/orders"), status, b"", 30_000)

    stale = known.ask("vip", "orders", 40_000)
    assert stale
    assert stale.age_s(40_000) == 40
    assert len(answer_for_orders(known)) == 1
    assert known.due(30_000) == 60_000


def test_vip_is_not_gone_because_of_a_404() -> None:
    """Eureka answers an empty list for it; a 404 is from a proxy, or a wrong path."""
    known = filled(instance(1))

    known.take(Want("vip", "orders", "vips/orders"), 404, b"", 30_000)

    assert len(answer_for_orders(known)) == 1
    assert known.problem("vip", "orders") == "the registry answered 404"


def test_failed_first_fetch_says_why_and_is_repeated_soon() -> None:
    """Nobody can use what is not known: 30 s would be long."""
    known = directory()
    known.ask("vip", "orders", 0)
    known.take(Want("vip", "orders", "vips/orders"), 0, b"", 0)

    assert known.problem("vip", "orders") == "the registry does not answer"
    assert known.due(0) == 5_000


def test_problem_ends_with_the_next_answer() -> None:
    """It would be reported for ever."""
    known = filled(instance(1))
    known.miss("vip", "orders", "the registry does not answer", 0)
    known.keep("vip", "orders", applications(), 1)

    assert known.problem("vip", "orders") == ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<applications/>",
        b"[]",
        b"{}",
        b'"text"',
        b'{"applications": []}',
        b'{"applications": {"application": [1]}}',
        b'{"applications": {"application": [{"name": "A"}]}}',
        b"\xff\xfe\xfd",
        b"[" * 100_000,
        b" " * (MAX_BODY_BYTES + 1),
    ],
)
def test_answer_that_is_none_leaves_what_is_known(body: bytes) -> None:
    """A login page of a proxy with status 200 must not empty the directory, nor end the program."""
    known = filled(instance(1))

    known.keep("vip", "orders", body, 30_000)

    assert "not understood" in known.problem("vip", "orders")
    assert len(answer_for_orders(known)) == 1


def test_answer_to_what_was_forgotten_meanwhile_is_dropped() -> None:
    """It took longer than anybody waited."""
    known = directory()

    known.keep("vip", "orders", applications(instance(1)), 0)
    known.miss("vip", "orders", "the registry does not answer", 0)

    assert known.ask("vip", "orders", 0) is None


def test_names_are_bounded() -> None:
    """A program that counts through names must not fill the pod's memory."""
    known = directory()
    for number in range(MAX_NAMES):
        known.ask("vip", f"name-{number}", 0)

    with pytest.raises(TooManyNames, match="forgotten after 10 minutes"):
        known.ask("vip", "one-more", 599_999)
    known.ask("vip", "name-0", 599_999)

    assert known.ask("vip", "one-more", 600_000) is None


def test_configured_applications_leave_room_for_others() -> None:
    """They are never forgotten; without room each other call would fail for ever."""
    directory(*(f"name-{number}" for number in range(25)))

    with pytest.raises(ValueError, match="at most 25 can be"):
        directory(*(f"name-{number}" for number in range(26)))


def test_memory_of_all_answers_is_bounded() -> None:
    """A hundred names of a megabyte each are more than the pod has."""
    known = directory()
    large = application(instance(1, metadata={"text": "x" * 1_000_000}))
    fitting = MAX_KEPT_BYTES // len(large)
    for number in range(fitting + 1):
        known.ask("app", f"name-{number}", 0)
        known.keep("app", f"NAME-{number}", large, 0)

    assert known.problem("app", f"name-{fitting - 1}") == ""
    assert "too large" in known.problem("app", f"name-{fitting}")

    known.keep("app", "NAME-0", large, 1)
    assert known.problem("app", "name-0") == ""


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a?b", "a#b", "a%2f", "a b", "ä", "a\r\nb", "x" * 256]
)
def test_name_that_could_change_the_path_is_refused(name: str) -> None:
    """It is put into the path of a request that carries the sidecar's credentials."""
    known = directory()

    with pytest.raises(ValueError, match="name"):
        known.ask("vip", name, 0)
    with pytest.raises(ValueError, match="name"):
        directory(name)

    assert known.due(0) == 30_000


@pytest.mark.parametrize("name", ["orders:7001", "orders-v2.shop_eu", "ORDERS", "x" * 255])
def test_names_that_are_in_use_are_accepted(name: str) -> None:
    """Netflix's vips have a port."""
    assert directory().ask("vip", name, 0) is None
