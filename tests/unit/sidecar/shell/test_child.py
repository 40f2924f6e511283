from __future__ import annotations

import os
import pty
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eureka_sidecar.shell.child import ENDS, PASSED, Child, Signals, StartError, start
from eureka_sidecar.shell.loop import Loop
from support.looped import result

WAIT_S = 10

RUN = """
import signal, sys
from eureka_sidecar.shell.child import Signals, start
from eureka_sidecar.shell.loop import Loop

async def main():
    child = start(sys.argv[1:])
    while child.reap() is None:
        number = await signals.next()
        if number != signal.SIGCHLD:
            print("sidecar", signal.Signals(number).name, flush=True)
        if number == signal.SIGTERM:
            child.send(signal.SIGTERM)
    print("status", child.exit_status, flush=True)
    loop.stop()

loop = Loop()
signals = Signals(loop)
loop.start(main())
loop.run()
"""
"""A sidecar as far as these tests need one: it prints its signals, and runs a command."""


@pytest.fixture
def signals() -> Iterator[tuple[Loop, Signals]]:
    """Signals that reach a loop."""
    loop = Loop()
    signals = Signals(loop)
    yield loop, signals
    signals.close()


def exit_status(loop: Loop, signals: Signals, child: Child) -> int:
    """Wait for the end of a command."""

    async def end() -> int:
        while (status := child.reap()) is None:
            await signals.next()
        return status

    return result(loop, end())


def output_of(path: Path, *command: str, loop: Loop, signals: Signals) -> str:
    """What a command writes to a file given as its last argument."""
    child = start([*command, str(path)])

    assert exit_status(loop, signals, child) == 0
    return path.read_text()


@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)],
)
def test_status_is_what_a_shell_would_give(
    signals: tuple[Loop, Signals], script: str, status: int
) -> None:
    """Whoever starts the sidecar instead of the command must see no difference."""
    loop, received = signals
    child = start(["sh", "-c", script])

    assert exit_status(loop, received, child) == status
    assert child.exit_status == status


def test_command_gets_the_signals_that_are_sent_on(
    signals: tuple[Loop, Signals], tmp_path: Path
) -> None:
    """HUP makes many servers read their configuration again."""
    loop, received = signals
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    child = start(["sh", "-c", f"trap 'exit 9' HUP; echo > {ready}; while :; do sleep 0.01; done"])
    ready.read_text()
    child.send(signal.SIGHUP)

    assert exit_status(loop, received, child) == 9


def test_signal_after_the_end_is_nothing(signals: tuple[Loop, Signals]) -> None:
    """Its number may be another process's by then."""
    loop, received = signals
    child = start(["true"])
    exit_status(loop, received, child)

    child.send(signal.SIGKILL)

    assert child.exit_status == 0


def test_children_of_others_are_reaped_and_do_not_count(signals: tuple[Loop, Signals]) -> None:
    """Process 1 of a container gets the orphans of all; zombies would use up the process table."""
    loop, received = signals
    child = start(["sh", "-c", "read _ < /dev/null; exit 3"])
    other = os.posix_spawnp("true", ["true"], os.environ)

    assert exit_status(loop, received, child) == 3
    while True:
        child.reap()
        if not Path(f"/proc/{other}").exists():
            break
        result(loop, received.next())


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        ("no-such-command", 127,
         "cannot start no-such-command: it is not found, PATH does not have it"),
        ("/no/such/file", 127,
         "cannot start /no/such/file: it is not found, or its interpreter is not"),
        ("/etc", 126, "cannot start /etc: Permission denied"),
        ("nul\0", 126, "cannot start 'nul\\x00': embedded null byte"),
    ],
)  # fmt: skip
def test_command_that_cannot_be_started_is_said(command: str, status: int, message: str) -> None:
    """The first thing that goes wrong; statuses are the shell's."""
    with pytest.raises(StartError) as failed:
        start([command])

    assert (failed.value.status, str(failed.value)) == (status, message)


def test_file_that_may_not_be_executed_is_said(tmp_path: Path) -> None:
    """An image built without the mode; the shell's status for it is 126."""
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")

    with pytest.raises(StartError) as failed:
        start([str(script)])

    assert failed.value.status == 126
    assert str(failed.value) == f"cannot start {script}: Permission denied"


def test_script_without_an_interpreter_is_said(tmp_path: Path) -> None:
    """A shell would run it; a kernel does not."""
    script = tmp_path / "script"
    script.write_text("echo hello\n")
    script.chmod(0o755)

    with pytest.raises(StartError) as failed:
        start([str(script)])

    assert str(failed.value) == f"cannot start {script}: it is not a program of this machine"


