"""Checks by name whether a lease is really unwanted, if watches say so.

A lease that is removed by mistake does more harm than one that stays, so an object that is missing
in a list is not enough: the registration, the Service and the slice by which an instance was wanted
are asked for by their names first, and a failure keeps all leases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from eureka_operator.api.registration import Registration, read
from eureka_operator.core.injection.config import RegistryTarget as Cluster
from eureka_operator.core.injection.config import read_registry
from eureka_operator.core.instances import NAMESPACE as NAMESPACE_KEY
from eureka_operator.core.kinds import CLUSTER, NAMESPACE, REGISTRATION
from eureka_operator.core.pausing import ClusterName
from eureka_operator.core.registrations.held import RegisteredInstance
from eureka_operator.core.registrations.shares import refusal
from eureka_operator.core.registrations.wanted import (
    REGISTRATION as REGISTRATION_KEY,
)
from eureka_operator.core.registrations.wanted import (
    DesiredInstance,
    Key,
    Place,
    desired_instances,
)
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.sources import NamespaceSources, confirm


class Owner(NamedTuple):
    """For which registration an instance was registered, and with which EurekaCluster."""

    cluster: ClusterName
    namespace: str
    name: str
    uid: str


class RemovalCheck:
    """Checks a second time, by names; `sources` gives what watches show of a namespace."""

    def __init__(self, kube: Kube, sources: Callable[[str], NamespaceSources | None]) -> None:
        self._kube = kube
        self._sources = sources

    async def removable(
        self,
        owner: Owner,
        instances: Sequence[DesiredInstance],
        former: Sequence[RegisteredInstance],
        place: Place,
    ) -> set[Key]:
        """The instances of one registration that may be removed.

        Args:
            owner: the registration.
            instances: instances that this leader has registered for it, and that are not wanted any
                more.
            former: instances that a former leader has registered. Their slice is not known, so if
                nothing of the registration is wanted any more, they are left to expire.
            place: in which Kubernetes cluster this is.

        Raises:
            ApiError: It cannot be decided.
        """
        keys = {each.key for each in instances} | {each.key for each in former}
        document = await self._kube.get(REGISTRATION, owner.namespace, owner.name)
        registration = None if document is None else read(document)
        if isinstance(registration, tuple):
            return set()
        if registration is None or registration.uid != owner.uid:
            return keys
        if await self._is_refused(registration, owner.cluster, place):
            return keys
        sources = self._sources(owner.namespace)
        if sources is None and registration.spec.endpoints is None:
            return set()
        fresh = await confirm(
            sources or NamespaceSources({}, {}),
            owner.namespace,
            sorted({each.service for each in instances if each.service}),
            sorted({each.slice for each in instances if each.slice}),
            self._kube,
        )
        found = desired_instances(
            registration, fresh.services.values(), fresh.slices.values(), place
        )
        uncertain = () if found.instances else [each.key for each in former]
        return keys - found.instances.keys() - set(uncertain)

    async def _is_refused(
        self, registration: Registration, cluster: ClusterName, place: Place
    ) -> bool:
        """Whether a registration names another EurekaCluster, or must not use this one."""
        if cluster != (registration.cluster_namespace, registration.spec.cluster_ref.name):
            return True
        document = await self._kube.get(CLUSTER, *cluster)
        found = read_registry(document, place.domain) if document is not None else None
        namespace = None
        if registration.namespace != cluster.namespace:
            namespace = await self._kube.get(NAMESPACE, "", registration.namespace)
        if found is not None and not isinstance(found, Cluster):
            return False
        return refusal(registration, found, namespace) is not None


def owner_of(cluster: ClusterName, uid: str, instance: DesiredInstance) -> Owner:
    """For which registration an instance is registered, by its metadata."""
    metadata = instance.content.metadata
    return Owner(cluster, metadata[NAMESPACE_KEY], metadata[REGISTRATION_KEY], uid)
