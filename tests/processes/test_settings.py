"""A peer whose file of settings changes: what is live takes effect, what is not is named."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest
from aiohttp import web

from processes.cluster import LONG, Cluster, PeerProcess, ask, check_throughout, free_port, until
from processes.lying_peer import LyingPeer
from processes.mount import Mount


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Two peers, none started."""
    with Cluster(2) as cluster:
        yield cluster


@pytest.fixture
def peer(cluster: Cluster) -> PeerProcess:
    """A peer that runs alone."""
    one = cluster.peers[0]
    one.settings["peers"] = []
    cluster.start([one])
    return one


def config(peer: PeerProcess) -> dict[str, Any]:
    """What `/peers` says of the settings."""
    said: dict[str, Any] = peer.view["config"]
    return said


def change(peer: PeerProcess, **changes: object) -> None:
    """Change the file, and wait until it is in force."""
    wanted = digest(peer.configure(**changes))
    until(lambda: config(peer)["hash"] == wanted)


def digest(text: str) -> str:
    """The hash of a file's text as the operator computes it."""
    return sha256(text.encode()).hexdigest()[:16]


# -- What is live


def test_log_level_and_format(peer: PeerProcess) -> None:
    """To look closer while it happens, without losing what is being looked at."""
    send_nonsense(peer)
    assert "not HTTP" not in peer.log

    change(peer, log_level="DEBUG", log_format="json")

    send_nonsense(peer)
    line = until(lambda: next((one for one in peer.log.splitlines() if "not HTTP" in one), None))
    assert json.loads(line)["level"] == "DEBUG"
    change(peer, log_level="ERROR", log_format="text")
    lines = len(peer.log.splitlines())
    send_nonsense(peer)
    change(peer, zone="b")
    assert len(peer.log.splitlines()) == lines


def send_nonsense(peer: PeerProcess) -> None:
    """Send what is not HTTP, which is logged at DEBUG."""
    with socket.create_connection(("127.0.0.1", peer.port)) as client:
        client.sendall(b"nonsense\r\n\r\n")
        client.recv(1024)


def test_rate_limits(peer: PeerProcess) -> None:
    """A client that fetches without end is found while it does."""
    assert statuses(peer, 20) == {200}

    change(peer, rate_limit=True, rate_limit_burst=1, rate_limit_full_fetches_per_s=1)
    assert statuses(peer, 20) == {200, 503}

    change(peer, rate_limit_privileged=["python"])
    assert statuses(peer, 20, {"DiscoveryIdentity-Name": "python"}) == {200}
    change(peer, rate_limit=False)
    assert statuses(peer, 20) == {200}


def statuses(peer: PeerProcess, times: int, headers: dict[str, str] | None = None) -> set[int]:
    """Fetch the list that often."""
    return {peer.ask("GET", "/apps", headers=headers).status for _ in range(times)}


def test_eviction_interval(peer: PeerProcess) -> None:
    """An interval that has long begun ends when a shorter one would."""
    change(peer, eviction_interval_s=3600)
    peer.register("GONE", "a")
    until(lambda: peer.ask("GET", "/apps/GONE/a").status == 404)
    check_throughout(lambda: peer.ids() == {"a"}, 1.0)

    change(peer, eviction_interval_s=0.2)

    until(lambda: peer.ids() == set())


def test_self_preservation_and_its_thresholds(peer: PeerProcess) -> None:
    """What is kept, and what is no longer kept, by the rules of this moment."""
    change(peer, self_preservation=True, renewal_threshold=0.85, self_preservation_floor=1)
    for number in range(4):
        peer.register("SILENT", f"s{number}")
    until(lambda: peer.view["preserving"])
    check_throughout(lambda: len(peer.ids()) == 4, 1.0)

    change(peer, self_preservation_floor=9, renewal_threshold=0.0)

    until(lambda: peer.ids() == set())
    assert peer.view["preserving"] is False


def test_rules_of_java(peer: PeerProcess) -> None:
    """They may be switched to, with those expected who are here, and back."""
    peer.register("SILENT", "a", leaseInfo=LONG)
    peer.register("SILENT", "b", leaseInfo=LONG)

    change(peer, self_preservation=True, self_preservation_rules="java")

    assert "2 clients expected" in until(lambda: peer.view["selfPreservation"])
    change(peer, self_preservation_rules="eurekube")
    assert "clients expected" not in peer.view["selfPreservation"]


def test_lease_expiry(peer: PeerProcess) -> None:
    """Java's doubled time, for leases that are already held."""
    change(peer, eviction_interval_s=3600)
    peer.register("TWICE", "a", leaseInfo={"renewalIntervalInSecs": 1, "durationInSecs": 3})
    assert peer.renew("TWICE", "a") == 200
    until(lambda: peer.ask("GET", "/apps/TWICE/a").status == 404)

    change(peer, lease_expiry="java")

    assert peer.ask("GET", "/apps/TWICE/a").status == 200


