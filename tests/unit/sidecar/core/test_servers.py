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


def test_places_of_a_removal_are_asked_in_turn() -> None:
    """In their order, which is not that of the servers, and without a pause for a place twice."""
    servers = Servers(["/a/", "/b/", "/c/"])
    servers.mark(_registration(2, "/c/"), certain=False)
    servers.mark(_registration(2, "/c/"), certain=False)
    servers.begin_removal()
    asked = []
    for _ in range(4):
        asked.append(servers.current)
        servers.move_on(0)

    assert asked == [2, 0, 1, 2]
    assert servers.switches == 0


def test_only_server_stays_as_it_is() -> None:
    """A path that is being tried is not forgotten because the server failed meanwhile."""
    servers = Servers(["/registry/"])
    servers.try_next_path(0)
    servers.move_on(0)

    assert (servers.current, servers.path, servers.switches) == (0, "/eureka/", 0)


def test_path_of_a_server_that_is_left_is_kept_only_if_it_worked() -> None:
    """Else the configured one is tried first when it is asked again."""
    proven, unproven = Servers(["/a/", "/b/"]), Servers(["/a/", "/b/"])
    for servers in (proven, unproven):
        servers.try_next_path(0)
    proven.keep_path()
    for servers in (proven, unproven):
        servers.move_on(0)
        servers.move_on(0)

    assert (proven.path, unproven.path) == ("/eureka/", "/a/")


def test_only_a_change_of_the_server_counts_as_one() -> None:
    """A metric counts them."""
    servers = Servers(["/a/", "/b/"])
    servers.return_to_first(FIVE_MINUTES_MS)
    before = servers.switches
    servers.move_on(1_000)
    servers.return_to_first(1_000 + FIVE_MINUTES_MS)

    assert (before, servers.switches) == (0, 2)


def test_configured_path_is_not_tried_twice() -> None:
    """Nor soon again, whenever it began."""
    servers = Servers(["/eureka/"])
    now_ms = 4_000_000
    tried = []
    while servers.try_next_path(now_ms):
        tried.append(servers.path)

    assert tried == ["/eureka/v2/", "/v2/", "/"]
    assert not servers.try_next_path(now_ms + FIVE_MINUTES_MS - 1)


def _registration(server: int, path: str) -> Request:
    return Request(Operation.REGISTER, server, "POST", f"{path}apps/ORDERS")
