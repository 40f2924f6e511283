"""Look-ups: E1-E3, E5, E11-E13 and E17 of `docs/protocol/http.md#endpoints`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol
from urllib.parse import quote

import msgspec

from eureka_registry.core.limits import ENCODED_AT_ONCE
from eureka_registry.core.mirror import Earlier, Mirror
from eureka_registry.core.model import Instance
from eureka_registry.core.registry import Registry
from eureka_registry.core.validation import display_text
from eureka_registry.http.gate import Gate
from eureka_registry.http.loopshare import LoopShare
from eureka_registry.http.messages import NOT_FOUND, Answer, Call, Later, text
from eureka_registry.http.routes import Route
from eureka_registry.peers.client import SERVER_IDENTITY
from eureka_registry.peers.regions import AGENT
from eureka_registry.wire.bodies import Bodies, Body, Source
from eureka_registry.wire.codecs import codec_for
from eureka_registry.wire.negotiate import Form

VARY: Final = ("Vary", "Accept, Accept-Encoding, X-Eureka-Accept")
NOT_MODIFIED: Final = 304
_CONFLICT: Final = 409
_NAMED: Final = 5


_MOST_TURNS: Final = 1_000
"""Where documents change faster than they are encoded in parts, the rest comes at once."""


class BuildInPart(Protocol):
    """`Bodies.full_in_part` or `delta_in_part`."""

    def __call__(
        self, sources: Sequence[Source], form: Form, now_ms: int, *, gzip: bool, most: int
    ) -> Body | None:
        """The list, or `None` after `most` documents were encoded for it."""


class Reads:
    """Answers look-ups from this peer's registry and the mirrors of other regions."""

    def __init__(
        self,
        registry: Registry,
        bodies: Bodies,
        regions: Mapping[str, Mirror],
        gate: Gate,
        node: str,
    ) -> None:
        """Serve `registry`.

        Args:
            registry: this peer's.
            bodies: encodes the lists.
            regions: mirrors of other regions by name in lower case, in the order of precedence.
            gate: decides when lists must not be read.
            node: this process's id, which makes its tags its own.
        """
        self._registry = registry
        self._bodies = bodies
        self._regions = regions
        self._gate = gate
        self._node = node
        self._share = LoopShare(1)

    def apps(self, call: Call, route: Route) -> Answer | Later:
        """All applications (E1)."""
        shut = self._gate.list_refusal(call, full=True) or self._unready(call)
        if shut is not None:
            return shut
        form = call.form(v1=route.v1)
        return self._list_in_parts(call, form, self._bodies.full_in_part)

    def delta(self, call: Call, route: Route) -> Answer | Later:
        """What changed lately (E2)."""
        shut = self._gate.delta_refusal(call) or self._unready(call)
        if shut is not None:
            return shut
        form = call.form(v1=route.v1)
        return self._list_in_parts(call, form, self._bodies.delta_in_part)

    def app(self, call: Call, route: Route) -> Answer:
        """One application (E3)."""
        shut = self._gate.list_refusal(call)
        if shut is not None:
            return shut
        form = call.form(v1=route.v1)
        (name,) = route.names
        sources = self._everywhere(call)
        body = self._bodies.application(sources, name, form, call.now_ms, gzip=call.gzip)
        return NOT_FOUND if body is None else self._list(call, form, body)

    def vip(self, call: Call, route: Route) -> Answer:
        """The instances of a virtual address (E12)."""
        return self._by_address(call, route, secure=False)

    def svip(self, call: Call, route: Route) -> Answer:
        """The instances of a secure virtual address (E13)."""
        return self._by_address(call, route, secure=True)

    def instance(self, call: Call, route: Route) -> Answer:
        """One instance, with the present state of its lease (E5)."""
        app, instance_id = route.names
        lease = self._registry.visible(app, instance_id, call.now_ms)
        if lease is not None:
            return document(lease.document(), call.form(v1=route.v1))
        # Other regions are looked into even if lists leave them out, as in Java.
        found = (mirror.get(app, instance_id) for mirror in self._regions.values())
        return _first(found, call.form(v1=route.v1))

    def by_id(self, call: Call, route: Route) -> Answer:
        """One instance, whatever its application (E11).

        Java returns the first that it finds, so a client that may write one application could stand
        for an instance of another. If several applications have the id, the answer is 409.
        """
        (instance_id,) = route.names
        found = [lease.document() for lease in self._registry.by_id(instance_id, call.now_ms)]
        for mirror in self._regions.values():
            found += mirror.by_id(instance_id)
        applications = dict.fromkeys(instance.app for instance in found)
        if len(applications) > 1:
            return text(_CONFLICT, _ambiguous(instance_id, list(applications)))
        return _first(found, call.form(v1=route.v1))

    def overrides(self, _call: Call, _route: Route) -> Answer:
        """Operators' overrides by instance id (E17).

        An id that several applications have is written as `APP/ID`, both encoded as in a path; so
        is an id with a slash, which could be taken for such a name.
        """
        found = {
            self._unambiguous(lease.instance.app, lease.instance.id): lease.override.value
            for lease in self._registry.leases()
            if lease.override is not None
        }
        return Answer(200, msgspec.json.encode(found), "application/json")

    # -- How

    def _unambiguous(self, app: str, instance_id: str) -> str:
        if "/" not in instance_id and len(self._registry.ids.applications(instance_id)) == 1:
            return instance_id
        return f"{quote(app, safe='')}/{quote(instance_id, safe='')}"

    def _by_address(self, call: Call, route: Route, *, secure: bool) -> Answer:
        shut = self._gate.lookup_refusal(call)
        if shut is not None:
            return shut
        form = call.form(v1=route.v1)
        sources = self._everywhere(call)
        body = self._bodies.vip(sources, route.names[0], form, call.now_ms, secure=secure)
        return self._list(call, form, body)

    def _sources(self, call: Call) -> Sequence[Source]:
        """The registries a list is drawn from (`docs/protocol/regions.md#other-regions`)."""
        if not call.query.get("regions"):
            # A server that mirrors this region must not get its own instances back.
            return [self._registry] if _is_server(call) else self._everywhere(call)
        self._settle(call.now_ms)
        return [self._registry, *self._mirrors_of(call)]

    def _everywhere(self, call: Call) -> Sequence[Source]:
        if not self._gate.region_fallback:
            return [self._registry]
        self._settle(call.now_ms)
        return [self._registry, *self._regions.values()]

    def _mirrors_of(self, call: Call) -> list[Mirror]:
        """The mirrors that a request asks for by name; unknown names are ignored."""
        wanted = {name.strip().lower() for name in call.query.get("regions", "").split(",")}
        return [mirror for name, mirror in self._regions.items() if name in wanted]

    def _unready(self, call: Call) -> Answer | None:
        return self._gate.regions_refusal(mirror.ready for mirror in self._mirrors_of(call))

    def _settle(self, now_ms: int) -> None:
        """Make each mirror hide what this peer or an earlier mirror lists."""
        earlier: list[Earlier] = [self._registry]
        for mirror in self._regions.values():
            mirror.defer_to(earlier, now_ms)
            earlier.append(mirror)

    def _list_in_parts(self, call: Call, form: Form, build: BuildInPart) -> Answer | Later:
        """A list of the size of the registry; at once if few documents must be encoded."""
        sources = self._sources(call)
        body = build(sources, form, call.now_ms, gzip=call.gzip, most=ENCODED_AT_ONCE)
        if body is not None:
            return self._list(call, form, body)
        return self._list_later(call, form, build)

    async def _list_later(self, call: Call, form: Form, build: BuildInPart) -> Answer:
        body, turns = None, 0
        while body is None:
            await self._share.take(1)
            turns += 1
            most = ENCODED_AT_ONCE if turns < _MOST_TURNS else sys.maxsize
            body = build(self._sources(call), form, call.now_ms, gzip=call.gzip, most=most)
        return self._list(call, form, body)

    def _list(self, call: Call, form: Form, body: Body) -> Answer:
        tag = f'W/"{self._node}-{body.tag}"'
        headers: tuple[tuple[str, str], ...] = (VARY, ("ETag", tag), ("Cache-Control", "no-cache"))
        if call.has(tag):
            return Answer(NOT_MODIFIED, headers=headers)
        if body.gzipped:
            headers = (*headers, ("Content-Encoding", "gzip"))
        return Answer(200, body.content, form.content_type, headers)


def _first(found: Iterable[Instance | None], form: Form) -> Answer:
    instance = next((each for each in found if each is not None), None)
    return NOT_FOUND if instance is None else document(instance, form)


def _ambiguous(instance_id: str, applications: Sequence[str]) -> str:
    named = ", ".join(display_text(app) for app in applications[:_NAMED])
    more = f" and {len(applications) - _NAMED} more" if len(applications) > _NAMED else ""
    return (
        f"instance id {display_text(instance_id)} is held by several applications: {named}{more}; "
        f"ask below apps/APPLICATION for one of them\n"
    )


def _is_server(call: Call) -> bool:
    agent = call.headers.get("User-Agent", "")
    return agent.startswith(AGENT) or call.headers.get("DiscoveryIdentity-Name") == SERVER_IDENTITY


def document(instance: Instance, form: Form, status: int = 200) -> Answer:
    """One instance's document."""
    return Answer(status, codec_for(form).single(instance), form.content_type)
