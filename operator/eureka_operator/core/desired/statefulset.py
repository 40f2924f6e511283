"""The StatefulSet of a zone, or of all peers if no zones are named."""

from __future__ import annotations

from typing import Any, Final

from eureka_operator.api.cluster import Cluster, Guard
from eureka_operator.api.spec import Volume, Zone
from eureka_operator.core import auth, names, tls, transport
from eureka_operator.core.desired.common import Environment, child
from eureka_operator.core.desired.configuration import CONFIG_FILE
from eureka_operator.core.kinds import STATEFUL_SET, Object
from eureka_operator.core.rollout import ON_DELETE, Fence

CONTAINER: Final = "registry"
_GRACE_S: Final = 30
_LOST_NODE_S: Final = 30
_KEPT_REVISIONS: Final = 5
_AUTH_VOLUME: Final = "auth"
_VOLUME_SIZE: Final = "1Gi"
_STRONG: Final = "Required"
_OFF: Final = "None"
_RESOURCES: Final = {
    "requests": {"cpu": "100m", "memory": "128Mi"},
    "limits": {"memory": "512Mi"},
}
"""10,000 instances take 80 MiB, and 110 MiB in a storm (bench/RESULTS.md)."""


def image(cluster: Cluster, environment: Environment) -> str:
    """The image of a peer: the operator's default but for the parts that the object names."""
    given = cluster.spec.image
    repository, mark, version = _split_image(environment.registry_image)
    repository = given.repository or repository
    if given.digest:
        return f"{repository}@{given.digest}"
    tag = given.tag or cluster.spec.version
    return f"{repository}:{tag}" if tag else f"{repository}{mark}{version}"


def _split_image(name: str) -> tuple[str, str, str]:
    """Repository, `:` or `@` or nothing, and tag or digest; a port is not a tag."""
    repository, mark, digest = name.partition("@")
    if mark:
        return repository, mark, digest
    place = name.rfind(":")
    if place > name.rfind("/"):
        return name[:place], ":", name[place + 1 :]
    return name, "", ""


def stateful_set(cluster: Cluster, zone: Zone | None, replicas: int, fence: Fence) -> Object:
    """The StatefulSet whose peers are in `zone`; `None`: no zones are named.

    Peers start in parallel: no peer waits for another one that cannot become ready.
    """
    zone_name = zone.name if zone else ""
    name = names.stateful_set(cluster.name, zone_name)
    spec: Object = {
        "serviceName": names.headless_service(cluster.name),
        "replicas": replicas,
        "ordinals": {"start": 1},
        "podManagementPolicy": "Parallel",
        "revisionHistoryLimit": _KEPT_REVISIONS,
        "updateStrategy": _update_strategy(cluster, replicas, fence),
        "selector": {"matchLabels": _selector(cluster, zone_name)},
        "template": fence.template,
    }
    if settle := cluster.spec.updates.settle_seconds:  # the API server keeps no 0
        spec["minReadySeconds"] = settle
    if cluster.spec.snapshot.volume is not None:
        spec["volumeClaimTemplates"] = [_claim(cluster)]
        spec["persistentVolumeClaimRetentionPolicy"] = {
            "whenDeleted": "Delete",
            "whenScaled": "Retain",
        }
    body = child(cluster, STATEFUL_SET, name, spec=spec)
    if zone_name:
        body["metadata"]["labels"][names.ZONE_LABEL] = zone_name
    annotations = {names.TEMPLATE_HASH: names.object_digest(fence.template)}
    if fence.failed:
        annotations |= {names.FAILED_TEMPLATE: fence.failed, names.FAILED_BECAUSE: fence.because}
    body["metadata"]["annotations"] = annotations
    return body


def _update_strategy(cluster: Cluster, replicas: int, fence: Fence) -> Object:
    if cluster.spec.updates.strategy == ON_DELETE:
        return {"type": ON_DELETE}
    position = replicas if fence.position is None else min(fence.position, replicas)
    return {"type": "RollingUpdate", "rollingUpdate": {"partition": position}}


