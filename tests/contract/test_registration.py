"""Registration and re-registration: cases 1 to 55 and 218 to 237 of `docs/protocol/cases.md`."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from support.server import (
    AMAZON_CLASS,
    DEFAULT_CLASS,
    DIRTY,
    REPLICATION,
    Running,
    document,
    instance,
)

EMPTY_METADATA = {"@class": "java.util.Collections$EmptyMap"}
UNREADABLE = b'{"error": "cannot parse request body"}'
UNREADABLE_XML = b"<error><message>cannot parse request body</message></error>"
MINIMAL_XML = (
    b"<instance><hostName>h1</hostName><app>FOO</app><ipAddr>1.2.3.4</ipAddr>"
    b"<dataCenterInfo><name>MyOwn</name></dataCenterInfo></instance>"
)
MINIMAL = {
    "instance": {
        "hostName": "h1",
        "app": "FOO",
        "ipAddr": "1.2.3.4",
        "dataCenterInfo": {"@class": DEFAULT_CLASS, "name": "MyOwn"},
    }
}


def center(**fields: object) -> dict[str, object]:
    """A `dataCenterInfo`."""
    return {"@class": DEFAULT_CLASS, "name": "MyOwn", **fields}


def amazon(**metadata: object) -> dict[str, object]:
    """Amazon's `dataCenterInfo`."""
    return {"@class": AMAZON_CLASS, "name": "Amazon", "metadata": metadata}


ACCEPTED = [
    pytest.param({}, {"app": "FOO", "actionType": "ADDED"}, id="1"),
    pytest.param({"app": "foo"}, {"app": "FOO"}, id="3 app in lower case"),
    pytest.param(
        {"dataCenterInfo": center(**{"@class": "com.netflix.appinfo.MyDataCenterInfo"})},
        {"dataCenterInfo": {"@class": DEFAULT_CLASS, "name": "MyOwn"}},
        id="15 fargo's class",
    ),
    pytest.param(
        {"dataCenterInfo": amazon(zone="a")},
        {"dataCenterInfo": amazon(zone="a", **{"instance-id": "i1"})},
        id="21 Amazon's id is filled in",
    ),
    pytest.param({"port": 8080}, {"port": {"$": 8080, "@enabled": "true"}}, id="23 ours: bare"),
    pytest.param(
        {"port": {"$": "8080", "@enabled": True}},
        {"port": {"$": 8080, "@enabled": "true"}},
        id="24",
    ),
    pytest.param({"status": "up"}, {"status": "UNKNOWN"}, id="25"),
    pytest.param({"status": ...}, {"status": "UP"}, id="27"),
    pytest.param(
        {"overriddenstatus": "OUT_OF_SERVICE"},
        {"status": "OUT_OF_SERVICE", "overriddenStatus": "OUT_OF_SERVICE"},
        id="28",
    ),
    pytest.param({}, {"overriddenStatus": "UNKNOWN"}, id="29"),
    pytest.param(
        {"metadata": {"a": 1, "b": True, "c": None}},
        {"metadata": {"a": "1", "b": "true", "c": "null"}},
        id="30",
    ),
    pytest.param({"metadata": EMPTY_METADATA}, {"metadata": EMPTY_METADATA}, id="31"),
    pytest.param({}, {"metadata": EMPTY_METADATA}, id="32"),
    pytest.param({"foo": 1}, {"foo": None}, id="33"),
    pytest.param({"foo": {"a": 1}}, {"foo": None}, id="34 ours: skipped wherever it stands"),
    pytest.param(
        {"leaseInfo": {"durationInSecs": "45", "renewalIntervalInSecs": "5"}},
        {"leaseInfo": {"durationInSecs": 45, "renewalIntervalInSecs": 5}},
        id="38",
    ),
    pytest.param(
        {"leaseInfo": {"durationInSecs": 0, "renewalIntervalInSecs": -1}},
        {"leaseInfo": {"durationInSecs": 90, "renewalIntervalInSecs": 30}},
        id="39",
    ),
    pytest.param(
        {
            "isCoordinatingDiscoveryServer": True,
            "lastUpdatedTimestamp": 12,
            "sid": "na",
            "homePageUrl": None,
            "asgName": None,
        },
        {"isCoordinatingDiscoveryServer": "false", "sid": None, "homePageUrl": None},
        id="40 Spring's RestClient",
    ),
    pytest.param({"appGroupName": "grp"}, {"appGroupName": "GRP"}, id="44"),
    pytest.param(
        {"port": {"$": 1, "@enabled": "True"}}, {"port": {"$": 1, "@enabled": "false"}}, id="220"
    ),
    pytest.param({"ipAddr": " "}, {"ipAddr": " "}, id="222"),
    pytest.param(
        {"homePageUrl": None, "metadata": None, "leaseInfo": None, "asgName": None},
        {"homePageUrl": None, "metadata": EMPTY_METADATA},
        id="223",
    ),
    pytest.param(
        {"overriddenStatus": "UP", "overriddenstatus": "UNKNOWN"},
        {"overriddenStatus": "UNKNOWN"},
        id="225 the last wins",
    ),
    pytest.param({"hostName": 5, "ipAddr": True}, {"hostName": "5", "ipAddr": "true"}, id="226"),
    pytest.param(
        {"dataCenterInfo": amazon(**{"instance-id": ""}), "instanceId": "i1"},
        {"dataCenterInfo": amazon(**{"instance-id": ""})},
        id="237",
    ),
    pytest.param({"leaseInfo": {"evictionDurationInSecs": 5}}, {"app": "FOO"}, id="arthurhlt"),
    pytest.param(
        {"overriddenstatus": "", "countryId": 0, "port": {"$": "80", "@enabled": "true"}},
        {"overriddenStatus": "UNKNOWN", "countryId": 0},
        id="fargo",
    ),
]


