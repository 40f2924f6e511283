"""What peers ask each other: batches (E16), and between Eurekube peers digests and copies."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from eureka_registry.core.lease import Lease
from eureka_registry.core.registry import Registry
from eureka_registry.http.gate import Gate
from eureka_registry.http.messages import Answer, Call
from eureka_registry.http.routes import Route
from eureka_registry.peers.client import NODE_HEADER
from eureka_registry.peers.exchange import apply
from eureka_registry.wire.copies import Digest, Sight, encode_copy, encode_digest
from eureka_registry.wire.documents import BadDocument
from eureka_registry.wire.negotiate import body_format
from eureka_registry.wire.replication import decode_batch, encode_replies

JSON = "application/json"


class PeerApi:
    """Serves the other peers."""

    def __init__(
        self,
        registry: Registry,
        gate: Gate,
        node: str,
        name: Callable[[], str],
        sees: Callable[[int], dict[str, Sight]],
    ) -> None:
        """Serve `registry`.

        Args:
            registry: this peer's.
            gate: knows whether we are ready.
            node: this process's node id.
            name: this peer's name.
            sees: how we see the others.
        """
        self._registry = registry
        self._gate = gate
        self._node = node
        self._name = name
        self._sees = sees
        self.items = 0

    def batch(self, call: Call, _route: Route) -> Answer:
        """Apply what another peer's clients did; one reply per item (E16)."""
        if call.headers.get(NODE_HEADER) == self._node:
            return Answer(200, b'{"responseList":[]}', JSON)
        if not _may_be_json(call.headers.get("Content-Type")):
            return Answer(415)
        try:
            items = decode_batch(call.body, call.now_ms)
        except BadDocument as error:
            reason = ("X-Eurekube-Reason", str(error).encode("ascii", "replace").decode()[:400])
            return Answer(400, b'{"error": "cannot parse request body"}', JSON, (reason,))
        self.items += len(items)
        replies = [apply(self._registry, item, call.now_ms) for item in items]
        return Answer(200, encode_replies(replies), JSON)

    def digest(self, call: Call, _route: Route) -> Answer:
        """What we hold, summed up per application, and how we see our peers."""
        digest = Digest(
            node=self._node,
            name=self._name(),
            stage=self._gate.stage.value,
            applications={n: f"{a.digest:016x}" for n, a in self._registry.applications.items()},
            instances=self._registry.size,
            sees=self._sees(call.now_ms),
        )
        return Answer(200, encode_digest(digest), JSON)

    def copy(self, call: Call, _route: Route) -> Answer:
        """All leases, or with `?app=` those of one application."""
        app = call.query.get("app")
        leases = self._registry.leases() if app is None else self._of(app)
        body = encode_copy(leases, self._node, self._gate.stage.value, call.now_ms)
        return Answer(200, body, JSON)

    def _of(self, app: str) -> Iterable[Lease]:
        application = self._registry.applications.get(app)
        return application.leases.values() if application else ()


def _may_be_json(content_type: str | None) -> bool:
    """Java sends `application/json`; an XML body is read as JSON there and fails as such.

    What has no type, or one that any web page may send without leave, is neither.
    """
    return body_format(content_type) is not None
