"""JSON documents, byte for byte (`docs/protocol/documents.md`)."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.core.model import ActionType, DataCenter, Instance, LeaseInfo, Port, Status
from eureka_registry.wire import jsoncodec
from eureka_registry.wire.documents import BadDocument, StatusInfo
from eureka_registry.wire.negotiate import Form, Format

NOW = 1_795_000_000_000
FULL, COMPACT = Form(Format.JSON), Form(Format.JSON, compact=True)
CENTER = {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"}
MINIMAL = {"hostName": "h1", "app": "FOO", "ipAddr": "1.2.3.4", "dataCenterInfo": CENTER}

ORDERS = b"""{"instance":{
  "instanceId":"host-a:orders:8080",
  "hostName":"host-a.example",
  "app":"ORDERS",
  "ipAddr":"10.0.0.5",
  "status":"UP",
  "overriddenStatus":"UNKNOWN",
  "port":{"$":8080,"@enabled":"true"},
  "securePort":{"$":443,"@enabled":"false"},
  "countryId":1,
  "dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"},
  "leaseInfo":{
    "renewalIntervalInSecs":30,
    "durationInSecs":90,
    "registrationTimestamp":1795179529897,
    "lastRenewalTimestamp":1795179619923,
    "evictionTimestamp":0,
    "serviceUpTimestamp":1795179529897},
  "metadata":{"zone":"zone-a","management.port":"8080"},
  "appGroupName":"SHOP",
  "homePageUrl":"http://host-a.example:8080/",
  "statusPageUrl":"http://host-a.example:8080/actuator/info",
  "healthCheckUrl":"http://host-a.example:8080/actuator/health",
  "secureHealthCheckUrl":"https://host-a.example:443/actuator/health",
  "vipAddress":"orders",
  "secureVipAddress":"orders-s",
  "isCoordinatingDiscoveryServer":"false",
  "lastUpdatedTimestamp":"1795179529898",
  "lastDirtyTimestamp":"1795178982000",
  "actionType":"ADDED",
  "asgName":"orders-v001"}}"""

PAY = (
    b'{"instance":{"hostName":"ec2-1.example","app":"PAY","ipAddr":"10.0.0.6","status":"UP",'
    b'"overriddenStatus":"UNKNOWN","port":{"$":8080,"@enabled":"true"},'
    b'"securePort":{"$":443,"@enabled":"false"},"countryId":1,'
    b'"dataCenterInfo":{"@class":"com.netflix.appinfo.AmazonInfo","name":"Amazon","metadata":{'
    b'"public-hostname":"ec2-1.example","instance-id":"i-0abc","local-ipv4":"10.0.0.6",'
    b'"instance-type":"m5.large","ami-id":"ami-1","availability-zone":"us-east-1c"}},'
    b'"leaseInfo":{"renewalIntervalInSecs":30,"durationInSecs":90,'
    b'"registrationTimestamp":1795179529914,"lastRenewalTimestamp":1795179529914,'
    b'"evictionTimestamp":0,"serviceUpTimestamp":1795179529914},'
    b'"metadata":{"@class":"java.util.Collections$EmptyMap"},'
    b'"isCoordinatingDiscoveryServer":"false","lastUpdatedTimestamp":"1795179529914",'
    b'"lastDirtyTimestamp":"1795178982000","actionType":"ADDED"}}'
)

texts = st.text(max_size=12)
held = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=12)
"""Of characters that may be held anywhere, and that make no path: control characters never."""
names = held.filter(lambda name: name not in (".", ".."))
moments = st.integers(0, 2**63 - 1)
ports = st.builds(Port, st.integers(0, 65_535), enabled=st.booleans())
maps = st.dictionaries(held.filter(lambda key: key not in ("", "@class")), held, max_size=3)
instances = st.builds(
    Instance,
    instance_id=names,
    host_name=names,
    app=names.map(str.upper).filter(lambda app: app == app.upper()),
    ip_addr=held,
    sid=held.filter(lambda sid: sid != "unknown"),
    status=st.sampled_from(Status),
    overridden_status=st.sampled_from(Status),
    port=ports,
    secure_port=ports,
    country_id=st.integers(-5, 500),
    data_center=st.builds(DataCenter, st.sampled_from(["MyOwn", "Netflix"]))
    | st.builds(DataCenter, st.just("Amazon"), maps),
    lease=st.builds(LeaseInfo, st.integers(1, 9999), st.integers(1, 9999), moments, moments),
    metadata=maps,
    home_page_url=st.none() | held,
    vip_address=st.none() | held,
    is_coordinating=st.booleans(),
    last_updated_ms=moments,
    last_dirty_ms=moments,
    action=st.none() | st.sampled_from(ActionType),
    asg_name=st.none() | held,
)


def _body(**fields: object) -> bytes:
    return json.dumps({"instance": MINIMAL | fields}).encode()


def _read(**fields: object) -> Instance:
    return jsoncodec.decode_instance(_body(**fields), NOW)


def _on_one_line(document: bytes) -> bytes:
    return b"".join(line.strip() for line in document.splitlines())


@pytest.mark.parametrize("document", [ORDERS, PAY])
def test_a_full_document_is_written_as_java_writes_it(document: bytes) -> None:
    """Byte for byte: order, types, and what is left out."""
    shown = jsoncodec.decode_instance(document, NOW)

    assert jsoncodec.encode_single(shown) == _on_one_line(document)


def test_a_document_is_read_field_by_field() -> None:
    """What strict clients read of it."""
    shown = jsoncodec.decode_instance(PAY, NOW)

    assert shown.instance_id is None
    assert shown.id == "i-0abc"
    assert shown.lease == LeaseInfo(30, 90, 1795179529914, 1795179529914, 0, 1795179529914)
    assert shown.last_dirty_ms == 1_795_178_982_000
    assert shown.metadata == {}


def test_a_compact_document() -> None:
    """Its own order, a number as timestamp, no metadata, lease or country."""
    shown = jsoncodec.decode_instance(ORDERS, NOW)

    assert jsoncodec.encode_compact(shown) == (
        b'{"instanceId":"host-a:orders:8080","app":"ORDERS","ipAddr":"10.0.0.5",'
        b'"vipAddress":"orders","secureVipAddress":"orders-s",'
        b'"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",'
        b'"name":"MyOwn"},"hostName":"host-a.example","status":"UP",'
        b'"lastUpdatedTimestamp":1795179529898,"actionType":"ADDED","asgName":"orders-v001",'
        b'"port":{"$":8080,"@enabled":"true"},"securePort":{"$":443,"@enabled":"false"}}'
    )
    amazon = json.loads(jsoncodec.encode_compact(jsoncodec.decode_instance(PAY, NOW)))
    assert set(amazon["dataCenterInfo"]["metadata"]) == {
        "instance-id",
        "public-hostname",
        "local-ipv4",
        "availability-zone",
    }


def test_a_departure_is_short_and_has_no_field_that_java_does_not_know() -> None:
    """A WebClient reads 256 KiB; strict clients need `@class` and known fields."""
    shown = jsoncodec.decode_instance(ORDERS, NOW)

    departure = jsoncodec.encode_departure(shown)

    fields = json.loads(departure)
    assert (
        fields.items()
        <= (
            json.loads(ORDERS)["instance"]
            | {"actionType": "DELETED", "metadata": {"@class": "java.util.Collections$EmptyMap"}}
        ).items()
    )
    assert not {"leaseInfo", "homePageUrl", "healthCheckUrl"} & set(fields)
    assert jsoncodec.instance_from(fields, NOW).id == shown.id
    assert len(departure) < 0.55 * len(jsoncodec.encode_instance(shown))


def test_a_departure_of_amazon_keeps_what_names_it_and_its_region() -> None:
    """Its id is in the metadata, and Java looks for its zone there."""
    departure = jsoncodec.encode_departure(jsoncodec.decode_instance(PAY, NOW))

    assert json.loads(departure)["dataCenterInfo"]["metadata"] == {
        "instance-id": "i-0abc",
        "availability-zone": "us-east-1c",
    }


def test_lists_are_framed_as_in_java() -> None:
    """Case 102: arrays always; in compact documents the scalars come last."""
    head, tail = jsoncodec.applications_frame(FULL, "1", "")
    compact_head, compact_tail = jsoncodec.applications_frame(COMPACT, "1", "UP_2_")
    app_head, app_tail = jsoncodec.application_frame(FULL, 'A"B')
    alone_head, alone_tail = jsoncodec.application_frame(COMPACT, "ORDERS", alone=True)

    assert head + tail == (
        b'{"applications":{"versions__delta":"1","apps__hashcode":"","application":[]}}'
    )
    assert compact_head + b"0" + compact_tail == (
        b'{"applications":{"application":[0],"versions__delta":"1","apps__hashcode":"UP_2_"}}'
    )
    assert app_head + b"0" + app_tail == b'{"name":"A\\"B","instance":[0]}'
    assert alone_head + b"0" + alone_tail == (b'{"application":{"name":"ORDERS","instance":[0]}}')
    assert jsoncodec.SEPARATOR == b","


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"x"',
        b"{}",
        b'{"instance":null}',
        b'{"instance":[]}',
        b'{"instance":{}}',
        b'{"instance":{"app":"A"},"more":1}',
        json.dumps(MINIMAL).encode(),
        _body() + b" x",
        b'{"instance":{"app":"\xff"}}',
        b'{"instance":{"app":"\\ud800"}}',
        _body(app="ü").decode().replace("\\u00fc", "ü").encode("iso-8859-1"),
        b'{"instance":{"app":NaN}}',
        b'{"instance":{"app":"A","countryId":' + b"9" * 5000 + b"}}",
    ],
)
def test_what_cannot_be_read_is_refused(document: bytes) -> None:
    """Cases 35, 36, 224 and D7; the client gets Java's fixed sentence."""
    with pytest.raises(BadDocument) as refused:
        jsoncodec.decode_instance(document, NOW)

    assert refused.value.sentence is None


