"""The rule for web pages, on both ports and on every way through the registry."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from support.server import Running, document, instance, request

JSON_TYPE = {"Content-Type": "application/json"}
PAGE = {"User-Agent": "Mozilla/5.0 (X11)", "Accept-Language": "de"}


async def test_programs_register_and_renew_under_any_name(node: Running) -> None:
    """Load balancers and Services have names that nobody told us."""
    body = json.dumps({"instance": instance()}).encode()
    for headers in ({}, {"User-Agent": "Java-EurekaClient/v2"}, {"Connection": "close"}):
        named = {"Host": "strange.example", **JSON_TYPE, **headers}
        assert (await node.send(request("POST", "/eureka/apps/FOO", named, body))).status == 204
        renewal = request("PUT", "/eureka/apps/FOO/i1?status=UP", {"Host": "a.b", **headers})
        assert (await node.send(renewal)).status == 200


@pytest.mark.parametrize(
    "mark", [{name: PAGE[name]} for name in PAGE], ids=lambda mark: next(iter(mark))
)
async def test_the_fast_lane_is_no_way_around(node: Running, mark: dict[str, str]) -> None:
    """It answers without looking at headers one by one: what has a browser's is not for it."""
    body = json.dumps({"instance": instance()}).encode()
    await node.reg()
    named = {"Host": "strange.example", **JSON_TYPE, **mark}

    assert (await node.send(request("POST", "/eureka/apps/BAR", named, body))).status == 421
    renewal = request("PUT", "/eureka/apps/FOO/i1", {"Host": "strange.example", **mark})
    for _ in range(2):
        assert (await node.send(renewal)).status == 421
    assert (await node.get("/apps/BAR")).status == 404


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/plain;a=json",
        "text/plain; application/json",
        "multipart/form-data; b=xml",
        "application/x-www-form-urlencoded",
        "json",
        "x/xml",
    ],
)
async def test_bodies_have_the_media_types_of_clients(
    node: Running, content_type: str | None
) -> None:
    """What a page can send without being asked for leave is not a document (E4, E16)."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    item = {"appName": "BAR", "id": "i1", "action": "Register", "status": "UP",
            "lastDirtyTimestamp": 1, "instanceInfo": instance("BAR")}  # fmt: skip
    batch = json.dumps({"replicationList": [item]}).encode()

    registration = json.dumps(document()).encode()
    assert (await node.ask("POST", "/eureka/apps/FOO", headers, registration)).status == 415
    answer = await node.ask("POST", "/eureka/peerreplication/batch/", headers, batch)
    assert answer.status == 415
    assert (await node.get("/apps/FOO")).status == 404
    assert (await node.get("/apps/BAR")).status == 404


async def test_a_refused_body_is_not_read(node: Running) -> None:
    """A page may send as much as it likes: the answer comes at once, and is the last."""
    head = (
        "POST /eureka/apps/FOO HTTP/1.1\r\nHost: localhost\r\nOrigin: http://strange.example\r\n"
        "Content-Type: application/json\r\nContent-Length: 999999\r\n\r\n"
    )
    answer = await node.send(head.encode())

    assert answer.status == 403
    assert answer.headers["connection"] == "close"
    assert b"Origin" in answer.body


async def test_leave_is_never_given(node: Running) -> None:
    """A browser asks first for everything but simple requests: no answer has a header of CORS."""
    asking = {"Origin": "http://strange.example", "Access-Control-Request-Method": "DELETE"}
    for path in ("/eureka/apps/FOO/i1", "/eureka/apps", "/", "/eureka/peerreplication/batch/"):
        for method in ("OPTIONS", "GET", "DELETE"):
            got = await node.ask(method, path, {"Host": "localhost", **asking})
            assert not [name for name in got.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz", "/metrics", "/peers", "/x"])
async def test_the_management_port_has_the_same_rule(node: Running, path: str) -> None:
    """It tells names and numbers of everything; probes and Prometheus come by any name."""
    async with await node.connect(management=True) as wire:
        for headers, refused in (({}, False), (PAGE, True)):
            await wire.send(request("GET", path, {"Host": "strange.example", **headers}))
            assert ((await wire.response()).status == 421) is refused
        await wire.send(request("GET", path, {"Host": "localhost:8763", **PAGE}))
        assert (await wire.response()).status in (200, 404)


async def test_allowed_hosts_change_while_everything_runs(node: Running) -> None:
    """Whoever puts a proxy in front need not restart peers."""
    sent = {"Host": "eureka.corp.example", **PAGE}
    assert (await node.get("/apps", **sent)).status == 421

    settings = node.peer.node.settings
    node.peer.adopt(replace(settings, allowed_hosts=["*.corp.example"]))

    assert (await node.get("/apps", **sent)).status == 200
    assert (await node.get("/apps", **{**sent, "Host": "strange.example"})).status == 421
