from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from eureka_operator.core import names
from eureka_operator.core.adoption import Adoption, adoption
from eureka_operator.core.desired.common import Environment
from eureka_operator.core.events import of_steps
from eureka_operator.core.kinds import STATEFUL_SET, Object
from eureka_operator.core.observed import Observed, Ref
from eureka_operator.core.plan import Apply, Create, Plan, plan
from support.clusterobjects import DIGEST
from unit.operator.core.builders import ENVIRONMENT, cluster, observed, own, stateful_set
from unit.operator.core.world import World, settled

NEWER = replace(
    ENVIRONMENT, registry_image="eurekube/registry:0.2.0", version="0.2.0", template_revision=2
)
"""The operator of the next release: another image, and another pod template."""
_STS = (STATEFUL_SET, "eureka-peer")


def _record(**fields: object) -> str:
    known = {"image": ENVIRONMENT.registry_image, "templateRevision": 1, "operator": "0.1.0"}
    return json.dumps(known | fields)


def _recorded(text: str | None = None, zone: str = "") -> tuple[Ref, Object]:
    ref, body = stateful_set(3, zone)
    body["metadata"]["annotations"] = {names.ADOPTED: text or _record()}
    return ref, body


def _running(image: str) -> tuple[Ref, Object]:
    """A StatefulSet of an operator that kept no record."""
    template = {"spec": {"containers": [{"name": "registry", "image": image}]}}
    return own(STATEFUL_SET, "eureka-peer", {"spec": {"replicas": 3, "template": template}})


def _adoption(
    *children: tuple[Ref, Object],
    spec: object = None,
    around: Environment = NEWER,
    **annotations: str,
) -> Adoption:
    named = {f"{names.GROUP}/{key}": value for key, value in annotations.items()}
    return adoption(observed(cluster(spec, annotations=named), *children), around)


def _choice(found: Adoption) -> tuple[str, int]:
    return found.image, found.revision


_OLD = (ENVIRONMENT.registry_image, 1)
_NEW = (NEWER.registry_image, 2)


def test_new_cluster_gets_the_newest() -> None:
    """Nothing runs that could be restarted."""
    found = _adoption()

    assert _choice(found) == _NEW
    assert found.available == ""
    assert json.loads(found.annotations[names.ADOPTED]) == {
        "image": "eurekube/registry:0.2.0",
        "templateRevision": 2,
        "version": None,
        "operator": "0.2.0",
    }


def test_newer_operator_keeps_what_is_recorded_and_says_what_it_would_do() -> None:
    """An upgrade of the operator restarts no peer; what people read says how to have it done."""
    found = _adoption(_recorded())

    assert _choice(found) == _OLD
    assert found.available == (
        "peers have image eurekube/registry:0.1.0 and pod template 1, as operator 0.1.0 made them;"
        " operator 0.2.0 would give them image eurekube/registry:0.2.0 and pod template 2;"
        " to have them take these over, one after the other:"
        " kubectl -n prod annotate ekc eureka eurekube.io/upgrade=0.2.0 --overwrite"
    )
    assert json.loads(found.annotations[names.ADOPTED])["operator"] == "0.1.0"
    image = ENVIRONMENT.registry_image
    assert found.environment(NEWER) == replace(NEWER, registry_image=image, template_revision=1)


def test_nothing_is_available_from_the_same_operator() -> None:
    """The condition exists only while there is something to be had."""
    assert _adoption(_recorded(), around=ENVIRONMENT).available == ""


def test_newer_release_with_the_same_defaults_has_nothing_to_offer() -> None:
    """A release that changes nothing of peers is no reason to restart them."""
    assert _adoption(_recorded(), around=replace(ENVIRONMENT, version="0.2.0")).available == ""


@pytest.mark.parametrize("spec", [{"image": {"repository": "mine", "tag": "1"}}, {"version": "7"}])
def test_image_that_the_object_names_is_none_of_the_operators(spec: object) -> None:
    """The operator's newer image would change nothing for these peers."""
    text = _record(version="7" if spec == {"version": "7"} else None)
    around = replace(NEWER, template_revision=1)

    assert _adoption(_recorded(text), spec=spec, around=around).available == ""


@pytest.mark.parametrize(
    ("recorded", "spec"), [(None, {"version": "2"}), ("2", {"version": "3"}), ("2", {})]
)
def test_other_version_in_the_object_takes_over_the_newest(
    recorded: str | None, spec: object
) -> None:
    """Whoever changes the version restarts the peers anyhow."""
    found = _adoption(_recorded(_record(version=recorded)), spec=spec)

    assert _choice(found) == _NEW
    assert found.available == ""


def test_upgrade_is_asked_for_with_the_operators_version() -> None:
    """An annotation that was for an earlier upgrade is not a request for this one."""
    assert _choice(_adoption(_recorded(), upgrade="0.2.0")) == _NEW
    assert _choice(_adoption(_recorded(), upgrade="0.1.0")) == _OLD


def test_stateful_set_of_a_new_zone_inherits_the_record() -> None:
    """Peers of one cluster run one image, whenever their zone was added."""
    zones = {"topology": {"zones": [{"name": "a"}, {"name": "b"}]}}
    planned = plan(observed(cluster(zones), _recorded(zone="a")), NEWER)

    made = [step.body for step in planned.steps if isinstance(step, Create)]
    new = next(body for body in made if body["metadata"]["name"] == "eureka-peer-b")
    assert _image(new) == ENVIRONMENT.registry_image
    assert json.loads(new["metadata"]["annotations"][names.ADOPTED])["operator"] == "0.1.0"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"image": 1}'])
