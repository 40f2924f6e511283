"""Documents as JSON, exactly as Java's `EurekaJacksonCodec` writes them.

The protocol: `docs/protocol/documents.md#instance-in-json`.

Strict clients read field by field what stands here, so nothing may be added. The order of fields in
the classes below is the order on the wire; a field that is `None` is left out.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from eureka_registry.core.model import ActionType, DataCenter, Instance, LeaseInfo, Port
from eureka_registry.core.validation import beyond_short_bounds, is_short
from eureka_registry.wire.dialects import AMAZON_CLASS, DEFAULT_CLASS, JSON
from eureka_registry.wire.documents import (
    EMPTY_MAP,
    BadDocument,
    Envelope,
    StatusInfo,
    amazon_of_departure,
    brief_amazon,
    envelope,
    instance,
    refuse_unfit,
    shown_sid,
)
from eureka_registry.wire.fields import Literal
from eureka_registry.wire.negotiate import Form
from eureka_registry.wire.plainjson import plain_instance

SEPARATOR: Final = b","
"""Stands between two instances of an application, and between two applications."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_EMPTY_METADATA: Final = {"@class": EMPTY_MAP}
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(float_hook=Literal)


class _Port(msgspec.Struct, frozen=True, gc=False):
    number: int = msgspec.field(name="$")
    enabled: str = msgspec.field(name="@enabled")


