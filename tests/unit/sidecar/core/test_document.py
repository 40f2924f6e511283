from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_sidecar.core import document
from eureka_sidecar.core.configuration import Check, Instance
from eureka_sidecar.core.document import Content, RegistryRecord
from eureka_sidecar.core.downward import PodOptions
from eureka_sidecar.records import replace

ORDERS = Instance(
    app="orders",
    id="orders-1.shop:orders:8080",
    host_name="10.0.0.5",
    ip="10.0.0.5",
    port=8080,
    check=Check("tcp", 8080),
    vip="orders",
    health_url="http://10.0.0.5:8080/health",
    metadata={"zone": "a", "namespace": "shop"},
)


def test_registration_has_all_that_servers_and_clients_of_java_need() -> None:
    """Netflix refuses one without id, host, address, name or data centre (`validateFields`)."""
    found = document.registration(ORDERS, Content("UP", {"zone": "b"}), "UNKNOWN", 1_700)

    assert found == {
        "instance": {
            "instanceId": "orders-1.shop:orders:8080",
            "app": "ORDERS",
            "hostName": "10.0.0.5",
            "ipAddr": "10.0.0.5",
            "status": "UP",
            "overriddenStatus": "UNKNOWN",
            "port": {"$": 8080, "@enabled": "true"},
            "securePort": {"$": 0, "@enabled": "false"},
            "vipAddress": "orders",
            "healthCheckUrl": "http://10.0.0.5:8080/health",
            "countryId": 1,
            "dataCenterInfo": {
                "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
                "name": "MyOwn",
            },
            "leaseInfo": {"renewalIntervalInSecs": 30, "durationInSecs": 90},
            "metadata": {"zone": "b"},
            "lastDirtyTimestamp": "1700",
        }
    }


def test_secure_instance_has_its_port_and_names() -> None:
    """Clients ask by `secureVipAddress` for those with TLS."""
    secure = replace(ORDERS, port=0, secure_port=8443, vip="", secure_vip="orders")
    found = document.registration(secure, Content("UP"), "UNKNOWN", 1)["instance"]

    assert found["port"] == {"$": 0, "@enabled": "false"}
    assert found["securePort"] == {"$": 8443, "@enabled": "true"}
    assert found["secureVipAddress"] == "orders"
    assert "vipAddress" not in found


@pytest.mark.parametrize(
    ("wishes", "metadata"),
    [
        (PodOptions(), {"zone": "a", "namespace": "shop"}),
        (PodOptions(zone="b"), {"zone": "b", "namespace": "shop"}),
        (PodOptions(metadata={"v": "2"}), {"zone": "a", "namespace": "shop", "v": "2"}),
        (PodOptions(zone="b", metadata={"zone": "c"}), {"zone": "c", "namespace": "shop"}),
    ],
)
def test_pod_adds_to_what_was_configured_and_wins(
    wishes: PodOptions, metadata: dict[str, str]
) -> None:
    """Its annotations change while it runs; what is said of the zone in metadata is most exact."""
    assert document.content(ORDERS, "UP", wishes) == Content("UP", metadata)


def test_body_is_json_in_utf_8() -> None:
    """Java's servers read UTF-8 if nothing else is said."""
    assert document.body({"a": "ü"}) == '{"a":"ü"}'.encode()


def answer(**changed: object) -> bytes:
    """A look-up's answer."""
    instance: dict[str, Any] = {
        "status": "UP",
        "overriddenStatus": "UNKNOWN",
        "ipAddr": "10.0.0.5",
        "port": {"$": 8080, "@enabled": "true"},
        "lastDirtyTimestamp": "1700",
    }
    return json.dumps({"instance": {**instance, **changed}}).encode()


HELD = RegistryRecord("UP", "UNKNOWN", "10.0.0.5", 8080, 1_700)


@pytest.mark.parametrize(
    ("body", "held"),
    [
        (answer(), HELD),
        (answer(lastDirtyTimestamp=1700, port={"$": "8080"}), HELD),
        (answer(overriddenStatus="", overriddenstatus="DOWN"), replace(HELD, overridden="DOWN")),
        (answer(overriddenStatus="OUT_OF_SERVICE"), replace(HELD, overridden="OUT_OF_SERVICE")),
        (answer(overriddenStatus=None), HELD),
    ],
)
def test_answer_is_read_as_all_servers_write_it(body: bytes, held: RegistryRecord) -> None:
    """Netflix writes numbers as text and, in some versions, `overriddenstatus`."""
    assert document.read_record(body) == held


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{}", b'{"instance": null}', b'{"instance": []}', b"<instance/>",
        b"\xff\xfe", b"[" * 100_000, answer(port=None), answer(port={"$": "x"}), answer(port=[]),
        answer(lastDirtyTimestamp="soon"), answer(lastDirtyTimestamp=None),
        answer(lastDirtyTimestamp=float("inf")), answer(lastDirtyTimestamp=float("nan")),
        answer(lastDirtyTimestamp="9" * 5_000),
        answer(lastDirtyTimestamp=2**63),
        answer(lastDirtyTimestamp=-1), answer().replace(b'"1700"', b"1e999"),
        b'{"instance": "text"}', b'{"instance": {"status": "UP"}}',
    ],
)  # fmt: skip
def test_answer_that_cannot_be_read_is_none(body: bytes) -> None:
    """What a registry, or a proxy before it, answers must not end the sidecar."""
    assert document.read_record(body) is None


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(),
                    lambda child: st.lists(child) | st.dictionaries(st.text(), child)))  # fmt: skip
def test_any_json_in_any_place_is_survived(value: object) -> None:
    """Combinations that nobody thought of."""
    for field in ("status", "ipAddr", "port", "lastDirtyTimestamp", "overriddenStatus"):
        document.read_record(answer(**{field: value}))
    document.read_record(json.dumps({"instance": value}).encode())


def test_words_of_others_are_short_and_have_no_control_characters() -> None:
    """They are shown on terminals and in logs: an escape sequence there would be a command."""
    found = document.read_record(answer(status="\x1b[2J\n" + "x" * 1_000, ipAddr=["a"]))

    assert found
    assert found.status == "?[2J?" + "x" * 59
    assert found.ip == "['a']"


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("ORDERS", "ORDERS"),
        ("pod-1.shop:orders:8080", "pod-1.shop:orders:8080"),
        ("a b", "a%20b"),
        ("a/b?c#d%e", "a%2Fb%3Fc%23d%25e"),
        ("a;b", "a%3Bb"),
        ("ü", "%C3%BC"),
    ],
)
def test_name_is_one_segment_of_a_path(name: str, segment: str) -> None:
    """Ids hold colons, which servers of Java do not like escaped; and `;` begins a parameter."""
    assert document.quote(name) == segment


@given(st.text(st.characters(codec="utf-8")))
def test_any_name_comes_back_from_its_segment(name: str) -> None:
    """It is the registry's key."""
    segment = document.quote(name)

    assert unquote(segment) == name
    assert not set(segment) & set("/?#; ")


def test_path_has_the_name_in_upper_case() -> None:
    """Registries store it so (`InstanceInfo.setAppName`), and some look-ups do not convert."""
    assert document.path_of(ORDERS) == "apps/ORDERS/orders-1.shop:orders:8080"
