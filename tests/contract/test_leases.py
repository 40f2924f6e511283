"""Heartbeats, cancellations, overrides, metadata: cases 56 to 101 of `docs/protocol/cases.md`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from eureka_registry.config.settings import Rules
from support.server import DIRTY, JSON, REPLICATION, Running

D = DIRTY
OOS = "OUT_OF_SERVICE"


async def test_a_renewal_of_an_unknown_lease_is_404_without_a_body(node: Running) -> None:
    """Case 56: Netflix' clients read any body as an instance, and never register again."""
    answer = await node.put("/apps/FOO/i1")

    assert (answer.status, answer.body, answer.headers["content-length"]) == (404, b"", "0")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        pytest.param("/apps/FOO/i1", {}, 200, id="57"),
        pytest.param(f"/apps/FOO/i1?status=UP&lastDirtyTimestamp={D}", {}, 200, id="58"),
        pytest.param(f"/apps/FOO/i1?lastDirtyTimestamp={D + 1}", {}, 404, id="59"),
        pytest.param(f"/apps/FOO/i1?lastDirtyTimestamp={D - 1}", {}, 200, id="60"),
        pytest.param("/apps/foo/i1", {}, 200, id="65"),
        pytest.param("/apps/FOO/%691", {}, 200, id="66"),
        pytest.param(
            f"/apps/FOO/i1?lastDirtyTimestamp={D - 1}",
            {"x-netflix-discovery-replication": "TRUE"},
            200,
            id="72",
        ),
        pytest.param("/apps/FOO/i1?lastDirtyTimestamp=", {}, 400, id="empty: ours 400"),
        pytest.param("/apps/FOO/i1?lastDirtyTimestamp=abc", {}, 400, id="63 ours 400"),
        pytest.param(f"/apps/FOO/i1?lastDirtyTimestamp={2**63}", {}, 400, id="no Java long"),
        pytest.param("/apps/FOO/i1?lastDirtyTimestamp=-1", {}, 200, id="negative"),
    ],
)
async def test_renewals(node: Running, path: str, headers: dict[str, str], status: int) -> None:
    """Never with a body, but for the sentence of a 400."""
    await node.reg()

    answer = await node.put(path, headers)

    assert answer.status == status
    assert status == 400 or answer.body == b""


async def test_a_renewal_that_is_refused_renews_nothing(node: Running) -> None:
    """Case 63: Java answers 500 after the lease was renewed."""
    await node.reg()
    before = node.node.registry.renewals

    await node.put("/apps/FOO/i1?lastDirtyTimestamp=abc")

    assert node.node.registry.renewals == before


@pytest.mark.parametrize(
    "headers", [{"Content-Type": "application/json"}, {"Content-Type": "application/xml"}, {}]
)
@pytest.mark.parametrize("body", [b"{}", b"", b"\x00<", b"x" * 100_000])
async def test_the_body_of_a_renewal_is_ignored(
    node: Running, body: bytes, headers: dict[str, str]
) -> None:
    """Case 64: Jersey 2 and 3 send `{}`, others an empty one with a type."""
    await node.reg()

    answer = await node.ask("PUT", "/eureka/apps/FOO/i1", headers, body)

    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(("accept", "json"), [({}, False), (JSON, True)])
async def test_a_peer_with_an_older_document_gets_ours(
    node: Running, accept: dict[str, str], *, json: bool
) -> None:
    """Case 61."""
    await node.reg()

    path = f"/apps/FOO/i1?lastDirtyTimestamp={D - 1}"
    answer = await node.put(path, {**REPLICATION, **accept})

    assert answer.status == 409
    held = answer.json["instance"]["instanceId"] if json else answer.xml.findtext("instanceId")
    assert held == "i1"


async def test_a_peers_renewal_brings_its_override(node: Running) -> None:
    """Case 62."""
    await node.reg()

    path = f"/apps/FOO/i1?lastDirtyTimestamp={D + 1}&overriddenstatus={OOS}"
    assert (await node.put(path, REPLICATION)).status == 404
    assert (await node.put("/apps/FOO/i1")).status == 200
    assert (await node.state())["status"] == OOS


async def test_the_status_of_a_renewal_is_ignored_with_javas_rules(
    start: Callable[..., Awaitable[Running]],
) -> None:
    """Case 67."""
    node = await start(conflict_rules=Rules.JAVA)
    await node.reg(status="STARTING")

    assert (await node.put("/apps/FOO/i1?status=UP")).status == 200
    assert (await node.state())["status"] == "STARTING"


