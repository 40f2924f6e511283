"""`drill`: the objects in its namespace, when peers agree, and the result.

The clients of a drill hold leases of a few seconds and look them up all the time, in a pod of the
registry's image, at the URLs that every client of an EurekaCluster gets. What is lost is what they
miss.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from eureka_operator.core.kinds import CLUSTER, NAMESPACE, POD, Kind, Object
from eureka_operator.core.names import GROUP
from eureka_registry.verbs.tables import Table, quantity, table
from eureka_registry.verbs.tally import Tally

LABEL: Final = f"{GROUP}/drill"
"""On every namespace that a drill makes; nothing else has it."""
PREFIX: Final = "eureka-drill-"
NAME: Final = "eureka"
"""The EurekaCluster."""
CLIENTS: Final = "clients"
"""The pod of the clients, and its container."""
PEERS: Final = 3
LOST_PEER: Final = "peer2"
_SETTLE_S: Final = 2
"""What a new peer must stay ready before the next one restarts: the default only waits longer."""
_MANAGER: Final = "kubectl-eureka"
_NO_START: Final = (
    "ImagePullBackOff",
    "ErrImagePull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "CrashLoopBackOff",
)


class Right(NamedTuple):
    """A permission that a drill needs, in its namespace or for namespaces."""

    verb: str
    resource: str
    group: str = ""

    def __str__(self) -> str:
        """As `kubectl auth can-i` takes it."""
        return f"{self.verb} {self.resource}{f'.{self.group}' if self.group else ''}"


RIGHTS: Final = (
    *(Right(verb, NAMESPACE.plural) for verb in ("create", "get", "delete")),
    *(Right(verb, CLUSTER.plural, GROUP) for verb in ("create", "get", "patch")),
    *(Right(verb, POD.plural) for verb in ("create", "list", "delete")),
    Right("get", "pods/log"),
    Right("get", "pods/proxy"),
)
"""What a drill does, beside what is allowed to everybody."""


class Step(msgspec.Struct, frozen=True):
    """One failure that was made at the peers.

    `agreed_after_s`: from its beginning until all peers were ready and held the same instances;
    `None`: never. `tally`: what clients saw until each lease was renewed once more.
    """

    name: str
    what: str
    agreed_after_s: float | None
    tally: Tally


class Report(msgspec.Struct):
    """The result of a drill: its steps, the tally of all of them, sentences about what failed."""

    namespace: str
    image: str
    peers: int
    clients: int
    steps: list[Step]
    tally: Tally
    troubles: list[str]

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, and all peers agreed after each step."""
        agreed = all(each.agreed_after_s is not None for each in self.steps)
        return agreed and not self.tally.loses


class PeerPod(NamedTuple):
    """A peer's pod; `report` is its `/peers`, `None`: it does not answer."""

    name: str
    uid: str
    ending: bool
    report: Object | None


def review(right: Right, namespace: str) -> Object:
    """The SelfSubjectAccessReview for a permission; `namespace` need not exist."""
    resource, _, subresource = right.resource.partition("/")
    attributes = {
        "verb": right.verb,
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
        "namespace": "" if resource == NAMESPACE.plural else namespace,
    }
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }


def namespace_document(name: str) -> Object:
    """The namespace of a drill."""
    labels = {LABEL: "true", "app.kubernetes.io/managed-by": _MANAGER}
    return {
        "apiVersion": NAMESPACE.api_version,
        "kind": NAMESPACE.kind,
        "metadata": {"name": name, "labels": labels},
    }


def cluster_document(namespace: str) -> Object:
    """Three peers as the operator makes them by default.

    No NetworkPolicy: the API server's proxy, by which peers are asked whether they agree, need not
    come from an address that one lets in.
    """
    spec = {
        "replicas": PEERS,
        "networkPolicy": {"enabled": False},
        "updates": {"settleSeconds": _SETTLE_S},
    }
    return _document(CLUSTER, namespace, NAME, {"spec": spec})


