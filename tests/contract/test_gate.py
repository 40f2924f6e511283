"""When lists are refused: cases 124 to 126, 207, 208 and 215 of `docs/protocol/cases.md`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from eureka_registry.http.gate import Stage
from support.server import Running

Start = Callable[..., Awaitable[Running]]
LISTS = ("/apps", "/apps/delta", "/apps/FOO", "/vips/x", "/svips/x")


async def statuses(node: Running, *paths: str, **headers: str) -> list[int]:
    """What each is answered; never with a body, but for 200."""
    answers = [await node.get(path, **headers) for path in paths]
    assert all(answer.body == b"" for answer in answers if answer.status != 200)
    return [answer.status for answer in answers]


async def test_before_the_copy_lists_are_503_and_writes_are_taken(node: Running) -> None:
    """Ours: an incomplete list would take healthy instances from every client (case 125)."""
    node.node.gate.stage = Stage.STARTING

    assert await statuses(node, *LISTS) == [503] * 5
    assert (await node.get("/apps")).headers["retry-after"] == "1"
    assert (await node.reg()).status == 204
    assert await statuses(node, "/apps/FOO/i1", "/instances/i1") == [200, 200]
    assert (await node.put("/apps/FOO/i1")).status == 200
    assert (await node.put("/apps/FOO/i1/status?value=DOWN")).status == 200
    assert (await node.batch()).status == 200
    assert (await node.delete("/apps/FOO/i1")).status == 200


@pytest.mark.parametrize("headers", [{}, {"X-Other": "takes the slow way"}])
async def test_before_the_copy_an_unknown_lease_may_be_known_later(
    node: Running, headers: dict[str, str]
) -> None:
    """503 sends the client to another peer, where 404 would make it register."""
    node.node.gate.stage = Stage.STARTING

    assert (await node.put("/apps/FOO/i1", headers)).status == 503

    node.node.gate.open(node.clock.now_ms, copied=True)
    assert (await node.put("/apps/FOO/i1", headers)).status == 404


async def test_an_empty_start_may_shut_the_gate(start: Start) -> None:
    """Case 124: Netflix' `waitTimeInMsWhenSyncEmpty`."""
    node = await start(wait_when_sync_empty_s=300)

    assert (await node.reg()).status == 204
    assert await statuses(node, *LISTS) == [403] * 5
    assert await statuses(node, "/apps/FOO/i1") == [200]
    node.clock.advance(300)
    assert await statuses(node, *LISTS) == [200] * 5


async def test_deltas_may_be_switched_off(start: Start) -> None:
    """Case 126."""
    node = await start(disable_delta=True)
    await node.reg()

    assert await statuses(node, "/apps/delta", "/apps") == [403, 200]


async def test_a_cache_may_be_had(start: Start) -> None:
    """Case 215, restored by a setting: what Java serves for 30 s."""
    node = await start(read_only_cache_s=30)
    await node.reg()
    first = await node.get("/apps")
    await node.reg(instance_id="i2")

    again = await node.get("/apps")
    assert (again.body, again.headers["etag"]) == (first.body, first.headers["etag"])
    assert await statuses(node, "/apps/FOO/i2") == [200]
    node.clock.advance(30)
    assert (await node.get("/apps")).json["applications"]["apps__hashcode"] == "UP_2_"


async def test_by_default_nothing_is_ever_stale(node: Running) -> None:
    """Cases 215 and 216: what was written is read, in every form and at once."""
    for number in range(5):
        assert (await node.reg(instance_id=f"i{number}", vipAddress="v")).status == 204
        for path in ("/apps", "/apps/delta", "/vips/v"):
            for encoding in ("gzip", "identity"):
                got = await node.get(path, Accept_Encoding=encoding)
                assert got.json["applications"]["apps__hashcode"] == f"UP_{number + 1}_"


RATE = {"rate_limit": True, "rate_limit_burst": 2}


async def test_fetches_beyond_the_rate_are_503(start: Start) -> None:
    """Case 207; tokens come back with time."""
    node = await start(**RATE)
    await node.reg()

    assert await statuses(node, "/apps", "/apps/", "/apps") == [200, 200, 503]
    assert node.node.gate.limited == 1
    node.clock.advance(1)
    assert await statuses(node, "/apps/delta", "/apps/FOO", "/apps/delta") == [200, 200, 503]


async def test_only_fetches_below_apps_are_limited(start: Start) -> None:
    """Addresses, instances and writes never are."""
    node = await start(**RATE, rate_limit_fetches_per_s=1)
    await node.reg(vipAddress="v")
    await statuses(node, "/apps", "/apps", "/apps")

    paths = ("/vips/v", "/svips/v", "/apps/FOO/i1", "/instances/i1", "/status") * 3
    assert await statuses(node, *paths) == [200] * 15
    assert (await node.put("/apps/FOO/i1")).status == 200


@pytest.mark.parametrize(
    ("name", "more", "limited"),
    [
        pytest.param("DefaultClient", {}, False, id="208"),
        pytest.param("DefaultServer", {}, False, id="peers"),
        pytest.param("Jersey3DefaultClient", {}, True, id="E Jersey 3 is not one of them"),
        pytest.param("mine", {"rate_limit_privileged": ["mine"]}, False, id="privileged"),
        pytest.param("DefaultClient", {"rate_limit_standard_clients": True}, True, id="208 all"),
        pytest.param(
            "mine",
            {"rate_limit_standard_clients": True, "rate_limit_privileged": ["mine"]},
            True,
            id="then nobody is privileged",
        ),
    ],
)
async def test_who_is_limited(
    start: Start, name: str, more: dict[str, object], *, limited: bool
) -> None:
    """By `DiscoveryIdentity-Name`."""
    node = await start(**RATE, **more)

    got = await statuses(node, *["/apps"] * 4, DiscoveryIdentity_Name=name)

    assert got == [200, 200, 503, 503] if limited else [200] * 4


async def test_without_the_limiter_nobody_is_limited(node: Running) -> None:
    """It is off by default, as in Java."""
    assert await statuses(node, *["/apps"] * 30) == [200] * 30
