"""Checks of the application, made as the kubelet makes readiness probes."""

from __future__ import annotations

from ..core.health import is_success
from ..core.urls import url_host
from ..wire import grpc, http1
from .deadline import Deadline
from .resolve import ResolveError
from .stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from ..core.configuration import Check
    from .loop import Loop
    from .resolve import Address, Resolver

_MAX_BODY_BYTES = 10_240  # the kubelet reads as much


class _CheckError(Exception):
    """The check failed; the message is a sentence."""


async def probe(loop: Loop, check: Check, host: str, resolver: Resolver) -> tuple[bool, str]:
    """Whether the application at `host` is healthy, and a sentence that says what it answered.

    Ends within `check.timeout_ms`. A path's query is not repeated in the sentence.
    """
    end_ms = loop.now_ms() + check.timeout_ms
    deadline = Deadline(loop, lambda: end_ms)
    at = f"{url_host(host)}:{check.port}"
    subject = _subject(check, at)
    stream = Stream(deadline)
    try:
        await _connect(stream, await resolver.addresses(host, check.port, deadline), at)
        if check.scheme == "tcp":
            return True, f"{at} accepts connections"
        if check.scheme == "grpc":
            ok, answer = await _ask_grpc(stream, check, at)
        else:
            ok, answer = await _ask_http(stream, check, host, at)
    except TimeoutError:
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


async def _ask_http(stream: Stream, check: Check, host: str, at: str) -> tuple[bool, str]:
    headers = {"user-agent": "eureka-sidecar", "accept": "*/*"}
    headers |= {name.lower(): value for name, value in check.headers}
    host_header = headers.pop("host", at)
    headers.pop("connection", None)  # each check has its own, which is closed
    asked = http1.request("GET", check.path, host_header, headers)
    if check.scheme == "https":
        await stream.secure(_context(), host)
    await stream.send(asked)
    status = await _http_status(stream)
    return is_success(status), f"answered {status}"


async def _http_status(stream: Stream) -> int:
    """The status of the answer. Its body is read, so that the application sees no reset.

    Faults of a body, such as its length, do not count.
    """
    reader = http1.ResponseReader(_MAX_BODY_BYTES)
    answer = None
    while answer is None:
        try:
            data = await stream.receive()
            answer = reader.feed(data) if data else reader.eof()
        except (OSError, http1.ProtocolError):
            if reader.status is None:
                raise
            return reader.status
    return answer.status


async def _ask_grpc(stream: Stream, check: Check, at: str) -> tuple[bool, str]:
    reader = grpc.AnswerReader()
    await stream.send(grpc.request(at, check.service))
    while reader.outcome is None:
        if data := await stream.receive():
            await stream.send(reader.feed(data))
        else:
            reader.eof()
    return reader.outcome


async def _connect(stream: Stream, addresses: Sequence[Address], at: str) -> None:
    """Connect to the first address that takes it."""
    failure: OSError = ConnectionRefusedError()
    for address in addresses:
        try:
            return await stream.connect(address)
        except TimeoutError as error:
            if not error.errno:
                raise
            failure = error
        except OSError as error:
            failure = error
    if isinstance(failure, ConnectionRefusedError):
        raise _CheckError(f"{at} refuses connections")
    raise _CheckError(f"cannot connect to {at}: {failure.strerror}")


def _context() -> ssl.SSLContext:
    """TLS without verification, as the kubelet speaks it, and only here.

    The application is asked at the pod's own address, which its certificate need not name, and
    nothing secret is sent.
    """
    import ssl  # noqa: PLC0415 - 3 MiB, only for applications that are asked by https

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _subject(check: Check, at: str) -> str:
    if check.scheme == "tcp":
        return at
    if check.scheme == "grpc":
        return f"the gRPC {f'service {check.service}' if check.service else 'server'} at {at}"
    return f"GET {check.scheme}://{at}{check.path.partition('?')[0]}"


def _duration(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1_000)
    return f"{milliseconds} ms" if rest else f"{seconds} s"
