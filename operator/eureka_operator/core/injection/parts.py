"""The injected parts of a pod: sidecar, volume, and hooks that delay the application's end.

The same as in `examples/pods/orders.yaml`, with the configuration in one variable.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any, Final

import msgspec

from eureka_operator.api.rules import amount
from eureka_operator.api.spec import Quantities, SidecarResources
from eureka_operator.core import names
from eureka_operator.core.injection import pods, reasons
from eureka_operator.core.injection.annotations import SidecarOptions
from eureka_operator.core.injection.config import Config, RegistryTarget
from eureka_operator.core.injection.instances import Instances
from eureka_operator.core.injection.patches import (
    CONTAINER,
    CREDENTIALS,
    VOLUME,
    Parts,
    empty_key,
    empty_parts,
)
from eureka_operator.core.injection.reasons import Finding
from eureka_operator.core.injection.registries import Registries
from eureka_operator.core.injection.status import (
    DEFAULT_CONTAINER,
    INJECTED_LABEL,
    MAX_BYTES,
    STATUS,
    Status,
    encode,
)
from eureka_operator.core.instances import CLUSTER_UID
from eureka_operator.core.kinds import Object
from eureka_sidecar.core import settings
from eureka_sidecar.core.settings import Facts, Problems

_CONFIG: Final = "EUREKA_SIDECAR_CONFIG"
_FOLDER: Final = "/pod"
_CREDENTIALS_FOLDER: Final = "/eureka-credentials"
_TOKEN: Final = "token"  # noqa: S105 - the name of a file
_AUDIENCE: Final = "eureka"
"""Whom the pod's token is for; the API server does not take it."""
_TOKEN_LASTS_S: Final = 3_600
"""The kubelet writes another one after four fifths of it."""
_BY_TOKEN: Final = "ServiceAccount"  # noqa: S105
_BY_SECRET: Final = ("Basic", "Bearer")
_ACCOUNT_FOLDER: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where the API server's plugin ServiceAccount mounts the pod's token in each container that has
nothing there; it runs again after webhooks. So the sidecar has the volume of its own there, too."""
_FIELDS: Final = {
    "EUREKA_POD_IP": "status.podIP",
    "EUREKA_POD_NAME": "metadata.name",
    "EUREKA_POD_NAMESPACE": "metadata.namespace",
    "EUREKA_POD_UID": "metadata.uid",
    "EUREKA_NODE_NAME": "spec.nodeName",
}
"""None ends in `_PORT` or `_HOST`: a Service `eureka` makes variables of such names."""
_RESTRICTED: Final[Object] = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Pod Security's restricted level, by itself. No user: OpenShift gives each namespace its own."""
_IMAGE_USER: Final = 65_532

_GRACE_S: Final = 30
"""Kubernetes' own default."""
_EXIT_S: Final = 10
"""What an application is left of its grace period to end in."""
_OWN_DRAIN_S: Final = 20
_FOREIGN_DRAIN_S: Final = 60
"""A Java server answers from a cache that is up to 30 s old, ours from none."""


class Drain(msgspec.Struct, frozen=True):
    """How long the application is held after its lease is removed, in seconds."""

    requested_s: int
    granted_s: int


def drain(pod: Mapping[str, Any], options: SidecarOptions, registries: Registries) -> Drain:
    """The hold that is asked for, within the pod's grace period, which is never changed."""
    asked_s = _FOREIGN_DRAIN_S if registries.is_foreign else _OWN_DRAIN_S
    for each in (registries.injection.drain.seconds, options.drain_s):
        asked_s = asked_s if each is None else each
    grace_s = pod["spec"].get("terminationGracePeriodSeconds")
    if not isinstance(grace_s, int) or isinstance(grace_s, bool):
        grace_s = _GRACE_S
    return Drain(asked_s, max(0, min(asked_s, grace_s - _EXIT_S)))


def configuration(
    instances: Instances, registries: Registries, options: SidecarOptions, config: Config
) -> Object | Finding:
    """The sidecar's configuration, or why it would not start with it."""
    lease = registries.injection.lease
    times = {
        "renewalSeconds": options.renewal_s or lease.renewal_seconds,
        "durationSeconds": None if options.renewal_s else lease.duration_seconds,
    }
    timed = {key: seconds for key, seconds in times.items() if seconds is not None}
    metadata = dict(registries.injection.metadata)
    if config.cluster_uid:
        metadata[CLUSTER_UID] = config.cluster_uid
    document: Object = {
        "instances": [_instance(each, timed, metadata) for each in instances.entries],
        "registries": list(_registries(registries)),
        "annotationsFile": f"{_FOLDER}/annotations",
        "labelsFile": f"{_FOLDER}/labels",
    }
    try:
        settings.configuration(document, Facts(ip="127.0.0.1", pod="pod", namespace="namespace"))
    except Problems as problems:
        own = bool(options.instances)
        reason = reasons.BAD_ANNOTATION if own else reasons.CONFIGURATION_REFUSED
        return Finding(reason, problems.sentences[0], own)
    return document


