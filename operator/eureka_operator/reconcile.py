"""One pass over one `EurekaCluster`: observe, plan, apply, write the status.

Nothing is remembered that cannot be lost: what is kept here between passes only saves requests.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from eureka_operator import __version__
from eureka_operator.api.cluster import Cluster, Problem, read
from eureka_operator.core import events, external
from eureka_operator.core.conditions import Failure
from eureka_operator.core.desired.common import Environment
from eureka_operator.core.kinds import CERTIFICATE, CLUSTER, SERVICE_MONITOR, Object
from eureka_operator.core.observed import FORMER, Observed
from eureka_operator.core.plan import Plan, corrects_drift, kind_and_name, plan
from eureka_operator.core.status import invalid_status, is_paused, is_same, only_differs, status
from eureka_operator.shell.access import AccessReader
from eureka_operator.shell.apply import Outcome, apply, name_conflict
from eureka_operator.shell.clustercertificates import ClusterCertificates
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.observe import Secrets, observe
from eureka_operator.shell.options import Options
from eureka_operator.shell.queue import Key, Reconcile
from eureka_operator.shell.turns import Turns

_SOON_S: Final = 0.5
_LATEST_S: Final = 15.0
_LATEST_IN_ROLLOUT_S: Final = 2.0
_UNTIL_TRUSTED_S: Final = 10.0
"""Between two looks at whether a new CA may sign: nothing else tells of that."""
_DIFFERENCES_PASS_WITHIN: Final = timedelta(seconds=5)
_KINDS_ASKED_EVERY: Final = timedelta(seconds=60)
_log = logging.getLogger(__name__)


class _Memory:
    """What one reconcile of a cluster remembers for the next one."""

    def __init__(self) -> None:
        self.uid = ""
        self.settled: dict[str, tuple[str, str]] = {}
        self.written: tuple[Object, Object] | None = None
        """The status that was sent, and as the API server has it: they differ if the CRD is old."""
        self.pause_s = _SOON_S
        self.differing_since: datetime | None = None


def environment(options: Options) -> Environment:
    """What holds for all clusters, as the operator is started."""
    return Environment(
        registry_image=options.registry_image,
        domain=options.cluster_domain,
        namespace=options.namespace,
        version=__version__,
        namespaced=bool(options.namespaces),
    )


def reconciler(kube: Kube, metrics: Metrics, turns: Turns, options: Options) -> Reconcile:
    """What does one pass over a cluster, as the operator is started."""
    return Reconciler(kube, environment(options), metrics, turns).reconcile


class Reconciler:
    """Reconciles clusters, one pass a call."""

    def __init__(
        self,
        kube: Kube,
        environment: Environment,
        metrics: Metrics,
        turns: Turns,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._kube = kube
        self._environment = environment
        certificates = ClusterCertificates(kube, environment.domain)
        self._secrets = Secrets(certificates, AccessReader(kube))
        self._metrics = metrics
        self._turns = turns
        self._now = now
        self._memories: dict[Key, _Memory] = {}
        self._kinds_asked: datetime | None = None

    async def reconcile(self, key: Key) -> float | None:
        """Do one pass; seconds until the next one if something is under way, else `None`.

        Raises:
            ApiError: the API server does not answer; the next pass begins again.
        """
        document = await self._kube.get(CLUSTER, key.namespace, key.name)
        if document is None or "deletionTimestamp" in document["metadata"]:
            # Its children are removed by the garbage collector.
            gone = self._memories.pop(key, None)
            if gone is not None:
                self._secrets.certificates.forget(gone.uid)
                self._secrets.access.forget(gone.uid)
            self._turns.keep(key, is_rolling=False)
            return None
        cluster = read(document)
        if not isinstance(cluster, Cluster):
            await self._refuse(document, cluster)
            return None
        memory = self._memories.setdefault(key, _Memory())
        memory.uid = cluster.uid
        await self._look_for_kinds(key.namespace)
        observed = await observe(
            self._kube, cluster, self._environment, memory.settled, self._secrets, self._now
        )
        observed, planned = self._plan(key, observed)
        outcome = await self._carry_out(observed, planned)
        memory.settled |= outcome.settled
        made = status(observed, planned, self._environment, outcome.failures)
        if self._may_pass(cluster.status, made, memory):
            return _SOON_S
        changed = await self._write(document, made, memory)
        pause_s = _pause_s(memory, made, busy=changed or bool(outcome.done))
        if pause_s is not None and planned.rollout.target:
            return min(pause_s, _LATEST_IN_ROLLOUT_S)
        if pause_s is None and observed.certificate is not None and observed.certificate.waits:
            return _UNTIL_TRUSTED_S
        return pause_s

    def _plan(self, key: Key, observed: Observed) -> tuple[Observed, Plan]:
        """Plan, and take the turn if peers have to be replaced: nothing else runs in between."""
        observed = msgspec.structs.replace(observed, rolling=self._turns.other(key))
        planned = plan(observed, self._environment)
        rolling = planned.rollout.has_turn and not is_paused(observed.cluster)
        self._turns.keep(key, is_rolling=rolling)
        return observed, planned

    def _may_pass(self, before: Object, after: Object, memory: _Memory) -> bool:
        """Whether peers have differed for so short a time that it is not reported yet."""
        if not only_differs(before, after):
            memory.differing_since = None
            return False
        now = self._now()
        memory.differing_since = memory.differing_since or now
        return now - memory.differing_since < _DIFFERENCES_PASS_WITHIN

    async def _look_for_kinds(self, namespace: str) -> None:
        """Check at intervals which kinds of other projects the API server has."""
        now = self._now()
        if self._kinds_asked is not None and now - self._kinds_asked < _KINDS_ASKED_EVERY:
            return
        where = namespace if self._environment.namespaced else None
        self._environment = msgspec.structs.replace(
            self._environment,
            monitors=await self._kube.serves(SERVICE_MONITOR),
            certificates=await self._kube.shows(CERTIFICATE, where),
        )
        self._kinds_asked = now

    async def _carry_out(self, observed: Observed, new_plan: Plan) -> Outcome:
        cluster = observed.cluster
        if is_paused(cluster):
            return Outcome()
        outcome = await apply(self._kube, cluster, new_plan.steps)
        outcome.failures += _name_conflicts(observed, new_plan)
        about = events.about(cluster)
        for event in events.of_steps(outcome.done):
            _log.info("%s/%s: %s: %s", cluster.namespace, cluster.name, event.reason, event.message)
            await self._kube.post_event(about, event.type, event.reason, event.message)
        for step in filter(corrects_drift, outcome.done):
            self._metrics.drift(kind_and_name(step)[0].kind)
        return outcome

    async def _refuse(self, document: Object, problems: Sequence[Problem]) -> None:
        """Report what is wrong with an object that cannot be read; running peers go on."""
        metadata = document["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        made = invalid_status(document, problems, self._now())
        await self._write(document, made, self._memories.setdefault(key, _Memory()))

    async def _write(self, document: Object, after: Object, memory: _Memory) -> bool:
        """Write the status if it says something new, with the events that go with it."""
        before: Object = document.get("status") or {}
        if is_same(before, after) or memory.written == (after, before):
            return False
        metadata = document["metadata"]
        body = {
            "apiVersion": CLUSTER.api_version,
            "kind": CLUSTER.kind,
            "metadata": {"namespace": metadata["namespace"], "name": metadata["name"]},
            "status": after,
        }
        live = await self._kube.apply_status(body)
        memory.written = (after, live.get("status") or {})
        for event in events.of_change(before, after):
            await self._kube.post_event(document, event.type, event.reason, event.message)
        return True


def _name_conflicts(observed: Observed, new_plan: Plan) -> list[Failure]:
    """Children whose names belong to labelled objects of others, which will not go away."""
    bodies = {(body["kind"], body["metadata"]["name"]): body for body in new_plan.objects}
    return [
        name_conflict(bodies[kind.kind, name], owner)
        for (kind, name), owner in observed.foreign.items()
        if (kind.kind, name) in bodies and owner != FORMER
    ]


def _pause_s(memory: _Memory, status_after: Object, *, busy: bool) -> float | None:
    """When to look again at what sends no event: peers that come to agree, servers elsewhere.

    A pass that changed something is followed by one soon, others by later and later ones.
    """
    steady = {"Reconciling", "Stalled"}.isdisjoint(
        each["type"] for each in status_after["conditions"]
    )
    steady = steady and not external.is_waiting(status_after)
    memory.pause_s = _SOON_S if busy or steady else min(memory.pause_s * 1.5, _LATEST_S)
    return None if steady and not busy else memory.pause_s
