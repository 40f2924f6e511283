from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from eureka_sidecar.shell import control
from eureka_sidecar.shell.control import ControlError, ask, listener, serve
from eureka_sidecar.shell.loop import Event, Loop

if TYPE_CHECKING:
    from eureka_sidecar.shell.control import Answer

WAIT_S = 10
STRANGER = """
import os, sys
from eureka_sidecar.shell.control import ControlError, ask
os.setresuid(65533, 65533, 65533)
try:
    print(ask(sys.argv[1], "drain", 10))
except ControlError as error:
    print(error)
"""


def abstract() -> str:
    """A name that no other test has."""
    return f"@eurekube-test-{os.getpid()}-{os.urandom(4).hex()}"


class Sidecar:
    """A loop in a thread that serves the socket, until it is stopped from another one."""

    def __init__(self, name: str, answer: Callable[[Loop], Answer]) -> None:
        self._listener = listener(name)
        self._stop, self._stopping = socket.socketpair()
        self._loop = Loop()
        self._answer = answer(self._loop)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        serving = self._loop.start(serve(self._loop, self._listener, self._answer))

        async def end() -> None:
            await self._loop.readable(self._stop.fileno())
            serving.cancel()
            self._loop.stop()

        self._loop.start(end())
        self._loop.run()

    def stop(self) -> None:
        """Cancel the task that serves."""
        self._stopping.close()
        self._thread.join(WAIT_S)
        self._stop.close()


Start = Callable[..., Sidecar]


def echo(_loop: Loop) -> Answer:
    """Answers with what was asked for."""

    async def answer(wish: str) -> dict[str, Any]:
        return {"asked": wish}

    return answer


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts sidecars; all are stopped in the end."""
    running: list[Sidecar] = []

    def one(name: str, answer: Callable[[Loop], Answer] = echo) -> Sidecar:
        running.append(Sidecar(name, answer))
        return running[-1]

    yield one
    for each in running:
        each.stop()


def connected(name: str) -> socket.socket:
    """A client that speaks for itself."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(WAIT_S)
    client.connect(f"\0{name[1:]}")
    return client


def reply(name: str, sent: bytes) -> dict[str, Any]:
    """What comes for these bytes."""
    with connected(name) as client:
        client.sendall(sent)
        document: dict[str, Any] = json.loads(client.makefile("rb").readline())
        return document


def private(directory: Path) -> str:
    """A path at which only this user may make files."""
    directory.chmod(0o700)
    return str(directory / "sidecar.sock")


def test_a_command_gets_its_answer_at_an_abstract_name(start: Start) -> None:
    """It works with a read-only root and without a volume."""
    name = abstract()
    start(name)

    assert ask(name, "status", WAIT_S) == {"asked": "status"}
    assert ask(name, "drain", WAIT_S) == {"asked": "drain"}


def test_a_command_gets_its_answer_at_a_path_that_only_the_user_reaches(
    start: Start, tmp_path: Path
) -> None:
    """For plain processes on a machine that others use, too."""
    path = private(tmp_path)
    sidecar = start(path)

    assert ask(path, "status", WAIT_S) == {"asked": "status"}
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    sidecar.stop()
    assert not Path(path).exists()


def test_a_long_drain_does_not_keep_others_waiting(start: Start) -> None:
    """`status` is asked while `preStop` drains, which may take the whole grace period."""
    drained = Event()

    def answer(loop: Loop) -> Answer:
        async def drain_or_end(wish: str) -> dict[str, Any]:
            if wish == "drain":
                await loop.wait_for_event(drained)
            else:
                drained.happen()
            return {"asked": wish}

        return drain_or_end

    name = abstract()
    start(name, answer)
    with connected(name) as drain:
        drain.sendall(b'{"do": "drain"}\n')
        status = ask(name, "status", WAIT_S)
        ask(name, "status", WAIT_S)  # the first may have come before the drain waited

        assert status == {"asked": "status"}
        assert json.loads(drain.makefile("rb").readline()) == {"asked": "drain"}


@pytest.mark.parametrize(
    "sent",
    [
        b"\n", b"status\n", b"[]\n", b"{}\n", b'{"do": 1}\n', b"\xff\n", b"[" * 4_000 + b"\n",
        b"x" * (control.MAX_REQUEST_BYTES + 1), b'{"do": "' + b"x" * 4_096 + b'"}\n',
    ],
)  # fmt: skip
def test_what_is_no_request_is_told_what_one_is(start: Start, sent: bytes) -> None:
    """Whoever tries it by hand; and nothing sent may stop the sidecar or fill its memory."""
    name = abstract()
    start(name)

    assert reply(name, sent)["error"].startswith("a request is a line of JSON")
    assert ask(name, "status", WAIT_S) == {"asked": "status"}


