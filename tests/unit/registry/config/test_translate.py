import pytest

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.translate import translate, valid_url, without_lines


def values(**properties: str) -> dict[str, object]:
    """Translate `eureka__server__x` as `eureka.server.x`; the values alone."""
    named = {name.replace("__", ".").replace("_", "-"): text for name, text in properties.items()}
    return {name: given.value for name, given in translate(named, str).values.items()}


def test_units_and_negations_are_turned() -> None:
    """Java counts milliseconds and names a switch by what it disables."""
    assert values(
        eureka__server__eviction_interval_timer_in_ms="60000",
        eureka__server__peer_node_read_timeout_ms="200",
        eureka__server__disable_transparent_fallback_to_other_region="true",
        eureka__server__renewal_percent_threshold="0.49",
    ) == {
        "eviction_interval_s": 60.0,
        "peer_read_timeout_s": 0.2,
        "remote_region_fallback": False,
        "renewal_threshold": 0.49,
    }


def test_the_application_is_named_in_upper_case() -> None:
    """`InstanceInfo.Builder.setAppName` does so, and lookups are in upper case."""
    assert values(spring__application__name="my-eureka") == {"app_name": "MY-EUREKA"}


def test_eurekas_own_application_name_wins() -> None:
    """`eureka.instance.appname` is the nearer one, whatever the order in the file."""
    assert values(eureka__instance__appname="near", spring__application__name="far") == {
        "app_name": "NEAR"
    }


def test_the_context_path_has_no_slash_at_its_end() -> None:
    """Spring refuses one; `/` is how people write none."""
    assert values(server__servlet__context_path="/registry/") == {"context_path": "/registry"}
    assert values(server__servlet__context_path="/") == {"context_path": ""}


def test_empty_values_count_as_not_set() -> None:
    """`port:` in YAML."""
    assert values(server__port=" ") == {}


def test_service_urls_become_peers() -> None:
    """The property every tutorial is about."""
    text = "http://peer2:8762/eureka, http://peer3:8763/eureka/"

    assert values(**{"eureka.client.serviceUrl.defaultZone": text}) == {
        "peers": ["http://peer2:8762/eureka/", "http://peer3:8763/eureka/"]
    }


def test_peers_are_found_by_region_and_zones() -> None:
    """Zones in order, `defaultZone` for those without URLs of their own."""
    assert values(
        **{
            "eureka.client.region": "eu",
            "eureka.client.availability-zones.eu": "zone-a, zone-b,zone-c",
            "eureka.client.service-url.zone-b": "http://b/eureka/",
            "eureka.client.service-url.zone-a": "http://a/eureka/",
            "eureka.client.service-url.defaultZone": "http://d/eureka/,http://a/eureka/",
        }
    ) == {
        "region": "eu",
        "zone": "zone-a",
        "peers": ["http://a/eureka/", "http://b/eureka/", "http://d/eureka/"],
    }


def test_the_metadata_zone_wins_over_the_first_zone() -> None:
    """It is the one that clients read of an instance."""
    assert (
        values(
            **{
                "eureka.instance.metadata-map.zone": "mine",
                "eureka.client.availability-zones.us-east-1": "other",
            }
        )["zone"]
        == "mine"
    )


def test_urls_of_a_zone_that_is_not_used_are_told() -> None:
    """Java passes them over without a word."""
    translation = translate({"eureka.client.service-url.zone-x": "http://x/eureka/"}, str)

    assert translation.values["peers"].value == []
    assert "not used" in translation.warnings[0]


def test_a_misspelt_default_zone_is_read_and_told() -> None:
    """`defaultzone` and `default-zone` silently mean localhost:8761 to Java."""
    translation = translate({"eureka.client.service-url.default-zone": "http://x/eureka/"}, str)

    assert translation.values["peers"].value == ["http://x/eureka/"]
    assert "Java reads no other spelling" in translation.warnings[0]


def test_remote_regions_come_from_maps_and_from_netflixs_list() -> None:
    """Spring has a map, Netflix `name;url,name;url`."""
    expected = {"remote_regions": {"eu": "http://h/eureka/", "us": "http://i/"}}

    assert (
        values(**{"eureka.remoteRegionUrlsWithName": "eu;http://h/eureka,us;http://i"}) == expected
    )
    prefix = "eureka.server.remote-region-urls-with-name"
    assert values(**{f"{prefix}.eu": "http://h/eureka", f"{prefix}.us": "http://i/"}) == expected


def test_names_without_meaning_are_gathered_by_reason() -> None:
    """A line each, not one per property."""
    translation = translate(
        {
            "eureka.server.response-cache-update-interval-ms": "3000",
            "eureka.server.useReadOnlyResponseCache": "false",
            "eureka.server.max-threads-for-peer-replication": "20",
        },
        str,
    )
    lines = without_lines(translation.without)

    assert len(lines) == 2
    assert "reads are never stale; set read_only_cache_s to get Java's" in lines[0]
    assert "useReadOnlyResponseCache" in lines[0]
    assert not translation.values


