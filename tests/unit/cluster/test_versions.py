"""Versions of Kubernetes and the module of the one program."""

from __future__ import annotations

import pytest

from cluster.versions import Kubernetes, go_module, helm_linker_flags, pins

UPSTREAM = """module k8s.io/kubernetes

go 1.24.0

godebug default=go1.24

require (
	go.etcd.io/etcd/api/v3 v3.6.4
	go.etcd.io/etcd/server/v3 v3.6.4
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/kubectl => ./staging/src/k8s.io/kubectl
)
"""


@pytest.mark.parametrize("text", ["1.34.4", "v1.34.4"])
def test_version_is_read_with_and_without_a_v(text: str) -> None:
    """As people and as Go write it."""
    assert Kubernetes.parse(text) == Kubernetes(1, 34, 4)


@pytest.mark.parametrize(("text", "why"), [("1.34", "no version"), ("1.30.9", "older than")])
def test_version_that_cannot_be_is_refused_with_the_reason(text: str, why: str) -> None:
    """No patch, or before the oldest supported one."""
    with pytest.raises(ValueError, match=why):
        Kubernetes.parse(text)


def test_module_replaces_each_staging_module_by_its_release() -> None:
    """Go, etcd and the defaults of the Go version are upstream's."""
    module = go_module(Kubernetes(1, 34, 4), UPSTREAM)

    assert "k8s.io/api => k8s.io/api v0.34.4" in module
    assert "k8s.io/kubectl => k8s.io/kubectl v0.34.4" in module
    assert "go.etcd.io/etcd/server/v3 v3.6.4" in module
    assert "go 1.24.0\n" in module
    assert "godebug default=go1.24" in module


def test_module_of_something_else_is_refused() -> None:
    """Rather than a build that fails for a reason nobody understands."""
    with pytest.raises(ValueError, match="names no staging modules"):
        go_module(Kubernetes(1, 34, 4), "module example.com/other\n\ngo 1.24\n")


def test_a_program_beside_it_takes_the_versions_of_its_dependencies() -> None:
    """But for what is replaced already, and what the program needs newer."""
    module = """module example.com/one

go 1.24.0

require go.etcd.io/etcd/server/v3 v3.6.4

require (
	github.com/spf13/cobra v1.9.1
	golang.org/x/sys v0.31.0 // indirect
	k8s.io/api v0.0.0
)

replace k8s.io/api => k8s.io/api v0.34.4
"""

    assert pins(module, "github.com/spf13/cobra") == [
        "-replace=go.etcd.io/etcd/server/v3=go.etcd.io/etcd/server/v3@v3.6.4",
        "-replace=golang.org/x/sys=golang.org/x/sys@v0.31.0",
    ]


def test_kubelet_is_told_about_version_1_groups_only_where_it_refuses_them() -> None:
    """An unknown field of its configuration would be refused by older ones."""
    assert not Kubernetes(1, 34, 4).fails_on_cgroup_v1
    assert Kubernetes(1, 35, 0).fails_on_cgroup_v1


def test_helm_3_assumes_a_kubernetes_that_charts_accept() -> None:
    """Built without the flags of its release it renders for 1.20; Helm 4 knows by itself."""
    flags = helm_linker_flags("3.19.0")

    assert "-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=34" in flags
    assert helm_linker_flags("4.3.2") == ""
