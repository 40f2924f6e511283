"""What others do to the objects of an EurekaCluster, and what its owner gets wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple

import pytest

from conformance.realclient import not_run
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from processes.cluster import until

MANAGER: Final = "mallory"
FOREIGN: Final = "example.com/foreign"
Record = Callable[[str, object], None]


class Edit(NamedTuple):
    """A field of a child, and how somebody changes it: by a JSON patch."""

    kind: str
    name: str
    path: str
    value: object
    field: str
    """As the event has it."""

    @property
    def ref(self) -> str:
        """How kubectl is told the object."""
        return f"{self.kind.lower()}/{self.name}"


EDITS: Final = (
    Edit("Service", "eureka", "/spec/ports/0/targetPort", 9999, "spec.ports"),
    Edit("Service", "eureka", "/spec/selector", {"app": "other"}, "spec.selector"),
    Edit(
        "Service",
        "eureka-peers",
        "/spec/publishNotReadyAddresses",
        value=False,
        field="spec.publishNotReadyAddresses",
    ),
    Edit(
        "Service",
        "peer2",
        "/spec/selector/statefulset.kubernetes.io~1pod-name",
        "eureka-peer-1",
        "spec.selector",
    ),
    Edit("Service", "peer3", "/metadata/labels/eurekube.io~1cluster", "other", "metadata.labels"),
    Edit("ConfigMap", "eureka-config", "/data/config.json", "{}", "data[config.json]"),
    Edit("StatefulSet", "eureka-peer", "/spec/minReadySeconds", 7, "spec.minReadySeconds"),
    Edit("PodDisruptionBudget", "eureka", "/spec/maxUnavailable", 3, "spec.maxUnavailable"),
    Edit(
        "ServiceAccount",
        "eureka",
        "/automountServiceAccountToken",
        value=True,
        field="automountServiceAccountToken",
    ),
    Edit("NetworkPolicy", "eureka", "/spec/ingress", [], "spec.ingress"),
    Edit("ServiceMonitor", "eureka", "/spec/endpoints", [], "spec.endpoints"),
)
CHILDREN: Final = tuple(dict.fromkeys((edit.kind, edit.name) for edit in EDITS))


@pytest.fixture(scope="module")
def peers(shared: EkcCluster, *, monitors: bool) -> EkcCluster:
    """Three peers, with a ServiceMonitor where there can be one."""
    if monitors:
        shared.change({"monitoring": {"serviceMonitor": True}})
        shared.wait_ready()
    return shared


@pytest.fixture
def stable_peers(peers: EkcCluster) -> Iterator[EkcCluster]:
    """The peers, which no test may restart, and which agree afterwards."""
    before = peers.restart_counts
    yield peers
    peers.wait_ready()
    peers.wait_agreed()  # Ready does not flap for a name that was gone briefly
    assert peers.restart_counts == before


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: f"{edit.ref}-{edit.field}")
def test_edited_field_is_put_right(
    stable_peers: EkcCluster, edit: Edit, record_property: Record, *, monitors: bool
) -> None:
    """The event names object, field and who changed it; labels and annotations of others stay."""
    _need(edit.kind, monitors=monitors)
    kubectl = stable_peers.kubectl
    for word in ("label", "annotate"):
        kubectl(word, "--overwrite", edit.ref, f"{FOREIGN}=yes", f"--field-manager={MANAGER}")
    before = _content(kubectl.get(edit.ref))

    _patch(stable_peers, edit.ref, "replace", edit.path, edit.value)
    begin = time.monotonic()
    until(lambda: _content(kubectl.get(edit.ref)) == before, PATIENCE_S)

    _record(record_property, f"edited {edit.ref} {edit.field}", begin)
    assert before["metadata"]["labels"][FOREIGN] == "yes"
    assert before["metadata"]["annotations"][FOREIGN] == "yes"
    said = f"{edit.kind} {edit.name}: put right {edit.field}"
    until(lambda: _drift_event(stable_peers, said, f"(by {MANAGER})"), PATIENCE_S)


@pytest.mark.parametrize(("kind", "name"), CHILDREN)
def test_deleted_child_is_made_again(
    stable_peers: EkcCluster, kind: str, name: str, record_property: Record, *, monitors: bool
) -> None:
    """Pods of a StatefulSet that is deleted without them find their new owner."""
    _need(kind, monitors=monitors)
    kubectl, ref = stable_peers.kubectl, f"{kind.lower()}/{name}"
    for word in ("label", "annotate"):
        kubectl(word, ref, f"{FOREIGN}-")
    old = kubectl.get(ref)

    kubectl("delete", ref, "--cascade=orphan", "--timeout=150s")
    begin = time.monotonic()
    until(lambda: _other(stable_peers, ref, old), PATIENCE_S)

    _record(record_property, f"deleted {ref}", begin)
    until(lambda: _content(kubectl.get(ref)) == _content(old), PATIENCE_S)
    said = f"{kind} {name} was deleted; it was created again"
    until(lambda: _drift_event(stable_peers, said), PATIENCE_S)


def test_port_of_others_stays_when_ours_is_put_right(stable_peers: EkcCluster) -> None:
    """Fields that somebody added are theirs."""
    extra = {"name": "extra", "port": 9999, "targetPort": 9999, "protocol": "TCP"}
    _patch(stable_peers, "service/eureka", "add", "/spec/ports/-", extra)

    _patch(stable_peers, "service/eureka", "replace", "/spec/ports/0/targetPort", 9998)

    until(lambda: _ports(stable_peers) == {8761: "http", 9999: 9999}, PATIENCE_S)
    _patch(stable_peers, "service/eureka", "remove", "/spec/ports/1", None)


def test_variable_of_others_stays_when_a_field_of_ours_is_put_right(cluster: EkcCluster) -> None:
    """Without peers: a StatefulSet controller restarts pods for it, which is no affair of ours."""
    cluster.start({"replicas": 0})
    ref, path = "statefulset/eureka-peer", "/spec/template/spec/containers/0/env/-"
    extra = {"name": "FOREIGN", "value": "yes"}
    _patch(cluster, ref, "add", path, extra)

    before = _min_ready_s(cluster, ref)
    _patch(cluster, ref, "replace", "/spec/minReadySeconds", 7)

    until(lambda: _min_ready_s(cluster, ref) == before, PATIENCE_S)
    pod = cluster.kubectl.get(ref)["spec"]["template"]["spec"]
    assert extra in pod["containers"][0]["env"]


def test_services_of_others_are_left_alone_until_they_are_gone(cluster: EkcCluster) -> None:
    """The condition names each and says what to do; the peers run without these names."""
    theirs = {name: _foreign_service(cluster, name) for name in ("peer2", "eureka")}

    cluster.apply()

    until(lambda: cluster.is_so("Reconciled", "False", "NameTaken"), PATIENCE_S)
    said = cluster.condition("Reconciled")["message"]
    for name in theirs:
        assert f"Service {name} exists and does not belong to this EurekaCluster" in said
    assert "delete or rename it, or give this EurekaCluster another name" in said
    assert "spec.peers.dnsPrefix" in said
    until(lambda: _see_each_other(cluster, "eureka-peer-1", "eureka-peer-3"), PATIENCE_S)
    until(lambda: cluster.events("NameTaken"), PATIENCE_S)
    lives = cluster.restart_counts
    assert {name: cluster.kubectl.get(f"service/{name}") for name in theirs} == theirs

    cluster.kubectl("delete", "service", *theirs)
    cluster.wait_ready()

    cluster.wait_agreed()
    assert cluster.restart_counts == lives


def test_config_map_of_others_is_left_alone_until_it_is_gone(cluster: EkcCluster) -> None:
    """No pod is made that would run with somebody else's configuration."""
    cluster.kubectl("create", "configmap", "eureka-config", "--from-literal=config.json={}")
    theirs = cluster.kubectl.get("configmap/eureka-config")

    cluster.apply({"replicas": 1})

    until(lambda: cluster.is_so("Reconciled", "False", "NameTaken"), PATIENCE_S)
    said = (
        "ConfigMap eureka-config exists and does not belong to this EurekaCluster (it has no owner)"
    )
    assert said in cluster.condition("Reconciled")["message"]
    assert cluster.kubectl.get("configmap/eureka-config") == theirs
    assert cluster.pods == {}
    until(lambda: cluster.kubectl.run_unchecked("get", "service/peer1").returncode == 0, PATIENCE_S)

    cluster.kubectl("delete", "configmap", "eureka-config")
    cluster.wait_ready()

    cluster.wait_agreed()


