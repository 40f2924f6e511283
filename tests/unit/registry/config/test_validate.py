import pytest
from msgspec.structs import replace

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.settings import Settings
from eureka_registry.config.validate import validate


def test_the_defaults_are_possible() -> None:
    """A peer starts without any configuration."""
    validate(Settings())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"port": 8763}, "port and management_port are both 8763"),
        ({"port": 1, "management_port": 1, "management_host": "0.0.0.0"}, "both 1"),
        ({"peers_file": "x", "peers_dns": "y"}, "both set"),
        ({"peers": ["peer2:8762"]}, "does not begin with http"),
        ({"my_url": "http://:1/"}, "no valid host"),
        ({"remote_regions": {"eu": "x"}}, "does not begin with http"),
        ({"host": ""}, "is empty"),
        ({"host": "http://x"}, "is not a host name"),
        ({"hostname": "peer1:8761"}, "is not a host name"),
        ({"hostname": "{pod}.test"}, "'{pod}.test' is not a host name"),
        ({"hostname": "*"}, "is not a host name"),
        ({"port": 1, "management_port": 1, "management_host": "*"}, "both 1"),
        ({"ip_address": "peer1"}, "'peer1' is not an IP address"),
        ({"peers_dns": "a b"}, "is not a host name"),
        ({"tls_cert": "x"}, "only one of tls_cert and tls_key"),
        ({"tls_client_ca": "x"}, "without tls_cert"),
        ({"tls_port": 8443}, "tls_port is set without tls_cert"),
        ({"tls_cert": "x", "tls_key": "y", "tls_port": 8761}, "tls_port is 8761"),
        ({"tls_cert": "x", "tls_key": "y", "tls_port": 8763}, "tls_port is 8763"),
    ],
)
def test_contradictions_are_refused(changes: dict[str, object], said: str) -> None:
    """Before anything listens."""
    with pytest.raises(ConfigurationError, match=said):
        validate(replace(Settings(), **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"port": 0, "management_port": 0},
        {"port": 1, "management_port": 1, "host": "10.0.0.1", "management_host": "127.0.0.1"},
        {"host": "::", "management_host": "fe80::1%eth0"},
        {"hostname": "eureka-0.eureka_peers"},
        {"hostname": "{name}.prod.svc.cluster.local"},
        {"host": "*", "management_host": "*"},
        {"ip_address": "fd00::7"},
    ],
)
def test_what_can_be_is_let_pass(changes: dict[str, object]) -> None:
    """One port on two addresses, addresses of IPv6, names with underscores."""
    validate(replace(Settings(), **changes))


def test_the_message_says_where_the_values_came_from() -> None:
    """A contradiction has two sources; a default has none."""
    sources = {"port": "flag --port", "management_port": "environment EUREKA_MANAGEMENT_PORT"}
    with pytest.raises(ConfigurationError) as caught:
        validate(replace(Settings(), port=1, management_port=1), sources)
    with pytest.raises(ConfigurationError) as without:
        validate(replace(Settings(), port=1, management_port=1))

    assert caught.value.source == "flag --port and environment EUREKA_MANAGEMENT_PORT"
    assert without.value.source == "setting port and management_port"


def test_passwords_are_not_shown() -> None:
    """Wrong URLs have passwords, too."""
    with pytest.raises(ConfigurationError) as caught:
        validate(replace(Settings(), peers=["ftp://user:secret@peer/"]))

    assert "secret" not in str(caught.value)
