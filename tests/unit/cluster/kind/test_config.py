"""What kind is asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster.kind.config import config
from cluster.versions import Kubernetes

OLDER, NEWER = Kubernetes.parse("1.34.4"), Kubernetes.parse("1.35.4")
ZONE = "topology.kubernetes.io/zone"


def test_one_node_is_all_in_one() -> None:
    """With a zone, as everything that spreads peers expects one."""
    assert _asked(1, OLDER)["nodes"] == [{"role": "control-plane", "labels": {ZONE: "zone-1"}}]


@pytest.mark.parametrize("count", [3, 5])
def test_several_nodes_are_workers_in_three_zones_beside_the_control_plane(count: int) -> None:
    """As clusters of the tool's own: peers are where no control plane is."""
    control, *workers = _asked(count, OLDER)["nodes"]

    assert control == {"role": "control-plane"}
    assert [each["labels"][ZONE] for each in workers][:4] == [
        "zone-1",
        "zone-2",
        "zone-3",
        "zone-1",
    ][:count]
    assert len(workers) == count


def test_kubelet_is_told_to_take_control_groups_of_version_1_where_it_would_not() -> None:
    """Since 1.35; older ones do not know the field, and refuse it."""
    (patch,) = _asked(1, NEWER)["kubeadmConfigPatches"]

    assert json.loads(patch) == {"kind": "KubeletConfiguration", "failCgroupV1": False}
    assert _asked(1, OLDER)["kubeadmConfigPatches"] == []
    assert _asked(1, None)["kubeadmConfigPatches"] == []


def test_api_is_on_loopback_only() -> None:
    """At a port of its own in the engine's network, at any that is free on a machine."""
    assert _asked(1, OLDER, 6443)["networking"] == {
        "apiServerAddress": "127.0.0.1",
        "apiServerPort": 6443,
    }
    assert _asked(1, None)["networking"]["apiServerPort"] == 0


def _asked(nodes: int, version: Kubernetes | None, port: int = 0) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(config(nodes, version, port))
    return document
