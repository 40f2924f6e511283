"""Finds fields that this operator knows and the served CustomResourceDefinition does not have.

The API server drops a field that is not in its schema without a message, in the spec and in the
status. So an operator that is newer than the CRD must say so itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import inspect

from eureka_operator.api import registration, spec
from eureka_operator.core.kinds import CLUSTER, REGISTRATION, Kind, Object

_OF_CONDITIONS: Final = (
    "type",
    "status",
    "observedGeneration",
    "lastTransitionTime",
    "reason",
    "message",
)
_CONDITIONS: Final = ("conditions", *(f"conditions[].{name}" for name in _OF_CONDITIONS))
_STATUS: Final[Mapping[Kind, tuple[str, ...]]] = {
    CLUSTER: (
        "observedGeneration",
        "phase",
        "replicas",
        "readyReplicas",
        "updatedReplicas",
        "selector",
        "version",
        "operatorVersion",
        "configHash",
        *_CONDITIONS,
        "rollout",
        "rollout.targetRevision",
        "rollout.currentPeer",
        "rollout.startedAt",
        "peers",
        "peers[].name",
        "peers[].index",
        "peers[].zone",
        "peers[].url",
        "peers[].node",
        "peers[].state",
        "peers[].version",
        "peers[].revision",
        "peers[].configHash",
        "peers[].replicationBacklog",
        "peers[].since",
        "registry",
        "registry.applications",
        "registry.instances",
        "registry.selfPreservation",
        "registry.sampledAt",
        "tls",
        "tls.secretName",
        "tls.notAfter",
        "endpoints",
        "endpoints.internal",
        "endpoints.external",
        "endpoints.defaultZone",
        "endpoints.zones",
    ),
    REGISTRATION: (
        "observedGeneration",
        "app",
        "instances",
        "up",
        "lastRenewal",
        *_CONDITIONS,
    ),
}
"""What the operator writes; no type says it, as a status is made of what others report."""
_SPECS: Final[Mapping[Kind, type]] = {CLUSTER: spec.Spec, REGISTRATION: registration.Spec}
_UNDECLARED: Final = re.compile(r"(\.\S+): field not declared in schema")
_ITEM: Final = re.compile(r"\[[^\]]*\]")
KINDS: Final = tuple(_SPECS)
"""The kinds whose CustomResourceDefinitions are looked at."""


def name(kind: Kind) -> str:
    """The name of the CustomResourceDefinition of a kind."""
    return f"{kind.plural}.{kind.group}"


def fields(kind: Kind) -> frozenset[str]:
    """Every field of a kind that this operator knows, such as `spec.topology.zones[].name`."""
    of_spec = _of_model(inspect.type_info(_SPECS[kind]), "spec")
    of_status = (f"status.{field}" for field in _STATUS[kind])
    return frozenset({"spec", "status", *of_spec, *of_status})


def served_fields(crd: Object, kind: Kind) -> frozenset[str]:
    """Every field of the version that the operator uses; none if that is not served."""
    for version in crd["spec"]["versions"]:
        if version["name"] == kind.version:
            schema = version.get("schema", {}).get("openAPIV3Schema", {})
            return frozenset(_of_schema(schema, ""))
    return frozenset()


def missing_fields(crd: Object, kind: Kind) -> tuple[str, ...]:
    """The known fields that the CRD lacks, sorted; a group that is missing by its name alone."""
    missing = fields(kind) - served_fields(crd, kind)
    return tuple(sorted(path for path in missing if not missing.intersection(_groups(path))))


def warning(crd: str, missing_fields: Iterable[str]) -> str:
    """The message about missing fields."""
    return (
        f"the CustomResourceDefinition {crd} is older than this operator: it lacks"
        f" {', '.join(missing_fields)}; values set there are dropped silently, everything else"
        " works. To get them: kubectl apply --server-side -f crds/, of the operator's release"
    )


def undeclared_fields(message: str) -> frozenset[str]:
    """Fields for which an API server (1.34) refuses an apply; it may name some of them only.

    Of items of a list it names each: `.status.peers[name="peer1"].since` is `status.peers[].since`.
    """
    return frozenset(_ITEM.sub("[]", path)[1:] for path in _UNDECLARED.findall(message))


def without_fields(node: Any, fields: frozenset[str], path: str = "") -> Any:  # noqa: ANN401 - JSON
    """A document without some of its fields."""
    if isinstance(node, list):
        return [without_fields(item, fields, f"{path}[]") for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: (value, f"{path}.{key}".removeprefix(".")) for key, value in node.items()}
    return {
        key: without_fields(value, fields, here)
        for key, (value, here) in found.items()
        if here not in fields
    }


def _groups(path: str) -> Iterator[str]:
    """Yield the fields in which a field is, as `a` and `a.b` for `a.b[].c`."""
    parts = path.split(".")
    for length in range(1, len(parts)):
        yield ".".join(parts[:length]).removesuffix("[]")


def _of_model(kind: inspect.Type, path: str) -> Iterator[str]:
    match kind:
        case inspect.Metadata(type=inner) | inspect.UnionType(types=(inner, *_)):
            yield from _of_model(inner, path)
        case inspect.StructType(fields=found):
            for field in found:
                here = f"{path}.{field.encode_name}"
                yield here
                yield from _of_model(field.type, here)
        case inspect.ListType(item_type=item):
            yield from _of_model(item, f"{path}[]")


def _of_schema(node: Mapping[str, Any], path: str) -> Iterator[str]:
    for name_, part in node.get("properties", {}).items():
        here = f"{path}.{name_}".removeprefix(".")
        yield here
        yield from _of_schema(part, here)
    if "items" in node:
        yield from _of_schema(node["items"], f"{path}[]")
