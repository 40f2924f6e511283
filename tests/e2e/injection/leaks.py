"""What a secured registry holds that is secret, and all that is shown of it and of its programs."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Final

from e2e.operator.ekc import EkcCluster
from e2e.operator.installed import Operator
from support.kubectl import Kubectl

CONFIGURATION: Final = "ConfigMaps beside the registry"
_KINDS: Final = "pods,services,statefulsets,deployments,endpointslices,events"
_ENVIRONMENT: Final = ("cat", "/proc/1/environ", "/proc/1/cmdline")
_OF_A_PEER: Final = (
    *("{}:8763/proxy/metrics", "{}:8763/proxy/peers"),
    *(f"https:{{}}:8443/proxy/{path}" for path in ("", "eureka/apps", "eureka/status")),
)


def secrets_of(kubectl: Kubectl) -> dict[str, str]:
    """What it holds, by what it is; of keys a line of their text."""
    peer, tls = (_texts(kubectl, f"eureka-{name}") for name in ("peer", "tls"))
    return {
        "password of the peers": peer["password"],
        "key of the certificate": tls["tls.key"].splitlines()[1],
        "key of the CA": tls["ca.key"].splitlines()[1],
        "where each token begins": "eyJhbGciOi",
    }


def visible_texts(operator: Operator, cluster: EkcCluster, *others: Kubectl) -> dict[str, str]:
    """Objects, logs, environments and pages, by where they are; `others` are other namespaces."""
    return {
        CONFIGURATION: cluster.kubectl("get", "configmaps", "-o", "json"),
        "status of the EurekaCluster": json.dumps(cluster.status),
        **dict(_objects_and_logs(operator.kubectl)),
        **dict(_objects_and_logs(cluster.kubectl)),
        **{where: text for each in others for where, text in _objects_and_logs(each)},
        **dict(_pages(operator, cluster)),
    }


def _objects_and_logs(kubectl: Kubectl) -> Iterator[tuple[str, str]]:
    found = kubectl("get", _KINDS, "-o", "json")
    yield f"objects of {kubectl.namespace}", found
    for each in json.loads(found)["items"]:
        if each["kind"] == "Pod":
            name = each["metadata"]["name"]
            log = kubectl.run_unchecked("logs", name, "--all-containers").stdout
            yield f"log of {kubectl.namespace}/{name}", log


def _pages(operator: Operator, cluster: EkcCluster) -> Iterator[tuple[str, str]]:
    for name in cluster.pods:
        yield f"environment of {name}", cluster.kubectl("exec", name, "--", *_ENVIRONMENT)
        for page in _OF_A_PEER:
            where = page.format(name)
            yield where, _raw(cluster.kubectl, where)
    for each in operator.kubectl.get("pods")["items"]:
        name = each["metadata"]["name"]
        yield f"environment of {name}", operator.kubectl("exec", name, "--", *_ENVIRONMENT)
        yield f"metrics of {name}", _raw(operator.kubectl, f"{name}:8080/proxy/metrics")


def _raw(kubectl: Kubectl, where: str) -> str:
    return kubectl("get", "--raw", f"/api/v1/namespaces/{kubectl.namespace}/pods/{where}")


def _texts(kubectl: Kubectl, secret: str) -> dict[str, str]:
    data: dict[str, str] = kubectl.get("secret", secret)["data"]
    return {key: base64.b64decode(text).decode() for key, text in data.items()}
