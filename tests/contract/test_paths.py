"""Base paths, methods, conditions, encodings: `docs/protocol/http.md#base-paths`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote

import pytest

from support.server import JSON, Running, document, request

Start = Callable[..., Awaitable[Running]]
BASES = ["/eureka", "/eureka/v2", "/eureka/v1", "/eureka/V2", "/v2", "/v1", "/V1"]


@pytest.mark.parametrize("base", [*BASES, "/ctx", *(f"/ctx{base}" for base in BASES)])
async def test_every_base_path_serves_everything(start: Start, base: str) -> None:
    """Whatever a client's service URL looks like; never with a redirect."""
    node = await start(context_path="/ctx")
    sent = {"Content-Type": "application/json"}
    body = b'{"replicationList":[]}'
    registered = await node.ask("POST", f"{base}/apps/FOO", sent, b'{"instance":%b}' % _minimal())
    asked = [
        await node.ask("PUT", f"{base}/apps/FOO/h1"),
        await node.ask("PUT", f"{base}/apps/FOO/h1/status?value=DOWN"),
        await node.ask("PUT", f"{base}/apps/FOO/h1/metadata?a=1"),
        *[
            await node.ask("GET", base + path)
            for path in ("/apps", "/apps/", "//apps//", "/apps/delta", "/apps/delta/", "/apps/foo/",
                         "/apps/foo/h1/", "/instances/h1", "/vips/x", "/svips/x/", "/status",
                         "/serverinfo/statusoverrides")
        ],
        await node.ask("POST", f"{base}/peerreplication/batch/", sent, body),
        await node.ask("DELETE", f"{base}/apps/FOO/h1/status?value=UP"),
        await node.ask("DELETE", f"{base}/apps/FOO/h1"),
    ]  # fmt: skip

    assert registered.status == 204
    assert [answer.status for answer in asked] == [200] * len(asked)


def _minimal() -> bytes:
    return (
        b'{"hostName":"h1","app":"FOO","ipAddr":"1","dataCenterInfo":{"name":"MyOwn","@class":'
        b'"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"}}'
    )


@pytest.mark.parametrize(
    "path",
    ["/apps", "/eureka", "/eureka/apps/a/b/c", "/eureka/v3/apps", "/eureka/v2/v2/apps", "/x" * 50,
     "/eureka/eureka/apps", "/eureka/apps/a/b/c/d/e/f/g/h/i/j/k/l/m/n", "/ctx/eureka/apps"],
)  # fmt: skip
async def test_other_paths_are_404_without_a_body(node: Running, path: str) -> None:
    """A client reads every body as a document."""
    answer = await node.ask("GET", path)

    assert (answer.status, answer.body) == (404, b"")


async def test_the_whole_url_may_be_named(node: Running) -> None:
    """RFC 9112, 3.2.2: a request by way of a proxy."""
    await node.reg()

    answer = await node.ask("GET", "http://any.host:80/eureka/apps/FOO?x=1", JSON)

    assert answer.json["application"]["name"] == "FOO"


@pytest.mark.parametrize("instance_id", ["a:b:80", "a b", "a%b", "ü-ö", "a;x=1", "a,b", "a\\b"])
async def test_ids_are_found_as_they_are_and_percent_encoded(
    node: Running, instance_id: str
) -> None:
    """Some send `:` as it is, some `%3A`; Java cuts `;…` off and refuses `%5C`."""
    assert (await node.reg(instance_id=instance_id)).status == 204

    ways = {quote(instance_id, safe=""), quote(instance_id, safe=":;,")}
    for way in ways:
        assert (await node.put(f"/apps/foo/{way}")).status == 200
        assert (await node.get(f"/apps/FOO/{way}")).json["instance"]["instanceId"] == instance_id


async def test_an_encoded_slash_is_part_of_an_id(node: Running) -> None:
    """Java answers 400, so that such an instance can be registered but never renewed."""
    await node.reg(instance_id="a/b")

    assert (await node.put("/apps/FOO/a%2Fb")).status == 200
    assert (await node.delete("/apps/FOO/a%2fb")).status == 200


async def test_an_application_may_be_called_delta(node: Running) -> None:
    """As in Java `POST /apps/delta` is 405; what is below works."""
    assert (await node.post(document("DELTA"), app="delta")).status == 405
    assert (await node.post(document("DELTA"), app="DELTA")).status == 204
    assert (await node.put("/apps/delta/i1")).status == 200


METHODS = [
    ("/apps", {"GET"}),
    ("/apps/delta", {"GET"}),
    ("/apps/FOO", {"GET", "POST"}),
    ("/apps/FOO/i1", {"GET", "PUT", "DELETE"}),
    ("/apps/FOO/i1/status", {"PUT", "DELETE"}),
    ("/apps/FOO/i1/metadata", {"PUT"}),
    ("/instances/i1", {"GET"}),
    ("/vips/v", {"GET"}),
    ("/svips/v", {"GET"}),
    ("/asg/x/status", {"PUT"}),
    ("/peerreplication/batch", {"POST"}),
]


