"""Whatever is sent: a 4xx, nothing changed, no traceback, and the next request is served."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.server import JSON, Running, Wire, document, request, running

OFTEN = settings(
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
LISTS = ("/apps", "/apps/delta", "/apps/FOO", "/vips/v")
POST = {"Content-Type": "application/json"}


async def check_registry(node: Running, version: int) -> None:
    """The registry is as it was, and every list can be read."""
    assert node.node.registry.version == version
    for path in LISTS if node.node.registry.size else LISTS[:2]:
        assert (await node.ask("GET", f"/eureka{path}")).xml is not None
        assert (await node.ask("GET", f"/eureka{path}", JSON)).json is not None


async def first_line(wire: Wire) -> bytes:
    """The first line of what comes, empty if the server just closes."""
    wire.writer.write_eof()
    return (await wire.read_to_end()).partition(b"\r\n")[0]


RAW = {
    "nonsense": b"\x00\xff\x16\x03\x01 nonsense\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xab" * 500,
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a line without end": b"GET /" + b"a" * 20_000,
    "a giant line": b"GET /eureka/apps/%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 20_000),
    "a giant header": b"GET /eureka/apps HTTP/1.1\r\nHost: x\r\nX: %b\r\n\r\n" % (b"a" * 20_000),
    "a giant name": b"GET /eureka/apps HTTP/1.1\r\nHost: x\r\n%b: 1\r\n\r\n" % (b"a" * 20_000),
    "thousands of headers": b"GET /eureka/apps HTTP/1.1\r\nHost: x\r\n%b\r\n"
    % b"".join(b"X-%d: 1\r\n" % n for n in range(5000)),
    "a negative length": b"POST /eureka/apps/FOO HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    "a giant length": b"POST /eureka/apps/FOO HTTP/1.1\r\nHost: x\r\nContent-Length: %b\r\n\r\n"
    % (b"9" * 40),
    "two lengths": b"POST /eureka/apps/FOO HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
    b"Content-Length: 2\r\n\r\nab",
    "length and chunks": b"POST /eureka/apps/FOO HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad chunks": b"POST /eureka/apps/FOO HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Type: application/json\r\n\r\nzz\r\n",
    "no host": b"GET /eureka/apps HTTP/1.1\r\n\r\n",
    "no version": b"GET /eureka/apps\r\n\r\n",
    "NUL in a path": b"GET /eureka/apps/\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in a header": b"GET /eureka/apps HTTP/1.1\r\nHost: x\r\nAccept: \x00\r\n\r\n",
}


@pytest.mark.parametrize("data", RAW.values(), ids=RAW.keys())
async def test_what_is_no_http_is_refused(node: Running, data: bytes) -> None:
    """One line says why, and the connection ends."""
    await node.reg(vipAddress="v")
    version = node.node.registry.version
    async with await node.connect() as wire:
        await wire.send(data)
        line = await first_line(wire)

    assert line.split(b" ")[1:2] in ([b"400"], [b"413"], []), line
    await check_registry(node, version)


async def test_bad_chunks_after_a_good_head_are_answered_at_once(node: Running) -> None:
    """Not only when the time for the body is over."""
    head = b"POST /eureka/apps/FOO HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with await node.connect() as wire:
        await wire.send(head)
        await node.ask("GET", "/eureka/x")
        await wire.send(b"zz\r\n")
        assert (await wire.response()).status == 400


def bomb(size: int) -> bytes:
    """So many blanks, compressed."""
    compressor = zlib.compressobj(9, wbits=31)
    pieces = [compressor.compress(b" " * 2**20) for _ in range(size // 2**20)]
    return b"".join((*pieces, compressor.flush()))


@pytest.mark.parametrize(
    ("path", "limit", "kind"),
    [
        *((path, limit, kind)
          for path, limit in (("apps/FOO", 2**20), ("peerreplication/batch", 2**24))
          for kind in ("plain", "chunked", "gzip")),
        ("x", 2**20, "plain"),
        ("x", 2**20, "chunked"),
    ],
)  # fmt: skip
async def test_bodies_are_bounded(node: Running, path: str, limit: int, kind: str) -> None:
    """413, whether a length was given or not, and however small it was compressed."""
    head = f"POST /eureka/{path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    async with await node.connect() as wire:
        if kind == "plain":
            await wire.send(f"{head}Content-Length: {limit + 1}\r\n\r\n".encode())
        elif kind == "gzip":
            body = bomb(limit + 2**20)
            lines = f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
            await wire.send((head + lines).encode() + body)
        else:
            await wire.send(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
            for _ in range(limit // 2**20 + 1):
                await wire.send(b"100000\r\n" + b" " * 2**20 + b"\r\n")
        answer = await wire.response()

    assert (answer.status, answer.body, answer.headers["connection"]) == (413, b"", "close")
    await check_registry(node, 1)


@pytest.mark.parametrize("kind", ["plain", "chunked", "gzip"])
@pytest.mark.parametrize(("path", "reads"), [("apps/FOO", True), ("apps/FOO/i1", False)])
async def test_the_bound_is_the_same_for_bodies_that_come_in_one_piece(
    path: str, kind: str, *, reads: bool
) -> None:
    """With their head, and so are complete before anybody reads them."""
    registered = json.dumps(document()).encode().ljust(1000)
    async with running(max_body_bytes=1000, max_batch_bytes=1000) as node:
        await node.reg()
        method = "POST" if reads else "PUT"
        statuses = []
        for body in (registered, registered + b" "):
            answer = await node.send(request_with_body(f"{method} /eureka/{path}", kind, body))
            statuses.append(answer.status)

    inflated = kind != "gzip" or reads  # a body that nobody reads is not inflated
    assert statuses == [204 if reads else 200, 413 if inflated else 200]


def request_with_body(line: str, kind: str, body: bytes) -> bytes:
    """A request whose body comes so."""
    head = f"{line} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()
    if kind == "chunked":
        return b"%bTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
            head,
            len(body),
            body,
        )
    if kind == "gzip":
        head, body = head + b"Content-Encoding: gzip\r\n", gzip.compress(body)
    return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"no gzip at all"),
        ("gzip", gzip.compress(json.dumps(document()).encode(), mtime=0)[:-40]),
        ("gzip", gzip.compress(b"{}", mtime=0) + b"more"),
        ("deflate", b"\x00\x01"),
        ("br", b"\x00"),
        ("zstd", b"\x00"),
    ],
)
async def test_bad_compression_is_400(node: Running, coding: str, body: bytes) -> None:
    """Nothing of the body counts."""
    answer = await node.post(body, headers={"Content-Encoding": coding})

    assert answer.status in (400, 415)
    await check_registry(node, 1)


def listed(key: str, value: str) -> bytes:
    """A registration with this raw JSON as one of its fields."""
    return json.dumps(document(**{key: "@"})).encode().replace(b'"@"', value.encode())


BODIES = {
    "deep arrays": b"[" * 60_000,
    "deep objects": b'{"a":' * 60_000,
    "deep in a field": listed("foo", "[" * 20_000 + "]" * 20_000),
    "a giant number": listed("countryId", "9" * 10_000),
    "a giant moment": listed("lastDirtyTimestamp", "9" * 30),
    "infinite": listed("countryId", "1e999"),
    "NaN": listed("countryId", "NaN"),
    "half a surrogate pair": listed("hostName", '"\\ud800"'),
    "NUL": listed("hostName", '"a\\u0000"'),
    "control characters": listed("vipAddress", '"a\\u001b[31m"'),
    "U+FFFE": listed("asgName", '"\\ufffe"'),
    "invalid UTF-8": listed("hostName", '"@@"').replace(b"@@", b"\xff\xfe"),
    "UTF-16": json.dumps(document()).encode("utf-16"),
    "surrogates in UTF-8": listed("hostName", '"@@"').replace(b"@@", b"\xed\xa0\x80"),
    "a list as app": listed("app", "[]"),
    "an object as status": listed("status", '{"a":1}'),
    "a list as metadata": listed("metadata", "[{}]"),
    "an empty key": listed("metadata", '{"":"x"}'),
    "a control character as key": listed("metadata", '{"a\\u0001":"x"}'),
    "a port beyond 32 bits": listed("port", '{"$":4294967296,"@enabled":"true"}'),
    "a list as port": listed("port", "[1]"),
    "an unknown class": listed("dataCenterInfo", '{"@class":"java.lang.Runtime","name":"MyOwn"}'),
    "a duration beyond 32 bits": listed("leaseInfo", '{"durationInSecs":99999999999}'),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_bad_registrations_are_400(node: Running, body: bytes) -> None:
    """Nothing of them is applied; the reason is a header that holds printable ASCII only."""
    await node.reg(vipAddress="v")
    version = node.node.registry.version

    answer = await node.post(body)

    assert answer.status == 400
    assert answer.headers["x-eurekube-reason"].isprintable()
    await check_registry(node, version)


XML = {
    "billions of laughs": b'<!DOCTYPE a [<!ENTITY b "x">]><instance>&b;</instance>',
    "a file": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><instance>&b;</instance>',
    "deep": b"<a>" * 60_000,
    "wide": b"<instance>" + b"<a/>" * 60_000 + b"</instance>",
    "an encoding": b'<?xml version="1.0" encoding="UTF-7"?><instance/>',
    "an instruction": b"<?php ?><instance/>",
    "UTF-16": "<instance/>".encode("utf-16"),
    "NUL": b"<instance>\x00</instance>",
    "two roots": b"<instance/><instance/>",
    "an entity": b"<instance>&nope;</instance>",
    "a number that is none": b"<instance><port>x</port></instance>",
}


@pytest.mark.parametrize("body", XML.values(), ids=XML.keys())
async def test_bad_xml_is_400(node: Running, body: bytes) -> None:
    """No DOCTYPE, so no entities; bounded depth and size."""
    answer = await node.post(body, headers={"Content-Type": "application/xml"})

    assert answer.status == 400
    await check_registry(node, 1)


QUERIES = [
    "metadata?a=%00",
    "metadata?a%01=b",
    "metadata?a=%EF%BF%BE",
    "metadata?" + "&".join(f"k{n}=v" for n in range(300)),
    "status?value=" + "x" * 1000,
    "status?value=%00",
    "status?value=UP&lastDirtyTimestamp=1_000",
    "status?value=UP&lastDirtyTimestamp=%D9%A1",
    "status?value=UP&lastDirtyTimestamp=" + "9" * 5000,
    "?lastDirtyTimestamp=" + "9" * 5000,
    "?lastDirtyTimestamp=-",
    "?lastDirtyTimestamp=1.5",
]


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
async def test_bad_queries_are_400_with_a_short_sentence(node: Running, query: str) -> None:
    """And nothing is applied."""
    await node.reg(vipAddress="v")
    version = node.node.registry.version

    answer = await node.put(f"/apps/FOO/i1/{query}".replace("/?", "?"))

    assert answer.status == 400
    assert answer.body.decode().strip().isprintable()
    assert len(answer.body) < 300
    await check_registry(node, version)


async def test_metadata_does_not_grow_without_end(node: Running) -> None:
    """Updates are small, but there may be many: every client would have to fetch it all."""
    await node.reg()
    value = "x" * 7000
    statuses = [
        (await node.put(f"/apps/FOO/i1/metadata?k{number}={value}")).status for number in range(45)
    ]

    assert statuses == [200] * 37 + [413] * 8
    assert (await node.put("/apps/FOO/i1/metadata?k0=y")).status == 200


async def test_invented_methods_do_not_fill_the_counters(node: Running) -> None:
    """Each would be a time series for ever."""
    for method in ("PROPFIND", "MKCOL", "LOCK", "PURGE", "REPORT"):
        assert (await node.ask(method, "/eureka/apps")).status == 405

    assert {method for _, method, _ in node.node.counters.requests} == {"other"}


async def test_the_registry_is_bounded() -> None:
    """503 for one more; who is in may register again."""
    async with running(max_instances=2) as node:
        statuses = [(await node.reg(instance_id=i)).status for i in ("a", "b", "c", "b")]

    assert statuses == [204, 204, 503, 204]


# -- By chance

_TEXT = st.text(max_size=6)
_TREE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_FIELDS = st.sampled_from([*document()["instance"], "metadata", "overriddenstatus", "vipAddress"])


@OFTEN
@given(data=st.binary(max_size=300))
async def test_random_bytes(node: Running, data: bytes) -> None:
    """Answered with 400, or the connection is closed."""
    async with await node.connect() as wire:
        await wire.send(data)
        line = await first_line(wire)

    assert line.split(b" ")[1:2] in ([b"400"], [])
    await check_registry(node, 1)


@OFTEN
@given(cut=st.integers(0, 600), flip=st.integers(0, 600), to=st.integers(0, 255))
async def test_damaged_requests(node: Running, cut: int, flip: int, to: int) -> None:
    """A registration with one byte changed, cut off anywhere."""
    body = json.dumps(document()).encode()
    data = bytearray(request("POST", "/eureka/apps/FOO", POST, body))
    data[flip % len(data)] = to
    async with await node.connect() as wire:
        await wire.send(bytes(data[: max(cut, 1)]))
        line = await first_line(wire)

    assert line.split(b" ")[1:2] != [b"500"]
    await check_registry(node, node.node.registry.version)


@OFTEN
@given(changes=st.dictionaries(_FIELDS, _TREE, max_size=3))
async def test_random_documents(node: Running, changes: dict[str, object]) -> None:
    """204 or 400, and lists that can be read either way."""
    answer = await node.post({"instance": {**document()["instance"], **changes}})

    assert answer.status in (204, 400)
    await check_registry(node, node.node.registry.version)


@OFTEN
@given(changes=st.dictionaries(_FIELDS, _TREE, max_size=3), extra=_TREE)
async def test_random_batches(node: Running, changes: dict[str, object], extra: object) -> None:
    """One answer for each item; a bad one harms no other."""
    known = {"appName": "FOO", "id": "i", "action": "Register", "lastDirtyTimestamp": 1}
    bad = {**known, "instanceInfo": {**document()["instance"], **changes}}
    good = {**known, "instanceInfo": document("FOO", "good")["instance"]}

    replies = (await node.batch(bad, extra, {**known, "id": extra}, good)).json["responseList"]

    assert [len(replies), replies[-1]["statusCode"]] == [4, 200]
    await check_registry(node, node.node.registry.version)
