import pytest

from eureka_registry.local.machine import Machine
from eureka_registry.local.wiring import Node, is_loopback, owner, wire

ADDRESSES = {
    "localhost": "127.0.0.1",
    "127.0.0.1": "127.0.0.1",
    "hosts-file": "127.0.1.1",
    "far.example.com": "192.0.2.7",
}
MACHINE = Machine(ADDRESSES.get, lambda _: True, "/state")


def node(name: str, host: str, port: int, *urls: str, runs: bool = True) -> Node:
    """Return a peer that got the port it wanted."""
    return Node(name=name, host_name=host, wanted_port=port, port=port, urls=list(urls), runs=runs)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://peer1:8761/eureka/", 0),
        ("http://PEER1:8761/eureka/", 0),
        ("http://peer1:9999/eureka/", 0),
        ("http://localhost:8762/eureka/", 1),
        ("http://127.0.0.1:8763/eureka/", 2),
        ("http://localhost:8761/eureka/", 0),
        ("http://third:1/eureka/", 2),
        ("http://elsewhere:8761/eureka/", None),
        ("http://localhost:9999/eureka/", None),
    ],
)
def test_a_url_is_the_peers_whose_host_name_it_has(url: str, expected: int | None) -> None:
    """The port decides on `localhost` only; without a host name the profile's name counts."""
    nodes = [
        node("first", "peer1", 8761),
        node("second", "localhost", 8762),
        node("third", "", 8763),
    ]

    assert owner(nodes, url, 1) == expected


def test_the_port_decides_between_peers_of_one_host_name() -> None:
    """A cluster on one real host."""
    nodes = [node("a", "eureka", 1), node("b", "eureka", 2)]

    assert owner(nodes, "http://eureka:2/eureka/", 0) == 1
    assert owner(nodes, "http://eureka:3/eureka/", 0) is None


def test_whoever_could_mean_itself_does() -> None:
    """Two alternatives, `dev` and `prod`, that list themselves on the same port."""
    nodes = [node("dev", "localhost", 8761), node("prod", "localhost", 8761)]

    assert owner(nodes, "http://localhost:8761/eureka/", 1) == 1


def test_names_that_do_not_resolve_lead_here() -> None:
    """The tutorials want /etc/hosts to be edited; here it is not necessary."""
    wiring = wire(
        [node("p1", "peer1", 8761, "http://peer2:8762/eureka/"), node("p2", "peer2", 8762)], MACHINE
    )

    assert wiring.links[0] == [1]
    assert wiring.hosts == ["127.0.0.1", "127.0.0.1"]
    assert "peer2 -> 127.0.0.1:8762 (not resolvable here)" in wiring.lines


def test_names_of_other_machines_lead_here_too() -> None:
    """A production file tried at home must not join production."""
    wiring = wire(
        [
            node("p1", "peer1", 8761, "http://far.example.com:8761/eureka/"),
            node("p2", "far.example.com", 8761),
        ],
        MACHINE,
    )

    assert wiring.links[0] == [1]
    assert wiring.outside[0] == []
    assert wiring.hosts[1] == "127.0.0.1"
    assert "elsewhere it is 192.0.2.7" in wiring.lines[0]


def test_names_from_the_hosts_file_are_kept() -> None:
    """Whoever has edited it sees the names again."""
    wiring = wire(
        [node("p1", "peer1", 1, "http://hosts-file:2/eureka/"), node("p2", "hosts-file", 2)],
        MACHINE,
    )

    assert wiring.hosts[1] == "hosts-file"


def test_a_moved_port_of_this_machine_is_told() -> None:
    """`localhost:8761` may be another peer's port now."""
    moved = Node(name="b", host_name="localhost", wanted_port=1, port=2, urls=[])
    wiring = wire([node("a", "a", 7, "http://localhost:1/eureka/"), moved], MACHINE)

    assert "localhost:1 -> 127.0.0.1:2" in wiring.lines


def test_urls_of_nobody_are_outside_peers() -> None:
    """A Java server that is being replaced; its password stays in the URL and out of the line."""
    url = "http://user:secret@old:8761/eureka"
    wiring = wire([node("p1", "peer1", 8761, url)], MACHINE)

    assert wiring.outside == [[f"{url}/"]]
    assert "old is not resolvable here" in wiring.lines[0]
    assert "secret" not in "".join(wiring.lines)


def test_springs_default_url_is_no_outside_peer() -> None:
    """Nobody wrote it."""
    lone = Node(
        name="p",
        host_name="",
        wanted_port=1,
        port=1,
        urls=["http://localhost:8761/eureka/"],
        implied=True,
    )

    assert wire([lone], MACHINE).outside == [[]]


def test_a_ring_is_kept_and_warned_of() -> None:
    """Replication is one hop: `spring-cloud-netflix#1251`."""
    names = ["a", "b", "c"]
    ring = [
        node(
            name, name, 1 + place, f"http://{names[(place + 1) % 3]}:{1 + (place + 1) % 3}/eureka/"
        )
        for place, name in enumerate(names)
    ]

    wiring = wire(ring, MACHINE)

    assert wiring.links == [[1], [2], [0]]
    gaps = [line for line in wiring.lines if line.startswith("warning: ")]
    assert len(gaps) == 3
    assert gaps[0].startswith("warning: a does not list c: ")


def test_a_full_mesh_is_not_warned_of() -> None:
    """Itself in the list or not."""
    urls = ["http://a:1/eureka/", "http://b:2/eureka/"]
    wiring = wire([node("a", "a", 1, *urls), node("b", "b", 2, *urls)], MACHINE)

    assert wiring.links == [[1], [0]]
    assert not [line for line in wiring.lines if "warning" in line]


def test_one_host_name_works_and_is_explained() -> None:
    """Java ignores the port and takes the other for itself."""
    wiring = wire(
        [
            node("a", "localhost", 1, "http://localhost:2/eureka/"),
            node("b", "localhost", 2, "http://localhost:1/eureka/"),
        ],
        MACHINE,
    )

    assert wiring.links == [[1], [0]]
    assert any("Java would take them for one" in line for line in wiring.lines)


def test_odd_urls_are_explained() -> None:
    """A wrong port, no path, https: read as meant, and told."""
    wiring = wire(
        [node("a", "a", 1, "https://b:9", "http://b:2/registry/eureka/"), node("b", "b", 2)],
        MACHINE,
    )

    assert wiring.links[0] == [1]
    assert wiring.contexts[1] == "/registry"
    said = "\n".join(wiring.lines)
    assert "https://b:9 does not have b's port 2" in said
    assert "has no path" in said
    assert "speak http" in said


def test_peers_that_do_not_run_are_only_led_to() -> None:
    """Their own wiring is another start's business."""
    wiring = wire(
        [node("a", "a", 1, "http://b:2/eureka/"), node("b", "b", 2, "http://x/", runs=False)],
        MACHINE,
    )

    assert wiring.links == [[1], []]
    assert wiring.outside == [[], []]


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", True), ("::1", True), ("192.0.2.1", False), ("x", False), (None, False)],
)
def test_loopback_addresses_are_known(address: str | None, *, expected: bool) -> None:
    """Also those of IPv6."""
    assert is_loopback(address) is expected
