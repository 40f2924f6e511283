"""What holds whatever people do to a cluster, and whenever the operator looks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from eureka_operator.core import names
from eureka_operator.core.drift import _readable
from eureka_operator.core.kinds import CONFIG_MAP, DISRUPTION_BUDGET, SERVICE, STATEFUL_SET, Object
from eureka_operator.core.observed import Ref, controller_uid
from eureka_operator.core.peering import wanted_pods
from eureka_operator.core.plan import Apply, Plan, kind_and_name, kind_of, name_of, plan
from unit.operator.core.builders import ENVIRONMENT
from unit.operator.core.managed import Path, paths, value_at
from unit.operator.core.world import World, settled

_ZONES: Final = ("a", "b", "c")
_PASSES: Final = 180
"""A kubelet looks at its ConfigMaps by itself once a minute; five peers that get another image are
each ready for 15 s before the next one."""
_FOREIGN: Final = ("f:metadata", "f:labels", "f:team")
_LABEL: Final = ("f:metadata", "f:labels", f"f:{names.CLUSTER_LABEL}")
_TAKEN: Final = (
    (SERVICE, "peer2"),
    (SERVICE, "eureka"),
    (SERVICE, "eureka-peers"),
    (CONFIG_MAP, "eureka-config"),
    (DISRUPTION_BUDGET, "eureka"),
)
"""Names that others may have."""


def _with_zones(count: int) -> Object:
    return {"topology": {"zones": [{"name": name} for name in _ZONES[:count]]}} if count else {}


class _CheckedWorld(World):
    """A world in which each pass is looked at."""

    def __init__(self, spec: object) -> None:
        super().__init__(spec)
        self.edits: set[tuple[Ref, Path]] = set()
        """Fields that people have changed since the last pass."""

    def foreign(self) -> dict[Ref, Object]:
        """Objects of others."""
        found = {ref: managed.document() for ref, managed in self.objects.items()}
        return {ref: body for ref, body in found.items() if controller_uid(body) != "the-uid"}

    def reconcile(self) -> Plan:
        """One pass, and what holds of each."""
        before, visible = self.foreign(), self.observe().children
        planned = super().reconcile()
        assert self.foreign() == before
        assert not {kind_and_name(step) for step in planned.steps if isinstance(step, Apply)} & (
            before.keys()
        )
        self._check_drift(planned, visible)
        if self._is_ready():
            self._check_ready(planned)
        self.edits.clear()
        return planned

    def _check_drift(self, planned: Plan, visible: Mapping[Ref, Object]) -> None:
        """Every edit is put right at once, and not a second time.

        It is named unless something else is wanted of the object at the same time.
        """
        applied = {kind_and_name(each): each for each in planned.steps if isinstance(each, Apply)}
        wanted = {(kind_of(body), name_of(body)): body for body in planned.objects}
        for ref, path in self.edits:
            if ref not in visible or ref not in wanted:
                continue
            if _mark(visible[ref]) == _mark(wanted[ref]) and path in set(paths(wanted[ref])):
                fields = [each.field for each in applied[ref].drift] if ref in applied else []
                assert any(_readable(path).startswith(field) for field in fields), (path, fields)
        again = plan(self.observe(), ENVIRONMENT)
        assert not [step for step in again.steps if isinstance(step, Apply) and step.drift]

    def _check_ready(self, planned: Plan) -> None:
        """Whoever waits for Ready may rely on it."""
        running = {seat.pod: self.peers[seat.pod] for seat in planned.seats if seat.wanted}
        assert len(running) == self.document["spec"]["replicas"]
        for peer in running.values():
            assert peer.ready
            assert peer.list() == json.loads(planned.peers.text)
            assert peer.mounted == {
                "config.json": planned.config.text,
                "peers.json": planned.peers.text,
            }


class Life(RuleBasedStateMachine):
    """Scaling, zones, edits and deletions, with passes of the operator in between."""

    @initialize(zones=st.integers(0, 2), replicas=st.integers(2, 4))
    def begin(self, zones: int, replicas: int) -> None:
        """An object that somebody has just made."""
        self.world = _CheckedWorld(_with_zones(zones) | {"replicas": replicas})
        self.zones = zones
        self.known: dict[str, str] = {}

    # People

    @rule(replicas=st.integers(0, 5))
    def scale(self, replicas: int) -> None:
        """As `kubectl scale` and autoscalers do; not below the number of zones."""
        self.world.change({"replicas": max(replicas, self.zones) if replicas else 0})

    @precondition(lambda self: 0 < self.zones < len(_ZONES))
    @rule()
    def append_zone(self) -> None:
        """Each zone needs a peer."""
        self.zones += 1
        wanted = self.world.document["spec"]["replicas"]
        self.world.change({"replicas": max(wanted, self.zones), **_with_zones(self.zones)})

    @rule(level=st.sampled_from(["DEBUG", "INFO"]))
    def change_live_setting(self, level: str) -> None:
        """Peers take it while they run."""
        self.world.change({"logging": {"level": level}})

    @rule(tag=st.sampled_from(["1", "2"]))
    def change_image(self, tag: str) -> None:
        """Peers restart one after the other."""
        self.world.change({"image": {"tag": tag}})

    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        """Change or remove any field that the operator set, but whose the object is."""
        fields = _fields(self.world)
        if not fields:
            return
        ref, path = data.draw(st.sampled_from(fields))
        value = data.draw(st.sampled_from([None, *_other(self.world, ref, path)]))
        self.world.objects[ref].edit(path, value, "kubectl")
        self.world.edits.add((ref, path))

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """Any child."""
        refs = sorted(self.world.observe().children)
        if refs:
            self.world.delete(data.draw(st.sampled_from(refs)))

    @rule()
    def delete_all_services(self) -> None:
        """`kubectl delete service -l ...`: the record of who is who is among them."""
        for ref in self.world.observe().children:
            if ref[0] is SERVICE:
                self.world.delete(ref)

    @rule(data=st.data())
    def kill_pod(self, data: st.DataObject) -> None:
        """A node is drained, a peer crashes for good."""
        if self.world.peers:
            self.world.kill(data.draw(st.sampled_from(sorted(self.world.peers))))

    @rule(data=st.data())
    def add_label(self, data: st.DataObject) -> None:
        """A field that the operator has no opinion on."""
        refs = sorted(self.world.objects)
        if refs:
            self.world.objects[data.draw(st.sampled_from(refs))].edit(_FOREIGN, "a", "people")

    @rule(data=st.data())
    def forget_managers(self, data: st.DataObject) -> None:
        """Backup tools restore objects without their record."""
        refs = sorted(self.world.objects)
        if refs:
            self.world.objects[data.draw(st.sampled_from(refs))].forget_managers()

    @rule(ref=st.sampled_from(_TAKEN), labelled=st.booleans())
    def take_name(self, ref: Ref, labelled: bool) -> None:  # noqa: FBT001 - drawn
        """Somebody has an object of that name before the operator makes its own."""
        if ref not in self.world.objects:
            kind, name = ref
            labels = {names.CLUSTER_LABEL: "eureka"} if labelled else {}
            metadata = {"name": name, "namespace": "prod", "labels": labels}
            body: Object = {"kind": kind.kind, "metadata": metadata, "data": {}}
            self.world.add({**body, "spec": {"selector": {}}})

    @rule()
    def give_names_back(self) -> None:
        """Whoever had taken them read the condition."""
        for ref in self.world.foreign():
            self.world.delete(ref)

    # Operator and time

    @rule()
    def reconcile(self) -> None:
        """One pass."""
        self.world.reconcile()

    @rule(seconds=st.integers(1, 3))
    def wait(self, seconds: int) -> None:
        """Controllers, kubelets and peers go on."""
        for _ in range(seconds):
            self.world.tick()

    @precondition(lambda self: not self.world.foreign())
    @rule()
    def settle(self) -> None:
        """It ends: everything is as it is wanted, nothing is left over, nothing is written."""
        self.world.settle(_PASSES)
        writes = self.world.writes
        planned = self.world.reconcile()
        assert planned.steps == ()
        assert self.world.writes == writes
        children = self.world.observe().children
        assert children.keys() == {(kind_of(body), name_of(body)) for body in planned.objects}
        for body in planned.objects:
            live = children[kind_of(body), name_of(body)]
            assert [path for path in paths(body) if _differs(live, body, path)] == []

    @invariant()
    def nobody_is_renamed(self) -> None:
        """A running peer has one name as long as it runs."""
        for peer in self.world.peers.values() if hasattr(self, "world") else ():
            if peer.ready:
                assert peer.own_name() == self.known.setdefault(peer.uid, peer.own_name())

    def teardown(self) -> None:
        """Whatever was done, it ends in Ready; labels of others are still there."""
        if not hasattr(self, "world"):
            return
        self.give_names_back()
        labelled = {
            ref: managed.uid
            for ref, managed in self.world.objects.items()
            if _FOREIGN in managed.owned("people")
        }
        self.settle()
        for ref, uid in labelled.items():
            managed = self.world.objects.get(ref)
            if managed is not None and managed.uid == uid:
                assert managed.labels["team"] == "a"


def _fields(world: World) -> list[tuple[Ref, Path]]:
    """Fields of the operator that people may change; without its owner an object is not ours."""
    return [
        (ref, path)
        for ref in sorted(world.objects)
        for path in world.objects[ref].owned(names.MANAGER)
        if "f:ownerReferences" not in path and not path[-1].startswith("k:")
    ]


def _other(world: World, ref: Ref, path: Path) -> list[object]:
    """Another value of the same type."""
    value: Any = value_at(world.objects[ref].document(), path)
    match value:
        case bool():
            return [not value]
        case int():
            return [value + 1]
        case str():
            return [f"{value}x"]
    return []


def _mark(body: Object) -> str:
    return str(body["metadata"].get("annotations", {}).get(names.DESIRED_HASH, ""))


def _differs(live: Object, body: Object, path: Path) -> bool:
    if path[-1].startswith("k:"):
        return value_at(live, path) is None
    return bool(value_at(live, path) != value_at(body, path))


def test_every_life_ends_in_ready() -> None:
    """With an empty plan, and without renaming anybody or touching anything foreign on the way."""
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=25,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


_SCALES: Final = st.lists(st.tuples(st.integers(2, 6), st.integers(0, 5)), min_size=1, max_size=5)


@settings(max_examples=25)
@given(zones=st.integers(0, 2), scales=_SCALES)
def test_scaling_restarts_nobody(zones: int, scales: list[tuple[int, int]]) -> None:
    """Survivors keep their uid, templates their hash, whenever the operator looks."""
    world = World(_with_zones(zones) | {"replicas": 3})
    world.settle()
    revisions, survivors = _revisions(world), {pod: each.uid for pod, each in world.peers.items()}

    for replicas, seconds in scales:
        world.change({"replicas": replicas})
        world.reconcile()
        for _ in range(seconds):
            world.tick()
        wanted = {pod for pod, _ in wanted_pods(world.cluster)}
        survivors = {pod: uid for pod, uid in survivors.items() if pod in wanted}
        assert {pod: world.peers[pod].uid for pod in survivors} == survivors
    world.settle(_PASSES)

    assert {pod: world.peers[pod].uid for pod in survivors} == survivors
    assert _revisions(world).items() >= revisions.items()
    assert not [event for event in world.events if event.reason == "RollingUpdate"]


def _revisions(world: World) -> dict[str, str]:
    return {
        name: managed["metadata"]["annotations"][names.TEMPLATE_HASH]
        for (kind, name), managed in world.objects.items()
        if kind is STATEFUL_SET
    }


def test_deleted_services_rename_nobody() -> None:
    """Their selectors were the record; by order alone, `c-1` would become `peer3`."""
    world = World(_with_zones(2) | {"replicas": 3})
    world.settle()
    world.change(_with_zones(3))
    world.settle()
    before = {pod: peer.own_name() for pod, peer in world.peers.items()}
    assert before["eureka-peer-c-1"] == "peer4"

    for ref in [ref for ref in world.objects if ref[0] is SERVICE]:
        world.delete(ref)
    world.settle()

    assert {pod: peer.own_name() for pod, peer in world.peers.items()} == before


def test_lost_configuration_is_made_again_with_a_newer_generation() -> None:
    """Peers have seen the lost one."""
    world = settled()
    before = world.reconcile().peers.generation
    world.delete((CONFIG_MAP, "eureka-config"))
    world.settle()

    assert world.reconcile().peers.generation == before + 1


def test_silent_peers_are_not_said_to_differ() -> None:
    """Nothing is known of them, and growing goes on."""
    world = settled()
    world.silent |= world.peers.keys()
    world.reconcile()
    world.change({"replicas": 5})
    for _ in range(10):
        world.reconcile()
        world.tick()

    assert world.condition("PeersConverged")["reason"] in {"Unreachable", "PeersDiffer"}
    assert "peer1: timed out" in world.condition("PeersConverged")["message"]
    assert len(world.peers) == 5
