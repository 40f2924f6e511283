"""Settings change while peers run: no pod is restarted, and what is wrong gets no further."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any, Final

import pytest

from e2e.operator.ekc import PATIENCE_S, EkcCluster
from eureka_operator.api.settings import SETTINGS
from eureka_operator.core.desired.configuration import LIVE
from processes.cluster import LONG, ask, document, until

PODS: Final = ("eureka-peer-1", "eureka-peer-2", "eureka-peer-3")
FIELDS: Final = {row.setting: row.field for row in SETTINGS}
NAMES: Final = ("first.example.com", "second.example.com")
"""Host names by which browsers ask, which name servers lead to a peer."""
VALUES: Final[Mapping[str, tuple[object, object]]] = {
    "allowed_hosts": ([NAMES[0]], [NAMES[1]]),
    "dashboard": (False, True),
    "dashboard_actions": (True, False),
    "delta_retention_s": (200, 60),
    "eviction_interval_s": (7, 8),
    "expected_renewal_interval_s": (10, 20),
    "lease_expiry": (True, False),
    "log_format": ("json", "text"),
    "log_level": ("DEBUG", "ERROR"),
    "rate_limit": (False, True),
    "rate_limit_burst": (5, 1),
    "rate_limit_fetches_per_s": (5, 1),
    "rate_limit_full_fetches_per_s": (5, 1),
    "read_only_cache_s": (0, 600),
    "remote_region_fetch_interval_s": (5, 600),
    "renewal_threshold": (50, 60),
    "replication_batch_size": (100, 200),
    "replication_max_age_s": (20, 40),
    "self_preservation": (False, True),
    "self_preservation_rules": (True, False),
    "short_departures": (True, False),
    "snapshot_interval_s": (31, 32),
    "sticky_out_of_service": (True, False),
    "wait_when_sync_empty_s": (1, 2),
}
"""Two values for each field that is a live setting; remote regions are chosen below."""
REGIONS: Final = frozenset({"remote_regions", "remote_region_applications"})
WITHOUT_FIELD: Final = frozenset({"drain_s"})
"""The operator chooses it; the object has no field for it."""
FETCHES: Final = 20
ANSWERED_S: Final = 30.0
"""A tunnel on a busy machine is slow."""
STANDARD: Final = {"DiscoveryIdentity-Name": "DefaultClient"}
"""A client whose fetches are not limited."""
_ask: Final = partial(ask, timeout_s=ANSWERED_S)

Record = Callable[[str, object], None]
Ports = Mapping[str, int]


@pytest.fixture
def ports(shared: EkcCluster) -> Iterator[Ports]:
    """For each pod a port of this machine that leads to its clients' port."""
    with ExitStack() as forwarded:
        yield {
            pod: forwarded.enter_context(shared.kubectl.forwarded(f"pod/{pod}", 8761))
            for pod in PODS
        }


def test_every_live_setting_is_changed_here() -> None:
    """One that is added to the operator needs two values above."""
    assert VALUES.keys() | REGIONS == LIVE - WITHOUT_FIELD


def test_live_settings_are_in_force_at_every_peer_without_a_restart(
    shared: EkcCluster, ports: Ports, record_property: Record
) -> None:
    """All at once to a value, to another one, and back to the registry's own defaults."""
    before, generation = shared.restart_counts, _stateful_set_generation(shared)

    _choose(shared, _spec(0, _region("west")), record_property)
    first = _config(shared)
    _wait_for_regions(shared, "west")
    for pod, port in ports.items():
        _check_first(shared, pod, port)

    _choose(shared, _spec(1, _region("east")), record_property)
    second = _config(shared)
    _wait_for_regions(shared, "east")
    for pod, port in ports.items():
        _check_second(shared, pod, port)

    _choose(shared, _without(_spec(0, {})), record_property)
    _wait_for_regions(shared)
    for pod, port in ports.items():
        _check_defaults(pod, port)

    changed = VALUES.keys() | {"remote_regions"}
    assert {name for name in changed if first[name] == second[name]} == set()
    assert not changed & _config(shared).keys()
    shared.wait_ready()
    assert shared.restart_counts == before
    assert _stateful_set_generation(shared) == generation


