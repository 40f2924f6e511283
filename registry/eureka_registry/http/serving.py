"""Converts aiohttp's requests to calls, and answers to aiohttp's responses."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import StreamWriter

from eureka_registry.core.limits import (
    ANSWER_PIECE_BYTES,
    BATCH_STRUCTURE,
    DOCUMENT_STRUCTURE,
    LARGE_ANSWER_BYTES,
)
from eureka_registry.http import body, browsers, denials
from eureka_registry.http.api import Api
from eureka_registry.http.auth import Identity, Request
from eureka_registry.http.body import Bounds
from eureka_registry.http.connection import Connection
from eureka_registry.http.fastlane import FastLane
from eureka_registry.http.guard import Guard, Sender
from eureka_registry.http.hosts import Hosts
from eureka_registry.http.loopshare import LoopShare
from eureka_registry.http.messages import NO_CONTENT, REASON, SERVER_NAME, Answer, Call
from eureka_registry.http.node import Node
from eureka_registry.http.routes import Resource, Route, find
from eureka_registry.peers.identity import NODE_HEADER, NONCE_HEADER
from eureka_registry.wire.negotiate import body_format

_NO_HTTP: Final = Answer(400, headers=(("Connection", "close"),))
_TOO_LARGE: Final = Answer(413, headers=(("Connection", "close"),))
_TOO_SLOW: Final = Answer(408, headers=(("Connection", "close"),))
_MALFORMED: Final = Answer(400, headers=(("Connection", "close"),))
_NO_ENCODING: Final = Answer(
    415, headers=(("Accept-Encoding", body.ENCODINGS), ("Connection", "close"))
)
BATCHES: Final = frozenset({Resource.BATCH, Resource.RENEWALS})
"""Resources that peers send much to at once."""
_ORIGIN: Final = re.compile("https?://[^/?#]*", re.IGNORECASE)
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


LoginPage = Callable[[Route, Answer], Answer]


class Serving:
    """Answers aiohttp's requests from a node's API."""

    def __init__(
        self, node: Node, api: Api, hosts: Hosts, login_page: LoginPage, guard: Guard | None = None
    ) -> None:
        """Serve a node.

        Args:
            node: the node.
            api: answers requests that are allowed.
            hosts: knows the host names that browsers may use.
            login_page: gives the answer at a page's path to an unknown sender.
            guard: decides who may ask; `None`: everybody may.
        """
        self._login_page = login_page
        self._node = node
        self._api = api
        self._hosts = hosts
        self._guard = guard
        self._own_headers = {NODE_HEADER: node.id, "Server": SERVER_NAME}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if request.version < HttpVersion10:  # a line without a version, which some parsers take
            return self._response(_NO_HTTP)
        # A proxy's request names the whole URL (RFC 9112, 3.2.2).
        path, _, query = _ORIGIN.sub("", request.raw_path, count=1).partition("?")
        settings = self._node.settings
        route = find(path, settings.context_path, settings.dashboard_path)
        call = Call(request.method, query, request.headers, b"", 0)
        if route is not None and route.resource is Resource.DIGEST:
            self._node.mesh.node.nonces.arrive(request.headers.get(NONCE_HEADER))
        refusal = await self._refusal(request, call, route)
        if refusal is not None:
            self._record_refusal(refusal, request)
            return self._response(_with_close(refusal) if request.can_read_body else refusal)
        if request.can_read_body:
            refusal = await self._take_body(request, call, route)
            if refusal is not None:
                return self._response(refusal)
        call.now_ms = self._node.now_ms()
        answer = self._api.answer(call, route)
        answer = answer if isinstance(answer, Answer) else await answer
        self._record_refusal(answer, request)
        return self._response(answer)

    async def _refusal(
        self, request: web.BaseRequest, call: Call, route: Route | None
    ) -> Answer | None:
        """The answer to a forbidden request, before its body is read; else sets `call.identity`."""
        foreign = browsers.refusal(call.method, call.headers, self._hosts.is_served)
        if foreign is not None:
            self._api.count(call.method, route, foreign)
            return foreign
        return None if self._guard is None else await self._admit(self._guard, request, call, route)

    async def _admit(
        self, guard: Guard, request: web.BaseRequest, call: Call, route: Route | None
    ) -> Answer | None:
        certificate = request.transport.get_extra_info("peercert") if request.transport else None
        asked = Request(call.method, route, call.from_peer)
        sent = request.headers.getall("Authorization", ())
        sender = Sender(sent, certificate, request.remote or "")
        found = await guard.admit(sender, asked)
        if isinstance(found, Identity):
            call.identity = found
            return None
        if found.status == HTTPStatus.UNAUTHORIZED and route and route.resource is Resource.PAGE:
            found = self._login_page(route, found)
        self._api.count(call.method, route, found)
        return found

    def _record_refusal(self, answer: Answer, request: web.BaseRequest) -> None:
        """Count what was refused, and log it."""
        if answer.refused is not None:
            self._node.counters.refused[answer.refused.rule] += 1
            denials.tell(answer.refused, request.remote or "")

    async def _take_body(
        self, request: web.BaseRequest, call: Call, route: Route | None
    ) -> Answer | None:
        """Read the body into `call`, if one is needed; returns an answer if it cannot be used."""
        connection = request.protocol
        assert isinstance(connection, Connection)  # noqa: S101  # no server makes another
        bounds = self._bounds(route)
        if (request.content_length or 0) > bounds.size:
            return _TOO_LARGE
        await _send_continue(request)
        try:
            async with asyncio.timeout(self._node.settings.request_timeout_s):
                if self._api.takes_body(request.method, route):
                    call.body = await body.read(request, bounds, connection.hold, connection.share)
                else:
                    await body.forget(request, bounds.size, connection.hold)
        except body.TooLargeError as error:
            return Answer(413, headers=((REASON, str(error)), ("Connection", "close")))
        except TimeoutError:
            return _TOO_SLOW
        except body.UnknownEncodingError:
            return _NO_ENCODING
        except (body.MalformedError, web.RequestPayloadError, ConnectionError):
            request.content.feed_eof()  # else aiohttp reads on, and logs the same error
            return _MALFORMED
        return None

    def _bounds(self, route: Route | None) -> Bounds:
        """The bounds of a body; settings may change while the peer runs."""
        settings = self._node.settings
        if route is not None and route.resource in BATCHES:
            return Bounds(settings.max_batch_bytes, BATCH_STRUCTURE)
        return Bounds(settings.max_body_bytes, DOCUMENT_STRUCTURE)

    def _response(self, answer: Answer) -> web.Response:
        large = len(answer.body) >= LARGE_ANSWER_BYTES
        kind = _LargeResponse if large else web.Response
        response = kind(status=answer.status, headers=self._own_headers)
        if answer.body:
            response.body = answer.body
        if answer.content_type:
            response.headers["Content-Type"] = answer.content_type
        for name, value in answer.headers:
            response.headers[name] = value
        if ("Connection", "close") in answer.headers:
            response.force_close()
        return response


def _with_close(answer: Answer) -> Answer:
    """The same answer, after which the connection closes: an unread body may follow."""
    headers = (*answer.headers, ("Connection", "close"))
    return msgspec.structs.replace(answer, headers=headers)


class _LargeResponse(web.Response):
    """An answer whose body may be sent to many at once, and stays in memory until they read it."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Send it, and count it for as long as much of it is unread.

        aiohttp joins head and body, so each connection would hold a copy of the body.
        """
        writer, request = self._payload_writer, self._req
        if not isinstance(writer, StreamWriter) or request is None:  # sent already
            await super().write_eof(data)
            return
        connection = request.protocol
        assert isinstance(connection, Connection)  # noqa: S101  # no server makes another
        body = self.body
        assert isinstance(body, bytes)  # noqa: S101  # as `Answer` has it
        with connection.sending(id(body), len(body)):
            writer.send_headers()
            if request.method != "HEAD":
                await _write_in_pieces(writer, body, connection.share)
                await web.StreamResponse.write_eof(self)
                return
            await super().write_eof(data)


async def _write_in_pieces(writer: StreamWriter, body: bytes, share: LoopShare) -> None:
    """Write a body in pieces, and let other tasks run: the system takes some MiB at once."""
    view = memoryview(body)
    for start in range(0, len(body), ANSWER_PIECE_BYTES):
        piece = view[start : start + ANSWER_PIECE_BYTES]
        await share.take(len(piece))
        await writer.write(piece)


async def _send_continue(request: web.BaseRequest) -> None:
    """Tell a client that waits for it to send the body (curl, .NET)."""
    expected = request.headers.get("Expect", "").lower()
    if expected == "100-continue" and request.version >= HttpVersion11:
        await request.writer.write(_CONTINUE)
        request.writer.output_size = 0  # it is not an answer: errors may still get one


def fast_lane(node: Node, guard: Guard | None = None) -> FastLane:
    """The fast lane of a node; with a guard for those whose credentials it has checked already."""
    renewed = {status: _Template(node.id, status) for status in (200, 404, 503)}
    registered = _Template(node.id, 204)

    def renew(
        key: tuple[str, str],
        dirty_ms: int | None,
        client_status: str | None,
        identity: Identity | None,
    ) -> bytes | None:
        if identity is not None and not _may_renew(node, identity, key):
            return None
        status = node.writes.renew_for_client(*key, dirty_ms, client_status, node.now_ms())
        node.counters.note(Resource.INSTANCE, "PUT", status, 0)
        return renewed[status].text()

    def register(
        app: str, content_type: str, body: bytes, identity: Identity | None
    ) -> bytes | None:
        if identity is not None and identity.refusal_of_writing(app) is not None:
            return None
        form = body_format(content_type)
        if form is None:
            return None
        if not node.writes.register_for_client(app, body, form, node.now_ms(), identity):
            return None
        node.counters.note(Resource.APP, "POST", NO_CONTENT.status, 0)
        return registered.text()

    known = guard.cached_identity if guard is not None else None
    return FastLane(renew, register, node.settings.max_body_bytes, known)


def _may_renew(node: Node, identity: Identity, key: tuple[str, str]) -> bool:
    """Whether both `auth.refusal` and the handler of renewals allow it.

    The rule for a lease includes the rule for its application.
    """
    if identity.account is None:
        return identity.refusal_of_writing(key[0]) is None
    lease = node.registry.lease(*key)
    return lease is not None and node.writes.refusal_of_lease(identity.account, lease) is None


class _Template:
    """An empty answer as aiohttp writes it, made anew each second for its date."""

    def __init__(self, node_id: str, status: int) -> None:
        length = "" if status == NO_CONTENT.status else "Content-Length: 0\r\n"
        self._head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{NODE_HEADER}: {node_id}\r\n"
            f"Server: {SERVER_NAME}\r\n{length}"
        )
        self._date = ""
        self._text = b""

    def text(self) -> bytes:
        """The answer, dated now."""
        date = rfc822_formatted_time()
        if date != self._date:
            self._date = date
            self._text = f"{self._head}Date: {date}\r\n\r\n".encode("ascii")
        return self._text