@pytest.mark.parametrize(("path", "methods"), METHODS)
async def test_a_wrong_method_is_told_the_right_ones(
    node: Running, path: str, methods: set[str]
) -> None:
    """405 with `Allow`, and an empty body."""
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"} - methods:
        answer = await node.ask(method, f"/eureka{path}")
        assert (answer.status, answer.body) == (405, b"")
        assert methods <= set(answer.headers["allow"].split(", "))
    answer = await node.ask("OPTIONS", f"/eureka{path}")
    assert (answer.status, answer.body) == (204, b"")
    assert methods <= set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize("path", ["/apps", "/apps/FOO", "/apps/FOO/i1", "/apps/NOPE", "/vips/v"])
async def test_head_is_get_without_a_body(node: Running, path: str) -> None:
    """Also on a connection that is kept: nothing of a body may follow."""
    await node.reg()
    full = await node.ask("GET", f"/eureka{path}", JSON)
    async with await node.connect() as wire:
        await wire.send(request("HEAD", f"/eureka{path}", JSON))
        head = await wire.response(head_only=True)
        await wire.send(request("HEAD", f"/eureka{path}", JSON))
        assert (await wire.response(head_only=True)).status == full.status

    assert head.status == full.status
    assert int(head.headers.get("content-length", "0")) == len(full.body)
    assert head.headers.get("etag") == full.headers.get("etag")


@pytest.mark.parametrize("path", ["/apps", "/apps/delta", "/apps/FOO", "/vips/v"])
async def test_who_has_it_already_gets_304(node: Running, path: str) -> None:
    """Until something changes; a renewal is no change."""
    await node.reg(vipAddress="v")
    first = await node.get(path)
    tag = first.headers["etag"]

    again = await node.get(path, If_None_Match=tag)
    strong = await node.get(path, If_None_Match=f'"x", {tag.removeprefix("W/")}')
    await node.put("/apps/FOO/i1")
    renewed = await node.get(path, If_None_Match=tag)
    await node.put("/apps/FOO/i1/status?value=DOWN")
    changed = await node.get(path, If_None_Match=tag)

    assert [again.status, strong.status, renewed.status] == [304, 304, 304]
    assert (again.body, again.headers["etag"]) == (b"", tag)
    assert "content-encoding" not in again.headers
    assert (changed.status, changed.headers["etag"] == tag) == (200, False)
    assert "Accept" in first.headers["vary"]


async def test_each_form_has_a_tag_of_its_own(node: Running) -> None:
    """A cache must not answer XML with 304 to who has JSON."""
    await node.reg()
    ways = [{}, JSON, {"Accept-Encoding": "gzip"}, {**JSON, "X-Eureka-Accept": "compact"}]
    tags = [(await node.ask("GET", "/eureka/apps", way)).headers["etag"] for way in ways]
    tags.append((await node.ask("GET", "/eureka/v1/apps")).headers["etag"])

    assert len(set(tags)) == len(tags)
    assert all(tag.isascii() and "," not in tag and " " not in tag for tag in tags)


async def test_a_body_is_invited(node: Running) -> None:
    """Programs like curl and .NET wait for `100 Continue` before they send a large body."""
    body = b'{"instance":%b}' % _minimal()
    head = (
        b"POST /eureka/apps/FOO HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    async with await node.connect() as wire:
        await wire.send(head)
        assert await wire.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await wire.send(body)
        assert (await wire.response()).status == 204


async def test_content_headers_of_a_get_are_ignored(node: Running) -> None:
    """Spring, fargo and arthurhlt send a content type with everything."""
    await node.reg()

    answer = await node.get("/apps", Content_Type="application/json", Content_Length="0")

    assert answer.json["applications"]["apps__hashcode"] == "UP_1_"


async def test_old_clients_without_a_host_are_served(node: Running) -> None:
    """HTTP/1.0: the connection is closed afterwards."""
    await node.reg()
    async with await node.connect() as wire:
        await wire.send(b"GET /eureka/apps/FOO/i1 HTTP/1.0\r\n\r\n")
        text = await wire.read_to_end()

    assert text.startswith((b"HTTP/1.0 200", b"HTTP/1.1 200"))


async def test_the_dashboard_may_have_a_path_of_its_own(start: Start) -> None:
    """`eureka.dashboard.path`: it is there and nowhere else; the API stays where it is."""
    node = await start(dashboard_path="/dash")
    asked = ("/dash/", "/dash/dashboard/state", "/dash/lastn", "/", "/dashboard/state")
    answers = [await node.ask("GET", path) for path in (*asked, "/eureka/apps")]

    assert [answer.status for answer in answers] == [200, 200, 200, 404, 404, 200]
