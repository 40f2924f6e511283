"""Explains objects of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from eureka_operator.core.injection import pods
from eureka_operator.core.injection.documents import templates
from eureka_operator.core.instances import NoInstancesError
from eureka_operator.core.kinds import POD, Kind, Object
from eureka_operator.core.missed import uninjected_pods
from eureka_operator.shell.client import ApiError, Client
from eureka_operator.shell.kube import Kube
from kubectl_eureka.core.explanation import (
    Explanation,
    Now,
    differences,
    explanation,
    recorded_remarks,
)
from kubectl_eureka.core.sidecar import Sidecar, sidecar_of
from kubectl_eureka.core.surroundings import Surroundings, with_annotation, with_registry
from kubectl_eureka.core.workloads import container_state
from kubectl_eureka.shell import cluster
from kubectl_eureka.shell.errors import NoAnswerError
from kubectl_eureka.shell.options import Look

Explained = tuple[list[Explanation], tuple[str, ...]]
"""Explanations, and notes on what is not known."""


async def explain(look: Look, namespace: str, kind: Kind, name: str) -> Explained:
    """Explain an object of the cluster.

    Raises:
        NoAnswerError: The cluster cannot be asked, or there is no such object.
    """
    async with cluster.connection(look) as client:
        return await there(client, look, namespace, kind, name)


async def there(client: Client, look: Look, namespace: str, kind: Kind, name: str) -> Explained:
    """The same by a client.

    Raises:
        ApiError: The cluster cannot be asked.
        NoAnswerError: There is no such object.
    """
    document = await Kube(client).get(kind, namespace, name)
    if document is None:
        raise NoAnswerError(
            f"there is no {kind.kind} {namespace}/{name}; another namespace is named by -n"
        )
    known = await cluster.surroundings_of(client, look, {namespace})
    known = with_registry(known, look.registry)
    found = []
    for each in templates(with_annotation(document, look.registry)):
        about = explanation(each, known.namespace(namespace), known.config)
        if kind == POD:
            now = await _now(client, known, document, about)
            about = msgspec.structs.replace(about, now=now)
        found.append(about)
    return found, known.notes


async def _now(client: Client, surroundings: Surroundings, pod: Object, about: Explanation) -> Now:
    """The present state of a pod, and what it would get now."""
    sidecar = sidecar_of(pod)
    held = await _registry_lines(client, surroundings, pod, sidecar) if sidecar is not None else ()
    is_both = sidecar is not None and about.sidecar is not None
    return Now(
        sidecar=sidecar,
        reasons=recorded_remarks(pod),
        container=container_state(pod),
        held=held,
        differences=differences(sidecar, about.sidecar) if is_both else (),
        advice=_advice(pod, surroundings, about) if sidecar is None else "",
    )


def _advice(pod: Object, surroundings: Surroundings, about: Explanation) -> str:
    """What to do so that a pod gets the sidecar that it should have."""
    if about.outcome != "injected":
        return ""
    found = uninjected_pods(
        [pod], surroundings.namespace(about.namespace), lambda _pod, _namespace: True
    )
    return found[0].event.message if found else ""


async def _registry_lines(
    client: Client, surroundings: Surroundings, pod: Mapping[str, Any], sidecar: Sidecar
) -> tuple[str, ...]:
    """The instances of a pod at each EurekaCluster, or why they are not known."""
    uid = pods.text(pods.mapping(pod.get("metadata")).get("uid"))
    texts: list[str] = []
    for urls in sidecar.registries:
        for registry in surroundings.config.registries:
            if set(registry.urls).isdisjoint(urls):
                continue
            for app in dict.fromkeys(each.app for each in sidecar.instances):
                try:
                    found = await cluster.instances_of_pod(client, registry, app, uid)
                except (ApiError, NoInstancesError) as error:
                    texts.append(f"{registry} cannot be asked: {error}")
                    continue
                texts.extend(f"{each.status} in {registry} as {each}" for each in found)
                if not found:
                    texts.append(f"nothing of {app.upper()} in {registry}")
    return tuple(texts)
