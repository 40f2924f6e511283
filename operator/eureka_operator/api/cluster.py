"""An `EurekaCluster` as the operator uses it, read from its document."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import inspect

from eureka_operator.api.check import Problem, object_problems, without_nulls
from eureka_operator.api.rules import rule_problems, transition_problems
from eureka_operator.api.spec import Spec

__all__ = [
    "API_VERSION",
    "KIND",
    "Cluster",
    "Guard",
    "Problem",
    "Spec",
    "read",
    "transition_problems",
]

API_VERSION: Final = "eurekube.io/v1alpha1"
KIND: Final = "EurekaCluster"


class Guard(StrEnum):
    """The step of authentication at peers: none, only among themselves, or for all."""

    OFF = ""
    PROVES = "proves"
    ASKS = "asks"


class Cluster(msgspec.Struct, frozen=True):
    """One `EurekaCluster`.

    `uid` and `namespace` are empty and `generation` is 0 for a document that the API server has not
    seen. `deleting` says that it is being deleted, `status` is as it was written, empty if it was
    not. `guard` is the step of authentication that its peers should have now, if they are not yet
    where `spec.auth` wants them.
    """

    name: str
    namespace: str
    uid: str
    generation: int
    annotations: dict[str, str]
    deleting: bool
    spec: Spec
    status: dict[str, Any]
    guard: Guard | None = None


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """`metadata`: its other fields are Kubernetes' own."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    annotations: dict[str, str] = {}
    deletion_timestamp: str | None = None


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    """The whole object."""

    metadata: dict[str, Any]
    spec: Spec
    api_version: str = API_VERSION
    kind: str = KIND
    status: dict[str, Any] = {}


_EXPECTED: Final = {"apiVersion": API_VERSION, "kind": KIND}
_METADATA: Final = inspect.type_info(_Metadata)
_DOCUMENT: Final = inspect.type_info(_Document)


def read(document: Mapping[str, Any], *, strict: bool = False) -> Cluster | tuple[Problem, ...]:
    """Read an object, or say everything that is wrong with it.

    With `strict`, a field that the CRD does not have is a problem; else it is ignored: the CRD may
    be newer than this operator.
    """
    node = without_nulls(document)
    found = tuple(object_problems(node, _EXPECTED, _DOCUMENT, _METADATA, strict=strict))
    if found:
        return found
    document_read = msgspec.convert(node, _Document)
    metadata = msgspec.convert(document_read.metadata, _Metadata)
    return tuple(rule_problems(metadata.name, document_read.spec)) or Cluster(
        name=metadata.name,
        namespace=metadata.namespace,
        uid=metadata.uid,
        generation=metadata.generation,
        annotations=metadata.annotations,
        deleting=metadata.deletion_timestamp is not None,
        spec=document_read.spec,
        status=document_read.status,
    )
