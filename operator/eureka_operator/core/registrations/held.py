"""The instances of an `EurekaRegistration` in a registry, recognised by their metadata.

An operator that has just become the leader has registered nothing itself. By what it finds here it
goes on with the leases of its predecessor, and removes those that nobody wants any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from eureka_operator.core.instances import CLUSTER_UID, NAMESPACE, read_items
from eureka_operator.core.registrations.wanted import (
    REGISTRATION,
    REGISTRATION_UID,
    DesiredInstance,
    Key,
)
from eureka_sidecar.core.configuration import Check, Instance
from eureka_sidecar.core.document import UNKNOWN, Content, registration

_DOCUMENT: Final = (
    "hostName",
    "ipAddr",
    "port",
    "securePort",
    "vipAddress",
    "secureVipAddress",
    "homePageUrl",
    "statusPageUrl",
    "healthCheckUrl",
)
_DIFFERENT: Final = Content("")


class _Item(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An instance; the fields of its document are read only if it has our metadata."""

    app: str
    instance_id: str = ""
    status: str = UNKNOWN
    overridden_status: str = UNKNOWN
    last_dirty_timestamp: int | str = 0
    metadata: dict[str, Any] = {}
    lease_info: dict[str, Any] = {}
    host_name: Any = None
    ip_addr: Any = None
    port: Any = None
    secure_port: Any = None
    vip_address: Any = None
    secure_vip_address: Any = None
    home_page_url: Any = None
    status_page_url: Any = None
    health_check_url: Any = None


class RegisteredInstance(msgspec.Struct, frozen=True, kw_only=True):
    """An instance that says it was registered for an object of this Kubernetes.

    `document` are its fields by their names on the wire, `dirty_ms` its `lastDirtyTimestamp`.
    """

    key: Key
    registration_uid: str
    registration: str
    namespace: str
    status: str
    overridden: str
    dirty_ms: int
    duration_s: int
    renewal_s: int
    metadata: dict[str, str]
    document: dict[str, Any]


def read_registered(body: bytes, cluster_uid: str) -> dict[Key, RegisteredInstance]:
    """The instances with our metadata, and of this Kubernetes, in the answer to `GET apps`.

    Raises:
        NoInstancesError: It is another document.
    """
    return {each.key: each for each in _own_instances(read_items(body, _Item), cluster_uid)}


def registered_content(instance: RegisteredInstance, wanted: DesiredInstance) -> Content:
    """The content of a wanted instance at the registry; unequal to any if other fields differ.

    An override hides what was registered: such an instance is registered again.
    """
    document = registration(wanted.instance, wanted.content, UNKNOWN, 0)["instance"]
    lease = document["leaseInfo"]
    is_same = (
        instance.overridden == UNKNOWN
        and instance.document == {name: document[name] for name in _DOCUMENT if name in document}
        and instance.renewal_s == lease["renewalIntervalInSecs"]
        and instance.duration_s == lease["durationInSecs"]
    )
    return Content(instance.status, instance.metadata) if is_same else _DIFFERENT


def removable_instance(instance: RegisteredInstance) -> Instance:
    """The parts of a registered instance that are needed to remove it."""
    return Instance(
        app=instance.key.app,
        id=instance.key.id,
        host_name="",
        ip="",
        port=0,
        check=Check("tcp", 0),
        renewal_s=instance.renewal_s or 30,
        duration_s=instance.duration_s or 90,
    )


def _own_instances(items: Iterable[_Item], cluster_uid: str) -> Iterator[RegisteredInstance]:
    for item in items:
        uid = item.metadata.get(REGISTRATION_UID)
        if uid and cluster_uid and item.metadata.get(CLUSTER_UID) == cluster_uid:
            yield _registered_instance(item)


def _registered_instance(item: _Item) -> RegisteredInstance:
    shown = msgspec.to_builtins(item)
    metadata = {str(key): str(value) for key, value in item.metadata.items()}
    return RegisteredInstance(
        key=Key(item.app, item.instance_id),
        registration_uid=metadata[REGISTRATION_UID],
        registration=metadata.get(REGISTRATION, ""),
        namespace=metadata.get(NAMESPACE, ""),
        status=item.status,
        overridden=item.overridden_status,
        dirty_ms=_number(item.last_dirty_timestamp),
        duration_s=_number(item.lease_info.get("durationInSecs")),
        renewal_s=_number(item.lease_info.get("renewalIntervalInSecs")),
        metadata={key: value for key, value in metadata.items() if key != "@class"},
        document={name: shown[name] for name in _DOCUMENT if shown[name] not in (None, "")},
    )


def _number(value: object) -> int:
    """A number, however it is written; 0 if it is none."""
    try:
        return max(int(str(value)), 0)
    except ValueError:
        return 0
