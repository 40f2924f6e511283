import pytest

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.settings import Settings
from eureka_registry.local.machine import Machine
from eureka_registry.local.sight import dashboard_url, service_url
from eureka_registry.local.springfile import SpringPeer, SpringSource
from eureka_registry.local.springplan import plan_spring

LOOPBACK = {"localhost": "127.0.0.1", "127.0.0.1": "127.0.0.1"}
MACHINE = Machine(LOOPBACK.get, lambda _: True, "/state")
URLS = "eureka.client.service-url.defaultZone"
HOST = "eureka.instance.hostname"


def plan(
    peers: dict[str, dict[str, str]], chosen: list[str] | None = None
) -> tuple[list[Settings], str]:
    """Plan these peers; the lines as one text."""
    listed = [SpringPeer(name, properties) for name, properties in peers.items()]
    found, lines = plan_spring(SpringSource("x.yml", listed, chosen or list(peers), []), MACHINE)
    return found, "\n".join(lines)


def peer(number: int, *others: int, port: int = 8760) -> dict[str, str]:
    """Return the tutorial's properties of `peer<number>`."""
    urls = ",".join(f"http://peer{n}:{port + n}/eureka/" for n in others)
    return {"server.port": str(port + number), HOST: f"peer{number}", URLS: urls}


def test_the_tutorials_peers_find_each_other() -> None:
    """With their own host names, and without /etc/hosts."""
    (one, two), _ = plan({"peer1": peer(1, 2), "peer2": peer(2, 1)})

    assert (one.name, one.hostname, one.port, one.management_port) == ("peer1", "peer1", 8761, 9761)
    assert one.peers == ["http://127.0.0.1:8762/eureka/"]
    assert two.peers == [one.my_url]
    assert one.host == "127.0.0.1"


def test_peers_of_one_port_are_moved_apart() -> None:
    """Files made for containers."""
    same = {URLS: "http://a:8761/eureka/,http://b:8761/eureka/", "server.port": "8761"}
    (a, b), lines = plan({"a": {**same, HOST: "a"}, "b": {**same, HOST: "b"}})

    assert (a.port, b.port) == (8761, 8762)
    assert (a.hostname, b.hostname) == ("a", "b")
    assert a.peers == ["http://127.0.0.1:8762/eureka/"]
    assert b.peers == ["http://127.0.0.1:8761/eureka/"]
    assert "b: port 8761 is a's already" in lines


@pytest.mark.parametrize("written", [{}, {"server.port": "0"}])
def test_a_port_that_is_not_set_is_taken_from_the_urls(written: dict[str, str]) -> None:
    """Else it is 8761, not Spring's 8080."""
    (a, b), lines = plan(
        {"a": {**written, HOST: "a", URLS: "http://b:7002/eureka/"}, "b": {**written, HOST: "b"}}
    )

    assert (a.port, b.port) == (8761, 7002)
    assert "a: no server.port is set (Spring would take 8080), so 8761" in lines


def test_the_context_path_follows_from_file_or_urls() -> None:
    """Both are how people write it."""
    (a, b), _ = plan(
        {
            "a": {
                HOST: "a",
                "server.port": "1111",
                URLS: "http://b:2222/registry/eureka/",
                "server.servlet.context-path": "/own",
            },
            "b": {HOST: "b", "server.port": "2222", URLS: "http://a:1111/eureka/"},
        }
    )

    assert (a.context_path, b.context_path) == ("/own", "/registry")
    assert a.peers == [b.my_url] == ["http://127.0.0.1:2222/registry/eureka/"]
    assert b.peers == [a.my_url] == ["http://127.0.0.1:1111/own/eureka/"]


def test_a_lone_server_lists_nobody() -> None:
    """With `localhost`, its own URL and both switches off, as in every first tutorial."""
    (alone,), lines = plan(
        {
            "peer1": {
                "server.port": "8761",
                HOST: "localhost",
                URLS: "http://localhost:8761/eureka/",
                "eureka.client.register-with-eureka": "false",
                "eureka.client.fetch-registry": "false",
            }
        }
    )

    assert alone.peers == []
    assert not alone.register_with_eureka
    assert not alone.fetch_registry
    assert lines == ""


