from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eureka_operator.core.kinds import STATEFUL_SET
from eureka_operator.core.plan import plan
from eureka_operator.core.preview import Preview, preview
from unit.operator.core.builders import ENVIRONMENT, cluster, observed
from unit.operator.core.rollingworld import RollingWorld
from unit.operator.core.world import World, settled


def _preview(world: World) -> Preview:
    seen = world.observe()
    return preview(seen, plan(seen, ENVIRONMENT))


def test_without_a_cluster_everything_is_made() -> None:
    """Useful before anything is installed."""
    seen = observed(cluster())
    found = preview(seen, plan(seen, ENVIRONMENT))

    assert {row.action for row in found.rows} == {"create"}
    assert found.joining == (
        "peer1 (eureka-peer-1)",
        "peer2 (eureka-peer-2)",
        "peer3 (eureka-peer-3)",
    )
    assert (found.restarting, found.leaving, found.reloading) == ((), (), ())


def test_nothing_changes_in_a_quiet_cluster() -> None:
    """No row, no peer."""
    assert _preview(settled()) == Preview()


def test_live_setting_reloads_and_restarts_nobody() -> None:
    """The field is named as it is in the file."""
    world = settled()
    world.change({"logging": {"level": "DEBUG"}})
    found = _preview(world)
    (row,) = found.rows

    assert row.object == "ConfigMap eureka-config"
    assert [(each.field, each.before, each.after) for each in row.changes] == [
        ("data[config.json].log_level", None, "DEBUG")
    ]
    assert found.restarting == ()
    assert len(found.reloading) == 3


def test_template_restarts_all_from_the_highest_ordinal_down() -> None:
    """As the StatefulSet controller goes about it."""
    world = settled()
    world.change({"image": {"tag": "2"}})
    found = _preview(world)

    assert found.restarting == (
        "peer3 (eureka-peer-3)",
        "peer2 (eureka-peer-2)",
        "peer1 (eureka-peer-1)",
    )
    assert found.reloading == ()


def test_peer_that_restarts_does_not_reload() -> None:
    """It reads the whole configuration when it starts."""
    world = settled()
    world.change({"image": {"tag": "2"}, "logging": {"level": "DEBUG"}})
    found = _preview(world)

    assert len(found.restarting) == 3
    assert found.reloading == ()


def test_peer_that_leaves_does_not_reload() -> None:
    """Only the peers that stay are named."""
    world = settled()
    world.change({"replicas": 2, "logging": {"level": "DEBUG"}})
    found = _preview(world)

    assert found.reloading == ("peer1 (eureka-peer-1)", "peer2 (eureka-peer-2)")
    assert found.leaving == ("peer3 (eureka-peer-3)",)


def test_peer_that_leaves_without_its_pod_does_not_join() -> None:
    """The StatefulSet would make the pod again; nobody wants it."""
    world = settled()
    del world.peers["eureka-peer-3"]
    world.change({"replicas": 2})
    found = _preview(world)

    assert (found.joining, found.leaving) == ((), ())


def test_field_that_is_taken_out_of_the_template_restarts_all() -> None:
    """Only the record of the API server shows it: the template that is wanted lacks it."""
    world = settled()
    world.change({"pod": {"labels": {"team": "a"}}})
    world.settle(120)
    world.change({"pod": {}})

    assert len(_preview(world).restarting) == 3


def test_setting_that_is_taken_out_is_a_change() -> None:
    """From its value to none."""
    world = settled()
    world.change({"logging": {"level": "DEBUG"}})
    world.settle()
    world.change({"logging": {}})
    (row,) = _preview(world).rows

    assert [(each.field, each.before, each.after) for each in row.changes] == [
        ("data[config.json].log_level", "DEBUG", None)
    ]


def test_pod_that_is_removed_is_named() -> None:
    """Its node is lost, so nobody else removes it."""
    world = settled()
    world.peers["eureka-peer-2"].lost = True
    world.kill("eureka-peer-2")
    world.now += timedelta(seconds=61)
    (row,) = _preview(world).rows

    assert (row.action, row.object) == ("delete", "Pod eureka-peer-2")


