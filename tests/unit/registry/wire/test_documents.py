"""Documents become instances (`docs/protocol/documents.md#fields`)."""

import pytest

from eureka_registry.core.model import ActionType, DataCenter, Instance, LeaseInfo, Port, Status
from eureka_registry.wire.dialects import JSON, XML
from eureka_registry.wire.documents import (
    BadDocument,
    amazon_of_departure,
    brief_amazon,
    envelope,
    instance,
    refuse_unfit,
)

NOW = 1_795_000_000_000
CENTER = {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"}


def _read(**fields: object) -> Instance:
    minimal = {"hostName": "h1", "app": "FOO", "ipAddr": "1.2.3.4", "dataCenterInfo": CENTER}
    return instance(minimal | fields, NOW, JSON)


def test_a_minimal_document_gets_javas_defaults() -> None:
    """Cases 17, 27, 29, 32 and 45."""
    shown = _read()

    assert shown == Instance(
        host_name="h1",
        app="FOO",
        ip_addr="1.2.3.4",
        data_center=DataCenter("MyOwn"),
        last_updated_ms=NOW,
        last_dirty_ms=NOW,
    )
    assert (shown.port, shown.secure_port) == (Port(7001, enabled=True), Port(7002, enabled=False))
    assert shown.id == "h1"


def test_names_of_applications_and_groups_are_upper_case() -> None:
    """Cases 3 and 44."""
    shown = _read(app="foo", appGroupName="grp")

    assert (shown.app, shown.app_group_name) == ("FOO", "GRP")


@pytest.mark.parametrize("app", [None, "missing"])
def test_json_without_app_cannot_be_read(app: str | None) -> None:
    """Case 10; an empty one is for validation, row 9."""
    fields = {"hostName": "h1"} if app else {"hostName": "h1", "app": None}

    with pytest.raises(BadDocument, match="app is missing"):
        instance(fields, NOW, JSON)
    assert _read(app="").app == ""
    assert instance({}, NOW, XML).app == ""


@pytest.mark.parametrize(
    ("given", "port"),
    [
        ({"$": "8080", "@enabled": True}, Port(8080, enabled=True)),
        ({"$": 8080, "@enabled": "True"}, Port(8080, enabled=False)),
        ({"$": 8080}, Port(8080, enabled=True)),
        ({"@enabled": "false"}, Port(7001, enabled=False)),
        ({"$": "x"}, Port(0, enabled=True)),
        ({}, Port(7001, enabled=True)),
        (8080, Port(8080, enabled=True)),
        (None, Port(7001, enabled=True)),
    ],
)
def test_ports(given: object, port: Port) -> None:
    """Cases 23, 24 and 220."""
    assert _read(port=given).port == port


@pytest.mark.parametrize("given", [{"$": 1, "x": 2}, {"$": 2**31}, "8080", True, [], {"$": []}])
def test_ports_that_java_refuses(given: object) -> None:
    """Any other key; above 32 bits."""
    with pytest.raises(BadDocument, match="port"):
        _read(port=given)


def test_a_secure_port_is_off_unless_it_says_so() -> None:
    """Each part has a default of its own."""
    assert _read(securePort={"$": 443}).secure_port == Port(443, enabled=False)


def test_the_last_spelling_of_an_override_wins() -> None:
    """Case 225; py, Steeltoe and fargo write it in lower case, fargo as an empty text."""
    both = {"overriddenStatus": "UP", "overriddenstatus": "DOWN"}

    assert _read(**both).overridden_status is Status.DOWN
    assert _read(**dict(reversed(both.items()))).overridden_status is Status.UP
    assert _read(overriddenStatus="UP", overriddenstatus=None).overridden_status is Status.UP
    assert _read(overriddenstatus="").overridden_status is Status.UNKNOWN


def test_leases_of_no_length_get_the_default() -> None:
    """Cases 38 and 39; arthurhlt's unknown key is ignored."""
    lease = _read(leaseInfo={"durationInSecs": "45", "renewalIntervalInSecs": "5"}).lease
    odd = _read(
        leaseInfo={"durationInSecs": 0, "renewalIntervalInSecs": -1, "evictionDurationInSecs": 9}
    ).lease

    assert lease == LeaseInfo(5, 45)
    assert odd == LeaseInfo(30, 90)


@pytest.mark.parametrize("value", [[], [{}], "x", 5, {"durationInSecs": 2**31}])
def test_leases_that_cannot_be_read_are_refused(value: object) -> None:
    """An array makes a Java thread spin for ever."""
    with pytest.raises(BadDocument):
        _read(leaseInfo=value)


@pytest.mark.parametrize(
    ("dialect", "given", "moment"),
    [
        (JSON, "1795178982000", 1_795_178_982_000),
        (JSON, 1_795_178_982_000, 1_795_178_982_000),
        (JSON, "x", 0),
        (JSON, None, NOW),
        (XML, "x", NOW),
        (XML, "", NOW),
        (XML, "5", 5),
    ],
)
def test_dirty_timestamps(dialect: object, given: object, moment: int) -> None:
    """XML takes the server's time for what is not a number."""
    fields = {"app": "FOO", "lastDirtyTimestamp": given}

    shown = instance(fields, NOW, XML if dialect is XML else JSON)

    assert shown.last_dirty_ms == moment


def test_a_dirty_timestamp_that_is_an_object_is_refused() -> None:
    """Java loses its place there."""
    with pytest.raises(BadDocument):
        _read(lastDirtyTimestamp={})


@pytest.mark.parametrize(
    ("key", "value"),
    [("port", {"$": "x"}), ("countryId", "x"), ("leaseInfo", {"durationInSecs": "x"})],
)
def test_numbers_in_xml_must_be_numbers(key: str, value: object) -> None:
    """JSON takes them for 0."""
    with pytest.raises(BadDocument):
        instance({key: value}, NOW, XML)
    assert instance({"app": "A", key: value}, NOW, JSON).app == "A"


@pytest.mark.parametrize(
    ("fields", "id_"),
    [
        ({"metadata": {"instanceId": "8080"}}, "h1:8080"),
        ({"metadata": {"instanceId": "h1:8080"}}, "h1:8080"),
        ({"metadata": {"instanceId": " "}}, None),
        ({"instanceId": "", "metadata": {"instanceId": "8080"}}, ""),
        ({"instanceId": 5}, "5"),
        ({}, None),
    ],
)
def test_ids_of_springs_oldest_clients_are_in_the_metadata(
    fields: dict[str, object], id_: str | None
) -> None:
    """As Spring reads it (`CloudJacksonJson`)."""
    assert _read(**fields).instance_id == id_


def test_unknown_keys_are_ignored_whatever_they_hold() -> None:
    """Cases 33 and 34: Java would take the nested status."""
    shown = _read(foo=1, bar={"status": "DOWN"}, baz=[{"status": "DOWN"}])

    assert shown == _read()


@pytest.mark.parametrize("key", ["hostName", "ipAddr", "vipAddress", "status", "actionType"])
def test_objects_in_place_of_texts_are_refused(key: str) -> None:
    """Undefined in Java; nothing sensible can be meant."""
    with pytest.raises(BadDocument, match=key):
        _read(**{key: {"a": 1}})


def test_known_fields_that_are_null_are_missing() -> None:
    """Case 223."""
    nulls = dict.fromkeys(
        ("homePageUrl", "metadata", "leaseInfo", "asgName", "instanceId", "status", "port")
    )

    assert _read(**nulls) == _read()


def test_an_action_type_that_is_none_is_dropped() -> None:
    """The server sets it anyway."""
    assert _read(actionType="MODIFIED").action is ActionType.MODIFIED
    assert _read(actionType="MOVED").action is None


@pytest.mark.parametrize(("given", "read_as"), [("true", True), (True, True), ("no", False)])
def test_coordinating_is_a_flag_or_a_text(given: object, read_as: bool) -> None:  # noqa: FBT001
    """Case 40: Spring sends a boolean."""
    assert _read(isCoordinatingDiscoveryServer=given).is_coordinating is read_as


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"metadata": {"": "v"}}, "metadata has an empty key"),
        ({"metadata": {"a\x01": "v"}}, "metadata key 'a\\x01' holds a control character"),
        ({"metadata": {"a": "\x1f"}}, "metadata value of key 'a' holds a control character"),
        ({"metadata": {"a": "\ufffe"}}, "metadata value of key 'a' holds a control character"),
        ({"vipAddress": "\x00"}, "vipAddress holds a control character"),
        ({"instanceId": "\x00"}, "instanceId holds a control character"),
        (
            {
                "dataCenterInfo": {
                    "@class": "com.netflix.appinfo.AmazonInfo",
                    "metadata": {"x": "\b"},
                }
            },
            "metadata value of key 'x' holds a control character",
        ),
    ],
)
def test_what_breaks_every_xml_document_is_refused(
    fields: dict[str, object], sentence: str
) -> None:
    """Case D1: Java takes it and then writes malformed XML to every client."""
    with pytest.raises(BadDocument) as refused:
        refuse_unfit(_read(**fields))

    assert refused.value.sentence == sentence == str(refused.value)


