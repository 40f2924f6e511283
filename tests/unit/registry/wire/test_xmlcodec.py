"""XML documents, byte for byte (`docs/protocol/documents.md`)."""

import contextlib
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from py_eureka_client import eureka_basic

from eureka_registry.core.model import ActionType, DataCenter, Instance, LeaseInfo, Port, Status
from eureka_registry.wire import xmlcodec
from eureka_registry.wire.documents import BadDocument, StatusInfo
from eureka_registry.wire.negotiate import Form, Format

NOW = 1_795_000_000_000
FULL, COMPACT = Form(Format.XML), Form(Format.XML, compact=True)

ORDERS = b"""<instance>
  <instanceId>host-a:orders:8080</instanceId>
  <hostName>host-a.example</hostName>
  <app>ORDERS</app>
  <ipAddr>10.0.0.5</ipAddr>
  <status>UP</status>
  <overriddenstatus>UNKNOWN</overriddenstatus>
  <port enabled="true">8080</port>
  <securePort enabled="false">443</securePort>
  <countryId>1</countryId>
  <dataCenterInfo class="com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo">
    <name>MyOwn</name>
  </dataCenterInfo>
  <leaseInfo>
    <renewalIntervalInSecs>30</renewalIntervalInSecs>
    <durationInSecs>90</durationInSecs>
    <registrationTimestamp>1795179529897</registrationTimestamp>
    <lastRenewalTimestamp>1795179619923</lastRenewalTimestamp>
    <evictionTimestamp>0</evictionTimestamp>
    <serviceUpTimestamp>1795179529897</serviceUpTimestamp>
  </leaseInfo>
  <metadata>
    <zone>zone-a</zone>
    <management.port>8080</management.port>
  </metadata>
  <appGroupName>SHOP</appGroupName>
  <homePageUrl>http://host-a.example:8080/</homePageUrl>
  <statusPageUrl>http://host-a.example:8080/actuator/info</statusPageUrl>
  <healthCheckUrl>http://host-a.example:8080/actuator/health</healthCheckUrl>
  <secureHealthCheckUrl>https://host-a.example:443/actuator/health</secureHealthCheckUrl>
  <vipAddress>orders</vipAddress>
  <secureVipAddress>orders-s</secureVipAddress>
  <isCoordinatingDiscoveryServer>false</isCoordinatingDiscoveryServer>
  <lastUpdatedTimestamp>1795179529898</lastUpdatedTimestamp>
  <lastDirtyTimestamp>1795178982000</lastDirtyTimestamp>
  <actionType>ADDED</actionType>
  <asgName>orders-v001</asgName>
</instance>"""

MINIMAL = (
    b"<instance><hostName>h1</hostName><app>FOO</app><ipAddr>1.2.3.4</ipAddr>"
    b"<dataCenterInfo><name>MyOwn</name></dataCenterInfo>%b</instance>"
)

texts = st.text(max_size=12)
clean = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), max_size=12)
moments = st.integers(0, 2**63 - 1)
ports = st.builds(Port, st.integers(0, 65_535), enabled=st.booleans())
SHAPE = {
    "status": st.sampled_from(Status),
    "overridden_status": st.sampled_from(Status),
    "port": ports,
    "secure_port": ports,
    "lease": st.builds(LeaseInfo, st.integers(1, 99), st.integers(1, 99), moments, moments),
    "is_coordinating": st.booleans(),
    "last_updated_ms": moments,
    "last_dirty_ms": moments,
    "action": st.none() | st.sampled_from(ActionType),
}


def _with_texts(kind: st.SearchStrategy[str]) -> st.SearchStrategy[Instance]:
    keys = kind.filter(lambda key: key not in {"", "@class"})
    maps = st.dictionaries(keys, kind, max_size=3)
    amazon = st.builds(DataCenter, st.just("Amazon"), maps)
    return st.builds(
        Instance,
        instance_id=st.none() | kind,
        host_name=kind,
        app=kind.map(str.upper).filter(lambda app: app == app.upper()),
        ip_addr=kind,
        data_center=st.builds(DataCenter, st.just("MyOwn")) | amazon,
        metadata=maps,
        vip_address=st.none() | kind,
        asg_name=st.none() | kind,
        **SHAPE,
    )