def test_second_cluster_in_the_namespace_needs_a_prefix_of_its_own(
    stable_peers: EkcCluster,
) -> None:
    """With the first one's it says so and takes nothing; with another one both work."""
    second = EkcCluster(stable_peers.kubectl, "second")
    second.apply({"replicas": 1})
    until(lambda: second.is_so("Reconciled", "False", "NameTaken"), PATIENCE_S)
    said = second.condition("Reconciled")["message"]
    assert "Service peer1 exists" in said
    assert "it belongs to EurekaCluster eureka" in said
    second.delete()

    second.start({"replicas": 2, "peers": {"dnsPrefix": "second"}})

    second.wait_agreed()
    stable_peers.wait_agreed()
    until(lambda: _listed(second, "second-peer-1") == {"second1", "second2"}, PATIENCE_S)
    second.delete()


def test_paused_cluster_is_left_as_it_is(stable_peers: EkcCluster) -> None:
    """Nothing is repaired, and no change of the spec is carried out, until it is resumed."""
    kubectl, budget = stable_peers.kubectl, "poddisruptionbudget/eureka"
    config = _config(stable_peers)
    stable_peers.change({"paused": True})
    until(lambda: stable_peers.is_so("Paused"), PATIENCE_S)
    kubectl("delete", budget)

    stable_peers.change({"registry": {"lease": {"evictionIntervalSeconds": 31}}})

    until(lambda: stable_peers.is_so("Paused"), PATIENCE_S)  # the operator has seen the change
    until(lambda: stable_peers.status["phase"] == "Paused", PATIENCE_S)
    assert kubectl.run_unchecked("get", budget).returncode != 0
    assert _config(stable_peers) == config

    stable_peers.change({"paused": None})

    until(lambda: kubectl.run_unchecked("get", budget).returncode == 0, PATIENCE_S)
    until(lambda: stable_peers.condition("Paused") == {}, PATIENCE_S)
    stable_peers.wait_ready()
    assert _config(stable_peers)["eviction_interval_s"] == 31
    until(lambda: stable_peers.events("Paused"), PATIENCE_S)
    until(lambda: stable_peers.events("Resumed"), PATIENCE_S)
    stable_peers.change({"registry": None})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}},
            "must be less than or equal to cpu limit",
        ),
        ({"pod": {"affinity": {"nodeAfinity": {}}}}, "nodeAfinity"),
        ({"pod": {"tolerations": [{"operator": "Exists", "effect": "Never"}]}}, "Never"),
    ],
    ids=["requests-above-limits", "affinity-with-a-typo", "unknown-effect"],
)
def test_what_runs_keeps_running_when_the_spec_is_refused(
    stable_peers: EkcCluster, wrong: dict[str, Any], said: str
) -> None:
    """Free-form parts are the API server's to judge; condition and event have its sentence."""
    stable_peers.change(wrong)

    until(lambda: stable_peers.is_so("Reconciled", "False", "Refused"), PATIENCE_S)
    assert said in stable_peers.condition("Reconciled")["message"]
    until(lambda: stable_peers.is_so("Stalled", "True", "Refused"), PATIENCE_S)
    until(lambda: stable_peers.is_so("Available"), PATIENCE_S)
    until(lambda: any(said in message for message in stable_peers.events("Refused")), PATIENCE_S)
    stable_peers.wait_agreed()

    stable_peers.change(dict.fromkeys(wrong))
    stable_peers.wait_ready()


