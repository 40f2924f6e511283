"""The Unix socket on which the sidecar answers `status`, `drain`, `pause` and `resume`.

A client sends a line of JSON, `{"do": "status"}`, and gets one. `{"error": "..."}` is a refusal.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
import time

from .. import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from .loop import Loop, Task

    Answer = Callable[[str], Awaitable[dict[str, Any]]]

MAX_REQUEST_BYTES = 4_096
MAX_REPLY_BYTES = 65_536
MAX_CLIENTS = 8
WAIT_MS = 5_000
"""How long a client may take to send its line, and to take the reply."""
_PAUSE_MS = 100


class ControlError(Exception):
    """No socket, or no answer on it; the message is a sentence."""


def listener(name: str) -> socket.socket:
    """A socket that listens at a path, or with @ at an abstract name.

    Only our own user reaches one at a path. An abstract one everybody in the network namespace
    does, so there each client is asked who it is.

    Raises:
        ControlError: another sidecar has it, or the path is not safe.
    """
    if not name.startswith("@"):
        _check_place(name)
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    found.settimeout(0)
    before = os.umask(0o177)
    try:
        _bind(found, name)
        found.listen(MAX_CLIENTS)
    except OSError as error:
        found.close()
        raise ControlError(f"cannot listen at {name}: {error.strerror or error}") from None
    except ControlError:
        found.close()
        raise
    finally:
        os.umask(before)
    return found


def _check_place(path: str) -> None:
    """Refuse a directory where others could put a socket of theirs in place of ours."""
    directory = os.path.dirname(path) or "."  # noqa: PTH120 - pathlib is not loaded
    try:
        found = os.stat(directory)  # noqa: PTH116
    except OSError as error:
        raise ControlError(f"cannot listen at {path}: {directory}: {error.strerror}") from None
    if found.st_mode & 0o022 or found.st_uid not in {0, os.geteuid()}:
        raise ControlError(
            f"cannot listen at {path}: others may write to {directory};"
            " give a directory that only this user may write to, or an abstract name (@name)"
        )


def _bind(listener: socket.socket, name: str) -> None:
    try:
        listener.bind(_address(name))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
    else:
        return
    if name.startswith("@") or _is_answered(name):
        raise ControlError(f"another sidecar answers at {name}; give this one another socket")
    os.unlink(name)  # noqa: PTH108 - pathlib is not loaded
    listener.bind(name)


def _is_answered(path: str) -> bool:
    """Whether a process listens there; `False`: the one that made it is dead."""
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise ControlError(f"cannot listen at {path}: there is something else than a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(0)
        return client.connect_ex(path) != errno.ECONNREFUSED


def _address(name: str) -> str:
    return f"\0{name[1:]}" if name.startswith("@") else name


async def serve(loop: Loop, listener: socket.socket, answer: Answer) -> None:
    """Answer clients until cancelled, which closes the socket and removes its file.

    `answer` gets the command, and may take long. Clients beyond `MAX_CLIENTS` are refused.
    """
    clients: list[Task] = []
    name = listener.getsockname()
    try:
        while True:
            await loop.readable(listener.fileno())
            try:
                client, _ = listener.accept()
            except OSError:
                # It has gone again, or no descriptor is free, which would be tried without a pause.
                await loop.sleep(loop.now_ms() + _PAUSE_MS)
                continue
            clients = [each for each in clients if not each.done]
            client.settimeout(0)
            if refusal := _refusal(client, name, len(clients)):
                _refuse(client, refusal)
            else:
                clients.append(loop.start(_serve_client(loop, client, answer)))
    finally:
        for each in clients:
            each.cancel()
        listener.close()
        _remove(name)


def _refusal(client: socket.socket, name: str | bytes, clients: int) -> str | None:
    """Why a client must not ask; `None`: it may. Abstract names are bytes."""
    if isinstance(name, bytes) and _peer_uid(client) not in {0, os.geteuid()}:
        return f"only the users {os.geteuid()} and 0 (root) may ask"
    if clients >= MAX_CLIENTS:
        return f"{MAX_CLIENTS} others are being answered; try again"
    return None


def _remove(name: str | bytes) -> None:
    if isinstance(name, str):
        try:
            os.unlink(name)  # noqa: PTH108 - pathlib is not loaded
        except OSError:
            return  # somebody else has removed it


def _peer_uid(client: socket.socket) -> int:
    """The user who connected: the second number of Linux' `struct ucred`."""
    credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(credentials[4:8], sys.byteorder)