@pytest.mark.parametrize("opening", [b"[", b'{"instance":', b'{"instance":{"metadata":[['])
def test_deep_nesting_is_refused(opening: bytes) -> None:
    """Python's own limit must not show."""
    with pytest.raises(BadDocument):
        jsoncodec.decode_instance(opening * 100_000, NOW)


def test_a_byte_order_mark_is_skipped() -> None:
    """Jackson does so; Windows tools write one."""
    assert jsoncodec.decode_instance(b"\xef\xbb\xbf" + _body(), NOW).app == "FOO"


def test_odd_scalars_are_taken_as_jackson_takes_them() -> None:
    """Cases 24, 30, 226; fractions keep their text."""
    shown = _read(hostName=5, ipAddr=True, metadata={"a": 1.50, "b": None}, countryId="7")

    assert (shown.host_name, shown.ip_addr, shown.country_id) == ("5", "true", 7)
    assert shown.metadata == {"a": "1.5", "b": "null"}
    literal = _body().replace(b'"h1"', b"1.50")
    assert jsoncodec.decode_instance(literal, NOW).host_name == "1.50"


@pytest.mark.parametrize(
    "fields",
    [
        {"leaseInfo": []},
        {"leaseInfo": [{}]},
        {"metadata": []},
        {"metadata": [{}]},
        {"metadata": {"": "v"}},
        {"metadata": {"k": "a\x01"}},
        {"dataCenterInfo": CENTER | {"name": "Amazon"}},
        {"dataCenterInfo": CENTER | {"name": "Other"}},
        {"dataCenterInfo": {"name": "MyOwn"}},
        {"port": {"$": 2**31}},
    ],
)
def test_poison_is_refused(fields: dict[str, object]) -> None:
    """Each of these harms the Java server or its clients."""
    with pytest.raises(BadDocument):
        _read(**fields)


