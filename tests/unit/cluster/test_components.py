"""Command lines and configuration of Kubernetes' parts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.components import components, files, kube_router
from cluster.plan import Plan
from cluster.versions import Kubernetes


def plan(nodes: int, minor: int = 34) -> Plan:
    """A cluster that is not there."""
    return Plan("one", Path("/work/one"), Kubernetes(1, minor, 0), nodes)


def test_without_nodes_there_is_nobody_to_schedule_or_to_resolve_for() -> None:
    """That is what lets the kube tier start in seconds."""
    labels = [part.label for part in components(plan(0))]

    assert labels == ["control/etcd", "control/kube-apiserver", "control/kube-controller-manager"]


def test_each_kubelet_is_told_its_own_name_address_and_zone() -> None:
    """All else of two nodes may be the same."""
    kubelets = [part.command for part in components(plan(2)) if part.part == "kubelet"]

    for number, command in enumerate(kubelets, start=1):
        assert f"--hostname-override=node-{number}" in command
        assert f"--node-ip=172.30.0.{10 + number}" in command
        assert f"--node-labels=topology.kubernetes.io/zone=zone-{number}" in command


@pytest.mark.parametrize(("minor", "told"), [(34, False), (35, True)])
def test_kubelet_knows_only_the_settings_of_its_version(minor: int, *, told: bool) -> None:
    """It refuses a field it does not know."""
    text = files(plan(1, minor), "node-1", native_snapshots=False)["kubelet.yaml"]
    config = json.loads(text)

    assert ("failCgroupV1" in config) is told
    assert config["cgroupRoot"] == "/eurekube/one/node-1"


@pytest.mark.parametrize(("native", "name"), [(True, "native"), (False, "overlayfs")])
def test_images_are_stacked_where_the_file_system_can(name: str, *, native: bool) -> None:
    """A stacked one cannot be stacked upon."""
    text = files(plan(1), "node-1", native_snapshots=native)["containerd.toml"]

    assert f'snapshotter = "{name}"' in text


def test_kube_router_is_no_part_that_is_always_there() -> None:
    """It is started and ended by those who want NetworkPolicies enforced; each knows its node."""
    whole = plan(2)
    enforcing = [kube_router(node) for node in whole.nodes]

    assert not {each.label for each in enforcing} & {each.label for each in components(whole)}
    for each, node in zip(enforcing, whole.nodes, strict=True):
        assert f"--hostname-override={node.name}" in each.command
