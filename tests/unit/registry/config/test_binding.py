import pytest

from eureka_registry.config.binding import find, spring_names


@pytest.mark.parametrize(
    ("name", "setting", "key"),
    [
        ("eureka.server.enable-self-preservation", "self_preservation", ""),
        ("eureka.server.enableSelfPreservation", "self_preservation", ""),
        ("eureka.server.enable_self_preservation", "self_preservation", ""),
        ("EUREKA_SERVER_ENABLE_SELF_PRESERVATION", "self_preservation", ""),
        ("EUREKA_SERVER_ENABLESELFPRESERVATION", "self_preservation", ""),
        ("eureka.enableSelfPreservation", "self_preservation", ""),
        ("eureka.server.retentionTimeInMSInDeltaQueue", "delta_retention_s", ""),
        ("eureka.client.serviceUrl.defaultZone", "peers", "defaultZone"),
        ("eureka.client.service-url.zone-a", "peers", "zone-a"),
        ("eureka.client.service-url[zone.a]", "peers", "zone.a"),
        ("EUREKA_CLIENT_SERVICEURL_DEFAULTZONE", "peers", "DEFAULTZONE"),
        ("EUREKA_CLIENT_SERVICE_URL_DEFAULT_ZONE", "peers", "DEFAULT_ZONE"),
        ("eureka.serviceUrl.default", "peers", "default"),
        ("eureka.client.availability-zones.us-east-1", "zone", "us-east-1"),
        ("eureka.us-east-1.availabilityZones", "zone", "us-east-1"),
        ("eureka.instance.metadata-map.zone", "zone", ""),
        ("eureka.remoteRegion.eu.appWhiteList", "remote_region_applications", "eu"),
        ("SERVER_PORT", "port", ""),
    ],
)
def test_a_property_is_found_however_it_is_spelt(name: str, setting: str, key: str) -> None:
    """Kebab, camel and upper case are one; keys keep their spelling."""
    found = find(name)

    assert found is not None
    assert (found.row.setting, found.key) == (setting, key)


@pytest.mark.parametrize(
    "name",
    [
        "eureka.server.max-threads-for-peer-replication",
        "EUREKA_SERVER_RESPONSECACHEUPDATEINTERVALMS",
        "eureka.instance.metadata-map.zone-of-mine",
        "spring.security.user.password",
    ],
)
def test_properties_without_meaning_are_known(name: str) -> None:
    """So that they are named once instead of being called unknown."""
    found = find(name)

    assert found is not None
    assert not found.row.setting
    assert found.row.reason


@pytest.mark.parametrize(
    "name",
    ["", "eureka", "eureka.client.service-url", "eureka.client.service-urls.x", "eureka.x", "PATH"],
)
def test_other_names_are_not_found(name: str) -> None:
    """A family without a key means nothing."""
    assert find(name) is None


def test_the_page_lists_all_names_of_a_setting() -> None:
    """Spring's first."""
    assert spring_names("port") == ("server.port", "eureka.port")
    assert spring_names("max_body_bytes") == ()
