"""What real clients post (`docs/protocol/clients.md`)."""

import json
from collections.abc import Callable

import pytest
from py_eureka_client import eureka_basic, http_client
from py_eureka_client.eureka_client import EurekaClient

from eureka_registry.core.model import DataCenter, Instance, Port, Status
from eureka_registry.wire import jsoncodec

NOW = 1_795_000_000_000
CENTER = {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"}
MINIMAL = {"hostName": "h1", "app": "FOO", "ipAddr": "1.2.3.4", "dataCenterInfo": CENTER}
FIELDS = {
    "instanceId",
    "hostName",
    "app",
    "ipAddr",
    "status",
    "overriddenStatus",
    "port",
    "securePort",
    "countryId",
    "dataCenterInfo",
    "leaseInfo",
    "metadata",
    "appGroupName",
    "homePageUrl",
    "statusPageUrl",
    "healthCheckUrl",
    "secureHealthCheckUrl",
    "vipAddress",
    "secureVipAddress",
    "isCoordinatingDiscoveryServer",
    "lastUpdatedTimestamp",
    "lastDirtyTimestamp",
    "actionType",
    "asgName",
}


class Wire(http_client.HttpClient):  # type: ignore[misc]  # the library has no types
    """Takes what py_eureka_client would send."""

    def __init__(self) -> None:
        self.posted: list[bytes] = []

    async def urlopen(
        self,
        request: object = None,
        data: bytes = b"",
        timeout: float = 0,  # noqa: ASYNC109
    ) -> http_client.HttpResponse:
        """Keep the body instead of sending it."""
        del request, timeout
        self.posted.append(data)
        return http_client.HttpResponse()


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """The client's only way to a server."""
    wire = Wire()
    monkeypatch.setattr(http_client, "http_client", wire)
    return wire


async def test_py_eureka_client_registers(wire: Wire) -> None:
    """What its version 0.13 really posts."""
    client = EurekaClient(
        eureka_server="http://127.0.0.1:1/eureka/",
        app_name="orders",
        instance_host="h",
        instance_ip="10.0.0.1",
        instance_port=9090,
        metadata={"k_1": "v"},
    )
    await client._EurekaClient__parepare_instance_info()
    await client.register()

    shown = jsoncodec.decode_instance(wire.posted[0], NOW)

    assert shown.id == "10.0.0.1:orders:9090"
    assert shown.app == "ORDERS"
    assert shown.metadata == {"management.port": "9090", "zone": "default", "k_1": "v"}
    assert shown.port == Port(9090, enabled=True)
    assert shown.last_dirty_ms > 0


async def test_py_eureka_clients_plain_function_registers(wire: Wire) -> None:
    """Its `register` sends empty texts for all that is not set."""
    await eureka_basic.register(
        "http://127.0.0.1:1/eureka/",
        eureka_basic.Instance(app="orders", hostName="h", ipAddr="10.0.0.1", status="UP"),
    )

    shown = jsoncodec.decode_instance(wire.posted[0], NOW)

    assert shown.overridden_status is Status.UNKNOWN
    assert shown.id == "h:10.0.0.1:orders:9090"


JS = {
    "app": "jqservice",
    "hostName": "localhost",
    "ipAddr": "127.0.0.1",
    "port": {"$": 8080, "@enabled": True},
    "vipAddress": "jq.test.something.com",
    "dataCenterInfo": CENTER,
    "status": "UP",
}
SPRING = MINIMAL | {
    "instanceId": "h1:foo:8080",
    "sid": "na",
    "appGroupName": None,
    "homePageUrl": "http://h1:8080/",
    "secureHealthCheckUrl": None,
    "countryId": 1,
    "status": "UP",
    "overriddenStatus": "UNKNOWN",
    "leaseInfo": {
        "renewalIntervalInSecs": 30,
        "durationInSecs": 90,
        "registrationTimestamp": 0,
        "lastRenewalTimestamp": 0,
        "renewalTimestamp": 0,
        "evictionTimestamp": 0,
        "serviceUpTimestamp": 0,
    },
    "isCoordinatingDiscoveryServer": True,
    "lastUpdatedTimestamp": 1_795_178_982_000,
    "lastDirtyTimestamp": 1_795_178_982_000,
    "actionType": None,
    "asgName": None,
    "port": {"$": 8080, "@enabled": "true"},
    "securePort": {"$": 443, "@enabled": "false"},
    "metadata": {"management.port": "8080"},
}
STEELTOE = MINIMAL | {
    "instanceId": "h1:foo:8080",
    "status": "UP",
    "overriddenstatus": "UNKNOWN",
    "port": {"@enabled": "true", "$": 8080},
    "securePort": {"@enabled": "false", "$": 443},
    "countryId": 1,
    "leaseInfo": {"renewalIntervalInSecs": 30, "durationInSecs": 90},
    "metadata": {"@class": "java.util.Collections$EmptyMap"},
    "lastUpdatedTimestamp": "1795178982000",
    "lastDirtyTimestamp": "1795178982000",
    "actionType": "ADDED",
}
FARGO = MINIMAL | {
    "dataCenterInfo": {"name": "MyOwn", "@class": "com.netflix.appinfo.MyDataCenterInfo"},
    "overriddenstatus": "",
    "status": "UP",
    "port": {"$": "8080", "@enabled": "true"},
    "securePort": {"$": "0", "@enabled": "false"},
    "countryId": 0,
    "leaseInfo": {"renewalIntervalInSecs": 0, "durationInSecs": 0},
    "metadata": None,
}
ARTHURHLT = MINIMAL | {
    "port": {"$": 8080, "@enabled": "true"},
    "leaseInfo": {"evictionDurationInSecs": 30},
    "status": "UP",
}


@pytest.mark.parametrize("document", [JS, SPRING, STEELTOE, FARGO, ARTHURHLT])
def test_other_clients_register(document: dict[str, object]) -> None:
    """Case 40."""
    shown = jsoncodec.decode_instance(json.dumps({"instance": document}).encode(), NOW)

    assert shown.port == Port(8080, enabled=True)
    assert shown.status is Status.UP
    assert (shown.lease.renewal_interval_s, shown.lease.duration_s) == (30, 90)
    assert shown.data_center == DataCenter("MyOwn")


@pytest.mark.parametrize(
    "encode",
    [jsoncodec.encode_instance, jsoncodec.encode_compact, jsoncodec.encode_departure],
)
@pytest.mark.parametrize("document", [JS, SPRING, STEELTOE, FARGO, ARTHURHLT])
def test_nothing_is_written_that_a_strict_client_does_not_know(
    encode: Callable[[Instance], bytes], document: dict[str, object]
) -> None:
    """One unknown field, and Spring's clients see no application at all."""
    shown = jsoncodec.decode_instance(json.dumps({"instance": document}).encode(), NOW)

    fields = json.loads(encode(shown))

    assert set(fields) <= FIELDS
    assert all(value is not None for value in fields.values())
    assert set(fields["port"]) == {"$", "@enabled"}