def test_typo_of_a_new_cluster_is_named(cluster: EkcCluster) -> None:
    """A creation lets unknown fields pass; the object is not as it was asked for, all the same."""
    cluster.apply({"replicas": 1, "pod": {"affinity": {"nodeAfinity": {}}}})

    until(lambda: cluster.is_so("Reconciled", "False", "Refused"), PATIENCE_S)
    assert "nodeAfinity" in cluster.condition("Reconciled")["message"]

    cluster.apply({"replicas": 1})
    cluster.wait_ready()


def test_changed_settings_are_in_force_without_a_restart(
    stable_peers: EkcCluster, record_property: Record
) -> None:
    """Each peer reports the configuration that the object asks for, and behaves so."""
    before = stable_peers.status["configHash"]
    stable_peers.change(
        {
            "logging": {"level": "DEBUG"},
            "registry": {
                "lease": {"evictionIntervalSeconds": 7},
                "selfPreservation": {"enabled": False},
            },
        }
    )
    begin = time.monotonic()
    until(lambda: stable_peers.is_so("ConfigSynced"), PATIENCE_S)

    record_property("from a changed setting to all peers", f"{time.monotonic() - begin:.1f} s")
    wanted = stable_peers.status["configHash"]
    assert wanted != before
    config = {"hash": wanted, "problem": None, "restartNeeded": []}
    for pod in stable_peers.pods:
        document = until(partial(stable_peers.peers, pod), PATIENCE_S)
        assert document["config"] == config
        assert "off" in document["selfPreservation"]
    until(lambda: stable_peers.events("ConfigReloaded"), PATIENCE_S)
    stable_peers.change({"logging": None, "registry": None})