def test_value_that_the_api_server_refuses_changes_nothing(shared: EkcCluster) -> None:
    """Whoever sets it is told at once."""
    generation, hash_before = shared.document["metadata"]["generation"], _config_hash(shared)
    patch = json.dumps({"spec": {"registry": {"lease": {"evictionIntervalSeconds": 601}}}})

    done = shared.kubectl.run_unchecked(
        "patch", f"eurekacluster/{shared.name}", "--type=merge", f"--patch={patch}"
    )

    assert done.returncode != 0
    assert "evictionIntervalSeconds" in done.stderr
    assert shared.document["metadata"]["generation"] == generation
    assert _config_hash(shared) == hash_before


def test_value_that_the_operator_refuses_gets_to_no_peer(shared: EkcCluster) -> None:
    """Not even to one that starts meanwhile; the next good value is taken over by all."""
    hash_before = _config_hash(shared)
    region = {"name": "far", "url": "http://eureka.example.com:99999/eureka/"}

    shared.change({"registry": {"remoteRegions": [region]}})

    until(lambda: shared.is_so("Stalled", "True", "InvalidSpec"), PATIENCE_S)
    until(lambda: shared.is_so("Ready", "False", "InvalidSpec"), PATIENCE_S)
    said = shared.condition("Ready")["message"]
    assert "spec.registry.remoteRegions[0].url: has no valid host and port" in said
    old = shared.pods[PODS[0]].uid
    shared.kubectl("delete", "pod", PODS[0], "--timeout=150s")
    until(lambda: _is_ready_anew(shared, PODS[0], old), PATIENCE_S)
    until(lambda: _hashes(shared) == {hash_before}, PATIENCE_S)
    assert _config_hash(shared) == hash_before

    shared.change({"registry": {"remoteRegions": None, "lease": {"evictionIntervalSeconds": 9}}})

    _wait_for_config(shared)
    shared.wait_ready()
    until(lambda: shared.condition("Stalled") == {}, PATIENCE_S)
    until(lambda: _hashes(shared) == {_config_hash(shared)}, PATIENCE_S)


def test_file_that_peers_refuse_leaves_their_last_good_settings(shared: EkcCluster) -> None:
    """The object says so and names the key; the next good value mends it, without a restart."""
    hash_before, before = _config_hash(shared), shared.restart_counts
    shared.change({"paused": True})
    until(lambda: shared.is_so("Paused"), PATIENCE_S)
    _write_by_hand(shared, '{"digest_interval_s": "soon"}')

    said = "key digest_interval_s: 'soon' is not a number"
    until(lambda: all(said in _problem(shared, pod) for pod in PODS), PATIENCE_S)
    until(lambda: _hashes(shared) == {hash_before}, PATIENCE_S)
    shared.kubectl("annotate", f"eurekacluster/{shared.name}", "example.com/look=now")
    until(lambda: "peer1 keeps its last good configuration" in _why_behind(shared), PATIENCE_S)
    assert "digest_interval_s" in _why_behind(shared)
    until(lambda: shared.is_so("Ready", "False", "PeerBehind"), PATIENCE_S)
    until(lambda: shared.is_so("Available"), PATIENCE_S)

    shared.change({"paused": None, "registry": {"lease": {"evictionIntervalSeconds": 11}}})

    _wait_for_config(shared)
    shared.wait_ready()
    until(lambda: not any(_problem(shared, pod) for pod in PODS), PATIENCE_S)
    assert _config_hash(shared) != hash_before
    assert shared.restart_counts == before


