"""The fast lane for renewals and registrations: the answers of the slow way, whatever comes.

Everything is sent to two servers with the same contents, of which one has no fast lane.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.issuer import ISSUER, Issuer, key_set
from support.secure import basic, bearer, write
from support.server import DIRTY, Running, document, request, running

OFTEN = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PLAIN = request("PUT", f"/eureka/apps/FOO/i1?status=UP&lastDirtyTimestamp={DIRTY}")
_CHANGING = re.compile(rb"(?m)^(Date|X-Eurekube-Node): [^\r]*")

Twins = tuple[Running, Running]


@pytest_asyncio.fixture
async def twins() -> AsyncIterator[Twins]:
    """A server with the fast lane and one without."""
    async with running() as fast, running(fast=False) as slow:
        for peer in (fast, slow):
            await peer.reg()
            await peer.reg("B.a-r_1", "host:b:8080")
            await peer.reg("FOO", "lost", status="UNKNOWN")
        yield fast, slow


async def both(twins: Twins, pieces: Sequence[bytes]) -> tuple[bytes, bytes]:
    """What each of them answers until it closes the connection.

    A question with `Connection: close` comes last, because nothing else ends a connection.
    """
    answers = [await _talk(peer, pieces) for peer in twins]
    return answers[0], answers[1]


def digests(peer: Running) -> dict[str, int]:
    """What a server holds: the digest of each application."""
    return {name: app.digest for name, app in peer.node.registry.applications.items()}


async def _talk(peer: Running, pieces: Sequence[bytes]) -> bytes:
    last = request("GET", "/eureka/apps/NOPE", {"Connection": "close"})
    async with await peer.connect() as wire:
        try:
            for piece in (*pieces, last):
                await wire.send(piece)
                await _wait_until_read(peer)
        except ConnectionError:
            pass
        return _CHANGING.sub(rb"\1: ?", await wire.read_to_end())


async def _wait_until_read(peer: Running) -> None:
    """Let the server see a piece by itself: a question of another connection goes round once."""
    await peer.ask("GET", "/eureka/x")


def renewal(
    path: str = "/eureka/apps/FOO/i1",
    *headers: str,
    start: str = "PUT {} HTTP/1.1",
    end: str = "\r\n",
) -> bytes:
    """The bytes of a renewal, odd as you like."""
    lines = [start.format(path), *headers, "", ""]
    return end.join(lines).encode("utf-8", "surrogateescape")


HOST = "Host: x"
JSON = "Content-Type: application/json"
JSON_TYPE = {"Content-Type": "application/json"}
XML_TYPE = {"Content-Type": "application/xml"}
REGISTERED = json.dumps(document("FOO", "i2")).encode()
LENGTH = f"Content-Length: {len(REGISTERED)}"
REGISTRATION = request("POST", "/eureka/apps/FOO", JSON_TYPE, REGISTERED)


def registering(*headers: str, path: str = "/eureka/apps/FOO", body: bytes = REGISTERED) -> bytes:
    """The bytes of a registration, odd as you like."""
    return renewal(path, *headers, start="POST {} HTTP/1.1") + body


CORPUS = [
    PLAIN,
    *(
        renewal(path, HOST)
        for path in (
            "/eureka/apps/FOO/i1",
            "/eureka/v2/apps/foo/i1",
            "/eureka/v1/apps/foo/i1",
            "/eureka/V2/apps/foo/i1",
            "/v2/apps/foo/i1",
            "/eureka/apps/B.a-r_1/host:b:8080",
            "/eureka/apps/FOO/host%3Ab",
            "/eureka/apps/FOO/%691",
            "/eureka/apps/FOO/i1/",
            "/eureka//apps/FOO/i1",
            "/eureka/apps/FOO/i1;a=b",
            "/eureka/apps/FOO/i1?",
            "/eureka/apps/FOO/i1?status=UP",
            "/eureka/apps/FOO/i1?status=up",
            "/eureka/apps/FOO/i1?status=",
            f"/eureka/apps/FOO/i1?status=UP&lastDirtyTimestamp={DIRTY + 1}",
            f"/eureka/apps/FOO/i1?status=UP&lastDirtyTimestamp={DIRTY - 1}",
            f"/eureka/apps/FOO/i1?lastDirtyTimestamp={DIRTY}&status=UP",
            "/eureka/apps/FOO/i1?status=UP&lastDirtyTimestamp=abc",
            "/eureka/apps/FOO/i1?status=UP&lastDirtyTimestamp=",
            "/eureka/apps/FOO/i1?status=UP&lastDirtyTimestamp=" + "9" * 18,
            "/eureka/apps/FOO/i1?status=UP&lastDirtyTimestamp=" + "9" * 19,
            "/eureka/apps/FOO/i1?status=UP&lastDirtyTimestamp=0000",
            "/eureka/apps/FOO/i1?status=UP&lastDirtyTimestamp=1&x=1",
            "/eureka/apps/FOO/i1?status=UP&overriddenstatus=DOWN",
            "/eureka/apps/FOO/i1#x",
            "/eureka/apps/FOO/nope",
            "/eureka/apps/FOO/lost",
            "/eureka/apps/FOO/status",
            "/eureka/apps/FOO/metadata",
            "/eureka/apps/delta/i1",
            "/eureka/apps/../i1",
            "/eureka/apps/./..",
            "/eureka/apps/FOO/" + "x" * 201,
            "http://x/eureka/apps/FOO/i1",
            "/eureka/apps/FOO/ü",
            "/eureka/apps/FOO/\udcff",
            "/eureka/apps/FOO/i 1",
            "/EUREKA/apps/FOO/i1",
            "/eureka/Apps/FOO/i1",
        )
    ),
    *(
        renewal("/eureka/apps/FOO/i1", *headers)
        for headers in (
            (),
            ("Host:",),
            ("Host: a", "Host: a"),
            ("host: x",),
            ("Host:x",),
            ("Host:  x",),
            ("Host: x ",),
            ("Host : x",),
            (" Host: x",),
            (HOST, " folded"),
            (HOST, "Accept: a", "\tfolded"),
            (HOST, "Content-Length: 0"),
            (HOST, "Content-Length: 00"),
            (HOST, "Content-Length: 0", "Content-Length: 0"),
            (HOST, "Content-Length: +0"),
            (HOST, "Content-Length: -1"),
            (HOST, "Content-Length: 2"),
            (HOST, "Transfer-Encoding: chunked"),
            (HOST, "Transfer-Encoding: identity"),
            (HOST, "Content-Length: 0", "Transfer-Encoding: chunked"),
            (HOST, "Expect: 100-continue"),
            (HOST, "Expect: x", "Content-Length: 0"),
            (HOST, "Connection: close"),
            (HOST, "Connection: keep-alive"),
            (HOST, "Connection: Keep-Alive"),
            (HOST, "Connection: keep-alive, close"),
            (HOST, "Connection: upgrade", "Upgrade: websocket"),
            (HOST, "x-netflix-discovery-replication: true"),
            (HOST, "X-Netflix-Discovery-Replication: TRUE"),
            (HOST, "Accept: application/json", "Accept-Encoding: gzip"),
            (HOST, "Accept: a", "Accept: b"),
            (HOST, "Content-Type: application/json"),
            (HOST, "Content-Encoding: gzip"),
            (HOST, "X-Unknown: 1"),
            (HOST, "Accept: \x7f"),
            (HOST, "Accept: \x00"),
            (HOST, "Accept: ü"),
            (HOST, "Accept:\tx"),
            (HOST, "Accept"),
            (HOST, ": x"),
            (HOST, *("Pragma: x" for _ in range(150))),
            (HOST, "Pragma: " + "x" * 4096),
            (HOST, "Pragma: " + "x" * 9000),
        )
    ),
    *(
        renewal("/eureka/apps/FOO/i1", HOST, start=start)
        for start in (
            "put {} HTTP/1.1",
            "PUT {} HTTP/1.0",
            "PUT {} HTTP/1.2",
            "PUT {} HTTP/2.0",
            "PUT {} http/1.1",
            "PUT  {} HTTP/1.1",
            "PUT {}  HTTP/1.1",
            "PUT {}",
            "POST {} HTTP/1.1",
            "DELETE {} HTTP/1.1",
            "GET {} HTTP/1.1",
            "\r\nPUT {} HTTP/1.1",
            "PUT\t{} HTTP/1.1",
        )
    ),
    renewal("/eureka/apps/FOO/i1", HOST, end="\n"),
    renewal("/eureka/apps/FOO/i1", HOST, end="\r"),
    PLAIN + b"\r\n",
    PLAIN + b"\r\n\r\n",
    PLAIN + b"x",
    PLAIN.replace(b"\r\n\r\n", b"\r\n\n"),
    request("PUT", "/eureka/apps/FOO/i1", {"Content-Type": "application/json"}, b"{}"),
    request("PUT", "/eureka/apps/FOO/i1", {}, b"\r\n\r\n"),
    request("PUT", "/eureka/apps/FOO/i1", {}, PLAIN),
    REGISTRATION,
    *(
        request("POST", path, JSON_TYPE, REGISTERED)
        for path in (
            "/eureka/v2/apps/foo",
            "/eureka/v1/apps/FOO",
            "/v2/apps/FOO",
            "/eureka/apps/OTHER",
            "/eureka/apps/delta",
            "/eureka/apps/DELTA",
            "/eureka/apps/FOO/",
            "/eureka/apps/FOO/i2",
            "/eureka/apps/FOO?x=1",
            "/eureka/apps/F%4fO",
            "/eureka/apps/",
            "/eureka/vips/FOO",
        )
    ),
    *(
        request("POST", "/eureka/apps/FOO", kind, body)
        for kind in (JSON_TYPE, XML_TYPE)
        for body in (
            b"",
            b"{}",
            b"no document",
            b"\xff",
            b'{"instance":{"app":"FOO"}}',
            REGISTERED + b" ",
            REGISTERED + b"\r\n\r\n",
            b"\xef\xbb\xbf" + REGISTERED,
            json.dumps(document("FOO", "\x01")).encode(),
            json.dumps(document("FOO", "i2", overriddenStatus="DOWN")).encode(),
            b"<instance><app>FOO</app></instance>",
            b"x" * 70_000,
        )
    ),
    *(
        registering(*headers)
        for headers in (
            (HOST,),
            (HOST, JSON),
            (HOST, LENGTH),
            (JSON, LENGTH),
            (HOST, JSON, LENGTH, LENGTH),
            (HOST, JSON, JSON, LENGTH),
            (HOST, JSON, LENGTH, "Content-Length: 0"),
            (HOST, JSON, LENGTH.replace(": ", ": 0")),
            (HOST, JSON, LENGTH.replace(": ", ": +")),
            (HOST, JSON, LENGTH + " "),
            (HOST, JSON, LENGTH.replace(": ", ":")),
            (HOST, JSON, LENGTH.replace(": ", ":\t")),
            (HOST, JSON, f"{LENGTH}, {len(REGISTERED)}"),
            (HOST, JSON, "Content-Length: 1"),
            (HOST, JSON, f"Content-Length: {len(REGISTERED) + 1}"),
            (HOST, JSON, "Content-Length: 9999999999"),
            (HOST, JSON, LENGTH, "Transfer-Encoding: chunked"),
            (HOST, JSON, LENGTH, "Transfer-Encoding: identity"),
            (HOST, JSON, LENGTH, "Content-Encoding: gzip"),
            (HOST, JSON, LENGTH, "Expect: 100-continue"),
            (HOST, JSON, LENGTH, "Connection: close"),
            (HOST, JSON, LENGTH, "Connection: keep-alive"),
            (HOST, JSON, LENGTH, "Upgrade: x", "Connection: upgrade"),
            (HOST, JSON, LENGTH, "x-netflix-discovery-replication: true"),
            (HOST, "Content-Type: application/json;charset=UTF-8", LENGTH),
            (HOST, "Content-Type: application/json; charset=utf-7", LENGTH),
            (HOST, "Content-Type: APPLICATION/Json ", LENGTH),
            (HOST, "Content-Type: text/plain", LENGTH),
            (HOST, "Content-Type:", LENGTH),
            (HOST, "Content-Type: application/xml", LENGTH),
        )
    ),
]


@pytest.mark.parametrize("data", CORPUS, ids=range(len(CORPUS)))
async def test_both_ways_answer_alike(twins: Twins, data: bytes) -> None:
    """Alone, twice in one piece, and after another that took the fast lane."""
    for pieces in ([data], [data + data], [PLAIN, data, PLAIN], [data + PLAIN[:40], PLAIN[40:]]):
        fast, slow = await both(twins, pieces)
        assert fast == slow
    assert digests(twins[0]) == digests(twins[1])


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_split_anywhere_the_answers_are_the_same(twins: Twins, count: int) -> None:
    """In two pieces, at each byte of up to three renewals in a row."""
    await _same_wherever_split(twins, request("PUT", "/eureka/apps/FOO/i1", {"Accept": "a"}), count)


@pytest.mark.parametrize("count", [1, 2])
async def test_a_registration_may_be_split_anywhere(twins: Twins, count: int) -> None:
    """As clients do that send head and body one after the other."""
    await _same_wherever_split(twins, REGISTRATION, count)


async def _same_wherever_split(twins: Twins, one: bytes, count: int) -> None:
    data = one * count
    expected, _ = await both(twins, [data])
    for position in range(1, len(data), 1 if count == 1 else 3):
        fast, slow = await both(twins, [data[:position], data[position:]])
        assert fast == slow == expected


async def test_a_piece_of_a_request_is_never_skipped(twins: Twins) -> None:
    """What looks like a renewal may be the rest of a header: two servers must not disagree.

    After a whole request and the beginning of another, the server waits for its next request, but
    the parser is in the middle of one.
    """
    get = request("GET", "/eureka/apps/NOPE")
    begun = get + b"PUT /eureka/apps/FOO/nope HTTP/1.1\r\nHost: x\r\nX-Rest: "

    fast, slow = await both(twins, [begun, PLAIN])

    assert fast == slow
    assert b" 200 " not in fast.partition(b"Connection: close")[0]


async def test_the_rest_of_a_declined_upgrade_is_never_skipped(twins: Twins) -> None:
    """The parser keeps what follows an upgrade aside, and parses it later."""
    upgrade = request("GET", "/eureka/apps/NOPE", {"Connection": "upgrade", "Upgrade": "websocket"})
    begun = upgrade + b"PUT /eureka/apps/FOO/nope HTTP/1.1\r\nHost: x\r\nX-Rest: "

    fast, slow = await both(twins, [begun, PLAIN])

    assert fast == slow


ORDINARY = request("POST", "/eureka/apps/FOO", {**JSON_TYPE, "X-Unknown": "1"}, REGISTERED)
CHUNKED = (
    request("POST", "/eureka/apps/FOO", {**JSON_TYPE, "Transfer-Encoding": "chunked"})
    + b"%x\r\n%b\r\n0\r\n\r\n" % (len(REGISTERED), REGISTERED)
)  # fmt: skip
ENDED_LIKE_A_HEAD = request("POST", "/eureka/apps/FOO", JSON_TYPE, REGISTERED + b"\r\n\r\n")
HALF = b"PUT /eureka/apps/FOO/nope HTTP/1.1\r\nHost: x\r\nX-Rest: "


@pytest.mark.parametrize("body", [REGISTRATION, ORDINARY, CHUNKED, ENDED_LIKE_A_HEAD])
async def test_a_piece_of_a_request_is_never_skipped_after_a_body(
    twins: Twins, body: bytes
) -> None:
    """Wherever the body and what follows it are cut: the same as above."""
    for data in (body + HALF, body + PLAIN + HALF, body[:-1], body + HALF[:1]):
        for cut in (len(body) - 5, len(body) - 2, len(body), len(body) + 1):
            pieces = [piece for piece in (data[:cut], data[cut:], PLAIN, PLAIN) if piece]
            fast, slow = await both(twins, pieces)

            assert fast == slow


@pytest.mark.parametrize("length", [-1, 1])
async def test_a_body_of_another_length_than_was_said_hides_nothing(
    twins: Twins, length: int
) -> None:
    """What is left of it, or lacks, belongs to the next request."""
    said = request(
        "POST", "/eureka/apps/FOO", {**JSON_TYPE, "Content-Length": str(len(REGISTERED) + length)}
    )
    fast, slow = await both(twins, [said + REGISTERED, PLAIN, PLAIN])

    assert fast == slow


_NAMES = st.sampled_from(
    ["Host", "host", "Accept", "Content-Length", "Content-Type", "Connection", "Expect", "Pragma",
     "Transfer-Encoding", "User-Agent", "X-Eureka-Accept", "DiscoveryIdentity-Name", "X-Other",
     "x-netflix-discovery-replication", "Content-Encoding", "Upgrade"]
)  # fmt: skip
_VALUES = st.one_of(
    st.sampled_from(["0", "1", "true", "x", "chunked", "close", "keep-alive", "", " x", "gzip"]),
    st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=8),
)
_HEADERS = st.lists(st.tuples(_NAMES, st.sampled_from([": ", ":", ":  "]), _VALUES), max_size=5)
_PATHS = st.one_of(
    st.sampled_from(["/eureka/apps/FOO/i1", "/eureka/v2/apps/foo/i1", "/eureka/apps/FOO/x"]),
    st.text("/eurkapsFO12%;:.?=&", max_size=40).map("/eureka/apps/FOO/".__add__),
)

_REGISTRATIONS = st.builds(
    lambda headers, length, body: registering(
        HOST, JSON, f"Content-Length: {len(body) + length}", *headers, body=body
    ),
    _HEADERS.map(lambda headers: [f"{n}{c}{v}" for n, c, v in headers[:2]]),
    st.sampled_from([0, 0, 0, 1, -1]),
    st.sampled_from([REGISTERED, REGISTERED, b"{}", b"", PLAIN, REGISTERED + b"\r\n\r\n"]),
)


@st.composite
def conversations(draw: Any) -> list[bytes]:  # noqa: ANN401 - hypothesis' own
    """One to three renewals or registrations in a row, cut anywhere into pieces."""
    data = b""
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            data += draw(_REGISTRATIONS)
            continue
        headers = [f"{n}{c}{v}" for n, c, v in draw(_HEADERS)]
        hosts = [] if draw(st.booleans()) and headers else [HOST]
        body = draw(st.sampled_from([b"", b"", b"{}", b"0\r\n\r\n", PLAIN]))
        data += renewal(draw(_PATHS), *hosts, *headers) + body
    cuts = sorted(draw(st.sets(st.integers(0, len(data)), max_size=3)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]


@OFTEN
@given(pieces=conversations())
async def test_both_ways_answer_alike_whatever_is_sent(twins: Twins, pieces: list[bytes]) -> None:
    """Found by chance what the corpus leaves out."""
    fast, slow = await both(twins, pieces)

    assert fast == slow


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Accept": "application/json", "Content-Length": "0"},
        {"Connection": "keep-alive", "User-Agent": "Jersey/3.1.10 (HttpUrlConnection 21)",
         "Content-Type": "application/json", "X-Eureka-Accept": "[compact]",
         "DiscoveryIdentity-Name": "Jersey3DefaultClient", "Accept-Encoding": "gzip"},
    ],
)  # fmt: skip
async def test_a_plain_renewal_takes_the_fast_lane(twins: Twins, headers: dict[str, str]) -> None:
    """Not merely the same answer: aiohttp never sees the request, yet it is counted."""
    fast, slow = twins
    before = [peer.server.requests_count for peer in twins]
    for peer in twins:
        async with await peer.connect() as wire:
            for _ in range(3):
                await wire.send(request("PUT", "/eureka/apps/FOO/i1", headers))
                assert (await wire.response()).status == 200

    taken = [peer.server.requests_count - n for peer, n in zip(twins, before, strict=True)]
    assert taken == [0, 3]
    assert fast.node.counters.requests == slow.node.counters.requests
    assert fast.node.registry.renewals == slow.node.registry.renewals


@pytest.mark.parametrize(
    "headers",
    [
        JSON_TYPE,
        {"Content-Type": "application/json;charset=UTF-8", "Accept": "application/json"},
        {"Connection": "Keep-Alive", "User-Agent": "Jersey/3.1.10 (HttpUrlConnection 21)",
         "Content-Type": "application/json", "Accept-Encoding": "gzip"},
    ],
)  # fmt: skip
async def test_a_plain_registration_takes_the_fast_lane(
    twins: Twins, headers: dict[str, str]
) -> None:
    """It is counted, held, shown and told to the peers as any other."""
    before = [peer.server.requests_count for peer in twins]
    for peer in twins:
        async with await peer.connect() as wire:
            for _ in range(3):
                await wire.send(request("POST", "/eureka/apps/FOO", headers, REGISTERED))
                assert (await wire.response()).status == 204

    fast, slow = twins
    taken = [peer.server.requests_count - n for peer, n in zip(twins, before, strict=True)]
    assert taken == [0, 3]
    assert fast.node.counters.requests == slow.node.counters.requests
    assert digests(fast) == digests(slow)
    assert fast.node.registry.lease("FOO", "i2") is not None


async def test_a_body_over_the_limit_takes_the_ordinary_way() -> None:
    """There it is refused."""
    async with running(max_body_bytes=len(REGISTERED) - 1) as peer:
        assert (await peer.ask("POST", "/eureka/apps/FOO", JSON_TYPE, REGISTERED)).status == 413


@pytest.mark.parametrize("body", [REGISTRATION, ORDINARY, CHUNKED, ENDED_LIKE_A_HEAD])
async def test_the_fast_lane_opens_again_after_a_registration(twins: Twins, body: bytes) -> None:
    """At the latest with the second renewal: the end of a body is not the end of a head."""
    fast, _ = twins
    async with await fast.connect() as wire:
        await wire.send(body)
        assert (await wire.response()).status == 204
        await wire.send(PLAIN)
        assert (await wire.response()).status == 200

        before = fast.server.requests_count
        for _ in range(3):
            await wire.send(PLAIN)
            assert (await wire.response()).status == 200

    assert fast.server.requests_count == before


async def test_the_fast_lane_is_open_for_registrations_alone_after_an_ordinary_one(
    twins: Twins,
) -> None:
    """A client that sends no renewals in between must not stay on the ordinary path."""
    fast, _ = twins
    async with await fast.connect() as wire:
        await wire.send(request("POST", "/eureka/apps/FOO", JSON_TYPE, b"{}"))
        assert (await wire.response()).status == 400

        before = fast.server.requests_count
        for _ in range(3):
            await wire.send(request("POST", "/eureka/apps/FOO", JSON_TYPE, REGISTERED))
            assert (await wire.response()).status == 204

    assert fast.server.requests_count == before


async def test_the_fast_lane_opens_again_after_other_requests(twins: Twins) -> None:
    """A client registers and then renews for hours on the same connection."""
    fast, _ = twins
    async with await fast.connect() as wire:
        for data in (request("PUT", "/eureka/apps/FOO/i1", {}, b"{}"), PLAIN, PLAIN, PLAIN):
            await wire.send(data)
            assert (await wire.response()).status == 200

        before = fast.server.requests_count
        await wire.send(PLAIN)
        await wire.response()

    assert fast.server.requests_count == before


# -- With credentials

KEY: Final = Issuer()
BASIC: Final = basic("orders:secret")["Authorization"]
TEAM_A: Final = bearer(KEY.token("team-a"))["Authorization"]
TEAM_B: Final = bearer(KEY.token("team-b"))["Authorization"]
POLICY: Final[Mapping[str, object]] = {
    "users": {
        "orders": {"password_file": "password", "applications": ["FOO"]},
        "reader": {"password_file": "password"},
    },
    "service_accounts": {
        "issuers": [ISSUER],
        "keys_file": "keys.json",
        "names": {"team-b": ["OTHERS"]},
    },
}
NAMED: Final = json.dumps(document("TEAM", "t1", metadata={"namespace": "team-a"})).encode()


@pytest_asyncio.fixture
async def guarded_twins(tmp_path: Path) -> AsyncIterator[Twins]:
    """The same two, where not everybody may do everything."""
    write(tmp_path / "auth.json", json.dumps(POLICY))
    write(tmp_path / "password", "secret")
    write(tmp_path / "keys.json", key_set(KEY))
    file = str(tmp_path / "auth.json")
    async with running(auth_file=file) as fast, running(fast=False, auth_file=file) as slow:
        for peer in (fast, slow):
            assert (await peer.reg(headers={"Authorization": BASIC})).status == 204
            team_a = {"Authorization": TEAM_A, **JSON_TYPE}
            answer = await peer.ask("POST", "/eureka/apps/TEAM", team_a, NAMED)
            assert answer.status == 204
        yield fast, slow


CREDENTIALS: Final = [
    (f"Authorization: {BASIC}",),
    (f"authorization: {BASIC}",),
    (f"AUTHORIZATION: {BASIC}",),
    (f"Authorization:{BASIC}",),
    (f"Authorization:  {BASIC}",),
    (f"Authorization: {BASIC} ",),
    (f"Authorization:\t{BASIC}",),
    (f" Authorization: {BASIC}",),
    (f"Authorization : {BASIC}",),
    (f"Authorization: {BASIC}", " folded"),
    (f"Authorization: {BASIC}", f"Authorization: {BASIC}"),
    (f"Authorization: {BASIC}", f"authorization: {TEAM_A}"),
    (f"Authorization: {BASIC}", "Authorization:"),
    (f"Proxy-Authorization: {BASIC}",),
    (f"Proxy-Authorization: {BASIC}", f"Authorization: {BASIC}"),
    (f"X-Authorization: {BASIC}",),
    (f"Accept: x\nAuthorization: {BASIC}",),
    (f"Accept: x\rAuthorization: {BASIC}",),
    (f"Accept: x Authorization: {BASIC}",),
    (f"Pragma: Authorization: {BASIC}", "Accept: y"),
    (f"Authorization: {BASIC}\nX: y",),
    (f"Authorization: {BASIC}\rX: y",),
    (f"Authorization: {BASIC}\x00",),
    (f"Authorization: {BASIC.lower()}",),
    (f"Authorization: {BASIC[:-1]}",),
    (f"Authorization: {BASIC}", "x-netflix-discovery-replication: true"),
    (f"Authorization: {BASIC}", "Expect: 100-continue"),
    (f"Authorization: {BASIC}", "Transfer-Encoding: chunked"),
    (f"Authorization: {BASIC}", "User-Agent: Mozilla/5.0", "Origin: http://evil"),
    (f"Authorization: {basic('reader:secret')['Authorization']}",),
    (f"Authorization: {TEAM_A}",),
    (f"Authorization: {TEAM_A}x",),
    (f"Authorization: {TEAM_B}",),
    ("Authorization:",),
    (),
]
PLACES: Final = ["/eureka/apps/FOO/i1", "/eureka/apps/TEAM/t1", "/eureka/apps/OTHERS/x"]


@pytest.mark.parametrize("credentials", CREDENTIALS, ids=range(len(CREDENTIALS)))
async def test_both_ways_judge_alike(guarded_twins: Twins, credentials: tuple[str, ...]) -> None:
    """Before who asks is known, and after; wherever the header stands."""
    pieces = []
    for place in PLACES:
        for headers in ((HOST, *credentials), (*credentials, HOST)):
            pieces += [renewal(place, *headers)] * 2
            app, _, _ = place.removeprefix("/eureka/apps/").partition("/")
            body = NAMED.replace(b"TEAM", app.encode())
            length = f"Content-Length: {len(body)}"
            path = place.rpartition("/")[0]
            pieces.append(registering(JSON, length, *headers, path=path, body=body))
    for piece in pieces:
        fast, slow = await both(guarded_twins, [piece, piece])
        assert fast == slow
    fast_node, slow_node = guarded_twins
    assert digests(fast_node) == digests(slow_node)
    assert fast_node.node.counters.refused == slow_node.node.counters.refused


@st.composite
def guarded_conversations(draw: Any) -> list[bytes]:  # noqa: ANN401 - hypothesis' own
    """Renewals and registrations with credentials, cut anywhere into pieces."""
    data = b""
    for _ in range(draw(st.integers(1, 3))):
        headers = [*draw(st.sampled_from(CREDENTIALS)), HOST]
        headers += [f"{n}{c}{v}" for n, c, v in draw(_HEADERS)[:2]]
        headers = draw(st.permutations(headers))
        if draw(st.booleans()):
            data += registering(
                JSON, f"Content-Length: {len(NAMED)}", *headers, path="/eureka/apps/TEAM",
                body=NAMED,
            )  # fmt: skip
        else:
            data += renewal(draw(st.sampled_from(PLACES)), *headers)
    cuts = sorted(draw(st.sets(st.integers(0, len(data)), max_size=3)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]


@OFTEN
@given(pieces=guarded_conversations())
async def test_both_ways_judge_alike_whatever_is_sent(
    guarded_twins: Twins, pieces: list[bytes]
) -> None:
    """Found by chance what the corpus leaves out."""
    fast, slow = await both(guarded_twins, pieces)

    assert fast == slow


@pytest.mark.parametrize(
    ("place", "authorization"),
    [("/eureka/apps/FOO/i1", BASIC), ("/eureka/apps/TEAM/t1", TEAM_A)],
)
async def test_who_is_known_takes_the_fast_lane(
    guarded_twins: Twins, place: str, authorization: str
) -> None:
    """Else each renewal costs five times as much; to begin with they are checked."""
    fast, slow = guarded_twins
    headers = {"Authorization": authorization, "Accept": "application/json"}
    app = place.split("/")[3]
    body = NAMED.replace(b"TEAM", app.encode())
    taken = []
    for peer in (fast, slow):
        assert (await peer.ask("GET", "/eureka/apps/NOPE", headers)).status == 404
        before = peer.server.requests_count
        async with await peer.connect() as wire:
            for _ in range(3):
                await wire.send(request("PUT", place, headers))
                assert (await wire.response()).status == 200
                await wire.send(
                    request("POST", f"/eureka/apps/{app}", {**headers, **JSON_TYPE}, body)
                )
                assert (await wire.response()).status == 204
        taken.append(peer.server.requests_count - before)

    assert taken == [0, 6]
    assert fast.node.counters.requests == slow.node.counters.requests
