import pytest

from eureka_registry.config.environment import from_environment
from eureka_registry.config.errors import ConfigurationError

SERVICE_LINKS = {
    "EUREKA_PORT": "tcp://10.0.0.1:8761",
    "EUREKA_SERVICE_HOST": "10.0.0.1",
    "EUREKA_SERVICE_PORT": "8761",
    "EUREKA_SERVICE_PORT_HTTP": "8761",
    "EUREKA_PORT_8761_TCP": "tcp://10.0.0.1:8761",
    "EUREKA_PORT_8761_TCP_PROTO": "tcp",
    "EUREKA_PORT_8761_TCP_PORT": "8761",
    "EUREKA_PORT_8761_TCP_ADDR": "10.0.0.1",
    "EUREKA_SERVER_PORT": "tcp://10.0.0.2:8761",
    "EUREKA_SERVER_SERVICE_HOST": "10.0.0.2",
    "SERVER_PORT": "tcp://10.0.0.3:80",
    "OTHER_PORT": "tcp://10.0.0.4:80",
    "OTHER_SERVICE_HOST": "10.0.0.4",
}


def values(environ: dict[str, str]) -> dict[str, object]:
    """Return the values alone."""
    return {name: given.value for name, given in from_environment(environ).values.items()}


def test_our_names_are_read() -> None:
    """Upper case, lists with commas, names and values with equals signs."""
    assert values(
        {
            "EUREKA_SELF_PRESERVATION": "false",
            "EUREKA_PEERS": "http://a:1/eureka/,http://b:2/eureka/",
            "EUREKA_REMOTE_REGIONS": "eu=http://h/eureka/",
            "EUREKA_ZONE": "",
            "PATH": "/bin",
        }
    ) == {
        "self_preservation": False,
        "peers": ["http://a:1/eureka/", "http://b:2/eureka/"],
        "remote_regions": {"eu": "http://h/eureka/"},
    }


def test_springs_names_are_read() -> None:
    """A Deployment of the Java server works with another image."""
    assert values(
        {
            "EUREKA_SERVER_ENABLE_SELF_PRESERVATION": "false",
            "EUREKA_SERVER_EVICTIONINTERVALTIMERINMS": "5000",
            "EUREKA_CLIENT_SERVICEURL_DEFAULTZONE": "http://a:1/eureka",
            "EUREKA_INSTANCE_HOSTNAME": "${HOSTNAME}.eureka",
            "eureka.client.register-with-eureka": "false",
            "HOSTNAME": "eureka-0",
            "SERVER_PORT": "8762",
            "SPRING_APPLICATION_NAME": "eureka-server",
        }
    ) == {
        "self_preservation": False,
        "eviction_interval_s": 5.0,
        "peers": ["http://a:1/eureka/"],
        "hostname": "eureka-0.eureka",
        "register_with_eureka": False,
        "port": 8762,
        "app_name": "EUREKA-SERVER",
    }


def test_our_names_win_over_springs() -> None:
    """They are the more precise ones, and can mend an image that sets Spring's."""
    assert values({"EUREKA_PORT": "1", "SERVER_PORT": "2"}) == {"port": 1}


def test_service_links_are_ignored_with_one_line() -> None:
    """A Service called `eureka` sets EUREKA_PORT, and has broken every Eureka image once."""
    layer = from_environment(SERVICE_LINKS)

    assert layer.values == {}
    assert len(layer.warnings) == 1
    assert "enableServiceLinks: false" in layer.warnings[0]
    assert "EUREKA_PORT_8761_TCP_ADDR" in layer.warnings[0]
    assert "OTHER" not in layer.warnings[0]


def test_unknown_names_get_the_nearest_one() -> None:
    """Ours or Spring's; other programs' variables are not our business."""
    layer = from_environment(
        {
            "EUREKA_SELF_PRESERVTION": "false",
            "EUREKA_SERVER_RENAWAL_PERCENT_THRESHOLD": "0.5",
            "EUREKAX": "1",
        }
    )

    assert layer.warnings == [
        (
            "environment EUREKA_SELF_PRESERVTION: unknown, ignored; "
            "did you mean EUREKA_SELF_PRESERVATION?"
        ),
        (
            "environment EUREKA_SERVER_RENAWAL_PERCENT_THRESHOLD: unknown, ignored; "
            "did you mean EUREKA_SERVER_RENEWAL_PERCENT_THRESHOLD?"
        ),
    ]


def test_names_without_meaning_are_listed_once() -> None:
    """Setting Java's cache interval does not make reads stale."""
    layer = from_environment({"EUREKA_SERVER_RESPONSE_CACHE_UPDATE_INTERVAL_MS": "3000"})

    assert layer.values == {}
    assert len(layer.warnings) == 1
    assert "read_only_cache_s" in layer.warnings[0]


@pytest.mark.parametrize(
    ("name", "text"), [("EUREKA_PORT", "x"), ("SERVER_PORT", "x"), ("EUREKA_DRAIN_S", "-1")]
)
def test_a_bad_value_names_its_variable(name: str, text: str) -> None:
    """There may be fifty of them."""
    with pytest.raises(ConfigurationError) as caught:
        from_environment({name: text})

    assert caught.value.source == f"environment {name}"


def test_properties_as_json_win_over_variables() -> None:
    """`SPRING_APPLICATION_JSON`, nested or with dots; our own names win over both."""
    found = from_environment(
        {
            "SPRING_APPLICATION_JSON": '{"server": {"port": 1}, "eureka.instance.hostname":'
            ' "${X}.y", "eureka": {"client": {"fetch-registry": false}}, "other": {"a": [1]}}',
            "X": "x",
            "SERVER_PORT": "2",
            "EUREKA_INSTANCE_HOSTNAME": "z",
            "EUREKA_ZONE": "a",
        }
    )

    values = {name: given.value for name, given in found.values.items()}
    assert values == {"port": 1, "hostname": "x.y", "fetch_registry": False, "zone": "a"}
    assert found.values["port"].source == "environment SPRING_APPLICATION_JSON: key server.port"
    assert found.warnings == []


@pytest.mark.parametrize("text", ["[1]", "{", '{"server": {"port": "x"}}', "[" * 100_000, "1"])
def test_bad_json_is_refused_with_its_variable(text: str) -> None:
    """Spring refuses it, too."""
    with pytest.raises(ConfigurationError, match="environment SPRING_APPLICATION_JSON"):
        from_environment({"SPRING_APPLICATION_JSON": text})


def test_a_variable_that_placeholders_use_is_somebodys_own() -> None:
    """It must not be called unknown."""
    layer = from_environment(
        {"EUREKA_MY_HOST": "a", "EUREKA_INSTANCE_HOSTNAME": "${EUREKA_MY_HOST}.b"}
    )

    assert layer.values["hostname"].value == "a.b"
    assert layer.warnings == []


@pytest.mark.parametrize(
    "name",
    ["SPRING_CONFIG_IMPORT", "SPRING_CONFIG_ADDITIONAL_LOCATION", "SPRING_CONFIG_LOCATION",
     "SPRING_CONFIG_NAME", "SPRING_PROFILES_ACTIVE", "SPRING_CLOUD_CONFIG_URI"],
)  # fmt: skip
def test_what_spring_would_have_read_is_named(name: str) -> None:
    """Settings that are missing without a word cost a day."""
    layer = from_environment({name: "x"})

    assert len(layer.warnings) == 1
    assert name in layer.warnings[0]
