"""The state of one EurekaCluster at one time, as the API server and the peers report it.

Objects stay JSON documents; pods and the peers' `/peers` are read into values, leniently: a peer
may be older or newer than the operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from eureka_operator.api.cluster import Cluster, Guard
from eureka_operator.core.kinds import CLUSTER, Kind, Object
from eureka_operator.core.names import CONFIG_HASH, GUARD
from eureka_operator.core.pods import Node

Ref = tuple[Kind, str]
"""A child: its kind and its name."""

FORMER: Final = "it belongs to a deleted EurekaCluster of the same name"
"""The owner of an object that the garbage collector is about to remove."""


class View(msgspec.Struct, frozen=True, rename="camel"):
    """How one peer sees another, from its `/peers`."""

    url: str = ""
    available: bool = False
    agreement: str = "unknown"
    backlog: int = 0
    lag_ms: int = 0
    why: str | None = None


class RegionView(msgspec.Struct, frozen=True, rename="camel"):
    """The state of a remote region at one peer, from its `/peers`; the name is in lower case."""

    name: str = ""
    ready: bool = False
    problem: str | None = None


class Config(msgspec.Struct, frozen=True, rename="camel"):
    """Which configuration a peer uses."""

    hash: str = ""
    problem: str | None = None
    restart_needed: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True, rename="camel"):
    """A peer's `/peers` document."""

    name: str = ""
    why: str | None = None
    generation: int = 0
    instances: int = 0
    applications: dict[str, str] = {}
    preserving: bool = False
    software: str = ""
    config: Config = Config()
    peers: tuple[View, ...] = ()
    regions: tuple[RegionView, ...] = ()


def read_report(document: Object) -> Report | str:
    """Read a `/peers` document; a `str` says in a sentence why it cannot be used."""
    try:
        return msgspec.convert(document, Report)
    except msgspec.ValidationError as error:
        return f"answers with something else than a peer's /peers: {error}"


class Pod(msgspec.Struct, frozen=True, kw_only=True):
    """A peer's pod.

    `ip` is empty without an address; `ready_since` is `None` for one that is not ready,
    `unready_since` for one that is, or was never scheduled; `deleting_since` is when its grace
    ended or ends, `None` for one that is not deleted; `trouble` says why it does not run, in words.
    `secure`: it serves HTTPS. `guard` is how far it is with `spec.auth`.
    """

    name: str
    uid: str
    ip: str = ""
    node: str = ""
    ready: bool = False
    revision: str = ""
    config_hash: str = ""
    created: datetime | None = None
    ready_since: datetime | None = None
    unready_since: datetime | None = None
    deleting_since: datetime | None = None
    finalizers: tuple[str, ...] = ()
    trouble: str = ""
    secure: bool = False
    guard: Guard = Guard.OFF

    @property
    def deleting(self) -> bool:
        """Whether its deletion has begun."""
        return self.deleting_since is not None


class Trouble(msgspec.Struct, frozen=True):
    """What is wrong with Secrets that a cluster needs, in a word and in a sentence."""

    reason: str
    message: str


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What the Secret of a cluster's peers holds.

    `bundle` are the CAs by which peers are verified, as PEM, empty if none can be used; `clients`
    are those of `spec.tls.caSecretName`. `digest` changes with what peers mount, and is empty
    without a Secret. `ends` is when the certificate ends, `None`: there is none. `waits`: a new CA
    is going to sign as soon as it is trusted.
    """

    secret: str
    bundle: str = ""
    clients: str = ""
    digest: str = ""
    ends: datetime | None = None
    trouble: Trouble | None = None
    waits: bool = False


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """What `spec.auth` is made of.

    `username` is the one user of Basic, `issuers` and `keys` (a JWKS) are those of ServiceAccounts'
    tokens, `names` the patterns of names by namespace; each empty where it is not needed. `version`
    changes with what peers mount.
    """

    username: str = ""
    issuers: tuple[str, ...] = ()
    keys: str = ""
    names: Mapping[str, tuple[str, ...]] = {}
    version: str = ""
    trouble: Trouble | None = None


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a plan is made of.

    `children` are the cluster's own objects, `foreign` describes labelled objects of others,
    `reports` are by pod and hold a sentence for a peer that does not answer. `pod_creation_error`
    is why the StatefulSet controller could not create pods, empty if it could. `nodes` are those of
    pods that are not ready, `None`: it is gone; and the cordoned ones while a pod has no node.
    Nodes that may not be read are missing. `references` are the client URLs of other clusters that
    `remoteRegions[].clusterRef` names, by namespace and name. `templates` are the pod templates of
    earlier revisions, by the names of the ControllerRevisions; empty while no template changes.
    `rolling` names another cluster whose peers are being replaced, empty if it may be done here.
    `settled` has, by uid, the resource version and hash of a child that was just applied.
    `certificate` is `None` without `spec.tls`, `access` without `spec.auth`, and both where Secrets
    were not looked at.
    """

    cluster: Cluster
    now: datetime
    children: Mapping[Ref, Object] = {}
    foreign: Mapping[Ref, str] = {}
    pods: Mapping[str, Pod] = {}
    reports: Mapping[str, Report | str] = {}
    pod_creation_error: str = ""
    nodes: Mapping[str, Node | None] = {}
    references: Mapping[tuple[str, str], str] = {}
    templates: Mapping[str, Object] = {}
    rolling: str = ""
    settled: Mapping[str, tuple[str, str]] = {}
    certificate: Certificate | None = None
    access: Access | None = None

    def report(self, pod: str) -> Report | None:
        """The report of a pod's peer; `None` if it does not answer."""
        found = self.reports.get(pod)
        return found if isinstance(found, Report) else None

    @property
    def ready_reports(self) -> list[Report]:
        """The reports of the ready peers, by name; those that do not answer are missing."""
        ready = [pod.name for pod in self.pods.values() if pod.ready]
        reports = [report for name in ready if (report := self.report(name)) is not None]
        return sorted(reports, key=lambda report: report.name)