@pytest.mark.parametrize("headers", [{}, {"X-Slow": "1"}], ids=["fast lane", "ordinary way"])
async def test_a_renewal_that_says_another_status_makes_the_client_register(
    node: Running, headers: dict[str, str]
) -> None:
    """UP was lost, and had STARTING's timestamp: nothing else ever tells."""
    await node.reg(status="STARTING")
    path = "/apps/FOO/i1?status=UP&lastDirtyTimestamp=1700000000000"

    assert [(await node.put(path, headers)).status for _ in range(2)] == [404, 404]
    await node.reg(status="UP")
    assert (await node.put(path, headers)).status == 200
    assert (await node.state())["status"] == "UP"


async def test_a_client_that_stays_what_it_was_is_asked_once(node: Running) -> None:
    """Scripts renew with `status=UP` whatever they registered; 404 for ever would lose them."""
    await node.reg(status="OUT_OF_SERVICE")
    first = await node.put("/apps/FOO/i1?status=UP")
    await node.reg(status="OUT_OF_SERVICE")

    assert (first.status, (await node.put("/apps/FOO/i1?status=UP")).status) == (404, 200)
    assert (await node.state())["status"] == OOS


async def test_a_client_comes_back_after_an_override_from_the_future(node: Running) -> None:
    """With Java it renews (404) and registers (204) for ever, and stays UNKNOWN."""
    await node.reg()
    await node.put("/apps/FOO/i1/status?value=OUT_OF_SERVICE&lastDirtyTimestamp=1800000000000")
    await node.delete("/apps/FOO/i1/status?lastDirtyTimestamp=1800000000001")
    renewed = await node.put("/apps/FOO/i1?status=UP&lastDirtyTimestamp=1700000000000")
    await node.reg()

    assert renewed.status == 404
    assert (await node.state())["status"] == "UP"
    assert (await node.put("/apps/FOO/i1?status=UP&lastDirtyTimestamp=1700000000000")).status == 200


async def test_a_client_comes_back_from_a_newer_document_of_a_peer(node: Running) -> None:
    """A Java peer adopts an operator's timestamp, and tells us."""
    await node.reg(lastDirtyTimestamp=2000, status="UNKNOWN")
    told = await node.put("/apps/FOO/i1?lastDirtyTimestamp=1000")
    await node.reg(lastDirtyTimestamp=1000)

    assert (told.status, (await node.state())["status"]) == (404, "UP")
    assert (await node.put("/apps/FOO/i1?lastDirtyTimestamp=1000")).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/status?value=UNKNOWN"), ("DELETE", "/status"), ("DELETE", "/status?value=UNKNOWN")],
)
async def test_an_unknown_instance_has_to_register(node: Running, method: str, path: str) -> None:
    """Cases 68, 69 and 84."""
    await node.reg()
    await node.put(f"/apps/FOO/i1/status?value={OOS}")

    assert (await node.ask(method, f"/eureka/apps/FOO/i1{path}")).status == 200
    assert (await node.state())["status"] == "UNKNOWN"
    assert (await node.put("/apps/FOO/i1")).status == 404


async def test_a_client_without_its_override_is_itself_again(node: Running) -> None:
    """Case 69."""
    await node.reg()
    await node.put(f"/apps/FOO/i1/status?value={OOS}")
    await node.delete("/apps/FOO/i1/status")

    assert (await node.reg()).status == 204
    assert (await node.state())["status"] == "UP"
    assert (await node.put("/apps/FOO/i1")).status == 200


async def test_an_override_of_unknown_holds(node: Running) -> None:
    """Case 231."""
    await node.reg()
    await node.put("/apps/FOO/i1/status?value=UNKNOWN")

    assert (await node.reg()).status == 204
    assert (await node.state())["status"] == "UNKNOWN"
    assert (await node.put("/apps/FOO/i1")).status == 404


async def test_the_last_renewal_is_shown_as_it_was(node: Running) -> None:
    """Case 70, ours: Java adds the lease's duration, which no client reads."""
    await node.reg()
    node.clock.advance(7)
    await node.put("/apps/FOO/i1")

    assert (await node.state())["leaseInfo"]["lastRenewalTimestamp"] == node.clock.now_ms


async def test_an_expired_lease_can_be_renewed_until_it_is_evicted(node: Running) -> None:
    """Cases 71 and 156, with our exact lease: 90 s are 90 s, renewed or not."""
    for number in range(10):
        await node.reg(instance_id=f"i{number}")
    node.clock.advance(60)
    for number in range(1, 10):
        await node.put(f"/apps/FOO/i{number}")
    node.clock.advance(31)

    assert (await node.get("/apps/FOO/i0")).status == 404
    assert b'"i0"' in (await node.get("/apps/FOO")).body
    assert (await node.put("/apps/FOO/i0")).status == 200
    assert (await node.get("/apps/FOO/i0")).status == 200


