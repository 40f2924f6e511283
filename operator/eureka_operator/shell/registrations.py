"""The leader's loop that registers the instances of EurekaRegistrations.

A turn compares what is wanted with the leases there are; it happens when an object changes, when a
registry has taken a change, and every few seconds. Renewals need no turn (`shell/leases.py`). While
it is not known what is wanted, leases are kept as they are.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from eureka_operator.api.registration import InvalidRegistration, Registration, read_served
from eureka_operator.core.injection.config import RegistryTarget as Cluster
from eureka_operator.core.injection.config import read_registry
from eureka_operator.core.kinds import CLUSTER, NAMESPACE, POD, REGISTRATION, SECRET, Object
from eureka_operator.core.names import CLUSTER_LABEL
from eureka_operator.core.pausing import ClusterName
from eureka_operator.core.pods import read_peer
from eureka_operator.core.registrations.shares import refusal, shares
from eureka_operator.core.registrations.status import Lease
from eureka_operator.core.registrations.wanted import (
    DesiredInstances,
    Finding,
    Place,
    desired_instances,
)
from eureka_operator.shell.client import Client
from eureka_operator.shell.clusterleases import ClusterLeases
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.leases import Entry, Leases
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.mirror import Mirror, Name, objects_of
from eureka_operator.shell.podtruth import ClusterUid
from eureka_operator.shell.registrationstatus import Statuses
from eureka_operator.shell.registry import Connections, session
from eureka_operator.shell.sources import Sources
from eureka_operator.shell.unwanted import RemovalCheck
from eureka_operator.shell.ways import PeerSecurities, Scope

PERIOD_S: Final = 5.0
"""How often it is looked when nothing changes."""

_LEAST_PAUSE_S: Final = 0.1
_MOST_PAUSE_S: Final = 1.0
_REST: Final = 4.0
"""Between two turns so many times the duration of one passes: there is other work besides."""
_PATIENCE: Final = timedelta(seconds=10)
"""So long it may be unknown what is wanted, or no peer answer, until the status says so."""
_TRANSIENT: Final = ("unreachable", "unavailable")

_log = logging.getLogger(__name__)


class _WatchState(NamedTuple):
    """What watches show; namespaces `None`: they must not or cannot be read."""

    registrations: Mapping[Name, Registration | InvalidRegistration]
    clusters: Mapping[Name, Cluster | None]
    namespaces: Mapping[Name, Object] | None


class _CachedInstances(NamedTuple):
    """The wanted instances of a registration, and the state that they were derived from."""

    source: tuple[Any, ...]
    instances: DesiredInstances


class Registrations:
    """Registers the instances of EurekaRegistrations as watches show them.

    `may_act` says whether we still lead, `now` is the time of day.
    """

    def __init__(
        self,
        kube: Kube,
        metrics: Metrics,
        scope: Scope,
        may_act: Callable[[], bool],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._changed = asyncio.Event()
        tell = self._changed.set
        everywhere = scope.namespaces or (None,)
        self._registrations = [
            Mirror(REGISTRATION, read_served, each, tell=tell) for each in everywhere
        ]
        self._clusters = [Mirror(CLUSTER, self._cluster, each, tell=tell) for each in everywhere]
        self._peers = [
            Mirror(POD, read_peer, each, labels=CLUSTER_LABEL, tell=tell) for each in everywhere
        ]
        self._namespaces = [] if scope.namespaces else [Mirror(NAMESPACE, _with_labels, tell=tell)]
        self._kube = kube
        self._metrics = metrics
        self._domain = scope.domain
        self._may_act = may_act
        self._now = now
        self._uid = ClusterUid(kube)
        self._statuses = Statuses(kube, may_act)
        self._last_comparison: dict[ClusterName, ClusterLeases] = {}
        self._instances_cache: dict[str, _CachedInstances] = {}
        self._unknown_since: dict[str, datetime] = {}
        self._sources = Sources(tell)
        self._removals = RemovalCheck(kube, self._sources.of)

    async def run(self, client: Client) -> None:
        """Run for as long as this replica leads; watches use `client`."""
        async with session() as over, asyncio.TaskGroup() as group:
            connections = Connections(over, PeerSecurities(self._secret, self._domain))
            leases = Leases(connections, self._metrics, self._may_act, self._changed.set)
            mirrors: list[Mirror[Any]] = [
                *self._registrations,
                *self._clusters,
                *self._peers,
                *self._namespaces,
            ]
            for mirror in mirrors:
                group.create_task(mirror.follow(client))
            group.create_task(leases.run())
            while True:
                self._changed.clear()
                await self._run_turn(leases, client, group)
                with suppress(TimeoutError):
                    async with asyncio.timeout(PERIOD_S):
                        await self._changed.wait()

    async def turn(self, leases: Leases, client: Client, group: asyncio.TaskGroup) -> None:
        """Look at everything once, and do what is due."""
        registrations, clusters = objects_of(self._registrations), objects_of(self._clusters)
        peers = objects_of(self._peers)
        if peers is not None:
            leases.set_peers(each for each in peers.values() if each is not None)
        if registrations is None or clusters is None:
            return
        namespaces = objects_of(self._namespaces) if self._namespaces else None
        shown = _WatchState(registrations, clusters, namespaces)
        self._sources.watch(_of_services(shown), client, group)
        place = Place(self._domain, await self._uid.uid())
        found = {
            each.uid: self._desired_instances(each, shown, place)
            for each in registrations.values()
            if isinstance(each, Registration)
        }
        await self._compare(shown, found, leases, place)

    async def _run_turn(self, leases: Leases, client: Client, group: asyncio.TaskGroup) -> None:
        start_s = time.monotonic()
        try:
            await self.turn(leases, client, group)
        except Exception as error:  # noqa: BLE001 - a fault in one turn stops no other work
            _log.exception("EurekaRegistrations were not looked at: %s", error)
        rest_s = _REST * (time.monotonic() - start_s)
        await asyncio.sleep(min(max(rest_s, _LEAST_PAUSE_S), _MOST_PAUSE_S))

    def _desired_instances(
        self, registration: Registration, state: _WatchState, place: Place
    ) -> DesiredInstances | None:
        """The wanted instances of a registration; `None`: not known now."""
        name = Name(registration.cluster_namespace, registration.spec.cluster_ref.name)
        namespace = None
        if registration.namespace != name.namespace and self._namespaces:
            namespace = (state.namespaces or {}).get(Name("", registration.namespace))
            if namespace is None:
                return None
        refused = refusal(registration, state.clusters.get(name), namespace)
        if refused is not None:
            return DesiredInstances({}, (refused,))
        if registration.spec.endpoints is not None:
            return self._derive(
                registration, (place,), lambda: desired_instances(registration, (), (), place)
            )
        sources = self._sources.of(registration.namespace)
        if sources is None:
            return None
        only = registration.spec.service
        services = tuple(each for each in sources.services.values() if only in (None, each.name))
        slices = tuple(each for each in sources.slices.values() if only in (None, each.service))
        return self._derive(
            registration,
            (place, services, slices),
            lambda: desired_instances(registration, services, slices, place),
        )

    def _derive(
        self,
        registration: Registration,
        source: tuple[Any, ...],
        make: Callable[[], DesiredInstances],
    ) -> DesiredInstances:
        """Derive anew only what may have changed: there are thousands of instances."""
        source = (registration.spec, *source)
        before = self._instances_cache.get(registration.uid)
        if before is None or before.source != source:
            before = _CachedInstances(source, make())
            self._instances_cache[registration.uid] = before
        return before.instances

    async def _compare(
        self,
        state: _WatchState,
        desired: Mapping[str, DesiredInstances | None],
        leases: Leases,
        place: Place,
    ) -> None:
        known_: dict[ClusterName, list[tuple[Registration, DesiredInstances]]] = defaultdict(list)
        for each in state.registrations.values():
            instances = desired.get(each.uid)
            if isinstance(each, Registration) and instances is not None:
                name = ClusterName(each.cluster_namespace, each.spec.cluster_ref.name)
                known_[name].append((each, instances))
        unknown = frozenset(
            each.uid for each in state.registrations.values() if desired.get(each.uid) is None
        )
        given = {name: shares(known_[name]) for name in leases.clusters | known_.keys()}
        self._last_comparison = {
            name: self._last_comparison.get(name) or ClusterLeases(name, leases, self._removals)
            for name in given
        }
        waiting = await asyncio.gather(
            *(self._last_comparison[name].compare(given[name], unknown, place) for name in given)
        )
        shared = {uid: each for group in given.values() for uid, each in group.items()}
        await self._tell(state, shared, frozenset().union(*waiting), leases)

    async def _tell(
        self,
        state: _WatchState,
        shared: Mapping[str, DesiredInstances],
        waiting: frozenset[str],
        leases: Leases,
    ) -> None:
        """Write statuses that are due; set metrics."""
        by_owner: dict[str, list[Entry]] = defaultdict(list)
        for entry in leases:
            by_owner[entry.owner].append(entry)
        objects = {each.uid: each for each in state.registrations.values()}
        self._forget_others(objects)
        now = self._now()
        tally: Counter[str] = Counter()
        for uid, each in objects.items():
            entries, instances = by_owner.get(uid, []), shared.get(uid)
            states = _leases(entries, instances, now)
            tally.update(lease.status for lease in states if lease.status)
            findings = self._findings(each, instances, now, is_waiting=uid in waiting)
            if findings is None:
                continue
            if not await self._statuses.write(each, states, findings, now):
                asyncio.get_running_loop().call_later(_MOST_PAUSE_S, self._changed.set)
        self._metrics.set_registered(tally)

    def _findings(
        self,
        about: Registration | InvalidRegistration,
        desired: DesiredInstances | None,
        now: datetime,
        *,
        is_waiting: bool,
    ) -> tuple[Finding, ...] | None:
        """Why not everything is registered; `None`: not known yet, for a short time."""
        if isinstance(about, InvalidRegistration):
            message = "; ".join(f"{each.field}: {each.message}" for each in about.problems)
            return (Finding("Invalid", message),)
        if desired is not None and not is_waiting:
            self._unknown_since.pop(about.uid, None)
            return desired.findings
        since = self._unknown_since.setdefault(about.uid, now)
        if now - since < _PATIENCE:
            return None
        if is_waiting:
            name = about.spec.cluster_ref.name
            message = (
                f"no peer of EurekaCluster {about.cluster_namespace}/{name} answers: look at"
                " kubectl get ekc; a NetworkPolicy may keep the operator from it"
            )
            return (Finding("RegistryUnreachable", message),)
        message = (
            "Services, EndpointSlices or namespaces cannot be read: usually a right is missing; the"
            " operator's log says which"
        )
        return (Finding("NotReadable", message),)

    def _forget_others(self, objects: Mapping[str, object]) -> None:
        self._statuses.forget_others(objects)
        for memory in (self._instances_cache, self._unknown_since):
            for gone in memory.keys() - objects.keys():
                del memory[gone]

    async def _secret(self, namespace: str, name: str) -> Object | None:
        return await self._kube.get(SECRET, namespace, name)

    def _cluster(self, document: Object) -> Cluster | None:
        found = read_registry(document, self._domain)
        return found if isinstance(found, Cluster) else None


def _of_services(shown: _WatchState) -> set[str]:
    """Namespaces whose Services are registered."""
    return {
        each.namespace
        for each in shown.registrations.values()
        if isinstance(each, Registration) and each.spec.endpoints is None
    }


def _leases(entries: list[Entry], desired: DesiredInstances | None, now: datetime) -> list[Lease]:
    """The state of the leases of a registration, and those that have not begun."""
    now_ms = time.monotonic_ns() // 1_000_000
    found = [_lease(each, now, now_ms) for each in entries]
    begun = {each.key for each in entries}
    wanted_keys = desired.instances.keys() if desired is not None else set()
    return found + [Lease(app=key.app, status="", settled=False) for key in wanted_keys - begun]


def _lease(entry: Entry, now: datetime, now_ms: int) -> Lease:
    lease = entry.lease
    renewed = None
    is_late = False
    if lease.renewed_ms is not None:
        ago_ms = now_ms - lease.renewed_ms
        renewed = now - timedelta(milliseconds=ago_ms)
        is_late = ago_ms > lease.instance.duration_s * 1_000
    settled = lease.settled and not is_late
    problem = None
    if lease.problem is not None and not (settled and lease.problem.code in _TRANSIENT):
        is_away = lease.problem.code in _TRANSIENT
        reason = "RegistryUnreachable" if is_away else "RegistryRefuses"
        problem = Finding(reason, f"{entry.key}: {lease.problem.text}")
    return Lease(
        app=entry.key.app,
        status=lease.held.status if lease.held is not None else "",
        settled=settled,
        renewed=renewed,
        problem=problem,
    )


def _with_labels(body: Object) -> Object:
    metadata = body["metadata"]
    return {"metadata": {"name": metadata["name"], "labels": metadata.get("labels") or {}}}
