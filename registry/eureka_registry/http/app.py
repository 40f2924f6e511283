"""The life of one peer: the composition root.

Start: learn our name, listen, load the snapshot, copy from a peer, become ready. Then timers:
evict, tick, compare, watch the peer list and the settings. Stop: not ready, cancel our own lease,
flush, stop listening, exit.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from eureka_registry import logs
from eureka_registry.config.settings import Settings
from eureka_registry.core.model import PeerAction
from eureka_registry.http.addresses import address_of
from eureka_registry.http.api import Api, methods
from eureka_registry.http.configuration import Configuration, with_live
from eureka_registry.http.connection import Server
from eureka_registry.http.dashboard import Dashboard
from eureka_registry.http.eviction import Eviction
from eureka_registry.http.files import LOOK_EVERY_S
from eureka_registry.http.gate import Stage
from eureka_registry.http.guard import Guard
from eureka_registry.http.handshakes import TlsListener
from eureka_registry.http.hosts import Hosts, machine_names
from eureka_registry.http.management import Management
from eureka_registry.http.node import (
    Node,
    own_key,
    peer_port,
    scheme,
    with_address,
    with_ports,
)
from eureka_registry.http.serving import Serving, fast_lane
from eureka_registry.http.sockets import allow_files, bind, port_of
from eureka_registry.http.start import become_ready
from eureka_registry.peers import discovery
from eureka_registry.peers.client import open_session
from eureka_registry.peers.discovery import PeerList
from eureka_registry.peers.pause import pause
from eureka_registry.peers.snapshot import Snapshot

_log = logging.getLogger(__name__)
_BACKLOG = 1024
_MANAGEMENT_CONNECTIONS = 256
_GOODBYE_S = 2.0
_SETTINGS_EVERY_S = 1.0
_OF_THE_LOG = ("name", "log_level", "log_format")


async def serve(configuration: Configuration, *, stop_with_stdin: bool = False) -> None:
    """Run one peer until SIGTERM or SIGINT, or, with `stop_with_stdin`, until standard input ends.

    Raises:
        PortInUseError: a port is taken.
    """
    settings = configuration.started
    allow_files(settings.max_connections)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    threads = ThreadPoolExecutor()
    loop.set_default_executor(threads)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if stop_with_stdin:
        loop.add_reader(sys.stdin.fileno(), _stop_at_end_of_input, stop)
    api_sockets = bind(settings.host, settings.port)
    tls_sockets = bind(settings.host, settings.tls_port) if settings.tls_port else []
    management_sockets = bind(settings.management_host or settings.host, settings.management_port)
    settings = with_ports(settings, port_of(api_sockets), port_of(management_sockets))
    settings = with_address(settings, address_of(api_sockets))
    try:
        async with open_session() as session:
            peer = Peer(Node(settings, session, configuration=configuration))
            await peer.run(api_sockets, management_sockets, stop, tls_sockets=tls_sockets)
    finally:
        # Else the process waits at its end for look-ups of peers' names, one after the other.
        threads.shutdown(wait=False, cancel_futures=True)


def _stop_at_end_of_input(stop: asyncio.Event) -> None:
    """Stop when the process that started us is gone, however it ended."""
    if not os.read(sys.stdin.fileno(), 1024):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()


class Peer:
    """A node with its sockets and timers."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._guard = _guard(node)
        self._dashboard = dashboard = Dashboard(node)
        handlers = methods(node.reads, node.writes, node.peer_api, dashboard.status, dashboard.page)
        hosts = Hosts(node, machine_names())
        serving = Serving(
            node, Api(handlers, node.counters), hosts, dashboard.login_page, self._guard
        )
        settings = node.settings
        self._server = Server(
            serving.handle,
            fast_lane(node, self._guard),
            keepalive_timeout_s=settings.keepalive_timeout_s,
            request_timeout_s=settings.request_timeout_s,
            max_connections=settings.max_connections,
        )
        self._management = Server(
            Management(node, hosts).handle,
            None,
            keepalive_timeout_s=settings.keepalive_timeout_s,
            request_timeout_s=settings.request_timeout_s,
            max_connections=_MANAGEMENT_CONNECTIONS,
        )
        self._snapshot = (
            Snapshot(Path(settings.snapshot_path), node.registry, node.id, node.now_ms)
            if settings.snapshot_path
            else None
        )
        self._timers: list[asyncio.Task[None]] = []
        self.eviction = Eviction(node)

    async def run(
        self,
        api_sockets: Sequence[socket.socket],
        management_sockets: Sequence[socket.socket],
        stop: asyncio.Event,
        on_ready: Callable[[Node], None] | None = None,
        *,
        tls_sockets: Sequence[socket.socket] = (),
    ) -> None:
        """Serve until `stop` is set; an unexpected death of any part ends it with its error.

        `api_sockets` speak HTTPS if there is a certificate, unless there are `tls_sockets`: then
        those do, and the others plain HTTP.
        """
        await self._look_for_name()
        loop = asyncio.get_running_loop()
        secure = self.node.tls.server is not None and not tls_sockets
        listening = [await self._listen(each, secure=secure) for each in api_sockets]
        listening += [await self._listen(each, secure=True) for each in tls_sockets]
        manageable = [
            await loop.create_server(self._management, sock=each) for each in management_sockets
        ]
        try:
            async with asyncio.TaskGroup() as group:
                self.node.mesh.run_in(group)
                self.node.remotes.run_in(group)
                self._start_timers(group)
                starting = group.create_task(self._start(on_ready))
                await stop.wait()
                starting.cancel()
                await self._stop(listening)
                self._cancel_timers()
        finally:
            await self._server.shutdown(self.node.settings.stop_timeout_s)
            if self._guard is not None:
                self._guard.close()
            for each in manageable:
                each.close()
            await self._management.shutdown(_GOODBYE_S)

    async def _listen(self, sock: socket.socket, *, secure: bool) -> asyncio.Server | TlsListener:
        """Listen for clients of the API."""
        if secure:
            sock.listen(_BACKLOG)
            context = self.node.tls.server_context
            return TlsListener(sock, self._server, context, _GOODBYE_S)
        loop = asyncio.get_running_loop()
        return await loop.create_server(self._server, sock=sock, backlog=_BACKLOG)

    def adopt(self, settings: Settings) -> None:
        """Go on with other settings from this moment on."""
        before = self.node.settings
        self.node.adopt(settings)
        if any(getattr(before, name) != getattr(settings, name) for name in _OF_THE_LOG):
            logs.set_up(settings)
        self.eviction.delay(settings.eviction_interval_s - before.eviction_interval_s)

    # -- Start

    async def _look_for_name(self) -> None:
        """Learn our name from the peer list, before the peer serves requests."""
        if not self.node.naming.named.is_set():
            found = await _look(self.node.settings)()
            if isinstance(found, PeerList):
                self._take_list(found)

    async def _start(self, on_ready: Callable[[Node], None] | None) -> None:
        await become_ready(self.node, self._snapshot, self.adopt)
        if on_ready is not None:
            on_ready(self.node)

    # -- Timers

    def _start_timers(self, group: asyncio.TaskGroup) -> None:
        settings, node = self.node.settings, self.node
        self.eviction.start(asyncio.get_running_loop().time())
        start = group.create_task
        self._timers = [
            start(_every(1.0, self._tick)),
            start(_every_set(lambda: node.settings.eviction_interval_s, self._evict)),
            start(_every_set(lambda: node.settings.threshold_update_interval_s, self._recount)),
            start(_every(5.0, self._cut_off_overdue)),
            start(_every(_SETTINGS_EVERY_S, self._look_at_settings)),
            start(self._watch_peers()),
        ]
        self._timers += [start(_every(LOOK_EVERY_S, each.look)) for each in node.watched]
        self._timers.append(start(_every(1.0, node.tell_refusals)))
        if settings.register_with_eureka:
            self._timers.append(start(_every(30.0, node.renew_self)))
        if self._snapshot is not None:
            keep = self._snapshot.keep(lambda: node.settings.snapshot_interval_s)
            self._timers.append(start(keep))

    def _tick(self) -> None:
        self.eviction.follow_clock(asyncio.get_running_loop().time())
        self.node.registry.tick(self.node.now_ms())

    def _evict(self) -> None:
        self.eviction.evict(asyncio.get_running_loop().time())

    def _recount(self) -> None:
        if self.node.registry.java is not None:
            self.node.registry.java.recount(self.node.registry.size)

    def _look_at_settings(self) -> None:
        wanted = self.node.configuration.look()
        if wanted is not None:
            self.adopt(with_live(self.node.settings, wanted))

    def _cancel_timers(self) -> None:
        for task in self._timers:
            task.cancel()
        self.node.mesh.stop()
        self.node.remotes.stop()

    def _cut_off_overdue(self) -> None:
        now_s = asyncio.get_running_loop().time()
        self._server.cut_off_overdue(now_s)
        self._management.cut_off_overdue(now_s)

    async def _watch_peers(self) -> None:
        settings, mesh = self.node.settings, self.node.mesh
        look = _look(settings)
        await discovery.watch(look, settings.peers_refresh_s, self._take_list, mesh.set_problem)

    def _take_list(self, peers: PeerList) -> None:
        node = self.node
        settings = node.naming.take(node.settings, peers)
        if settings != node.settings:
            self.adopt(settings)
        node.mesh.own_name = node.naming.name
        node.mesh.update(peers)

    # -- Stop

    async def _stop(self, listening: Sequence[asyncio.Server | TlsListener]) -> None:
        node, settings = self.node, self.node.settings
        _log.info("stopping name=%s", settings.name)
        was_ready = node.gate.stage is Stage.READY
        node.gate.stage = Stage.STOPPING
        node.gate.why_not_ready = "it was told to stop"
        if self._snapshot is not None and was_ready:  # an incomplete start must not replace it
            await self._snapshot.save()
        if settings.register_with_eureka:
            key = own_key(settings)
            if node.registry.cancel(*key, node.now_ms()):
                node.mesh.publish(PeerAction.CANCEL, *key)
        await asyncio.sleep(settings.drain_s)
        ends_s = asyncio.get_running_loop().time() + settings.stop_timeout_s
        await node.mesh.flush(settings.stop_timeout_s)  # peers that stop, too, still reach us
        for server in listening:
            server.close()
        self._server.pre_shutdown()
        left_s = max(0.0, ends_s - asyncio.get_running_loop().time())
        if not await node.mesh.flush(left_s):
            _log.warning("stopping with changes that some peer did not take")


def _guard(node: Node) -> Guard | None:
    """The guard of a node; `None`: everybody may do everything."""
    if not node.settings.auth_file:
        return None
    guard = Guard(node.settings.auth_file, node.registry.index_names)
    node.watched.append(guard.watched)
    return guard


def _look(settings: Settings) -> discovery.Look:
    if settings.peers_file:
        return discovery.in_file(Path(settings.peers_file))
    if settings.peers_dns:
        return discovery.in_dns(settings.peers_dns, peer_port(settings), scheme(settings))
    return discovery.static_peers(settings.peers)


async def _every(interval_s: float, do: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(interval_s)
        do()


async def _every_set(interval_s: Callable[[], float], do: Callable[[], None]) -> None:
    """Do something at an interval that is a setting."""
    while True:
        await pause(interval_s)
        do()
