"""Pods with a sidecar, written by hand as a user would, and those that call them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from cluster.images import REGISTRY, SIDECAR
from e2e.clusters import Target

PORT: Final = 8080
_EXIT_S: Final = 20
"""What is left of the grace period after the hold."""
_FOLDER: Final = "/program"
_PROGRAMS: Final = ("application.py", "caller.py")
_FIELDS: Final = {
    "EUREKA_POD_IP": "status.podIP",
    "EUREKA_POD_NAME": "metadata.name",
    "EUREKA_POD_NAMESPACE": "metadata.namespace",
    "EUREKA_POD_UID": "metadata.uid",
    "EUREKA_NODE_NAME": "spec.nodeName",
}
_RESTRICTED: Final = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}

Document = dict[str, Any]


def programs() -> Document:
    """The ConfigMap with what the pods run."""
    here = Path(__file__).parent
    data = {name: (here / name).read_text() for name in _PROGRAMS}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "programs"}, "data": data}


def deployment(
    target: Target, app: str, replicas: int, hold_s: int, *, drains: bool = True
) -> Document:
    """A Deployment of an application that each pod's own sidecar registers.

    At its end the application serves for `hold_s` more: longer than its entry is in any client's
    caches. Without `drains` the sidecar has no `preStop`: it learns of the end too late.
    """
    labels = {"app": app}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": app},
        "spec": {
            "replicas": replicas,
            "minReadySeconds": 2,
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": _spec(target, _sidecar(target, app, drains=drains), hold_s),
            },
        },
    }


def caller(target: Target, name: str, wanted: Document) -> Document:
    """The pod of `caller.py` with its argument."""
    container = _container(target, "caller", "caller.py", json.dumps(wanted))
    spec = {
        **_pod(),
        "terminationGracePeriodSeconds": 0,
        "containers": [{**container, "resources": {"requests": {"cpu": "200m"}}}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def listed(objects: Sequence[Document]) -> str:
    """Objects for `kubectl apply`."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [*objects]})


def _spec(target: Target, sidecar: Document, hold_s: int) -> Document:
    application = {
        **_container(target, "application", "application.py", str(PORT)),
        "ports": [{"containerPort": PORT}],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "lifecycle": {"preStop": {"sleep": {"seconds": hold_s}}},
    }
    pod = _pod()
    return {
        **pod,
        "terminationGracePeriodSeconds": hold_s + _EXIT_S,
        "initContainers": [sidecar],
        "containers": [application],
        "volumes": [*pod["volumes"], _pod_info()],
    }


def _sidecar(target: Target, app: str, *, drains: bool) -> Document:
    arguments = {
        "app": app,
        "port": PORT,
        "registry": "http://peer1:8761/eureka/,http://peer2:8761/eureka/",
        "annotations-file": "/pod/annotations",
        "labels-file": "/pod/labels",
    }
    fields = [
        {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
        for name, path in _FIELDS.items()
    ]
    container = {
        "name": "eureka-sidecar",
        "image": target.image(SIDECAR),
        "imagePullPolicy": "IfNotPresent",
        "restartPolicy": "Always",
        "args": ["run", *(f"--{flag}={value}" for flag, value in arguments.items())],
        "env": fields,
        "volumeMounts": [{"name": "pod", "mountPath": "/pod", "readOnly": True}],
        "resources": {"requests": {"cpu": "1m", "memory": "16Mi"}, "limits": {"memory": "32Mi"}},
        "securityContext": _RESTRICTED,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    drain = {"preStop": {"exec": {"command": ["eureka-sidecar", "drain"]}}}
    return {**container, "lifecycle": drain} if drains else container


def _container(target: Target, name: str, program: str, argument: str) -> Document:
    return {
        "name": name,
        "image": target.image(REGISTRY),
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-u", f"{_FOLDER}/{program}", argument],
        "volumeMounts": [{"name": "programs", "mountPath": _FOLDER}],
        "securityContext": _RESTRICTED,
    }


def _pod() -> Document:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "volumes": [{"name": "programs", "configMap": {"name": "programs"}}],
    }


def _pod_info() -> Document:
    items = [
        {"path": name, "fieldRef": {"fieldPath": f"metadata.{name}"}}
        for name in ("annotations", "labels")
    ]
    return {"name": "pod", "downwardAPI": {"items": items}}
