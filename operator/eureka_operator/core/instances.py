"""The instances of pods in a registry: those whose metadata name a pod.

Everything here was written by whoever may register, so nothing of it is believed before it was
looked at: a name that Kubernetes would not take is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, Generic, TypeVar

import msgspec

from eureka_sidecar.core.document import UNKNOWN

POD_UID: Final = "pod-uid"
POD_NAME: Final = "pod-name"
NAMESPACE: Final = "namespace"
CLUSTER_UID: Final = "cluster-uid"
"""Metadata of an instance: in which Kubernetes its pod runs, as the uid of `kube-system`, which
stays the same for as long as a cluster lives. The injector sets it."""

_UID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)

T = TypeVar("T")


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """An instance that says which pod it is.

    `status` is the one that clients see, `overridden` UNKNOWN without an override. `cluster_uid` is
    empty for one that does not say in which Kubernetes its pod runs.
    """

    app: str
    id: str
    pod_uid: str
    pod: str
    namespace: str
    cluster_uid: str = ""
    status: str = UNKNOWN
    overridden: str = UNKNOWN

    def __str__(self) -> str:
        """The instance as people write it."""
        return f"{self.app}/{self.id}"


class NoInstancesError(ValueError):
    """A document that is not the answer of a registry; the text says what is wrong."""


class _Item(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    app: str
    instance_id: str | None = None
    host_name: str = ""
    status: str = UNKNOWN
    overridden_status: str = UNKNOWN
    metadata: dict[str, Any] = {}


class _Application(msgspec.Struct, Generic[T], frozen=True):
    instance: list[T] = []


class _Applications(msgspec.Struct, Generic[T], frozen=True):
    application: list[_Application[T]] = []


class _List(msgspec.Struct, Generic[T], frozen=True):
    applications: _Applications[T]


class _One(msgspec.Struct, frozen=True):
    instance: _Item


def read_items(body: bytes, item: type[T]) -> Iterator[T]:
    """All instances of the answer to `GET apps`; of each the fields that `item` has.

    Raises:
        NoInstancesError: It is another document.
    """
    try:
        found: _List[T] = msgspec.json.decode(body, type=_List[item])  # type: ignore[valid-type]
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NoInstancesError(f"not a list of applications: {error}") from error
    return (each for application in found.applications.application for each in application.instance)


def read_list(body: bytes) -> tuple[Instance, ...]:
    """The instances that name a pod, of the answer to `GET apps`.

    Raises:
        NoInstancesError: It is another document.
    """
    return tuple(filter(None, map(_instance, read_items(body, _Item))))


def read_one(body: bytes) -> Instance | None:
    """The instance of the answer to `GET apps/APP/ID`; `None` if it names no pod.

    Raises:
        NoInstancesError: It is another document.
    """
    try:
        found = msgspec.json.decode(body, type=_One)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NoInstancesError(f"no instance: {error}") from error
    return _instance(found.instance)


def _instance(item: _Item) -> Instance | None:
    pod_uid = _matching_text(_UID, item.metadata.get(POD_UID))
    pod = _matching_text(_NAME, item.metadata.get(POD_NAME))
    namespace = _matching_text(_LABEL, item.metadata.get(NAMESPACE))
    if not (pod_uid and pod and namespace):
        return None
    return Instance(
        app=item.app,
        id=item.instance_id or item.host_name,
        pod_uid=pod_uid,
        pod=pod,
        namespace=namespace,
        cluster_uid=_matching_text(_UID, item.metadata.get(CLUSTER_UID)),
        status=item.status,
        overridden=item.overridden_status,
    )


def _matching_text(pattern: re.Pattern[str], value: object) -> str:
    """The value if it is a text of that form, else an empty one."""
    return value if isinstance(value, str) and pattern.fullmatch(value) else ""
