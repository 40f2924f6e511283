"""Three peers by hand-written manifests on real nodes, and clients that nobody here wrote."""

from __future__ import annotations

import json
from typing import Any

from cluster.images import CLIENT
from e2e.clusters import Target
from e2e.outside import outside_client
from e2e.peers import NAMES, PATIENCE_S, URLS, Peers
from processes.cluster import until


def test_clients_inside_and_outside_see_each_other(target: Target, peers: Peers) -> None:
    """One in a pod that knows the peers by name, one on this machine that knows one peer."""
    peers.kubectl.apply(_client_pod(target))
    with outside_client(peers, "peer2") as outside:
        seen = {"INSIDE": {"inside:1": "UP"}, "OUTSIDE": {"outside:1": "UP"}}
        until(lambda: all(peers.apps(name) == seen for name in NAMES), PATIENCE_S)
        until(lambda: _has(outside.ask("apps"), seen))
        until(lambda: _has(_last_view(peers), seen))

    peers.kubectl("delete", "pod", "inside", "--wait=false")
    until(lambda: peers.is_absent("INSIDE"), PATIENCE_S)


def test_peers_are_spread_over_zones_and_run_without_rights(peers: Peers) -> None:
    """A zone each, as another user than root, on a file system they cannot write to."""
    nodes = {each["metadata"]["name"]: each for each in peers.kubectl.get("nodes")["items"]}
    zones = {name: _zone(node) for name, node in nodes.items()}
    used = {zones[peers.node(name)] for name in NAMES}

    assert len(used) == min(3, len(set(zones.values())))
    rights = "import os; print(os.getuid(), os.access('/opt/eurekube', os.W_OK))"
    assert peers.runs("peer1", rights).split() == ["65532", "False"]


def test_killed_peer_comes_back_with_everything(peers: Peers) -> None:
    """Its pod is deleted at once; the one that takes its place copies from the others."""
    with outside_client(peers, "peer2"):
        until(lambda: peers.everywhere("OUTSIDE"))
        old = peers.pod("peer1")["metadata"]["uid"]

        peers.kubectl("delete", "pod", "eureka-1", "--grace-period=0", "--force")

        until(lambda: peers.pod("peer1").get("metadata", {}).get("uid", old) != old, PATIENCE_S)
        peers.agree()
        until(lambda: peers.everywhere("OUTSIDE"))


def _client_pod(target: Target) -> str:
    container = {
        "name": "client",
        "image": target.image(CLIENT),
        "imagePullPolicy": "IfNotPresent",
        "args": ["INSIDE", URLS],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "inside"},
        "spec": {"automountServiceAccountToken": False, "containers": [container]},
    }
    return json.dumps(pod)


def _has(seen: dict[str, Any], wanted: dict[str, dict[str, str]]) -> bool:
    return all(seen.get(app) == instances for app, instances in wanted.items())


def _last_view(peers: Peers) -> dict[str, Any]:
    """What the client in the pod saw last."""
    lines = peers.kubectl.run_unchecked("logs", "inside", "--tail=20").stdout.splitlines()
    seen = [line for line in lines if line.startswith("{")]
    found: dict[str, Any] = json.loads(seen[-1]) if seen else {}
    return found


def _zone(node: dict[str, Any]) -> str:
    return str(node["metadata"]["labels"].get("topology.kubernetes.io/zone", ""))
