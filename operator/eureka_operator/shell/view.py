"""What the injector knows of namespaces and registries, from watches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from eureka_operator.core.injection.config import RegistryTarget, read_registry
from eureka_operator.core.kinds import CLUSTER, NAMESPACE, Object
from eureka_operator.shell.client import Client
from eureka_operator.shell.mirror import Mirror, Name

_SYSTEM: Final = Name("", "kube-system")
_KEPT: Final = ("name", "uid", "labels", "annotations")

_log = logging.getLogger(__name__)


class View:
    """A small view of the cluster; `domain` is its DNS domain.

    `new_namespace_s`: how long a namespace may take to be seen after the API server has it. `tell`
    is called after each change of EurekaClusters.
    """

    def __init__(
        self,
        domain: str,
        new_namespace_s: float = 1.0,
        tell: Callable[[], None] = lambda: None,
    ) -> None:
        self._new_namespace_s = new_namespace_s
        self._domain = domain
        self._namespaces = Mirror(NAMESPACE, _metadata)
        self._clusters = Mirror(CLUSTER, self._registry_target, tell=tell)

    @property
    def problem(self) -> str | None:
        """Why nothing can be decided yet, in words; `None`: it can, be the view old or new."""
        for mirror in (self._namespaces, self._clusters):
            if not mirror.complete:
                return mirror.problem
        return None

    @property
    def registries(self) -> tuple[RegistryTarget, ...]:
        """The EurekaClusters that pods can register with, in the order of their names."""
        found = (self._clusters.objects[name] for name in sorted(self._clusters.objects))
        return tuple(each for each in found if each is not None)

    @property
    def cluster_uid(self) -> str:
        """The uid of the namespace kube-system: which Kubernetes this is; empty: not known yet."""
        system = self._namespaces.objects.get(_SYSTEM, {"metadata": {}})
        return str(system["metadata"].get("uid") or "")

    async def namespace(self, name: str) -> Object:
        """The namespace, with nothing but its metadata.

        A namespace that is not seen in time has only its name: its pods can still ask by their own
        label.
        """
        try:
            async with asyncio.timeout(self._new_namespace_s):
                while (found := self._namespaces.objects.get(Name("", name))) is None:
                    await self._namespaces.change()
        except TimeoutError:
            return {"metadata": {"name": name}}
        return found

    async def follow(self, client: Client) -> None:
        """Keep the view up to date, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._namespaces.follow(client))
            tasks.create_task(self._clusters.follow(client))

    def _registry_target(self, document: Object) -> RegistryTarget | None:
        read = read_registry(document, self._domain)
        if isinstance(read, RegistryTarget):
            return read
        metadata = document["metadata"]
        wrong = "; ".join(f"{each.field}: {each.message}" for each in read)
        _log.warning(
            "EurekaCluster %s/%s is not a registry: %s",
            metadata["namespace"],
            metadata["name"],
            wrong,
        )
        return None


def _metadata(body: Object) -> Object:
    metadata = body["metadata"]
    return {"metadata": {key: metadata[key] for key in _KEPT if key in metadata}}
