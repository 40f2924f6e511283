"""Object, namespace, release, CRD and operator deleted in every order: nothing is left hanging.

No object has a finalizer of ours, and children have their owner's uid: the API server's garbage
collector removes them, whether the operator runs or not. What Helm keeps is the CRD; the Lease
stays in the operator's namespace.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest

from cluster import versions
from e2e.clusters import Target
from e2e.operator.changes import choose_interval, has_interval, log
from e2e.operator.ekc import LABEL, PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from processes.cluster import until
from support.kubectl import Kubectl

Recorded = Callable[[str, object], None]

GONE_S: Final = 240.0
"""60 s, and the rest for a machine that is busy."""
CRD: Final = "eurekaclusters.eurekube.io"
RELEASE, CRDS, OPERATOR = "release", "CRD", "operator"
ORDERS: Final = (
    pytest.param((RELEASE, CRDS), versions.HELM, id="release-CRD"),
    pytest.param((CRDS, RELEASE), versions.HELM_4, id="CRD-release", marks=pytest.mark.long),
    pytest.param(
        (OPERATOR, RELEASE, CRDS),
        versions.HELM_4,
        id="operator-release-CRD",
        marks=pytest.mark.long,
    ),
    pytest.param(
        (OPERATOR, CRDS, RELEASE),
        versions.HELM,
        id="operator-CRD-release",
        marks=pytest.mark.long,
    ),
    pytest.param(
        (CRDS, OPERATOR, RELEASE),
        versions.HELM,
        id="CRD-operator-release",
        marks=pytest.mark.long,
    ),
)
"""All in which each step still has something to delete, and a Helm to install with."""
_CHILDREN: Final = (
    "services,configmaps,serviceaccounts,statefulsets,poddisruptionbudgets,networkpolicies,"
    "pods,persistentvolumeclaims"
)
_RELEASED: Final = (
    "deployments,replicasets,pods,services,serviceaccounts,poddisruptionbudgets,networkpolicies,"
    "roles,rolebindings,clusterroles,clusterrolebindings"
)


@dataclass(frozen=True)
class Case:
    """A cluster, and before which of the steps for all it is deleted; None: never by itself."""

    namespace: str
    object_at: int | None
    namespace_at: int | None

    @property
    def spec(self) -> dict[str, Any]:
        """A peer where its pod can be left over, and once a volume; else none, to be quick."""
        if self.namespace_at is not None:
            return {"replicas": 0}
        if self.object_at is not None:
            return {"replicas": 1}
        return {"replicas": 1, "snapshot": {"enabled": True, "volume": {"size": "1Gi"}}}


@pytest.fixture(scope="module", autouse=True)
def _installed_afterwards(operator: Operator) -> Iterator[None]:
    """Leave the operator as other files expect it."""
    yield
    operator.install()


@pytest.mark.parametrize(("order", "version"), ORDERS)
def test_all_is_gone_whatever_is_deleted_first(
    target: Target, order: Sequence[str], version: str, record_property: Recorded
) -> None:
    """Each step is done at once after the one before, while that is still under way."""
    operator = Operator(target, version=version)
    operator.install()
    with _clusters(target.kubectl, _cases(order)) as cases:
        for place, step in enumerate([*order, ""]):
            _delete_objects(target.kubectl, [each for each in cases if each.object_at == place])
            own = [each for each in cases if each.namespace_at == place]
            _delete_namespaces(target.kubectl, own)
            _delete_for_all(operator, step)

        begin = time.monotonic()
        until(lambda: _remaining_objects(target.kubectl, operator, cases) == [], GONE_S)
        words = ", ".join(order)
        record_property(f"gone after {words}", f"{time.monotonic() - begin:.1f} s")


@pytest.mark.long
@pytest.mark.parametrize("version", [versions.HELM, versions.HELM_4])
def test_install_elsewhere_takes_over(
    target: Target, operator: Operator, cluster: EkcCluster, version: str
) -> None:
    """Peers live on without an operator, and another release in another namespace goes on.

    With each Helm, by which it is installed, upgraded and uninstalled.
    """
    operator.install()
    cluster.start({"replicas": 2})
    before = cluster.restart_counts
    operator.uninstall()
    choose_interval(cluster, 51)
    elsewhere = Operator(target, "elsewhere", version, release="eurekube-elsewhere")
    try:
        elsewhere.install()
        until(lambda: has_interval(cluster, 51), PATIENCE_S)
        cluster.wait_ready()

        elsewhere.install("--set", "workers=2")
        choose_interval(cluster, 52)
        until(lambda: has_interval(cluster, 52), PATIENCE_S)
        cluster.wait_ready()
    finally:
        elsewhere.uninstall()
        target.kubectl("delete", "namespace", "elsewhere")

    assert cluster.restart_counts == before
    until(lambda: not _of_release(target.kubectl, elsewhere), GONE_S)


@pytest.mark.long
def test_crd_that_is_made_again_at_once(
    target: Target, operator: Operator, cluster: EkcCluster
) -> None:
    """All objects are gone with it, by definition; new ones are as good as those."""
    operator.install()
    cluster.start({"replicas": 1})
    _wait_for_collector(target.kubectl, cluster.kubectl.namespace)
    old = cluster.restart_counts
    target.kubectl("delete", "crd", CRD, "--timeout=150s")

    operator.install()
    until(lambda: not old.items() & cluster.restart_counts.items(), GONE_S)
    cluster.start({"replicas": 1})


@pytest.mark.long
def test_operator_that_finds_no_crd_waits_for_it(
    target: Target, operator: Operator, cluster: EkcCluster
) -> None:
    """It says so, in its log and by its readiness, and neither ends nor has to be started again."""
    operator.install()
    target.kubectl("delete", "crd", CRD, "--timeout=150s")
    operator.kubectl("delete", "pods", f"--selector={operator.selector}")
    until(lambda: "is not installed; waiting for it" in log(operator), PATIENCE_S)
    pods = {each["metadata"]["uid"] for each in operator.pods}

    operator.install()
    cluster.start({"replicas": 1})
    assert {each["metadata"]["uid"] for each in operator.pods} == pods


def test_orphaned_children_are_left_alone(operator: Operator, cluster: EkcCluster) -> None:
    """`--cascade=orphan` keeps what runs; a new object of the name says whose its children are."""
    operator.install()
    cluster.start({"replicas": 1})
    before = cluster.restart_counts
    cluster.kubectl("delete", "eurekacluster", cluster.name, "--cascade=orphan")

    cluster.apply({"replicas": 1})

    until(lambda: cluster.is_so("Reconciled", "False", "NameTaken"), PATIENCE_S)
    assert cluster.restart_counts == before


def test_object_that_is_deleted_after_its_children_is_gone(
    operator: Operator, cluster: EkcCluster
) -> None:
    """`--cascade=foreground`: the operator must not make again what is on its way out."""
    operator.install()
    cluster.start({"replicas": 1})

    cluster.kubectl(
        "delete", "eurekacluster", cluster.name, "--cascade=foreground", "--timeout=150s"
    )

    until(lambda: not cluster.pods, PATIENCE_S)


def _cases(order: Sequence[str]) -> list[Case]:
    """A cluster for each order of object and namespace relative to what is deleted for all."""
    prefix = f"gone-{secrets.token_hex(2)}"
    objects = [None, *range(order.index(CRDS) + 1)]  # afterwards there are none
    namespaces = [None, *range(len(order) + 1)]
    return [
        Case(f"{prefix}-{one}-{other}".lower(), one, other)
        for one in objects
        for other in namespaces
        if one is None or other is None or one <= other
    ]


@contextmanager
def _clusters(kubectl: Kubectl, cases: Sequence[Case]) -> Iterator[Sequence[Case]]:
    """Have the clusters with all that each can have; what is left of them goes afterwards."""
    try:
        kubectl.apply(_list([_namespace(each) for each in cases]))
        kubectl.apply(_list([_object(each) for each in cases]))
        until(lambda: all(_is_made(kubectl, cases)), PATIENCE_S)
        claims = ("get", "persistentvolumeclaims", f"--selector={LABEL}", "-A", "-o", "name")
        until(lambda: kubectl(*claims), PATIENCE_S)
        _wait_for_collector(kubectl, cases[0].namespace)
        yield cases
    finally:
        _delete_namespaces(kubectl, cases)


def _is_made(kubectl: Kubectl, cases: Sequence[Case]) -> Iterator[bool]:
    """Whether each is ready; a peer whose volume nobody provides never is."""
    items = kubectl.get("eurekaclusters", "-A")["items"]
    found = {each["metadata"]["namespace"]: each for each in items}
    for case in cases:
        conditions = found[case.namespace].get("status", {}).get("conditions", [])
        true = {each["type"] for each in conditions if each["status"] == "True"}
        yield "Ready" in true or ("snapshot" in case.spec and "Reconciled" in true)


def _wait_for_collector(kubectl: Kubectl, namespace: str) -> None:
    """Wait until the garbage collector knows the kind; it looks for new ones every 30 s.

    Deletions that it missed it could not find out about without the CRD. A foreground deletion
    ends with its work.
    """
    spec = {"replicas": 0, "peers": {"dnsPrefix": "probe-peer"}}
    text = json.dumps(_cluster(namespace, "probe", spec))
    kubectl.apply(text)
    kubectl("delete", "--cascade=foreground", "--timeout=150s", "-f", "-", given=text)


def _delete_objects(kubectl: Kubectl, cases: Sequence[Case]) -> None:
    if cases:
        text = _list([_object(each) for each in cases])
        kubectl("delete", "--wait=false", "--ignore-not-found", "-f", "-", given=text)


def _delete_namespaces(kubectl: Kubectl, cases: Sequence[Case]) -> None:
    if cases:
        names = [each.namespace for each in cases]
        kubectl("delete", "namespaces", "--wait=false", "--ignore-not-found", *names)


def _delete_for_all(operator: Operator, step: str) -> None:
    match step:
        case "release":
            operator.helm.uninstall(operator.release)
        case "CRD":
            operator.kubectl("delete", "crd", CRD, "--wait=false")
        case "operator":
            operator.kubectl("delete", "deployment", operator.deployment, "--wait=false")


def _remaining_objects(kubectl: Kubectl, operator: Operator, cases: Sequence[Case]) -> list[str]:
    """What is still there of all that was deleted."""
    namespaces = {each.namespace: each.namespace_at for each in cases}
    children = kubectl.get(_CHILDREN, "-A", f"--selector={LABEL}")["items"]
    there = {name.partition("/")[2] for name in _names(kubectl, "namespaces")}
    return [
        *(_object_text(each) for each in children if each["metadata"]["namespace"] in namespaces),
        *_of_release(kubectl, operator),
        *_names(kubectl, "crd", CRD, "--ignore-not-found"),
        *(name for name in there if namespaces.get(name) is not None),
    ]


def _object_text(document: dict[str, Any]) -> str:
    metadata = document["metadata"]
    return f"{document['kind']} {metadata['name']} in {metadata['namespace']}"


def _of_release(kubectl: Kubectl, operator: Operator) -> list[str]:
    selector = f"--selector=app.kubernetes.io/instance={operator.release}"
    return _names(kubectl, _RELEASED, "-A", selector)


def _names(kubectl: Kubectl, *words: str) -> list[str]:
    return kubectl("get", *words, "-o", "name").split()


def _list(items: list[dict[str, Any]]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def _namespace(case: Case) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": case.namespace}}


def _object(case: Case) -> dict[str, Any]:
    return _cluster(case.namespace, "eureka", case.spec)


def _cluster(namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "eurekube.io/v1alpha1",
        "kind": "EurekaCluster",
        "metadata": {"namespace": namespace, "name": name},
        "spec": spec,
    }
