"""Decides which registration may register what, and where, if two want the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from eureka_operator.api.registration import Registration
from eureka_operator.core.injection.config import RegistryTarget
from eureka_operator.core.injection.selection import covers
from eureka_operator.core.kinds import Object
from eureka_operator.core.registrations.wanted import (
    DesiredInstance,
    DesiredInstances,
    Finding,
    Key,
)

MOST_IN_ALL: Final = 10_000
"""Instances of one EurekaCluster: about 330 renewals a second."""


def refusal(
    registration: Registration, cluster: RegistryTarget | None, namespace: Object | None
) -> Finding | None:
    """Why a registration may not register with its EurekaCluster; `None`: it may.

    Whoever may make registrations in one namespace must not write into a registry of another,
    unless its EurekaCluster is for both.

    Args:
        registration: what wants to register.
        cluster: the EurekaCluster that it names, `None` if there is none that can be used.
        namespace: the registration's own, with its labels; `None` if it may not be read.
    """
    cluster_name = f"{registration.cluster_namespace}/{registration.spec.cluster_ref.name}"
    if registration.deleting:
        return Finding("Deleting", "the object is being deleted")
    if cluster is None:
        message = (
            f"there is no EurekaCluster {cluster_name}: correct spec.clusterRef;"
            " kubectl get ekc -A lists them"
        )
        return Finding("ClusterNotFound", message)
    if registration.namespace == cluster.namespace:
        return None
    if namespace is None or not covers(cluster, namespace):
        message = (
            f"EurekaCluster {cluster_name} is not for namespace {registration.namespace}: its"
            " spec.injection.namespaceSelector has to select it"
        )
        return Finding("NotAllowed", message)
    return None


def shares(
    registrations: Iterable[tuple[Registration, DesiredInstances]],
) -> dict[str, DesiredInstances]:
    """The instances of each registration of one EurekaCluster, by uid: the oldest comes first.

    What was registered first is what clients know.
    """
    given: dict[str, DesiredInstances] = {}
    owners: dict[Key, Registration] = {}
    for registration, wanted in sorted(registrations, key=lambda each: _age(each[0])):
        findings = list(wanted.findings)
        taken = [key for key in wanted.instances if key in owners]
        kept: Mapping[Key, DesiredInstance] = wanted.instances
        if taken:
            kept = {key: each for key, each in kept.items() if key not in owners}
            findings.append(_conflict(taken, owners[taken[0]]))
        room = MOST_IN_ALL - len(owners)
        if len(kept) > room:
            kept = {key: kept[key] for key in sorted(kept)[:room]}
            message = (
                f"registrations of one EurekaCluster have at most {MOST_IN_ALL} instances in all:"
                " let some register with another one"
            )
            findings.append(Finding("TooManyInstances", message))
        owners |= dict.fromkeys(kept, registration)
        given[registration.uid] = DesiredInstances(dict(kept), tuple(findings))
    return given


def _age(registration: Registration) -> tuple[str, str, str]:
    return registration.created, registration.namespace, registration.name


def _conflict(keys: list[Key], owner: Registration) -> Finding:
    more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
    message = (
        f"{keys[0]}{more} is registered by EurekaRegistration {owner}, which is older: give one of"
        " them another spec.app, or delete it"
    )
    return Finding("Conflict", message)
