"""A port of this machine that leads to the peers, whichever of them is there."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from support.kubectl import Kubectl

_REGISTRY: Final = 8761
_HOST: Final = "127.0.0.1"
_PAUSE_S: Final = 0.5


@contextmanager
def forwarded(kubectl: Kubectl, service: str) -> Iterator[int]:
    """A port of 127.0.0.1 as long as the block lasts, always the same one.

    kubectl leads to one pod and ends with it, so it is started again and again.
    """
    port = _free_port()
    words = kubectl.command("port-forward", service, f"{port}:{_REGISTRY}")
    over = threading.Event()
    running: list[subprocess.Popen[bytes]] = []

    def keep() -> None:
        while not over.is_set():
            with subprocess.Popen(
                words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as each:
                running[:] = [each]
                if over.is_set():
                    each.kill()
            over.wait(_PAUSE_S)

    thread = threading.Thread(target=keep)
    thread.start()
    try:
        yield port
    finally:
        over.set()
        for each in running:
            each.kill()
        thread.join()


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind((_HOST, 0))
        return int(trial.getsockname()[1])
