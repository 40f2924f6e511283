"""Processes started in namespaces of their own, or in those of another process.

A process enters a process namespace only by birth: the thread that is its parent sets where its
next children are born. The other namespaces are entered by `nsenter` between birth and program,
which then has not forked: the process started is the program, and its id is known.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Final, TypeVar

_T = TypeVar("_T")

_CLONE_NEWPID: Final = 0x20000000
_libc: Final = ctypes.CDLL(None, use_errno=True)


def start_lifeline(
    script: str, environment: Mapping[str, str], log: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start a shell script as process 1 of new namespaces: network, mounts, processes, names.

    Its standard output is a pipe.

    Raises:
        OSError: the kernel refuses.
    """
    kinds = ("--net", "--mount", "--uts", "--ipc", "--propagation", "private")
    command = ["unshare", *kinds, "sh", "-ec", script]
    return _start_in_namespace(_new_process_namespace, command, environment, (subprocess.PIPE, log))


def start_inside(
    pid: int, command: Sequence[str], environment: Mapping[str, str], log: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start a program in the namespaces of process `pid`; it prints to `log`.

    Raises:
        OSError: the kernel refuses, or `pid` is gone.
    """
    words = [*nsenter_command(pid, "net", "mnt", "uts", "ipc"), *command]
    return _start_in_namespace(lambda: _join_process_namespace(pid), words, environment, (log, log))


def nsenter_command(pid: int, *kinds: str) -> list[str]:
    """The start of a command line that runs the rest in namespaces of `pid` without forking."""
    flags = {"net": "--net", "mnt": "--mount", "uts": "--uts", "ipc": "--ipc"}
    return ["nsenter", *(f"{flags[kind]}=/proc/{pid}/ns/{kind}" for kind in kinds), "--"]


def join_network(path: str) -> None:
    """Move this process (or thread) into the network namespace at `path`.

    Raises:
        OSError: the kernel refuses, or nothing is there.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _called(_libc.setns(handle, 0), f"joining {path}")
    finally:
        os.close(handle)


def in_network(pid: int, work: Callable[[], _T]) -> _T:
    """Do something in the network of a process; what it gives.

    Raises:
        OSError: the kernel refuses, or `pid` is gone.
    """

    def moved() -> _T:
        join_network(f"/proc/{pid}/ns/net")
        return work()

    # A thread that ends with it: nothing else may happen in that network by mistake.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(moved).result()


def _new_process_namespace() -> None:
    _called(_libc.unshare(_CLONE_NEWPID), "making a process namespace")


def _join_process_namespace(pid: int) -> None:
    handle = os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _called(_libc.setns(handle, _CLONE_NEWPID), f"joining the processes of {pid}")
    finally:
        os.close(handle)


def _called(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _start_in_namespace(
    where: Callable[[], None],
    command: Sequence[str],
    environment: Mapping[str, str],
    output: tuple[int | IO[bytes], IO[bytes]],
) -> subprocess.Popen[bytes]:
    """Start a command from a thread that has called `where`, and that ends with it."""
    born: list[subprocess.Popen[bytes]] = []
    failed: list[OSError] = []

    def run() -> None:
        try:
            where()
            process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output[0],
                stderr=output[1],
                start_new_session=True,
            )
            born.append(process)
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="birth")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return born[0]
