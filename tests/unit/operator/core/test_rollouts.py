"""Whatever happens while peers get another template: at most one is away, and it ends."""

from __future__ import annotations

from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from eureka_operator.core.kinds import STATEFUL_SET
from unit.operator.core.rollingworld import APART, BROKEN, RollingWorld
from unit.operator.core.statefulsets import Rule

_GOOD: Final = ("1", "2", "3")
_UPDATES: Final = {"settleSeconds": 2, "progressDeadlineSeconds": 30}
_ZONES: Final = ("a", "b", "c")
_PASSES: Final = 250
"""Several templates may be tried, each for 30 s and the time of a restart."""


class _Watched(RollingWorld):
    """A world in which it is looked at, every second, who is away."""

    def tick(self) -> None:
        """Let a second pass."""
        super().tick()
        assert len(self.away) <= 1, self.away


class Rollouts(RuleBasedStateMachine):
    """Templates, good and bad ones, and everything that may come in between."""

    @initialize(
        kubernetes=st.sampled_from(Rule),
        zones=st.integers(0, 3),
        replicas=st.integers(1, 4),
        works=st.booleans(),
    )
    def begin(self, kubernetes: Rule, zones: int, replicas: int, *, works: bool) -> None:
        """A cluster that is Ready, or whose first template does not work."""
        topology = {"topology": {"zones": [{"name": each} for each in _ZONES[:zones]]}}
        self.zones = zones
        spec = {"replicas": max(replicas, zones), "updates": _UPDATES}
        spec["image"] = {"tag": "1" if works else BROKEN}
        self.world = _Watched(spec | (topology if zones else {}), kubernetes)
        if works:
            self.world.settle(_PASSES)

    # People

    @rule(tag=st.sampled_from([*_GOOD, BROKEN, APART]))
    def change_image(self, tag: str) -> None:
        """At any moment."""
        self.world.change({"image": {"tag": tag}})

    @rule(replicas=st.integers(0, 5))
    def scale(self, replicas: int) -> None:
        """Also while a template is tried."""
        self.world.change({"replicas": max(replicas, self.zones) if replicas else 0})

    @rule(level=st.sampled_from(["DEBUG", "INFO"]))
    def change_live_setting(self, level: str) -> None:
        """Which has nothing to do with templates."""
        self.world.change({"logging": {"level": level}})

    @rule(value=st.sampled_from(["a", "b"]))
    def ask_for_restart(self, value: str) -> None:
        """By the annotation."""
        self.world.annotate(restart_at=value)

    @rule(data=st.data(), at=st.sampled_from(["1", "2"]))
    def restart_by_kubectl(self, data: st.DataObject, at: str) -> None:
        """`kubectl rollout restart`."""
        sets = sorted(name for kind, name in self.world.objects if kind is STATEFUL_SET)
        if sets:
            self.world.restart_by_kubectl(data.draw(st.sampled_from(sets)), at)

    @rule(data=st.data(), count=st.integers(0, 4))
    def edit_partition(self, data: st.DataObject, count: int) -> None:
        """Somebody meddles."""
        sets = sorted(name for kind, name in self.world.objects if kind is STATEFUL_SET)
        path = ("f:spec", "f:updateStrategy", "f:rollingUpdate", "f:partition")
        if sets:
            name = data.draw(st.sampled_from(sets))
            self.world.objects[STATEFUL_SET, name].edit(path, count, "kubectl")

    # Machines

    @rule(data=st.data(), seconds=st.integers(1, 20))
    def weaken(self, data: st.DataObject, seconds: int) -> None:
        """A peer is not ready for a while."""
        if self.world.peers:
            self.world.weaken(data.draw(st.sampled_from(sorted(self.world.peers))), seconds)

    @rule(data=st.data())
    def kill_pod(self, data: st.DataObject) -> None:
        """A node is drained, somebody deletes a pod."""
        if self.world.peers:
            self.world.kill(data.draw(st.sampled_from(sorted(self.world.peers))))

    @rule(wiped=st.booleans())
    def restart_operator(self, wiped: bool) -> None:  # noqa: FBT001 - drawn
        """It knows nothing but what the API server has, which may be less than it wrote."""
        self.world.forget()
        if wiped:
            self.world.wipe_status()

    @rule(seconds=st.integers(1, 40))
    def work(self, seconds: int) -> None:
        """The operator looks every second."""
        for _ in range(seconds):
            self.world.reconcile()
            self.world.tick()

    @rule(seconds=st.integers(1, 3))
    def wait(self, seconds: int) -> None:
        """The operator does not look."""
        for _ in range(seconds):
            self.world.tick()

    @rule()
    def end(self) -> None:
        """Nothing stays half done."""
        _settle(self.world)

    def teardown(self) -> None:
        """Whatever was done."""
        if hasattr(self, "world"):
            _settle(self.world)


def _settle(world: RollingWorld) -> None:
    """All peers have the wanted template, or the last good one, and are well."""
    for _ in range(_PASSES):
        world.reconcile()
        world.tick()
        if _is_settled(world):
            return
    raise AssertionError(f"still under way: {world.condition('Ready')}, {_pods(world)}")


def _is_settled(world: RollingWorld) -> bool:
    planned = world.reconcile()
    generation = world.document["metadata"]["generation"]
    ready, stalled = world.condition("Ready"), world.condition("Stalled")
    new = ready.get("observedGeneration") == generation
    wanted = world.document["spec"]["image"]["tag"]
    tags = {world.tag_of(pod) for pod in world.peers}
    is_done = ready.get("status") == "True" and tags <= {wanted}
    is_back = stalled.get("reason") == "RolledBack" and not tags & {BROKEN, APART}
    well = all(peer.ready for peer in world.peers.values())
    return not planned.steps and new and well and (is_done or is_back)


def _pods(world: RollingWorld) -> dict[str, tuple[str, bool]]:
    return {name: (world.tag_of(name), peer.ready) for name, peer in world.peers.items()}


def test_every_rollout_ends_with_at_most_one_peer_away() -> None:
    """By our doing: what breaks by itself may come on top."""
    run_state_machine_as_test(
        Rollouts,
        settings=settings(
            max_examples=8,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
