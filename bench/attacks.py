"""What hostile clients do, each by its name: `python -m bench.attacks NAME PORT MANAGEMENT SIZE`.

An attack runs in a process of its own. It prints the number of bytes it has sent when it has done
its worst, and lets go of its connections when its standard input ends. `SIZE` is 1 for its full
size, less for a small one.
"""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from bench.line import Line
from bench.requests import registration, request

_MIB: Final = 2**20
_BATCH: Final = "/eureka/peerreplication/batch/"
_APP: Final = "/eureka/apps/HOSTILE"
_WAIT_S: Final = 20.0


class Target:
    """Where an attack takes place, and what it has sent so far."""

    def __init__(self, port: int, management_port: int, size: float) -> None:
        self.port = port
        self.management_port = management_port
        self.size = size
        self.sent = 0
        self._sockets: list[socket.socket] = []

    def times(self, count: int) -> range:
        """So many times, or fewer in a small attack."""
        return range(max(1, int(count * self.size)))

    def connect(self, *, management: bool = False) -> socket.socket:
        """A connection that stays until the end."""
        port = self.management_port if management else self.port
        made = socket.create_connection(("127.0.0.1", port), timeout=_WAIT_S)
        self._sockets.append(made)
        return made

    def send(self, to: socket.socket, data: bytes) -> None:
        """Send as much as is taken; who is cut off has sent enough."""
        with contextlib.suppress(OSError):
            to.sendall(data)
            self.sent += len(data)

    def ask(self, data: bytes, *, management: bool = False) -> bytes:
        """Send a request on a connection of its own and read until it is answered, or closed."""
        made = self.connect(management=management)
        self.send(made, data)
        with contextlib.suppress(OSError):
            return made.recv(65_536)
        return b""


Attack = Callable[[Target], None]


class Kind(msgspec.Struct, frozen=True):
    """An attack in words, and the peer it needs: with an `auth_file`, or so many instances."""

    about: str
    attack: Attack
    guarded: bool = False
    instances: int = 100