@pytest.mark.parametrize(("fields", "shown"), ACCEPTED)
async def test_what_java_accepts_is_accepted(
    node: Running, fields: dict[str, object], shown: dict[str, Any]
) -> None:
    """204 and nothing else: js and fargo take no other success, Netflix would register again."""
    answer = await node.post(document(**fields), str(fields.get("app", "FOO")))
    state = await node.state()

    assert (answer.status, answer.body) == (204, b"")
    for name, value in shown.items():
        part = state.get(name)
        if isinstance(value, dict) and name == "leaseInfo":
            part = {key: part[key] for key in value}
        assert part == value


REFUSED = [
    ("5", instance("BAR"), b"Mismatched appName, expecting FOO but was BAR"),
    ("6", instance(hostName=..., instanceId=...), b"Missing instanceId"),
    ("7", instance(hostName=...), b"Missing hostname"),
    ("8", instance(ipAddr=...), b"Missing ip address"),
    ("9", instance(""), b"Missing appName"),
    ("10", instance(app=...), UNREADABLE),
    ("11", instance(dataCenterInfo=...), b"Missing dataCenterInfo"),
    ("12", instance(dataCenterInfo={"@class": DEFAULT_CLASS}), b"Missing dataCenterInfo Name"),
    ("13", instance(dataCenterInfo={"name": "MyOwn"}), UNREADABLE),
    ("14", instance(dataCenterInfo=center(**{"@class": "com.example.Foo"})), UNREADABLE),
    ("16", instance(dataCenterInfo=center(name="Other")), UNREADABLE),
    ("22", instance(dataCenterInfo={"@class": AMAZON_CLASS, "name": "Amazon"}), UNREADABLE),
    ("D leaseInfo []", instance(leaseInfo=[]), UNREADABLE),
    ("D leaseInfo [{}]", instance(leaseInfo=[{}]), UNREADABLE),
    ("D metadata []", instance(metadata=[]), UNREADABLE),
    ("D metadata [{}]", instance(metadata=[{}]), UNREADABLE),
    ("D empty key", instance(metadata={"": "x"}), b"metadata has an empty key"),
    (
        "D control character",
        instance(metadata={"k": "a\x01"}),
        b"metadata value of key 'k' holds a control character",
    ),
    ("D port beyond 32 bits", instance(port={"$": 2**31, "@enabled": "true"}), UNREADABLE),
]


