"""The document of an instance: as a registration sends it, and as a registry returns it."""

from __future__ import annotations

from .. import jsontext
from ..records import record
from .configuration import Instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .downward import PodOptions

UNKNOWN = "UNKNOWN"
OUT_OF_SERVICE = "OUT_OF_SERVICE"

_DATA_CENTER = {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"}
_MOST_SHOWN = 64
_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:@!$&'()*+,=")


@record
class Content:
    """The parts of an instance that change while it is registered."""

    status: str
    metadata: Mapping[str, str] = {}


@record
class RegistryRecord:
    """An instance as a registry holds it."""

    status: str
    overridden: str
    ip: str
    port: int
    dirty_ms: int


def content(instance: Instance, status: str, options: PodOptions) -> Content:
    """The content to register, with what the pod's annotations and labels add."""
    zone = {"zone": options.zone} if options.zone else {}
    return Content(status, {**instance.metadata, **zone, **options.metadata})


def registration(
    instance: Instance, content: Content, overridden: str, dirty_ms: int
) -> dict[str, Any]:
    """The body of a registration.

    `overridden` is the override that this registration carries; `dirty_ms` its
    `lastDirtyTimestamp`: a server keeps what it holds if that has a larger one
    (`AbstractInstanceRegistry.register`).
    """
    document = {
        "instanceId": instance.id,
        "app": instance.app.upper(),
        "hostName": instance.host_name,
        "ipAddr": instance.ip,
        "status": content.status,
        "overriddenStatus": overridden,
        "port": _port(instance.port),
        "securePort": _port(instance.secure_port),
        "vipAddress": instance.vip,
        "secureVipAddress": instance.secure_vip,
        "homePageUrl": instance.home_url,
        "statusPageUrl": instance.status_url,
        "healthCheckUrl": instance.health_url,
        "countryId": 1,
        "dataCenterInfo": _DATA_CENTER,
        "leaseInfo": {
            "renewalIntervalInSecs": instance.renewal_s,
            "durationInSecs": instance.duration_s,
        },
        "metadata": dict(content.metadata),
        "lastDirtyTimestamp": str(dirty_ms),
    }
    return {"instance": {key: value for key, value in document.items() if value != ""}}


def body(document: Mapping[str, Any]) -> bytes:
    """A document as JSON."""
    return jsontext.dumps(document).encode()


def read_record(text: bytes) -> RegistryRecord | None:
    """The instance in the answer to a look-up; `None` if it cannot be read."""
    try:
        instance = jsontext.loads(text)["instance"]
        return RegistryRecord(
            status=_single_word(instance["status"]),
            overridden=_single_word(
                instance.get("overriddenStatus") or instance.get("overriddenstatus") or UNKNOWN
            ),
            ip=_single_word(instance["ipAddr"]),
            port=int(instance["port"]["$"]),
            dirty_ms=_long(instance["lastDirtyTimestamp"]),
        )
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return None  # Overflow: JSON of Python has `Infinity`, and numbers that become it


def _long(value: str | int) -> int:
    """A number that fits into a Java long, so that it can be sent back."""
    number = int(value)
    if not 0 <= number < 2**63:
        raise ValueError("it is not a time")
    return number


def _single_word(value: object) -> str:
    """A text of others, as one word for a log or a terminal."""
    text = str(value)[:_MOST_SHOWN]
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def path_of(instance: Instance) -> str:
    """The path of an instance below a server's base URL."""
    return f"apps/{quote(instance.app.upper())}/{quote(instance.id)}"


def quote(name: str) -> str:
    """A name as one segment of a path. Servlets cut a segment at `;`."""
    return "".join(chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in name.encode())


def _port(port: int) -> dict[str, int | str]:
    return {"$": port, "@enabled": "true" if port else "false"}
