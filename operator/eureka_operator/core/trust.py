"""Copies of a cluster's CAs for pods that register with it from other namespaces.

The original is a ConfigMap in the cluster's own namespace (`core/tls.py`), and its name says whose
it is. A pod that mounts a ConfigMap of that name in its own namespace gets a copy there. A copy
stays for as long as the original does: the next pod shall find it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from eureka_operator.core import names
from eureka_operator.core.kinds import CLUSTER, CONFIG_MAP, Object
from eureka_operator.core.observed import controller_uid
from eureka_operator.core.pods import Pod
from eureka_operator.core.tls import published


class Origin(NamedTuple):
    """An EurekaCluster."""

    namespace: str
    name: str


class Bundle(NamedTuple):
    """A ConfigMap with CAs; `owned`: it belongs to an EurekaCluster, so it is an original."""

    namespace: str
    name: str
    uid: str
    origin: Origin
    text: str
    owned: bool


class Change(NamedTuple):
    """A copy that is to be made (`uid` empty) or renewed."""

    body: Object
    uid: str


class Changes(NamedTuple):
    """What is to be done about copies; `disputed` are names that several clusters lay claim to."""

    copies: tuple[Change, ...] = ()
    surplus: tuple[Bundle, ...] = ()
    disputed: frozenset[str] = frozenset()


def read_bundle(document: Object) -> Bundle:
    """Keep of a ConfigMap with CAs what matters."""
    metadata = document["metadata"]
    labels = metadata.get("labels") or {}
    return Bundle(
        metadata["namespace"],
        metadata["name"],
        metadata["uid"],
        Origin(labels.get(names.TRUST_OF_NAMESPACE, ""), labels.get(names.TRUST_OF, "")),
        published(document),
        bool(controller_uid(document)) and _owner_kind(document) == CLUSTER.kind,
    )


def changes(pods: Iterable[Pod], bundles: Iterable[Bundle]) -> Changes:
    """What is to be done, by the pods that there are and the ConfigMaps with CAs."""
    there = list(bundles)
    originals: dict[str, list[Bundle]] = defaultdict(list)
    for each in there:
        if _is_original(each):
            originals[each.name].append(each)
    copies = {(each.namespace, each.name): each for each in there if not _is_original(each)}
    wanted = {(pod.namespace, name) for pod in pods if not pod.finished for name in pod.trusts}
    wanted |= copies.keys()
    found, surplus, disputed = [], [], set()
    for namespace, name in sorted(wanted):
        copy = copies.get((namespace, name))
        claimed = [each for each in originals.get(name, ()) if each.namespace != namespace]
        source = _source(claimed, copy)
        if source is not None and (copy is None or copy.text != source.text):
            found.append(Change(_body(namespace, source), copy.uid if copy else ""))
        elif source is None and len(claimed) > 1:
            disputed.add(name)
        elif source is None and copy is not None and not claimed:
            surplus.append(copy)
    return Changes(tuple(found), tuple(surplus), frozenset(disputed))


def waiting_pods(pods: Iterable[Pod], copy: Object) -> list[Pod]:
    """The pods that began without a copy, and would see it with their kubelet's next look alone."""
    metadata = copy["metadata"]
    return [
        pod
        for pod in pods
        if pod.namespace == metadata["namespace"] and metadata["name"] in pod.trusts
        if not pod.finished
    ]


def _is_original(bundle: Bundle) -> bool:
    return (
        bundle.owned
        and bundle.namespace == bundle.origin.namespace
        and bundle.name == names.trust(*bundle.origin)
    )


def _source(claimed: list[Bundle], copy: Bundle | None) -> Bundle | None:
    """What a copy is made of; of two clusters whose ConfigMaps are called alike the first one's.

    `a/b-c` and `a-b/c` are. Whoever comes second must not become whom pods of the first trust.
    """
    if copy is not None:
        return next((each for each in claimed if each.origin == copy.origin), None)
    return claimed[0] if len(claimed) == 1 else None


def _body(namespace: str, source: Bundle) -> Object:
    labels: Mapping[str, str] = names.trust_labels(*source.origin)
    return {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.kind,
        "metadata": {
            "namespace": namespace,
            "name": source.name,
            "labels": {**labels, "app.kubernetes.io/managed-by": names.MANAGER},
        },
        "data": {"ca.crt": source.text},
    }


def _owner_kind(document: Object) -> str:
    owners = document["metadata"].get("ownerReferences") or ()
    return next((str(each["kind"]) for each in owners if each.get("controller")), "")