def test_command_inherits_no_descriptor_of_ours(
    signals: tuple[Loop, Signals], tmp_path: Path
) -> None:
    """A listening socket in it would keep the address, a connection the registry's."""
    loop, received = signals
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = str(Path(f"/proc/self/fd/{server.fileno()}").readlink())

        script = 'ls -l /proc/$$/fd > "$0"'
        output = output_of(tmp_path / "fds", "sh", "-c", script, loop=loop, signals=received)

    assert " 0 -> " in output
    assert ours not in output
    assert str(Path(f"/proc/self/fd/{received._end.fileno()}").readlink()) not in output


def test_command_handles_signals_as_if_started_by_a_shell(
    signals: tuple[Loop, Signals], tmp_path: Path
) -> None:
    """Python ignores SIGPIPE: `command | head` in it would never end."""
    loop, received = signals
    output = output_of(
        tmp_path / "status",
        "sh",
        "-c",
        'exec cat /proc/self/status > "$0"',
        loop=loop,
        signals=received,
    )
    masks = dict(line.split(":\t") for line in output.splitlines() if line.startswith("Sig"))
    numbers = [*ENDS, *PASSED, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ]

    assert [each for each in numbers if int(masks["SigIgn"], 16) >> (each - 1) & 1] == []
    assert int(masks["SigBlk"], 16) == 0


def test_signals_come_in_their_order(signals: tuple[Loop, Signals]) -> None:
    """HUP before TERM: the command reads its configuration before it ends."""
    loop, received = signals
    sent = [signal.SIGHUP, signal.SIGWINCH, signal.SIGUSR1, signal.SIGTERM]
    for each in sent:
        os.kill(os.getpid(), each)

    assert [result(loop, received.next()) for _ in sent] == sent


def test_signals_are_handled_as_before_when_it_is_over() -> None:
    """For tests, and for whoever uses the loop as a part."""
    before = [signal.getsignal(each) for each in (*ENDS, *PASSED)]

    Signals(Loop()).close()

    assert [signal.getsignal(each) for each in (*ENDS, *PASSED)] == before


def ignored(script: str, *signals_: str) -> str:
    """What the sidecar and a command print, started by a shell that ignores signals."""
    trap = f"trap '' {' '.join(signals_)}; exec \"$@\""
    command = ["sh", "-c", trap, "sh", sys.executable, "-c", RUN, "sh", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_what_was_ignored_at_the_start_stays_ignored() -> None:
    """`nohup` and `&` of a shell without job control mean the command, too."""
    script = "kill -HUP $PPID; kill -INT $PPID; kill -HUP $$; kill -INT $$; exit 5"

    assert ignored(script, "HUP", "INT", "QUIT") == "status 5\n"


def test_end_and_status_come_even_if_ignored_at_the_start() -> None:
    """Some supervisors leave CHLD ignored; with TERM ignored nothing could end but by KILL."""
    script = "kill -TERM $PPID; while :; do sleep 0.01; done"

    assert ignored(script, "TERM", "CHLD") == "sidecar SIGTERM\nstatus 143\n"


def read_until(terminal: int, expected: str) -> str:
    """What a terminal shows until it shows this."""
    shown = b""
    while expected.encode() not in shown:
        if not select.select([terminal], [], [], WAIT_S)[0]:
            break
        shown += os.read(terminal, 1_024)
    return shown.decode()


ON_A_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n" + RUN


def test_command_reads_the_terminal_but_control_c_is_the_sidecars() -> None:
    """The lease is removed before the command stops; and a debugger's prompt still works."""
    terminal, ours = pty.openpty()
    script = "trap 'echo command INT' INT; echo ready; read line; echo got $line; read line; exit 7"
    command = [sys.executable, "-c", ON_A_TERMINAL, "sh", "-c", script]
    with subprocess.Popen(
        command, stdin=ours, stdout=ours, stderr=ours, start_new_session=True
    ) as sidecar:
        os.close(ours)
        shown = read_until(terminal, "ready")
        os.write(terminal, b"hello\n")
        shown += read_until(terminal, "got hello")
        os.write(terminal, b"\x03")
        shown += read_until(terminal, "sidecar SIGINT")
        os.write(terminal, b"bye\n")
        shown += read_until(terminal, "status 7")
        sidecar.wait(WAIT_S)
    os.close(terminal)

    assert "got hello" in shown
    assert "sidecar SIGINT" in shown
    assert "command INT" not in shown
    assert "status 7" in shown