@pytest.mark.parametrize("text", [b"\\u0001", b"\\u007f\\u0000", "\ufffe".encode()])
def test_control_characters_are_found_however_they_are_written(text: bytes) -> None:
    """Only a body of plain ASCII without escapes is not searched for them."""
    with pytest.raises(BadDocument, match="control character"):
        jsoncodec.decode_instance(_body().replace(b'"h1"', b'"h%b"' % text), NOW)


@pytest.mark.parametrize("code", range(0x20))
def test_bare_control_characters_are_no_json(code: int) -> None:
    """A plain body is not searched because the parser refuses these."""
    with pytest.raises(BadDocument, match="malformed JSON"):
        jsoncodec.decode_instance(_body().replace(b'"h1"', b'"h%c"' % code), NOW)


@pytest.mark.parametrize("metadata", [{"": "v"}, {"k": "\x01"}, {"k" * 2_049: "v"}])
def test_peers_may_hand_on_no_more_than_clients_may_bring(metadata: dict[str, str]) -> None:
    """A Java peer takes it; whoever lets it in here breaks every list."""
    with pytest.raises(BadDocument):
        jsoncodec.instance_from(MINIMAL | {"metadata": metadata}, NOW)


def test_half_a_surrogate_pair_never_stops_a_list() -> None:
    """It may come from a query; UTF-8 cannot hold it."""
    shown = _read()
    odd = msgspec.structs.replace(shown, metadata={"k\ud800": "v"}, vip_address="\udfff")

    fields = json.loads(jsoncodec.encode_instance(odd))

    assert fields["metadata"] == {"k\ufffd": "v"}
    assert fields["vipAddress"] == "\ufffd"
    assert b"\xef\xbf\xbd" in jsoncodec.encode_departure(odd)


