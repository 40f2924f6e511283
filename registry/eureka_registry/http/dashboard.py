"""The data of the dashboard. Its pages are in `static/`."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import Final

import msgspec

from eureka_registry import __version__
from eureka_registry.core.lease import Lease
from eureka_registry.http import routes
from eureka_registry.http.gate import Stage
from eureka_registry.http.messages import NOT_FOUND, Answer, Call, Later
from eureka_registry.http.node import Node, own_key, own_url
from eureka_registry.http.routes import Route
from eureka_registry.http.rows import Rows, Table
from eureka_registry.peers.link import Link
from eureka_registry.peers.urls import display_url
from eureka_registry.wire import jsoncodec, xmlcodec
from eureka_registry.wire.copies import Sight
from eureka_registry.wire.documents import StatusInfo
from eureka_registry.wire.negotiate import Format

_SECURITY: Final = (
    (
        "Content-Security-Policy",
        (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
            "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
        ),
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-cache"),
)
_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_PAGES: Final[dict[tuple[str, ...], str]] = {(): "index.html", ("lastn",): "lastn.html"}
_CHALLENGE: Final = ("WWW-Authenticate", 'Bearer realm="eureka"')
_JSON: Final = "application/json"
_MIB: Final = 1_048_576


class Dashboard:
    """Serves the pages and their data."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._files = _static_files()
        self._rows = Rows(node.registry)

    def page(self, call: Call, route: Route) -> Answer | Later:
        """A page, an asset or data, by the segments of its path."""
        if not self._node.settings.dashboard:
            return NOT_FOUND
        match route.names:
            case ("dashboard", what):
                return self._data(what, call)
            case (routes.MOVED, place):
                return Answer(302, headers=(("Location", place),))
            case ("static", name):
                return self._static(name)
            case names:
                return self._static(_PAGES.get(names, ""))

    def _data(self, name: str, call: Call) -> Answer | Later:
        match name:
            case "state":
                return _fresh(self._state(call.now_ms))
            case "instances":
                return self._instances(call)
            case "lastn":
                return _fresh(self._recent_changes())
            case _:
                return NOT_FOUND

    def login_page(self, route: Route, answer: Answer) -> Answer:
        """The answer at a page's path to an unknown sender (`answer` is 401).

        It has a page: the browser asks for user and password first; a user who cancels that sees
        the page and can paste a token. Answers to requests for data do not offer Basic: the browser
        would ask again at each of them.
        """
        if not self._node.settings.dashboard:
            return answer
        if route.names[:1] == ("dashboard",):
            others = [each for each in answer.headers if each[0] != _CHALLENGE[0]]
            return msgspec.structs.replace(answer, headers=(_CHALLENGE, *others))
        page = self._static(_PAGES.get(route.names, ""))
        return msgspec.structs.replace(
            answer,
            body=page.body,
            content_type=page.content_type,
            headers=(*answer.headers, *page.headers),
        )

    def status(self, call: Call, route: Route) -> Answer:
        """The status document of Java's servers (E15)."""
        form = call.form(v1=route.v1)
        node = self._node
        lease = node.registry.lease(*own_key(node.settings))
        registered, available, unavailable = self._replicas(call.now_ms)
        info = StatusInfo(
            general_stats={"environment": node.settings.environment, **_general(node)},
            application_stats={
                "registered-replicas": ", ".join(registered),
                "available-replicas": "".join(f"{url}," for url in available),
                "unavailable-replicas": "".join(f"{url}," for url, _ in unavailable),
            },
            instance=lease.document() if lease else None,
        )
        encode = jsoncodec if form.format is Format.JSON else xmlcodec
        return Answer(200, encode.encode_status(info), form.content_type)

    # -- Files

    def _static(self, name: str) -> Answer:
        return self._files.get(name, NOT_FOUND)

    # -- Data

    def _state(self, now_ms: int) -> dict[str, object]:
        node, settings, registry = self._node, self._node.settings, self._node.registry
        verdict = node.verdict()
        registered, available, unavailable = self._replicas(now_ms)
        own = registry.lease(*own_key(settings))
        return {
            "now_ms": now_ms,
            "version": registry.version,
            "peer": {
                "name": settings.name,
                "node": node.id,
                "url": display_url(own_url(settings)),
                "state": node.gate.stage.value,
                "why": node.gate.why_not_ready if node.gate.stage is Stage.STARTING else None,
                "version": __version__,
            },
            "problem": node.configuration.problem or node.problem,
            "environment": settings.environment,
            "datacenter": settings.datacenter,
            "region": settings.region,
            "zone": settings.zone,
            "uptime_s": (now_ms - node.started_ms) // 1000,
            "started_ms": node.started_ms,
            "lease_expiration_enabled": verdict.expiration_enabled,
            "renews_threshold": round(verdict.threshold),
            "renews_expected": round(verdict.promised),
            "renews_last_minute": registry.renewal_rate.last_minute(),
            "self_preservation": {
                "enabled": verdict.enabled,
                "active": verdict.active,
                "sentence": verdict.sentence,
                "short": [
                    {
                        "app": t.app,
                        "leases": t.leases,
                        "on_time": t.on_time,
                        "missing": t.missing,
                    }
                    for t in verdict.short
                ],
            },
            "totals": {
                "applications": len(registry.applications),
                "instances": registry.size,
                "by_status": {s.value: n for s, n in registry.counts.items() if n},
            },
            "replicas": {
                "registered": registered,
                "available": available,
                "unavailable": [{"url": url, "why": why} for url, why in unavailable],
            },
            "peers": [_peer(link, now_ms) for link in node.mesh.other_links()],
            "general": _general(node),
            "instance": _own(own) if own else None,
            "actions": settings.dashboard_actions,
            "links": [],
        }

    def _instances(self, call: Call) -> Answer | Later:
        table = self._rows.recent_table(gzip=call.gzip)
        return self._new_table(call) if table is None else self._table(call, table)

    async def _new_table(self, call: Call) -> Answer:
        return self._table(call, await self._rows.new_table(gzip=call.gzip))

    def _table(self, call: Call, table: Table) -> Answer:
        tag = f'W/"{self._node.id}-rows-{table.version}"'
        headers: tuple[tuple[str, str], ...] = (("ETag", tag), *_SECURITY)
        if call.has(tag):
            return Answer(304, headers=headers)
        if call.gzip:
            headers = (("Content-Encoding", "gzip"), *headers)
        return Answer(200, table.content, _JSON, headers)

    def _recent_changes(self) -> dict[str, object]:
        registry = self._node.registry
        return {
            "registered": list(reversed(registry.last_registered)),
            "cancelled": [
                (at_ms, name, "expired" if expired else "cancelled")
                for at_ms, name, expired in reversed(registry.last_departed)
            ],
        }

    def _replicas(self, now_ms: int) -> tuple[list[str], list[str], list[tuple[str, str]]]:
        """Peers by URL: all, those that take changes, and why the others do not take them."""
        registered, available, unavailable = [], [], []
        for link in self._node.mesh.other_links():
            registered.append(link.client.url)
            why = link.why_unavailable(now_ms)
            if why is None:
                available.append(link.client.url)
            else:
                unavailable.append((link.client.url, why))
        return registered, available, unavailable


