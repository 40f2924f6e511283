"""The management port: health for Kubernetes, metrics for Prometheus, `/peers` for people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final

import msgspec
from aiohttp import web

from eureka_registry import __version__
from eureka_registry.core.registry import Registry
from eureka_registry.http import browsers
from eureka_registry.http.allowance import Allowance
from eureka_registry.http.gate import Stage
from eureka_registry.http.hosts import Hosts
from eureka_registry.http.metrics import CONTENT_TYPE, Metrics
from eureka_registry.http.node import Node
from eureka_registry.peers.link import Link
from eureka_registry.peers.regions import Region

_APPLICATIONS: Final = b'\n  "applications": '
_SLICE: Final = 5000


class Management:
    """Answers one node's management port; nothing here changes anything."""

    def __init__(self, node: Node, hosts: Hosts) -> None:
        self._node = node
        self._hosts = hosts
        self._metered = Metrics(node)
        self._digests = Digests(node.registry)
        self._pages: dict[str, Callable[[], web.Response | Coroutine[None, None, web.Response]]] = {
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
        answer = page()
        return answer if isinstance(answer, web.Response) else await answer

    def _livez(self) -> web.Response:
        """Liveness: that it answers shows that the loop runs. Never depends on peers."""
        return web.Response(text="ok\n")

    def _readyz(self) -> web.Response:
        """Readiness: the copy is complete or not needed, and the peer is not stopping."""
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
        text = self._metered.exposition()
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE})

    async def _peers(self) -> web.Response:
        """Our identity, what we hold, and the state of each peer."""
        applications = await self._digests.text()
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
            "applications": {},
            "peers": [_peer(link, now_ms) for link in node.mesh.links.values()],
            "regions": [_region(region, now_ms) for region in node.remotes],
        }
        body = msgspec.json.format(msgspec.json.encode(document), indent=2)
        body = body.replace(_APPLICATIONS + b"{}", _APPLICATIONS + applications, 1)
        return web.Response(body=body, content_type="application/json")


class Digests:
    """The digests of all applications, as `/peers` shows them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._allowance = Allowance()
        self._kept: tuple[int, bytes] | None = None

    async def text(self) -> bytes:
        """A JSON object; many applications are written in slices, and seldom."""
        kept, version = self._kept, self._registry.version
        if kept is not None and (kept[0] == version or not self._allowance.is_left):
            return kept[1]
        pieces = []
        applications = sorted(self._registry.applications.items())
        for start in range(0, len(applications), _SLICE):
            if start:
                await asyncio.sleep(0)
            with self._allowance.account():
                some = applications[start : start + _SLICE]
                shown = {name: f"{each.digest:016x}" for name, each in some}
                text = msgspec.json.format(msgspec.json.encode(shown), indent=2)
                pieces.append(text[1:-2].replace(b"\n", b"\n  "))
        text = b"{" + b",".join(pieces) + b"\n  }" if pieces else b"{}"
        self._kept = (version, text)
        return text


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
        "diverged": link.diverged_instances,
        "repaired": link.repaired,
    }