def _choose(cluster: EkcCluster, spec: dict[str, Any], record: Record) -> None:
    """Change the object and wait until it says that every peer has this configuration."""
    begin = time.monotonic()
    cluster.change(spec)
    _wait_for_config(cluster)
    record("from changed settings to all three peers", f"{time.monotonic() - begin:.1f} s")
    wanted: dict[str, Any] = {
        "hash": _config_hash(cluster),
        "problem": None,
        "restartNeeded": [],
    }
    for pod in PODS:
        until(lambda pod=pod: _peer_config(cluster, pod) == wanted, PATIENCE_S)  # type: ignore[misc] # mypy does not see the default


def _wait_for_config(cluster: EkcCluster) -> None:
    until(lambda: cluster.is_so("ConfigSynced"), PATIENCE_S)


def _check_first(cluster: EkcCluster, pod: str, port: int) -> None:
    """What a client, a browser and the log see of the first values."""
    assert _ask(port, "GET", "/").status == 404
    said = _self_preservation(cluster, pod)
    assert "clients expected" in said
    assert "leases expire" in said
    _send_nonsense(port)
    line = until(lambda: _line(cluster, pod, "not HTTP"), PATIENCE_S)
    assert json.loads(line)["level"] == "DEBUG"
    assert b"much" in _delta_of_departure(port, f"first-{pod}")
    assert _statuses(port) == {200}
    assert _browsers_statuses(port) == [200, 421]


def _check_second(cluster: EkcCluster, pod: str, port: int) -> None:
    """What they see of the second ones."""
    state = _ask(port, "GET", "/dashboard/state").json
    assert state["actions"] is False
    assert "clients expected" not in _self_preservation(cluster, pod)
    until(lambda: 503 in _statuses(port), PATIENCE_S)
    late = _late(pod)
    assert late not in _applications(port)
    body = document(late, "late", leaseInfo={**LONG, "durationInSecs": 900})
    assert _ask(port, "POST", f"/eureka/apps/{late}", body).status == 204
    assert _ask(port, "GET", f"/eureka/apps/{late}/late").status == 200
    assert late not in _applications(port)
    assert _browsers_statuses(port) == [421, 200]


def _check_defaults(pod: str, port: int) -> None:
    """What they see when nothing is set."""
    assert _ask(port, "GET", "/dashboard/state").json["actions"] is True
    assert _late(pod) in _applications(port)
    assert _statuses(port) == {200}
    assert _browsers_statuses(port) == [421, 421]


def _late(pod: str) -> str:
    """An application that is registered at this pod alone, while lists may be old."""
    return f"LATE-{pod.upper()}"


def _spec(place: int, region: Mapping[str, object]) -> dict[str, Any]:
    """All fields with their first or second values."""
    spec: dict[str, Any] = {}
    for setting, values in VALUES.items():
        *groups, last = FIELDS[setting].split(".")
        node = spec
        for name in groups:
            node = node.setdefault(name, {})
        node[last] = values[place]
    spec["registry"]["remoteRegions"] = [region]
    return spec


def _without(spec: dict[str, Any]) -> dict[str, Any]:
    """A change that removes all fields of a spec."""
    return {
        name: _without(value) if isinstance(value, dict) else None for name, value in spec.items()
    }


def _region(name: str) -> dict[str, Any]:
    """Another region, of which one application is taken; nobody answers there."""
    return {"name": name, "url": f"http://{name}.invalid:8761/eureka/", "apps": ["SHOP"]}


def _wait_for_regions(cluster: EkcCluster, *names: str) -> None:
    """Wait until each peer asks exactly these regions."""
    until(lambda: all(_regions(cluster, pod) == {*names} for pod in PODS), PATIENCE_S)


def _regions(cluster: EkcCluster, pod: str) -> set[str]:
    """The regions that a peer asks; "unknown" if it does not answer."""
    document = cluster.peers(pod)
    return {each["name"] for each in document["regions"]} if document else {"unknown"}


