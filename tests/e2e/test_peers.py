"""Three peers by hand-written manifests on real nodes, and clients that nobody here wrote."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from cluster.images import CLIENT, REGISTRY
from conformance.realclient import RealClient, not_run
from e2e.clusters import Target
from processes.cluster import throughout, until
from support.kubectl import Kubectl

HERE: Final = Path(__file__).parent
PROGRAM: Final = HERE.parent / "conformance" / "python" / "client.py"
PATIENCE_S: Final = 120.0
"""A node that is cut off is noticed after 20 s, and images may have to be unpacked."""

NAMES: Final = ("peer1", "peer2", "peer3")
URLS: Final = ",".join(f"http://{name}:8761/eureka/" for name in NAMES)


@pytest.fixture
def kubectl(target: Target) -> Iterator[Kubectl]:
    """A namespace with three peers that agree."""
    with target.kubectl.in_a_namespace("peers") as kubectl:
        kubectl.apply(
            (HERE / "peers.yaml").read_text().replace(REGISTRY.name, target.image(REGISTRY))
        )
        try:
            until(lambda: _ready(kubectl) == 3, PATIENCE_S)
            until(lambda: all(_sees_others(kubectl, name) for name in NAMES), PATIENCE_S)
            yield kubectl
        except BaseException:
            _explain(kubectl)
            raise


def test_clients_inside_and_outside_see_each_other(target: Target, kubectl: Kubectl) -> None:
    """One in a pod that knows the peers by name, one on this machine that knows one peer."""
    kubectl.apply(_client_pod(target))
    with kubectl.forwarded("pod/eureka-2", 8761) as port, _client_here(port) as outside:
        seen = {"INSIDE": {"inside:1": "UP"}, "OUTSIDE": {"outside:1": "UP"}}
        until(lambda: all(_holds(kubectl, name, seen) for name in NAMES), PATIENCE_S)
        until(lambda: _has(outside.ask("apps"), seen))
        until(lambda: _has(_last_words(kubectl, "inside"), seen))
        outside.stop()

    until(lambda: all("OUTSIDE" not in _apps(kubectl, name) for name in NAMES))
    kubectl("delete", "pod", "inside", "--wait=false")
    until(lambda: all("INSIDE" not in _apps(kubectl, name) for name in NAMES), PATIENCE_S)


def test_peers_are_spread_over_zones_and_run_without_rights(kubectl: Kubectl) -> None:
    """A zone each, as another user than root, on a file system they cannot write to."""
    pods = kubectl.get("pods")["items"]

    zones = {_zone(kubectl, pod["spec"]["nodeName"]) for pod in pods}
    if len({_zone(kubectl, node["metadata"]["name"]) for node in _nodes(kubectl)}) >= 3:
        assert len(zones) == 3
    words = "import os; print(os.getuid(), os.access('/opt/eurekube', os.W_OK))"
    assert kubectl("exec", "eureka-1", "--", "python3", "-c", words).split() == ["65532", "False"]


def test_killed_peer_comes_back_with_everything(kubectl: Kubectl) -> None:
    """Its pod is deleted at once; the one that takes its place copies from the others."""
    with kubectl.forwarded("pod/eureka-2", 8761) as port, _client_here(port):
        until(lambda: all("OUTSIDE" in _apps(kubectl, name) for name in NAMES))
        old = kubectl.get("pod", "eureka-1")["metadata"]["uid"]

        kubectl("delete", "pod", "eureka-1", "--grace-period=0", "--force")

        until(lambda: _uid(kubectl, "eureka-1") not in ("", old), PATIENCE_S)
        until(lambda: _ready(kubectl) == 3, PATIENCE_S)
        until(lambda: "OUTSIDE" in _apps(kubectl, "peer1"))
        until(lambda: all(_sees_others(kubectl, name) for name in NAMES), PATIENCE_S)


def test_cut_off_node_comes_back_and_agrees(target: Target, kubectl: Kubectl) -> None:
    """The others go on and say who is missing; afterwards all hold what came meanwhile."""
    if target.faults is None:
        not_run("cutting a node off", "only a cluster of tests.cluster's own can be hurt")
    node = kubectl.get("pod", "eureka-1")["spec"]["nodeName"]
    with kubectl.forwarded("pod/eureka-2", 8761) as port, target.faults.cut_off(node):
        until(lambda: not _is_available(kubectl, "peer2", "peer1"), PATIENCE_S)
        with _client_here(port):
            until(lambda: "OUTSIDE" in _apps(kubectl, "peer3"))
            throughout(lambda: "OUTSIDE" in _apps(kubectl, "peer3"), 5.0)

    until(lambda: all(_sees_others(kubectl, name) for name in NAMES), PATIENCE_S)
    until(lambda: len({json.dumps(_apps(kubectl, name)) for name in NAMES}) == 1, PATIENCE_S)


def _client_here(port: int) -> RealClient:
    settings = {
        "eureka_server": f"http://127.0.0.1:{port}/eureka/",
        "app_name": "OUTSIDE",
        "instance_id": "outside:1",
        "instance_ip": "127.0.0.1",
        "instance_host": "outside.example",
        "instance_port": 9090,
        "renewal_interval_in_secs": 1,
        "duration_in_secs": 5,
    }
    return RealClient([sys.executable, str(PROGRAM)], settings)


def _client_pod(target: Target) -> str:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "inside"},
            "spec": {
                "automountServiceAccountToken": False,
                "containers": [
                    {
                        "name": "client",
                        "image": target.image(CLIENT),
                        "imagePullPolicy": "IfNotPresent",
                        "args": ["INSIDE", URLS],
                    }
                ],
            },
        }
    )


def _pod_path(kubectl: Kubectl, name: str, port: int, path: str) -> str:
    pod = f"eureka-{name.removeprefix('peer')}"
    return f"/api/v1/namespaces/{kubectl.namespace}/pods/{pod}:{port}/proxy{path}"


def _apps(kubectl: Kubectl, name: str) -> dict[str, dict[str, str]]:
    """What a peer lists, the peers themselves left out."""
    words = kubectl.tried("get", "--raw", _pod_path(kubectl, name, 8761, "/eureka/apps"))
    listed = json.loads(words.stdout)["applications"]["application"] if words.stdout else []
    return {
        each["name"]: {i["instanceId"]: i["status"] for i in each["instance"]}
        for each in listed
        if each["name"] != "EUREKA"
    }


def _peers(kubectl: Kubectl, name: str) -> dict[str, dict[str, Any]]:
    """How a peer sees the others, by the host names in their URLs."""
    words = kubectl.tried("get", "--raw", _pod_path(kubectl, name, 8763, "/peers"))
    seen = json.loads(words.stdout)["peers"] if words.stdout else []
    return {each["url"].split("//")[1].split(":")[0]: each for each in seen}


def _sees_others(kubectl: Kubectl, name: str) -> bool:
    seen = _peers(kubectl, name)
    others = [seen.get(other) for other in NAMES if other != name]
    return all(each is not None and each["agreement"] == "agreed" for each in others)


def _is_available(kubectl: Kubectl, name: str, other: str) -> bool:
    seen = _peers(kubectl, name).get(other)
    return seen is not None and bool(seen["available"])


def _holds(kubectl: Kubectl, name: str, wanted: dict[str, dict[str, str]]) -> bool:
    return _has(_apps(kubectl, name), wanted)


def _has(seen: dict[str, Any], wanted: dict[str, dict[str, str]]) -> bool:
    return all(seen.get(app) == instances for app, instances in wanted.items())


def _last_words(kubectl: Kubectl, pod: str) -> dict[str, Any]:
    """What the client in a pod saw last."""
    lines = kubectl.tried("logs", pod, "--tail=20").stdout.splitlines()
    seen = [line for line in lines if line.startswith("{")]
    found: dict[str, Any] = json.loads(seen[-1]) if seen else {}
    return found


def _ready(kubectl: Kubectl) -> int:
    return int(kubectl.get("statefulset", "eureka")["status"].get("readyReplicas", 0))


def _uid(kubectl: Kubectl, pod: str) -> str:
    found = kubectl.tried("get", "pod", pod, "-o", "jsonpath={.metadata.uid}")
    return found.stdout.strip()


def _nodes(kubectl: Kubectl) -> list[dict[str, Any]]:
    return list(kubectl.get("nodes")["items"])


def _zone(kubectl: Kubectl, node: str) -> str:
    labels = kubectl.get("node", node)["metadata"]["labels"]
    return str(labels.get("topology.kubernetes.io/zone", ""))


def _explain(kubectl: Kubectl) -> None:
    """What a person would look at first."""
    for words in (("get", "pods", "-o", "wide"), ("get", "events"), ("describe", "pods")):
        print(f"--- kubectl {' '.join(words)}\n{kubectl.tried(*words).stdout[-4000:]}")  # noqa: T201
    for name in NAMES:
        said = kubectl.tried("logs", f"eureka-{name[-1]}", "--tail=20").stdout
        print(f"--- {name}\n{said}")  # noqa: T201