def clients_document(namespace: str, peer: Object, urls: Sequence[str], clients: int) -> Object:
    """The pod of the clients: with the image and pull secrets of a peer's pod."""
    container = peer["spec"]["containers"][0]
    spec: Object = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": CLIENTS,
                "image": container["image"],
                "imagePullPolicy": container["imagePullPolicy"],
                "args": ["clients", f"--clients={clients}", *urls],
                "resources": {
                    "requests": {"cpu": "50m", "memory": "64Mi"},
                    "limits": {"memory": "128Mi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ],
    }
    if secrets := peer["spec"].get("imagePullSecrets"):
        spec["imagePullSecrets"] = secrets
    body = _document(POD, namespace, CLIENTS, {"spec": spec})
    body["metadata"]["labels"] = {f"{GROUP}/inject": "disabled"}
    return body


def client_urls(cluster: Object) -> list[str]:
    """The URLs that clients of an EurekaCluster get; none before its status has them."""
    endpoints = _mapping(_mapping(cluster.get("status")).get("endpoints"))
    return [each for each in str(endpoints.get("defaultZone") or "").split(",") if each]


def has_status(cluster: Object) -> bool:
    """Whether an operator has taken up an EurekaCluster."""
    return bool(cluster.get("status"))


def is_ready(cluster: Object) -> bool:
    """Whether its newest spec is applied and its peers are ready, by its status."""
    generation = cluster["metadata"].get("generation")
    for each in _mapping(cluster.get("status")).get("conditions") or ():
        if each.get("type") == "Ready":
            return (each.get("status"), each.get("observedGeneration")) == ("True", generation)
    return False


def peers_agree(pods: Sequence[PeerPod], peers: int) -> bool:
    """Whether there are so many peers, and each reports that it holds the same as all others."""
    reports = [each.report for each in pods if each.report is not None and not each.ending]
    if len(pods) != peers or len(reports) != peers:
        return False
    first = reports[0]
    return all(
        each.get("stage") == "ready"
        and each.get("generation") == first.get("generation")
        and each.get("applications") == first.get("applications")
        and sum(map(_is_agreed, each.get("peers") or ())) == peers - 1
        for each in reports
    )


def why_not(cluster: Object | None, pods: Iterable[Object], events: Iterable[Object]) -> str:
    """Why pods do not run, else what the status says, in a sentence; empty: nothing is wrong."""
    found = [*_refusals(events), *_no_starts(pods)]
    if found:
        return "; ".join(dict.fromkeys(found))
    for each in _mapping((cluster or {}).get("status")).get("conditions") or ():
        if each.get("type") == "Ready" and each.get("status") != "True":
            return str(each.get("message", ""))
    return ""


def is_over_quota(reason: str) -> bool:
    """Whether a reason does not go away by waiting."""
    return "exceeded quota" in reason


def report_table(report: Report) -> Table:
    """One row for each step, and one for all."""
    titles = (
        "step",
        "all agree after",
        "look-ups",
        "failed look-ups",
        "renewals",
        "failed renewals",
        "made again",
        "lost leases",
    )
    rows = [
        (each.what, _seconds(each.agreed_after_s), *_cells(each.tally)) for each in report.steps
    ]
    return table(titles, [*rows, ("in all", "", *_cells(report.tally))])


def verdict(report: Report) -> str:
    """The result in one sentence."""
    tally = report.tally
    missed = [
        quantity(number, noun)
        for number, noun in (
            (tally.lookups_failed, "failed look-up"),
            (tally.renewals_failed, "failed renewal"),
            (tally.leases_lost, "lost lease"),
        )
        if number
    ]
    missed += [
        f"peers that did not agree again ({each.what})"
        for each in report.steps
        if each.agreed_after_s is None
    ]
    if missed:
        return f"Something was lost: {', '.join(missed)}."
    return (
        f"Nothing was lost. {quantity(tally.retried, 'request')} had to be made again at another"
        " peer, as Eureka's clients do by themselves."
    )


def leftover_note(namespace: Object) -> str:
    """The note about a namespace that another drill has made."""
    metadata = namespace["metadata"]
    name, since = metadata["name"], metadata.get("creationTimestamp", "")
    return (
        f"namespace {name} is of another drill, which began at {since}; if that one does not run"
        f" any more: kubectl delete namespace {name}"
    )


def _document(kind: Kind, namespace: str, name: str, rest: Object) -> Object:
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"namespace": namespace, "name": name},
        **rest,
    }


def _is_agreed(view: Mapping[str, Any]) -> bool:
    other = not view.get("self") and view.get("aliasOf") is None
    return bool(other and view.get("available") and view.get("agreement") == "agreed")


def _refusals(events: Iterable[Object]) -> Iterator[str]:
    """Pods that the API server refuses to create for the StatefulSet's controller."""
    for each in events:
        if each.get("reason") == "FailedCreate":
            yield str(each.get("message", ""))


def _no_starts(pods: Iterable[Object]) -> Iterator[str]:
    """Pods that cannot be scheduled, and containers that do not start."""
    for each in pods:
        name, status = each["metadata"]["name"], _mapping(each.get("status"))
        for condition in status.get("conditions") or ():
            if condition.get("reason") == "Unschedulable":
                yield f"pod {name}: {condition.get('message', 'no node takes it')}"
        for container in status.get("containerStatuses") or ():
            waiting = _mapping(_mapping(container.get("state")).get("waiting"))
            if waiting.get("reason") in _NO_START:
                yield f"pod {name}: {waiting['reason']}: {waiting.get('message', '')}"


def _cells(tally: Tally) -> tuple[str, ...]:
    numbers = (
        tally.lookups,
        tally.lookups_failed,
        tally.renewals,
        tally.renewals_failed,
        tally.retried,
        tally.leases_lost,
    )
    return tuple(f"{each:,}" for each in numbers)


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