def _fresh(value: object) -> Answer:
    return Answer(200, msgspec.json.encode(value), _JSON, _SECURITY)


def _static_files() -> dict[str, Answer]:
    """All static files, read once: nothing is cached for names that clients invent."""
    found = {}
    for file in Path(__file__).with_name("static").iterdir():
        kind = _TYPES.get(file.name.rpartition(".")[2])
        if kind is not None:
            found[file.name] = Answer(200, file.read_bytes(), kind, _SECURITY)
    return found


def _peer(link: Link, now_ms: int) -> dict[str, object]:
    sight = link.sight(now_ms)
    sees = link.digest.sees if link.digest is not None else None
    return {
        "name": link.name,
        "url": link.client.url,
        "kind": link.kind.value,
        "available": sight.available,
        "why": sight.why,
        "lag_ms": sight.lag_ms,
        "backlog": sight.backlog,
        "agreement": sight.agreement,
        "diverged": [{"app": app, "ids": ids} for app, ids in link.diverged_instances.items()],
        "sees": None if sees is None else {name: _sight(each) for name, each in sees.items()},
    }


def _sight(sight: Sight) -> dict[str, object]:
    return {n: v for n, v in msgspec.structs.asdict(sight).items() if n != "why"}


def _own(lease: Lease) -> dict[str, object]:
    instance = lease.instance
    return {
        "ipAddr": instance.ip_addr,
        "status": instance.status,
        "instanceId": instance.id,
    }


def _general(node: Node) -> dict[str, str]:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    used_mib = used // (_MIB if sys.platform == "darwin" else 1024)
    total_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB
    return {
        "num-of-cpus": str(os.cpu_count() or 1),
        "total-avail-memory": f"{total_mib}mb",
        "current-memory-usage": f"{used_mib}mb ({100 * used_mib // max(1, total_mib)}%)",
        "server-uptime": _uptime((node.now_ms() - node.started_ms) // 60_000),
    }


def _uptime(minutes: int) -> str:
    """Netflix's way: `hh:mm`, with the days in front (`StatusInfo.getUpTime`)."""
    days, rest = divmod(minutes, 24 * 60)
    clock = f"{rest // 60:02d}:{rest % 60:02d}"
    if not days:
        return clock
    return f"{days} day{'' if days == 1 else 's'} {clock}"
