"""Requests, made before anything is measured, of instances as Spring's client registers them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, NamedTuple

PER_APPLICATION: Final = 20
DIRTY_MS: Final = 1_700_000_000_000
JSON_GZIP: Final = {"Accept": "application/json", "Accept-Encoding": "gzip"}
APPS: Final = "/eureka/apps"
DELTA: Final = "/eureka/apps/delta"
DIGEST: Final = "/eureka/peerreplication/digest"

_CLASS: Final = "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"
_INTERVAL_S: Final = 30
_DURATION_S: Final = 3600


def leased(interval_s: int, duration_s: int) -> dict[str, int]:
    """`leaseInfo` of an instance that renews every so many seconds."""
    return {"renewalIntervalInSecs": interval_s, "durationInSecs": duration_s}


class Place(NamedTuple):
    """Where an instance is found."""

    app: str
    id: str

    @property
    def path(self) -> str:
        """Its URL's path."""
        return f"{APPS}/{self.app}/{self.id}"


def place(number: int) -> Place:
    """The place of instance `number`; neighbours are in the same application."""
    app = f"SERVICE-{number // PER_APPLICATION:04}"
    return Place(app, f"host-{number}.example.internal:{app.lower()}:8080")


def request(
    method: str, path: str, headers: Mapping[str, str] = JSON_GZIP, body: bytes = b""
) -> bytes:
    """One request as it goes on the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


FETCH: Final = request("GET", APPS)
"""A full fetch."""


def renewal(number: int) -> bytes:
    """A renewal as Java's client sends it."""
    query = f"status=UP&lastDirtyTimestamp={DIRTY_MS}"
    return request("PUT", f"{place(number).path}?{query}")


def registration(number: int, mark: str = "", lease: Mapping[str, int] | None = None) -> bytes:
    """A registration; `mark` is found in the document, by which a reader sees that it is this one.

    Without a `lease` nothing expires while something else is measured.

    Every registration of an instance has the same dirty timestamp, so that renewals stay right.
    """
    where = place(number)
    held = lease or leased(_INTERVAL_S, _DURATION_S)
    content = {"instance": {**_document(number, where, mark), "leaseInfo": held}}
    document = json.dumps(content, separators=(",", ":"))
    return request("POST", f"{APPS}/{where.app}", body=document.encode("ascii"))


def _document(number: int, where: Place, mark: str) -> dict[str, object]:
    host, vip = f"host-{number}.example.internal", where.app.lower()
    base = f"http://{host}:8080/"
    return {
        "instanceId": where.id,
        "hostName": host,
        "app": where.app,
        "ipAddr": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
        "status": "UP",
        "overriddenStatus": "UNKNOWN",
        "port": {"$": 8080, "@enabled": "true"},
        "securePort": {"$": 443, "@enabled": "false"},
        "countryId": 1,
        "dataCenterInfo": {"@class": _CLASS, "name": "MyOwn"},
        "metadata": {"management.port": "8081", "zone": f"zone-{number % 3}", "mark": mark},
        "homePageUrl": base,
        "statusPageUrl": base + "actuator/info",
        "healthCheckUrl": base + "actuator/health",
        "vipAddress": vip,
        "secureVipAddress": vip,
        "isCoordinatingDiscoveryServer": "false",
        "lastUpdatedTimestamp": str(DIRTY_MS),
        "lastDirtyTimestamp": str(DIRTY_MS),
        "actionType": "ADDED",
    }
