"""Decides whether a pod gets a sidecar: by labels, by its kind and by where it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from eureka_operator.core import names
from eureka_operator.core.injection import pods, reasons
from eureka_operator.core.injection.annotations import INJECT
from eureka_operator.core.injection.config import OLDEST_API_SERVER, Config, RegistryTarget
from eureka_operator.core.injection.patches import CONTAINER
from eureka_operator.core.injection.pods import Owner
from eureka_operator.core.injection.reasons import Finding

ENABLED: Final = "enabled"
DISABLED: Final = "disabled"
_MIRROR: Final = "kubernetes.io/config.mirror"
_JOBS: Final = frozenset(("Job", "CronJob", "TaskRun", "PipelineRun", "Workflow"))
"""Owners of pods that end: Kubernetes', Tekton's, Argo's."""
_PRODUCT: Final = "eurekube"
"""`app.kubernetes.io/name` of operator and injector, by their chart."""


class Choice(msgspec.Struct, frozen=True):
    """A pod should have a sidecar; `is_requested`: its own label says so."""

    is_requested: bool


def choice(
    pod: Mapping[str, Any],
    namespace: Mapping[str, Any],
    config: Config,
    owner: Owner,
    *,
    is_copy: bool,
) -> Choice | Finding:
    """Whether the pod, without parts of ours, should have a sidecar, or why not.

    A pod that was `copied` from an injected one has to ask by its own label (`status.is_copy`).
    """
    if excluded := _exclusion(pod, namespace, config):
        return excluded
    chosen = _by_label(pod, namespace, config, is_copy=is_copy)
    if isinstance(chosen, Finding):
        return chosen
    return _by_nature(pod, owner, is_requested=chosen.is_requested) or chosen


def _exclusion(
    pod: Mapping[str, Any], namespace: Mapping[str, Any], config: Config
) -> Finding | None:
    """Why a pod never gets a sidecar, whatever its labels say."""
    if _MIRROR in pods.annotations_of(pod):
        return Finding(reasons.MIRROR_POD)
    if _is_own(pods.labels_of(pod)):
        return Finding(reasons.OWN_COMPONENT)
    name = pods.name(namespace)
    if name in config.excluded_namespaces or (name and name == config.own_namespace):
        return Finding(reasons.EXCLUDED_NAMESPACE, name)
    return None


def _is_own(labels: Mapping[str, str]) -> bool:
    is_peer = labels.get("app.kubernetes.io/managed-by") == names.MANAGER
    return labels.get("app.kubernetes.io/name") == _PRODUCT or (
        is_peer and names.CLUSTER_LABEL in labels
    )


def _by_label(
    pod: Mapping[str, Any], namespace: Mapping[str, Any], config: Config, *, is_copy: bool
) -> Choice | Finding:
    """The pod's label, else the namespace's, else what `spec.injection` of a cluster says."""
    own, inherited = pods.labels_of(pod).get(INJECT), pods.labels_of(namespace).get(INJECT)
    if own is not None:
        if own not in (ENABLED, DISABLED):
            return Finding(reasons.BAD_LABEL, f"on the pod it is {_label_text(own)}", own=True)
        return Choice(is_requested=True) if own == ENABLED else Finding(reasons.DISABLED_BY_POD)
    if is_copy:
        return Finding(reasons.DEBUG_COPY)
    if inherited is None:
        return _by_default(pod, namespace, config)
    if inherited not in (ENABLED, DISABLED):
        return Finding(reasons.BAD_LABEL, f"on the namespace it is {_label_text(inherited)}")
    if inherited == DISABLED:
        return Finding(reasons.DISABLED_BY_NAMESPACE)
    return Choice(is_requested=False)


def _by_default(
    pod: Mapping[str, Any], namespace: Mapping[str, Any], config: Config
) -> Choice | Finding:
    if is_default(config.registries, namespace):
        return Choice(is_requested=False)
    hint = f"{INJECT} is an annotation of the pod" if INJECT in pods.annotations_of(pod) else ""
    return Finding(reasons.NOT_SELECTED, hint)


def is_default(registries: Iterable[RegistryTarget], namespace: Mapping[str, Any]) -> bool:
    """Whether pods of a namespace without the label get a sidecar, by `spec.injection.default`."""
    return any(each.injection.default and covers(each, namespace) for each in registries)


def covers(registry: RegistryTarget, namespace: Mapping[str, Any]) -> bool:
    """Whether `spec.injection` of a registry is for the pods of a namespace."""
    selector = registry.injection.namespace_selector
    if selector is None:
        return registry.namespace == pods.name(namespace)
    labels = {**pods.labels_of(namespace), "kubernetes.io/metadata.name": pods.name(namespace)}
    return selector.selects(labels)


def _by_nature(pod: Mapping[str, Any], owner: Owner, *, is_requested: bool) -> Finding | None:
    """Why a pod of this kind gets no sidecar."""
    spec = pod["spec"]
    systems = (
        pods.mapping(spec.get("os")).get("name"),
        pods.mapping(spec.get("nodeSelector")).get("kubernetes.io/os"),
    )
    if "windows" in systems:
        return Finding(reasons.WINDOWS_OS)
    if owner.kind in _JOBS and not is_requested:
        return Finding(reasons.JOB_DEFAULT_OFF, f"{owner.kind} {owner.name}")
    every = (*pods.items(pod, "initContainers"), *pods.items(pod, "containers"))
    if any(each["name"] == CONTAINER for each in every):
        return Finding(reasons.SIDECAR_PRESENT)
    return None


def obstacle(pod: Mapping[str, Any], config: Config) -> Finding | None:
    """Why a selected pod cannot get a sidecar; its containers are not looked at yet."""
    if config.api_server < OLDEST_API_SERVER:
        major, minor = config.api_server
        return Finding(reasons.OLD_KUBERNETES, f"the API server is {major}.{minor}")
    if pod["spec"].get("hostNetwork") is True:
        return Finding(reasons.HOST_NETWORK)
    if not pods.applications(pod):
        return Finding(reasons.NO_APP_CONTAINER)
    return None


def _label_text(label: str) -> str:
    return ascii(label[:63])