def post(path: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """A request with a body of JSON."""
    return request("POST", path, headers or {}, body)


def packed(pieces: Iterable[bytes]) -> bytes:
    """Pieces compressed as small as can be, however large they are together."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join((*map(compressor.compress, pieces), compressor.flush()))


_GZIP: Final = {"Content-Encoding": "gzip"}


def empty_items(target: Target) -> None:
    """Few bytes that become millions of items."""
    count = len(target.times(50))
    items = packed([b'{"replicationList":[', *[b"{}," * 100_000] * count, b"{}]}"])
    target.ask(post(_BATCH, items, _GZIP))


def plain_items(target: Target) -> None:
    """As many items as fit into the largest batch."""
    count = int(5_500_000 * target.size)
    target.ask(post(_BATCH, b'{"replicationList":[' + b"{}," * count + b"{}]}"))


def largest_batches(target: Target) -> None:
    """Batches as large as they are accepted, of registrations of other instances each time."""
    items = []
    for number in target.times(5_000):
        body = registration(100_000 + number).partition(b"\r\n\r\n")[2]
        document = json.loads(body)["instance"]
        key = {"appName": document["app"], "id": document["instanceId"]}
        items.append({**key, "action": "Register", "instanceInfo": document})
    body = json.dumps({"replicationList": items}, separators=(",", ":")).encode()
    for _ in target.times(3):
        target.ask(post(_BATCH, body))


def costly_values(target: Target) -> None:
    """Documents of what takes longest to read: fractions in JSON, attributes in XML."""
    fractions = b"[" + b"1.5," * 250_000 + b"1]"
    attributes = " ".join(f'a{n}="1"' for n in range(90_000))
    xml = f"<instance {attributes}/>".encode()
    for _ in target.times(10):
        target.ask(post(_APP, fractions))
        head = f"POST {_APP} HTTP/1.1\r\nHost: x\r\nContent-Type: application/xml\r\n"
        target.ask(f"{head}Content-Length: {len(xml)}\r\n\r\n".encode() + xml)


def refused_bodies(target: Target) -> None:
    """Compressed bodies sent without credentials, on and on after the refusal."""
    bomb = packed([bytes(_MIB)] * 64) * 16
    for _ in target.times(12):
        made = target.connect()
        head = f"POST {_BATCH} HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n"
        target.send(made, f"{head}Content-Length: {len(bomb)}\r\n\r\n".encode() + bomb)


def endless_bodies(target: Target) -> None:
    """Bodies that lack their last byte."""
    length = _MIB - 1
    for _ in target.times(200):
        made = target.connect()
        head = f"POST {_APP} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        target.send(made, f"{head}Content-Length: {length}\r\n\r\n".encode() + bytes(length - 1))


def endless_batches(target: Target) -> None:
    """Batches that lack their last byte, compressed to little and inflated to the largest."""
    body = packed([b" " * _MIB] * 15)
    for _ in target.times(100):
        made = target.connect()
        head = f"POST {_BATCH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        head += f"Content-Encoding: gzip\r\nContent-Length: {len(body) + 1}\r\n\r\n"
        target.send(made, head.encode() + body)


def endless_heads(target: Target) -> None:
    """Heads without an end."""
    lines = "".join(f"x-{n}: {'y' * 7_000}\r\n" for n in range(90))
    for _ in target.times(500):
        target.send(target.connect(), f"GET /eureka/x HTTP/1.1\r\nHost: x\r\n{lines}".encode())


def deaf_readers(target: Target) -> None:
    """Clients that fetch everything after each change, and read nothing."""
    for number in target.times(300):
        target.ask(registration(200_000, mark=str(number)))
        made = target.connect()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        target.send(made, request("GET", "/eureka/apps", {"Accept": "application/json"}))


def deaf_crowd(target: Target) -> None:
    """Clients that fetch the same list, and read nothing."""
    for _ in target.times(300):
        made = target.connect()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        target.send(made, request("GET", "/eureka/apps", {"Accept": "application/json"}))


def deaf_renewals(target: Target) -> None:
    """Renewals one by one, of which nobody reads the answers."""
    renewal = request("PUT", f"{_APP}/nobody", {})
    made = target.connect()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.settimeout(2.0)
    for _ in target.times(200_000):
        before = target.sent
        target.send(made, renewal)
        if target.sent == before:
            return


def watchers(target: Target) -> None:
    """Ten dashboards that are looked at while instances change."""
    rows = request("GET", "/dashboard/instances", {"Accept-Encoding": "gzip"})
    state = request("GET", "/dashboard/state", {})
    with Line(target.port) as line:
        for number in target.times(100):
            line.ask(registration(number, mark=str(number)))
            target.sent += len(rows) + len(state)
            line.ask(rows)
            line.ask(state)


def scrapers(target: Target) -> None:
    """Metrics and the page of peers, with thousands of applications that change."""
    with Line(target.port) as line:
        for number in target.times(5_000):
            data = registration(number * 20)
            target.sent += len(data)
            line.ask(data)
    with Line(target.port) as line, Line(target.management_port) as scraped:
        for number in target.times(50):
            line.ask(registration(number, mark=str(number)))
            scraped.ask(request("GET", "/metrics", {}))
            scraped.ask(request("GET", "/peers", {}))


def silent_connections(target: Target) -> None:
    """More connections than the management port has, which say nothing."""
    for _ in range(300):
        target.connect(management=True)


def names_of_files(target: Target) -> None:
    """Assets that do not exist, each under another name."""
    padding = "x" * 4_000
    with Line(target.port) as line:
        for number in target.times(20_000):
            data = request("GET", f"/static/{padding}{number}.js", {})
            target.sent += len(data)
            line.ask(data)


KINDS: Final[Mapping[str, Kind]] = {
    "empty-items": Kind("a batch of five million empty items in a request of 16 KB", empty_items),
    "plain-items": Kind("a batch of 16 MiB of empty items", plain_items),
    "largest-batches": Kind("batches of 5,000 registrations", largest_batches),
    "costly-values": Kind("1 MiB of fractions in JSON, of attributes in XML", costly_values),
    "refused-bodies": Kind("compressed bodies without credentials", refused_bodies, guarded=True),
    "endless-bodies": Kind("200 bodies that never end", endless_bodies),
    "endless-batches": Kind("100 compressed batches that never end", endless_batches),
    "endless-heads": Kind("500 heads that never end", endless_heads),
    "deaf-readers": Kind(
        "300 clients that fetch after each change and do not read", deaf_readers, instances=10_000
    ),
    "deaf-crowd": Kind(
        "300 clients that fetch the same list and do not read", deaf_crowd, instances=10_000
    ),
    "deaf-renewals": Kind("renewals whose answers nobody reads", deaf_renewals),
    "watchers": Kind("dashboards that are looked at a lot", watchers, instances=10_000),
    "scrapers": Kind("scrapes with 5,000 applications that change", scrapers),
    "silent-connections": Kind("300 silent connections to the management port", silent_connections),
    "names-of-files": Kind("20,000 files that do not exist", names_of_files),
}
"""All attacks; add yours here: bench/hostile.py measures it, tests/processes/test_hostile.py
makes it small."""


def main(words: Sequence[str]) -> int:
    """Carry out one attack."""
    name, port, management_port, size = words
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    target = Target(int(port), int(management_port), float(size))
    KINDS[name].attack(target)
    print(target.sent, flush=True)
    sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