def test_without_a_record_what_runs_was_taken_over(text: str) -> None:
    """An operator that kept no record made it, or somebody spoilt the annotation."""
    ref, body = _running("eurekube/registry:0.0.9")
    body["metadata"]["annotations"] = {names.ADOPTED: text} if text else {}
    found = _adoption((ref, body))

    assert _choice(found) == ("eurekube/registry:0.0.9", 1)
    assert "peers have image eurekube/registry:0.0.9 and pod template 1; operator 0.2.0" in (
        found.available
    )


def test_without_a_record_the_image_is_that_of_the_registry() -> None:
    """Somebody may have added a container of his own."""
    ref, body = _running("eurekube/registry:0.0.9")
    body["spec"]["template"]["spec"]["containers"].insert(0, {"name": "agent", "image": "agent:1"})

    assert _choice(_adoption((ref, body))) == ("eurekube/registry:0.0.9", 1)


def test_without_a_record_an_image_that_the_object_names_is_not_taken_for_a_default() -> None:
    """Else peers would keep the digest when the object no longer names one."""
    spec = {"image": {"digest": DIGEST}}
    found = _adoption(_running(f"eurekube/registry@{DIGEST}"), spec=spec)

    assert _choice(found) == (NEWER.registry_image, 1)


def test_older_operator_leaves_a_template_that_it_cannot_build() -> None:
    """After a downgrade nobody restarts either, and the object says why its changes wait."""
    ref, body = _recorded(_record(templateRevision=2, operator="0.2.0"))
    body["spec"]["template"] = {"spec": {"containers": [{"name": "registry", "image": "x"}]}}
    body["metadata"]["annotations"][names.TEMPLATE_HASH] = "0.2.0's"
    planned = plan(observed(cluster({"replicas": 5}), (ref, body)), ENVIRONMENT)

    applied = _applied(planned)
    assert applied["spec"]["template"] == body["spec"]["template"]
    assert applied["spec"]["replicas"] == 5
    steps = [step for step in planned.steps if isinstance(step, Apply)]
    assert [event.reason for event in of_steps(steps)] == ["ScalingUp"]
    assert "operator 0.1.0 knows templates up to 1 only" in planned.adoption.unknown
    assert planned.adoption.available == ""


def test_older_operator_takes_over_when_it_is_asked_to() -> None:
    """A downgrade that is meant to last."""
    text = _record(templateRevision=2, operator="0.2.0")
    found = _adoption(_recorded(text), around=ENVIRONMENT, upgrade="0.1.0")

    assert _choice(found) == _OLD
    assert found.unknown == ""


def test_newer_operator_changes_nothing_but_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole life: an unrelated edit restarts nobody; then all peers take over the newer."""
    world = settled()
    template, lives = _template(world), _uids(world)
    newer = replace(NEWER, template_revision=1)
    monkeypatch.setattr("unit.operator.core.world.ENVIRONMENT", newer)

    world.settle()
    world.change({"logging": {"level": "DEBUG"}, "disruption": {"maxUnavailable": 2}})
    world.settle()

    assert _template(world) == template
    assert _uids(world) == lives
    assert world.condition("UpgradeAvailable")["reason"] == "NewerDefaults"
    assert world.condition("Ready")["status"] == "True"

    world.annotate(upgrade="0.2.0")
    world.settle(120)

    assert _image(world.objects[_STS].document()) == "eurekube/registry:0.2.0"
    assert not set(_uids(world).values()) & set(lives.values())
    assert world.condition("UpgradeAvailable") == {}


def test_record_of_an_operator_that_kept_none_is_written_without_a_restart() -> None:
    """It is an annotation of the StatefulSet, not of its pods."""
    world = settled()
    before = _template(world)
    managed = world.objects[_STS]
    without = managed.document()
    del without["metadata"]["annotations"][names.ADOPTED]
    managed.apply(without, names.MANAGER)

    world.settle()

    assert names.ADOPTED in managed.document()["metadata"]["annotations"]
    assert _template(world) == before


def test_cluster_whose_stateful_sets_are_all_gone_gets_the_newest() -> None:
    """Its record went with them, and its peers are made anew anyhow."""
    assert _choice(_adoption(stateful_set(3), around=ENVIRONMENT)) == _OLD
    assert _choice(_adoption()) == _NEW


def _applied(planned: Plan) -> Any:  # noqa: ANN401 - JSON
    return next(
        step.body
        for step in planned.steps
        if isinstance(step, Apply) and step.body["kind"] == STATEFUL_SET.kind
    )


def _image(body: Object) -> str:
    return str(body["spec"]["template"]["spec"]["containers"][0]["image"])


def _template(world: World) -> Object:
    template: Object = world.objects[_STS].document()["spec"]["template"]
    return template


def _uids(world: World) -> dict[str, str]:
    return {name: peer.uid for name, peer in world.peers.items()}


def test_seen_is_left_as_it_is() -> None:
    """A plan is made of documents that others go on reading."""
    seen: Observed = observed(cluster(), _recorded())
    before = json.dumps(seen.children[_STS])

    plan(seen, NEWER)

    assert json.dumps(seen.children[_STS]) == before
