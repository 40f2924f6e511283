"""Documents as XML: full ones as XStream writes them, compact ones as Jackson does.

A document is built as lines, each indented relative to its own root; a compact one is the same in a
single line. Texts and names are escaped on the way (`eureka_registry.wire.xmltext`), so whatever
an instance holds, what comes out is well-formed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from eureka_registry.core.model import ActionType, DataCenter, Instance, LeaseInfo, Port, Status
from eureka_registry.wire.dialects import AMAZON_CLASS, DEFAULT_CLASS, XML
from eureka_registry.wire.documents import (
    EMPTY_MAP,
    BadDocument,
    StatusInfo,
    amazon_of_departure,
    brief_amazon,
    instance,
    refuse_unfit,
    shown_sid,
)
from eureka_registry.wire.negotiate import Form
from eureka_registry.wire.xmlreader import Node, parse
from eureka_registry.wire.xmltext import escape, key_of, name_of

SEPARATOR: Final = b""
"""Stands between two instances or applications: each ends its own line."""

_STEP: Final = "  "
_INSTANCE_ELEMENTS: Final = 10_000
_V1_STATUSES: Final = frozenset({Status.UP, Status.DOWN, Status.STARTING})
_MAPS: Final = frozenset({"metadata", "dataCenterInfo", "leaseInfo"})
_STATUS_INFO: Final = "com.netflix.eureka.util.StatusInfo"


def decode_instance(body: bytes, now_ms: int) -> Instance:
    """Read what a client registers.

    Raises:
        BadDocument: it cannot be read, or must not be held (`refuse_unfit`).
    """
    root = parse(body, element_limit=_INSTANCE_ELEMENTS)
    if root.name != "instance":
        raise BadDocument("the root element is not instance")
    return _instance(root, now_ms)


def encode_instance(shown: Instance, depth: int = 0, *, v1: bool = False) -> bytes:
    """Write the full document.

    Args:
        shown: the instance.
        depth: how many elements it stands in; inside others it ends with a newline.
        v1: whether a status that version 1 does not know is shown as DOWN.
    """
    return _indent(_inside("instance", _full(shown, v1=v1)), depth)


def encode_compact(shown: Instance, *, v1: bool = False) -> bytes:
    """Write the compact document in one line."""
    lines = (
        *_optional("instanceId", shown.instance_id),
        _element("app", shown.app),
        _element("ipAddr", shown.ip_addr),
        *_addresses(shown),
        *_data_center(shown.data_center, brief_amazon),
        _element("hostName", shown.host_name),
        _element("status", _status(shown.status, v1=v1)),
        _element("lastUpdatedTimestamp", str(shown.last_updated_ms)),
        *_optional("actionType", shown.action),
        *_optional("asgName", shown.asg_name),
        _port("port", shown.port),
        _port("securePort", shown.secure_port),
    )
    return _in_one_line(_inside("instance", lines))


def encode_departure(departed: Instance, depth: int = 2, *, v1: bool = False) -> bytes:
    """Write the parts of a departed instance that clients need to forget it.

    Arguments as for `encode_instance`.
    """
    lines = (
        *_identity(departed, v1=v1),
        *_data_center(
            departed.data_center, lambda metadata: amazon_of_departure(departed, metadata)
        ),
        *_map("metadata", {}),
        *_addresses(departed),
        *_moments(departed),
        _element("actionType", ActionType.DELETED),
    )
    return _indent(_inside("instance", lines), depth)


def encode_single(shown: Instance, *, v1: bool = False) -> bytes:
    """Write one instance as a document of its own (E5, E11, a 409)."""
    return encode_instance(shown, v1=v1)


def encode_status(info: StatusInfo) -> bytes:
    """Write `/status`."""
    lines = [
        *_map("generalStats", info.general_stats),
        *_map("applicationStats", info.application_stats),
    ]
    if info.instance is not None:
        lines += _inside("instanceInfo", _full(info.instance, v1=False))
    if info.is_healthy is not None:
        lines.append(_element("isHeathly", _flag(info.is_healthy)))
    return _indent(_inside(_STATUS_INFO, lines), 0)


def applications_frame(form: Form, version_delta: str, hashcode: str) -> tuple[bytes, bytes]:
    """Write what stands before and after the applications of a list."""
    scalars = (_element("versions__delta", version_delta), _element("apps__hashcode", hashcode))
    if form.compact:
        return b"<applications>", _in_one_line((*scalars, "</applications>"))
    return _indent(("<applications>", *(_STEP + line for line in scalars)), 0) + b"\n", (
        b"</applications>"
    )


def application_frame(form: Form, name: str, *, alone: bool = False) -> tuple[bytes, bytes]:
    """Write what stands before and after the instances of an application.

    Args:
        form: full or compact.
        name: the application's name.
        alone: whether it is a document of its own (E3); its instances are then at depth 1,
            otherwise at depth 2.
    """
    head = ("<application>", _STEP + _element("name", name))
    if form.compact:
        return _in_one_line((head[0], head[1].strip())), b"</application>"
    if alone:
        return _indent(head, 0) + b"\n", b"</application>"
    return _indent(head, 1), _indent(("</application>",), 1)


# -- Writing


def _element(tag: str, text: str) -> str:
    return f"<{tag}>{escape(text)}</{tag}>"


def _optional(tag: str, text: str | None) -> tuple[str, ...]:
    return () if text is None else (_element(tag, text),)


def _inside(tag: str, lines: Iterable[str], attribute: str = "") -> tuple[str, ...]:
    return (f"<{tag}{attribute}>", *(_STEP + line for line in lines), f"</{tag}>")


def _map(tag: str, texts: Mapping[str, str]) -> tuple[str, ...]:
    """A map with its keys as tags; an empty key has no tag and is left out."""
    lines = [_element(name_of(key), text) for key, text in texts.items() if key]
    return _inside(tag, lines) if lines else (f'<{tag} class="{EMPTY_MAP}"/>',)


def _indent(lines: Iterable[str], depth: int) -> bytes:
    margin = _STEP * depth
    text = margin + f"\n{margin}".join(lines)
    return f"{text}\n".encode() if depth else text.encode()


def _in_one_line(lines: Iterable[str]) -> bytes:
    return "".join(line.lstrip(" ") for line in lines).encode()


def _full(shown: Instance, *, v1: bool) -> tuple[str, ...]:
    return (
        *_identity(shown, v1=v1),
        *_data_center(shown.data_center),
        *_lease(shown.lease),
        *_map("metadata", shown.metadata),
        *_optional("appGroupName", shown.app_group_name),
        *_optional("homePageUrl", shown.home_page_url),
        *_optional("statusPageUrl", shown.status_page_url),
        *_optional("healthCheckUrl", shown.health_check_url),
        *_optional("secureHealthCheckUrl", shown.secure_health_check_url),
        *_addresses(shown),
        _element("isCoordinatingDiscoveryServer", _flag(shown.is_coordinating)),
        *_moments(shown),
        *_optional("actionType", shown.action),
        *_optional("asgName", shown.asg_name),
    )


def _identity(shown: Instance, *, v1: bool) -> tuple[str, ...]:
    return (
        *_optional("instanceId", shown.instance_id),
        _element("hostName", shown.host_name),
        _element("app", shown.app),
        _element("ipAddr", shown.ip_addr),
        *_optional("sid", shown_sid(shown)),
        _element("status", _status(shown.status, v1=v1)),
        _element("overriddenstatus", shown.overridden_status),
        _port("port", shown.port),
        _port("securePort", shown.secure_port),
        _element("countryId", str(shown.country_id)),
    )


def _addresses(shown: Instance) -> tuple[str, ...]:
    return (
        *_optional("vipAddress", shown.vip_address),
        *_optional("secureVipAddress", shown.secure_vip_address),
    )


def _moments(shown: Instance) -> tuple[str, ...]:
    return (
        _element("lastUpdatedTimestamp", str(shown.last_updated_ms)),
        _element("lastDirtyTimestamp", str(shown.last_dirty_ms)),
    )


def _status(status: Status, *, v1: bool) -> str:
    return Status.DOWN if v1 and status not in _V1_STATUSES else status


def _flag(flag: bool) -> str:  # noqa: FBT001
    return "true" if flag else "false"


def _port(tag: str, port: Port) -> str:
    return f'<{tag} enabled="{_flag(port.enabled)}">{port.number}</{tag}>'


def _data_center(
    center: DataCenter | None,
    shorten: Callable[[Mapping[str, str]], dict[str, str]] | None = None,
) -> tuple[str, ...]:
    if center is None:
        return ()
    if center.amazon is None:
        lines = _optional("name", center.name or None)
        return _inside("dataCenterInfo", lines, f' class="{DEFAULT_CLASS}"')
    metadata = shorten(center.amazon) if shorten else center.amazon
    lines = (_element("name", "Amazon"), *_map("metadata", metadata))
    return _inside("dataCenterInfo", lines, f' class="{AMAZON_CLASS}"')


def _lease(lease: LeaseInfo) -> tuple[str, ...]:
    numbers = (
        ("renewalIntervalInSecs", lease.renewal_interval_s),
        ("durationInSecs", lease.duration_s),
        ("registrationTimestamp", lease.registered_at_ms),
        ("lastRenewalTimestamp", lease.renewed_at_ms),
        ("evictionTimestamp", lease.evicted_at_ms),
        ("serviceUpTimestamp", lease.service_up_at_ms),
    )
    return _inside("leaseInfo", (f"<{tag}>{number}</{tag}>" for tag, number in numbers))


# -- Reading


def _instance(node: object, now_ms: int) -> Instance:
    fields: dict[str, object] = {}
    for child in node.children if isinstance(node, Node) else ():
        fields[child.name] = _field(child)
    read = instance(fields, now_ms, XML)
    refuse_unfit(read)
    return read


def _field(node: Node) -> object:
    if node.name in {"port", "securePort"}:
        return {"$": node.text, "@enabled": node.attributes.get("enabled")}
    if node.name == "metadata":
        return {key_of(child.name): child.text for child in node.children if not child.children}
    if node.name in _MAPS:
        return {child.name: _field(child) for child in node.children}
    return node.text