def pod_template(
    cluster: Cluster, environment: Environment, zone: Zone | None, static_hash: str
) -> Object:
    """A peer's pod; a change of anything in it replaces the peers' pods (`core/rollout.py`)."""
    zone_name = zone.name if zone else ""
    pod = cluster.spec.pod
    labels = {**pod.labels, **names.labels(cluster.name)}
    if zone_name:
        labels[names.ZONE_LABEL] = zone_name
    annotations = {**pod.annotations, names.STATIC_CONFIG: static_hash}
    if (guard := auth.guard(cluster)) is not Guard.OFF:
        annotations[names.GUARD] = guard.value
    if restart := cluster.annotations.get(names.RESTART_AT):
        annotations[names.RESTART_AT] = restart
    spec: Object = {
        "serviceAccountName": cluster.name,
        "automountServiceAccountToken": False,
        # A Service `eureka` would bring EUREKA_PORT=tcp://... into the registry's environment.
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _GRACE_S,
        # Names of peers have four dots: they are asked for as they are, not with search domains.
        "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]},
        "securityContext": {**_POD_SECURITY, **(pod.security_context or {})},
        "containers": [_container(cluster, environment, zone_name)],
        "volumes": _volumes(cluster),
        "tolerations": [*_LOST_NODE, *pod.tolerations],
        **_placement(cluster, zone),
    }
    if cluster.spec.image.pull_secrets:
        secrets = [{"name": each.name} for each in cluster.spec.image.pull_secrets]
        spec["imagePullSecrets"] = secrets
    if pod.priority_class_name:
        spec["priorityClassName"] = pod.priority_class_name
    return {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec}


