"""What strangers send does not forge, break or fill the log of a real peer."""

from __future__ import annotations

import itertools
import json
import re
import socket
import struct
from collections.abc import Iterator

import pytest

from eureka_registry.logs import BURST
from processes.cluster import Cluster, PeerProcess, document, until

POST = "POST /eureka/apps/FOO HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ +\S")
CLOSE = "Connection: close\r\n"
NOT_COMPRESSED = [
    "Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\nnogzipnogzipnogzip!!",
    "Content-Encoding: deflate\r\nContent-Length: 20\r\n\r\nnogzipnogzipnogzip!!",
    "Content-Encoding: br\r\nContent-Length: 20\r\n\r\nnogzipnogzipnogzip!!",
    "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
]
NOT_WHOLE = [
    "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    "Content-Length: 100\r\n\r\nabc",
    "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
]


@pytest.fixture(scope="module")
def peer() -> Iterator[PeerProcess]:
    """One peer."""
    with Cluster(1) as cluster:
        yield cluster.start().peers[0]


def broken_off(port: int, sent: str) -> None:
    """Send a part of a request and go, without a word."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(sent.encode())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def unreadable(port: int, sent: str) -> None:
    """Send a request whose body is no body, and wait until the peer has had enough of it."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(sent.encode())
        while client.recv(65_536):
            pass


def test_requests_that_break_off_write_no_tracebacks_and_not_without_end(
    peer: PeerProcess,
) -> None:
    """Anybody may send them, at any rate."""
    for method, port in itertools.product(
        ("POST", "PUT", "GET"), (peer.port, peer.management_port)
    ):
        head = POST.replace("POST", method)
        for body in NOT_WHOLE + NOT_COMPRESSED:
            broken_off(port, head + body)
        for body in NOT_COMPRESSED:
            unreadable(port, head + CLOSE + body)
    for _ in range(BURST + 50):
        unreadable(peer.management_port, POST + CLOSE + NOT_COMPRESSED[0])
    assert peer.ask("GET", "/apps").status == 200

    lines = peer.log.splitlines()
    assert "Traceback" not in peer.log
    assert all(LINE.match(line) for line in lines)
    assert len(lines) < 2 * BURST


def test_names_that_are_shown_stay_within_their_line(peer: PeerProcess) -> None:
    """An id with a line feed wrote a line that looks like the registry's own."""
    forged = "i1\r\n2026-11-29 12:00:00,000 INFO    ready name=forged\x1b[2K\u2028"
    peer.register("FOO", "witness")
    for app, instance_id in (("FOO", forged), (forged, "i2")):
        for body in (document(app, instance_id), document("FOO", "i3", hostName=forged)):
            peer.ask("POST", "/apps/FOO", body)
        item = {
            "appName": app,
            "id": instance_id,
            "action": "Register",
            "lastDirtyTimestamp": 1,
            "instanceInfo": document(app, instance_id)["instance"],
        }
        batch = json.dumps({"replicationList": [item]}).encode()
        peer.ask("POST", "/peerreplication/batch/", batch, {"Content-Type": "application/json"})
    until(lambda: "id=witness" in peer.log)  # what expired with it has been said, too

    lines = peer.log.splitlines()
    assert all(LINE.match(line) and line.isprintable() for line in lines)
    assert not [line for line in lines if line.endswith("name=forged")]
