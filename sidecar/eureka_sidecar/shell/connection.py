"""Requests to one Eureka server over one connection that stays open."""

from __future__ import annotations

import sys

from ..wire.http1 import MAX_BODY_BYTES, ProtocolError, ResponseReader, request
from .credentials import CredentialsError
from .deadline import Deadline
from .resolve import ResolveError
from .stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from ..core.urls import Url
    from ..wire.http1 import Response
    from .credentials import CredentialFiles
    from .loop import Event, Loop
    from .resolve import Address, Resolver

_MAX_REASONS = 3
_UNAUTHORIZED = 401


class NoAnswer(Exception):  # noqa: N818 - it is as expected as an answer
    """A request was not answered.

    `sent`: it may have had its effect; `False`: surely nothing of it reached the server. `reason`
    is a sentence without a full stop, `code` that of the problem (`core/lease.py`).
    """

    def __init__(self, reason: str, *, sent: bool, code: str = "unreachable") -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent
        self.code = code


class _StepError(Exception):
    """A step failed; the message is the reason."""


class _ConnectionEndedError(_StepError):
    """The connection ended before anything of the answer came."""


class Server:
    """One base URL. Proxies of the environment are not used: registrations stay in the cluster.

    `body_limit`: an answer with a larger body counts as none.
    """

    def __init__(
        self,
        loop: Loop,
        url: Url,
        credentials: CredentialFiles,
        resolver: Resolver,
        *,
        body_limit: int = MAX_BODY_BYTES,
    ) -> None:
        self.url = url
        self._loop = loop
        self._credentials = credentials
        self._resolver = resolver
        self._body_limit = body_limit
        self._stream: Stream | None = None
        self._stream_identity: tuple[object, ...] = ()
        self._sent = False
        self._busy = False

    async def exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        deadline: Callable[[], int],
        change_event: Event | None = None,
    ) -> Response:
        """Send a request and receive its answer; one at a time.

        `path` is what follows the base URL, percent-encoded. `deadline` gives the time of
        `Loop.now_ms` to give up at; it is asked before each wait, and when `change_event` happens.
        A kept connection that ends before anything of the answer came is replaced once: all of
        Eureka's requests may be repeated.

        Raises:
            NoAnswer: none came, or none that can be understood.
            ValueError: the request cannot be written.
        """
        if self._busy:
            raise RuntimeError(f"a request to {self.url} is under way: each task has its Server")
        self._busy, self._sent = True, False
        start_ms = self._loop.now_ms()
        try:
            return await self._exchange(
                method, path, headers, body, Deadline(self._loop, deadline, change_event)
            )
        except TimeoutError:
            waited = _seconds(self._loop.now_ms() - start_ms)
            reason = f"{self.url.authority} does not answer within {waited}"
            raise NoAnswer(reason, sent=self._sent) from None
        except CredentialsError as error:
            raise NoAnswer(str(error), sent=self._sent, code="credentials") from None
        except (_StepError, ResolveError) as error:
            raise NoAnswer(str(error), sent=self._sent) from None
        finally:
            self._busy = False

    def close(self) -> None:
        """Close the connection; the next request makes another. Cancel one under way before."""
        if self._stream:
            self._stream.close()
        self._stream = None

    async def _exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, deadline: Deadline
    ) -> Response:
        response = await self._attempt(method, path, headers, body, deadline)
        if response.status == _UNAUTHORIZED and self._identity() != self._stream_identity:
            # A token was replaced while the request with the old one was under way.
            response = await self._attempt(method, path, headers, body, deadline)
        return response

    def _identity(self) -> tuple[ssl.SSLContext | None, str | None]:
        """The present credentials: the TLS context and the value of `Authorization`."""
        context = self._credentials.context() if self.url.scheme == "https" else None
        return context, self._credentials.authorization()

    async def _attempt(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, deadline: Deadline
    ) -> Response:
        identity = self._identity()
        context, authorization = identity
        own = {"Authorization": authorization} if authorization else {}
        message = request(
            method, self.url.path + path, self.url.host_header, {**headers, **own}, body
        )
        if not deadline.remaining_ms():
            raise _StepError(f"no time is left to ask {self.url.authority}")
        if self._is_usable(identity):
            try:
                return await self._ask(message, self._reader(method), deadline)
            except _ConnectionEndedError:
                pass
        self.close()
        self._stream = await self._connection(context, deadline)
        self._stream_identity = identity
        return await self._ask(message, self._reader(method), deadline)

    def _reader(self, method: str) -> ResponseReader:
        return ResponseReader(self._body_limit, head=method == "HEAD")

    def _is_usable(self, identity: tuple[object, ...]) -> bool:
        """Whether the kept connection is open and was made with the present credentials."""
        if not self._stream or self._stream_identity != identity:
            return False
        return self._stream.is_quiet()

    async def _ask(self, message: bytes, reader: ResponseReader, deadline: Deadline) -> Response:
        """Use the connection, and close it unless it can be used again."""
        assert self._stream  # noqa: S101 - the caller has just made or seen it
        kept = False
        try:
            self._stream.deadline = deadline
            self._sent = True
            await _send(self._stream, message)
            response = await self._answer(self._stream, reader)
            kept = response.keep_alive
        except ProtocolError as error:
            failure = _StepError if reader.started else _ConnectionEndedError
            raise failure(f"{self.url.authority} {error}") from None
        except TimeoutError:
            raise
        except OSError as error:
            failure = _StepError if reader.started else _ConnectionEndedError
            raise failure(f"{self.url.authority} breaks the connection: {_text(error)}") from None
        finally:
            if not kept:
                self.close()
        return response

    async def _answer(self, stream: Stream, reader: ResponseReader) -> Response:
        while True:
            piece = await stream.receive()
            response = reader.feed(piece) if piece else reader.eof()
            if response:
                return response

    async def _connection(self, context: ssl.SSLContext | None, deadline: Deadline) -> Stream:
        """A connection to the first address that takes one, each having a third of the time."""
        addresses = await self._resolver.addresses(self.url.host, self.url.port, deadline)
        reasons: list[str] = []
        for index, address in enumerate(addresses):
            share = min(3, len(addresses) - index)
            try:
                return await self._open(
                    address, context, deadline.within(deadline.remaining_ms() // share)
                )
            except _StepError as failure:
                if str(failure) not in reasons:
                    reasons.append(str(failure))
        raise _StepError("; ".join(reasons[:_MAX_REASONS]))

    async def _open(
        self, address: Address, context: ssl.SSLContext | None, deadline: Deadline
    ) -> Stream:
        name = self._name(address[1][0])
        start_ms = self._loop.now_ms()
        stream = Stream(deadline)
        try:
            await stream.connect(address)
            if context:
                await stream.secure(context, self.url.host)
        except BaseException as error:
            stream.close()
            if not isinstance(error, OSError):
                raise
            waited = _seconds(self._loop.now_ms() - start_ms)
            raise _StepError(_reason(error, name, waited)) from None
        return stream

    def _name(self, ip: str) -> str:
        """How messages name an address of the server."""
        authority = self.url.authority
        return authority if ip == self.url.host else f"{authority} ({ip})"


async def _send(stream: Stream, message: bytes) -> None:
    try:
        await stream.send(message)
    except TimeoutError:
        raise
    except OSError:
        # The server has closed, and what it said before tells why: an early answer, or in TLS 1.3
        # that it wants a client certificate.
        return


def _reason(error: OSError, name: str, waited: str) -> str:
    """Why there is no connection."""
    if isinstance(error, ConnectionRefusedError):
        return f"{name} refuses connections"
    if isinstance(error, TimeoutError) and not error.errno:
        return f"{name} takes no connection within {waited}"
    tls = sys.modules.get("ssl")
    if tls and isinstance(error, tls.SSLCertVerificationError):
        return f"the certificate of {name} is not valid: {error.verify_message}"
    if tls and isinstance(error, tls.SSLError):
        return f"{name} does not speak TLS with us: {_text(error)}"
    return f"cannot connect to {name}: {_text(error)}"


def _text(error: OSError) -> str:
    """The reason that OpenSSL or the system gives."""
    reason = getattr(error, "reason", None)
    text = str(reason).lower().replace("_", " ") if reason else error.strerror or str(error)
    return text.partition(" (_ssl.c")[0]


def _seconds(ms: int) -> str:
    return f"{round(ms / 1_000, 1):g} s"