def test_delta(peer: PeerProcess) -> None:
    """Switched off and on, shorter, and with whole departures."""
    peer.register("SHORT", "a", leaseInfo=LONG, metadata={"much": "text"})
    peer.ask("DELETE", "/apps/SHORT/a")
    assert b"much" not in delta(peer)

    change(peer, short_departures=False)
    assert b"much" in delta(peer)
    change(peer, delta_retention_s=0.5)
    until(lambda: b"SHORT" not in delta(peer))
    change(peer, disable_delta=True)
    assert peer.ask("GET", "/apps/delta").status == 403


def delta(peer: PeerProcess) -> bytes:
    """The body of a delta."""
    reply = peer.ask("GET", "/apps/delta")
    assert reply.status == 200
    return reply.body


def test_read_only_cache(peer: PeerProcess) -> None:
    """As stale as it says, and never when it says 0."""
    peer.ids()
    change(peer, read_only_cache_s=3600)
    peer.register("LATE", "a", leaseInfo=LONG)
    assert peer.ids() == set()

    change(peer, read_only_cache_s=0)

    assert peer.ids() == {"a"}


def test_pace_of_replication(cluster: Cluster) -> None:
    """Batches are as small as it says, and digests as rare."""
    with LyingPeer() as liar:
        one, _ = cluster.peers
        liar.answer = java_like
        one.settings.update(peers=[liar.url], fetch_registry=False, digest_interval_s=3600)
        cluster.start([one])
        change(one, replication_batch_size=2, digest_interval_s=0.2)
        digests = [path for path in liar.asked if "digest" in path]
        until(lambda: len([path for path in liar.asked if "digest" in path]) > len(digests) + 3)
        before = len(liar.batches)

        for number in range(60):
            one.register("MANY", f"m{number}", leaseInfo=LONG)

        until(lambda: {item["id"] for item in liar.items()} >= {f"m{n}" for n in range(60)})
        assert max(len(batch) for batch in liar.batches[before:]) <= 2


async def java_like(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """Take every batch, and know no digests."""
    if "batch" not in request.path:
        return web.Response(status=404)
    replies = [{"statusCode": 200} for _ in json.loads(body)["replicationList"]]
    return web.json_response({"responseList": replies})


def test_remote_regions(cluster: Cluster) -> None:
    """They come, change what is shown of them, lead elsewhere, and go."""
    here, there = cluster.peers
    here.settings.update(peers=[], remote_region_fetch_interval_s=3600)
    there.settings.update(peers=[])
    cluster.start()
    there.register("NEAR", "a", leaseInfo=LONG)
    there.register("FAR", "b", leaseInfo=LONG)

    change(here, remote_regions={"west": there.url})
    until(lambda: here.ids() == {"a", "b"})
    change(here, remote_region_applications={"west": ["FAR"]})
    assert here.ids() == {"b"}
    change(here, remote_region_applications={"west": ["FAR", "NEAR"]})
    until(lambda: here.ids() == {"a", "b"})
    there.register("NEAR", "c", leaseInfo=LONG)
    change(here, remote_region_fetch_interval_s=0.2)
    until(lambda: here.ids() == {"a", "b", "c"})
    change(here, remote_region_fallback=False)
    assert here.ids() == set()
    change(here, remote_region_fallback=True, remote_regions={"west": dead_url()})
    until(lambda: here.view["regions"][0]["problem"])
    assert here.ids() == {"a", "b", "c"}
    change(here, remote_regions={})
    assert here.ids() == set()
    assert here.view["regions"] == []
    change(here, remote_regions={"west": there.url, "east": there.url})
    until(lambda: here.ids() == {"a", "b", "c"})


def dead_url() -> str:
    """Where nobody listens."""
    return f"http://127.0.0.1:{free_port()}/eureka/"


def test_dashboard_and_its_actions(peer: PeerProcess) -> None:
    """Both can be taken away."""
    assert ask(peer.port, "GET", "/dashboard/state").json["actions"] is True

    change(peer, dashboard_actions=False, environment="staging")
    state = ask(peer.port, "GET", "/dashboard/state").json
    assert (state["actions"], state["environment"]) == (False, "staging")
    change(peer, dashboard=False)
    assert ask(peer.port, "GET", "/").status == 404


def test_snapshot_interval(cluster: Cluster) -> None:
    """An hour becomes a moment."""
    one, _ = cluster.peers
    path = cluster.directory / "snapshot"
    one.settings.update(peers=[], snapshot_path=str(path), snapshot_interval_s=3600)
    cluster.start([one])
    check_throughout(lambda: not path.exists(), 1.0)

    change(one, snapshot_interval_s=0.2)

    until(path.exists)


def test_time_to_drain(peer: PeerProcess) -> None:
    """It is read when it stops."""
    change(peer, drain_s=0)

    assert peer.terminate() == 0


# -- What is not, and what is wrong


def test_mounted_file_is_followed(cluster: Cluster) -> None:
    """The kubelet swaps a directory; the file's own link stays."""
    one, _ = cluster.peers
    mount = Mount(cluster.directory / "mount")
    texts = itertools.count(2)

    def put(**changes: object) -> str:
        one.settings.update(changes)
        text = json.dumps(one.settings, indent=next(texts))
        mount.write("config.json", text)
        return digest(text)

    put(peers=[])
    one.flags = ["--config", str(mount.config)]
    cluster.start([one])
    wanted = put(disable_delta=True)

    until(lambda: config(one)["hash"] == wanted)

    assert one.ask("GET", "/apps/delta").status == 403


def test_what_cannot_be_live_is_named(peer: PeerProcess) -> None:
    """And what can is live all the same."""
    change(peer, max_connections=7, zone="b", disable_delta=True)

    assert config(peer)["restartNeeded"] == ["zone", "max_connections"]
    assert peer.ask("GET", "/apps/delta").status == 403
    assert metric(peer, "config_restart_needed") == 2
    change(peer, max_connections=16_000, zone="defaultZone")
    assert config(peer)["restartNeeded"] == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"digest_interval_s": "soon"}, "key digest_interval_s"),
        ({"prt": 1}, "did you mean port?"),
        ({"peers_dns": "a", "peers_file": "b"}, "both set"),
    ],
)
def test_bad_file_leaves_the_last_good_settings(
    peer: PeerProcess, wrong: dict[str, object], said: str
) -> None:
    """All of them, also those that would be right."""
    good = config(peer)["hash"]

    peer.configure(disable_delta=True, **wrong)

    problem = until(lambda: config(peer)["problem"])
    assert said in problem
    assert config(peer)["hash"] == good
    assert peer.ask("GET", "/apps/delta").status == 200
    assert metric(peer, "config_problem") == 1
    assert ask(peer.port, "GET", "/dashboard/state").json["problem"] == problem
    assert peer.log.count("settings not usable") == 1
    for name in wrong:
        del peer.settings[name]
    change(peer)
    assert config(peer)["problem"] is None
    assert peer.ask("GET", "/apps/delta").status == 403


