"""Requests of the verbs, and what answers mean; the network is a table of answers."""

from __future__ import annotations

import json

import pytest

from eureka_registry.verbs import server
from eureka_registry.verbs.replicas import replica_findings
from eureka_registry.verbs.server import BadNameError, Name, NoAnswerError, moment_ms, read_name
from eureka_registry.wire.jsoncodec import encode_single
from unit.registry.verbs.held import NOW_MS, Asked, Network, instance

JAVA_STATUS = b"""<com.netflix.eureka.util.StatusInfo>
  <generalStats><environment>test</environment></generalStats>
  <applicationStats>
    <registered-replicas>http://user:pw@peer2:8762/eureka/,</registered-replicas>
    <available-replicas></available-replicas>
    <unavailable-replicas>http://user:pw@peer2:8762/eureka/,</unavailable-replicas>
  </applicationStats>
</com.netflix.eureka.util.StatusInfo>"""


def test_a_name_is_an_application_and_an_id_with_anything_in_it() -> None:
    """Ids have colons, and may have slashes."""
    assert read_name("orders/host:orders:8080") == Name("ORDERS", "host:orders:8080")
    assert read_name("orders/a/b") == Name("ORDERS", "a/b")
    assert Name("A B", "x/y?z").path == "apps/A%20B/x%2Fy%3Fz"
    assert str(Name("ORDERS", "a/b")) == "ORDERS/a/b"


@pytest.mark.parametrize(
    "text", ["orders", "/x", "orders/", "../x", "./x", "orders/..", "orders/.", ""]
)
def test_what_names_no_instance_is_refused(text: str) -> None:
    """Nothing that would lead to another resource is sent."""
    with pytest.raises(BadNameError, match="APP/ID"):
        read_name(text)


async def test_an_instance_is_read_as_the_server_wrote_it() -> None:
    """With fields that no reader knows."""
    document = json.loads(encode_single(instance()))
    document["instance"]["strange"] = "field"
    network = Network({"apps/ORDERS/orders-1": (200, json.dumps(document).encode())})

    found = await server.instance(network, Name("ORDERS", "orders-1"))

    assert found is not None
    assert found.document["strange"] == "field"
    assert found.instance.ip_addr == "10.0.0.1"
    assert await server.instance(network, Name("ORDERS", "other")) is None


async def test_an_id_that_leads_elsewhere_is_not_asked_for() -> None:
    """Lists hold what clients wrote."""
    network = Network({"apps/ORDERS/..": (200, b"{}")})

    assert await server.instance(network, Name("ORDERS", "..")) is None
    assert network.asked == []


async def test_another_document_is_said_to_be_no_eureka() -> None:
    """With the URL and what to look at."""
    network = Network(
        {
            "apps": (200, b"<html>"),
            "apps/A/b": (200, b"{}"),
            "apps/A/c": (200, b"[]"),
            "apps/A/d": (200, b'{"instance": 5}'),
        }
    )

    for asked in (
        server.listing(network),
        server.listing(Network({})),
        *(server.instance(network, Name("A", name)) for name in "bcd"),
    ):
        with pytest.raises(NoAnswerError, match=r"http://one:8761/eureka/ answers .*base path"):
            await asked


async def test_all_instances_or_those_of_an_application_are_listed() -> None:
    """The moment is that of the answer."""
    document = json.loads(encode_single(instance()))["instance"]
    application = {"name": "ORDERS", "instance": [document]}
    network = Network(
        {
            "apps": (200, json.dumps({"applications": {"application": [application]}}).encode()),
            "apps/ORDERS": (200, json.dumps({"application": application}).encode()),
        }
    )

    every, one = await server.listing(network), await server.listing(network, "orders")

    assert every == one
    assert [each.id for each in every.instances] == ["orders-1"]
    assert every.now_ms == NOW_MS


async def test_an_application_that_is_not_known_has_no_instances() -> None:
    """Eureka answers 404 for it."""
    network = Network({})

    assert (await server.listing(network, "orders")).instances == ()
    assert (await server.listing(network, "a b")).instances == ()
    assert [each.path for each in network.asked] == ["apps/ORDERS", "apps/A%20B"]


@pytest.mark.parametrize("app", [".", "..", "a/b"])
async def test_what_names_no_application_is_not_asked_for(app: str) -> None:
    """It would lead to another resource."""
    network = Network({})

    with pytest.raises(BadNameError):
        await server.listing(network, app)
    assert network.asked == []


async def test_out_and_in_are_what_the_dashboard_sends() -> None:
    """Whether the server knows the instance is the answer."""
    path = "apps/ORDERS/a%3Ab/status?value="
    network = Network({f"{path}OUT_OF_SERVICE": (200, b""), f"{path}UP": (200, b"")})

    assert await server.override(network, Name("ORDERS", "a:b"))
    assert await server.lift_override(network, Name("ORDERS", "a:b"))
    assert not await server.override(network, Name("ORDERS", "c"))
    assert [each[:2] for each in network.asked[:2]] == [
        ("PUT", f"{path}OUT_OF_SERVICE"),
        ("DELETE", f"{path}UP"),
    ]


async def test_replicas_of_a_java_server_that_are_not_available_are_found() -> None:
    """Its page is XML only; a password in the URL of a replica is not repeated."""
    network = Network({"status": (200, JAVA_STATUS)})

    (found,) = await replica_findings(network)

    assert found.code == "replicas_not_available"
    assert "peer2:8762" in found.sentence
    assert "pw" not in found.sentence
    assert network.asked == [Asked("GET", "status", "application/xml")]
    assert await replica_findings(Network({"status": (200, b"no page")})) == []


def test_the_moment_is_the_servers() -> None:
    """If it says one."""
    assert moment_ms("Wed, 18 Nov 2026 11:06:40 GMT", 5) == NOW_MS
    assert moment_ms("", 5) == moment_ms("no date", 5) == 5
    assert moment_ms(f"Wed, 18 Nov {'9' * 20} 11:06:40 GMT", 5) == 5