def test_line_breaks_tabs_and_any_script_are_no_control_characters() -> None:
    """Certificates and JSON are put into metadata."""
    refuse_unfit(_read(metadata={"pem": "-----\r\nabc\t\n", "ключ": "値😀\x7f\x85", "e": ""}))


def test_compact_documents_show_five_keys_of_amazon() -> None:
    """What Java leaves out of them."""
    assert brief_amazon({"instance-id": "i", "ami-id": "a", "local-ipv4": "1"}) == {
        "instance-id": "i",
        "local-ipv4": "1",
    }


def test_departures_keep_what_finds_instance_and_region() -> None:
    """Java's client removes it from the region of its zone (`InstanceRegionChecker`)."""
    metadata = {"instance-id": "i", "ami-id": "a", "availability-zone": "us-east-1c"}

    assert amazon_of_departure(_read(), metadata) == {
        "instance-id": "i",
        "availability-zone": "us-east-1c",
    }
    assert amazon_of_departure(_read(instanceId="x"), metadata) == {
        "availability-zone": "us-east-1c"
    }
    assert amazon_of_departure(_read(), {}) == {}


def test_a_bad_instance_costs_only_itself() -> None:
    """A Java peer's list may hold anything."""

    def read_one(document: object) -> Instance:
        if document == "bad":
            raise BadDocument("it is bad")
        return _read(app="foo")

    listed = envelope(None, 5, [("foo", [1, "bad", 2]), (None, [3]), (None, ["bad"])], read_one)

    assert (listed.versions_delta, listed.hashcode) == ("", "5")
    assert [(name, len(found)) for name, found in listed.applications] == [
        ("FOO", 2),
        ("FOO", 1),
        ("", 0),
    ]
    assert listed.problems == ["FOO: it is bad", "an application: it is bad"]