@pytest.mark.parametrize(
    ("fields", "sentence"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
async def test_what_java_refuses_is_refused_with_its_words(
    node: Running, fields: dict[str, object], sentence: bytes
) -> None:
    """400 with Java's sentence, and nothing stored."""
    answer = await node.post({"instance": fields})

    assert (answer.status, answer.body) == (400, sentence)
    assert node.node.registry.size == 0
    assert node.node.registry.version == 1


@pytest.mark.parametrize(
    ("body", "content_type", "answer"),
    [
        pytest.param(b"{", "application/json", UNREADABLE, id="36"),
        pytest.param(b"{", "application/json; charset=utf-8", UNREADABLE_XML, id="1.8"),
        pytest.param(b"null", "application/json", UNREADABLE, id="D null: Java 500"),
        pytest.param(b"", "application/json", UNREADABLE, id="no body"),
        pytest.param(b"<a>", "application/xml", UNREADABLE_XML, id="227"),
        pytest.param(b"<application/>", "application/xml", UNREADABLE_XML, id="D root: Java 500"),
        pytest.param(
            b"<!DOCTYPE x>" + MINIMAL_XML, "application/xml", UNREADABLE_XML, id="D DOCTYPE"
        ),
        pytest.param(
            MINIMAL_XML.replace(b"MyOwn", b"Bogus"), "application/xml", UNREADABLE_XML, id="229"
        ),
        pytest.param(
            MINIMAL_XML.replace(
                b"</app>",
                b"</app><leaseInfo><durationInSecs>x</durationInSecs></leaseInfo>",
            ),
            "application/xml",
            UNREADABLE_XML,
            id="D duration x: Java drops the rest",
        ),
        pytest.param(
            json.dumps(instance()).encode(), "application/json", UNREADABLE, id="224 unwrapped"
        ),
        pytest.param(
            json.dumps({**document(), "b": 1}).encode(), "application/json", UNREADABLE, id="35"
        ),
    ],
)
async def test_a_body_that_cannot_be_read_gets_javas_envelope(
    node: Running, body: bytes, content_type: str, answer: bytes
) -> None:
    """By the request's own content type (`DiscoveryJerseyProvider`)."""
    got = await node.post(body, headers={"Content-Type": content_type})

    assert (got.status, got.body) == (400, answer)
    assert node.node.registry.size == 0


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/octet-stream", "application/json; charset=utf-16"]
)
async def test_other_content_types_are_415(node: Running, content_type: str) -> None:
    """Case 37, and charsets that Java does not read."""
    answer = await node.post(document(), headers={"Content-Type": content_type})

    assert (answer.status, answer.body) == (415, b"")
    assert node.node.registry.size == 0


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "application/json;charset=ISO-8859-1"]
)
async def test_charsets_that_java_reads_are_taken(node: Running, content_type: str) -> None:
    """Case 41: Steeltoe sends one."""
    assert (await node.post(document(), headers={"Content-Type": content_type})).status == 204


async def test_xml_is_registered_as_json_is(node: Running) -> None:
    """Cases 2, 18, 26, 219 and 228."""
    body = MINIMAL_XML.replace(
        b"</instance>",
        b"<status>up</status><metadata><a__b>1</a__b><e_-f>2</e_-f><x_y>3</x_y></metadata>"
        b"<vipAddress>v</vipAddress></instance>",
    )

    answer = await node.post(body, headers={"Content-Type": "application/xml"})

    state = await node.state("FOO", "h1")
    assert (answer.status, answer.body) == (204, b"")
    assert state["status"] == "UP"
    assert state["metadata"] == {"a_b": "1", "e$f": "2", "x_y": "3"}
    assert state["dataCenterInfo"] == {"@class": DEFAULT_CLASS, "name": "MyOwn"}


async def test_metadata_keys_are_escaped_in_xml(node: Running) -> None:
    """Case 218: Prometheus' users rely on the doubled underscores."""
    await node.reg(metadata={"a_b": "1", "c$d": "2"})

    metadata = (await node.ask("GET", "/eureka/apps/FOO/i1")).xml.find("metadata")

    assert metadata is not None
    assert [child.tag for child in metadata] == ["a__b", "c_-d"]


async def test_the_smallest_document_gets_javas_defaults(node: Running) -> None:
    """Cases 17 and 19."""
    await node.post(MINIMAL)

    state = await node.state("FOO", "h1")
    assert "instanceId" not in state
    assert state["port"] == {"$": 7001, "@enabled": "true"}
    assert state["securePort"] == {"$": 7002, "@enabled": "false"}
    assert (state["countryId"], state["status"]) == (1, "UP")
    assert state["lastDirtyTimestamp"] == str(node.clock.now_ms)


@pytest.mark.parametrize(
    ("fields", "instance_id"),
    [
        pytest.param(
            {"instanceId": ..., "dataCenterInfo": amazon(**{"instance-id": "i-9"})}, "i-9", id="20"
        ),
        pytest.param({"instanceId": "", "hostName": "hz"}, "hz", id="221"),
    ],
)
async def test_the_id_falls_back(
    node: Running, fields: dict[str, object], instance_id: str
) -> None:
    """Instance id, Amazon's, host name."""
    assert (await node.post(document(**fields))).status == 204
    assert await node.state("FOO", instance_id) is not None


