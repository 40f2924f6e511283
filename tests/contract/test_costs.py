"""What one client can cost: bodies, answers, connections (`core/limits.py`, `docs/security.md`)."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import zlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest

from eureka_registry.core import limits
from eureka_registry.core.model import Origin
from eureka_registry.http import handshakes
from eureka_registry.http.connection import Connection
from eureka_registry.http.rows import Rows
from eureka_registry.wire import jsoncodec
from support.authority import Authority
from support.secure import secured, trusting, write_policy
from support.server import Response, Running, Wire, document, instance, request, running

BATCH: Final = "/eureka/peerreplication/batch/"
JSON_TYPE: Final = {"Content-Type": "application/json"}
GZIP: Final = {**JSON_TYPE, "Content-Encoding": "gzip"}


def items(count: int, **changes: object) -> bytes:
    """A batch of renewals."""
    entry = {"appName": "FOO", "id": "i1", "action": "Heartbeat", **changes}
    return json.dumps({"replicationList": [entry] * count}).encode()


async def until(node: Running, what: Callable[[], object]) -> None:
    """Let the peer serve until something is so."""
    async with asyncio.timeout(20):
        while not what():
            await node.ask("GET", "/livez", management=True)


# -- Bodies


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP", "deflate", "raw deflate", "identity"])
async def test_bodies_are_inflated(node: Running, coding: str) -> None:
    """As clients send them: some mean raw deflate by `deflate`."""
    body = json.dumps(document()).encode()
    sent = {
        "deflate": zlib.compress(body),
        "raw deflate": zlib.compress(body, wbits=-15),
        "identity": body,
    }.get(coding, gzip.compress(body))

    answer = await node.post(sent, headers={"Content-Encoding": coding.removeprefix("raw ")})

    assert answer.status == 204


async def test_an_unknown_encoding_is_415_and_says_which_are_known(node: Running) -> None:
    """RFC 7694, 3."""
    answer = await node.post(b"x", headers={"Content-Encoding": "br"})

    assert (answer.status, answer.headers["accept-encoding"]) == (415, "gzip, deflate, identity")


@pytest.mark.parametrize(
    ("path", "most"),
    [("/eureka/apps/FOO", limits.DOCUMENT_STRUCTURE), (BATCH, limits.BATCH_STRUCTURE)],
)
@pytest.mark.parametrize("compressed", [True, False])
async def test_values_are_counted_before_there_are_any(
    node: Running, path: str, most: int, *, compressed: bool
) -> None:
    """Five million empty items are 16 KB, and were 2 GiB."""
    body = b'{"a":[' + b"0," * most + b"0]}"
    headers = GZIP if compressed else JSON_TYPE
    answer = await node.ask("POST", path, headers, gzip.compress(body) if compressed else body)

    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert "too many values" in answer.headers["x-eurekube-reason"]


async def test_a_body_that_expands_like_no_other_is_refused(node: Running) -> None:
    """Long before it is inflated to what a batch may have."""
    body = gzip.compress(items(1) + b" " * (limits.EXPANSION_FREE_BYTES * 2))

    answer = await node.ask("POST", BATCH, GZIP, body)

    assert answer.status == 413
    assert "inflates" in answer.headers["x-eurekube-reason"]


async def test_what_peers_send_does_not_expand_so_much(node: Running) -> None:
    """The largest batch of renewals, which are all alike but for their ids."""
    entries = [
        {
            "appName": f"APP{n % 50}",
            "id": f"host-{n}:app:8080",
            "lastDirtyTimestamp": 1_700_000_000_000 + n * 37,
            "status": "UP",
            "action": "Heartbeat",
        }
        for n in range(limits.BATCH_ITEMS)
    ]
    body = json.dumps({"replicationList": entries}).encode()
    assert len(body) > limits.EXPANSION_FREE_BYTES
    answer = await node.ask("POST", BATCH, GZIP, gzip.compress(body, 9))

    assert [each["statusCode"] for each in answer.json["responseList"]] == [404] * len(entries)


@pytest.mark.parametrize("guarded", [True, False])
async def test_what_nobody_reads_is_not_inflated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """Neither before the guard has admitted it, nor after its refusal, nor of a renewal."""
    monkeypatch.setattr(zlib, "decompressobj", None)
    auth_file = str(write_policy(tmp_path)) if guarded else ""
    async with running(auth_file=auth_file) as node, await node.connect() as wire:
        await wire.send(request("PUT", "/eureka/apps/FOO/i1", GZIP, gzip.compress(b"{}")))
        answer = await wire.response()

    assert answer.status == (401 if guarded else 404)


async def test_after_a_refusal_little_is_read(tmp_path: Path) -> None:
    """Enough for a client to see why, which sends without listening; then nothing."""
    async with (
        running(auth_file=str(write_policy(tmp_path))) as node,
        await node.connect() as wire,
    ):
        await wire.send(request("POST", BATCH, {"Content-Length": "1000000000"}))
        answer = await wire.response()
        (connection,) = node.server.connections
        assert isinstance(connection, Connection)
        wire.writer.write(bytes(limits.LINGER_BYTES * 2))
        await until(node, lambda: connection._lingered > limits.LINGER_BYTES)
        assert connection._lingered < limits.LINGER_BYTES + 2**20
        assert node.server.incoming.used < 2**20

    assert answer.status == 401


# -- Batches


async def test_a_batch_has_a_bounded_number_of_items(node: Running) -> None:
    """One more is 413, and nothing of it is done."""
    most = await node.ask("POST", BATCH, JSON_TYPE, items(limits.BATCH_ITEMS))
    more = await node.ask("POST", BATCH, JSON_TYPE, items(limits.BATCH_ITEMS + 1))

    assert [most.status, more.status] == [200, 413]


async def test_others_are_served_while_a_large_batch_is_applied(node: Running) -> None:
    """And its replies are in the order of its items."""
    entries: list[dict[str, object]] = []
    for number in range(2_000):
        registered = instance("FOO", f"i{number}")
        entries += [
            {"appName": "FOO", "id": f"i{number}", "action": "Cancel"},
            {
                "appName": "FOO",
                "id": f"i{number}",
                "action": "Register",
                "instanceInfo": registered,
            },
        ]
    body = json.dumps({"replicationList": entries}).encode()
    order: list[str] = []

    async def send() -> Response:
        answer = await node.ask("POST", BATCH, JSON_TYPE, body)
        order.append("batch")
        return answer

    sending = asyncio.create_task(send())
    await until(node, lambda: node.node.registry.size)
    held = node.node.registry.size
    assert (await node.get("/apps/NOPE")).status == 404
    order.append("other")
    answer = await sending

    assert 0 < held < 2_000
    assert order == ["other", "batch"]
    replies = [each["statusCode"] for each in answer.json["responseList"]]
    assert replies == [404, 200] * 2_000


async def test_an_item_with_too_many_values_fails_alone(node: Running) -> None:
    """In a batch that is too large to be read at once."""
    costly = {"appName": "FOO", "id": "x", "action": "Register", "instanceInfo": [0] * 70_000}
    fillers = [{"appName": "FOO", "id": "y" * 1000, "action": "Cancel"}] * 300
    good = {"appName": "FOO", "id": "i1", "action": "Register", "instanceInfo": instance()}
    answer = await node.batch(*fillers, costly, good)

    replies = [each["statusCode"] for each in answer.json["responseList"]]
    assert replies == [404] * 300 + [500, 200]


async def test_newer_documents_in_answer_to_a_batch_are_bounded(
    node: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renewals of 100 bytes would ask for any number of documents."""
    monkeypatch.setattr("eureka_registry.http.peer_api.REPLIES_BYTES", 5_000)
    await node.reg(metadata={"a": "x" * 1000})
    answer = await node.ask("POST", BATCH, JSON_TYPE, items(300, lastDirtyTimestamp=1))

    replies = answer.json["responseList"]
    assert {each["statusCode"] for each in replies} == {409}
    assert 3 <= sum("responseEntity" in each for each in replies) <= 6