def _read(inner: bytes = b"") -> Instance:
    return xmlcodec.decode_instance(MINIMAL % inner, NOW)


def _tags(document: bytes) -> list[str]:
    return [child.tag for child in ET.fromstring(document)]  # noqa: S314 - our own text


def test_a_full_document_is_written_as_java_writes_it() -> None:
    """Byte for byte."""
    shown = xmlcodec.decode_instance(ORDERS, NOW)

    assert xmlcodec.encode_instance(shown) == ORDERS
    assert xmlcodec.encode_single(shown) == ORDERS


def test_a_document_inside_others_is_indented_and_ends_its_line() -> None:
    """So that lists are nothing but pieces in a row."""
    shown = xmlcodec.decode_instance(ORDERS, NOW)

    expected = b"".join(b"    " + line + b"\n" for line in ORDERS.splitlines())
    assert xmlcodec.encode_instance(shown, 2) == expected


def test_line_breaks_in_values_are_not_indented() -> None:
    """A certificate in the metadata must come through as it is."""
    shown = msgspec.structs.replace(_read(), metadata={"pem": "a\nb\r\n<instance>\u2028"})

    back = xmlcodec.decode_instance(xmlcodec.encode_instance(shown, 2), NOW)
    assert back.metadata == shown.metadata
    info = StatusInfo({}, {}, shown)
    status = ET.fromstring(xmlcodec.encode_status(info))  # noqa: S314
    assert status.findtext("instanceInfo/metadata/pem") == "a\nb\r\n<instance>\u2028"


def test_a_minimal_document_gets_javas_defaults() -> None:
    """Case 18: no class needed."""
    shown = _read()

    assert shown.port == Port(7001, enabled=True)
    assert shown.secure_port == Port(7002, enabled=False)
    assert shown.lease == LeaseInfo()
    assert b'<metadata class="java.util.Collections$EmptyMap"/>' in xmlcodec.encode_instance(shown)


def test_amazon() -> None:
    """Case 228; its metadata keys are escaped, too."""
    inner = (
        b"<dataCenterInfo><metadata><a__b>v</a__b></metadata><name>amazon</name></dataCenterInfo>"
    )
    shown = _read(inner)

    assert shown.data_center == DataCenter("Amazon", {"a_b": "v"})
    assert b"""  <dataCenterInfo class="com.netflix.appinfo.AmazonInfo">
    <name>Amazon</name>
    <metadata>
      <a__b>v</a__b>
    </metadata>
  </dataCenterInfo>
""" in xmlcodec.encode_instance(shown)


def test_metadata_keys_are_unescaped() -> None:
    """Case 219; texts are as written, nested elements are left out."""
    inner = b"<metadata><a__b>1</a__b><e_-f> 2 </e_-f><x_y/><n><m>1</m></n></metadata>"

    assert _read(inner).metadata == {"a_b": "1", "e$f": " 2 ", "x_y": ""}


@pytest.mark.parametrize(
    ("inner", "field", "value"),
    [
        (b"<status>up</status>", "status", Status.UP),
        (b"<status>bogus</status>", "status", Status.UNKNOWN),
        (b"<overriddenstatus>down</overriddenstatus>", "overridden_status", Status.DOWN),
        (b"<overriddenStatus>DOWN</overriddenStatus>", "overridden_status", Status.DOWN),
        (b"<port>8080</port>", "port", Port(8080, enabled=True)),
        (b'<port enabled="TRUE"> 8080 </port>', "port", Port(8080, enabled=True)),
        (b'<port enabled="false">1</port>', "port", Port(1, enabled=False)),
        (b"<securePort>443</securePort>", "secure_port", Port(443, enabled=False)),
        (b"<lastDirtyTimestamp>x</lastDirtyTimestamp>", "last_dirty_ms", NOW),
        (b"<app>foo</app>", "app", "FOO"),
        (b"<unknown><deep>1</deep></unknown>", "app", "FOO"),
        (b"<leaseInfo/>", "lease", LeaseInfo()),
    ],
)
def test_fields_are_read_as_xstream_does(inner: bytes, field: str, value: object) -> None:
    """Case 26, and what XML reads otherwise than JSON."""
    assert getattr(_read(inner), field) == value


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<instance>",
        b"<application/>",
        b"<applications/>",
        b'<e:instance xmlns:e="x"/>',
        b"<!DOCTYPE instance><instance/>",
        MINIMAL % b"<port>x</port>",
        MINIMAL % b"<port/>",
        MINIMAL % b"<countryId>x</countryId>",
        MINIMAL % b"<leaseInfo><durationInSecs>x</durationInSecs></leaseInfo>",
        MINIMAL % b"<dataCenterInfo><name>Bogus</name></dataCenterInfo>",
        MINIMAL % b"<metadata><k>\x01</k></metadata>",
        MINIMAL % (b"<x>" * 100 + b"</x>" * 100),
        MINIMAL % (b"<x/>" * 20_000),
    ],
)
def test_what_cannot_be_read_is_refused(document: bytes) -> None:
    """Cases 227, 229 and D2."""
    with pytest.raises(BadDocument) as refused:
        xmlcodec.decode_instance(document, NOW)

    assert refused.value.sentence is None


