"""The command that the sidecar runs, and the signals that reach the sidecar.

The command gets a session of its own. Ctrl-C goes to the terminal's foreground group, which the
command must not be in: it would stop before its lease is removed. A background group could not read
the terminal (SIGTTIN), but a process whose controlling terminal is another one, or none, is not
under job control (`job_control` of Linux' `n_tty.c`): it reads and writes it as before. What it
loses is `/dev/tty`; the change of the window's size (SIGWINCH) is passed on to it.
"""

from __future__ import annotations

import errno
import os
import signal
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .loop import Loop

ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
"""The sidecar's: it removes the lease first. QUIT is how nginx and PHP-FPM images are stopped."""
PASSED = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH)
"""The command's: passed on at once."""

_NOT_FOUND = 127
_NOT_STARTED = 126
_BY_SIGNAL = 128
# Python ignores these at its start; a command expects that they end it.
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


class StartError(Exception):
    """The command cannot be started; the message is a sentence.

    `status` is what a shell would exit with: 127 if it is not found, else 126.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Child:
    """A command that runs beside the sidecar."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.exit_status: int | None = None
        """As a shell gives it: 128 and the signal's number if one ended it. `None`: it runs."""

    def send(self, number: int) -> None:
        """Send it a signal; nothing happens if it has ended.

        Only to itself, as a container's runtime does: servers with worker processes pass on to
        them what is meant for them.
        """
        if self.exit_status is None:
            os.kill(self.pid, number)

    def reap(self) -> int | None:
        """Collect every child that has ended (after SIGCHLD). Returns `exit_status`.

        As process 1 of a container the sidecar gets the children of others, which nobody else
        would take.
        """
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return self.exit_status
            if pid == 0:
                return self.exit_status
            if pid == self.pid:
                code = os.waitstatus_to_exitcode(status)
                self.exit_status = code if code >= 0 else _BY_SIGNAL - code


def start(command: Sequence[str]) -> Child:
    """Start a command, found in `PATH` if its name has no slash.

    It inherits the environment, the standard streams, and which signals are ignored; no descriptor
    and no signal handler of ours.

    Raises:
        StartError: it cannot be started.
    """
    try:
        pid = os.posix_spawnp(
            command[0],
            list(command),
            os.environ,
            setsid=True,
            setsigmask=(),
            setsigdef=_IGNORED_BY_PYTHON,
        )
    except (OSError, ValueError) as error:
        raise _start_error(command[0], error) from None
    return Child(pid)


def _start_error(name: str, error: OSError | ValueError) -> StartError:
    if isinstance(error, ValueError):
        return StartError(_NOT_STARTED, f"cannot start {name!r}: {error}")
    if error.errno == errno.ENOENT:
        where = "or its interpreter is not" if "/" in name else "PATH does not have it"
        return StartError(_NOT_FOUND, f"cannot start {name}: it is not found, {where}")
    if error.errno == errno.ENOEXEC:
        return StartError(_NOT_STARTED, f"cannot start {name}: it is not a program of this machine")
    return StartError(_NOT_STARTED, f"cannot start {name}: {error.strerror}")


class Signals:
    """The signals that reach the process, in their order.

    Those that were ignored at the start stay so, for the command, too: the shell's `&` and `nohup`
    mean it. Except SIGTERM, without which neither could be stopped, and SIGCHLD, without which the
    command's status would be lost. Only one of these may exist.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._received: list[int] = []
        self._end, self._wakeup = socket.socketpair()
        self._end.settimeout(0)
        self._wakeup.settimeout(0)
        self._earlier_fd = signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)
        self._earlier = {each: signal.getsignal(each) for each in (*ENDS, *PASSED, signal.SIGCHLD)}
        always = {signal.SIGTERM, signal.SIGCHLD}
        for each, handler in self._earlier.items():
            if handler != signal.SIG_IGN or each in always:
                signal.signal(each, _ignore_signal)

    async def next(self) -> int:
        """Wait for the next signal; its number."""
        while not self._received:
            await self._loop.readable(self._end.fileno())
            self._received += self._end.recv(256)
        return self._received.pop(0)

    def close(self) -> None:
        """Handle signals as before."""
        for each, handler in self._earlier.items():
            signal.signal(each, handler)
        signal.set_wakeup_fd(self._earlier_fd)
        self._end.close()
        self._wakeup.close()


def _ignore_signal(number: int, frame: object) -> None:
    """Do nothing; without a handler Python does not write to `set_wakeup_fd`'s descriptor."""
