"""What `doctor` checks of pods: their environment, their URLs, and their instances in Eureka."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from eureka_operator.core.injection import pods
from eureka_operator.core.injection.annotations import REGISTRY
from eureka_operator.core.injection.patches import CONTAINER
from eureka_operator.core.kinds import Object
from eureka_operator.core.missed import UninjectedPod
from eureka_registry.config.urls import redact
from eureka_registry.core.model import Instance
from eureka_registry.verbs.findings import Code, Finding, finding, is_local
from eureka_registry.verbs.listing import NAMESPACE, Listing, name_of

CODES: Final = {
    "cluster_not_ready": Code(
        "the EurekaCluster is not Ready", "see kubectl eureka status; it names the cure"
    ),
    "sidecar_missed": Code("it should have a sidecar and has none", ""),
    "service_links": Code(
        "Kubernetes sets variables of a Service that its program may take for settings",
        "set enableServiceLinks: false in the pod's spec",
    ),
    "one_peer_only": Code(
        "it knows one peer only, and has no registry while that one is away",
        "name all peers, or the Service of the EurekaCluster",
    ),
    "registry_localhost": Code(
        "it looks for Eureka in its own pod, where none is",
        "set eureka.client.service-url.defaultZone to the URLs in the status of the EurekaCluster",
    ),
    "registry_path": Code(
        "its URL of the registry has another path than the registry",
        "end it in /eureka/",
    ),
    "registry_peer_missing": Code(
        "it names a peer that does not exist",
        "name the peers that the status of the EurekaCluster has",
    ),
    "pod_gone": Code(
        "the pod that it names does not exist any more",
        "the operator removes such leases within seconds; if this one stays, its log says why",
    ),
}
"""By code: what is wrong, and what to do."""

_SETTING: Final = re.compile(
    r"(?i)eureka[._]client[._]service[._-]?url[._-].+|eureka_(server_)?url"
)
"""Variables with URLs of registries; Spring takes several spellings of one name."""
_ARGUMENT: Final = re.compile(r"(?i)eureka\.client\.service-?url\.[\w-]+=(\S+)")
_PREFIX: Final = "EUREKA_"
_LINK: Final = "EUREKA_PORT"
_PATHS: Final = frozenset({"/eureka", "/eureka/v2", "/v2"})


class Registry(NamedTuple):
    """An EurekaCluster as pods name it in URLs: its Service, and its peers."""

    namespace: str
    name: str
    peers: frozenset[str]
    prefix: str
    context_path: str = ""


def read_registry(document: Object, peers: Iterable[str]) -> Registry:
    """The parts of an EurekaCluster that stand in URLs."""
    spec = pods.mapping(pods.mapping(document.get("spec")).get("peers"))
    return Registry(
        document["metadata"]["namespace"],
        document["metadata"]["name"],
        frozenset(peers),
        str(spec.get("dnsPrefix") or "peer"),
        str(spec.get("contextPath") or ""),
    )


def missing_sidecar_finding(uninjected: UninjectedPod) -> Finding:
    """The finding about a pod without its sidecar; the cure depends on what creates the pod."""
    message, _, cure = uninjected.event.message.partition(" Make it again: ")
    name = f"Pod {uninjected.pod.namespace}/{uninjected.pod.name}"
    return Finding("sidecar_missed", name, message.rstrip("."), f"Make it again: {cure}")


def check_pods(
    bodies: Iterable[Object], services: frozenset[tuple[str, str]], registries: Iterable[Registry]
) -> list[Finding]:
    """Findings about the environment and the URLs of pods; one for all pods of an owner.

    Args:
        bodies: running pods.
        services: namespace and name of all Services there.
        registries: all EurekaClusters that are known.
    """
    known = tuple(registries)
    findings = [
        each for pod in bodies for each in (*_service_links(pod, services), *_urls(pod, known))
    ]
    return list(dict.fromkeys(findings))


def check_instances(
    listing: Listing, uids: frozenset[str], namespaces: frozenset[str]
) -> list[Finding]:
    """Findings about instances whose pod is gone; only in namespaces whose pods are all known."""
    return [
        finding("pod_gone", name_of(each), _pod_of(each), CODES)
        for each in listing.instances
        if each.metadata.get(NAMESPACE) in namespaces
        and each.metadata.get("pod-uid")
        and each.metadata["pod-uid"] not in uids
    ]


def owner_name(pod: Object) -> str:
    """The object that users edit to change a pod: its Deployment, another controller, or itself."""
    owner, namespace = pods.owner(pod), pod["metadata"]["namespace"]
    name = pods.workload(pod, owner)
    if not owner.name:
        return f"Pod {namespace}/{pods.name(pod)}"
    kind = "Deployment" if owner.kind == "ReplicaSet" and name != owner.name else owner.kind
    return f"{kind} {namespace}/{name}"


def _service_links(pod: Object, services: frozenset[tuple[str, str]]) -> Iterator[Finding]:
    """Findings about service-link variables, for pods that read their settings from variables."""
    spec = pods.mapping(pod.get("spec"))
    namespace = pod["metadata"]["namespace"]
    if spec.get("enableServiceLinks") is False or (namespace, "eureka") not in services:
        return
    for container in _containers(pod):
        names = {name for name, _ in _variables(container)}
        if _LINK not in names and any(name.startswith(_PREFIX) for name in names):
            detail = f"Service {namespace}/eureka, {_LINK}=tcp://..., in container"
            detail = f"{detail} {container.get('name')}"
            yield finding("service_links", owner_name(pod), detail, CODES)


def _urls(pod: Object, registries: tuple[Registry, ...]) -> Iterator[Finding]:
    about, namespace = owner_name(pod), pod["metadata"]["namespace"]
    annotation = pods.annotations_of(pod).get(REGISTRY, "")
    given = [(f"annotation {REGISTRY}", annotation)] if "://" in annotation else []
    given += [each for container in _containers(pod) for each in _settings(container)]
    for where, value in given:
        urls = [each for each in value.split(",") if "://" in each]
        for url in urls:
            for code, detail in _wrong(url, pod, namespace, registries):
                yield finding(code, about, f"{where}: {detail}", CODES)
        if len(urls) == 1 and "$(" not in value:  # a variable may hold further URLs
            found = _registry_of(urls[0], namespace, registries)
            if found and found[1] in found[0].peers and len(found[0].peers) > 1:
                detail = f"{where}: {found[1]} of {len(found[0].peers)} peers"
                yield finding("one_peer_only", about, detail, CODES)


def _wrong(
    url: str, pod: Object, namespace: str, registries: tuple[Registry, ...]
) -> Iterator[tuple[str, str]]:
    """The codes of what is wrong with a URL, with the URL."""
    shown, (host, port, path) = redact(url), _split(url)
    if is_local(host):
        if not _serves(pod, port):
            yield "registry_localhost", shown
        return
    found = _registry_of(url, namespace, registries)
    if found is None:
        return
    registry, name = found
    if name != registry.name and name not in registry.peers:
        yield "registry_peer_missing", shown
    if path.rstrip("/").removeprefix(registry.context_path) not in _PATHS:
        yield "registry_path", shown


def _registry_of(
    url: str, namespace: str, registries: tuple[Registry, ...]
) -> tuple[Registry, str] | None:
    """The EurekaCluster that a URL leads to, and the name of its Service or peer there."""
    name, _, rest = _split(url)[0].partition(".")
    place = rest.partition(".")[0] or namespace
    for each in registries:
        is_peer = name in each.peers or re.fullmatch(rf"{re.escape(each.prefix)}[0-9]+", name)
        if each.namespace == place and (name == each.name or is_peer):
            return each, name
    return None


def _split(url: str) -> tuple[str, int | None, str]:
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return "", None, ""
    return parts.hostname or "", port, parts.path


def _serves(pod: Object, port: int | None) -> bool:
    """Whether a container of the pod declares the port."""
    every = (*pods.items(pod, "containers"), *pods.items(pod, "initContainers"))
    return any(number == port for each in every for _, number, _ in pods.ports(each))


def _containers(pod: Object) -> Iterator[Mapping[str, Any]]:
    for container in pods.items(pod, "containers"):
        if container.get("name") != CONTAINER:
            yield container


def _variables(container: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    found = container.get("env")
    for each in found if isinstance(found, list) else ():
        if isinstance(each, Mapping):
            yield str(each.get("name", "")), str(each.get("value") or "")


def _settings(container: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The settings of a container that hold URLs of registries, and the URLs."""
    for name, value in _variables(container):
        if _SETTING.fullmatch(name):
            yield name, value
        for url in _ARGUMENT.findall(value):
            yield name, url
    for key in ("command", "args"):
        found = container.get(key)
        for each in found if isinstance(found, list) else ():
            for url in _ARGUMENT.findall(str(each)):
                yield key, url


def _pod_of(instance: Instance) -> str:
    return f"{instance.metadata.get(NAMESPACE)}/{instance.metadata.get('pod-name', '')}"
