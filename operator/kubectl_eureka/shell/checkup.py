"""What `doctor` reads of a cluster besides the registry: EurekaClusters, pods, Services."""

from __future__ import annotations

from typing import Final, NamedTuple

from eureka_operator.core.injection.decide import Inject, decide
from eureka_operator.core.kinds import CLUSTER, POD, SERVICE, Object
from eureka_operator.core.missed import uninjected_pods
from eureka_operator.core.names import CLUSTER_LABEL
from eureka_operator.shell.client import ApiError, Client
from eureka_operator.shell.kube import Kube
from eureka_registry.verbs import server
from eureka_registry.verbs.commands import examine
from eureka_registry.verbs.findings import Finding, finding
from eureka_registry.verbs.server import NoAnswerError
from kubectl_eureka.core import podchecks
from kubectl_eureka.core.clusters import cluster_status, peer_names, zone_names
from kubectl_eureka.core.surroundings import Surroundings
from kubectl_eureka.shell import cluster, registry
from kubectl_eureka.shell.options import Look
from kubectl_eureka.shell.registry import Target

_RUNNING: Final = "status.phase!=Succeeded,status.phase!=Failed"


class CheckResult(NamedTuple):
    """Findings, and notes on what could not be looked at."""

    findings: list[Finding]
    notes: list[str]


async def look_at_all(client: Client, look: Look, namespace: str | None) -> CheckResult:
    """Check the EurekaClusters and the pods of a namespace, or of all (`None`).

    Raises:
        ApiError: Pods or Services cannot be listed.
    """
    kube = Kube(client)
    pods = await kube.list(POD, namespace, f"!{CLUSTER_LABEL}", fields=_RUNNING)
    services = {_key(each) for each in await kube.list(SERVICE, namespace, whole=False)}
    namespaces = {each["metadata"]["namespace"] for each in pods}
    known = await cluster.surroundings_of(client, look, namespaces | _only(namespace))
    clusters, notes = await _clusters(kube, known, namespace)
    registries = [podchecks.read_registry(each, peer_names(each)) for each in clusters]
    found = podchecks.check_pods(pods, frozenset(services), registries)
    found += _uninjected_pods(pods, known)
    for each in clusters:
        if namespace in (None, each["metadata"]["namespace"]):
            about = await _look_at_registry(client, Target(each), pods, namespace)
            found += about.findings
            notes += about.notes
    return CheckResult(found, [*notes, *known.notes])


async def _clusters(
    kube: Kube, surroundings: Surroundings, namespace: str | None
) -> tuple[list[Object], list[str]]:
    """All EurekaClusters that may be read: pods of this namespace may name those of others."""
    names = {each.namespace for each in surroundings.config.registries} | _only(namespace)
    found: list[Object] = []
    notes = []
    for name in sorted(names):
        try:
            found += await kube.list(CLUSTER, name)
        except ApiError as error:
            notes.append(f"EurekaClusters of namespace {name} were not looked at: {error}")
    return found, notes


async def _look_at_registry(
    client: Client, target: Target, pods: list[Object], namespace: str | None
) -> CheckResult:
    """Check an EurekaCluster's status and the instances of its registry."""
    found, notes = [], []
    status = cluster_status(target.document, {})
    if not status.ready:
        about = f"EurekaCluster {target}"
        found.append(finding("cluster_not_ready", about, status.message, podchecks.CODES))
    asked = registry.registry(client, target)
    try:
        found += await examine(asked, zone_names(target.document))
        listing = await server.listing(asked)
    except NoAnswerError as error:
        notes.append(f"what the registry holds was not looked at: {error}")
        return CheckResult(found, notes)
    uids = frozenset(str(each["metadata"]["uid"]) for each in pods)
    places = {each["metadata"]["namespace"] for each in pods} | _only(namespace)
    found += podchecks.check_instances(listing, uids, frozenset(places))
    return CheckResult(found, notes)


def _uninjected_pods(pods: list[Object], surroundings: Surroundings) -> list[Finding]:
    """Pods that should have a sidecar and have none."""

    def is_wanted(pod: Object, namespace: Object) -> bool:
        return isinstance(decide(pod, namespace, surroundings.config), Inject)

    found = []
    for name in sorted({each["metadata"]["namespace"] for each in pods}):
        group = [each for each in pods if each["metadata"]["namespace"] == name]
        found += uninjected_pods(group, surroundings.namespace(name), is_wanted)
    return [podchecks.missing_sidecar_finding(each) for each in found]


def _key(document: Object) -> tuple[str, str]:
    metadata = document["metadata"]
    return metadata["namespace"], metadata["name"]


def _only(namespace: str | None) -> set[str]:
    return set() if namespace is None else {namespace}
