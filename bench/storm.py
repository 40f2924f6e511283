"""Peers fail under a crowd of clients: what is lost, what is missed, how soon all agree again."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from bench import machine
from bench.crowd import Clients
from bench.lab import Lab
from bench.results import Better, Goal, Row
from bench.wire import Wire
from processes.cluster import Cluster, PeerProcess, ask, until

PEERS: Final[Mapping[str, object]] = MappingProxyType(
    {
        "self_preservation": True,
        "renewal_threshold": 0.85,
        "eviction_interval_s": 1.0,
        "peer_read_timeout_s": 2.0,
        "digest_interval_s": 1.0,
        "sync_timeout_s": 20.0,
        "snapshot_interval_s": 2.0,
    }
)
"""As in an `EurekaCluster`, snapshots included; intervals that fit a storm in a minute."""

_PATIENCE_S: Final = 90.0


class StormSettings(msgspec.Struct, frozen=True):
    """How large a storm is: instances, their renewals and leases, and how long something is out."""

    instances: int
    renewal_s: float
    lease_s: int
    outage_s: float


class Outcome(msgspec.Struct, frozen=True):
    """What came of one failure; agreement is counted from the moment it was mended."""

    lost: int
    unserved: int
    reads: int
    incomplete: int
    healed_s: float
    memory_mib: float
    backlog: int


class Scene:
    """Three peers, the wires between the first two, and the clients."""

    def __init__(self, cluster: Cluster, wires: Sequence[Wire], clients: Clients) -> None:
        self.cluster = cluster
        self.wires = wires
        self.clients = clients
        self.memory_mib = 0.0
        self.backlog = 0

    @property
    def peers(self) -> list[PeerProcess]:
        """The three peers; clients know them all."""
        return self.cluster.peers

    def look(self) -> bool:
        """Note what running peers occupy and what waits in them; always true."""
        for peer in self.peers:
            with contextlib.suppress(OSError, TypeError):
                assert peer.process is not None
                self.memory_mib = max(self.memory_mib, machine.memory_mib(peer.process.pid))
                self.backlog = max(self.backlog, _backlog(peer))
        return True

    def last(self, seconds: float) -> None:
        """Let so much time pass, and look now and then."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.look():
            time.sleep(0.3)


def kill(scene: Scene, outage_s: float) -> None:
    """One peer is killed and started again."""
    scene.peers[0].kill()
    scene.last(outage_s)
    scene.cluster.start(scene.peers[:1])


def stall(scene: Scene, outage_s: float) -> None:
    """One peer stands still, and goes on."""
    scene.peers[0].pause()
    try:
        scene.last(outage_s)
    finally:
        scene.peers[0].resume()


def cut(scene: Scene, outage_s: float) -> None:
    """Two peers do not hear of each other, while clients reach both."""
    for wire in scene.wires:
        wire.cut()
    scene.last(outage_s)
    for wire in scene.wires:
        wire.mend()


def restart_all(scene: Scene, _outage_s: float) -> None:
    """All peers are killed at once, and started again: nobody has a copy but their snapshots."""
    scene.clients.look_away()
    for peer in scene.peers:
        peer.kill()
    scene.cluster.start()


FAILURES: Final[Mapping[str, Callable[[Scene, float], None]]] = MappingProxyType(
    {
        "one peer is killed and started again": kill,
        "one peer stands still": stall,
        "two peers are cut off from each other": cut,
        "all peers are killed and started again": restart_all,
    }
)


def storm(failure: Callable[[Scene, float], None], settings: StormSettings) -> Outcome:
    """Let one thing happen under load.

    Raises:
        AssertionError: the peers did not agree again, or lack an instance in the end.
    """
    with _scene(settings) as scene:
        clients, before = scene.clients, scene.clients.tally
        clients.watch()
        scene.last(settings.renewal_s)
        failure(scene, settings.outage_s)
        repaired_at = time.monotonic()
        until(lambda: scene.look() and _is_complete(scene), _PATIENCE_S)
        healed_s = time.monotonic() - repaired_at
        clients.watch()
        scene.last(settings.lease_s + 1.0)
        assert _is_complete(scene) or until(lambda: _is_complete(scene), _PATIENCE_S)
        return Outcome(
            before.lost, before.unserved, before.reads, before.incomplete,
            healed_s, scene.memory_mib, scene.backlog,
        )  # fmt: skip


async def storms(lab: Lab) -> list[Row]:
    """Each failure with 10,000 instances."""
    size = 1_000 if lab.quick else 10_000
    settings = StormSettings(size, renewal_s=5.0, lease_s=15, outage_s=8.0 if lab.quick else 24.0)
    rows: list[Row] = []
    for words, failure in FAILURES.items():
        lab.say(f"storm, {size:,} instances: {words}")
        rows += _rows(words, await asyncio.to_thread(storm, failure, settings), settings)
    return rows


def _rows(words: str, seen: Outcome, settings: StormSettings) -> list[Row]:
    about = f"{settings.instances:,} instances, out for {settings.outage_s:g} s"
    extent = f"{seen.reads} lists read, {seen.incomplete} of them incomplete"
    return [
        Row(f"{words}: all agree again after", "s", Better.LESS, [seen.healed_s], note=about),
        Row(
            f"{words}: leases lost",
            "",
            Better.LESS,
            [float(seen.lost)],
            goal=Goal(0),
            note=extent,
        ),
        Row(f"{words}: most memory", "MiB", Better.LESS, [seen.memory_mib]),
        Row(f"{words}: longest queue", "changes", Better.LESS, [float(seen.backlog)]),
    ]


@contextlib.contextmanager
def _scene(settings: StormSettings) -> Iterator[Scene]:
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(Cluster(3, **PEERS))
        one, two, three = cluster.peers
        to_one, to_two = (stack.enter_context(Wire(peer.port)) for peer in (one, two))
        one.settings["peers"] = [to_two.url, three.url]
        two.settings["peers"] = [to_one.url, three.url]
        for peer in cluster.peers:
            peer.settings["snapshot_path"] = str(cluster.directory / f"{peer.name}.snapshot")
        cluster.start()
        ports = [peer.port for peer in cluster.peers]
        clients = Clients(
            ports, settings.instances, renewal_s=settings.renewal_s, lease_s=settings.lease_s
        )
        stack.enter_context(clients)
        scene = Scene(cluster, (to_one, to_two), clients)
        until(clients.everybody_registered.is_set, _PATIENCE_S)
        until(lambda: _is_complete(scene), _PATIENCE_S)
        yield scene


def _is_complete(scene: Scene) -> bool:
    """Whether all peers hold the same, and every instance of the crowd."""
    views = [peer.view for peer in scene.peers]
    counts = [view["instances"] for view in views]
    same = all(view["applications"] == views[0]["applications"] for view in views)
    return same and counts == [scene.clients.size] * len(counts)


def _backlog(peer: PeerProcess) -> int:
    text = ask(peer.management_port, "GET", "/metrics", timeout_s=1.0).body.decode()
    found = re.findall(r"^eureka_server_peer_backlog\{[^}]*\} ([0-9.e+]+)$", text, re.MULTILINE)
    return max((int(float(each)) for each in found), default=0)
