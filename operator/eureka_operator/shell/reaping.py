"""Removes leases of pods that are gone, after it has read each pod by name again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from eureka_operator.core.kinds import CLUSTER, NODE, POD, Object
from eureka_operator.core.pausing import ClusterName
from eureka_operator.core.pods import read_node, read_pod
from eureka_operator.core.reaping import (
    Budget,
    ClusterState,
    Removal,
    confirm,
    event,
    is_ours,
    removals,
)
from eureka_operator.shell.client import ApiError
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.registries import Reading
from eureka_operator.shell.registry import Registry, RegistryError

_ASIDE_S: Final = 60.0
"""So long a proposal that a second look refuted is not looked at again: a pod may run without the
label that the watch selects by."""
_MOST_ASIDE: Final = 10_000

_log = logging.getLogger(__name__)

_Proposal = tuple[ClusterName, str, str, str]
"""Cluster, application, instance id, uid of the pod."""


class Reaper:
    """Removes leases; `may_act` says whether we still lead, `clock` never jumps."""

    def __init__(
        self,
        kube: Kube,
        metrics: Metrics,
        may_act: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._metrics = metrics
        self._may_act = may_act
        self._clock = clock
        self._budgets: dict[ClusterName, Budget] = {}
        self._postponed: dict[_Proposal, float] = {}
        self._capped: set[ClusterName] = set()
        self._problem = ""

    async def reap(self, readings: Mapping[ClusterName, Reading], state: ClusterState) -> None:
        """Remove leases whose pods are gone, in every registry that was read just now.

        The API server and the registry are asked again about each lease; where one of them does not
        answer, nothing is removed.
        """
        for cluster, reading in readings.items():
            proposed = self._proposals(cluster, reading, state)
            if not proposed:
                self._capped.discard(cluster)
                continue
            try:
                await self._remove_all(cluster, reading, proposed, state)
            except RegistryError as error:
                self._note(f"{cluster}: leases of pods that are gone are not removed now: {error}")
            except ApiError as error:
                self._note(f"leases of pods that look gone are not removed now: {error}")
                return

    def _note(self, problem: str) -> None:
        """Log a problem once, not on every turn."""
        if problem != self._problem:
            _log.warning("%s", problem)
        self._problem = problem

    def _proposals(
        self, cluster: ClusterName, reading: Reading, state: ClusterState
    ) -> list[Removal]:
        now_s = self._clock()
        return [
            each
            for each in removals(reading.listing.instances, state)
            if self._postponed.get(_key(cluster, each), 0.0) <= now_s
        ]

    async def _remove_all(
        self, cluster: ClusterName, reading: Reading, proposals: list[Removal], state: ClusterState
    ) -> None:
        budget = self._budgets.setdefault(cluster, Budget())
        leases = sum(is_ours(each, state) for each in reading.listing.instances)
        about: Object | None = None
        for done, each in enumerate(proposals):
            if not budget.remaining(leases, self._clock()):
                self._log_limit(cluster, len(proposals) - done)
                return
            removal = await self._confirm(reading.registry, each, state)
            if removal is None:
                self._postpone(_key(cluster, each))
                continue
            if about is None:
                about = await self._kube.get(CLUSTER, *cluster)
            if not self._may_act():
                return
            budget.spend(self._clock())
            leases -= 1
            if await reading.registry.remove(removal.instance.app, removal.instance.id):
                await self._tell(cluster, about, removal)
        self._capped.discard(cluster)

    async def _confirm(
        self, registry: Registry, proposal: Removal, state: ClusterState
    ) -> Removal | None:
        """The removal according to the present state; the record is read last."""
        instance = proposal.instance
        pod = await self._kube.get(POD, instance.namespace, instance.pod)
        node = await self._kube.get(NODE, "", proposal.node) if proposal.node else None
        record = await registry.instance(instance.app, instance.id)
        return confirm(
            proposal,
            record,
            read_pod(pod) if pod is not None else None,
            read_node(node) if node is not None else None,
            state,
        )

    async def _tell(self, cluster: ClusterName, about: Object | None, removal: Removal) -> None:
        self._problem = ""
        self._metrics.count_removed_lease(removal.reason)
        new_event = event(removal)
        _log.info("%s: %s", cluster, new_event.message)
        if about is not None:
            await self._kube.post_event(about, new_event.type, new_event.reason, new_event.message)

    def _postpone(self, proposal: _Proposal) -> None:
        now_s = self._clock()
        if len(self._postponed) >= _MOST_ASIDE:
            self._postponed = {
                key: end_s for key, end_s in self._postponed.items() if end_s > now_s
            }
        self._postponed[proposal] = now_s + _ASIDE_S

    def _log_limit(self, cluster: ClusterName, remaining: int) -> None:
        """Log once that the minute's share is used up: it may be a fault of ours, or a disaster."""
        if cluster not in self._capped:
            message = (
                "%s: %d more leases look as if their pods were gone; they wait for the next minute"
            )
            _log.warning(message, cluster, remaining)
        self._capped.add(cluster)


def _key(cluster: ClusterName, removal: Removal) -> _Proposal:
    instance = removal.instance
    return cluster, instance.app, instance.id, instance.pod_uid
