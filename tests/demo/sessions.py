"""Ctrl-C at any moment, also twice: the work is broken off, and what it has made is removed.

Work and removal are processes of their own, each in a session of its own. A terminal's Ctrl-C does
not reach them or what they run, but only this process, which passes on the first one to the work,
waits, and then has all removed. So it does not matter what was under way, and nothing breaks off
the removal.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Final, NoReturn

from rich.console import Console

from cluster.progress import say

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_END_S: Final = 30.0
"""How long the work may take to end; then it is killed."""

Act = Callable[[], int]
"""Something to do in a process; gives the exit code."""


def run(work: Act, removal: Act | None = None) -> int:
    """Do the work until it ends, or a signal ends it; then the removal. The exit code.

    An interruption is no failure. What the work puts into temporary files is removed, too.
    """
    wait = _Wait()
    temporary = tempfile.mkdtemp(prefix="eurekube-demo-")
    os.environ["TMPDIR"] = tempfile.tempdir = temporary
    try:
        code = wait.do(work)
        interrupted, wait.removing = wait.interrupted, True
        if interrupted:
            code = 0
        return max(code, wait.do(removal)) if removal else code
    finally:
        Console().show_cursor(show=True)
        shutil.rmtree(temporary, ignore_errors=True)


class _Wait:
    """Waits for a process, and takes the signals meanwhile."""

    def __init__(self) -> None:
        self.interrupted = False
        self.removing = False
        self._process = 0
        """The one that is waited for; 0: none."""
        for number in _SIGNALS:
            signal.signal(number, self._take)
        signal.signal(signal.SIGALRM, self._kill)

    def do(self, act: Act) -> int:
        """Do something in a session of its own; the exit code."""
        if self.interrupted and not self.removing:
            return 0
        sys.stdout.flush()
        sys.stderr.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        self._process = _session(act)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        _, status = os.waitpid(self._process, 0)
        signal.alarm(0)
        if self.interrupted and not self.removing:
            self._kill()  # what it ran may outlive it
        self._process = 0
        return abs(os.waitstatus_to_exitcode(status))

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        if self.removing:
            say("what the demo has made is being removed, which is not broken off")
            return
        if not self.interrupted and self._process:
            say("\nended; what the demo has made is removed now")
            self._send(signal.SIGINT)
            signal.alarm(int(_END_S))
        self.interrupted = True

    def _kill(self, *_: object) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        """To all of the session, unless it is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self._process, number)


def _session(act: Act) -> int:
    """A process that does something in a session of its own; signals are blocked meanwhile."""
    until, ready = os.pipe()
    process = os.fork()
    if process == 0:
        os.setsid()
        os.close(until)
        os.close(ready)
        _do(act)
    os.close(ready)
    os.read(until, 1)  # nothing, when the process has its session
    os.close(until)
    return process


def _do(act: Act) -> NoReturn:
    """Do it, and end the process: nothing of its parent's code may be run by it."""
    for number in _SIGNALS:
        signal.signal(number, signal.default_int_handler)
    code = 1
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        code = act()
    except KeyboardInterrupt:
        code = 130
    except BaseException:  # noqa: BLE001 - see above
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