def test_file_beats_neither_flag_nor_variable(cluster: Cluster) -> None:
    """Not at the start, and not when it changes."""
    one, _ = cluster.peers
    one.settings.update(peers=[])
    one.flags = ["--disable-delta"]
    one.environment["EUREKA_DASHBOARD"] = "false"
    cluster.start([one])

    change(one, disable_delta=False, dashboard=True, read_only_cache_s=3600)

    assert one.ask("GET", "/apps/delta").status == 403
    assert ask(one.port, "GET", "/").status == 404


def test_lenient_peer_warns_of_unknown_keys(cluster: Cluster) -> None:
    """At the start and at each change: the operator may be newer than the image."""
    one, _ = cluster.peers
    one.settings.update(peers=[], future_setting=1)
    one.flags = ["--config-lenient"]
    cluster.start([one])
    assert "key future_setting: unknown" in one.log

    change(one, disable_deltas=True, disable_delta=True)

    assert config(one)["problem"] is None
    assert one.ask("GET", "/apps/delta").status == 403
    assert "key disable_deltas: unknown; did you mean disable_delta?" in one.log


def test_every_network_is_listened_on(cluster: Cluster) -> None:
    """`*` of the image and of the operator: both ports, both families."""
    one, _ = cluster.peers
    one.settings.update(peers=[], host="*", register_with_eureka=True, ip_address="fd00::7")
    cluster.start([one])

    hosts = ["127.0.0.1"] + (["::1"] if has_ipv6() else [])
    for host in hosts:
        assert ask((host, one.port), "GET", "/eureka/apps").status == 200
        assert ask((host, one.management_port), "GET", "/readyz").status == 200
    (own,) = one.ask("GET", "/apps/EUREKA").json["application"]["instance"]
    assert own["ipAddr"] == "fd00::7"


def test_peers_find_each_other_by_addresses_of_ipv6(cluster: Cluster) -> None:
    """Pods may have no others."""
    if not has_ipv6():
        pytest.skip("not run: this machine has no IPv6")
    one, two = cluster.peers
    for peer in cluster.peers:
        peer.settings.update(host="*", peers=[f"http://[::1]:{p.port}/eureka/" for p in (one, two)])
    cluster.start()

    one.register("SIX", "a", leaseInfo=LONG)

    until(lambda: two.ids() == {"a"})
    until(lambda: sorted(edge["self"] for edge in one.view["peers"]) == [False, True])


def has_ipv6() -> bool:
    """Whether this machine has IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as trial:
            trial.bind(("::1", 0))
    except OSError:
        return False
    return True


def metric(peer: PeerProcess, name: str) -> float:
    """What a gauge without labels stands at."""
    connection = http.client.HTTPConnection("127.0.0.1", peer.management_port, timeout=20)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    wanted = f"eureka_server_{name} "
    return next(float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted))
