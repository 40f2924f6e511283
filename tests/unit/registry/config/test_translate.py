import pytest

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.translate import checked_url, translate, without_lines


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
    """Protocol 6.1: zones in order, `defaultZone` for those without URLs of their own."""
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
    assert checked_url("http://h/eureka", "x") == "http://h/eureka/"
    with pytest.raises(ConfigurationError, match=r"http://\*\*\*@"):
        checked_url("http://u:secret@:1x/", "x")
