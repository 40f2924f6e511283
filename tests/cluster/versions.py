"""Which versions a test cluster is made of, and what differs between them. Pure.

Rules (`docs/test-cluster.md#the-one-program`):

* Kubernetes' modules are released twice: `k8s.io/kubernetes` as v1.34.4, its staging modules as
  v0.34.4. A program that imports the first must replace each staging module by name.
* The list of staging modules, the Go version and etcd's version stand in Kubernetes' own `go.mod`:
  they are read from there and never kept here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

DEFAULT_KUBERNETES: Final = "1.34.4"
OLDEST_KUBERNETES: Final = "1.31.4"
"""Of 1.31 the patch that was tried; a Go proxy may lack staging modules of another (it says so)."""
COREDNS: Final = "1.12.4"
KUBE_ROUTER: Final = "2.1.0"
"""The newest whose module Go's proxy was seen to have."""
HELM: Final = "3.19.0"
HELM_4: Final = "4.3.2"
HELM_3_MINOR: Final = "34"
"""The Kubernetes 1.x that Helm 3's release renders for without a cluster; 4 knows it by itself."""
PROMETHEUS: Final = "0.316.0"
"""Prometheus 3.16, by the version of its Go module."""
PROMETHEUS_OPERATOR: Final = "0.85.0"
"""The one version whose whole module Go's proxy was seen to have."""
CERT_MANAGER: Final = "1.18.2"
DEBIAN: Final = "bookworm"
"""The Debian of the tests' base image: its Python is 3.11, as in `python:3.11-slim`."""
PYTHON: Final = "3.11"

_OLDEST: Final = (1, 31)
_FAILS_ON_CGROUP_V1: Final = (1, 35)
_ETCD: Final = re.compile(r"^\s*go\.etcd\.io/etcd/server/v3 v(\S+)", re.MULTILINE)
_STAGING: Final = re.compile(r"^\s*(k8s\.io/\S+) => \./staging/", re.MULTILINE)
_REQUIRED: Final = re.compile(r"^(?:require |\t)(\S+) (v\S+)(?: // indirect)?$", re.MULTILINE)
_REPLACED: Final = re.compile(r"^(?:replace |\t)(\S+)(?: \S+)? => ", re.MULTILINE)
_GO: Final = re.compile(r"^go (\S+)$", re.MULTILINE)
_GODEBUG: Final = re.compile(r"^godebug .*$", re.MULTILINE)


@dataclass(frozen=True, order=True)
class Kubernetes:
    """A released version of Kubernetes, such as 1.34.4."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Kubernetes:
        """Read `1.34.4` or `v1.34.4`.

        Raises:
            ValueError: it is no released version, or older than the oldest supported one.
        """
        found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", text)
        if found is None:
            raise ValueError(f"{text!r} is no version of Kubernetes such as {DEFAULT_KUBERNETES}")
        version = cls(int(found[1]), int(found[2]), int(found[3]))
        if (version.major, version.minor) < _OLDEST:
            raise ValueError(f"Kubernetes {text} is older than the oldest supported one, 1.31")
        return version

    def __str__(self) -> str:
        """Without a `v`."""
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def staging(self) -> str:
        """The version of its staging modules, without a `v`."""
        return f"0.{self.minor}.{self.patch}"

    @property
    def fails_on_cgroup_v1(self) -> bool:
        """Whether the kubelet refuses cgroup v1 unless told otherwise."""
        return (self.major, self.minor) >= _FAILS_ON_CGROUP_V1

    @property
    def linker_flags(self) -> str:
        """Make the program say its version: clients check it."""
        package = "k8s.io/component-base/version"
        facts = {
            "gitVersion": f"v{self}",
            "gitMajor": str(self.major),
            "gitMinor": str(self.minor),
            "gitTreeState": "clean",
        }
        return " ".join(["-s -w", *(f"-X {package}.{key}={value}" for key, value in facts.items())])


def helm_linker_flags(version: str) -> str:
    """Make a Helm 3 assume the Kubernetes that its release does, as Helm's own Makefile does.

    Without them it takes 1.20 for granted, which charts may refuse.
    """
    if not version.startswith("3."):
        return ""
    facts = {"k8sVersionMajor": "1", "k8sVersionMinor": HELM_3_MINOR}
    packages = [f"helm.sh/helm/v3/pkg/{name}" for name in ("chartutil", "lint/rules")]
    return " ".join(f"-X {each}.{key}={value}" for each in packages for key, value in facts.items())


def pins(module: str, *free: str) -> list[str]:
    """Flags of `go mod edit` that keep each dependency of a `go.mod` at its version.

    Without them, a program that is added takes newer ones, and what has been compiled of the old
    ones is of no use. `free` are modules that the added program needs newer.
    """
    replaced = {*_REPLACED.findall(module), *free}
    required = dict(_REQUIRED.findall(module))
    return [
        f"-replace={path}={path}@{version}"
        for path, version in required.items()
        if path not in replaced
    ]


def go_module(version: Kubernetes, upstream: str) -> str:
    """The `go.mod` of the one program; `upstream` is the `go.mod` of `k8s.io/kubernetes`.

    Raises:
        ValueError: `upstream` is not what it has been in every release so far.
    """
    staging = sorted(set(_STAGING.findall(upstream)))
    go, etcd = _GO.search(upstream), _ETCD.search(upstream)
    if not staging or go is None or etcd is None:
        raise ValueError(f"the go.mod of k8s.io/kubernetes v{version} names no staging modules")
    godebug = _GODEBUG.search(upstream)
    lines = ["module eurekube.io/tests/kubernetes", "", f"go {go[1]}", ""]
    lines += [godebug[0], ""] if godebug else []
    lines += [
        "require (",
        f"\tk8s.io/kubernetes v{version}",
        f"\tgo.etcd.io/etcd/server/v3 v{etcd[1]}",
        ")",
        "",
        "replace (",
        *(f"\t{module} => {module} v{version.staging}" for module in staging),
        ")",
        "",
    ]
    return "\n".join(lines)