def _refuse(client: socket.socket, reason: str) -> None:
    with client:
        try:
            client.send(_line({"error": reason}))
        except OSError:
            return  # it has gone


async def _serve_client(loop: Loop, client: socket.socket, answer: Answer) -> None:
    with client:
        try:
            request = await _request(loop, client)
            if request is None:
                return
            command = _command_of(request)
            reply = {"error": _USAGE} if command is None else await answer(command)
            await _send(loop, client, _limit_reply(reply))
        except OSError:
            return  # it has gone


_USAGE = f'a request is a line of JSON of at most {MAX_REQUEST_BYTES} bytes: {{"do": "status"}}'


async def _request(loop: Loop, client: socket.socket) -> bytes | None:
    """The client's line, or its beginning if it is too long; `None`: it is too slow."""
    until_ms = loop.now_ms() + WAIT_MS
    received = b""
    while b"\n" not in received and len(received) <= MAX_REQUEST_BYTES:
        if not await loop.readable(client.fileno(), until_ms):
            return None
        piece = client.recv(MAX_REQUEST_BYTES)
        if not piece:
            return None
        received += piece
    return received


def _command_of(request: bytes) -> str | None:
    """The command in a request; `None`: it is not a request."""
    line = request.partition(b"\n")[0]
    if len(line) > MAX_REQUEST_BYTES:
        return None
    try:
        document = jsontext.loads(line)
    except (ValueError, RecursionError):
        return None
    command = document.get("do") if isinstance(document, dict) else None
    return command if isinstance(command, str) else None


def _limit_reply(reply: dict[str, Any]) -> bytes:
    line = _line(reply)
    if len(line) <= MAX_REPLY_BYTES:
        return line
    return _line({"error": f"the answer would be longer than {MAX_REPLY_BYTES} bytes"})


def _line(document: dict[str, Any]) -> bytes:
    return jsontext.dumps(document).encode() + b"\n"


async def _send(loop: Loop, client: socket.socket, line: bytes) -> None:
    until_ms = loop.now_ms() + WAIT_MS
    rest = memoryview(line)
    while rest and await loop.writable(client.fileno(), until_ms):
        rest = rest[client.send(rest) :]


def ask(name: str, request: str, timeout_s: float) -> dict[str, Any]:
    """Ask the sidecar at a path or an abstract name, such as for its `status`.

    Waits, so it is for commands, not for the loop.

    Raises:
        ControlError: there is none, it refuses, or does not answer in time.
    """
    end_s = time.monotonic() + timeout_s
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        try:
            server.settimeout(timeout_s)
            server.connect(_address(name))
            _send_request(server, request)
            return _reply(name, _receive(server, end_s))
        except TimeoutError:
            raise ControlError(
                f"the sidecar at {name} did not answer within {timeout_s:g} s"
            ) from None
        except (FileNotFoundError, ConnectionRefusedError):
            raise ControlError(
                f"no sidecar answers at {name}: is it running in this pod?"
            ) from None
        except OSError as error:
            raise ControlError(
                f"cannot ask the sidecar at {name}: {error.strerror or error}"
            ) from None


def _send_request(server: socket.socket, request: str) -> None:
    try:
        server.sendall(_line({"do": request}))
    except BrokenPipeError:
        return  # it has refused, and what it says can still be read


def _receive(server: socket.socket, end_s: float) -> bytes:
    received = b""
    while b"\n" not in received and len(received) <= MAX_REPLY_BYTES:
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        server.settimeout(left_s)
        piece = server.recv(MAX_REPLY_BYTES)
        if not piece:
            break
        received += piece
    return received


def _reply(name: str, line: bytes) -> dict[str, Any]:
    if not line:
        raise ControlError(f"the sidecar at {name} closed the connection without an answer")
    try:
        document = jsontext.loads(line)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ControlError(f"what answers at {name} is not a sidecar")
    if "error" in document:
        raise ControlError(f"the sidecar at {name} refuses: {document['error']}")
    return document