# -- Cancel


async def test_a_cancelled_lease_is_gone(node: Running) -> None:
    """Cases 73, 74 and 77."""
    await node.reg()

    answer = await node.delete("/apps/FOO/i1", {"Accept": "text/html, image/gif, */*; q=0.2"})

    delta = (await node.get("/apps/delta")).json["applications"]
    (gone,) = delta["application"][0]["instance"]
    assert (answer.status, answer.body) == (200, b"")
    assert [(await node.get(f"/apps/FOO{rest}")).status for rest in ("", "/i1")] == [404, 404]
    assert (gone["actionType"], gone["status"], delta["apps__hashcode"]) == ("DELETED", "UP", "")
    assert (await node.delete("/apps/FOO/i1")).status == 404


async def test_an_override_ends_with_its_lease(node: Running) -> None:
    """Case 75."""
    await node.reg()
    await node.put(f"/apps/FOO/i1/status?value={OOS}")
    await node.delete("/apps/FOO/i1")
    await node.reg()

    assert (await node.state())["status"] == "UP"


async def test_cancelling_what_is_not_there_harms_no_other(node: Running) -> None:
    """Case 76, ours: Java removes the override of whoever has that id."""
    await node.reg()
    await node.put(f"/apps/FOO/i1/status?value={OOS}")

    assert (await node.delete("/apps/BAR/i1")).status == 404
    assert (await node.get("/serverinfo/statusoverrides")).json == {"i1": OOS}


async def test_the_others_stay(node: Running) -> None:
    """Case 78."""
    await node.reg()
    await node.reg(instance_id="i2")
    await node.delete("/apps/FOO/i1")

    (left,) = (await node.get("/apps/FOO")).json["application"]["instance"]
    assert left["instanceId"] == "i2"
    assert (await node.get("/apps")).json["applications"]["apps__hashcode"] == "UP_1_"


# -- Overrides


async def test_an_override_outlives_renewals_and_registrations(node: Running) -> None:
    """Cases 79, 80, 81 and 94."""
    await node.reg()

    assert (await node.put(f"/apps/FOO/i1/status?value={OOS}")).raw.startswith(b"HTTP/1.1 200")
    state = await node.state()
    assert (state["status"], state["overriddenStatus"], state["actionType"]) == (
        OOS,
        OOS,
        "MODIFIED",
    )
    assert (await node.put("/apps/FOO/i1")).status == 200
    assert (await node.reg(lastDirtyTimestamp=D + 1)).status == 204
    assert (await node.state())["status"] == OOS
    for path in ("/eureka/serverinfo/statusoverrides", "/serverinfo/statusoverrides"):
        assert (await node.ask("GET", path)).json == {"i1": OOS}


@pytest.mark.parametrize(
    ("steps", "shown"),
    [
        pytest.param([("R", "STARTING")], ("STARTING", OOS), id="82"),
        pytest.param([("D", "?value=UP")], ("UP", "UNKNOWN"), id="83"),
        pytest.param([("D", "")], ("UNKNOWN", "UNKNOWN"), id="84"),
        pytest.param([("P", "UP"), ("R", OOS)], ("UP", "UP"), id="93"),
    ],
)
async def test_after_an_override(
    node: Running, steps: list[tuple[str, str]], shown: tuple[str, str]
) -> None:
    """What a registration, a removal and another override make of an OUT_OF_SERVICE one."""
    await node.reg()
    await node.put(f"/apps/FOO/i1/status?value={OOS}")

    for what, value in steps:
        if what == "R":
            await node.reg(status=value, lastDirtyTimestamp=D + 1)
        elif what == "D":
            assert (await node.delete(f"/apps/FOO/i1/status{value}")).status == 200
        else:
            assert (await node.put(f"/apps/FOO/i1/status?value={value}")).status == 200

    state = await node.state()
    assert (state["status"], state["overriddenStatus"]) == shown


async def test_removing_no_override_changes_nothing(node: Running) -> None:
    """Case 85."""
    await node.reg()
    version = node.node.registry.version

    assert (await node.delete("/apps/FOO/i1/status")).status == 200
    assert node.node.registry.version == version


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_there_is_nothing_to_override(node: Running, method: str) -> None:
    """Cases 86 and 87."""
    answer = await node.ask(method, "/eureka/apps/FOO/i1/status?value=DOWN")

    assert (answer.status, answer.body) == (404, b"")