def test_unknown_eureka_properties_get_the_nearest_name() -> None:
    """`RENAWAL` was in a chart for years; other programs' properties are not our business."""
    translation = translate(
        {"eureka.server.renawal-percent-threshold": "0.5", "logging.level.root": "x"}, str
    )

    assert len(translation.warnings) == 1
    assert "did you mean eureka.server.renewal-percent-threshold?" in translation.warnings[0]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("server.port", "x", "not a whole number"),
        ("eureka.server.eviction-interval-timer-in-ms", "5s", "not a number"),
        ("eureka.instance.hostname", "${HOSTNAME}.eureka", "${HOSTNAME} is not known"),
        ("server.port", "${open", "is not known"),
    ],
)
def test_what_cannot_be_is_refused_with_its_source(name: str, text: str, said: str) -> None:
    """An unfilled placeholder is a missing variable, not a host name."""
    with pytest.raises(ConfigurationError) as caught:
        translate({name: text}, lambda key: f"file x: key {key}")

    assert caught.value.source == f"file x: key {name}"
    assert said in caught.value.problem


def test_a_placeholder_without_meaning_may_stay() -> None:
    """`instance-id: ${random.value}` is in many files."""
    assert values(eureka__instance__instance_id="${random.value}") == {}


def test_service_urls_are_checked() -> None:
    """One place says what a URL must be."""
    assert valid_url("http://h/eureka", "x") == "http://h/eureka/"
    with pytest.raises(ConfigurationError, match=r"http://\*\*\*@"):
        valid_url("http://u:secret@:1x/", "x")


def warnings(name: str, value: str = "x", *, used: tuple[str, ...] = ()) -> list[str]:
    """Translate one property; what is said of it."""
    return translate({name: value}, str, used).warnings


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("eureka.client.service-url", "", "is empty"),
        ("eureka.client.serviceUrl", " ", "is empty"),
        ("eureka.server", "", "is empty"),
        ("eureka.instance", "", "is empty"),
        ("eureka.client.service-url", "http://a/", "only keys below it mean something"),
        ("eureka.client.defaultZone", "x", "did you mean eureka.client.service-url.defaultZone?"),
        ("eureka.defaultZone", "x", "did you mean eureka.client.service-url.defaultZone?"),
        ("eureka.client.hostname", "x", "did you mean eureka.instance.hostname?"),
        ("eureka.instance.register-with-eureka", "x", "did you mean eureka.client.register-with"),
        ("client.service-url.defaultZone", "x", "mean eureka.client.service-url.defaultZone?"),
        ("instance.hostname", "x", "did you mean eureka.instance.hostname?"),
        ("server.enable-self-preservation", "x", "mean eureka.server.enable-self-preservation?"),
        ("spring.application.name", " ", "is blank, so it counts as not set"),
    ],
)
def test_a_key_at_the_wrong_place_is_told_with_its_right_one(
    name: str, value: str, said: str
) -> None:
    """YAML that is indented wrongly; nothing is ever said to be like itself."""
    (line,) = warnings(name, value)

    assert line.startswith(f"{name}: ")
    assert said in line
    assert not line.endswith(f"did you mean {name}?")


@pytest.mark.parametrize("name", ["server.servlet.session.timeout", "client.id", "x", "instance"])
def test_names_of_other_programs_are_nobodys_business(name: str) -> None:
    """A file configures more than Eureka."""
    assert warnings(name) == []


def test_a_property_that_placeholders_use_is_somebodys_own() -> None:
    """Tutorials keep a host name in `eureka.host` and use it in each URL."""
    assert warnings("eureka.my-host", used=("eureka.my-host",)) == []
    assert len(warnings("eureka.my-host")) == 1


@pytest.mark.parametrize("left", ["${VERSION}", "@project.version@", "a-${b.c}", "${", "@x@-1"])
@pytest.mark.parametrize(
    "name",
    ["spring.application.name", "eureka.environment", "eureka.datacenter",
     "eureka.instance.metadata-map.zone"],
)  # fmt: skip
def test_what_is_only_shown_may_stay_unfilled(name: str, left: str) -> None:
    """A line says so, and the default counts."""
    translation = translate({name: left}, str)

    assert translation.values == {}
    assert len(translation.warnings) == 1
    assert "counts as not set" in translation.warnings[0]


@pytest.mark.parametrize("left", ["${X}", "@project.x@"])
@pytest.mark.parametrize(
    "name",
    ["server.port", "server.address", "eureka.instance.hostname", "eureka.server.my-url",
     "eureka.client.service-url.defaultZone", "eureka.client.register-with-eureka"],
)  # fmt: skip
def test_what_a_peer_needs_must_be_filled(name: str, left: str) -> None:
    """The sentence names what is missing."""
    with pytest.raises(ConfigurationError) as caught:
        translate({name: left}, str)

    assert f"{left} is not known here" in caught.value.problem


def test_a_password_with_ats_is_none_of_mavens() -> None:
    """`p@ss@host` is how people write one."""
    url = "http://u:p@ss@peer1:8761/eureka/"

    assert values(**{"eureka.client.serviceUrl.defaultZone": url}) == {"peers": [url]}


@pytest.mark.parametrize("written", ["::", "[::]"])
def test_javas_any_address_of_ipv6_takes_ipv4_too(written: str) -> None:
    """Its sockets are of both kinds; ours are of one each."""
    assert values(server__address=written) == {"host": "*"}


@pytest.mark.parametrize(("written", "path"), [("/", ""), ("/dash/", "/dash"), ("/a/b", "/a/b")])
def test_the_dashboard_may_have_a_path(written: str, path: str) -> None:
    """`eureka.dashboard.path`."""
    assert values(eureka__dashboard__path=written) == {"dashboard_path": path}
