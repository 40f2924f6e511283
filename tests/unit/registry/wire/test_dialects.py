"""Data centers and ports in JSON and XML (`docs/protocol/documents.md#data-centers`)."""

import pytest

from eureka_registry.core.model import DataCenter, Port
from eureka_registry.wire.dialects import AMAZON_CLASS, DEFAULT_CLASS, JSON, XML
from eureka_registry.wire.fields import BadDocument

MY_CLASS = "com.netflix.appinfo.MyDataCenterInfo"


@pytest.mark.parametrize("kind", [DEFAULT_CLASS, MY_CLASS])
@pytest.mark.parametrize("name", ["MyOwn", "Netflix"])
def test_both_default_classes_are_one(kind: str, name: str) -> None:
    """Case 15: fargo sends `MyDataCenterInfo`."""
    assert JSON.data_center({"name": name, "@class": kind}) == DataCenter(name)


def test_none_given_is_for_validation_to_refuse() -> None:
    """Cases 11 and 12: `Missing dataCenterInfo`, and `... Name`."""
    assert JSON.data_center(None) is None
    assert JSON.data_center({"@class": DEFAULT_CLASS}) == DataCenter("")
    assert XML.data_center(None) is None
    assert XML.data_center({"metadata": {}}) is None


@pytest.mark.parametrize(
    "value",
    [
        {"name": "MyOwn"},
        {"@class": "com.example.Foo", "name": "MyOwn"},
        {"@class": ["x"], "name": "MyOwn"},
        {"@class": DEFAULT_CLASS, "name": "Other"},
        {"@class": DEFAULT_CLASS, "name": "amazon"},
        {"@class": DEFAULT_CLASS, "name": "MyOwn", "metadata": {"a": "b"}},
        {"@class": AMAZON_CLASS, "name": "Amazon"},
        {"@class": AMAZON_CLASS, "metadata": None},
        {"@class": AMAZON_CLASS, "metadata": {}, "more": 1},
        {"@class": AMAZON_CLASS, "metadata": {"a": {}}},
        {"@class": AMAZON_CLASS, "metadata": []},
        [],
        "MyOwn",
    ],
)
def test_json_that_java_cannot_read_is_refused(value: object) -> None:
    """Cases 13, 14, 16 and 22."""
    with pytest.raises(BadDocument, match="dataCenterInfo"):
        JSON.data_center(value)


def test_a_default_center_called_amazon_is_refused_with_a_sentence() -> None:
    """Java's writers, and `InstanceRegionChecker` in its clients, fail on the cast."""
    with pytest.raises(BadDocument) as refused:
        JSON.data_center({"@class": DEFAULT_CLASS, "name": "Amazon"})

    assert refused.value.sentence == str(refused.value)


def test_nothing_given_beside_the_known_keys_is_no_reason_to_refuse() -> None:
    """Some Go clients write `"metadata": null`."""
    value = {"@class": DEFAULT_CLASS, "name": "MyOwn", "metadata": None}

    assert JSON.data_center(value) == DataCenter("MyOwn")


def test_amazon_keeps_its_metadata_and_loses_any_other_name() -> None:
    """The name is ignored, unknown keys are kept."""
    value = {
        "@class": AMAZON_CLASS,
        "name": "Other",
        "metadata": {"instance-id": "i", "x": 5, "y": None},
    }

    assert JSON.data_center(value) == DataCenter("Amazon", {"instance-id": "i", "x": "5"})


def test_in_xml_the_name_decides() -> None:
    """Cases 18 and 228; Amazon without metadata is taken."""
    assert XML.data_center({"name": "MyOwn", "metadata": {"a": "b"}}) == DataCenter("MyOwn")
    assert XML.data_center({"name": "amazon", "metadata": {"a": "b"}}) == DataCenter(
        "Amazon", {"a": "b"}
    )
    assert XML.data_center({"name": "Amazon"}) == DataCenter("Amazon", {})


@pytest.mark.parametrize("name", ["Bogus", "", "myown"])
def test_an_unknown_name_in_xml_is_refused(name: str) -> None:
    """Case 229."""
    with pytest.raises(BadDocument, match="unknown name"):
        XML.data_center({"name": name})


@pytest.mark.parametrize(
    ("given", "port", "secure"),
    [(None, True, False), ("TRUE", True, True), ("true", True, True), ("false", False, False)],
)
def test_enabled_in_xml(given: str | None, port: bool, secure: bool) -> None:  # noqa: FBT001
    """`TRUE` is true there, and a missing attribute depends on the port."""
    assert XML.port_enabled(given, Port(7001, enabled=True)) is port
    assert XML.port_enabled(given, Port(7002, enabled=False)) is secure