# -- Memory


async def test_beyond_the_budget_the_largest_requests_are_ended(node: Running) -> None:
    """With 503; a newcomer with little is served."""
    node.server.incoming.limit = 300_000
    head = request("POST", "/eureka/apps/FOO", {**JSON_TYPE, "Content-Length": "900000"})
    async with AsyncExitStack() as stack:
        wires = []
        for _ in range(4):
            wire = await stack.enter_async_context(await node.connect())
            await wire.send(head + b" " * 100_000)
            wires.append(wire)
        await until(node, lambda: len(node.server.connections) < 4)
        assert node.server.incoming.used <= 300_000
        assert (await node.reg()).status == 204
        answers = await asyncio.gather(*(ended(wire) for wire in wires))

    assert 1 <= answers.count(503) <= 3
    await until(node, lambda: node.server.incoming.used == 0)


async def ended(wire: Wire) -> int | None:
    """The status of an answer that has come already, else `None`."""
    try:
        async with asyncio.timeout(0.2):
            return (await wire.response()).status
    except TimeoutError:
        return None


async def test_inflated_bytes_count(node: Running) -> None:
    """A hundred compressed batches that never end would hold 1.6 GB."""
    node.server.incoming.limit = 1_000_000
    body = gzip.compress(b" " * 900_000)
    head = request("POST", BATCH, {**GZIP, "Content-Length": str(len(body) + 1)})
    async with await node.connect() as one, await node.connect() as two:
        await one.send(head + body)
        await until(node, lambda: node.server.incoming.used > 900_000)
        await two.send(head + body)
        answer = await one.response()

    assert answer.status == 503
    await until(node, lambda: node.server.incoming.used == 0)


