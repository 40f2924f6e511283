"""Keeps copies of clusters' CAs in the namespaces of pods that register with them.

A task of the leader: nothing is written unless a pod needs it or CAs change.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from eureka_operator.core import names
from eureka_operator.core.kinds import CONFIG_MAP, POD
from eureka_operator.core.pods import Pod
from eureka_operator.core.trust import Change, changes, read_bundle, waiting_pods
from eureka_operator.shell.client import AlreadyThereError, ApiError, Client
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.mirror import Mirror, objects_of

PERIOD_S: Final = 1.0
"""How long a new pod waits for the copy that it needs."""

_AGAIN_S: Final = 10.0

_log = logging.getLogger(__name__)


class Trust:
    """`pods` are those that have a sidecar; `namespaces` empty: all of them."""

    def __init__(
        self, kube: Kube, namespaces: tuple[str, ...], pods: Callable[[], list[Pod]]
    ) -> None:
        self._kube = kube
        self._pods = pods
        self._bundles = [
            Mirror(CONFIG_MAP, read_bundle, each, labels=names.TRUST_OF)
            for each in namespaces or (None,)
        ]
        self._problem = ""

    async def run(self, client: Client) -> None:
        """Do it for as long as this replica leads; watches use `client`."""
        async with asyncio.TaskGroup() as tasks:
            for mirror in self._bundles:
                tasks.create_task(mirror.follow(client))
            while True:
                await asyncio.sleep(PERIOD_S if await self._try() else _AGAIN_S)

    async def turn(self) -> None:
        """Make, renew and remove copies.

        Raises:
            ApiError: It is tried again.
        """
        bundles = objects_of(self._bundles)
        if bundles is None:
            return
        pods = self._pods()
        wanted = changes(pods, bundles.values())
        for change in wanted.copies:
            await self._write(change, pods)
        for each in wanted.surplus:
            await self._kube.delete(CONFIG_MAP, each.namespace, each.name, uid=each.uid)
        if wanted.disputed:
            listed = ", ".join(sorted(wanted.disputed))
            self._note(
                f"ConfigMaps {listed} are not copied: EurekaClusters of different namespaces share"
                " these names, as a/b-c and a-b/c do; rename one"
            )
        else:
            self._problem = ""

    async def _write(self, change: Change, pods: list[Pod]) -> None:
        metadata = change.body["metadata"]
        if change.uid:
            await self._kube.apply(change.body, uid=change.uid)
            return
        try:
            await self._kube.create(change.body)
        except AlreadyThereError:
            place = f"{metadata['namespace']}/{metadata['name']}"
            self._note(f"ConfigMap {place} is somebody else's: pods there cannot verify peers")
            return
        mark = {names.CONFIG_HASH: names.object_digest(change.body["data"])}
        for pod in waiting_pods(pods, change.body):
            await self._kube.annotate(POD, pod.namespace, pod.name, mark)

    async def _try(self) -> bool:
        """Whether a turn was made."""
        try:
            await self.turn()
        except ApiError as error:
            self._note(f"CAs are not copied to all namespaces that need them: {error}")
            return False
        return True

    def _note(self, problem: str) -> None:
        """Say a problem once, not with every turn."""
        if problem != self._problem:
            _log.warning("%s", problem)
        self._problem = problem
