"""The management port: health for Kubernetes, metrics for Prometheus, `/peers` for people."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from aiohttp import web

from eureka_registry import __version__
from eureka_registry.http import browsers
from eureka_registry.http.gate import Stage
from eureka_registry.http.hosts import Hosts
from eureka_registry.http.metrics import CONTENT_TYPE, exposition
from eureka_registry.http.node import Node
from eureka_registry.peers.link import Link
from eureka_registry.peers.regions import Region


class Management:
    """Answers one node's management port; nothing here changes anything."""

    def __init__(self, node: Node, hosts: Hosts) -> None:
        self._node = node
        self._hosts = hosts
        self._pages: dict[str, Callable[[], web.Response]] = {
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/startupz": self._startupz,
            "/metrics": self._metrics,
            "/peers": self._peers,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        foreign = browsers.refusal(request.method, request.headers, self._hosts.is_served)
        if foreign is not None:
            headers = {"Content-Type": foreign.content_type, **dict(foreign.headers)}
            return web.Response(status=foreign.status, body=foreign.body, headers=headers)
        page = self._pages.get(request.path)
        if page is None:
            known = ", ".join(self._pages)
            return web.Response(status=404, text=f"nothing here; there are {known}\n")
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        return page()

    def _livez(self) -> web.Response:
        """Whether the loop turns: that it answers says so. Never depends on peers."""
        return web.Response(text="ok\n")

    def _readyz(self) -> web.Response:
        """Whether lists may be read here: copied, or nothing to copy, and not stopping."""
        why = self._node.gate.why_not_serving(self._node.now_ms())
        if why is None:
            return web.Response(text="ok\n")
        return web.Response(status=503, text=f"{self._node.gate.stage.value}: {why}\n")

    def _startupz(self) -> web.Response:
        """Whether the start is over."""
        gate = self._node.gate
        if gate.stage is not Stage.STARTING:
            return web.Response(text="ok\n")
        return web.Response(status=503, text=f"starting: {gate.why_not_ready}\n")

    def _metrics(self) -> web.Response:
        """Prometheus' metrics."""
        return web.Response(body=exposition(self._node), headers={"Content-Type": CONTENT_TYPE})

    def _peers(self) -> web.Response:
        """Who we are, what we hold, and how each peer does."""
        node, configuration = self._node, self._node.configuration
        now_ms, verdict = node.now_ms(), self._node.verdict()
        document = {
            "node": node.id,
            "name": node.settings.name,
            "stage": node.gate.stage.value,
            "why": node.gate.why_not_serving(now_ms),
            "version": node.registry.version,
            "instances": node.registry.size,
            "hash": node.registry.hashcode(),
            "generation": node.mesh.generation,
            "problem": node.problem,
            "software": __version__,
            "config": {
                "hash": configuration.hash,
                "problem": configuration.problem,
                "restartNeeded": configuration.restart_needed,
            },
            "preserving": verdict.active,
            "selfPreservation": verdict.sentence,
            "applications": {
                name: f"{application.digest:016x}"
                for name, application in sorted(node.registry.applications.items())
            },
            "peers": [_peer(link, now_ms) for link in node.mesh.links.values()],
            "regions": [_region(region, now_ms) for region in node.remotes],
        }
        body = msgspec.json.format(msgspec.json.encode(document), indent=2)
        return web.Response(body=body, content_type="application/json")


def _region(region: Region, now_ms: int) -> dict[str, object]:
    fetched_ms = region.fetched_ms
    return {
        "name": region.name,
        "url": region.client.url,
        "ready": region.mirror.ready,
        "instances": region.mirror.size,
        "lastFetchMsAgo": None if fetched_ms is None else now_ms - fetched_ms,
        "fullFetches": region.full_fetches,
        "deltaFetches": region.delta_fetches,
        "problem": region.problem,
    }


def _peer(link: Link, now_ms: int) -> dict[str, object]:
    outbox = link.sender.outbox
    return {
        "name": link.name,
        "url": link.client.url,
        "state": link.peer.state,
        "kind": link.kind,
        "node": link.node,
        "self": link.sender.is_self,
        "aliasOf": link.alias_of,
        **msgspec.to_builtins(link.sight(now_ms)),
        "lastDeliveredMsAgo": (
            None if outbox.last_delivered_ms is None else now_ms - outbox.last_delivered_ms
        ),
        "dropped": {reason.value: count for reason, count in outbox.dropped.items()},
        "mismatches": link.sender.mismatches,
        "refused": link.sender.refused,
        "notCopied": link.why_not_copied,
        "diverged": link.diverged,
        "repaired": link.repaired,
    }