async def test_nothing_is_counted_once_it_is_answered(node: Running) -> None:
    """Bodies in one piece, in several, refused, broken off, and of clients that go away."""
    body = json.dumps(document()).encode()
    assert (await node.post(body)).status == 204
    assert (await node.post(gzip.compress(body), headers=GZIP)).status == 204
    assert (await node.post(b"{")).status == 400
    endless = request("POST", "/eureka/apps/FOO", {"Content-Length": "9999999"})
    assert (await node.send(endless)).status == 413
    async with await node.connect() as wire:
        await wire.send(request("POST", "/eureka/apps/FOO", {"Content-Length": "99"}) + b"x")
        await until(node, lambda: node.server.incoming.used)
    async with await node.connect() as wire:
        await wire.send(b"GET /eureka/a")

    await until(node, lambda: node.server.incoming.used == 0)


async def test_a_head_without_an_end_is_431(node: Running) -> None:
    """However short its lines are."""
    line = b"x-%d: " + b"y" * 8000 + b"\r\n"
    async with await node.connect() as wire:
        await wire.send(b"GET /eureka/x HTTP/1.1\r\nHost: x\r\n")
        for number in range(12):
            await wire.send(line % number)
        answer = await wire.response()

    assert answer.status in (400, 431)


async def test_others_are_served_while_a_large_list_is_encoded(node: Running) -> None:
    """The first list after a start has thousands of documents that nobody has asked for yet."""
    for number in range(10 * limits.ENCODED_AT_ONCE):
        found = jsoncodec.decode_instance(json.dumps(document("FOO", f"i{number}")).encode(), 0)
        node.node.registry.register(found, Origin.CLIENT, 0)
    done: list[str] = []

    async def fetch() -> None:
        assert len((await node.get("/apps")).json["applications"]["application"]) == 1
        done.append("list")

    async def look_up() -> None:
        await node.get("/apps/FOO/i1")
        done.append("look-up")

    await asyncio.gather(fetch(), fetch(), look_up())

    assert done == ["look-up", "list", "list"]


async def test_large_answers_that_nobody_reads_are_bounded(node: Running) -> None:
    """Those that have waited longest are cut off; clients that are sent the same hold it once."""
    for number in range(100):
        wide = document("FOO", f"i{number}", metadata={"a": "x" * 50_000})
        found = jsoncodec.decode_instance(json.dumps(wide).encode(), 0)
        node.node.registry.register(found, Origin.CLIENT, 0)
    node.server.outgoing.limit = 16_000_000
    own = []
    for change in (False, True):
        for number in range(4):
            if change:
                await node.reg("FOO", f"new{number}")
            each = socket.create_connection(("127.0.0.1", node.port))
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            each.sendall(request("GET", "/eureka/apps", {"Accept": "application/json"}))
            own.append(each)
            await until(node, lambda: len(node.server.outgoing._held) >= 1)
        if not change:
            await until(node, lambda: len(node.server.outgoing._held) == 4)
            assert node.server.outgoing.used < 6_000_000
    await until(node, lambda: len(node.server.connections) < 8)
    assert node.server.outgoing.used <= 16_000_000
    for each in own:
        each.close()

    await until(node, lambda: not node.server.outgoing.used)


async def test_who_does_not_read_gets_no_answers_from_the_fast_lane(node: Running) -> None:
    """Else they pile up for as long as renewals come."""
    await node.reg()
    renewal = request("PUT", "/eureka/apps/FOO/i1")
    async with await node.connect() as wire:
        await wire.send(renewal)
        await wire.response()
        (connection,) = node.server.connections
        transport = connection.transport
        assert transport is not None
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        for _ in range(50_000):  # 7 MB of answers, of which the systems keep some
            connection.data_received(renewal)
        unread = transport.get_write_buffer_size()

    assert 0 < unread < 1_000_000


# -- TLS