_POD_SECURITY: Final[dict[str, Any]] = {
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""No user and no group: the image has one, and OpenShift gives each namespace its own."""

_LOST_NODE: Final = [
    {
        "key": f"node.kubernetes.io/{key}",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": _LOST_NODE_S,
    }
    for key in ("not-ready", "unreachable")
]
"""Kubernetes' own patience with a lost node is 300 s: longer than a lease."""


def _selector(cluster: Cluster, zone: str) -> dict[str, str]:
    found = names.selector(cluster.name)
    return {**found, names.ZONE_LABEL: zone} if zone else found


def _container(cluster: Cluster, environment: Environment, zone: str) -> Object:
    mounts = [{"name": "config", "mountPath": names.CONFIG_FOLDER, "readOnly": True}]
    if cluster.spec.tls is not None:
        mounts.append({"name": names.TLS_VOLUME, "mountPath": names.TLS_FOLDER, "readOnly": True})
    if auth.guard(cluster) is not Guard.OFF:
        mounts.append({"name": names.PEER_VOLUME, "mountPath": names.PEER_FOLDER, "readOnly": True})
    if cluster.spec.auth.secret_name is not None:
        mounts.append({"name": _AUTH_VOLUME, "mountPath": names.AUTH_FOLDER, "readOnly": True})
    if cluster.spec.snapshot.enabled:
        mounts.append({"name": "snapshot", "mountPath": names.SNAPSHOT_FOLDER})
    return {
        "name": CONTAINER,
        "image": image(cluster, environment),
        "imagePullPolicy": cluster.spec.image.pull_policy,
        "args": ["serve", f"--config={names.CONFIG_FOLDER}/{CONFIG_FILE}", "--config-lenient"],
        "env": [*_variables(zone), *cluster.spec.pod.env],
        "ports": [
            *(
                {"name": name, "containerPort": port, "protocol": "TCP"}
                for name, port in transport.ports(cluster).items()
            ),
            {"name": "management", "containerPort": names.MANAGEMENT_PORT, "protocol": "TCP"},
        ],
        "startupProbe": _probe("/startupz", period_s=1, failures=60),
        "readinessProbe": _probe("/readyz", period_s=3, failures=2),
        "livenessProbe": _probe("/livez", period_s=10, failures=6),
        "resources": cluster.spec.resources or _RESOURCES,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }


def _variables(zone: str) -> list[Object]:
    """What differs between pods; everything else is in `config.json`, which they can reload."""
    found: list[Object] = [
        {"name": "EUREKA_POD_NAME", "valueFrom": _field("metadata.name")},
        {"name": "EUREKA_IP_ADDRESS", "valueFrom": _field("status.podIP")},
    ]
    return [*found, {"name": "EUREKA_ZONE", "value": zone}] if zone else found


def _field(path: str) -> Object:
    return {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}


def _probe(path: str, *, period_s: int, failures: int) -> Object:
    return {
        "httpGet": {"path": path, "port": "management", "scheme": "HTTP"},
        "periodSeconds": period_s,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    }


def _volumes(cluster: Cluster) -> list[Object]:
    snapshot = cluster.spec.snapshot
    found: list[Object] = [
        {"name": "config", "configMap": {"name": names.config_map(cluster.name)}}
    ]
    if cluster.spec.tls is not None:
        # Not the key of the CA, which the operator keeps there, too.
        items = [{"key": key, "path": key} for key in ("tls.crt", "tls.key", "ca.crt")]
        secret = {"secretName": tls.secret_name(cluster), "items": items}
        found.append({"name": names.TLS_VOLUME, "secret": secret})
    if auth.guard(cluster) is not Guard.OFF:
        secret = {"secretName": names.peer_secret(cluster.name)}
        found.append({"name": names.PEER_VOLUME, "secret": secret})
    if cluster.spec.auth.secret_name is not None:
        # What else the Secret holds is nothing to peers.
        keys = [key for key in auth.needed_keys(cluster.spec.auth) if key != auth.USER_NAME]
        items = [{"key": key, "path": key} for key in keys]
        secret = {"secretName": cluster.spec.auth.secret_name, "items": items}
        found.append({"name": _AUTH_VOLUME, "secret": secret})
    if snapshot.enabled and snapshot.volume is None:
        found.append({"name": "snapshot", "emptyDir": {}})
    return found


def _claim(cluster: Cluster) -> Object:
    volume = cluster.spec.snapshot.volume or Volume()
    spec: Object = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": volume.size or _VOLUME_SIZE}},
    }
    if volume.storage_class_name is not None:  # empty: volumes without a class
        spec["storageClassName"] = volume.storage_class_name
    labels = names.selector(cluster.name)
    return {"metadata": {"name": "snapshot", "labels": labels}, "spec": spec}


def _placement(cluster: Cluster, zone: Zone | None) -> Object:
    """Where peers run: apart from each other, and in their zone."""
    topology, pod = cluster.spec.topology, cluster.spec.pod
    pinned = {topology.zone_key: zone.node_zone} if zone is not None and zone.node_zone else {}
    affinity = {**_anti_affinity(cluster), **(pod.affinity or {})}
    found: Object = {}
    if pod.node_selector or pinned:
        found["nodeSelector"] = {**pod.node_selector, **pinned}
    if affinity:
        found["affinity"] = affinity
    if topology.spread != _OFF and zone is None:
        found["topologySpreadConstraints"] = [_topology_spread(cluster)]
    return found


def _topology_spread(cluster: Cluster) -> Object:
    strong = cluster.spec.topology.spread == _STRONG
    return {
        "maxSkew": 1,
        "topologyKey": cluster.spec.topology.zone_key,
        "whenUnsatisfiable": "DoNotSchedule" if strong else "ScheduleAnyway",
        "labelSelector": {"matchLabels": names.selector(cluster.name)},
    }


def _anti_affinity(cluster: Cluster) -> Object:
    strength = cluster.spec.topology.anti_affinity
    if strength == _OFF:
        return {}
    term = {
        "topologyKey": names.HOST_LABEL,
        "labelSelector": {"matchLabels": names.selector(cluster.name)},
    }
    if strength == _STRONG:
        return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    soft = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": soft}}