async def test_the_path_is_read_in_any_case(node: Running) -> None:
    """Case 4."""
    await node.post(document(), app="foo")

    assert (await node.get("/apps/FOO")).status == 200


async def test_a_compressed_body_is_read(node: Running) -> None:
    """Case 42: Netflix's server takes it, Spring's does not."""
    body = gzip.compress(json.dumps(document()).encode())

    assert (await node.post(body, headers={"Content-Encoding": "gzip"})).status == 204
    assert await node.state() is not None


async def test_an_accept_header_never_refuses_a_registration(node: Running) -> None:
    """Java answers 406 to `text/html` and stores nothing."""
    assert (await node.reg(headers={"Accept": "text/html"})).status == 204


# -- Registering again


@pytest.mark.parametrize(
    ("dirty", "metadata", "kept_dirty"),
    [
        pytest.param(900, {"x": "0"}, 1000, id="46 older: the held document stays"),
        pytest.param(1000, {"x": "1"}, 1000, id="47 equal: the new one"),
        pytest.param(1100, {"x": "1"}, 1100, id="48 newer"),
    ],
)
async def test_the_newer_document_wins(
    node: Running, dirty: int, metadata: dict[str, str], kept_dirty: int
) -> None:
    """By `lastDirtyTimestamp`, which the client sets."""
    await node.reg(lastDirtyTimestamp=1000, metadata={"x": "0"})

    assert (await node.reg(lastDirtyTimestamp=dirty, metadata={"x": "1"})).status == 204

    state = await node.state()
    assert (state["metadata"], state["lastDirtyTimestamp"]) == (metadata, str(kept_dirty))


@pytest.mark.parametrize(
    ("first", "then", "headers", "shown"),
    [
        pytest.param("OUT_OF_SERVICE", "UP", {}, "UP", id="49 ours: not sticky"),
        pytest.param("OUT_OF_SERVICE", "UP", REPLICATION, "UP", id="50"),
        pytest.param("STARTING", "UP", {}, "UP", id="51"),
        pytest.param("UP", "DOWN", {}, "DOWN", id="52"),
    ],
)
async def test_a_client_may_change_its_status(
    node: Running, first: str, then: str, headers: dict[str, str], shown: str
) -> None:
    """An operator's override is another matter."""
    await node.reg(status=first)
    await node.reg(status=then, lastDirtyTimestamp=DIRTY + 1, headers=headers)

    assert (await node.state())["status"] == shown


async def test_registering_again_begins_a_lease_but_not_a_service(node: Running) -> None:
    """Cases 53 and 54."""
    await node.reg()
    began = node.clock.now_ms
    node.clock.advance(10)
    await node.reg()

    lease = (await node.state())["leaseInfo"]
    delta = (await node.get("/apps/delta")).json["applications"]["application"]
    assert lease["registrationTimestamp"] == node.clock.now_ms
    assert lease["serviceUpTimestamp"] == began
    assert [i["actionType"] for i in delta[0]["instance"]] == ["ADDED"]


async def test_an_override_is_of_one_application_only(node: Running) -> None:
    """Case 55, ours: Java keeps overrides by id alone."""
    await node.reg("FOO")
    await node.reg("BAR")
    await node.put("/apps/FOO/i1/status?value=OUT_OF_SERVICE")

    await node.reg("BAR", lastDirtyTimestamp=DIRTY + 1)

    assert (await node.state("BAR"))["status"] == "UP"


@pytest.mark.parametrize("name", ["ISO-8859-1", "windows-1252", "GBK", "utf8"])
async def test_xml_is_registered_in_the_encoding_it_names(node: Running, name: str) -> None:
    """As with Java; a tool's processing instruction before it says nothing."""
    host = "b\u00fcro" if name != "GBK" else "\u4e2d\u6587"
    prolog = f'<?xml version="1.0" encoding="{name}"?><?tool of="mine"?>'
    text = MINIMAL_XML.decode().replace("<hostName>h1<", f"<hostName>{host}<")
    body = (prolog + text).encode(name)

    answer = await node.post(body, headers={"Content-Type": "application/xml"})

    application = (await node.get("/apps/FOO")).json["application"]
    assert (answer.status, application["instance"][0]["hostName"]) == (204, host)
