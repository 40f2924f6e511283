"""The steps after which the API server holds what an `EurekaCluster` asks for. Pure.

A missing child is made, a child that differs is applied, an unwanted child is deleted. A child is
left alone if its recorded hash is that of what is wanted and nobody else changed a field of it: so
a quiet cluster costs no write.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from eureka_operator.api.cluster import Cluster
from eureka_operator.api.spec import Zone
from eureka_operator.core import auth, names, tls, transport
from eureka_operator.core.adoption import Adoption, adoption
from eureka_operator.core.convergence import Convergence, convergence
from eureka_operator.core.desired import access, availability, certmanager, monitoring, services
from eureka_operator.core.desired.common import Environment
from eureka_operator.core.desired.configuration import Configuration, config_map, configuration
from eureka_operator.core.desired.statefulset import pod_template, stateful_set
from eureka_operator.core.draining import Scale, scales
from eureka_operator.core.drift import Drift, drift
from eureka_operator.core.kinds import CHILDREN, CONFIG_MAP, POD, STATEFUL_SET, Kind, Object
from eureka_operator.core.nodes import force_time
from eureka_operator.core.observed import Observed, Ref
from eureka_operator.core.peering import PeerList, Seat, peer_list, seats, zones
from eureka_operator.core.rollout import Rollout, rollout

_BY_NAME: Final = {kind.kind: kind for kind in CHILDREN}


class Create(msgspec.Struct, frozen=True):
    """Create a child; `again`: it was there before, and somebody deleted it."""

    body: Object
    again: bool = False


class Apply(msgspec.Struct, frozen=True):
    """Apply a child as it should be; `drift` lists fields that somebody else has changed."""

    body: Object
    live: Object
    drift: tuple[Drift, ...] = ()


class Delete(msgspec.Struct, frozen=True):
    """Remove a child that is not wanted any more."""

    kind: Kind
    name: str
    uid: str


class Refresh(msgspec.Struct, frozen=True):
    """Make the kubelet update a pod's mounted configuration now."""

    pod: str
    hash: str


class Abandon(msgspec.Struct, frozen=True):
    """Remove a pod whose node is lost, without waiting for the node."""

    pod: str
    uid: str
    node: str


class Recreate(msgspec.Struct, frozen=True):
    """Remove a pod that is not ready, so that it is made from the template it should have."""

    pod: str
    uid: str
    peer: str


Step = Create | Apply | Delete | Refresh | Abandon | Recreate


