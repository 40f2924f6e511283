"""The project's charts, values to try them with, and the objects that Helm makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from cluster import parts
from cluster.errors import CannotRunError
from cluster.versions import DEFAULT_KUBERNETES
from conformance.realclient import not_run
from support.helm import Helm
from support.ownclusters import show_progress

CHARTS: Final = Path(__file__).parents[2] / "charts"
OPERATOR: Final = CHARTS / "eurekube"
CLUSTER: Final = CHARTS / "eureka-cluster"
NAMESPACE: Final = "eurekube-system"

Values = Mapping[str, Any]
Object = dict[str, Any]

_DIGEST: Final = "sha256:" + "0123456789abcdef" * 4

OPERATOR_VALUES: Final[Mapping[str, Values]] = {
    "default": {},
    "high availability": {
        "replicas": 3,
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "topologyKey": "kubernetes.io/hostname",
                        "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "eurekube"}},
                    }
                ]
            }
        },
        "priorityClassName": "system-cluster-critical",
    },
    "one replica": {"replicas": 1},
    "namespaced": {"watch": {"namespaces": ["default", "kube-public"]}},
    "own registry": {
        "image": {"registry": "registry.example/mirror"},
        "imagePullSecrets": [{"name": "pull"}],
    },
    "digests": {
        "image": {"digest": _DIGEST},
        "registryImage": {"digest": _DIGEST},
        "sidecarImage": {"digest": _DIGEST},
    },
    "own certificate": {
        "injector": {
            "certificates": {"mode": "provided", "secretName": "mine", "caBundle": "Y2E="},
            "failurePolicy": "Fail",
        }
    },
    "node's network": {"injector": {"hostNetwork": True, "port": 19443, "healthPort": 18080}},
    "everything on": {
        "image": {"registry": "registry.example:5000", "tag": "1.2.3", "pullPolicy": "Always"},
        "registryImage": {"repository": "mine/registry", "tag": "4.5.6"},
        "imagePullSecrets": [{"name": "pull"}],
        "clusterDomain": "example.internal",
        "log": {"level": "DEBUG", "format": "text"},
        "leaderElection": {"leaseDuration": 30, "renewDeadline": 20, "retryPeriod": 5},
        "workers": 8,
        "sidecarImage": {"repository": "mine/sidecar", "tag": "7.8.9"},
        "injector": {
            "replicas": 3,
            "allowURLs": False,
            "evictMissed": True,
            "port": 10250,
            "admissionPolicy": {"enabled": True, "names": {"shop": ["ORDERS*", "pay?"]}},
        },
        "crds": {"keep": False},
        "rbac": {"certManager": True},
        "serviceAccount": {"name": "operator", "annotations": {"example.com/role": "eureka"}},
        "podLabels": {"team": "platform", "app.kubernetes.io/component": "mine"},
        "podAnnotations": {"example.com/logs": "json"},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "system", "operator": "Exists", "effect": "NoSchedule"}],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "eurekube"}},
            }
        ],
        "networkPolicy": {
            "metricsFrom": [
                {
                    "namespaceSelector": {
                        "matchLabels": {"kubernetes.io/metadata.name": "monitoring"}
                    }
                }
            ]
        },
        "metrics": {
            "serviceMonitor": {
                "enabled": True,
                "interval": "15s",
                "labels": {"release": "prometheus", "app.kubernetes.io/component": "mine"},
            }
        },
        "extraArgs": ["--resync=30"],
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}],
        "fullnameOverride": "mine",
    },
    "everything off": {
        "injector": {"enabled": False},
        "crds": {"install": False},
        "rbac": {"create": False},
        "serviceAccount": {"create": False, "name": "given"},
        "podDisruptionBudget": {"enabled": False},
        "networkPolicy": {"enabled": False},
        "resources": None,
        "clusterDomain": None,
        "log": {"level": None, "format": None},
        "leaderElection": {"leaseDuration": None, "renewDeadline": None, "retryPeriod": None},
        "workers": None,
    },
}
"""Values of the chart `eurekube`, by what they are about."""

CLUSTER_VALUES: Final[Mapping[str, Values]] = {
    "default": {},
    "no peers": {"spec": {"replicas": 0}},
    "everything": {
        "name": "orders",
        "labels": {"team": "orders"},
        "annotations": {"example.com/owner": "orders"},
        "spec": {
            "replicas": 5,
            "peers": {"dnsPrefix": "orders-peer", "port": 8080, "contextPath": "/discovery"},
            "topology": {"zones": [{"name": "a"}, {"name": "b", "nodeZone": "zone-2"}]},
            "registry": {
                "selfPreservation": {"enabled": False},
                "rateLimit": {"enabled": True, "burst": 2_000_000},
            },
            "resources": {"limits": {"memory": "512Mi"}},
        },
    },
}
"""Values of the chart `eureka-cluster`."""


def offline_helm(version: str, config: pytest.Config) -> Helm:
    """A Helm that knows no cluster; skips where it cannot be built, with the reason."""
    with show_progress(config):
        try:
            program = parts.build(parts.helm(version)) / "helm"
        except CannotRunError as error:
            not_run("charts", str(error))
    return Helm(program, Path("/dev/null"), NAMESPACE)


def rendered(helm: Helm, chart: Path, values: Values, *words: str) -> list[Object]:
    """The objects of a release `eurekube`, tests included, as `helm template` prints them."""
    text = rendered_text(helm, chart, values, *words)
    return [each for each in yaml.safe_load_all(text) if each is not None]


def rendered_text(helm: Helm, chart: Path, values: Values, *words: str) -> str:
    """The same as it is printed."""
    version = f"--kube-version={DEFAULT_KUBERNETES}"
    flags = [version, "--values=-", *words]
    return helm("template", "eurekube", str(chart), *flags, given=json.dumps(values))


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    """Those of a kind."""
    return [each for each in objects if each["kind"] == kind]


def images(objects: list[Object]) -> Iterator[str]:
    """Every image that is named: by containers, and by what programs are told of others."""
    for each in objects:
        spec = each.get("spec", {})
        pod = spec.get("template", {}).get("spec", spec)
        for container in pod.get("containers", []):
            yield container["image"]
            for word in container.get("args", []):
                if word.startswith(("--registry-image=", "--sidecar-image=")):
                    yield word.partition("=")[2]
