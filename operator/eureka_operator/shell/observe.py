"""Reads everything that belongs to an EurekaCluster: children, pods, and reports of peers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from eureka_operator.api.cluster import Cluster, read
from eureka_operator.core import names, tls, transport
from eureka_operator.core.desired.common import Environment
from eureka_operator.core.kinds import (
    CERTIFICATE,
    CHILDREN,
    CLUSTER,
    CONFIG_MAP,
    CONTROLLER_REVISION,
    EVENT,
    NODE,
    POD,
    STATEFUL_SET,
    Kind,
    Object,
)
from eureka_operator.core.observed import (
    Observed,
    Pod,
    Ref,
    Report,
    controller_uid,
    owner_phrase,
    parse_pod,
    read_report,
    revision_template,
)
from eureka_operator.core.pods import Node, read_node
from eureka_operator.core.references import remote_clusters
from eureka_operator.shell.access import AccessReader
from eureka_operator.shell.client import RefusedError
from eureka_operator.shell.clustercertificates import ClusterCertificates
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.peers import reports

_REFUSED: Final = "FailedCreate"
_CORDONED: Final = "spec.unschedulable=true"


class Secrets(NamedTuple):
    """What keeps the Secrets of clusters."""

    certificates: ClusterCertificates
    access: AccessReader


async def observe(
    kube: Kube,
    cluster: Cluster,
    environment: Environment,
    settled: Mapping[str, tuple[str, str]],
    secrets: Secrets,
    now: Callable[[], datetime],
) -> Observed:
    """Look at one cluster, and keep its Secrets; raises what `Kube` raises."""
    selector = f"{names.CLUSTER_LABEL}={cluster.name}"
    kinds = [kind for kind in CHILDREN if environment.has(kind)]
    *lists, documents = await asyncio.gather(
        *(kube.list(kind, cluster.namespace, selector) for kind in (*kinds, POD))
    )
    children, foreign = _sort_children(cluster, kinds, lists)
    pods = _pods(children, documents)
    trust = children.get((CONFIG_MAP, names.trust(cluster.name)))
    found = await secrets.certificates.look(cluster, tls.published_authorities(trust))
    issued = children.get((CERTIFICATE, names.certificate(cluster.name)))
    return Observed(
        cluster=cluster,
        now=now(),
        children=children,
        foreign=foreign,
        pods=pods,
        reports=await _reports(pods),
        pod_creation_error=await _pod_creation_error(kube, cluster, children),
        nodes={} if environment.namespaced else await _nodes(kube, pods),
        references=await _references(kube, cluster, environment.domain),
        templates=await _templates(kube, cluster, children),
        settled=settled,
        certificate=tls.with_issuer(found, cluster, issued, has_kind=environment.certificates),
        access=await secrets.access.look(cluster),
    )


def _sort_children(
    cluster: Cluster, kinds: list[Kind], lists: list[list[Object]]
) -> tuple[dict[Ref, Object], dict[Ref, str]]:
    children: dict[Ref, Object] = {}
    foreign: dict[Ref, str] = {}
    for kind, bodies in zip(kinds, lists, strict=True):
        for body in bodies:
            ref = (kind, str(body["metadata"]["name"]))
            if controller_uid(body) == cluster.uid:
                children[ref] = body
            else:
                foreign[ref] = owner_phrase(body, cluster.name)
    return children, foreign


def _pods(children: Mapping[Ref, Object], documents: list[Object]) -> dict[str, Pod]:
    """Pods of the cluster's StatefulSets; others may carry the label, too."""
    owners = {
        body["metadata"]["uid"] for (kind, _), body in children.items() if kind is STATEFUL_SET
    }
    found = [parse_pod(each) for each in documents if controller_uid(each) in owners]
    return {pod.name: pod for pod in found}


async def _reports(pods: Mapping[str, Pod]) -> dict[str, Report | str]:
    addresses = {pod.name: pod.ip for pod in pods.values() if pod.ip and not pod.deleting}
    answers = await reports(addresses)
    return {
        name: answer if isinstance(answer, str) else read_report(answer)
        for name, answer in answers.items()
    }


async def _pod_creation_error(kube: Kube, cluster: Cluster, children: Mapping[Ref, Object]) -> str:
    """Why the StatefulSet controller cannot make pods: quota, Pod Security, a webhook."""
    for (kind, name), body in children.items():
        if kind is not STATEFUL_SET:
            continue
        missing = body["spec"].get("replicas", 0) - body.get("status", {}).get("replicas", 0)
        if missing <= 0:
            continue
        about = f"involvedObject.name={name},reason={_REFUSED}"
        events = await kube.list(EVENT, cluster.namespace, fields=about)
        current = [e for e in events if e["involvedObject"].get("uid") == body["metadata"]["uid"]]
        newest = max(current, key=lambda each: str(each.get("lastTimestamp") or ""), default=None)
        if newest is not None:
            return f"no pod could be made: {newest['message']}"
    return ""


async def _templates(
    kube: Kube, cluster: Cluster, children: Mapping[Ref, Object]
) -> dict[str, Object]:
    """Pod templates by revision; they are asked for only while one changes, or has failed."""
    sets = [body for (kind, _), body in children.items() if kind is STATEFUL_SET]
    if not any(map(_is_changing, sets)):
        return {}
    selector = f"{names.CLUSTER_LABEL}={cluster.name}"
    revisions = await kube.list(CONTROLLER_REVISION, cluster.namespace, selector)
    owners = {body["metadata"]["uid"] for body in sets}
    return {
        each["metadata"]["name"]: revision_template(each)
        for each in revisions
        if controller_uid(each) in owners
    }


def _is_changing(body: Object) -> bool:
    status, annotations = body.get("status", {}), body["metadata"].get("annotations", {})
    differ = status.get("currentRevision") != status.get("updateRevision")
    return differ or names.FAILED_TEMPLATE in annotations


async def _nodes(kube: Kube, pods: Mapping[str, Pod]) -> dict[str, Node | None]:
    """Nodes of pods that are not ready, and cordoned ones while a pod has no node.

    Empty where they may not be read.
    """
    found: dict[str, Node | None] = {}
    waiting = [pod for pod in pods.values() if not pod.ready]
    try:
        for name in {pod.node for pod in waiting if pod.node}:
            document = await kube.get(NODE, "", name)
            found[name] = None if document is None else read_node(document)
        if not all(pod.node for pod in waiting):
            cordoned = await kube.list(NODE, None, fields=_CORDONED)
            found |= {each.name: each for each in map(read_node, cordoned)}
    except RefusedError:
        return {}
    return found


async def _references(kube: Kube, cluster: Cluster, domain: str) -> dict[tuple[str, str], str]:
    """Client URLs of the clusters that remote regions name; absent: those not there or not ours.

    An operator of single namespaces may not read in others.
    """
    found = {}
    for namespace, name in {*remote_clusters(cluster)}:
        try:
            document = await kube.get(CLUSTER, namespace, name)
        except RefusedError:
            continue
        other = read(document) if document is not None else None
        if isinstance(other, Cluster):
            found[namespace, name] = _client_url(other, domain)
    return found


def _client_url(cluster: Cluster, domain: str) -> str:
    """Where peers of other clusters fetch: by plain HTTP as long as that is served."""
    scheme, port = next(iter(transport.ports(cluster).items()))
    host = names.host(cluster.name, cluster.namespace, domain)
    return names.service_url(host, port, cluster.spec.peers.context_path or "", scheme)
