"""What the tool says while it works: on standard error, alive also when nobody sees a terminal."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Final

from rich.console import Console

_ALIVE_S: Final = 20.0
_SAID_S: Final = 1.0

_console: Final = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Print a line; may be called by several threads at once."""
    _console.print(text, markup=False)


@contextlib.contextmanager
def doing(what: str) -> Iterator[None]:
    """Say what is going on: at once, every 20 s while it lasts, and how long it took.

    On a terminal a spinner stands for the first two.
    """
    begun = time.monotonic()
    with _show_progress(what, begun):
        yield
    took_s = time.monotonic() - begun
    if took_s >= _SAID_S:
        say(f"{what}: done in {took_s:.0f} s")


@contextlib.contextmanager
def _show_progress(what: str, begun: float) -> Iterator[None]:
    if _console.is_terminal:
        with _console.status(what):
            yield
        return
    say(f"{what} ...")
    over = threading.Event()
    thread = threading.Thread(target=_keep_saying, args=(what, begun, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _keep_saying(what: str, begun: float, over: threading.Event) -> None:
    while not over.wait(_ALIVE_S):
        say(f"{what}: still at it, {time.monotonic() - begun:.0f} s")