def corrects_drift(step: Step) -> bool:
    """Whether a step undoes what somebody else did."""
    match step:
        case Create(again=again):
            return again
        case Apply(drift=changed):
            return bool(changed)
    return False


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The steps, in order, and what they were made of.

    `objects` are all children as they are wanted now.
    """

    steps: tuple[Step, ...]
    objects: tuple[Object, ...]
    seats: tuple[Seat, ...]
    peers: PeerList
    config: Configuration
    scales: tuple[Scale, ...]
    rollout: Rollout
    convergence: Convergence
    adoption: Adoption


def plan(observed: Observed, environment: Environment) -> Plan:
    """Everything that has to be done for one cluster now."""
    observed = msgspec.structs.replace(observed, cluster=transport.in_transition(observed))
    adopted = adoption(observed, environment)
    environment = adopted.environment(environment)
    taken = seats(observed)
    peers = peer_list(observed, taken, environment.domain)
    config = configuration(observed.cluster, environment, observed.references)
    seen = convergence(observed, taken, peers, config, environment.domain)
    templates = adopted.templates(_templates(observed, environment, config), observed)
    rolled = rollout(observed, taken, templates, seen)
    judged = "" if rolled.failed else rolled.peer
    counts = scales(observed, taken, environment.domain, _edited_stateful_sets(observed), judged)
    sets = [
        adopted.on(stateful_set(observed.cluster, zone, each.now, rolled.fences[each.name]))
        for each in counts
        for zone in (_zone(observed.cluster, each.zone),)
    ]
    objects = [
        _with_hash(body) for body in _objects(observed, environment, taken, (config, peers), sets)
    ]
    steps = [
        *_steps_for(objects, observed),
        *_refreshes(observed, objects),
        *_deletions(objects, observed, counts),
        *_abandon_steps(observed),
        *(Recreate(each.pod, each.uid, each.peer) for each in rolled.stuck),
    ]
    return Plan(
        steps=tuple(steps),
        objects=tuple(objects),
        seats=tuple(taken),
        peers=peers,
        config=config,
        scales=tuple(counts),
        rollout=rolled,
        convergence=seen,
        adoption=adopted,
    )


def _templates(
    observed: Observed, environment: Environment, config: Configuration
) -> dict[str, Object]:
    """The pod template of each StatefulSet that is wanted or there."""
    cluster = observed.cluster
    former = {name for kind, name in observed.children if kind is STATEFUL_SET}
    wanted = {names.stateful_set(cluster.name, zone) for zone in zones(cluster)}
    found = {}
    for name in sorted(wanted | former):
        zone = _zone(cluster, names.zone(cluster.name, name))
        found[name] = pod_template(cluster, environment, zone, config.static_hash)
    return found


def _zone(cluster: Cluster, name: str) -> Zone | None:
    """A zone by its name, also a former one; `None` without zones."""
    named = {zone.name: zone for zone in cluster.spec.topology.zones}
    return named.get(name) or (Zone(name) if name else None)


def kind_of(body: Object) -> Kind:
    """The kind of a child."""
    return _BY_NAME[body["kind"]]


def name_of(body: Object) -> str:
    """The name of a child."""
    return str(body["metadata"]["name"])


def kind_and_name(step: Step) -> Ref:
    """The object that a step is about."""
    match step:
        case Create(body) | Apply(body):
            return kind_of(body), name_of(body)
        case Delete(kind, name):
            return kind, name
        case Refresh(pod) | Abandon(pod) | Recreate(pod):
            return POD, pod


def _objects(
    observed: Observed,
    environment: Environment,
    seats: Sequence[Seat],
    files: tuple[Configuration, PeerList],
    sets: Sequence[Object],
) -> Iterator[Object]:
    """All children in the order in which they are created: first what a pod needs, then the pod."""
    cluster = observed.cluster
    yield access.service_account(cluster)
    yield services.headless_service(cluster)
    yield services.client_service(cluster)
    yield from (services.alias_service(cluster, seat) for seat in seats)
    yield config_map(cluster, *files, {**tls.files(observed), **auth.files(observed)})
    if (trust := tls.trust(observed)) is not None:
        yield trust
    yield from sets
    optional = (
        availability.disruption_budget(cluster),
        access.network_policy(cluster, environment),
        monitoring.service_monitor(cluster, environment),
        certmanager.certificate(cluster, environment),
    )
    yield from (body for body in optional if body is not None)


def _with_hash(body: Object) -> Object:
    """A child with its own hash as an annotation."""
    metadata = body["metadata"]
    annotations = {**metadata.get("annotations", {}), names.DESIRED_HASH: names.object_digest(body)}
    return {**body, "metadata": {**metadata, "annotations": annotations}}


def _steps_for(objects: Sequence[Object], observed: Observed) -> Iterator[Step]:
    complete = _was_complete(observed)
    for body in objects:
        ref = (kind_of(body), name_of(body))
        live = observed.children.get(ref)
        if ref in observed.foreign:
            continue
        if live is None:
            yield Create(body, again=complete)
            continue
        changed = _drift(body, live)
        if (changed or _hash(live) != _hash(body)) and not _is_settled(observed, live, body):
            yield Apply(body, live, changed)


def _drift(body: Object, live: Object) -> tuple[Drift, ...]:
    """Fields that somebody has changed; fields that are newly wanted do not count."""
    found = drift(body, live)
    return tuple(each for each in found if each.taken or _hash(live) == _hash(body))


def _hash(body: Object) -> str:
    return str(body["metadata"].get("annotations", {}).get(names.DESIRED_HASH, ""))


def _is_settled(observed: Observed, live: Object, body: Object) -> bool:
    """Whether exactly this was applied to exactly this object: doing it again changes nothing."""
    metadata = live["metadata"]
    return observed.settled.get(metadata["uid"]) == (metadata["resourceVersion"], _hash(body))


def _was_complete(observed: Observed) -> bool:
    """Whether all children of this generation have existed: then a missing one was deleted."""
    return any(
        each["type"] == "Reconciled"
        and each["status"] == "True"
        and each.get("observedGeneration") == observed.cluster.generation
        for each in observed.cluster.status.get("conditions", [])
    )


def _edited_stateful_sets(observed: Observed) -> frozenset[str]:
    """StatefulSets whose replicas somebody else changed."""
    return frozenset(
        name
        for (kind, name), live in observed.children.items()
        if kind is STATEFUL_SET and drift({"spec": {"replicas": 0}}, live)
    )


def _refreshes(observed: Observed, objects: Sequence[Object]) -> Iterator[Refresh]:
    name, certificate = names.config_map(observed.cluster.name), observed.certificate
    if certificate is not None and not certificate.digest:
        return  # nothing can be mounted anew
    data = next(
        body["data"] for body in objects if (kind_of(body), name_of(body)) == (CONFIG_MAP, name)
    )
    if certificate is not None:
        data = {**data, "certificate": certificate.digest}
    if observed.access is not None and observed.access.version:
        data = {**data, "access": observed.access.version}
    wanted = names.object_digest(data)
    for pod in observed.pods.values():
        if pod.config_hash != wanted and not pod.deleting:
            yield Refresh(pod.name, wanted)


def _deletions(
    objects: Sequence[Object], observed: Observed, counts: Sequence[Scale]
) -> Iterator[Delete]:
    """Deletions of unwanted children; a former zone's StatefulSet goes when it has no pods."""
    wanted = {(kind_of(body), name_of(body)) for body in objects}
    former = {
        (STATEFUL_SET, each.name) for each in counts if each.zone not in zones(observed.cluster)
    }
    for ref, live in observed.children.items():
        if ref not in wanted or (ref in former and _is_empty(live)):
            yield Delete(ref[0], ref[1], live["metadata"]["uid"])


def _is_empty(live: Object) -> bool:
    return not live["spec"].get("replicas") and not live.get("status", {}).get("replicas")


def _abandon_steps(observed: Observed) -> Iterator[Abandon]:
    """Removals of pods that should have ended half a minute ago: their nodes do not answer."""
    for pod in observed.pods.values():
        forced = force_time(observed, pod)
        if forced is not None and observed.now > forced:
            yield Abandon(pod.name, pod.uid, pod.node)
