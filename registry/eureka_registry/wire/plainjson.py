"""Reads registrations in the form of Java's clients, in a third of the time.

Every field has one type here, which msgspec checks while it reads. A document with a field of
another type, or one that is not listed, is not plain: `documents.instance` reads it, with all its
lenience. Where this module gives an instance, it is the one that `documents.instance` gives.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from eureka_registry.core.model import (
    DEFAULT_DURATION_S,
    DEFAULT_RENEWAL_INTERVAL_S,
    DEFAULT_SID,
    ActionType,
    Instance,
    LeaseInfo,
    Status,
)
from eureka_registry.wire.fields import INT_MAX, LONG_MAX
from eureka_registry.wire.sharing import (
    shared_center,
    shared_metadata,
    shared_port,
    shared_text,
)

_Int = Annotated[int, msgspec.Meta(ge=0, lt=INT_MAX)]
_Long = Annotated[int, msgspec.Meta(ge=0, lt=LONG_MAX)]
_LONGEST_MOMENT: Final = 18
"""Digits of a number that is certainly a Java `long`."""


class _Plain(msgspec.Struct, frozen=True, gc=False, rename="camel", forbid_unknown_fields=True):
    """A struct that refuses unknown fields."""


class _Port(_Plain, frozen=True):
    number: _Int = msgspec.field(name="$")
    enabled: Literal["true", "false"] = msgspec.field(name="@enabled")


class _DataCenter(_Plain, frozen=True):
    kind: Literal[
        "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
        "com.netflix.appinfo.MyDataCenterInfo",
    ] = msgspec.field(name="@class")
    name: Literal["MyOwn", "Netflix"]


class _Lease(_Plain, frozen=True):
    renewal_interval_in_secs: _Int = 0
    duration_in_secs: _Int = 0
    registration_timestamp: _Long = 0
    last_renewal_timestamp: _Long = 0
    eviction_timestamp: _Long = 0
    service_up_timestamp: _Long = 0


class _Fields(_Plain, frozen=True, kw_only=True):
    instance_id: str
    host_name: str
    app: str
    ip_addr: str
    sid: str | None = None
    status: Status
    overridden_status: Status = Status.UNKNOWN
    port: _Port
    secure_port: _Port
    country_id: _Int
    data_center_info: _DataCenter
    lease_info: _Lease
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
    action_type: ActionType | None = None
    asg_name: str | None = None


class _JavaFields(_Fields, frozen=True, kw_only=True):
    """As Netflix's clients spell the override."""

    overridden_status: Status = msgspec.field(default=Status.UNKNOWN, name="overriddenstatus")


class _Document(_Plain, frozen=True):
    instance: _Fields


class _JavaDocument(_Plain, frozen=True):
    instance: _JavaFields


_READER: Final = msgspec.json.Decoder(_Document)
_JAVA_READER: Final = msgspec.json.Decoder(_JavaDocument)


def plain_instance(body: bytes) -> Instance | None:
    """The instance in `{"instance": {...}}`; `None` if it is not certainly a plain document."""
    reader = _JAVA_READER if b'"overriddenstatus"' in body else _READER
    try:
        read = reader.decode(body).instance
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    updated, dirty = read.last_updated_timestamp, read.last_dirty_timestamp
    if not (_is_moment(updated) and _is_moment(dirty)) or "@class" in read.metadata:
        return None
    return Instance(
        instance_id=read.instance_id,
        host_name=read.host_name,
        app=shared_text(read.app.upper()),
        ip_addr=read.ip_addr,
        sid=DEFAULT_SID if read.sid is None else read.sid,
        status=read.status,
        overridden_status=read.overridden_status,
        port=shared_port(read.port.number, enabled=read.port.enabled == "true"),
        secure_port=shared_port(
            read.secure_port.number, enabled=read.secure_port.enabled == "true"
        ),
        country_id=read.country_id,
        data_center=shared_center(read.data_center_info.name),
        lease=_lease(read.lease_info),
        metadata=shared_metadata(read.metadata),
        app_group_name=read.app_group_name and read.app_group_name.upper(),
        home_page_url=read.home_page_url,
        status_page_url=read.status_page_url,
        health_check_url=read.health_check_url,
        secure_health_check_url=read.secure_health_check_url,
        vip_address=read.vip_address and shared_text(read.vip_address),
        secure_vip_address=read.secure_vip_address and shared_text(read.secure_vip_address),
        is_coordinating=(read.is_coordinating_discovery_server or "").lower() == "true",
        last_updated_ms=int(updated),
        last_dirty_ms=int(dirty),
        action=read.action_type,
        asg_name=read.asg_name,
    )


def _is_moment(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _LONGEST_MOMENT


def _lease(read: _Lease) -> LeaseInfo:
    return LeaseInfo(
        read.renewal_interval_in_secs or DEFAULT_RENEWAL_INTERVAL_S,
        read.duration_in_secs or DEFAULT_DURATION_S,
        read.registration_timestamp,
        read.last_renewal_timestamp,
        read.eviction_timestamp,
        read.service_up_timestamp,
    )
