"""A cluster in memory: API server, StatefulSet controller, kubelets and peers, without time.

It does what those do at the places where the operator meets them: objects with owners of fields,
pods of a StatefulSet with addresses and revisions, `/peers` by the ConfigMap that a pod has
mounted. A clock advances only with `tick`.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from eureka_operator.api.cluster import Cluster, Guard, read
from eureka_operator.core import events, names
from eureka_operator.core.conditions import Failure
from eureka_operator.core.kinds import CHILDREN, CONFIG_MAP, SERVICE, STATEFUL_SET, Object
from eureka_operator.core.observed import (
    Access,
    Config,
    Observed,
    Pod,
    Ref,
    Report,
    View,
    controller_uid,
    owner_phrase,
)
from eureka_operator.core.plan import (
    Abandon,
    Apply,
    Create,
    Delete,
    Plan,
    Recreate,
    Refresh,
    Step,
    kind_and_name,
    kind_of,
    name_of,
    plan,
)
from eureka_operator.core.status import is_paused, is_same, status
from support.clusterobjects import document
from unit.operator.core.builders import CERTIFICATE, ENVIRONMENT, NOW
from unit.operator.core.managed import Managed

_UID: Final = "the-uid"
_KUBELET_EVERY_S: Final = 60
_GRACE: Final = timedelta(seconds=30)


class _Peer:
    """A pod with its container, and what it has mounted."""

    def __init__(self, name: str, uid: str, revision: str, address: str, now: datetime) -> None:
        self.name = name
        self.created = now
        self.ready_since = now
        self.uid = uid
        self.revision = revision
        self.config_hash = ""
        self.ready = False
        self.deleting_since: datetime | None = None
        self.mounted: dict[str, str] | None = None
        self.lost = False
        self.stale = True
        """Whether the kubelet has to look at the ConfigMap now."""
        self._address = address

    @property
    def ip(self) -> str:
        """The kubelet starts nothing before the ConfigMap is there."""
        return self._address if self.mounted is not None else ""

    def list(self) -> Any:  # noqa: ANN401 - JSON
        """The list of peers that it has in force."""
        text = (self.mounted or {}).get("peers.json")
        return json.loads(text) if text else {"generation": 0, "names": {}, "peers": []}

    def own_name(self) -> str:
        """Which peer it is, by its list."""
        return str(self.list()["names"].get(self.name, ""))


class World:
    """One `EurekaCluster` and everything around it."""

    def __init__(self, spec: object = None) -> None:
        """Begin with the object alone."""
        self.now = NOW
        self.objects: dict[Ref, Managed] = {}
        self.peers: dict[str, _Peer] = {}
        self.events: list[events.Event] = []
        self.writes = 0
        """Requests of the operator that were meant to change something."""
        self.silent: set[str] = set()
        """Pods whose management port the operator does not reach."""
        self.stuck: set[str] = set()
        """Pods that cannot deliver what they took."""
        self.document: Object = document(copy.deepcopy(spec or {}))
        self.document["metadata"] |= {"namespace": "prod", "uid": _UID, "generation": 1}
        self.certificate = CERTIFICATE
        """What the Secret holds, if the object has `spec.tls`."""
        self.access = Access()
        """What `spec.auth` needs, if it asks anybody."""
        self.broken: set[str] = set()
        """Images whose peers are never ready."""
        self._settled: dict[str, tuple[str, str]] = {}
        self._current: dict[str, str] = {}
        self._templates: dict[str, Object] = {}
        self._made = 0

    # What people do

    def change(self, spec: Object) -> None:
        """Set fields of the spec."""
        if self.document["spec"] | spec != self.document["spec"]:
            self.document["spec"] |= spec
            self.document["metadata"]["generation"] += 1

    def annotate(self, **annotations: str) -> None:
        """Annotate the object; the names are those below `eurekube.io/`."""
        found = {
            f"{names.GROUP}/{key.replace('_', '-')}": text for key, text in annotations.items()
        }
        self.document["metadata"].setdefault("annotations", {}).update(found)

    def add(self, body: Object) -> None:
        """Make an object of somebody else's."""
        self.objects[kind_of(body), name_of(body)] = Managed(body, self._uid(), "somebody")

    def delete(self, ref: Ref) -> None:
        """Delete an object."""
        del self.objects[ref]

    def kill(self, pod: str) -> None:
        """Delete a pod."""
        peer = self.peers[pod]
        if peer.deleting_since is None:
            peer.deleting_since, peer.ready = self.now + _GRACE, False

    # What the operator does

    @property
    def cluster(self) -> Cluster:
        """The object as it is read."""
        found = read(self.document, strict=True)
        assert isinstance(found, Cluster), found
        return found

    @property
    def status(self) -> Object:
        """The status as it was last written."""
        found: Object = self.document.get("status", {})
        return found

    def condition(self, kind: str) -> Object:
        """One condition of the status; empty if it is not there."""
        found = (each for each in self.status.get("conditions", []) if each["type"] == kind)
        return next(found, {})

    def observe(self) -> Observed:
        """What the operator sees."""
        children: dict[Ref, Object] = {}
        foreign: dict[Ref, str] = {}
        for ref, managed in self.objects.items():
            if managed.labels.get(names.CLUSTER_LABEL) != "eureka":
                continue
            body = managed.document()
            if controller_uid(body) == _UID:
                children[ref] = body
            else:
                foreign[ref] = owner_phrase(body, "eureka")
        return Observed(
            cluster=self.cluster,
            now=self.now,
            children=children,
            foreign=foreign,
            pods={name: self._pod(peer) for name, peer in self.peers.items()},
            reports=dict(self._reports()),
            templates=self._templates,
            settled=dict(self._settled),
            certificate=self.certificate if self.cluster.spec.tls else None,
            access=self.access if self.cluster.spec.auth.type != "None" else None,
        )

    def reconcile(self) -> Plan:
        """One pass."""
        seen = self.observe()
        planned = plan(seen, ENVIRONMENT)
        failures, done = self._carry_out(seen.cluster, planned)
        self.events += events.of_steps(done)
        made = status(seen, planned, ENVIRONMENT, failures)
        if not is_same(self.status, made):
            self.writes += 1
            self.events += events.of_change(self.status, made)
            self.document["status"] = made
        return planned

    def _carry_out(self, cluster: Cluster, planned: Plan) -> tuple[list[Failure], list[Step]]:
        failures: list[Failure] = []
        done: list[Step] = []
        for step in () if is_paused(cluster) else planned.steps:
            self.writes += 1
            if self._do(step):
                done.append(step)
            else:
                kind, name = kind_and_name(step)
                failures.append(Failure("NameTaken", f"{kind.kind} {name} is there"))
        taken = {(kind_of(body), name_of(body)) for body in planned.objects}
        failures += [
            Failure("NameTaken", name) for _, name in self.observe().foreign.keys() & taken
        ]
        return failures, done

    def _do(self, step: Step) -> bool:
        """Carry out a step; whether it was possible."""
        match step:
            case Create(body):
                return self._create(body)
            case Apply(body, live):
                self._apply(body, live["metadata"]["uid"])
            case Delete(kind, name, uid):
                assert self.objects[kind, name].uid == uid
                del self.objects[kind, name]
            case Refresh(pod, digest):
                self.peers[pod].config_hash = digest
                self.peers[pod].stale = True
            case Abandon(pod, uid):
                assert self.peers[pod].uid == uid
                del self.peers[pod]
            case Recreate(pod, uid):
                assert self.peers[pod].uid == uid
                self.kill(pod)
        return True

    def _create(self, body: Object) -> bool:
        ref = kind_of(body), name_of(body)
        there = self.objects.get(ref)
        if there is None:
            self.objects[ref] = Managed(body, self._uid(), names.MANAGER)
        elif controller_uid(there.document()) == _UID:
            self._apply(body, there.uid)
        else:
            return False
        self._remember(ref, body)
        return True

    def _apply(self, body: Object, uid: str) -> None:
        ref = kind_of(body), name_of(body)
        assert self.objects[ref].uid == uid
        self.objects[ref].apply(body, names.MANAGER)
        self._remember(ref, body)

    def _remember(self, ref: Ref, body: Object) -> None:
        managed = self.objects[ref]
        mark = body["metadata"]["annotations"][names.DESIRED_HASH]
        self._settled[managed.uid] = str(managed.version), mark

    # What the others do

    def tick(self) -> None:
        """Let a second pass."""
        self.now += timedelta(seconds=1)
        for peer in list(self.peers.values()):
            self._run(peer)
        owned = {ref: each for ref, each in self.objects.items() if ref[0] is STATEFUL_SET}
        expected = {
            pod: managed for (_, name), managed in owned.items() for pod in _pods(name, managed)
        }
        for pod in sorted(self.peers.keys() - expected.keys()):
            self.kill(pod)
        for pod in sorted(expected.keys() - self.peers.keys()):
            self._made += 1
            revision = self._due(pod, expected[pod])
            address = f"10.0.{self._made // 256}.{self._made % 256}"
            self.peers[pod] = _Peer(pod, self._uid(), revision, address, self.now)
        for (_, name), managed in owned.items():
            self._roll(name, managed)

    def settle(self, passes: int = 60) -> int:
        """Reconcile until there is nothing to do and the object is Ready; how many passes it took.

        A second passes after each.
        """
        for count in range(1, passes + 1):
            writes = self.writes
            planned = self.reconcile()
            self.tick()
            if not planned.steps and writes == self.writes and self._is_ready():
                return count
        raise AssertionError(f"not Ready after {passes} passes: {self.condition('Ready')}")

    def _is_ready(self) -> bool:
        found = self.condition("Ready")
        generation = self.document["metadata"]["generation"]
        return found.get("status") == "True" and found["observedGeneration"] == generation

    def _run(self, peer: _Peer) -> None:
        """What kubelet and peer do within a second."""
        if peer.deleting_since is not None:
            if not peer.lost:
                del self.peers[peer.name]
            return
        started = peer.ip
        late = int((self.now - NOW).total_seconds()) % _KUBELET_EVERY_S == 0
        if not started or peer.stale or late:
            self._mount(peer)
        listed = {each["name"] for each in peer.list()["peers"]}
        well = self._image(peer.revision) not in self.broken
        if well and not peer.ready and started and peer.own_name() in listed:
            peer.ready, peer.ready_since = True, self.now

    def _image(self, revision: str) -> str:
        template = self._templates.get(revision, {"spec": {"containers": [{"image": ""}]}})
        return str(template["spec"]["containers"][0]["image"])

    def _due(self, pod: str, managed: Managed) -> str:
        """The revision that a pod is made from: below the fence it is the current one."""
        update = self._record(managed)
        name, _, ordinal = pod.rpartition("-")
        return self._current.setdefault(name, update) if int(ordinal) <= _fence(managed) else update

    def _record(self, managed: Managed) -> str:
        revision = _revision(managed)
        self._templates[revision] = copy.deepcopy(managed["spec"]["template"])
        return revision

    def _mount(self, peer: _Peer) -> None:
        """A file that cannot be used leaves the last good one in force."""
        found = self.objects.get((CONFIG_MAP, "eureka-config"))
        if found is not None:
            peer.stale = False
            good = {file: text for file, text in found["data"].items() if _is_json(text)}
            peer.mounted = {**(peer.mounted or {}), **good}

    def _roll(self, name: str, managed: Managed) -> None:
        """Replace one peer of an older revision, from the fence on, if all the others are ready."""
        revision = self._record(managed)
        pods = [self.peers[pod] for pod in _pods(name, managed)]
        old = [peer for peer in pods if peer.revision != revision]
        due = [peer for peer in old if _ordinal(peer.name) > _fence(managed)]
        if due and all(peer.ready for peer in pods):
            self.kill(max(due, key=lambda peer: _ordinal(peer.name)).name)
        if not old and all(peer.ready for peer in pods):
            self._current[name] = revision
        managed.touch(
            {
                "observedGeneration": managed.generation,
                "replicas": len(pods),
                "readyReplicas": sum(peer.ready for peer in pods),
                "updatedReplicas": len(pods) - len(old),
                "currentRevision": self._current.setdefault(name, revision),
                "updateRevision": revision,
            }
        )

    def _pod(self, peer: _Peer) -> Pod:
        return Pod(
            name=peer.name,
            uid=peer.uid,
            ip=peer.ip,
            node="node",
            ready=peer.ready,
            revision=peer.revision,
            config_hash=peer.config_hash,
            created=peer.created,
            ready_since=peer.ready_since if peer.ready else None,
            deleting_since=peer.deleting_since,
            secure="https" in self.serves(peer.name),
            guard=Guard(self.annotations(peer.name).get(names.GUARD, "")),
        )

    def annotations(self, pod: str) -> dict[str, str]:
        """Those of a pod's template."""
        template = self._templates.get(self.peers[pod].revision, {"metadata": {}})
        found: dict[str, str] = template["metadata"].get("annotations", {})
        return found

    def serves(self, pod: str) -> dict[str, int]:
        """The ports of a pod by name."""
        template = self._templates.get(self.peers[pod].revision, {"spec": {"containers": []}})
        ports = [port for each in template["spec"]["containers"] for port in each["ports"]]
        return {port["name"]: port["containerPort"] for port in ports}

    def _reports(self) -> Iterator[tuple[str, Report | str]]:
        for name, peer in self.peers.items():
            if peer.ip and peer.deleting_since is None:
                yield name, "timed out" if name in self.silent else self._report(peer)

    def _report(self, peer: _Peer) -> Report:
        config = (peer.mounted or {}).get("config.json", "")
        return Report(
            name=peer.own_name(),
            generation=peer.list()["generation"],
            software="0.1.0",
            config=Config(hash=names.digest(config)),
            peers=tuple(self._view(peer, entry) for entry in peer.list()["peers"]),
        )

    def _view(self, peer: _Peer, entry: Object) -> View:
        """How a peer sees one that is listed: by the name of its Service, as DNS knows it."""
        host = entry["url"].partition("://")[2].partition(":")[0].partition(".")[0]
        service = self.objects.get((SERVICE, host))
        pod = service["spec"]["selector"].get(names.POD_NAME_LABEL) if service else None
        other = self.peers.get(str(pod))
        well = other is not None and bool(other.ip) and other.deleting_since is None
        return View(
            url=entry["url"],
            available=well,
            agreement="agreed" if well and peer.name not in self.stuck else "unknown",
        )

    def _uid(self) -> str:
        self._made += 1
        return f"uid-{self._made}"


def settled() -> World:
    """A world in which three peers agree."""
    kinds = {id(kind): kind for kind in CHILDREN}  # which are compared by identity
    return copy.deepcopy(_settled(), kinds)


@functools.cache
def _settled() -> World:
    world = World()
    world.settle()
    world.events.clear()
    return world


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _pods(name: str, managed: Managed) -> list[str]:
    """Pods that a StatefulSet is to have; 1 is Kubernetes' default."""
    count = int(managed["spec"].get("replicas", 1))
    return [f"{name}-{ordinal}" for ordinal in range(1, count + 1)]


def _ordinal(pod: str) -> int:
    return int(pod.rpartition("-")[2])


def _fence(managed: Managed) -> int:
    """So many pods keep their template."""
    return int(managed["spec"]["updateStrategy"].get("rollingUpdate", {}).get("partition", 0))


def _revision(managed: Managed) -> str:
    return names.object_digest(managed["spec"]["template"])
