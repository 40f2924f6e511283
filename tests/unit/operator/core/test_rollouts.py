"""Whatever happens while peers get another template: at most one is away, and it ends."""

from __future__ import annotations

from typing import Final

import pytest
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
_PARTITION: Final = ("f:spec", "f:updateStrategy", "f:rollingUpdate", "f:partition")
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
        self.count = 0
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
        if sets:
            name = data.draw(st.sampled_from(sets))
            self.world.objects[STATEFUL_SET, name].edit(_PARTITION, count, "kubectl")

    # Machines

    @rule(data=st.data(), seconds=st.integers(1, 20))
    def make_unready(self, data: st.DataObject, seconds: int) -> None:
        """A peer is not ready for a while."""
        if self.world.peers:
            self.world.make_unready(data.draw(st.sampled_from(sorted(self.world.peers))), seconds)

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
    def repair(self) -> None:
        """Whatever was done, a good template that is new reaches all peers.

        Where it would take away the only peers that work, it waits for people to say so.
        """
        self.count += 1
        self.world.change({"image": {"tag": f"good-{self.count}"}})
        if not _is_settled_within(self.world, _PASSES):
            self.world.annotate(skip_convergence="true")
            assert _is_settled_within(self.world, _PASSES), (
                self.world.condition("Ready"),
                _pods(self.world),
            )
            self.world.annotate(skip_convergence="false")

    def teardown(self) -> None:
        """Nothing stays half done."""
        if hasattr(self, "world"):
            self.repair()


def _is_settled_within(world: RollingWorld, passes: int) -> bool:
    """Whether all peers come to have the wanted template, and to be well."""
    for _ in range(passes):
        quiet = not world.reconcile().steps
        if quiet and _is_settled(world):
            return True
        world.tick()
    return False


def _is_settled(world: RollingWorld) -> bool:
    generation = world.document["metadata"]["generation"]
    ready = world.condition("Ready")
    tags = {world.tag_of(pod) for pod in world.peers}
    is_new = ready.get("observedGeneration") == generation
    is_done = ready.get("status") == "True" and tags <= {world.document["spec"]["image"]["tag"]}
    return is_new and is_done and all(peer.ready for peer in world.peers.values())


def _pods(world: RollingWorld) -> dict[str, tuple[str, bool]]:
    return {name: (world.tag_of(name), peer.ready) for name, peer in world.peers.items()}


@pytest.mark.long
def test_every_rollout_ends_with_at_most_one_peer_away() -> None:
    """By our doing: what breaks by itself may come on top."""
    run_state_machine_as_test(
        Rollouts,
        settings=settings(
            max_examples=100,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


def _started(tag: str, rule: Rule) -> _Watched:
    world = _Watched({"replicas": 3, "updates": _UPDATES, "image": {"tag": tag}}, rule)
    _work(world, 30)
    return world


def _work(world: RollingWorld, seconds: int) -> None:
    for _ in range(seconds):
        world.reconcile()
        world.tick()


@pytest.mark.parametrize("rule", Rule, ids=lambda rule: rule.name)
@pytest.mark.parametrize("tag", [BROKEN, APART])
def test_bad_template_is_taken_back_and_the_next_good_one_goes_on(tag: str, rule: Rule) -> None:
    """A canary that is ready and never agrees must go, too: it would hold up every later update."""
    world = _started("1", rule)
    others = {name: world.peers[name].uid for name in ("eureka-peer-1", "eureka-peer-2")}
    world.change({"image": {"tag": tag}})
    _work(world, 60)

    assert world.condition("Stalled")["reason"] == "RolledBack"
    assert _pods(world) == {f"eureka-peer-{number}": ("1", True) for number in (1, 2, 3)}
    assert {name: world.peers[name].uid for name in others} == others

    world.change({"image": {"tag": "2"}})
    assert _is_settled_within(world, 60)


def test_partition_that_somebody_lowered_is_raised_again() -> None:
    """All peers would get a template that no peer has been judged with."""
    world = _started("1", Rule.ONE_BY_ONE)
    managed = world.objects[STATEFUL_SET, "eureka-peer"]
    world.change({"image": {"tag": "2"}})
    world.reconcile()
    managed.edit(_PARTITION, 0, "kubectl")
    world.reconcile()

    assert managed["spec"]["updateStrategy"]["rollingUpdate"]["partition"] == 3
    assert {world.tag_of(pod) for pod in world.peers} == {"1"}


def test_scaling_waits_until_a_template_is_judged() -> None:
    """A peer that joins meanwhile would have the new template, and be away with the first."""
    world = _started("1", Rule.ONE_BY_ONE)
    world.change({"image": {"tag": "2"}})
    while not world.reconcile().rollout.peer:
        world.tick()
    world.change({"replicas": 5})
    waiting = world.reconcile().scales[0]
    settled = _is_settled_within(world, 60)

    assert (waiting.now, waiting.target) == (3, 5)
    assert waiting.waits_for == ("the new template of peer3 is being judged",)
    assert settled
    assert len(world.peers) == 5


@pytest.mark.parametrize("rule", Rule, ids=lambda rule: rule.name)
def test_cluster_whose_template_was_taken_back_can_be_scaled(rule: Rule) -> None:
    """Nothing is judged any more: what failed waits for somebody to change it."""
    world = _started("1", rule)
    world.change({"image": {"tag": BROKEN}})
    while not world.reconcile().rollout.failed:
        world.tick()
    world.tick()
    coming_back = world.reconcile().rollout.peer
    world.change({"replicas": 4})
    scaled = world.reconcile().scales[0]
    _work(world, 30)

    assert coming_back == "peer3"
    assert (scaled.now, scaled.waits_for) == (4, ())
    assert world.condition("Stalled")["reason"] == "RolledBack"
    assert _pods(world) == {f"eureka-peer-{number}": ("1", True) for number in range(1, 5)}


@pytest.mark.parametrize("rule", Rule, ids=lambda rule: rule.name)
def test_cluster_whose_first_template_does_not_work_is_repaired(rule: Rule) -> None:
    """Nobody is ready, so nobody is waited for."""
    world = _started(BROKEN, rule)
    world.change({"image": {"tag": "1"}})

    assert _is_settled_within(world, 90)
