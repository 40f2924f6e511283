"""Which server is asked, and below which path."""

from __future__ import annotations

from eureka_sidecar.core.operations import Operation, Request
from eureka_sidecar.core.servers import Servers, preferred_order

FIVE_MINUTES_MS = 300_000
PODS = [f"orders-7d9f-{number:04}.shop:orders:8080" for number in range(900)]


def test_servers_without_zones_are_tried_as_they_are_listed() -> None:
    """Whoever lists them knows which one is preferred."""
    for pod in PODS[:20]:
        assert preferred_order(["a", "b", "c"], [], "z", pod) == ("a", "b", "c")


def test_each_instance_begins_with_a_server_of_its_own() -> None:
    """Else one peer would have all leases; what has no zone, such as a Service, is the last."""
    orders = [preferred_order(["a", "b", "c", "service"], ["", "", ""], "z", pod) for pod in PODS]

    first = [order[0] for order in orders]
    assert all(240 < first.count(each) < 360 for each in "abc")
    assert {order[3] for order in orders} == {"service"}
    assert {frozenset(order) for order in orders} == {frozenset(("a", "b", "c", "service"))}
    assert orders == [
        preferred_order(["a", "b", "c", "service"], [""] * 3, "z", pod) for pod in PODS
    ]


def test_servers_of_the_own_zone_come_first() -> None:
    """A renewal that stays in its zone costs nothing, and outlives the others."""
    servers, zones = ["a1", "b1", "a2", "b2", "none", "service"], ["a", "b", "a", "b", ""]

    orders = [preferred_order(servers, zones, "b", pod) for pod in PODS[:90]]

    assert {frozenset(order[:2]) for order in orders} == {frozenset(("b1", "b2"))}
    assert {order[0] for order in orders} == {"b1", "b2"}
    assert {frozenset(order[2:5]) for order in orders} == {frozenset(("a1", "a2", "none"))}
    unknown = {preferred_order(servers, zones, "", pod)[0] for pod in PODS[:90]}
    assert unknown == {"a1", "b1", "a2", "b2", "none"}


def test_server_is_kept_until_it_fails() -> None:
    """Java's client does the same: a registry's servers need not agree at any moment."""
    servers = Servers(["/a/", "/b/", "/c/"])
    assert servers.current == 0
    servers.move_on(0)
    assert servers.current == 1
    servers.move_on(0)
    servers.move_on(0)
    assert (servers.current, servers.switches) == (0, 3)


def test_preferred_server_is_tried_again_after_five_minutes() -> None:
    """It is the one in our own zone."""
    servers = Servers(["/a/", "/b/"])
    servers.move_on(1_000)
    servers.return_to_first(1_000 + FIVE_MINUTES_MS - 1)
    assert servers.current == 1
    servers.return_to_first(1_000 + FIVE_MINUTES_MS)
    assert servers.current == 0


def test_base_paths_are_tried_once_and_the_configured_one_comes_back() -> None:
    """Spring's, Netflix's, and none."""
    servers = Servers(["/registry/"])
    tried = []
    while servers.try_next_path(0):
        tried.append(servers.path)

    assert tried == ["/eureka/", "/eureka/v2/", "/v2/", "/"]
    assert servers.path == "/registry/"
    assert not servers.try_next_path(FIVE_MINUTES_MS - 1)
    assert servers.try_next_path(FIVE_MINUTES_MS)


def test_base_path_that_worked_is_kept() -> None:
    """A 404 afterwards is a fault, such as of a gateway that has lost its backend."""
    servers = Servers(["/registry/"])
    servers.try_next_path(0)
    servers.keep_path()

    assert not servers.try_next_path(FIVE_MINUTES_MS)
    assert servers.path == "/eureka/"


def test_removal_asks_first_where_the_lease_is() -> None:
    """Then where a registration may have arrived, then every other server."""
    servers = Servers(["/eureka/", "/eureka/", "/eureka/"])
    servers.mark(_registration(1, "/v2/"), certain=False)
    servers.mark(_registration(2, "/eureka/"), certain=False)
    servers.begin_removal()
    asked = [(servers.current, servers.path)]
    while servers.drop_place():
        asked.append((servers.current, servers.path))

    assert asked == [(2, "/eureka/"), (1, "/v2/"), (0, "/eureka/")]


def test_confirmed_lease_makes_doubtful_places_forgotten() -> None:
    """What the registry confirmed at one server it tells the others."""
    servers = Servers(["/eureka/"])
    servers.mark(_registration(0, "/v2/"), certain=False)
    servers.mark(_registration(0, "/eureka/"), certain=True)
    servers.begin_removal()

    assert servers.path == "/eureka/"
    assert not servers.drop_place()


def test_failed_removal_goes_on_to_the_next_place_and_comes_back() -> None:
    """A server that does not answer has not said that the lease is gone."""
    servers = Servers(["/a/", "/b/"])
    servers.begin_removal()
    servers.move_on(0)
    assert servers.current == 1
    servers.move_on(0)
    assert servers.current == 0


def _registration(server: int, path: str) -> Request:
    return Request(Operation.REGISTER, server, "POST", f"{path}apps/ORDERS")
