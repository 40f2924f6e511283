"""Checks of the application, made as the kubelet makes readiness probes."""

from __future__ import annotations

import errno
import os
import socket

from ..core.health import is_success
from ..wire import grpc, http1
from .deadline import Deadline
from .loop import READABLE, WRITABLE
from .resolve import ResolveError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from ..core.configuration import Check
    from .loop import Loop
    from .resolve import Address, Resolver

    T = TypeVar("T")

_MAX_BODY_BYTES = 10_240  # the kubelet reads as much
_RECEIVE_BYTES = 16_384
_TLS_WAITS = {"SSLWantReadError": READABLE, "SSLWantWriteError": WRITABLE}


class _CheckError(Exception):
    """The check failed; the message is a sentence."""


class _TimeUpError(Exception):
    """The time of the check is over."""


async def probe(loop: Loop, check: Check, host: str, resolver: Resolver) -> tuple[bool, str]:
    """Whether the application at `host` is healthy, and a sentence that says what it answered.

    Ends within `check.timeout_ms`. A path's query is not repeated in the sentence.
    """
    end_ms = loop.now_ms() + check.timeout_ms
    deadline = Deadline(loop, lambda: end_ms)
    at = _authority(host, check.port)
    subject = _subject(check, at)
    stream = _Stream(deadline)
    try:
        await stream.connect(await resolver.addresses(host, check.port, deadline), at)
        if check.scheme == "tcp":
            return True, f"{at} accepts connections"
        if check.scheme == "grpc":
            ok, answer = await _ask_grpc(stream, check, at)
        else:
            ok, answer = await _ask_http(stream, check, host, at)
    except _TimeUpError:
        return False, f"{subject} did not answer within {_duration(check.timeout_ms)}"
    except (_CheckError, ResolveError) as error:
        return False, str(error)
    except http1.ProtocolError as error:
        return False, f"{subject} {error}"
    except OSError as error:
        return False, f"{subject} failed: {error.strerror or error}"
    except ValueError as error:
        return False, f"the check cannot be made: {error}"
    finally:
        stream.close()
    return ok, f"{subject} {answer}"


async def _ask_http(stream: _Stream, check: Check, host: str, at: str) -> tuple[bool, str]:
    headers = {"user-agent": "eureka-sidecar", "accept": "*/*"}
    headers |= {name.lower(): value for name, value in check.headers}
    host_header = headers.pop("host", at)
    headers.pop("connection", None)  # each check has its own, which is closed
    asked = http1.request("GET", check.path, host_header, headers)
    if check.scheme == "https":
        await stream.secure(host)
    await stream.send(asked)
    status = await _http_status(stream)
    return is_success(status), f"answered {status}"


async def _http_status(stream: _Stream) -> int:
    """The status of the answer. Its body is read, so that the application sees no reset.

    What is wrong with a body, such as its length, is no matter of health.
    """
    reader = http1.ResponseReader(_MAX_BODY_BYTES)
    answer = None
    while answer is None:
        try:
            data = await stream.receive()
            answer = reader.feed(data) if data else reader.eof()
        except (OSError, _TimeUpError, http1.ProtocolError):
            if reader.status is None:
                raise
            return reader.status
    return answer.status


async def _ask_grpc(stream: _Stream, check: Check, at: str) -> tuple[bool, str]:
    reader = grpc.AnswerReader()
    await stream.send(grpc.request(at, check.service))
    while reader.outcome is None:
        if data := await stream.receive():
            await stream.send(reader.feed(data))
        else:
            reader.eof()
    return reader.outcome


class _Stream:
    """A connection that lives as long as a check."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._socket: socket.socket | None = None

    async def connect(self, addresses: Sequence[Address], at: str) -> None:
        """Connect to the first address that takes it."""
        failure = errno.ECONNREFUSED
        for family, address in addresses:
            failure = await self._connect(family, address)
            if not failure:
                return
        if failure == errno.ECONNREFUSED:
            raise _CheckError(f"{at} refuses connections")
        raise _CheckError(f"cannot connect to {at}: {os.strerror(failure)}")

    async def _connect(self, family: int, address: object) -> int:
        """Returns the error's number; 0: it is connected."""
        self.close()
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.settimeout(0)
        failure = self._socket.connect_ex(address)  # type: ignore[arg-type] # as the resolver gave it
        if failure == errno.EINPROGRESS:
            if not await self._deadline.writable(self._socket.fileno()):
                raise _TimeUpError
            failure = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not failure and self._socket.getsockname() == self._socket.getpeername():
            # TCP's simultaneous open: nobody listens, and our own port was the one we asked for.
            return errno.ECONNREFUSED
        return failure

    async def secure(self, host: str) -> None:
        """Speak TLS from now on."""
        import ssl  # noqa: PLC0415 - 3 MiB, only for applications that are asked by https

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # As the kubelet, and only here: the application is asked at the pod's own address, which
        # its certificate need not name, and nothing secret is sent.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        plain = self._connected()
        secure = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        self._socket = secure
        await self._until_done(READABLE, secure.do_handshake)

    async def send(self, data: bytes) -> None:
        """Send all of it."""
        rest = memoryview(data)
        while rest:
            sent = await self._until_done(WRITABLE, self._connected().send, rest)
            rest = rest[sent:]

    async def receive(self) -> bytes:
        """What came next; nothing: it was closed."""
        return await self._until_done(READABLE, self._connected().recv, _RECEIVE_BYTES)

    def close(self) -> None:
        """Close it, if it is open."""
        if self._socket:
            self._socket.close()

    def _connected(self) -> socket.socket:
        assert self._socket  # noqa: S101 - `connect` was called
        return self._socket

    async def _until_done(self, mask: int, act: Callable[..., T], *arguments: object) -> T:
        """Act as soon as it does not block; without TLS that is when `mask` says so."""
        while True:
            try:
                return act(*arguments)
            except BlockingIOError:
                wanted = mask
            except OSError as error:
                # By name, because these classes come with ssl, which is not loaded for it.
                wanted = _TLS_WAITS.get(type(error).__name__, 0)
                if not wanted:
                    raise
            if not await self._deadline.ready(self._connected().fileno(), wanted):
                raise _TimeUpError


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _subject(check: Check, at: str) -> str:
    if check.scheme == "tcp":
        return at
    if check.scheme == "grpc":
        return f"the gRPC {f'service {check.service}' if check.service else 'server'} at {at}"
    return f"GET {check.scheme}://{at}{check.path.partition('?')[0]}"


def _duration(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1_000)
    return f"{milliseconds} ms" if rest else f"{seconds} s"
