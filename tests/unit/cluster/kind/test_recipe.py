"""What of the image of a node is data."""

from __future__ import annotations

import pytest

from cluster.kind import recipe
from cluster.kind.recipe import COREDNS_IMAGE, KUBERNETES_IMAGE, NETWORK_IMAGE, pause_image, tags
from cluster.versions import Kubernetes

LISTED = [
    "registry.k8s.io/kube-apiserver:v1.34.4",
    "registry.k8s.io/kube-proxy:v1.34.4",
    "registry.k8s.io/coredns/coredns:v1.12.1",
    "registry.k8s.io/pause:3.10.1",
    "registry.k8s.io/etcd:3.6.5-0",
]


def test_each_image_that_kubeadm_asks_for_is_one_of_ours() -> None:
    """Without one of them a node would ask a registry of images, which is not in reach."""
    named = {tag: name for name, tag in tags(LISTED, "pause:1")}

    assert {tag: named[tag] for tag in LISTED} == {
        LISTED[0]: KUBERNETES_IMAGE.name,
        LISTED[1]: KUBERNETES_IMAGE.name,
        LISTED[2]: COREDNS_IMAGE.name,
        LISTED[3]: "pause:1",
        LISTED[4]: KUBERNETES_IMAGE.name,
    }
    assert named[NETWORK_IMAGE] == KUBERNETES_IMAGE.name


def test_pause_image_is_the_one_of_this_kubeadm() -> None:
    """Containerd is told it, too: two names would be two images."""
    assert pause_image(LISTED) == "registry.k8s.io/pause:3.10.1"
    with pytest.raises(ValueError, match="lists no pause image: nothing"):
        pause_image([])


def test_node_is_stopped_as_systemd_wants_it() -> None:
    """SIGTERM would make it read its configuration again."""
    image = recipe.node_image(Kubernetes.parse("1.34.4"))

    assert (image.name, image.stop_signal) == ("localhost/eurekube/kind-node:v1.34.4", "SIGRTMIN+3")
    assert image.environment["container"] == "docker"
