"""EurekaClusters for `status`: their peers, how these see each other, and problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from eureka_operator.core.external import EXTRA_PEERS, REMOTE_REGIONS
from eureka_operator.core.kinds import Object
from eureka_operator.core.secured import AUTH, TLS
from eureka_registry.verbs.tables import Line, Table, table

_GOOD: Final = {
    "Ready": "True",
    "Available": "True",
    "PeersConverged": "True",
    "ConfigSynced": "True",
    "Reconciled": "True",
    AUTH: "True",
    EXTRA_PEERS: "True",
    REMOTE_REGIONS: "True",
    TLS: "True",
    "Progressing": "False",
    "Degraded": "False",
}
"""The status of each condition when all is well; others exist only while something is amiss."""
_READY: Final = "Ready"
_CURES: Final = {
    "NameTaken": "remove or rename that object, or set another spec.peers.dnsPrefix in a new"
    " EurekaCluster",
    "InvalidSpec": "correct it with kubectl -n {namespace} edit ekc {name}",
    "PeersNotReady": "see kubectl -n {namespace} describe pods -l eurekube.io/cluster={name}",
    "NoPeerReady": "see kubectl -n {namespace} describe pods -l eurekube.io/cluster={name}",
    "PeersDiffer": "peers repair that within a minute; if it stays, see kubectl eureka -n"
    " {namespace} diff PEER PEER",
    "PeerBehind": "a mounted configuration takes up to two minutes; then see the logs of the peer",
    "Paused": "remove spec.paused and the annotation eurekube.io/paused",
    "Hibernated": "kubectl -n {namespace} scale ekc {name} --replicas=3",
    "NewerDefaults": "set spec.version to have them, at a time of your choice",
    "UnknownTemplate": "install the operator of the version that made it, or a newer one",
    "Forbidden": "give the operator that right, or see which admission webhook refuses",
}
"""By reason, what to do where the condition's own message does not say it."""


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """A peer: by the object's status, and by its own report.

    `ready` is whether its pod is ready, `available` whether every other peer that answers reaches
    it; `agreement` says in words whether it agrees with the others. Without an answer of the peer
    `instances` is `None`, `agreement` says why.
    """

    name: str
    state: str = ""
    ready: bool = False
    available: bool = False
    agreement: str = ""
    instances: int | None = None
    zone: str = ""
    node: str = ""
    version: str = ""
    url: str = ""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """A condition that has the wrong status; the cure may be empty."""

    type: str
    status: str
    reason: str
    message: str
    cure: str = ""


class ClusterStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An EurekaCluster.

    `ready` is its condition Ready. `self_preservation` are the sentences of the peers, by peer;
    `preserving` says whether any of them keeps leases that are over.
    """

    namespace: str
    name: str
    phase: str
    ready: bool
    version: str = ""
    message: str = ""
    preserving: bool = False
    self_preservation: dict[str, str] = {}
    peers: tuple[Peer, ...] = ()
    conditions: tuple[Condition, ...] = ()


def cluster_status(document: Object, reports: Mapping[str, Object | str]) -> ClusterStatus:
    """Join the object with the reports of its peers.

    Args:
        document: the EurekaCluster.
        reports: `/peers` of each peer, by its name, or in words why there is none.
    """
    status = _mapping(document.get("status"))
    metadata = document["metadata"]
    found = {str(each.get("type")): each for each in _items(status.get("conditions"))}
    ready = found.get(_READY, {})
    answers = {name: each for name, each in reports.items() if not isinstance(each, str)}
    return ClusterStatus(
        namespace=metadata["namespace"],
        name=metadata["name"],
        phase=str(status.get("phase", "")),
        ready=ready.get("status") == "True",
        version=str(status.get("version", "")),
        message=str(ready.get("message", "the operator has not looked at it yet: does it run?")),
        preserving=any(each.get("preserving") is True for each in answers.values()),
        self_preservation={
            name: str(sentence)
            for name, each in sorted(answers.items())
            if (sentence := each.get("selfPreservation"))
        },
        peers=tuple(_peer(each, reports) for each in _items(status.get("peers"))),
        conditions=tuple(_amiss(found, metadata)),
    )


def cluster_table(statuses: list[ClusterStatus]) -> Table:
    """One row for each cluster."""
    rows = [
        (
            each.namespace,
            each.name,
            each.phase,
            f"{sum(peer.ready for peer in each.peers)}/{len(each.peers)}",
            str(each.ready),
            each.version,
        )
        for each in statuses
    ]
    return table(("namespace", "cluster", "phase", "peers", "ready", "version"), rows, ("version",))


def peer_table(status: ClusterStatus, *, wide: bool = False) -> Table:
    """One row for each peer."""
    titles = ("peer", "state", "ready", "available", "agreement", "instances", "zone")
    rows = [
        (
            each.name,
            each.state,
            _yes(each.ready),
            _yes(each.available),
            each.agreement,
            "" if each.instances is None else str(each.instances),
            each.zone,
            each.node,
            each.version,
            each.url,
        )
        for each in status.peers
    ]
    if wide:
        return table((*titles, "node", "version", "url"), rows, ("zone",))
    return table(titles, [row[: len(titles)] for row in rows], ("zone",))


def lines(status: ClusterStatus) -> Iterator[Line]:
    """The lines below a cluster's name: the verdict, self-preservation, what is wrong."""
    yield Line("", f"{status.phase or 'New'}: {status.message}.")
    sentences = dict.fromkeys(status.self_preservation.values())
    for at, sentence in enumerate(sentences):
        named = [name for name, each in status.self_preservation.items() if each == sentence]
        by = f" ({', '.join(named)})" if len(sentences) > 1 else ""
        yield Line("" if at else "self-preservation", f"{sentence}{by}")
    for each in status.conditions:
        yield Line(each.type, f"{each.status}, {each.reason}: {each.message}")
        if each.cure:
            yield Line("cure", each.cure)


