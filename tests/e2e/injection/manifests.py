"""Workloads as teams write them: nothing in them is about Eureka but labels and annotations."""

from __future__ import annotations

import json
from typing import Any, Final

from cluster.images import REGISTRY
from e2e.clusters import Target
from e2e.sidecar.manifests import PORT

PREFIX: Final = "eurekube.io/"
LABEL: Final = f"{PREFIX}inject"
ASKS: Final = {LABEL: "enabled"}
"""Labels of a pod, or of a namespace, that is to have sidecars."""

_FOLDER: Final = "/program"

Document = dict[str, Any]


def container(target: Target, *command: str, **fields: object) -> Document:
    """A container of the registry's image, which has a Python; without a command it serves."""
    serves = ("python3", "-u", f"{_FOLDER}/application.py", str(PORT))
    return {
        "name": "application",
        "image": target.image(REGISTRY),
        "imagePullPolicy": "IfNotPresent",
        "command": [*(command or serves)],
        "volumeMounts": [{"name": "programs", "mountPath": _FOLDER}],
        **fields,
    }


def serving(target: Target, *command: str) -> Document:
    """One that declares its port and has a readiness probe."""
    probe = {"tcpSocket": {"port": PORT}, "periodSeconds": 1}
    return container(target, *command, ports=[{"containerPort": PORT}], readinessProbe=probe)


def pod_spec(*containers: Document, **fields: object) -> Document:
    """What a pod is made of: containers that find the programs of `e2e.sidecar.manifests`."""
    return {
        "automountServiceAccountToken": True,  # as everywhere: the sidecar must not get it
        "enableServiceLinks": True,
        "terminationGracePeriodSeconds": 30,
        "containers": [*containers],
        "volumes": [{"name": "programs", "configMap": {"name": "programs"}}],
        **fields,
    }


def template(name: str, spec: Document, **wishes: str) -> Document:
    """A pod template; wishes are annotations, with `_` for `-`."""
    return {
        "metadata": {"labels": {"app": name}, "annotations": _annotations(**wishes)},
        "spec": spec,
    }


def deployment(name: str, spec: Document, replicas: int = 1, **wishes: str) -> Document:
    """A Deployment that makes one new pod at a time."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            **_selecting(name, spec, **wishes),
        },
    }


def stateful_set(name: str, spec: Document) -> Document:
    """A StatefulSet of one pod."""
    given = {"serviceName": name, "replicas": 1, **_selecting(name, spec)}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name},
        "spec": given,
    }


def daemon_set(name: str, spec: Document) -> Document:
    """A DaemonSet: a pod on each node."""
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name},
        "spec": _selecting(name, spec),
    }


def job_spec(name: str, spec: Document, *, asks: bool) -> Document:
    """A Job's spec; `asks`: its pod has the label itself."""
    found = template(name, {**spec, "restartPolicy": "Never"})
    if asks:
        found["metadata"]["labels"] |= ASKS
    return {"backoffLimit": 0, "template": found}


def job(name: str, spec: Document, *, asks: bool) -> Document:
    """A Job of one pod."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": job_spec(name, spec, asks=asks),
    }


def cron_job(name: str, spec: Document) -> Document:
    """A CronJob that is too seldom to run by itself."""
    given = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job_spec(name, spec, asks=False)}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name},
        "spec": given,
    }


def pod(name: str, spec: Document, labels: dict[str, str], **wishes: str) -> Document:
    """A pod by itself."""
    metadata = {"name": name, "labels": labels, "annotations": _annotations(**wishes)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def caller(target: Target, name: str, wanted: Document) -> Document:
    """The pod of `e2e/sidecar/caller.py` with its argument; it has no sidecar."""
    program = ("python3", "-u", f"{_FOLDER}/caller.py", json.dumps(wanted))
    busy = container(target, *program, resources={"requests": {"cpu": "200m"}})
    spec = pod_spec(busy, terminationGracePeriodSeconds=0)
    return pod(name, spec, {LABEL: "disabled"})


def _selecting(name: str, spec: Document, **wishes: str) -> Document:
    return {
        "selector": {"matchLabels": {"app": name}},
        "template": template(name, spec, **wishes),
    }


def _annotations(**wishes: str) -> dict[str, str]:
    """Annotations of Eurekube's."""
    return {f"{PREFIX}{key.replace('_', '-')}": value for key, value in wishes.items()}