def test_peers_join_and_leave() -> None:
    """Nobody else is concerned."""
    world = settled()
    world.change({"replicas": 4})
    assert _preview(world).joining == ("peer4 (eureka-peer-4)",)

    world.change({"replicas": 2})
    found = _preview(world)
    assert found.leaving == ("peer3 (eureka-peer-3)",)
    assert (found.joining, found.restarting) == ((), ())


def test_edit_of_others_is_a_change() -> None:
    """What is there, and what will be."""
    world = settled()
    world.objects[STATEFUL_SET, "eureka-peer"].edit(("f:spec", "f:replicas"), 7, "kubectl")
    row = _preview(world).rows[0]

    assert row.object == "StatefulSet eureka-peer"
    assert [(each.field, each.before, each.after) for each in row.changes] == [
        ("spec.replicas", 7, 3)
    ]


_UPDATES: Final = {"settleSeconds": 0, "progressDeadlineSeconds": 30}
_ZONES: Final = ("a", "b", "c")
_CHANGES: Final = st.fixed_dictionaries(
    {},
    optional={
        "image": st.sampled_from([{"tag": "1"}, {"tag": "2"}]),
        "replicas": st.integers(0, 5),
        "logging": st.sampled_from([{}, {"level": "DEBUG"}]),
        "pod": st.sampled_from(
            [{}, {"env": [{"name": "A", "value": "b"}]}, {"labels": {"a": "b"}}]
        ),
        "snapshot": st.sampled_from([{"enabled": False}, {"enabled": True}]),
        "resources": st.sampled_from([None, {"requests": {"cpu": "1"}}]),
        "disruption": st.sampled_from([{"enabled": True}, {"enabled": False}]),
        "service": st.sampled_from([{}, {"annotations": {"a": "b"}}]),
        "paused": st.booleans(),
    },
)


def _rolling(zones: int, replicas: int, strategy: str) -> RollingWorld:
    """A cluster that is Ready."""
    spec: dict[str, Any] = {"replicas": replicas, "updates": {**_UPDATES, "strategy": strategy}}
    if zones:
        spec["topology"] = {"zones": [{"name": each} for each in _ZONES[:zones]]}
    world = RollingWorld({**spec, "image": {"tag": "1"}})
    world.settle(100)
    return world


def _names(pods: tuple[str, ...]) -> list[str]:
    return [each.partition("(")[2].rstrip(")") for each in pods]


def _until_quiet(world: RollingWorld) -> None:
    """Let everything come of a change that comes of it."""
    quiet = 0
    for _ in range(400):
        writes = world.writes
        before = (world.peers.keys(), [each.ready for each in world.peers.values()])
        world.reconcile()
        world.tick()
        after = (world.peers.keys(), [each.ready for each in world.peers.values()])
        quiet = quiet + 1 if writes == world.writes and before == after else 0
        if quiet > 5:
            return
    raise AssertionError(world.condition("Ready"))


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    changes=st.lists(_CHANGES, min_size=1, max_size=2),
    zones=st.integers(0, 2),
    replicas=st.integers(2, 4),
    strategy=st.sampled_from(["Converged", "Converged", "RollingUpdate", "OnDelete"]),
)
def test_what_is_said_is_what_happens(
    changes: list[dict[str, Any]], zones: int, replicas: int, strategy: str
) -> None:
    """Who restarts, in which order; who joins, who leaves; everybody else stays as he is."""
    world = _rolling(zones, replicas, strategy)
    for change in changes:
        count = change.get("replicas", replicas)
        world.change({**change, "replicas": max(count, zones) if count else 0})
        found = _preview(world)
        before = {name: peer.uid for name, peer in world.peers.items()}
        world.restarted.clear()
        _until_quiet(world)
        after = {name: peer.uid for name, peer in world.peers.items()}

        said, happened = _names(found.restarting), world.restarted
        assert (said if strategy == "Converged" else sorted(said)) == (
            happened if strategy == "Converged" else sorted(happened)
        )
        assert set(_names(found.joining)) == after.keys() - before.keys()
        assert set(_names(found.leaving)) == before.keys() - after.keys()
        assert {name for name in before.keys() & after.keys() if before[name] != after[name]} == {
            *happened
        } & before.keys() & after.keys()