class _DataCenter(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    kind: str = msgspec.field(name="@class")
    name: str | None = None
    metadata: dict[str, str] | None = None


class _Lease(msgspec.Struct, frozen=True, gc=False):
    renewalIntervalInSecs: int  # noqa: N815
    durationInSecs: int  # noqa: N815
    registrationTimestamp: int  # noqa: N815
    lastRenewalTimestamp: int  # noqa: N815
    evictionTimestamp: int  # noqa: N815
    serviceUpTimestamp: int  # noqa: N815


class _Full(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, rename="camel"):
    instance_id: str | None = None
    host_name: str
    app: str
    ip_addr: str
    sid: str | None = None
    status: str
    overridden_status: str
    port: _Port
    secure_port: _Port
    country_id: int
    data_center_info: _DataCenter | None = None
    lease_info: _Lease | None = None
    metadata: dict[str, str]
    app_group_name: str | None = None
    home_page_url: str | None = None
    status_page_url: str | None = None
    health_check_url: str | None = None
    secure_health_check_url: str | None = None
    vip_address: str | None = None
    secure_vip_address: str | None = None
    is_coordinating_discovery_server: str | None = None
    last_updated_timestamp: str
    last_dirty_timestamp: str
    action_type: str | None = None
    asg_name: str | None = None


class _Compact(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, rename="camel"):
    instance_id: str | None = None
    app: str
    ip_addr: str
    vip_address: str | None = None
    secure_vip_address: str | None = None
    data_center_info: _DataCenter | None = None
    host_name: str
    status: str
    last_updated_timestamp: int
    action_type: str | None = None
    asg_name: str | None = None
    port: _Port
    secure_port: _Port


def encode(value: object) -> bytes:
    """Write a value as JSON; half a surrogate pair, which UTF-8 cannot hold, as U+FFFD."""
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return _ENCODER.encode(_without_surrogates(value))


def parse(body: bytes) -> object:
    """Read JSON into plain values; numbers with a fraction come as `Literal`.

    Raises:
        BadDocument: it is not JSON, not UTF-8, nested too deeply or holds a giant number.
    """
    try:
        return _DECODER.decode(body.removeprefix(codecs.BOM_UTF8))
    except RecursionError:
        raise BadDocument("the document is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadDocument(f"malformed JSON: {error}") from None


def decode_instance(body: bytes, now_ms: int) -> Instance:
    """Read what a client registers: `{"instance": {...}}` and nothing beside it.

    Raises:
        BadDocument: it cannot be read, or must not be held (`refuse_unfit`).
    """
    read = plain_instance(body)
    if read is not None:
        _refuse_unfit(read, body)
        return read
    root = parse(body)
    if not isinstance(root, dict) or root.keys() != {"instance"}:
        raise BadDocument("the document is not an object with the one key instance")
    return _read(root["instance"], body, now_ms)


def decode_bare(body: bytes, now_ms: int) -> Instance:
    """Read the object below `instance` alone, as copies hold it.

    Raises:
        BadDocument: it cannot be read, or must not be held (`refuse_unfit`).
    """
    return _read(parse(body), body, now_ms)


def is_plain(body: bytes) -> bool:
    """Whether JSON is ASCII without escapes, in which JSON itself allows no control character."""
    return body.isascii() and b"\\" not in body


def instance_from(fields: object, now_ms: int, *, plain: bool = False) -> Instance:
    """Read the object below `instance`, as peers send it bare.

    Args:
        fields: the object.
        now_ms: stands in for a missing `lastDirtyTimestamp`.
        plain: whether `is_plain` holds for the body that it came in.

    Raises:
        BadDocument: it cannot be read, or must not be held (`refuse_unfit`).
    """
    read = _instance(fields, now_ms)
    refuse_unfit(read, plain=plain)
    return read


def decode_applications(body: bytes, now_ms: int) -> Envelope:
    """Read a list of applications, as leniently as clients do.

    One element may stand for a list of one (old servers wrote so), and lists may be missing.

    Raises:
        BadDocument: the list itself cannot be read; a bad instance is only left out.
    """
    root = parse(body)
    top = root.get("applications") if isinstance(root, dict) else None
    if not isinstance(top, dict):
        raise BadDocument("the document has no object applications")
    applications = [
        (entry.get("name"), _as_list(entry.get("instance")))
        for entry in _as_list(top.get("application"))
        if isinstance(entry, dict)
    ]
    plain = is_plain(body)
    return envelope(
        top.get("versions__delta"),
        top.get("apps__hashcode"),
        applications,
        lambda fields: instance_from(fields, now_ms, plain=plain),
    )


def encode_instance(shown: Instance) -> bytes:
    """Write the full document, bare: without `{"instance": ...}`."""
    return encode(
        _Full(
            instance_id=shown.instance_id,
            host_name=shown.host_name,
            app=shown.app,
            ip_addr=shown.ip_addr,
            sid=shown_sid(shown),
            status=shown.status,
            overridden_status=shown.overridden_status,
            port=_port(shown.port),
            secure_port=_port(shown.secure_port),
            country_id=shown.country_id,
            data_center_info=_data_center(shown.data_center),
            lease_info=_lease(shown.lease),
            metadata=shown.metadata or _EMPTY_METADATA,
            app_group_name=shown.app_group_name,
            home_page_url=shown.home_page_url,
            status_page_url=shown.status_page_url,
            health_check_url=shown.health_check_url,
            secure_health_check_url=shown.secure_health_check_url,
            vip_address=shown.vip_address,
            secure_vip_address=shown.secure_vip_address,
            is_coordinating_discovery_server="true" if shown.is_coordinating else "false",
            last_updated_timestamp=str(shown.last_updated_ms),
            last_dirty_timestamp=str(shown.last_dirty_ms),
            action_type=shown.action,
            asg_name=shown.asg_name,
        )
    )


def encode_compact(shown: Instance) -> bytes:
    """Write the compact document (`MiniInstanceInfoMixIn`), bare."""
    return encode(
        _Compact(
            instance_id=shown.instance_id,
            app=shown.app,
            ip_addr=shown.ip_addr,
            vip_address=shown.vip_address,
            secure_vip_address=shown.secure_vip_address,
            data_center_info=_data_center(shown.data_center, brief_amazon),
            host_name=shown.host_name,
            status=shown.status,
            last_updated_timestamp=shown.last_updated_ms,
            action_type=shown.action,
            asg_name=shown.asg_name,
            port=_port(shown.port),
            secure_port=_port(shown.secure_port),
        )
    )


def encode_departure(departed: Instance) -> bytes:
    """Write the parts of a departed instance that clients need to forget it, bare.

    No URLs, metadata or lease. Spring's WebClient reads at most 256 KiB of a delta.
    """
    return encode(
        _Full(
            instance_id=departed.instance_id,
            host_name=departed.host_name,
            app=departed.app,
            ip_addr=departed.ip_addr,
            sid=shown_sid(departed),
            status=departed.status,
            overridden_status=departed.overridden_status,
            port=_port(departed.port),
            secure_port=_port(departed.secure_port),
            country_id=departed.country_id,
            data_center_info=_data_center(
                departed.data_center, lambda metadata: amazon_of_departure(departed, metadata)
            ),
            metadata=_EMPTY_METADATA,
            vip_address=departed.vip_address,
            secure_vip_address=departed.secure_vip_address,
            last_updated_timestamp=str(departed.last_updated_ms),
            last_dirty_timestamp=str(departed.last_dirty_ms),
            action_type=ActionType.DELETED,
        )
    )


def encode_single(shown: Instance) -> bytes:
    """Write one instance as a document of its own (E5, E11, a 409)."""
    return b'{"instance":' + encode_instance(shown) + b"}"


def encode_status(info: StatusInfo) -> bytes:
    """Write `/status`, which the Java server cannot do in JSON."""
    document: dict[str, object] = {
        "generalStats": info.general_stats,
        "applicationStats": info.application_stats,
    }
    if info.instance is not None:
        document["instanceInfo"] = msgspec.Raw(encode_instance(info.instance))
    if info.is_healthy is not None:
        document["isHeathly"] = info.is_healthy
    return encode(document)


def applications_frame(form: Form, version_delta: str, hashcode: str) -> tuple[bytes, bytes]:
    """Write what stands before and after the applications of a list."""
    scalars = b'"versions__delta":%b,"apps__hashcode":%b' % (
        encode(version_delta),
        encode(hashcode),
    )
    if form.compact:
        return b'{"applications":{"application":[', b"]," + scalars + b"}}"
    return b'{"applications":{' + scalars + b',"application":[', b"]}}"


def application_frame(form: Form, name: str, *, alone: bool = False) -> tuple[bytes, bytes]:
    """Write what stands before and after the instances of an application.

    Args:
        form: full and compact look the same.
        name: the application's name.
        alone: whether it is a document of its own (E3).
    """
    del form
    head, tail = b'{"name":' + encode(name) + b',"instance":[', b"]}"
    return (b'{"application":' + head, tail + b"}") if alone else (head, tail)


def _read(fields: object, body: bytes, now_ms: int) -> Instance:
    read = _instance(fields, now_ms)
    _refuse_unfit(read, body)
    return read


def _instance(fields: object, now_ms: int) -> Instance:
    if not isinstance(fields, dict):
        raise BadDocument("the instance is not an object")
    return instance(fields, now_ms, JSON)


def _refuse_unfit(read: Instance, body: bytes) -> None:
    """The same as `refuse_unfit`, but faster for a short document in ASCII."""
    plain = is_plain(body)
    if plain and is_short(body) and beyond_short_bounds(read) is None:
        return
    refuse_unfit(read, plain=plain)


def _port(port: Port) -> _Port:
    return _Port(port.number, "true" if port.enabled else "false")


def _lease(lease: LeaseInfo) -> _Lease:
    return _Lease(
        lease.renewal_interval_s,
        lease.duration_s,
        lease.registered_at_ms,
        lease.renewed_at_ms,
        lease.evicted_at_ms,
        lease.service_up_at_ms,
    )


def _data_center(
    center: DataCenter | None,
    shorten: Callable[[Mapping[str, str]], dict[str, str]] | None = None,
) -> _DataCenter | None:
    if center is None:
        return None
    if center.amazon is None:
        return _DataCenter(kind=DEFAULT_CLASS, name=center.name or None)
    metadata = shorten(center.amazon) if shorten else center.amazon
    return _DataCenter(kind=AMAZON_CLASS, name="Amazon", metadata=metadata)


def _as_list(value: object) -> list[object]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _without_surrogates(value: object) -> object:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(held) for key, held in value.items()}
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.asdict(value)
        return type(value)(**{name: _without_surrogates(held) for name, held in fields.items()})
    return value
