from __future__ import annotations

from eureka_operator.core.kinds import STATEFUL_SET
from eureka_operator.core.plan import plan
from eureka_operator.core.preview import Preview, preview
from unit.operator.core.builders import ENVIRONMENT, cluster, observed
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
    assert _preview(settled()) == Preview((), (), (), (), ())


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
