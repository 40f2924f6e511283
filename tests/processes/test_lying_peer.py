"""A peer that answers wrongly does no harm: the honest ones stay correct and fast."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from processes.cluster import AT_ONCE_S, LONG, Cluster, document, slowest_look_up, until
from processes.fleet import Fleet
from processes.lying_peer import NODE_HEADER, Answer, LyingPeer, garbage

DIGEST = {"node": "liar", "name": "liar", "stage": "ready", "instances": 3, "sees": {}}
NONSENSE: list[object] = [
    {"instanceId": "x"},
    {"hostName": 7, "app": [], "leaseInfo": "long"},
    "an instance",
    [[]],
]


def _json(document: object, **headers: str) -> web.Response:
    return web.Response(
        body=json.dumps(document).encode(), content_type="application/json", headers=headers
    )


def _items(body: bytes) -> int:
    return len(json.loads(body)["replicationList"]) if body else 0


async def honest(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """Take every batch, and hold nothing."""
    if request.method == "GET":
        return _json(DIGEST | {"applications": {}})
    return _json({"responseList": [{"statusCode": 200}] * _items(body)})


async def wrong_counts(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """One reply too many, or an empty digest."""
    count = _items(body) + 1 if request.method == "POST" else 0
    return _json({"responseList": [{"statusCode": 404}] * count})


async def nonsense_conflicts(_request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """409 to everything, with entities that are no instances, or not the one that was sent."""
    replies = [
        {"statusCode": 409, "responseEntity": NONSENSE[number % len(NONSENSE)]}
        for number in range(_items(body))
    ]
    return _json({"responseList": replies})


async def foreign_conflicts(_request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """409 with a newer document of an instance that we hold and that the item was not about."""
    fields = {"lastDirtyTimestamp": "9999999999999", "leaseInfo": LONG, "status": "DOWN"}
    entity = document("HONEST", "foreign_conflicts", **fields)["instance"]
    return _json({"responseList": [{"statusCode": 409, "responseEntity": entity}] * _items(body)})


async def endless(request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
    """A body without end."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b"[" * 65_536)


async def send_slowly(request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
    """A body without end, and hardly a beginning: a byte now and then."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.2)


async def silence(_request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
    """No answer."""
    await asyncio.sleep(3600)
    return web.Response()


async def nesting(_request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
    """Deeper than any recursion."""
    return web.Response(body=b'{"responseList":' + b"[" * 200_000, content_type="application/json")


async def failure(_request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
    """500 with a page."""
    return web.Response(status=500, text="<html>Whitelabel Error Page</html>")


async def redirect(request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
    """To itself, for ever."""
    return web.Response(status=302, headers={"Location": str(request.url)})


async def echo_of_identity(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """Claim to be whoever asks."""
    node = request.headers.get(NODE_HEADER, "")
    return _json({"responseList": [{"statusCode": 200}] * _items(body)}, **{NODE_HEADER: node})


def _lease(text: bytes) -> bytes:
    whole = json.dumps(document("BROKEN", "b", leaseInfo=LONG)["instance"]).encode()
    return whole.replace(b"h-b", text)


async def damaged_copy(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """Ready, of another opinion on everything, and a copy that is not a text in one place."""
    if request.method == "POST":
        return _json({"responseList": [{"statusCode": 200}] * _items(body)})
    if request.path.endswith("digest"):
        return _json(DIGEST | {"applications": {"BROKEN": "0" * 16, "ORDERS": "1" * 16}})
    head = b'{"node":"liar","stage":"ready","leases":[{"renewedMsAgo":1,"registeredMsAgo":1,'
    return web.Response(body=head + b'"instance":' + _lease(b"\xff\xfe") + b"}]}")


async def impossible_copy(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """Ready, with leases that cannot be: numbers out of all bounds, no id, no names."""
    if not request.path.endswith("copy"):
        return await damaged_copy(request, body)
    huge: dict[str, Any] = {"renewedMsAgo": 10**30, "registeredMsAgo": -(10**30)}
    bad = [{}, {"instanceId": ""}, {"instanceId": "x", "app": None, "port": {"$": 1e300}}]
    return _json(
        {"node": "liar", "stage": "ready", "leases": [{**huge, "instance": b} for b in bad]}
    )


LIES: dict[str, Answer] = {
    lie.__name__: lie
    for lie in (
        garbage,
        wrong_counts,
        nonsense_conflicts,
        foreign_conflicts,
        endless,
        send_slowly,
        silence,
        nesting,
        failure,
        redirect,
        echo_of_identity,
        damaged_copy,
        impossible_copy,
    )
}


@pytest.fixture(scope="module")
def lying_peer() -> Iterator[LyingPeer]:
    """One liar for the module."""
    with LyingPeer() as lying_peer:
        yield lying_peer


@pytest.fixture(scope="module")
def cluster(lying_peer: LyingPeer) -> Iterator[Cluster]:
    """Two honest peers that have the liar in their lists."""
    with Cluster(2) as cluster:
        cluster.wire(lying_peer.url)
        yield cluster.start()


@pytest.fixture(scope="module")
def fleet(cluster: Cluster) -> Iterator[Fleet]:
    """Clients that renew all the time."""
    with Fleet(cluster.peers, "ORDERS", 4) as fleet:
        yield fleet


@pytest.mark.parametrize("name", LIES)
def test_lie_changes_nothing_among_the_honest(
    cluster: Cluster, lying_peer: LyingPeer, fleet: Fleet, name: str
) -> None:
    """Registrations travel, look-ups are answered at once, nothing appears that nobody sent."""
    one, two = cluster.peers
    lying_peer.answer = honest
    until(lambda: all(peer.edges()[str(lying_peer.port)]["available"] for peer in cluster.peers))
    lying_peer.answer = LIES[name]
    batches, asked = len(lying_peer.batches), len(lying_peer.asked)
    until(lambda: len(lying_peer.asked) > asked + 2)
    until(lambda: len(lying_peer.batches) > batches)

    one.register("HONEST", name, leaseInfo=LONG)
    until(lambda: name in two.ids("HONEST"), within_s=15.0)
    # One that waits for the liar is always slow, a busy machine now and then.
    until(lambda: slowest_look_up(cluster.peers, 0.7) < AT_ONCE_S)
    assert [(peer.instance("HONEST", name) or {}).get("status") for peer in (one, two)] == [
        "UP"
    ] * 2
    assert one.ask("DELETE", f"/apps/HONEST/{name}").status == 200

    until(lambda: one.ids() == two.ids() == fleet.ids)
    until(lambda: one.edge(two)["available"])
    assert one.edge(two)["backlog"] <= 2 * len(fleet.ids)
    liar_edge = one.edges()[str(lying_peer.port)]
    assert liar_edge["backlog"] <= 2 * len(fleet.ids) + 2 * len(LIES)
    assert (fleet.failed, fleet.lost) == (0, 0)


@pytest.mark.parametrize(
    "name", ["garbage", "silence", "endless", "damaged_copy", "impossible_copy"]
)
def test_start_with_a_liar_takes_the_honest_copy(name: str) -> None:
    """What the liar says is not taken for a registry, and nobody waits for it."""
    with LyingPeer(LIES[name]) as lying_peer, Cluster(2, sync_timeout_s=90) as cluster:
        cluster.wire(lying_peer.url)
        one, two = cluster.peers
        one.settings["peers"] = []
        cluster.start([one])
        one.register("HONEST", "a", leaseInfo=LONG)
        two.settings["peers"] = [lying_peer.url, one.url]

        two.start()
        two.ready(within_s=50)

        until(lambda: two.ids() == {"a"})
