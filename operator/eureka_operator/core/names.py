"""Names of child objects, labels and annotations, and addresses of peers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from eureka_operator.core.kinds import Object

GROUP: Final = "eurekube.io"
CLUSTER_LABEL: Final = f"{GROUP}/cluster"
"""On every child and every pod; its value is the cluster's name."""
ZONE_LABEL: Final = f"{GROUP}/zone"
POD_NAME_LABEL: Final = "statefulset.kubernetes.io/pod-name"
"""Set by the StatefulSet controller; alias Services select by it."""
HOST_LABEL: Final = "kubernetes.io/hostname"

DESIRED_HASH: Final = f"{GROUP}/desired-hash"
"""Annotation on a child: the hash of what the operator last wanted it to be."""
TEMPLATE_HASH: Final = f"{GROUP}/template-hash"
"""Annotation on a StatefulSet: the hash of the pod template that the operator last wanted."""
FAILED_TEMPLATE: Final = f"{GROUP}/failed-template"
"""Annotation on a StatefulSet: the hash of the pod template that was taken back."""
FAILED_BECAUSE: Final = f"{GROUP}/failed-because"
"""Annotation on a StatefulSet: why, in words."""
RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
"""Annotation in a pod template: what `kubectl rollout restart` sets."""
CONFIG_HASH: Final = f"{GROUP}/config-hash"
"""Annotation on a pod. A changed annotation makes the kubelet sync the pod, and with it the mounted
ConfigMap, within a second instead of a minute."""
STATIC_CONFIG: Final = f"{GROUP}/static-config"
"""Annotation in the pod template: the hash of the settings that only a restart puts into force."""
PAUSED: Final = f"{GROUP}/paused"
RESTART_AT: Final = f"{GROUP}/restart-at"
"""Annotation on a cluster, copied into the pod template: another value restarts all peers."""
UPGRADE: Final = f"{GROUP}/upgrade"
"""Annotation on a cluster: the version of the operator whose defaults its peers are to have."""
ADOPTED: Final = f"{GROUP}/adopted"
"""Annotation on a StatefulSet: the operator's defaults that its pods are made with, as JSON."""
SKIP_CONVERGENCE: Final = f"{GROUP}/skip-convergence"

CONFIG_FOLDER: Final = "/etc/eurekube/cluster"
TLS_FOLDER: Final = "/etc/eurekube/tls"
TLS_VOLUME: Final = "tls"
"""The volume of a peer's pod with its certificate."""
PEER_FOLDER: Final = "/etc/eurekube/peer"
AUTH_FOLDER: Final = "/etc/eurekube/auth"
PEER_VOLUME: Final = "peer"
"""The volume of a peer's pod with its password."""
GUARD: Final = f"{GROUP}/guard"
"""Annotation in the pod template: how far a peer is with `spec.auth`."""
CLIENT_AUTHORITIES: Final = "client-ca.crt"
"""The file, beside `config.json`, with those who vouch for clients' certificates."""
SNAPSHOT_FOLDER: Final = "/var/lib/eurekube/snapshot"
MANAGEMENT_PORT: Final = 8763
MANAGER: Final = "eureka-operator"
"""The field manager of everything that the operator applies."""

AUTHORITIES_PREFIX: Final = "eurekube-ca-"
AUTHORITIES_KEY: Final = "ca.crt"
"""Where ConfigMaps of authorities have them."""

_HASH_DIGITS: Final = 16


def labels(cluster: str) -> dict[str, str]:
    """Labels of every child."""
    return {
        **selector(cluster),
        "app.kubernetes.io/component": "registry",
        "app.kubernetes.io/managed-by": MANAGER,
        "app.kubernetes.io/part-of": "eureka",
    }


def selector(cluster: str) -> dict[str, str]:
    """Labels by which a cluster's pods are selected; they never change."""
    return {
        "app.kubernetes.io/name": "eureka",
        "app.kubernetes.io/instance": cluster,
        CLUSTER_LABEL: cluster,
    }


def stateful_set(cluster: str, zone: str = "") -> str:
    """The StatefulSet of a zone, or of all peers if no zones are named."""
    return f"{cluster}-peer-{zone}" if zone else f"{cluster}-peer"


def zone(cluster: str, name: str) -> str:
    """The zone of a StatefulSet by its name, which nobody can edit; empty without zones."""
    return name.removeprefix(stateful_set(cluster)).removeprefix("-")


def pod(cluster: str, zone: str, ordinal: int) -> str:
    """A peer's pod; ordinals begin at 1."""
    return f"{stateful_set(cluster, zone)}-{ordinal}"


def headless_service(cluster: str) -> str:
    """The Service that gives pods their host names."""
    return f"{cluster}-peers"


def config_map(cluster: str) -> str:
    """The ConfigMap with `config.json` and `peers.json`."""
    return f"{cluster}-config"


def trust(cluster: str) -> str:
    """The ConfigMap with the CAs by which a cluster's peers are verified."""
    return f"{cluster}-ca"


def certificate(cluster: str) -> str:
    """The Certificate of cert-manager, and its Secret unless another one is named."""
    return f"{cluster}-certificate"


def peer_secret(cluster: str) -> str:
    """The Secret with the password by which a cluster's peers know each other."""
    return f"{cluster}-peer"


def authorities(cluster: str, namespace: str) -> str:
    """The ConfigMap with a cluster's CAs in the namespaces of its pods; at most 108 characters.

    A dot is in neither name, so no two clusters have the same one: with a hyphen `a-b/c` would give
    its CAs to the pods of `a/b-c`.
    """
    return f"{AUTHORITIES_PREFIX}{namespace}.{cluster}"


def host(name: str, namespace: str, domain: str) -> str:
    """The fully qualified name of a Service."""
    return f"{name}.{namespace}.svc.{domain}"


def service_url(host_name: str, port: int, context_path: str = "", scheme: str = "http") -> str:
    """The Eureka service URL of a host; clients' URLs have the context path, peers' have none."""
    return f"{scheme}://{host_name}:{port}{context_path}/eureka/"


def digest(data: str) -> str:
    """The first 16 hex digits of the SHA-256 of a text: how configurations are compared."""
    return hashlib.sha256(data.encode()).hexdigest()[:_HASH_DIGITS]


def object_digest(body: Object | Mapping[str, object]) -> str:
    """The same of a document, whatever the order of its keys."""
    return digest(json.dumps(body, sort_keys=True, separators=(",", ":")))