def peer_names(document: Object) -> tuple[str, ...]:
    """The names of a cluster's peers, by its status."""
    peers = _items(_mapping(document.get("status")).get("peers"))
    return tuple(str(each["name"]) for each in peers if each.get("name"))


def ready_peers(document: Object) -> tuple[str, ...]:
    """The names of those peers that are ready, by its status."""
    peers = _items(_mapping(document.get("status")).get("peers"))
    return tuple(str(each["name"]) for each in peers if each.get("state") == _READY)


def zone_names(document: Object) -> frozenset[str]:
    """The zones of a cluster's peers; none if it names no zones."""
    peers = _items(_mapping(document.get("status")).get("peers"))
    return frozenset(str(each["zone"]) for each in peers if each.get("zone"))


def _peer(view: Mapping[str, Any], reports: Mapping[str, Object | str]) -> Peer:
    name, state = str(view.get("name", "")), str(view.get("state", ""))
    report = reports.get(name)
    instances = report.get("instances") if isinstance(report, dict) else None
    return Peer(
        name=name,
        state=state,
        ready=state == _READY,
        available=_is_available(name, reports),
        agreement=_agreement(report),
        instances=instances if isinstance(instances, int) else None,
        zone=str(view.get("zone", "")),
        node=str(view.get("node", "")),
        version=str(view.get("version", "")),
        url=str(view.get("url", "")),
    )


def _is_available(name: str, reports: Mapping[str, Object | str]) -> bool:
    """Whether each other peer that answers reaches it, and it answers itself."""
    others = [each for key, each in reports.items() if key != name and isinstance(each, dict)]
    views = [view for each in others for view in _other_peers(each) if view.get("name") == name]
    return isinstance(reports.get(name), dict) and all(view.get("available") for view in views)


def _agreement(report: Object | str | None) -> str:
    """A peer's agreement with the others, in words."""
    if not isinstance(report, dict):
        return report or "not asked"
    views = _other_peers(report)
    if not views:
        return "alone"
    wrong = [
        f"{view.get('name')}: {view.get('why') or view.get('agreement') or 'not available'}"
        for view in views
        if not view.get("available") or view.get("agreement") != "agreed"
    ]
    return "; ".join(wrong) or "agreed"


def _other_peers(report: Object) -> list[Mapping[str, Any]]:
    """A peer's views of other peers."""
    views = _items(report.get("peers"))
    return [view for view in views if not view.get("self") and view.get("aliasOf") is None]


def _amiss(conditions: Mapping[str, Mapping[str, Any]], metadata: Object) -> Iterator[Condition]:
    for kind, each in conditions.items():
        status, reason = str(each.get("status")), str(each.get("reason", ""))
        if status == _GOOD.get(kind, "False"):
            continue
        cure = _CURES.get(reason, "")
        yield Condition(
            type=kind,
            status=status,
            reason=reason,
            message=str(each.get("message", "")),
            cure=cure.format(namespace=metadata["namespace"], name=metadata["name"]),
        )


def _yes(value: bool) -> str:  # noqa: FBT001 - a cell
    return "yes" if value else "no"


def _items(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
