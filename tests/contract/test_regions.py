"""Two real peers, of which one mirrors the other (`docs/protocol/regions.md#other-regions`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from support.server import Running

Start = Callable[..., Awaitable[Running]]
Condition = Callable[[], Awaitable[bool]]


async def until(condition: Condition) -> None:
    """Ask through the public API until it is so, but not for ever."""
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 - each look is a request
            await asyncio.sleep(0)


async def mirroring(start: Start, region: Running, **settings: object) -> Running:
    """A peer that has mirrored this region under the name of West."""
    here = await start(
        remote_regions={"West": f"http://127.0.0.1:{region.port}/eureka"},
        remote_region_fetch_interval_s=0.01,
        **settings,
    )

    async def fetched() -> bool:
        return bool((await regions_of(here))[0]["ready"])

    await until(fetched)
    return here


async def regions_of(peer: Running) -> list[dict[str, Any]]:
    """What `/peers` says about regions."""
    answer = await peer.ask("GET", "/peers", management=True)
    listed: list[dict[str, Any]] = answer.json["regions"]
    return listed


def instances_in(document: Any) -> set[tuple[str, str]]:  # noqa: ANN401 - whatever was answered
    """Who is in a list; a deletion is marked by a minus."""
    return {
        (app["name"], ("-" if each["actionType"] == "DELETED" else "") + each["instanceId"])
        for app in document["applications"]["application"]
        for each in app["instance"]
    }


async def listed(peer: Running, path: str = "/apps") -> set[tuple[str, str]]:
    """Who is in the list at this path."""
    return instances_in((await peer.get(path)).json)


def shows(peer: Running, *wanted: tuple[str, str], path: str = "/apps") -> Condition:
    """Whether the list at this path holds exactly these."""

    async def look() -> bool:
        return await listed(peer, path) == set(wanted)

    return look


async def test_changes_in_a_region_arrive_in_lists_and_deltas(start: Start) -> None:
    """Both say the hash of the union."""
    west = await start()
    here = await mirroring(start, west)
    await here.reg("FOO", "near")
    await west.reg("FOO", "far", status="DOWN")
    await west.reg("BAR", "far-too")

    await until(shows(here, ("FOO", "near"), ("FOO", "far"), ("BAR", "far-too")))
    for path in ("/apps", "/apps/delta", "/apps?regions=WEST,mars"):
        answer = (await here.get(path)).json
        assert instances_in(answer) == {("FOO", "near"), ("FOO", "far"), ("BAR", "far-too")}
        assert answer["applications"]["apps__hashcode"] == "DOWN_1_UP_2_"

    await west.delete("/apps/BAR/far-too")
    await until(shows(here, ("FOO", "near"), ("FOO", "far")))
    delta = (await here.get("/apps/delta")).json
    assert ("BAR", "-far-too") in instances_in(delta)
    assert delta["applications"]["apps__hashcode"] == "DOWN_1_UP_1_"


async def test_single_look_ups_fall_back_to_regions(start: Start) -> None:
    """What is here comes first; what is only there is found, and not renewed here."""
    west = await start()
    await west.reg("FOO", "far", vipAddress="foo.vip")
    await west.reg("BAR", "far-too")
    here = await mirroring(start, west)
    await here.reg("FOO", "near")

    app = (await here.get("/apps/FOO")).json["application"]
    assert [each["instanceId"] for each in app["instance"]] == ["near"]
    assert (await here.get("/apps/BAR")).json["application"]["name"] == "BAR"
    assert (await here.get("/apps/FOO/far")).json["instance"]["instanceId"] == "far"
    assert (await here.get("/instances/far-too")).json["instance"]["app"] == "BAR"
    assert await listed(here, "/vips/foo.vip") == {("FOO", "far")}
    assert (await here.get("/apps/FOO/nobody")).status == 404
    assert (await here.get("/instances/nobody")).status == 404
    assert (await here.put("/apps/FOO/far")).status == 404


async def test_region_that_leaves_an_application_to_us_is_asked_again(start: Start) -> None:
    """The near instances go, the far ones take over, with another body and another tag."""
    west = await start()
    await west.reg("FOO", "far")
    here = await mirroring(start, west)
    await here.reg("FOO", "near")
    near = await here.get("/apps/FOO")

    await here.delete("/apps/FOO/near")
    far = await here.get("/apps/FOO", If_None_Match=near.headers["etag"])

    assert far.json["application"]["instance"][0]["instanceId"] == "far"


async def test_without_fallback_a_region_must_be_named(start: Start) -> None:
    """`disable-transparent-fallback-to-other-region`; single instances are found all the same."""
    west = await start()
    await west.reg("FOO", "far")
    here = await mirroring(start, west, remote_region_fallback=False)
    await here.reg("BAR", "near")

    assert await listed(here) == {("BAR", "near")}
    assert await listed(here, "/apps?regions=") == {("BAR", "near")}
    assert await listed(here, "/apps?regions=west") == {("BAR", "near"), ("FOO", "far")}
    assert (await here.get("/apps/FOO")).status == 404
    assert (await here.get("/apps/FOO/far")).status == 200


async def test_only_wanted_applications_are_shown(start: Start) -> None:
    """`remote-region-app-whitelist`: the region's own goes before the global one."""
    west = await start()
    await west.reg("FOO", "far")
    await west.reg("BAR", "far")
    here = await mirroring(
        start, west, remote_region_applications={"west": ["foo"], "global": ["BAR"]}
    )
    other = await mirroring(start, west, remote_region_applications={"global": ["BAR"]})

    assert await listed(here) == {("FOO", "far")}
    assert await listed(other) == {("BAR", "far")}
    assert (await regions_of(here))[0]["problem"] is None