def _registries(registries: Registries) -> Iterator[Object]:
    for place, (urls, zones) in enumerate(
        zip_longest(registries.urls, registries.zones, fillvalue=())
    ):
        files = _credential_files(registries, place)
        yield {"urls": list(urls), **({"zones": list(zones)} if zones else {}), **files}


def _credential_files(registries: Registries, place: int) -> dict[str, str]:
    """The files that prove the registry to the sidecar, and the sidecar to the registry."""
    known = registries.targets[place] if place < len(registries.targets) else None
    files = {}
    if known is not None and known.tls:
        files["caFile"] = f"{_CREDENTIALS_FOLDER}/{_authorities_file(registries, place)}"
    if known is not None and known.auth == _BY_TOKEN:
        files["tokenFile"] = f"{_CREDENTIALS_FOLDER}/{_TOKEN}"
    return files


def _authorities_file(registries: Registries, place: int) -> str:
    """Each registry has its own: a CA is trusted for one registry only."""
    return names.AUTHORITIES_KEY if len(registries.urls) == 1 else f"ca-{place}.crt"


def credentials_volume(registries: Registries) -> Object | None:
    """The volume with these files; `None`: no registry needs one.

    The ConfigMaps are optional: the operator makes them when it sees the pod, and the application
    must not wait for them. Nobody needs a user or group to read the token: the kubelet gives it to
    the pod's `fsGroup`, or to the user that all containers share, or else to everybody in the pod.
    """
    sources: list[Object] = [
        _authorities_source(known, _authorities_file(registries, place))
        for place, known in enumerate(registries.targets)
        if known is not None and known.tls
    ]
    if any(known is not None and known.auth == _BY_TOKEN for known in registries.targets):
        token = {"audience": _AUDIENCE, "expirationSeconds": _TOKEN_LASTS_S, "path": _TOKEN}
        sources.append({"serviceAccountToken": token})
    return {"name": CREDENTIALS, "projected": {"sources": sources}} if sources else None


def _authorities_source(target: RegistryTarget, file: str) -> Object:
    item = {"key": names.AUTHORITIES_KEY, "path": file}
    return {"configMap": {"name": target.authorities, "items": [item], "optional": True}}


def credentials_notes(registries: Registries) -> tuple[Finding, ...]:
    """Findings about credentials that the sidecar would need and cannot get."""
    lacking = [str(known) for known in registries.targets if known and known.auth in _BY_SECRET]
    return (Finding(reasons.NO_CREDENTIALS, ", ".join(lacking)),) if lacking else ()


def _instance(entry: Object, times: Mapping[str, int], metadata: Mapping[str, str]) -> Object:
    given = entry.get("metadata", {})
    if not isinstance(given, dict):
        return entry  # the sidecar's own rules refuse it
    merged = {**metadata, **given, **{k: v for k, v in metadata.items() if k == CLUSTER_UID}}
    return {**entry, **times, **({"metadata": merged} if merged else {})}


def container(
    pod: Mapping[str, Any], document: Object, registries: Registries, config: Config
) -> Object:
    """The native sidecar."""
    sidecar = registries.injection.sidecar
    mounts = [(VOLUME, _FOLDER), (VOLUME, _ACCOUNT_FOLDER)]
    if credentials_volume(registries) is not None:
        mounts.append((CREDENTIALS, _CREDENTIALS_FOLDER))
    return {
        "name": CONTAINER,
        "image": sidecar.image or config.image,
        "imagePullPolicy": "IfNotPresent",
        "restartPolicy": "Always",
        "args": ["run"],
        "env": [
            *({"name": key, "valueFrom": _field(path)} for key, path in _FIELDS.items()),
            {"name": _CONFIG, "value": _literal(json.dumps(document, separators=(",", ":")))},
        ],
        "lifecycle": {"preStop": {"exec": {"command": [CONTAINER, "drain"]}}},
        "resources": _resources(sidecar.resources, config.resources),
        "securityContext": _security(pod),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": name, "mountPath": path, "readOnly": True} for name, path in mounts
        ],
    }


def _resources(requested: SidecarResources, usual: Mapping[str, Any]) -> Object:
    """The default requests and limits with those of the pod; each request within its limit."""
    requests = {**usual.get("requests", {}), **_quantities(requested.requests)}
    limits = {**usual.get("limits", {}), **_quantities(requested.limits)}
    for resource in requests.keys() & limits.keys():
        if amount(requests[resource]) > amount(limits[resource]):
            if resource in _quantities(requested.limits):
                requests[resource] = limits[resource]
            else:
                limits[resource] = requests[resource]
    return {"requests": requests, "limits": limits}


def _quantities(quantities: Quantities) -> dict[str, str]:
    found = {"cpu": quantities.cpu, "memory": quantities.memory}
    return {resource: each for resource, each in found.items() if each is not None}


def _field(path: str) -> Object:
    return {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}


def _literal(text: str) -> str:
    """A text in which the kubelet finds no variable: `$(NAME)` would be one, `$$(NAME)` is none."""
    return text.replace("$", "$$")


