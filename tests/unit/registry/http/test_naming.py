"""Which peer a pod is."""

from __future__ import annotations

from msgspec.structs import replace

from eureka_registry.config.settings import Settings
from eureka_registry.http.naming import Naming
from eureka_registry.http.node import address, hostname, own_instance, own_url
from eureka_registry.peers.discovery import Peer, PeerList

POD = Settings(
    name="configured", hostname="{name}.test", pod_name="eureka-peer-a-1", peers_file="peers.json"
)
ENTRY = Peer("peer2", "http://peer2.prod.svc:8761/eureka/")
NAMES = {"eureka-peer-a-1": "peer2"}


def state(naming: Naming) -> tuple[bool, bool]:
    """Whether it is named, and listed."""
    return naming.named.is_set(), naming.listed.is_set()


def test_settings_name_a_peer_without_pod_or_list() -> None:
    """Nothing is waited for."""
    for settings in (Settings(), replace(POD, peers_file=""), replace(POD, pod_name="")):
        naming = Naming(settings)

        assert state(naming) == (True, True)
        assert naming.first is settings


def test_name_comes_first_and_the_entry_later() -> None:
    """A pod is named before it has an address; its host name is then the setting's."""
    naming = Naming(POD)
    assert naming.first.name == "eureka-peer-a-1"

    named = naming.take(naming.first, PeerList((), 1, NAMES))
    assert state(naming) == (True, False)
    assert (named.name, hostname(named)) == ("peer2", "peer2.test")

    listed = naming.take(named, PeerList((ENTRY,), 2, NAMES))
    assert state(naming) == (True, True)
    assert (hostname(listed), own_url(listed)) == ("peer2.prod.svc", ENTRY.url)


def test_name_is_kept_while_the_entry_is_waited_for() -> None:
    """Others may have heard it."""
    naming = Naming(POD)
    named = naming.take(naming.first, PeerList((), 1, NAMES))

    assert naming.take(named, PeerList((), 2, {"eureka-peer-a-1": "peer9"})).name == "peer2"


def test_list_without_names_leaves_the_configured_one() -> None:
    """It is not a list of pods."""
    naming = Naming(POD)

    assert naming.take(naming.first, PeerList((ENTRY,), 1)).name == "configured"
    assert state(naming) == (True, True)
    assert naming.name == ""


def test_entry_that_comes_too_late_changes_nothing() -> None:
    """Its instance is registered under the host name that it had."""
    naming = Naming(POD)
    named = naming.give_up(naming.take(naming.first, PeerList((), 1, NAMES)))

    assert naming.take(named, PeerList((ENTRY,), 2, NAMES)) is named
    assert naming.problem is None


def test_address_is_the_pods_or_what_it_listens_on() -> None:
    """`*` is no address that anybody could call."""
    everywhere = Settings(host="*", name="peer1")

    assert address(replace(everywhere, ip_address="10.0.0.7")) == "10.0.0.7"
    assert address(everywhere) == "peer1"
    assert address(replace(everywhere, host="10.0.0.8")) == "10.0.0.8"


def test_address_of_ipv6_is_in_brackets_in_urls() -> None:
    """Nobody could tell its port from it otherwise."""
    instance = own_instance(Settings(hostname="fd00::7", ip_address="fd00::7"), 0)

    assert (instance.host_name, instance.ip_addr) == ("fd00::7", "fd00::7")
    assert instance.home_page_url == "http://[fd00::7]:8761/"
    assert instance.health_check_url == "http://[fd00::7]:8763/readyz"
    assert own_url(Settings(hostname="fd00::7")) == "http://[fd00::7]:8761/eureka/"