def test_a_control_character_hidden_in_a_key_is_refused() -> None:
    """The escape for names can hold what XML cannot."""
    with pytest.raises(BadDocument) as refused:
        _read(b"<metadata><_.0001>v</_.0001></metadata>")

    assert refused.value.sentence == "metadata key '\\x01' holds a control character"


def test_version_1_knows_three_statuses() -> None:
    """Only `status`, only in XML for v1."""
    shown = msgspec.structs.replace(
        _read(), status=Status.OUT_OF_SERVICE, overridden_status=Status.OUT_OF_SERVICE
    )

    for encode in (xmlcodec.encode_instance, xmlcodec.encode_compact, xmlcodec.encode_departure):
        assert b"<status>DOWN</status>" in encode(shown, v1=True)
        assert b"<status>OUT_OF_SERVICE</status>" in encode(shown)
    assert b"<overriddenstatus>OUT_OF_SERVICE<" in xmlcodec.encode_instance(shown, v1=True)
    starting = msgspec.structs.replace(shown, status=Status.STARTING)
    assert b"<status>STARTING</status>" in xmlcodec.encode_instance(starting, v1=True)


def test_a_compact_list_is_one_line() -> None:
    """Byte for byte: the scalars come last."""
    shown = msgspec.structs.replace(
        xmlcodec.decode_instance(ORDERS, NOW), secure_vip_address=None, asg_name=None
    )
    head, tail = xmlcodec.applications_frame(COMPACT, "1", "UP_2_")
    app_head, app_tail = xmlcodec.application_frame(COMPACT, "ORDERS")

    assert head + app_head + xmlcodec.encode_compact(shown) + app_tail + tail == (
        b"<applications><application><name>ORDERS</name><instance>"
        b"<instanceId>host-a:orders:8080</instanceId><app>ORDERS</app><ipAddr>10.0.0.5</ipAddr>"
        b"<vipAddress>orders</vipAddress>"
        b'<dataCenterInfo class="com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo">'
        b"<name>MyOwn</name></dataCenterInfo><hostName>host-a.example</hostName>"
        b"<status>UP</status><lastUpdatedTimestamp>1795179529898</lastUpdatedTimestamp>"
        b'<actionType>ADDED</actionType><port enabled="true">8080</port>'
        b'<securePort enabled="false">443</securePort></instance></application>'
        b"<versions__delta>1</versions__delta><apps__hashcode>UP_2_</apps__hashcode>"
        b"</applications>"
    )


def test_lists_are_framed_as_in_java() -> None:
    """The empty registry, a list, and one application alone."""
    shown = _read()
    head, tail = xmlcodec.applications_frame(FULL, "1", "")
    app_head, app_tail = xmlcodec.application_frame(FULL, "FOO")
    alone_head, alone_tail = xmlcodec.application_frame(FULL, "FOO", alone=True)

    assert head + tail == (
        b"<applications>\n  <versions__delta>1</versions__delta>\n"
        b"  <apps__hashcode></apps__hashcode>\n</applications>"
    )
    assert app_head + app_tail == (b"  <application>\n    <name>FOO</name>\n  </application>\n")
    alone = alone_head + xmlcodec.encode_instance(shown, 1) + alone_tail
    assert alone.startswith(b"<application>\n  <name>FOO</name>\n  <instance>\n    <hostName>")
    assert alone.endswith(
        b"    <lastDirtyTimestamp>1795000000000</lastDirtyTimestamp>\n  </instance>\n</application>"
    )
    assert xmlcodec.SEPARATOR == b""
    bare = msgspec.structs.replace(shown, data_center=None)
    assert b"dataCenterInfo" not in xmlcodec.encode_instance(bare)


