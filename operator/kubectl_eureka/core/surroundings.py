"""What a decision depends on besides the pod: namespace, registries, and the injector's flags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from eureka_operator import __version__
from eureka_operator.core.injection import pods
from eureka_operator.core.injection.annotations import INJECT, REGISTRY
from eureka_operator.core.injection.config import Config, RegistryTarget, read_registry
from eureka_operator.core.injection.documents import Template, change_pods
from eureka_operator.core.injection.selection import ENABLED
from eureka_operator.core.kinds import CLUSTER, NAMESPACE, Object


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the cluster; `notes` are sentences about what is not known.

    Without a cluster (`offline`) a namespace that no file has counts as one whose pods get a
    sidecar: nobody else can be asked.
    """

    config: Config
    domain: str
    namespaces: Mapping[str, Object] = {}
    statuses: Mapping[str, Object] = {}
    offline: bool = False
    notes: tuple[str, ...] = ()

    def namespace(self, name: str) -> Object:
        """The Namespace of a name."""
        if name in self.namespaces:
            return self.namespaces[name]
        labels = {INJECT: ENABLED} if self.offline else {}
        return {"metadata": {"name": name, "labels": labels}}


def offline_surroundings(image: str, domain: str) -> Surroundings:
    """What is known without a cluster."""
    note = (
        "offline: a namespace that is not in the files counts as one with the label"
        " eurekube.io/inject=enabled; EurekaClusters are those of the files"
    )
    config = Config(image=image, version=__version__)
    return Surroundings(config=config, domain=domain, offline=True, notes=(note,))


def objects(documents: Iterable[Any]) -> list[Object]:
    """The objects of documents, those of lists among them."""
    found: list[Object] = []
    for each in documents:
        if isinstance(each, Mapping) and isinstance(each.get("items"), list):
            found.extend(dict(one) for one in each["items"] if isinstance(one, Mapping))
        elif isinstance(each, Mapping):
            found.append(dict(each))
    return found


def with_files(
    surroundings: Surroundings, documents: Iterable[Any], namespace: str
) -> Surroundings:
    """The cluster after files were applied: their Namespaces and EurekaClusters exist.

    Args:
        surroundings: the cluster as it is now.
        documents: of the files.
        namespace: of documents that name none.
    """
    namespaces = dict(surroundings.namespaces)
    registries = {str(each): each for each in surroundings.config.registries}
    notes = list(surroundings.notes)
    for each in objects(documents):
        name = pods.name(each)
        if each.get("kind") == NAMESPACE.kind and name:
            namespaces[name] = _merge_namespace(namespaces.get(name, {}), each)
        if each.get("kind") == CLUSTER.kind:
            found = _registry(surroundings, each, namespace)
            if isinstance(found, RegistryTarget):
                registries[str(found)] = found
            else:
                notes.append(found)
    config = msgspec.structs.replace(surroundings.config, registries=tuple(registries.values()))
    return msgspec.structs.replace(
        surroundings, config=config, namespaces=namespaces, notes=tuple(notes)
    )


def with_registry(surroundings: Surroundings, named: str) -> Surroundings:
    """The same with an EurekaCluster of this name, for use without a cluster."""
    namespace, _, name = named.rpartition("/")
    if not surroundings.offline or not namespace or "://" in named:
        return surroundings
    if named in [str(each) for each in surroundings.config.registries]:
        return surroundings
    metadata = {"namespace": namespace, "name": name}
    document = {"apiVersion": CLUSTER.api_version, "kind": CLUSTER.kind, "metadata": metadata}
    found = read_registry({**document, "spec": {}}, surroundings.domain)
    if not isinstance(found, RegistryTarget):
        return surroundings
    registries = (*surroundings.config.registries, found)
    note = f"offline: EurekaCluster {named} is taken to have the usual port and no context path"
    return msgspec.structs.replace(
        surroundings,
        config=msgspec.structs.replace(surroundings.config, registries=registries),
        notes=(*surroundings.notes, note),
    )


def with_annotation(document: Any, registry: str) -> Any:  # noqa: ANN401 - of any kind
    """A document whose pods name this registry, unless they name another; empty: unchanged."""
    if not registry:
        return document
    return change_pods(document, lambda found: _with_registry(found, registry))


def _with_registry(template: Template, registry: str) -> Mapping[str, Any]:
    if pods.problem(template.pod, {}) or REGISTRY in pods.annotations_of(template.pod):
        return template.pod
    metadata = dict(pods.mapping(template.pod.get("metadata")))
    metadata["annotations"] = {**pods.annotations_of(template.pod), REGISTRY: registry}
    return {**template.pod, "metadata": metadata}


def _registry(surroundings: Surroundings, document: Object, namespace: str) -> RegistryTarget | str:
    """An EurekaCluster of a file; its status is that of the object in the cluster."""
    metadata = pods.mapping(document.get("metadata"))
    place = pods.text(metadata.get("namespace")) or namespace
    name = pods.text(metadata.get("name"))
    status = surroundings.statuses.get(f"{place}/{name}", {})
    placed = {**document, "metadata": {**metadata, "namespace": place}, "status": status}
    found = read_registry(placed, surroundings.domain)
    if isinstance(found, RegistryTarget):
        return found
    wrong = "; ".join(f"{each.field}: {each.message}".lstrip(": ") for each in found)
    return f"EurekaCluster {place}/{name} is not a registry: {wrong}"


def _merge_namespace(before: Object, after: Object) -> Object:
    """A Namespace after a file was applied: labels that the file does not have stay."""
    labels = {**pods.labels_of(before), **pods.labels_of(after)}
    return {"metadata": {**pods.mapping(after.get("metadata")), "labels": labels}}