async def test_instance_of_both_regions_is_listed_once(start: Start) -> None:
    """`web-0` runs in every cluster; a client's hash counts it once."""
    west = await start()
    await west.reg("FOO", "web-0", ipAddr="10.9.9.9")
    here = await mirroring(start, west)
    await here.reg("FOO", "web-0", ipAddr="10.1.1.1")

    for path in ("/apps", "/apps/delta"):
        applications = (await here.get(path)).json["applications"]
        (only,) = applications["application"][0]["instance"]
        assert (only["ipAddr"], applications["apps__hashcode"]) == ("10.1.1.1", "UP_1_")

    await here.delete("/apps/FOO/web-0")
    applications = (await here.get("/apps")).json["applications"]
    (only,) = applications["application"][0]["instance"]
    assert (only["ipAddr"], applications["apps__hashcode"]) == ("10.9.9.9", "UP_1_")


async def test_only_who_names_a_region_that_is_not_there_is_refused(start: Start) -> None:
    """One region's outage must not be the other's."""
    west = await start()
    west_url = f"http://127.0.0.1:{west.port}/eureka/nothing-here/"
    here = await start(remote_regions={"west": west_url})
    await here.reg("FOO", "near")

    async def refused() -> bool:
        return bool((await regions_of(here))[0]["problem"] == "answered 404")

    await until(refused)
    assert (await here.get("/apps?regions=mars,West")).status == 403
    assert (await here.get("/apps/delta?regions=west")).status == 403
    assert await listed(here, "/apps?regions=mars") == {("FOO", "near")}
    assert await listed(here) == {("FOO", "near")}
    assert (await here.ask("GET", "/readyz", management=True)).status == 200


async def test_server_of_another_region_gets_only_ours(start: Start) -> None:
    """Two regions that mirror each other would else keep each other's departed for ever."""
    west = await start()
    await west.reg("FOO", "far")
    here = await mirroring(start, west)
    await here.reg("FOO", "near")

    for headers in (
        {"User_Agent": "Java-EurekaClient-RemoteRegion/v1.10"},
        {"DiscoveryIdentity_Name": "DefaultServer"},
    ):
        assert instances_in((await here.get("/apps", **headers)).json) == {("FOO", "near")}
    assert await listed(here, "/apps?regions=none") == {("FOO", "near")}


async def test_regions_are_shown_on_the_management_port(start: Start) -> None:
    """Whoever looks for a missing instance sees which region gave what, and when."""
    west = await start()
    await west.reg("FOO", "far")
    here = await mirroring(start, west)

    (region,) = await regions_of(here)
    metrics = (await here.ask("GET", "/metrics", management=True)).body.decode()

    assert region["name"] == "west"
    assert region["url"] == f"http://127.0.0.1:{west.port}/eureka/"
    assert (region["instances"], region["problem"], region["lastFetchMsAgo"]) == (1, None, 0)
    assert 'eureka_server_region_ready{region="west"} 1.0' in metrics
    assert 'eureka_server_region_instances{region="west"} 1.0' in metrics
    assert 'eureka_server_region_problem{region="west"} 0.0' in metrics
    assert 'eureka_server_region_age_seconds{region="west"} 0.0' in metrics