def test_a_lone_server_without_service_url_lists_nobody() -> None:
    """Spring's default leads to itself, or to nobody."""
    assert plan({"peer1": {"server.port": "8761"}})[0][0].peers == []
    assert plan({"peer1": {"server.port": "8080"}})[0][0].peers == []


def test_one_of_several_can_be_run() -> None:
    """Three terminals, a peer in each; ports are the same as if all ran together."""
    peers = {"peer1": peer(1, 2), "peer2": peer(2, 1), "other": {"server.port": "x"}}
    found, lines = plan(peers, ["peer2"])

    assert [one.name for one in found] == ["peer2"]
    assert found[0].peers == ["http://127.0.0.1:8761/eureka/"]
    assert "other" not in lines


def test_an_alternative_that_does_not_run_takes_no_port() -> None:
    """`dev` and `prod` are the same server."""
    same = {"server.port": "8761", URLS: "http://localhost:8761/eureka/"}
    (prod,), lines = plan({"dev": same, "prod": same}, ["prod"])

    assert prod.port == 8761
    assert lines == ""


def test_addresses_of_other_machines_are_not_listened_on() -> None:
    """They could not be bound here."""
    (one,), lines = plan({"p": {"server.port": "1111", "server.address": "192.0.2.1"}})

    assert one.host == "127.0.0.1"
    assert "address 192.0.2.1 -> 127.0.0.1" in lines
    assert plan({"p": {"server.address": "0.0.0.0"}})[0][0].host == "0.0.0.0"


def test_warnings_and_names_without_meaning_come_once() -> None:
    """Common to all profiles, they are read for each."""
    common = {"eureka.server.response-cache-update-interval-ms": "1", "eureka.server.foo": "1"}
    _, lines = plan({"peer1": {**peer(1, 2), **common}, "peer2": {**peer(2, 1), **common}})

    assert lines.count("response-cache-update-interval-ms") == 1
    assert lines.count("warning: file x.yml: key eureka.server.foo: unknown") == 1


def test_names_can_be_names_of_files_and_differ() -> None:
    """`up` writes a file for each peer."""
    found, _ = plan({"a/b": {"server.port": "1111"}, "a b": {"server.port": "2222"}, "..": {}})

    assert [one.name for one in found] == ["a-b", "a-b~2", "peer"]


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({URLS: "peer2:8762/eureka"}, f"file x.yml: key {URLS}: 'peer2:8762/eureka/' does not"),
        ({URLS: "http://x/,http://b:1/a b/"}, "more than a host"),
        ({URLS: "http://p:8761/a%20b/eureka/"}, "path of the service URLs"),
        ({HOST: "peer1:8761"}, f"file x.yml: key {HOST}: 'peer1:8761' is not a host name"),
        ({HOST: "${HOSTNAME}.eureka"}, "${HOSTNAME} is not known"),
    ],
)
def test_what_cannot_be_is_refused(properties: dict[str, str], said: str) -> None:
    """Naming file and key."""
    with pytest.raises(ConfigurationError) as caught:
        plan({"p": properties})

    assert said in str(caught.value)


def test_peers_on_an_address_of_ipv6_are_reached_there() -> None:
    """With brackets in every URL."""
    address = {"server.address": "::1"}
    (one, two), _ = plan({"peer1": {**peer(1, 2), **address}, "peer2": {**peer(2, 1), **address}})

    assert (one.host, one.my_url) == ("::1", "http://[::1]:8761/eureka/")
    assert two.peers == ["http://[::1]:8761/eureka/"]
    assert service_url(one) == one.my_url
    assert dashboard_url(one) == "http://[::1]:8761/"


def test_a_file_with_texts_that_nobody_filled_runs() -> None:
    """With a line about each."""
    (one,), lines = plan({"peer1": {**peer(1), "spring.application.name": "@project.artifactId@"}})

    assert one.app_name == "EUREKA"
    assert "spring.application.name: @project.artifactId@ is not known here" in lines


def test_files_that_others_would_import_are_named() -> None:
    """They may hold what is missed."""
    _, lines = plan({"peer1": {**peer(1), "spring.config.import": "optional:configserver:"}})

    assert "NOT READ" in lines
    assert "spring.config.import" in lines
