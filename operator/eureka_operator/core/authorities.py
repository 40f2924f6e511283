"""CAs of registries for sidecars: a ConfigMap in each namespace with pods of an EurekaCluster.

An application must not wait for it, so its volume is optional: without it the sidecar waits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from eureka_operator.core import names
from eureka_operator.core.injection.config import RegistryTarget
from eureka_operator.core.kinds import CONFIG_MAP, Object
from eureka_operator.core.pods import Pod

LABEL: Final = f"{names.GROUP}/ca-of"
"""On these ConfigMaps alone; its value is the cluster's name. Not `names.CLUSTER_LABEL`: they are
no children of it, and most are in other namespaces."""
NAMESPACE_LABEL: Final = f"{names.GROUP}/ca-of-namespace"
MOST_TOLD: Final = 50
"""Pods of a namespace whose kubelets are told of a new bundle; others see it within two minutes."""

_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]{1,65536}-----END CERTIFICATE-----"
)

Place = tuple[str, str]
"""Namespace and name of a ConfigMap."""


class Plan(msgspec.Struct, frozen=True):
    """ConfigMaps to be applied, and those to be removed."""

    apply: tuple[Object, ...] = ()
    remove: tuple[Place, ...] = ()


def places(
    pods: Iterable[Pod], registries: Iterable[RegistryTarget]
) -> dict[Place, RegistryTarget]:
    """Where CAs are needed, and of which registry: by pods that have not ended."""
    by_name = {each.authorities: each for each in registries if each.tls}
    return {
        (pod.namespace, name): by_name[name]
        for pod in pods
        if not pod.finished
        for name in pod.authorities
        if name in by_name
    }


def plan(
    wanted: Mapping[Place, RegistryTarget], bundles: Mapping[str, str], live: Mapping[Place, Object]
) -> Plan:
    """The ConfigMaps to apply and to remove, so that each place has its CAs.

    Args:
        wanted: what is needed.
        bundles: the certificates of each registry, by `Known.authorities`. If one is missing, what
            is published stays, so that running pods go on.
        live: all ConfigMaps with the label.
    """
    bodies = {
        place: config_map(place[0], known, bundles[known.authorities])
        for place, known in wanted.items()
        if bundles.get(known.authorities)
    }
    return Plan(
        tuple(body for place, body in sorted(bodies.items()) if not _is_as(live.get(place), body)),
        tuple(sorted(live.keys() - wanted.keys())),
    )


def config_map(namespace: str, registry: RegistryTarget, bundle: str) -> Object:
    """The ConfigMap of a registry in a namespace."""
    return {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.kind,
        "metadata": {
            "namespace": namespace,
            "name": registry.authorities,
            "labels": {
                LABEL: registry.name,
                NAMESPACE_LABEL: registry.namespace,
                "app.kubernetes.io/managed-by": names.MANAGER,
                "app.kubernetes.io/part-of": "eurekube",
            },
        },
        "data": {names.AUTHORITIES_KEY: bundle},
    }


def certificates(text: str) -> str:
    """The certificates of a PEM file and nothing else: a private key in it is not copied."""
    return "".join(f"{each}\n" for each in _CERTIFICATE.findall(text))


def newest_readers(pods: Iterable[Pod], place: Place) -> list[Pod]:
    """The pods whose kubelets have to notice a new bundle: the newest that read it.

    A kubelet looks at a pod's volumes once a minute, and at once when an annotation of it changes.
    """
    namespace, name = place
    reading = [
        each
        for each in pods
        if each.namespace == namespace and name in each.authorities and not each.finished
    ]
    reading.sort(key=lambda each: each.created.timestamp() if each.created else 0.0, reverse=True)
    return reading[:MOST_TOLD]


def _is_as(live: Object | None, wanted: Object) -> bool:
    """Whether a ConfigMap has all that is wanted; what others add to it is left alone."""
    if live is None:
        return False
    labels, data = live["metadata"].get("labels") or {}, live.get("data") or {}
    is_marked = wanted["metadata"]["labels"].items() <= labels.items()
    return bool(is_marked and wanted["data"].items() <= data.items())