def _stateful_set_generation(cluster: EkcCluster) -> int:
    found: int = cluster.kubectl.get("statefulset/eureka-peer")["metadata"]["generation"]
    return found


def _config(cluster: EkcCluster) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_config_text(cluster))
    return found


def _config_text(cluster: EkcCluster) -> str:
    data = cluster.kubectl.get("configmap/eureka-config")["data"]
    return str(data["config.json"])


def _config_hash(cluster: EkcCluster) -> str:
    """What the status says that peers should have in force."""
    return str(cluster.status["configHash"])


def _peer_config(cluster: EkcCluster, pod: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.peers(pod).get("config", {})
    return found


def _problem(cluster: EkcCluster, pod: str) -> str:
    """Why a peer cannot use its file, "unknown" if it does not answer; empty: it uses it."""
    return _peer_config(cluster, pod).get("problem", "unknown") or ""


def _why_behind(cluster: EkcCluster) -> str:
    """What the condition ConfigSynced says while it is False."""
    found = cluster.condition("ConfigSynced")
    return str(found["message"]) if found.get("status") == "False" else ""


def _self_preservation(cluster: EkcCluster, pod: str) -> str:
    """A peer's sentence on self-preservation."""
    return until(lambda: str(cluster.peers(pod).get("selfPreservation", "")), PATIENCE_S)


def _hashes(cluster: EkcCluster) -> set[str]:
    """What peers say that they have in force."""
    return {_peer_config(cluster, pod).get("hash", "") for pod in PODS}


def _is_ready_anew(cluster: EkcCluster, pod: str, old: str) -> bool:
    now = cluster.pods.get(pod)
    return now is not None and now.ready and now.uid != old


def _write_by_hand(cluster: EkcCluster, text: str) -> None:
    """Have another `config.json`, which kubelets bring to their pods as soon as these change."""
    patch = json.dumps({"data": {"config.json": text}})
    cluster.kubectl("patch", "configmap/eureka-config", "--type=merge", f"--patch={patch}")
    cluster.kubectl("annotate", "pods", *PODS, "example.com/look=now", "--overwrite")


def _statuses(port: int) -> set[int]:
    """What clients are answered that fetch at the same time: one by one may be slow enough."""
    with ThreadPoolExecutor(FETCHES) as threads:
        asked = [threads.submit(_ask, port, "GET", "/eureka/apps") for _ in range(FETCHES)]
    return {each.result().status for each in asked}


def _browsers_statuses(port: int) -> list[int]:
    """What a browser is answered that was led to a peer by each of the names."""
    headers = {**STANDARD, "User-Agent": "Mozilla/5.0"}
    return [
        _ask(port, "GET", "/eureka/apps", headers={**headers, "Host": name}).status
        for name in NAMES
    ]


def _applications(port: int) -> set[str]:
    """The applications in a peer's list of all."""
    listed = _ask(port, "GET", "/eureka/apps", headers=STANDARD).json["applications"]
    return {each["name"] for each in listed["application"]}


def _delta_of_departure(port: int, instance_id: str) -> bytes:
    """The delta after an instance with much metadata has come and gone."""
    body = document("SHORT", instance_id, leaseInfo=LONG, metadata={"much": "text"})
    assert _ask(port, "POST", "/eureka/apps/SHORT", body).status == 204
    assert _ask(port, "DELETE", f"/eureka/apps/SHORT/{instance_id}").status == 200
    return _ask(port, "GET", "/eureka/apps/delta", headers=STANDARD).body


def _send_nonsense(port: int) -> None:
    """Send what is not HTTP, which is logged at DEBUG."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"nonsense\r\n\r\n")
        client.recv(1024)


def _line(cluster: EkcCluster, pod: str, text: str) -> str:
    """A line of a pod's log with this text; empty if there is none."""
    lines = cluster.kubectl("logs", pod, "--tail=500").splitlines()
    return next((line for line in lines if text in line), "")