def test_remade_peers_are_said_after_a_restart_by_kubectl() -> None:
    """The operator takes it over as an update of its own."""
    world = _rolling(0, 3, "Converged")
    world.restart_by_kubectl("eureka-peer", "now")
    world.tick()

    assert _names(_preview(world).restarting) == ["eureka-peer-3", "eureka-peer-2", "eureka-peer-1"]


def test_only_peers_with_the_newer_template_are_said_to_go_back() -> None:
    """An update that is called off half-way: the others have what is wanted."""
    world = _rolling(0, 3, "Converged")
    world.change({"image": {"tag": "2"}})
    while world.tag_of("eureka-peer-3") != "2":
        world.reconcile()
        world.tick()
    world.change({"image": {"tag": "1"}})
    world.restarted.clear()

    assert _names(_preview(world).restarting) == ["eureka-peer-3"]
    _until_quiet(world)
    assert world.restarted == ["eureka-peer-3"]


def test_peer_that_comes_back_with_the_former_template_restarts() -> None:
    """Its pod was deleted while others got the new one; the fence is above it."""
    world = _rolling(0, 3, "Converged")
    world.change({"image": {"tag": "2"}})
    while world.tag_of("eureka-peer-3") != "2":
        world.reconcile()
        world.tick()
    del world.peers["eureka-peer-1"]
    found = _preview(world)

    assert found.joining == ("peer1 (eureka-peer-1)",)
    assert _names(found.restarting) == ["eureka-peer-2", "eureka-peer-1"]
    assert _restarts_until_quiet(world) == ["eureka-peer-2", "eureka-peer-1"]


def test_peer_that_comes_back_with_the_new_template_does_not_restart_again() -> None:
    """Its pod was taken away for that."""
    world = _rolling(0, 3, "Converged")
    world.change({"image": {"tag": "2"}})
    while world.tag_of("eureka-peer-3") != "2":
        world.reconcile()
        world.tick()
    del world.peers["eureka-peer-3"]

    assert _names(_preview(world).restarting) == ["eureka-peer-2", "eureka-peer-1"]


def _restarts_until_quiet(world: RollingWorld) -> list[str]:
    world.restarted.clear()
    _until_quiet(world)
    return world.restarted


def test_zone_that_has_begun_is_finished_before_the_next_one() -> None:
    """Though the highest peer that is left is in the other zone."""
    world = _rolling(2, 4, "Converged")
    world.change({"image": {"tag": "2"}})
    while world.tag_of("eureka-peer-b-2") != "2":
        world.reconcile()
        world.tick()
    said = _names(_preview(world).restarting)

    assert said == ["eureka-peer-b-1", "eureka-peer-a-2", "eureka-peer-a-1"]
    assert _restarts_until_quiet(world) == said


def test_zone_of_the_highest_peer_comes_first_whoever_of_it_restarts() -> None:
    """Here the highest peer has the new template already: somebody has deleted its pod.

    Nothing has begun yet, because a peer does not answer.
    """
    world = _rolling(2, 4, "OnDelete")
    world.change({"image": {"tag": "2"}})
    _until_quiet(world)
    world.kill("eureka-peer-b-2")
    _until_quiet(world)
    world.change({"updates": {**_UPDATES, "strategy": "Converged"}})
    world.silent.add("eureka-peer-a-1")
    said = _names(_preview(world).restarting)
    world.silent.clear()

    assert _restarts_until_quiet(world) == ["eureka-peer-b-1", "eureka-peer-a-2", "eureka-peer-a-1"]
    assert said == world.restarted


def test_nothing_is_said_of_a_paused_cluster() -> None:
    """Nothing is done, either."""
    world = settled()
    world.change({"paused": True, "image": {"tag": "2"}})

    assert _preview(world) == Preview(paused=True)