async def test_handshakes_are_counted_from_accept_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest goes; clients that speak are served."""
    monkeypatch.setattr(handshakes, "HANDSHAKES", 3)
    ours = Authority(tmp_path, "ours")
    async with secured(**ours.issue("peer1")) as peer, AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(await peer.connect()) for _ in range(5)]
        assert await silent[0].read_to_end() == b""
        peer.context = trusting(ours)
        assert (await peer.get("/apps")).status == 200


async def test_a_handshake_takes_no_longer_than_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever connects and says nothing is gone soon."""
    monkeypatch.setattr(handshakes, "HANDSHAKE_S", 0.05)
    ours = Authority(tmp_path, "ours")
    async with secured(**ours.issue("peer1")) as peer, await peer.connect() as silent:
        assert await silent.read_to_end() == b""


async def test_broken_tls_is_closed_without_a_word_in_the_log(tmp_path: Path) -> None:
    """Scanners send all sorts of things; the fixture looks at the log."""
    ours = Authority(tmp_path, "ours")
    async with secured(**ours.issue("peer1")) as peer, await peer.connect() as wire:
        await wire.send(b"GET / HTTP/1.1\r\n\r\n" * 10)
        await wire.read_to_end()
        peer.context = ssl.create_default_context()
        with pytest.raises(ssl.SSLError):
            await peer.get("/apps")


# -- Pages of the size of the registry


async def test_the_table_of_instances_is_made_once_for_all_who_look(
    node: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And again only when something has changed."""
    made = []
    make = Rows._make

    async def counted(rows: Rows, *, gzip: bool) -> object:
        made.append(gzip)
        return await make(rows, gzip=gzip)

    monkeypatch.setattr(Rows, "_make", counted)
    await node.reg()
    path = "/dashboard/instances"
    answers = await asyncio.gather(*(node.ask("GET", path) for _ in range(10)))
    assert {len(each.json["rows"]) for each in answers} == {1}
    tag = answers[0].headers["etag"]
    assert (await node.ask("GET", path, {"If-None-Match": tag})).status == 304
    assert len(made) == 1
    await node.reg("FOO", "i2")
    assert len((await node.ask("GET", path, {"If-None-Match": tag})).json["rows"]) == 2
    assert len(made) == 2


async def test_pages_that_were_made_too_often_are_shown_again(
    node: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With their own tag, so that a dashboard reads on when it can be had anew."""
    await node.reg()
    for path in ("/dashboard/instances",):
        before = await node.ask("GET", path)
        monkeypatch.setattr("eureka_registry.http.allowance.PAGE_BURST_S", -1.0)
        await node.reg("FOO", "i2")
        again = await node.ask("GET", path)
        assert (again.body, again.headers["etag"]) == (before.body, before.headers["etag"])
    await node.ask("GET", "/metrics", management=True)
    old = await node.ask("GET", "/metrics", management=True)
    await node.reg("FOO", "i3")
    assert (await node.ask("GET", "/metrics", management=True)).body == old.body


async def test_peers_page_with_many_applications_is_whole(
    node: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is put together from pieces."""
    monkeypatch.setattr("eureka_registry.http.management._SLICE", 10)
    for number in range(33):
        each = jsoncodec.decode_instance(json.dumps(document(f'A"{number}')).encode(), 0)
        node.node.registry.register(each, Origin.CLIENT, 0)
    shown = (await node.ask("GET", "/peers", management=True)).json["applications"]

    held = node.node.registry.applications
    assert list(shown.items()) == [(n, f"{a.digest:016x}") for n, a in sorted(held.items())]


async def test_metrics_name_the_largest_applications_only(
    node: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names come from clients: each would be a series for ever."""
    monkeypatch.setattr("eureka_registry.http.metrics.METRIC_APPLICATIONS", 2)
    for app, count in (("SMALL", 1), ("LARGE", 3), ("SMALLER", 1), ("MIDDLE", 2)):
        for number in range(count):
            await node.reg(app, f"i{number}", status="DOWN" if number else "UP")
    text = (await node.ask("GET", "/metrics", management=True)).text.decode()

    series = [line for line in text.splitlines() if line.startswith("eureka_server_instances{")]
    assert sorted(line.partition("{")[2] for line in series) == [
        'application="LARGE",status="DOWN"} 2.0',
        'application="LARGE",status="UP"} 1.0',
        'application="MIDDLE",status="DOWN"} 1.0',
        'application="MIDDLE",status="UP"} 1.0',
        'application="other",status="UP"} 2.0',
    ]


async def test_names_of_files_that_do_not_exist_are_not_kept(node: Running) -> None:
    """Clients may invent any number of them."""
    files = node.peer._dashboard._files
    before = set(files)
    for name in ("nope.js", "x" * 4000 + ".css", "..%2fapp.py", "index.html.js"):
        assert (await node.ask("GET", f"/static/{name}")).status == 404

    assert (await node.ask("GET", "/static/dashboard.js")).status == 200
    assert set(files) == before