def test_silent_and_broken_off_clients_are_dropped(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would take the places of those who ask."""
    monkeypatch.setattr(control, "WAIT_MS", 50)
    name = abstract()
    start(name)

    with connected(name) as silent, connected(name) as slow:
        slow.sendall(b'{"do"')
        assert silent.recv(1) == b""
        assert slow.recv(1) == b""
    with connected(name) as gone:
        gone.sendall(b'{"do": "status"}\n')
    assert ask(name, "status", WAIT_S) == {"asked": "status"}


def test_only_so_many_are_answered_at_once(start: Start) -> None:
    """Each takes a descriptor and memory."""
    name = abstract()
    start(name)
    clients = [connected(name) for _ in range(control.MAX_CLIENTS)]

    with pytest.raises(ControlError, match="refuses: 8 others are being answered"):
        ask(name, "status", WAIT_S)
    for each in clients:
        each.sendall(b'{"do": "status"}\n')
        assert each.recv(100) == b'{"asked":"status"}\n'
        each.close()
    assert ask(name, "status", WAIT_S) == {"asked": "status"}


def test_answer_that_is_too_long_is_an_error(start: Start) -> None:
    """A client reads so much and no more."""

    def answer(_loop: Loop) -> Answer:
        async def long(wish: str) -> dict[str, Any]:
            return {"text": "x" * (control.MAX_REPLY_BYTES if wish == "long" else 50_000)}

        return long

    name = abstract()
    start(name, answer)

    assert ask(name, "short", WAIT_S) == {"text": "x" * 50_000}
    with pytest.raises(ControlError, match="would be longer than 65536 bytes"):
        ask(name, "long", WAIT_S)


def test_other_users_may_not_ask_at_an_abstract_name(start: Start) -> None:
    """All containers of the pod reach it, whoever runs in them."""
    if os.geteuid() != 0:
        pytest.skip("not run: another user's process: only root may become one")
    name = abstract()
    start(name)
    stranger = subprocess.run(
        [sys.executable, "-c", STRANGER, name], capture_output=True, text=True, check=True
    )

    assert stranger.stdout == (
        f"the sidecar at {name} refuses: only the users 0 and 0 (root) may ask\n"
    )


@pytest.mark.parametrize("kind", ["abstract", "path"])
def test_second_sidecar_is_told_of_the_first(start: Start, tmp_path: Path, kind: str) -> None:
    """Two in one pod would write the same entry."""
    name = abstract() if kind == "abstract" else private(tmp_path)
    start(name)

    with pytest.raises(ControlError) as refused:
        listener(name)
    assert str(refused.value) == (
        f"another sidecar answers at {name}; give this one another socket"
    )
    assert ask(name, "status", WAIT_S) == {"asked": "status"}


def test_socket_of_a_dead_process_is_replaced(start: Start, tmp_path: Path) -> None:
    """A sidecar that was killed leaves its file."""
    path = private(tmp_path)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    start(path)

    assert ask(path, "status", WAIT_S) == {"asked": "status"}


def test_file_that_is_no_socket_is_kept(tmp_path: Path) -> None:
    """A typing error must not delete somebody's data."""
    path = Path(private(tmp_path))
    path.write_text("data")

    with pytest.raises(ControlError, match="something else than a socket"):
        listener(str(path))
    assert path.read_text() == "data"


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_directory_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    """They could put a socket of theirs in its place."""
    path = private(tmp_path)
    tmp_path.chmod(mode)

    with pytest.raises(ControlError, match=f"others may write to {tmp_path}; give a directory"):
        listener(path)


@pytest.mark.parametrize("missing", ["directory", "length"])
def test_impossible_path_is_said(tmp_path: Path, missing: str) -> None:
    """At the start, where somebody looks."""
    path = private(tmp_path)
    impossible = f"{path}/none/socket" if missing == "directory" else f"{path}{'x' * 200}"

    with pytest.raises(ControlError, match=f"cannot listen at {path}"):
        listener(impossible)


def test_missing_sidecar_is_said(tmp_path: Path) -> None:
    """The usual reason is a wrong container."""
    for name in (abstract(), str(tmp_path / "none")):
        with pytest.raises(ControlError) as failed:
            ask(name, "status", WAIT_S)
        assert str(failed.value) == f"no sidecar answers at {name}: is it running in this pod?"


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "the sidecar at {} closed the connection without an answer"),
        (b"HTTP/1.1 400 Bad Request\r\n", "what answers at {} is not a sidecar"),
        (b"[1]\n", "what answers at {} is not a sidecar"),
        (b"x" * 100_000, "what answers at {} is not a sidecar"),
        (b'{"error": "no"}\n', "the sidecar at {} refuses: no"),
    ],
)
def test_what_is_no_answer_is_said(sent: bytes, reason: str) -> None:
    """Any process of the pod may have the name."""
    name = abstract()
    with listener(name) as server:
        server.settimeout(WAIT_S)

        def once() -> None:
            client, _ = server.accept()
            with client, suppress(BrokenPipeError):  # it has read enough
                client.recv(100)
                client.sendall(sent)

        thread = threading.Thread(target=once)
        thread.start()
        with pytest.raises(ControlError) as failed:
            ask(name, "status", WAIT_S)
        thread.join(WAIT_S)

    assert str(failed.value) == reason.format(name)


def test_refusal_that_comes_before_the_request_is_read() -> None:
    """The sidecar refuses without reading, and has closed when a slow client sends."""
    client, server = socket.socketpair()
    with client:
        server.sendall(b'{"error": "no"}\n')
        server.close()
        control._send_request(client, "status")

        assert client.recv(100) == b'{"error": "no"}\n'


def test_sidecar_that_does_not_answer_is_said() -> None:
    """`preStop` must end before the grace period does."""
    name = abstract()
    with listener(name), pytest.raises(ControlError) as failed:
        ask(name, "status", 0.05)

    assert str(failed.value) == f"the sidecar at {name} did not answer within 0.05 s"
