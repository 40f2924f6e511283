from __future__ import annotations

from typing import Any

import pytest

from eureka_operator.api.cluster import Cluster
from eureka_operator.api.spec import Zone
from eureka_operator.core import names
from eureka_operator.core.desired.statefulset import image, pod_template, stateful_set
from eureka_operator.core.kinds import Object
from eureka_operator.core.rollout import Fence
from support.clusterobjects import DIGEST
from unit.operator.core.builders import ENVIRONMENT, EVERYTHING, cluster
from unit.operator.core.desired import golden

_STATIC = "0123456789abcdef"


def _stateful_set(owner: Cluster, zone: Zone | None, replicas: int) -> Object:
    fence = Fence(template=pod_template(owner, ENVIRONMENT, zone, _STATIC))
    return stateful_set(owner, zone, replicas, fence)


def test_stateful_set() -> None:
    """Four lines of an EurekaCluster."""
    golden.check("statefulset", _stateful_set(cluster(), None, 3))


def test_stateful_set_of_a_zone() -> None:
    """The zone is pinned to nodes, told to the peer, and part of the selector."""
    spec = {"topology": {"zones": [{"name": "a", "nodeZone": "eu-west-1a"}, {"name": "b"}]}}
    body = _stateful_set(cluster(spec), Zone("a", "eu-west-1a"), 2)
    golden.check("statefulset-zone", body)


def test_stateful_set_with_everything_set() -> None:
    """Each field of the object that concerns pods."""
    zone = Zone("a", "eu-west-1a")
    body = _stateful_set(cluster(EVERYTHING), zone, 2)
    golden.check("statefulset-everything", body)


def test_stateful_set_with_a_snapshot_without_a_volume() -> None:
    """The snapshot lives as long as the pod."""
    spec = {
        "snapshot": {"enabled": True},
        "topology": {"spread": "None", "antiAffinity": "Required"},
    }
    body = _stateful_set(cluster(spec), None, 3)
    golden.check("statefulset-snapshot", body)


def _claim(volume: object) -> Any:  # noqa: ANN401 - JSON
    spec = {"snapshot": {"enabled": True, "volume": volume}}
    body = _stateful_set(cluster(spec), None, 3)
    return body["spec"]["volumeClaimTemplates"][0]["spec"]


def test_volume_of_no_size_has_one() -> None:
    """A claim without a size is refused, and the pod would wait for ever."""
    assert _claim({})["resources"] == {"requests": {"storage": "1Gi"}}


def test_empty_storage_class_is_not_the_default_one() -> None:
    """Empty means volumes without a class."""
    assert "storageClassName" not in _claim({})
    assert _claim({"storageClassName": ""})["storageClassName"] == ""


@pytest.mark.parametrize(
    ("given", "version", "expected"),
    [
        ({}, None, "here:5000/registry:1"),
        ({}, "2", "here:5000/registry:2"),
        ({"tag": "3"}, "2", "here:5000/registry:3"),
        ({"repository": "there/registry"}, None, "there/registry:1"),
        ({"digest": DIGEST, "tag": "3"}, "2", f"here:5000/registry@{DIGEST}"),
    ],
)
def test_image(given: object, version: str | None, expected: str) -> None:
    """A digest wins over a tag, a tag over the version; a registry's port is not a tag."""
    spec = {"image": given, **({"version": version} if version else {})}
    environment = type(ENVIRONMENT)(registry_image="here:5000/registry:1")

    assert image(cluster(spec), environment) == expected


@pytest.mark.parametrize(
    ("operators", "expected"),
    [
        ("registry", "registry"),
        ("here:5000/registry", "here:5000/registry"),
        (f"registry:1@{DIGEST}", f"registry:1@{DIGEST}"),
        (f"registry@{DIGEST}", f"registry@{DIGEST}"),
    ],
)
def test_image_as_the_operator_was_given_it(operators: str, expected: str) -> None:
    """Whoever installs by digest gets exactly that."""
    assert image(cluster(), type(ENVIRONMENT)(registry_image=operators)) == expected


def test_version_wins_over_the_operators_digest() -> None:
    """A version and another version's digest would not fit."""
    environment = type(ENVIRONMENT)(registry_image=f"registry@{DIGEST}")

    assert image(cluster({"version": "2"}), environment) == "registry:2"


def test_replicas_are_no_part_of_the_template() -> None:
    """Scaling restarts nobody."""
    one, nine = (_stateful_set(cluster({"replicas": count}), None, count) for count in (1, 9))

    assert one["spec"]["template"] == nine["spec"]["template"]
    assert one["metadata"]["annotations"] == nine["metadata"]["annotations"]


def test_pods_own_labels_win_over_wished_ones() -> None:
    """Else a pod could leave its Service, or enter another cluster's."""
    spec = {"pod": {"labels": {names.CLUSTER_LABEL: "other", "team": "a"}}}
    labels = pod_template(cluster(spec), ENVIRONMENT, None, _STATIC)["metadata"]["labels"]

    assert labels[names.CLUSTER_LABEL] == "eureka"
    assert labels["team"] == "a"


@pytest.mark.parametrize(
    ("spread", "unsatisfiable"), [("Preferred", "ScheduleAnyway"), ("Required", "DoNotSchedule")]
)
def test_spread_over_zones_is_as_strong_as_it_is_asked_for(spread: str, unsatisfiable: str) -> None:
    """A peer that has no place waits, or runs beside another one."""
    template = pod_template(cluster({"topology": {"spread": spread}}), ENVIRONMENT, None, _STATIC)

    (constraint,) = template["spec"]["topologySpreadConstraints"]
    assert constraint["whenUnsatisfiable"] == unsatisfiable


def test_secret_of_users_is_mounted_without_what_peers_do_not_need() -> None:
    """The policy of `config.json` names its files."""
    spec = {"auth": {"type": "Basic", "secretName": "users"}, "tls": {}}
    template = pod_template(cluster(spec), ENVIRONMENT, None, _STATIC)["spec"]

    mounts = [each for each in template["containers"][0]["volumeMounts"] if each["name"] == "auth"]
    volumes = [each["secret"] for each in template["volumes"] if each["name"] == "auth"]
    assert mounts == [{"name": "auth", "mountPath": names.AUTH_FOLDER, "readOnly": True}]
    assert volumes == [{"secretName": "users", "items": [{"key": "password", "path": "password"}]}]