def test_a_document_without_data_center_can_be_shown() -> None:
    """None is registered, but nothing that is shown may fail."""
    shown = msgspec.structs.replace(_read(), data_center=None)

    assert b"dataCenterInfo" not in jsoncodec.encode_instance(shown)


@given(instances)
def test_what_is_written_is_read_back(shown: Instance) -> None:
    """Java peers get our documents, and we theirs: nothing may change on the way."""
    assert jsoncodec.instance_from(json.loads(jsoncodec.encode_instance(shown)), NOW) == shown
    for encode in (jsoncodec.encode_compact, jsoncodec.encode_departure):
        assert jsoncodec.instance_from(json.loads(encode(shown)), NOW).id == shown.id


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
values = st.recursive(scalars, lambda x: st.lists(x, max_size=2) | st.dictionaries(texts, x))
keys = st.sampled_from([*json.loads(ORDERS)["instance"], "overriddenstatus", "sid", "foo"])


@given(st.dictionaries(keys, values))
def test_any_document_is_read_or_refused(fields: dict[str, object]) -> None:
    """Never any other error; and what was read can be written."""
    try:
        shown = jsoncodec.decode_instance(json.dumps({"instance": fields}).encode(), NOW)
    except BadDocument:
        return
    assert jsoncodec.instance_from(json.loads(jsoncodec.encode_instance(shown)), NOW) == shown


# -- Lists of other servers


def test_a_list_of_a_java_server() -> None:
    """The copy made at the start, and other regions."""
    head, tail = jsoncodec.applications_frame(FULL, "42", "UP_2_")
    app_head, app_tail = jsoncodec.application_frame(FULL, "ORDERS")
    shown = jsoncodec.decode_instance(ORDERS, NOW)
    document = head + app_head + jsoncodec.encode_instance(shown) + app_tail + tail

    listed = jsoncodec.decode_applications(document, NOW)

    assert (listed.versions_delta, listed.hashcode) == ("42", "UP_2_")
    assert listed.applications == [("ORDERS", [shown])]
    assert listed.problems == []


def test_single_objects_and_missing_lists_are_understood() -> None:
    """The old codec wrote so; numbers as version as polaris does."""
    document = {
        "applications": {
            "versions__delta": 7,
            "application": {"name": "foo", "instance": MINIMAL},
        }
    }

    listed = jsoncodec.decode_applications(json.dumps(document).encode(), NOW)

    assert (listed.versions_delta, listed.hashcode) == ("7", "")
    assert [(name, len(found)) for name, found in listed.applications] == [("FOO", 1)]
    assert jsoncodec.decode_applications(b'{"applications":{}}', NOW).applications == []


def test_a_bad_instance_of_a_list_is_left_out_and_named() -> None:
    """A Java peer's list may hold poison; the rest must come through."""
    document = {
        "applications": {
            "application": [{"name": "FOO", "instance": [MINIMAL, [], {"app": {}}]}, 5]
        }
    }

    listed = jsoncodec.decode_applications(json.dumps(document).encode(), NOW)

    assert [len(found) for _, found in listed.applications] == [1]
    assert listed.problems == ["FOO: the instance is not an object", "FOO: app is not a text"]


@pytest.mark.parametrize("document", [b"{}", b"[]", b"<applications/>", b'{"applications":[]}'])
def test_a_list_that_is_none_is_refused(document: bytes) -> None:
    """A proxy's error page is no empty registry."""
    with pytest.raises(BadDocument):
        jsoncodec.decode_applications(document, NOW)


# -- /status


def test_status() -> None:
    """The same structure as in XML, `isHeathly` included."""
    shown = jsoncodec.decode_instance(ORDERS, NOW)
    info = StatusInfo({"num-of-cpus": "2"}, {"registered-replicas": ""}, shown, is_healthy=True)

    assert json.loads(jsoncodec.encode_status(info)) == {
        "generalStats": {"num-of-cpus": "2"},
        "applicationStats": {"registered-replicas": ""},
        "instanceInfo": json.loads(ORDERS)["instance"],
        "isHeathly": True,
    }
    assert jsoncodec.encode_status(StatusInfo({}, {})) == (
        b'{"generalStats":{},"applicationStats":{}}'
    )