def _need(kind: str, *, monitors: bool) -> None:
    if kind == "ServiceMonitor" and not monitors:
        not_run("e2e of ServiceMonitors", "their CRD cannot be had here")


def _patch(cluster: EkcCluster, ref: str, what: str, path: str, value: object) -> None:
    """Change an object as somebody else does."""
    patch = json.dumps([{"op": what, "path": path, "value": value}])
    manager = f"--field-manager={MANAGER}"
    cluster.kubectl("patch", ref, "--type=json", f"--patch={patch}", manager)


def _content(document: dict[str, Any]) -> dict[str, Any]:
    """What of an object is up to us: not what the API server keeps, nor the peers' list."""
    metadata = {key: document["metadata"][key] for key in ("labels", "annotations")}
    rest = {key: value for key, value in document.items() if key not in ("metadata", "status")}
    if "spec" in rest:
        given = ("clusterIP", "clusterIPs")
        rest["spec"] = {k: v for k, v in rest["spec"].items() if k not in given}
    if "data" in rest:
        rest["data"] = rest["data"]["config.json"]
        del metadata["annotations"]["eurekube.io/desired-hash"]
    return {**rest, "metadata": metadata}


def _other(cluster: EkcCluster, ref: str, old: dict[str, Any]) -> dict[str, Any] | None:
    """The object that took the place of an old one; `None` if there is none yet."""
    text = cluster.kubectl.run_unchecked("get", ref, "-o", "json").stdout
    new: dict[str, Any] = json.loads(text) if text else old
    return None if new["metadata"]["uid"] == old["metadata"]["uid"] else new


def _drift_event(cluster: EkcCluster, *parts: str) -> bool:
    return any(all(part in said for part in parts) for said in cluster.events("DriftCorrected"))


def _record(record_property: Record, what: str, begin: float) -> None:
    record_property(f"drift repaired, {what}", f"{time.monotonic() - begin:.1f} s")


def _ports(cluster: EkcCluster) -> dict[int, object]:
    spec = cluster.kubectl.get("service/eureka")["spec"]
    return {port["port"]: port["targetPort"] for port in spec["ports"]}


def _foreign_service(cluster: EkcCluster, name: str) -> dict[str, Any]:
    """A Service of somebody else, as it is once it is there."""
    cluster.kubectl("create", "service", "clusterip", name, "--tcp=80:80")
    found: dict[str, Any] = cluster.kubectl.get(f"service/{name}")
    return found


def _min_ready_s(cluster: EkcCluster, ref: str) -> int:
    return int(cluster.kubectl.get(ref)["spec"]["minReadySeconds"])


def _listed(cluster: EkcCluster, pod: str) -> set[str]:
    """The peers that a pod lists."""
    return {view["name"] for view in cluster.peers(pod).get("peers", [])}


def _see_each_other(cluster: EkcCluster, *pods: str) -> bool:
    """Whether these pods list each other, and agree."""
    documents = {pod: cluster.peers(pod) for pod in pods}
    names = {document["name"] for document in documents.values() if document}
    return len(names) == len(pods) and all(
        names - {document["name"]} <= _agreed(document) for document in documents.values()
    )


def _agreed(document: dict[str, Any]) -> set[str]:
    return {
        view["name"]
        for view in document.get("peers", [])
        if view["available"] and view["agreement"] == "agreed"
    }


def _config(cluster: EkcCluster) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        cluster.kubectl.get("configmap/eureka-config")["data"]["config.json"]
    )
    return found
