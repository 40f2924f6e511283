"""The start, from listening to ready: name, snapshot, list of peers, copy of their leases."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from eureka_registry.config.settings import Settings
from eureka_registry.http.gate import NOT_COPIED
from eureka_registry.http.node import Node
from eureka_registry.peers.bootstrap import Outcome, copy_registry
from eureka_registry.peers.snapshot import Snapshot

_log = logging.getLogger(__name__)

Adopt = Callable[[Settings], None]
"""Goes on with other settings, as `app.Peer.adopt` does."""


async def become_ready(node: Node, snapshot: Snapshot | None, adopt: Adopt) -> None:
    """Load, copy, open the gate, and register this peer."""
    await _wait_for_name(node, adopt)
    settings = node.settings
    if settings.auth_file and (not settings.tls_cert or settings.tls_port):
        _log.warning("auth_file with plain HTTP: passwords and tokens can be read on the way")
    if snapshot is not None:
        _log.info("snapshot: %s", await snapshot.load())
    copied = node.registry.size > 0
    if settings.fetch_registry:
        outcome = await _copy(node)
        copied = copied or outcome.source is not None
    if node.registry.java is not None:
        node.registry.java.expected_clients = max(1, node.registry.size)
    if not node.naming.listed.is_set():
        adopt(node.naming.give_up(node.settings))
    node.gate.open(node.now_ms(), copied=copied)
    node.mesh.started = True
    if settings.register_with_eureka:
        node.register_self()
    _log.info(
        "ready name=%s port=%d instances=%d", node.settings.name, settings.port, node.registry.size
    )


async def _wait_for_name(node: Node, adopt: Adopt) -> None:
    settings = node.settings
    if node.naming.named.is_set():
        return
    why = f"pod {settings.pod_name} is not in names of {settings.peers_file} yet"
    if not await _comes_in_time(node.naming.named, node, why):
        adopt(node.naming.give_up(settings))
        _log.warning("%s: it goes on as %s", why, node.settings.name)


async def _copy(node: Node) -> Outcome:
    settings = node.settings
    await _wait_for_list(node)
    outcome = await copy_registry(
        lambda: list(node.mesh.links.values()),
        node.registry,
        settings.sync_timeout_s,
        settings.max_instances,
        node.now_ms,
    )
    if outcome.complete:
        _log.info("start: %s", outcome.sentence)
    else:
        node.gate.incomplete = f"the start is not complete: {outcome.sentence}"
        _log.warning("%s", node.gate.incomplete)
    return outcome


async def _wait_for_list(node: Node) -> None:
    """Wait until we know whom to copy from, and are known: else we miss changes meanwhile."""
    await _comes_in_time(node.mesh.listed, node, NOT_COPIED)
    why = f"{node.settings.name} is not in the peer list yet"
    if not await _comes_in_time(node.naming.listed, node, why):
        _log.warning("%s: it starts all the same", why)
    node.gate.why_not_ready = NOT_COPIED


async def _comes_in_time(event: asyncio.Event, node: Node, why_not_ready: str) -> bool:
    """Wait for an event for at most `sync_timeout_s`; returns whether it came."""
    if event.is_set():
        return True
    node.gate.why_not_ready = why_not_ready
    with suppress(TimeoutError):
        async with asyncio.timeout(node.settings.sync_timeout_s):
            return await event.wait()
    return False