def _security(pod: Mapping[str, Any]) -> Object:
    """The image's own user if the pod's is root: a container with runAsNonRoot would not start."""
    given = pods.mapping(pod["spec"].get("securityContext"))
    is_root = given.get("runAsUser") == 0
    return {**_RESTRICTED, "runAsUser": _IMAGE_USER} if is_root else dict(_RESTRICTED)


def _volume() -> Object:
    """Labels and annotations, as they are now: pause and metadata change while the pod runs."""
    items = [
        {"path": field, "fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.{field}"}}
        for field in ("annotations", "labels")
    ]
    return {"name": VOLUME, "downwardAPI": {"items": items}}


class PodParts(msgspec.Struct, frozen=True):
    """Parts for a pod, their hash, and findings about them."""

    parts: Parts
    hash: str
    notes: tuple[Finding, ...]


def parts_for(
    pod: Mapping[str, Any],
    sidecar: Object,
    drain_time: Drain,
    version: str,
    notes: tuple[Finding, ...],
    credentials: Object | None = None,
) -> PodParts:
    """All parts for a pod that has none of ours, with the annotation that lists them.

    `credentials` is the volume with CAs and token; `None`: there is none.
    """
    volume = _volume()
    hashed = {
        "container": sidecar,
        "volume": volume,
        "drain": drain_time.granted_s,
        "version": version,
    }
    digest = names.object_digest(hashed | ({"credentials": credentials} if credentials else {}))
    found = (*notes, *_drain_notes(pod, drain_time))
    status = Status(
        version=version,
        result="injected",
        hash=digest,
        reasons=tuple(dict.fromkeys(each.reason.code for each in found)),
        drain=_drain_text(pod, drain_time),
        default=DEFAULT_CONTAINER not in pods.annotations_of(pod),
        own_label=INJECTED_LABEL in pods.labels_of(pod),
        was=empty_parts(pod),
    )
    status = _with_hooks(pod, status, drain_time)
    if len(status.hooks) < len(_containers_without_hook(pod, drain_time)):
        found = (*found, Finding(reasons.HOOKS_LEFT_OUT))
    annotations = {STATUS: encode(status)}
    if status.default:
        annotations[DEFAULT_CONTAINER] = pods.applications(pod)[0]["name"]
    parts = Parts(
        annotations=annotations,
        container=sidecar,
        volumes=(volume,) if credentials is None else (volume, credentials),
        hooks=frozenset(status.hooks),
        hold_s=drain_time.granted_s,
    )
    return PodParts(parts, digest, found)


def skip_parts(pod: Mapping[str, Any], code: str, version: str) -> Parts:
    """What a skipped pod gets: the annotation that says why."""
    was = {
        key: value for key, value in empty_parts(pod).items() if key in ("metadata", "annotations")
    }
    status = Status(version=version, result="skipped", reasons=(code,), was=was)
    return Parts(annotations={STATUS: encode(status)})


def _containers_without_hook(pod: Mapping[str, Any], drain_time: Drain) -> list[Object]:
    """Containers to hold that have no hook of their own, proxies of a mesh included.

    Without its proxy, an application that is held could not be called.
    """
    found = pods.items(pod, "containers") if drain_time.granted_s else []
    return [each for each in found if not pods.mapping(each.get("lifecycle")).get("preStop")]


def _with_hooks(pod: Mapping[str, Any], status: Status, drain_time: Drain) -> Status:
    """A status with hooks for as many containers as have room in it."""
    for each in _containers_without_hook(pod, drain_time):
        name = each["name"]
        lifecycle = pods.mapping(each.get("lifecycle"))
        was = dict(status.was)
        if "lifecycle" in each and not lifecycle:
            was[empty_key("lifecycle", name)] = each["lifecycle"]
        if "preStop" in lifecycle:
            was[empty_key("preStop", name)] = lifecycle["preStop"]
        longer = msgspec.structs.replace(status, hooks=(*status.hooks, name), was=was)
        spare = len(f',"{reasons.HOOKS_LEFT_OUT.code}"')
        if len(encode(longer)) + spare > MAX_BYTES:
            left_out = (*status.reasons, reasons.HOOKS_LEFT_OUT.code)
            return msgspec.structs.replace(status, reasons=left_out)
        status = longer
    return status


def _drain_notes(pod: Mapping[str, Any], drain_time: Drain) -> tuple[Finding, ...]:
    found = []
    if drain_time.granted_s < drain_time.requested_s:
        message = f"{drain_time.granted_s} s of {drain_time.requested_s} s are granted"
        found.append(Finding(reasons.DRAIN_CUT, message))
    kept = [each["name"] for each in _containers_with_hook(pod)]
    if kept:
        found.append(Finding(reasons.APP_HOOK_KEPT, ", ".join(kept[:5])))
    return tuple(found)


def _containers_with_hook(pod: Mapping[str, Any]) -> list[Object]:
    return [
        each
        for each in pods.items(pod, "containers")
        if pods.mapping(each.get("lifecycle")).get("preStop")
    ]


def _drain_text(pod: Mapping[str, Any], drain_time: Drain) -> str:
    if drain_time.granted_s and not _containers_without_hook(pod, drain_time):
        return "app hook kept"
    return f"granted {drain_time.granted_s} of {drain_time.requested_s}"