def test_a_departure_is_short_and_py_eureka_client_reads_it() -> None:
    """It needs `class`, `enabled` and numbers, and lives without leaseInfo."""
    shown = xmlcodec.decode_instance(ORDERS, NOW)
    departure = xmlcodec.encode_departure(shown)

    seen = eureka_basic._build_instance(ET.fromstring(departure))  # noqa: S314

    assert (seen.instanceId, seen.actionType) == ("host-a:orders:8080", "DELETED")
    assert (seen.port.port, seen.securePort.enabled, seen.status) == (8080, False, "UP")
    assert set(_tags(departure)) <= set(_tags(ORDERS))
    assert not {"leaseInfo", "homePageUrl"} & set(_tags(departure))
    assert len(departure) < 0.6 * len(xmlcodec.encode_instance(shown, 2))


def test_py_eureka_client_reads_a_list() -> None:
    """Its users rely on `a__b` as it stands in the tag."""
    shown = msgspec.structs.replace(
        xmlcodec.decode_instance(ORDERS, NOW), metadata={"a_b": "v&", "git:x": "1"}
    )
    head, tail = xmlcodec.applications_frame(FULL, "7", "UP_1_")
    app_head, app_tail = xmlcodec.application_frame(FULL, "ORDERS")
    document = head + app_head + xmlcodec.encode_instance(shown, 2) + app_tail + tail

    seen = eureka_basic._build_applications(ET.fromstring(document))  # noqa: S314

    assert (seen.versionsDelta, seen.appsHashcode) == ("7", "UP_1_")
    (instance,) = seen.get_application("orders").instances
    assert instance.metadata == {"a__b": "v&", "git_.003ax": "1"}
    assert instance.leaseInfo.durationInSecs == 90


@given(_with_texts(clean))
def test_what_is_written_is_read_back(shown: Instance) -> None:
    """Nothing may change on the way to a peer of another kind and back."""
    assert xmlcodec.decode_instance(xmlcodec.encode_instance(shown), NOW) == shown


@given(_with_texts(st.text(st.characters(), max_size=6)), st.integers(0, 2))
def test_no_value_makes_a_document_malformed(shown: Instance, depth: int) -> None:
    """Whatever came in by replication."""
    shown = msgspec.structs.replace(shown, metadata=shown.metadata | {"": "v"})

    for document in (
        xmlcodec.encode_instance(shown, depth),
        xmlcodec.encode_departure(shown, depth),
        xmlcodec.encode_compact(shown),
    ):
        assert ET.fromstring(document).tag == "instance"  # noqa: S314
    head, tail = xmlcodec.application_frame(FULL, shown.app, alone=True)
    assert ET.fromstring(head + tail).tag == "application"  # noqa: S314


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(inner: bytes) -> None:
    """Never any other error."""
    with contextlib.suppress(BadDocument):
        _read(inner)


def test_status() -> None:
    """Byte for byte but for the instance."""
    info = StatusInfo(
        {"environment": "test", "num-of-cpus": "2"},
        {"registered-replicas": "http://peer2:8761/eureka/, http://peer3:8761/eureka/"},
        xmlcodec.decode_instance(ORDERS, NOW),
        is_healthy=False,
    )
    instance = b"\n".join(b"  " + line for line in ORDERS.splitlines())

    assert xmlcodec.encode_status(info) == (
        b"""<com.netflix.eureka.util.StatusInfo>
  <generalStats>
    <environment>test</environment>
    <num-of-cpus>2</num-of-cpus>
  </generalStats>
  <applicationStats>
    <registered-replicas>http://peer2:8761/eureka/, http://peer3:8761/eureka/</registered-replicas>
  </applicationStats>
"""
        + instance.replace(b"<instance>", b"<instanceInfo>").replace(
            b"</instance>", b"</instanceInfo>"
        )
        + b"""
  <isHeathly>false</isHeathly>
</com.netflix.eureka.util.StatusInfo>"""
    )
