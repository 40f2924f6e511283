"""A world whose StatefulSets are rolled as Kubernetes rolls them, with images that do not work."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from eureka_operator.core.kinds import STATEFUL_SET, Object
from eureka_operator.core.observed import Observed, Pod, Report
from eureka_operator.core.plan import Recreate, Step
from unit.operator.core.managed import Managed
from unit.operator.core.statefulsets import Controller, Replica, Rule
from unit.operator.core.world import World, _Peer

BROKEN: Final = "broken"
"""The tag of an image whose peers never become ready."""
APART: Final = "apart"
"""The tag of an image whose peers are ready and never agree with the others."""


class RollingWorld(World):
    """One `EurekaCluster` whose peers are of templates that may be broken.

    `away` are the pods that were taken away for an update, until they are ready again.
    """

    def __init__(self, spec: object = None, rule: Rule = Rule.ONE_BY_ONE) -> None:
        """Begin with the object alone."""
        super().__init__(spec)
        self.away: set[str] = set()
        self.restarted: list[str] = []
        """Pods that were taken away for an update, in this order."""
        self._rule = rule
        self._controllers: dict[str, Controller] = {}
        self._weak_until: dict[str, datetime] = {}
        self._unready_since: dict[str, datetime] = {}

    # What people and machines do

    def make_unready(self, pod: str, seconds: int) -> None:
        """Let a peer not be ready for some time, and let it get well by itself."""
        self._weak_until[pod] = self.now + timedelta(seconds=seconds)
        self._look_at(self.peers[pod])

    def forget(self) -> None:
        """Start the operator anew."""
        self._settled.clear()

    def wipe_status(self) -> None:
        """Lose what the object's status says."""
        self.document["status"] = {}

    def restart_by_kubectl(self, name: str, at: str) -> None:
        """`kubectl rollout restart` of a StatefulSet."""
        annotation = "f:kubectl.kubernetes.io/restartedAt"
        path = ("f:spec", "f:template", "f:metadata", "f:annotations", annotation)
        self.objects[STATEFUL_SET, name].edit(path, at, "kubectl-rollout")

    def edit_status(self, **fields: object) -> None:
        """Change what the object's status says."""
        self.document["status"] = {**self.status, **fields}

    # What is seen of it

    def image_of(self, pod: str) -> str:
        """The image that a pod runs."""
        template = self._template(self.peers[pod])
        return str(template["spec"]["containers"][0]["image"]) if template else ""

    def tag_of(self, pod: str) -> str:
        """The tag of that image."""
        return self.image_of(pod).rpartition(":")[2]

    def observe(self) -> Observed:
        """What the operator sees, revisions as they are kept among it."""
        templates = {
            each.name: copy.deepcopy(each.template)
            for controller in self._controllers.values()
            for each in controller.revisions.values()
        }
        return replace(super().observe(), templates=templates)

    def _do(self, step: Step) -> bool:
        if isinstance(step, Recreate):
            self.note_deletion(step.pod)
        return super()._do(step)

    # What the others do

    def tick(self) -> None:
        """Let a second pass."""
        self.now += timedelta(seconds=1)
        for peer in list(self.peers.values()):
            self._run(peer)
        owned = {ref[1]: each for ref, each in self.objects.items() if ref[0] is STATEFUL_SET}
        for peer in list(self.peers.values()):
            if peer.name.rpartition("-")[0] not in owned:
                self.kill(peer.name)
        for name in self._controllers.keys() - owned.keys():
            del self._controllers[name]
        for name, managed in owned.items():
            self._sync(name, managed)

    def _sync(self, name: str, managed: Managed) -> None:
        """What the controller of a StatefulSet does."""
        controller = self._controllers.setdefault(name, Controller(name, self._rule))
        pods = {each: peer for each, peer in self.peers.items() if each.rpartition("-")[0] == name}
        spec = managed["spec"]
        done = controller.sync(spec, managed.status, self._replicas(spec, pods.values()))
        for ordinal in done.deleted:
            pod = f"{name}-{ordinal}"
            if ordinal <= int(spec["replicas"]):
                self.note_deletion(pod)
            self.kill(pod)
        for ordinal, revision in done.created.items():
            self._made += 1
            address = f"10.0.{self._made // 256}.{self._made % 256}"
            pod = f"{name}-{ordinal}"
            self.peers[pod] = _Peer(pod, self._uid(), revision, address, self.now)
        managed.touch({**done.status, "observedGeneration": managed.generation})

    def note_deletion(self, pod: str) -> None:
        """Remember that a pod is deleted for an update."""
        self.away.add(pod)
        self.restarted.append(pod)

    def _replicas(self, spec: Object, peers: Iterable[_Peer]) -> Iterator[Replica]:
        minimum = timedelta(seconds=spec.get("minReadySeconds", 0))
        return (self._replica(peer, minimum) for peer in peers)

    def _replica(self, peer: _Peer, minimum: timedelta) -> Replica:
        available = peer.ready and self.now - peer.ready_since >= minimum
        deleting = peer.deleting_since is not None
        ordinal = int(peer.name.rpartition("-")[2])
        return Replica(ordinal, peer.revision, peer.ready, available, deleting)

    def _run(self, peer: _Peer) -> None:
        super()._run(peer)
        if peer.name in self.peers:
            self._look_at(peer)

    def _look_at(self, peer: _Peer) -> None:
        """Whether it is ready."""
        if peer.deleting_since is not None:
            return
        weak = self._weak_until.get(peer.name, self.now) > self.now
        if weak or self.tag_of(peer.name) == BROKEN:
            peer.ready = False
        if peer.ready:
            self.away.discard(peer.name)
            self._unready_since.pop(peer.uid, None)
        else:
            self._unready_since.setdefault(peer.uid, self.now)

    def _template(self, peer: _Peer) -> Object | None:
        controller = self._controllers.get(peer.name.rpartition("-")[0])
        found = controller.revisions.get(peer.revision) if controller else None
        return found.template if found else None

    def _pod(self, peer: _Peer) -> Pod:
        trouble = "ImagePullBackOff: no such image" if self.tag_of(peer.name) == BROKEN else ""
        return replace(
            super()._pod(peer),
            trouble=trouble,
            unready_since=self._unready_since.get(peer.uid),
        )

    def _report(self, peer: _Peer) -> Report:
        """What a peer says: both of two peers say that they do not agree."""
        found = super()._report(peer)
        hosts = {self._host_of(each.url): each for each in found.peers}
        apart = {
            each.url
            for host, each in hosts.items()
            if host != peer.name and (self._is_apart(peer.name) or self._is_apart(host))
        }
        views = tuple(
            replace(view, agreement="differs") if view.url in apart else view
            for view in found.peers
        )
        return replace(found, peers=views)

    def _is_apart(self, pod: str) -> bool:
        return pod in self.peers and self.tag_of(pod) == APART

    def _host_of(self, url: str) -> str:
        """The pod behind a peer's URL; empty if there is none."""
        host = url.partition("://")[2].partition(":")[0].partition(".")[0]
        found = (ref for ref in self.objects if ref[1] == host)
        service = next(found, None)
        if service is None:
            return ""
        selector = self.objects[service]["spec"]["selector"]
        return str(selector.get("statefulset.kubernetes.io/pod-name", ""))
