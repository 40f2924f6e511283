"""Single writes of clients and peers: E4, E6 to E10 of `docs/protocol/http.md#endpoints`.

Each write is complete when the function returns; then it is sent to the peers, unless it came from
a peer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from eureka_registry.core.lease import Lease, is_odd
from eureka_registry.core.limits import MAX_LEASE_S
from eureka_registry.core.model import Instance, Origin, PeerAction, Status
from eureka_registry.core.names import NameIndex
from eureka_registry.core.ratelimit import Notices
from eureka_registry.core.registry import Registry
from eureka_registry.core.room import Full
from eureka_registry.core.validation import UNSAFE, metadata_problem, problem
from eureka_registry.http import denials
from eureka_registry.http.accounts import Account
from eureka_registry.http.auth import Identity
from eureka_registry.http.gate import Gate, Stage
from eureka_registry.http.messages import (
    NO_CONTENT,
    NOT_FOUND,
    OK,
    REASON,
    Answer,
    Call,
    RequestError,
    header_text,
    text,
)
from eureka_registry.http.reads import document
from eureka_registry.http.routes import Route
from eureka_registry.http.rules import Refusal
from eureka_registry.wire import jsoncodec, xmlcodec
from eureka_registry.wire.documents import BadDocument
from eureka_registry.wire.fields import known_status
from eureka_registry.wire.negotiate import Format, body_format

_log = logging.getLogger(__name__)

Publish = Callable[[PeerAction, str, str], None]
"""Tells the peers what happened to a lease: action, application, instance id."""

_CONFLICT: Final = 409


class Writes:
    """Changes leases, and tells the peers."""

    def __init__(self, registry: Registry, publish: Publish, gate: Gate) -> None:
        self._registry = registry
        self._publish = publish
        self._gate = gate
        self._odd = Notices()

    def register(self, call: Call, route: Route) -> Answer:
        """Begin a lease (E4)."""
        form = body_format(call.headers.get("Content-Type"))
        if form is None:
            return Answer(415)
        try:
            instance = _decode(call.body, form, call.now_ms)
        except BadDocument as error:
            return _unreadable(call, error)
        (app,) = route.names
        objection = self._objection(instance, app, call.identity)
        if isinstance(objection, str):
            return text(400, objection)
        if objection is not None:
            return self._forbidden(call, route, objection, instance.id)
        full = self._begin(instance, _origin(call), call.now_ms)
        return NO_CONTENT if full is None else text(503, full.sentence)

    def register_for_client(
        self, app: str, body: bytes, form: Format, now_ms: int, identity: Identity | None
    ) -> bool:
        """Begin a lease for its client; false: that was refused, and nothing has changed.

        Args:
            app: the application's name in upper case.
            body: the document.
            form: the language of the document.
            now_ms: the present moment.
            identity: for whom; `None` where everybody may do everything.
        """
        try:
            instance = _decode(body, form, now_ms)
        except BadDocument:
            return False
        if self._objection(instance, app, identity) is not None:
            return False
        return self._begin(instance, Origin.CLIENT, now_ms) is None

    def renew(self, call: Call, route: Route) -> Answer:
        """Renew a lease (E6). Clients parse any body as an instance: only 409 has one."""
        app, instance_id = route.names
        version = call.moment("lastDirtyTimestamp"), call.query.get("status")
        forbidden = self._refusal_of_change(call, route)
        if forbidden is not None:
            return forbidden
        if not call.from_peer:
            return Answer(self.renew_for_client(app, instance_id, *version, call.now_ms))
        if "overriddenstatus" in call.query:  # then its status is not the client's own
            version = version[0], None
        renewal = self._registry.renew(app, instance_id, call.now_ms, *version, origin=Origin.PEER)
        if renewal.newer_here is not None:
            return document(renewal.newer_here, call.form(v1=route.v1), _CONFLICT)
        if renewal.found:
            return OK
        if renewal.renewed:
            override = known_status(call.query.get("overriddenstatus")) or Status.UNKNOWN
            self._registry.adopt_override(app, instance_id, override, call.now_ms)
        return NOT_FOUND

    def renew_for_client(
        self,
        app: str,
        instance_id: str,
        last_dirty_ms: int | None,
        status: str | None,
        now_ms: int,
    ) -> int:
        """Renew a lease for its client, tell the peers, and return the status of the answer.

        Before the copy is complete nobody can know that a lease is unknown: 503 sends the client to
        another peer, where 404 would make it register.
        """
        renewal = self._registry.renew(app, instance_id, now_ms, last_dirty_ms, status)
        if renewal.renewed:
            self._publish(PeerAction.HEARTBEAT, app, instance_id)
        if renewal.found:
            return 200
        return 503 if self._gate.stage is Stage.STARTING else 404

    def cancel(self, call: Call, route: Route) -> Answer:
        """End a lease (E7)."""
        app, instance_id = route.names
        forbidden = self._refusal_of_change(call, route)
        if forbidden is not None:
            return forbidden
        if not self._registry.cancel(app, instance_id, call.now_ms):
            return NOT_FOUND
        self._tell(call, PeerAction.CANCEL, (app, instance_id))
        return OK

    def set_status(self, call: Call, route: Route) -> Answer:
        """Override a status (E8)."""
        app, instance_id = route.names
        forbidden = self._refusal_of_change(call, route)
        if forbidden is not None:
            return forbidden
        status = _wanted_status(call)
        dirty_ms = call.moment("lastDirtyTimestamp")
        found = self._registry.set_status(
            app, instance_id, status, call.now_ms, dirty_ms, origin=_origin(call)
        )
        if not found:
            return NOT_FOUND
        self._tell(call, PeerAction.STATUS_UPDATE, (app, instance_id))
        return OK

    def clear_status(self, call: Call, route: Route) -> Answer:
        """Remove an override (E9)."""
        app, instance_id = route.names
        forbidden = self._refusal_of_change(call, route)
        if forbidden is not None:
            return forbidden
        status = _wanted_status(call) if "value" in call.query else Status.UNKNOWN
        dirty_ms = call.moment("lastDirtyTimestamp")
        found = self._registry.clear_status(
            app, instance_id, status, call.now_ms, dirty_ms, origin=_origin(call)
        )
        if not found:
            return NOT_FOUND
        self._tell(call, PeerAction.DELETE_STATUS_OVERRIDE, (app, instance_id))
        return OK

    def update_metadata(self, call: Call, route: Route) -> Answer:
        """Add metadata (E10)."""
        app, instance_id = route.names
        forbidden = self._refusal_of_change(call, route)
        if forbidden is not None:
            return forbidden
        added = _metadata_from(call.query)
        account = call.identity.account if call.identity is not None else None
        if account is not None and (refusal := account.refusal_of_metadata(added)) is not None:
            return self._forbidden(call, route, refusal)
        lease = self._registry.lease(app, instance_id)
        # Small updates without end would grow what every client has to fetch.
        wrong = metadata_problem(lease.instance.metadata | added) if lease is not None else None
        if wrong is not None:
            return text(413, f"{wrong}\n")
        made = self._registry.update_metadata(app, instance_id, added, call.now_ms)
        if made is None:
            return NOT_FOUND
        if isinstance(made, Full):
            return text(503, made.sentence)
        self._tell(call, PeerAction.REGISTER, (app, instance_id))
        return OK

    def refusal_of_lease(self, account: Account, lease: Lease) -> Refusal | None:
        """Why a ServiceAccount may not renew or change a lease; `None` if it may."""
        return account.refusal_of_change(lease, self._names)

    # -- How

    def _begin(self, instance: Instance, origin: Origin, now_ms: int) -> Full | None:
        """Begin a lease, and tell the peers if a client registers.

        Returns:
            Why there is no room for it; `None`: it has begun.
        """
        made = self._registry.register(instance, origin, now_ms)
        if isinstance(made, Full):
            return made
        if is_odd(instance.lease):
            self._log_odd_lease(instance, now_ms)
        if origin is Origin.CLIENT:
            self._publish(PeerAction.REGISTER, instance.app, instance.id)
        return None

    def _objection(
        self, instance: Instance, app: str, identity: Identity | None
    ) -> str | Refusal | None:
        """What is wrong with a document, or why its sender may not register it; else `None`."""
        return problem(instance, app) or self._refusal_of_registration(identity, instance)

    def _refusal_of_registration(
        self, identity: Identity | None, instance: Instance
    ) -> Refusal | None:
        if identity is None:
            return None
        if identity.account is None:
            return identity.refusal_of_addresses(instance)
        held = self._registry.lease(instance.app, instance.id)
        return identity.account.refusal_of_registration(instance, held, self._names)

    def _refusal_of_change(self, call: Call, route: Route) -> Answer | None:
        """The answer to a sender that may write the application, but not this lease.

        `None`: it may, or there is no such lease.
        """
        if call.identity is None or call.identity.account is None:
            return None
        lease = self._registry.lease(*route.names)
        if lease is None:
            return None
        refusal = self.refusal_of_lease(call.identity.account, lease)
        return None if refusal is None else self._forbidden(call, route, refusal)

    @property
    def _names(self) -> NameIndex:
        names = self._registry.names
        assert names is not None  # noqa: S101 - there is an index where there are accounts
        return names

    def _forbidden(
        self, call: Call, route: Route, refusal: Refusal, instance_id: str = ""
    ) -> Answer:
        who = call.identity.name if call.identity is not None else ""
        return denials.forbidden(who, call.method, route, refusal, instance_id)

    def _tell(self, call: Call, action: PeerAction, key: tuple[str, str]) -> None:
        if not call.from_peer:
            self._publish(action, *key)

    def _log_odd_lease(self, instance: Instance, now_ms: int) -> None:
        if self._odd.take(instance.app, now_ms):
            _log.warning(
                "lease counts for %d s at most app=%s id=%s renewalIntervalInSecs=%d "
                "durationInSecs=%d",
                MAX_LEASE_S,
                instance.app,
                instance.id,
                instance.lease.renewal_interval_s,
                instance.lease.duration_s,
            )


def _origin(call: Call) -> Origin:
    return Origin.PEER if call.from_peer else Origin.CLIENT


def _decode(body: bytes, form: Format, now_ms: int) -> Instance:
    if form is Format.JSON:
        return jsoncodec.decode_instance(body, now_ms)
    return xmlcodec.decode_instance(body, now_ms)


def _unreadable(call: Call, error: BadDocument) -> Answer:
    """Java's answer to a document that cannot be read (`DiscoveryJerseyProvider`).

    The exact reason goes into a header, because Java's text never has it.
    """
    reason = ((REASON, header_text(str(error))),)
    if error.sentence is not None:
        return Answer(400, error.sentence.encode(), "text/plain; charset=utf-8", reason)
    content_type = call.headers.get("Content-Type", "")
    if content_type == "application/json":
        return Answer(400, b'{"error": "cannot parse request body"}', content_type, reason)
    body = b"<error><message>cannot parse request body</message></error>"
    return Answer(400, body, "application/xml", reason)


def _wanted_status(call: Call) -> Status:
    value = call.query.get("value")
    status = known_status(value)
    if status is None:
        known = ", ".join(Status)
        message = f"value is {(value or '')[:40]!r}; it must be one of {known}"
        raise RequestError(message)
    return status


def _metadata_from(fields: dict[str, str]) -> dict[str, str]:
    """The metadata to add; `@class` is Java's and no metadata, as in documents."""
    for key, value in fields.items():
        if UNSAFE.search(key + value):
            message = f"metadata key {key[:80]!r} or its value holds a control character"
            raise RequestError(message)
    return {key: value for key, value in fields.items() if key != "@class"}
