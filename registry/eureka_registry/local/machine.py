"""What a plan must know about the machine on which its peers will run."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from eureka_registry.http.sockets import PortInUseError, bind


class Machine(msgspec.Struct, frozen=True):
    """What a plan needs to know about a machine.

    `resolve` gives an address of a host name, `None` if there is none; `is_free` says whether
    nobody listens on a port of the loopback address; peers keep snapshots below `state_folder`.
    """

    resolve: Callable[[str], str | None]
    is_free: Callable[[int], bool]
    state_folder: str


def _resolve(host: str) -> str | None:
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except (OSError, UnicodeError):
        return None


def _is_free(port: int) -> bool:
    try:
        for each in bind("127.0.0.1", port):
            each.close()
    except PortInUseError:
        return False
    return True


def _state_folder() -> str:
    base = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    return str(Path(base) / "eurekube")


THIS_MACHINE: Final = Machine(_resolve, _is_free, _state_folder())
"""The machine we run on; a name server may be asked."""
