"""What the sidecar registers, as the registry reads, keeps and shows it."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from eureka_registry.wire import jsoncodec
from eureka_sidecar.core import document
from eureka_sidecar.core.configuration import Check, Instance
from eureka_sidecar.core.document import OUT_OF_SERVICE, UNKNOWN, Content, RegistryRecord
from eureka_sidecar.records import replace
from support.server import Running

DIRTY: Final = 1_795_000_000_123

ALL: Final = Instance(
    app="orders",
    id="orders-0.shop:orders:8080",
    host_name="orders-0.orders.shop.svc",
    ip="10.1.2.3",
    port=8080,
    check=Check("http", 8080),
    secure_port=8443,
    vip="orders,orders-canary",
    secure_vip="orders-secure",
    home_url="http://10.1.2.3:8080/",
    status_url="http://10.1.2.3:8080/info",
    health_url="http://10.1.2.3:8080/health?full=1&x=<y>",
    renewal_s=10,
    duration_s=31,
)
CONTENT: Final = Content(
    "UP",
    {
        "namespace": "shop",
        "zone": "eu-1a",
        "text": 'Grüße, "quoted" & <marked>\n\U0001f600',
        "empty": "",
        "a.b-c_d": "1",
    },
)
ADDED: Final = {"actionType", "isCoordinatingDiscoveryServer", "lastUpdatedTimestamp", "leaseInfo"}
"""What a registry adds to a document, or to a part of it."""


def _sent(instance: Instance, content: Content, overridden: str = UNKNOWN) -> bytes:
    return document.body(document.registration(instance, content, overridden, DIRTY))


def test_every_field_passes_the_registrys_codec_unchanged() -> None:
    """None is lost, renamed or read otherwise, as when the two programs drift apart."""
    sent = _sent(ALL, CONTENT, OUT_OF_SERVICE)

    shown = jsoncodec.encode_single(jsoncodec.decode_instance(sent, now_ms=DIRTY + 5))

    wanted: dict[str, Any] = json.loads(sent)["instance"]
    found: dict[str, Any] = json.loads(shown)["instance"]
    assert found.keys() - wanted.keys() <= ADDED
    lease = {name: found["leaseInfo"][name] for name in wanted["leaseInfo"]}
    assert {**{name: found[name] for name in wanted}, "leaseInfo": lease} == wanted


@pytest.mark.parametrize(
    ("instance", "port"),
    [(ALL, 8080), (replace(ALL, port=0, vip=""), 0), (replace(ALL, ip="2001:db8::7"), 8080)],
    ids=["all", "secure only", "IPv6"],
)
async def test_sidecar_reads_what_the_registry_shows(
    node: Running, instance: Instance, port: int
) -> None:
    """It compares this with what it sent, to find that a server has kept an older document."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    path = f"/eureka/{document.path_of(instance)}"
    sent = _sent(instance, CONTENT)
    assert (await node.ask("POST", path.rpartition("/")[0], headers, sent)).status == 204

    shown = await node.ask("GET", path, headers)

    assert document.read_record(shown.text) == RegistryRecord(
        "UP", UNKNOWN, instance.ip, port, DIRTY
    )


async def test_override_that_a_registration_carries_is_shown_as_its_status(node: Running) -> None:
    """So that a paused instance is never shown as UP by a registry that has lost everything."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    sent = _sent(ALL, CONTENT, OUT_OF_SERVICE)
    assert (await node.ask("POST", "/eureka/apps/ORDERS", headers, sent)).status == 204

    shown = await node.ask("GET", f"/eureka/{document.path_of(ALL)}", headers)

    assert document.read_record(shown.text) == RegistryRecord(
        OUT_OF_SERVICE, OUT_OF_SERVICE, ALL.ip, ALL.port, DIRTY
    )


async def test_text_of_metadata_reaches_clients_that_read_xml(node: Running) -> None:
    """Java's clients of old read XML only; their parser refuses what is not well-formed."""
    headers = {"Content-Type": "application/json", "Accept": "application/xml"}
    assert (
        await node.ask("POST", "/eureka/apps/ORDERS", headers, _sent(ALL, CONTENT))
    ).status == 204

    shown = (await node.ask("GET", f"/eureka/{document.path_of(ALL)}", headers)).xml

    metadata = shown.find("metadata")
    assert metadata is not None
    # XStream doubles the underscores of names.
    found = {each.tag.replace("__", "_"): each.text or "" for each in metadata}
    assert found == CONTENT.metadata
    assert shown.findtext("healthCheckUrl") == ALL.health_url