@pytest.mark.parametrize(
    ("method", "query"),
    [
        pytest.param("PUT", "?value=bogus", id="88"),
        pytest.param("PUT", "?value=down", id="88 lower case"),
        pytest.param("PUT", "", id="88 missing"),
        pytest.param("PUT", "?value=", id="88 empty"),
        pytest.param("DELETE", "?value=bogus", id="95"),
        pytest.param("PUT", "?value=DOWN&lastDirtyTimestamp=abc", id="230"),
        pytest.param("PUT", "?value=DOWN&lastDirtyTimestamp=", id="D empty"),
        pytest.param("DELETE", "?value=DOWN&lastDirtyTimestamp=1e3", id="D fraction"),
    ],
)
async def test_a_bad_override_is_400_and_changes_nothing(
    node: Running, method: str, query: str
) -> None:
    """Ours: Java answers 500, sometimes with the change already applied."""
    await node.reg(status="STARTING")
    before = await node.state()

    answer = await node.ask(method, f"/eureka/apps/FOO/i1/status{query}")

    assert answer.status == 400
    assert answer.body.endswith(b"\n")
    assert await node.state() == before


async def test_an_override_that_says_nothing_new_is_none(node: Running) -> None:
    """Case 89; the first of two values wins (case D4)."""
    await node.reg()

    assert (await node.put("/apps/FOO/i1/status?value=UP&value=DOWN")).status == 200

    state = await node.state()
    delta = (await node.get("/apps/delta")).json["applications"]["application"]
    assert (state["status"], state["overriddenStatus"]) == ("UP", "UNKNOWN")
    assert [i["actionType"] for i in delta[0]["instance"]] == ["ADDED"]


@pytest.mark.parametrize(
    ("rules", "moment", "kept"),
    [(Rules.JAVA, 2000, "2000"), (Rules.JAVA, 500, "1000"), (Rules.EUREKUBE, 2000, "1000")],
)
async def test_an_override_brings_a_newer_moment_with_javas_rules_only(
    start: Callable[..., Awaitable[Running]], rules: Rules, moment: int, kept: str
) -> None:
    """Cases 90 and 91; it would age what the client says next."""
    node = await start(conflict_rules=rules)
    await node.reg(lastDirtyTimestamp=1000)
    await node.put(f"/apps/FOO/i1/status?value=DOWN&lastDirtyTimestamp={moment}")

    assert (await node.state())["lastDirtyTimestamp"] == kept


async def test_an_override_may_follow_another(node: Running) -> None:
    """Case 92."""
    await node.reg()
    await node.put("/apps/FOO/i1/status?value=DOWN")
    await node.put("/apps/FOO/i1/status?value=UP")

    state = await node.state()
    assert (state["status"], state["overriddenStatus"]) == ("UP", "UP")


# -- Metadata


@pytest.mark.parametrize(
    ("query", "metadata"),
    [
        pytest.param("?a=1&b=2", {"k": "v", "a": "1", "b": "2"}, id="96"),
        pytest.param("?k=2&k=3", {"k": "2"}, id="97"),
        pytest.param("", {"k": "v"}, id="99"),
        pytest.param("?flag", {"k": "v", "flag": ""}, id="D flag"),
        pytest.param("?=v", {"k": "v"}, id="D no name"),
        pytest.param("?a=b+c", {"k": "v", "a": "b c"}, id="D plus"),
        pytest.param("?a=%zz", {"k": "v", "a": "%zz"}, id="D no escape"),
        pytest.param("?a=%ff", {"k": "v", "a": "\ufffd"}, id="no UTF-8"),
        pytest.param("?@class=x&a=1", {"k": "v", "a": "1"}, id="ours: Java's word is not a key"),
    ],
)
async def test_metadata_is_added(node: Running, query: str, metadata: dict[str, str]) -> None:
    """Cases 96 to 101."""
    await node.reg(metadata={"k": "v"})

    assert (await node.put(f"/apps/FOO/i1/metadata{query}")).status == 200

    state = await node.state()
    assert state["metadata"] == metadata
    assert (state["lastDirtyTimestamp"], state["actionType"]) == (str(D), "ADDED")


async def test_metadata_of_an_unknown_lease(node: Running) -> None:
    """Case 98."""
    assert (await node.put("/apps/FOO/i1/metadata?a=1")).status == 404


async def test_metadata_ends_with_the_next_registration(node: Running) -> None:
    """Case 101."""
    await node.reg()
    await node.put("/apps/FOO/i1/metadata?a=1")
    await node.reg()

    assert (await node.state())["metadata"] == {"@class": "java.util.Collections$EmptyMap"}