def parse_pod(document: Object) -> Pod:
    """Read a pod."""
    metadata, status = document["metadata"], document.get("status", {})
    labels = metadata.get("labels", {})
    readiness = _condition(status, "Ready")
    ready = readiness.get("status") == "True" and "deletionTimestamp" not in metadata
    return Pod(
        name=metadata["name"],
        uid=metadata["uid"],
        ip=status.get("podIP", ""),
        node=document.get("spec", {}).get("nodeName", ""),
        ready=ready,
        revision=labels.get("controller-revision-hash", ""),
        config_hash=metadata.get("annotations", {}).get(CONFIG_HASH, ""),
        created=_time(metadata.get("creationTimestamp")),
        ready_since=_time(readiness.get("lastTransitionTime")) if ready else None,
        unready_since=None if ready else _time(readiness.get("lastTransitionTime")),
        deleting_since=_time(metadata.get("deletionTimestamp")),
        finalizers=tuple(metadata.get("finalizers") or ()),
        trouble=_trouble(status),
        secure=serves_https(document),
        guard=guard_of(document),
    )


def guard_of(document: Object) -> Guard:
    """The step of authentication of a pod, or of one of a template."""
    text = (document["metadata"].get("annotations") or {}).get(GUARD, "")
    return Guard(text) if text in set(Guard) else Guard.OFF


def serves_https(document: Object) -> bool:
    """Whether a pod, or one of a template, serves HTTPS: it has a port of this name."""
    containers = document.get("spec", {}).get("containers", [])
    ports = [port for each in containers for port in each.get("ports") or ()]
    return any(port.get("name") == "https" for port in ports)


def revision_template(document: Object) -> Object:
    """The pod template that a ControllerRevision of a StatefulSet keeps.

    It is stored as a patch: with `$patch`, and `null` where a field is empty.
    """
    template: Object = document["data"]["spec"]["template"]
    metadata = {key: value for key, value in template["metadata"].items() if value is not None}
    return {"metadata": metadata, "spec": template["spec"]}


def controller_uid(document: Object) -> str:
    """The uid of the object's controller; empty without one."""
    owners: list[dict[str, Any]] = document["metadata"].get("ownerReferences", [])
    return next((str(each["uid"]) for each in owners if each.get("controller")), "")


def owner_phrase(document: Object, cluster: str) -> str:
    """Who owns an object that is not ours, in words; `FORMER`: it is about to be removed."""
    owners: list[dict[str, Any]] = document["metadata"].get("ownerReferences", [])
    if not owners:
        return "it has no owner"
    kind, name = owners[0]["kind"], owners[0]["name"]
    return FORMER if (kind, name) == (CLUSTER.kind, cluster) else f"it belongs to {kind} {name}"


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return next((each for each in status.get("conditions", []) if each["type"] == kind), {})


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _trouble(status: Mapping[str, Any]) -> str:
    """Why a pod does not run: its scheduling, its container's waiting reason, its last end."""
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return str(condition.get("message") or condition.get("reason", ""))
    for container in status.get("containerStatuses", []):
        waiting = container.get("state", {}).get("waiting", {})
        if waiting and waiting.get("reason") != "ContainerCreating":
            message = waiting.get("message", "")
            return (
                f"{waiting.get('reason', '')}: {message}" if message else str(waiting.get("reason"))
            )
    return ""
