"""What the sidecar imports: each module is memory in every pod, and time before a registration."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest

_SIDECAR: Final = Path(__file__).parents[3] / "sidecar"
_PATIENCE_S: Final = 30.0
_FIRST: Final = f"""
import sys
sys.path.append({str(_SIDECAR)!r})
def say():
    print("\\n".join(sorted(sys.modules)))
"""
_RUN: Final = f"""{_FIRST}
from eureka_sidecar.__main__ import main
try:
    main()
finally:
    say()
"""

PERMITTED: Final = "__future__, binascii, enum, errno, json, os, select, signal, socket, sys, time"
"""What may be imported; what these import themselves is there without further cost."""
LATE: Final = frozenset({"zlib", "random", "threading", "ssl", "typing", "dataclasses", "logging"})
UNUSED: Final = frozenset(
    f"eureka_sidecar.{name}" for name in ("core.lookup", "shell.local", "wire.requests")
)
"""What only some features need."""


class _Registry(BaseHTTPRequestHandler):
    """Keeps one instance, and says when it was renewed."""

    protocol_version = "HTTP/1.1"
    kept = b""
    renewed = threading.Event()

    def do_POST(self) -> None:
        """A registration."""
        type(self).kept = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(204)

    def do_GET(self) -> None:
        """A look at it."""
        self._answer(200, self.kept)

    def do_PUT(self) -> None:
        """A renewal."""
        self._answer(200)
        self.renewed.set()

    def do_DELETE(self) -> None:
        """The end."""
        self._answer(200)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def _registry() -> Iterator[int]:
    _Registry.renewed.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Registry) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def permitted() -> set[str]:
    """The modules of a process that has imported what is permitted."""
    return _modules(f"{_FIRST}\nimport {PERMITTED}\nsay()")


@pytest.fixture(scope="module")
def running() -> set[str]:
    """The modules of a sidecar that has registered, renewed and, at its end, removed its lease."""
    with _registry() as port:
        words = [
            *("--app=orders", f"--port={port}", f"--registry=http://127.0.0.1:{port}/eureka/"),
            *("--renewal=1", f"--socket=@footprint-{port}"),
        ]
        with _process(_RUN, *words) as process:
            try:
                assert _Registry.renewed.wait(_PATIENCE_S)
                process.terminate()
                said, error = process.communicate(timeout=_PATIENCE_S)
            finally:
                process.kill()
    assert process.returncode == 0, error
    return set(said.split())


def test_run_imports_nothing_but_what_it_is_permitted(
    running: set[str], permitted: set[str]
) -> None:
    """A plain http registry and a TCP check: `ssl` alone would be 4 MiB in each pod."""
    assert {each for each in running - permitted if not each.startswith("eureka_sidecar")} == set()
    assert not running & LATE


def test_run_imports_no_part_of_a_feature_that_is_off(running: set[str]) -> None:
    """Compiled code of ours is memory, too: 0.5 KiB for each line."""
    assert not running & UNUSED


@pytest.mark.parametrize("command", ["status", "drain", "pause", "resume"])
def test_commands_import_no_part_of_the_machine(command: str, permitted: set[str]) -> None:
    """They are a second interpreter within the memory limit of the first."""
    modules = _modules(_RUN, command, "--socket=@nobody-answers-there")

    ours = {each for each in modules if each.startswith("eureka_sidecar")}
    assert modules - permitted - ours == set()
    assert not {each for each in ours if ".wire" in each or each.endswith(".process")}


def _modules(program: str, *words: str) -> set[str]:
    with _process(program, *words) as process:
        return set(process.communicate(timeout=_PATIENCE_S)[0].split())


def _process(program: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-BIS", "-c", program, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
