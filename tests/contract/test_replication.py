"""Batches: cases 159 to 179 and 233 to 236 of `docs/protocol/cases.md`."""

from __future__ import annotations

import gzip
import json

import pytest

from support.server import DIRTY, JSON, REPLICATION, Running, document, instance

D = DIRTY
OOS = "OUT_OF_SERVICE"


def item(action: object, instance_id: str = "i1", **fields: object) -> dict[str, object]:
    """An item; fields given as `...` are left out."""
    given = {
        "appName": "FOO",
        "id": instance_id,
        "action": action,
        "lastDirtyTimestamp": D,
        **fields,
    }
    return {name: value for name, value in given.items() if value is not ...}


def register(instance_id: str = "i1", **fields: object) -> dict[str, object]:
    """A `Register` item."""
    return item("Register", instance_id, instanceInfo=instance("FOO", instance_id, **fields))


async def statuses(node: Running, *items: object) -> list[int]:
    """Send a batch and give the status of each item."""
    answer = await node.batch(*items)
    assert answer.status == 200
    return [reply["statusCode"] for reply in answer.json["responseList"]]


async def test_a_registration_is_stored(node: Running) -> None:
    """Case 159; the answer's bytes are those of Java."""
    answer = await node.batch(register())

    assert answer.body == b'{"responseList":[{"statusCode":200}]}'
    assert (await node.state())["status"] == "UP"


@pytest.mark.parametrize(
    ("items", "expected", "stored"),
    [
        pytest.param([register(hostName=..., ipAddr=...)], [200], 0, id="160"),
        pytest.param([item("Register")], [500], 0, id="161"),
        pytest.param([item("Heartbeat")], [404], 0, id="162"),
        pytest.param([register(), item("Heartbeat")], [200, 200], 1, id="163"),
        pytest.param([register(), item("Cancel"), item("Cancel")], [200, 200, 404], 0, id="166"),
        pytest.param([register(), item(...)], [200, 500], 1, id="173"),
        pytest.param(
            [register("a"), item("Heartbeat", "x"), register("b")], [200, 404, 200], 2, id="174"
        ),
        pytest.param(
            [register("a"), item("Bogus"), register("b")],
            [200, 500, 200],
            2,
            id="172 ours: alone",
        ),
        pytest.param([{**register(), "extra": {"a": 1}}], [200], 1, id="172 ours: skipped"),
        pytest.param([register(), None, 5, []], [200, 500, 500, 500], 1, id="D null: Java 500"),
        pytest.param([register(), item("Cancel", id=...)], [200, 500], 1, id="D no id"),
        pytest.param(
            [register(), item("Heartbeat", lastDirtyTimestamp=None)], [200, 200], 1, id="233"
        ),
        pytest.param([register(), item("StatusUpdate", status="bogus")], [200, 500], 1, id="234"),
        pytest.param([register(), item("StatusUpdate")], [200, 500], 1, id="D no status"),
        pytest.param(
            [register(), item("StatusUpdate", status="DOWN", lastDirtyTimestamp=...)],
            [200, 200],
            1,
            id="D no timestamp",
        ),
        pytest.param([{**register(), "appName": "foo"}], [200], 1, id="235"),
        pytest.param([{**register(), "appName": "BAR"}], [200], 0, id="236"),
        pytest.param(
            [register(), item("Register", "b", instanceInfo={"instance": instance()})],
            [200, 500],
            1,
            id="5.2 wrapped",
        ),
        pytest.param(
            [register(), register("b", leaseInfo=[]), register("c")],
            [200, 500, 200],
            2,
            id="a bad document fails alone",
        ),
        pytest.param(
            [register(), item("Heartbeat", lastDirtyTimestamp=[])], [200, 500], 1, id="no moment"
        ),
    ],
)
async def test_each_item_has_its_own_answer(
    node: Running, items: list[object], expected: list[int], stored: int
) -> None:
    """One for each, in order: else Java ignores them all."""
    assert await statuses(node, *items) == expected
    assert node.node.registry.size == stored


async def test_an_older_renewal_gets_our_document(node: Running) -> None:
    """Case 164: bare, without `instance` around it."""
    await node.reg()

    answer = await node.batch(item("Heartbeat", lastDirtyTimestamp=D - 1))

    (reply,) = answer.json["responseList"]
    assert reply["statusCode"] == 409
    assert reply["responseEntity"]["lastDirtyTimestamp"] == str(D)


async def test_a_newer_renewal_brings_its_override(node: Running) -> None:
    """Case 165."""
    await node.reg()

    renewal = item("Heartbeat", lastDirtyTimestamp=D + 1, overriddenStatus=OOS)

    assert await statuses(node, renewal) == [404]
    assert (await node.state())["overriddenStatus"] == OOS


async def test_overrides_come_and_go(node: Running) -> None:
    """Cases 167, 168, 169; without a status the removal leaves UNKNOWN."""
    await node.reg()

    assert await statuses(node, item("StatusUpdate", status=OOS)) == [200]
    assert (await node.state())["status"] == OOS
    assert await statuses(
        node, item("DeleteStatusOverride", status="UP", lastDirtyTimestamp=...)
    ) == [500]
    assert (await node.state())["status"] == OOS
    assert await statuses(node, item("DeleteStatusOverride", status="UP")) == [200]
    assert (await node.state())["status"] == "UP"


@pytest.mark.parametrize(
    ("body", "status", "answer"),
    [
        pytest.param(b'{"replicationList":[]}', 200, b'{"responseList":[]}', id="170"),
        pytest.param(b"{}", 400, None, id="171 ours: Java 500"),
        pytest.param(b'{"replicationList":null}', 400, None, id="171 null"),
        pytest.param(b"[]", 400, None, id="no object"),
        pytest.param(b"", 400, None, id="empty"),
        pytest.param(b"<a/>", 400, None, id="XML"),
        pytest.param(b'{"replicationList":[', 400, None, id="cut off"),
        pytest.param(b"[" * 100_000, 400, None, id="deep"),
    ],
)
async def test_whole_requests(
    node: Running, body: bytes, status: int, answer: bytes | None
) -> None:
    """A batch that cannot be read changes nothing."""
    sent = {"Content-Type": "application/json"}
    got = await node.ask("POST", "/eureka/peerreplication/batch/", sent, body)

    assert got.status == status
    assert answer is None or got.body == answer
    assert node.node.registry.version == 1


async def test_text_is_no_batch(node: Running) -> None:
    """Case D9: 415 for `text/plain`; any `Accept` gets JSON (ours: Java 406 or XML)."""
    assert (await node.batch(register(), **{"Content-Type": "text/plain"})).status == 415
    assert node.node.registry.size == 0
    for accept in ("text/html", "*/*", "application/xml"):
        assert (await node.batch(register(), Accept=accept)).json["responseList"] == [
            {"statusCode": 200}
        ]


@pytest.mark.parametrize("slash", ["", "/", "//"])
async def test_slashes_do_not_matter(node: Running, slash: str) -> None:
    """Case 175."""
    body = b'{"replicationList":[]}'
    path = f"/eureka/v2/peerreplication/batch{slash}"

    assert (await node.ask("POST", path, {"Content-Type": "application/json"}, body)).status == 200


async def test_a_compressed_batch_is_read(node: Running) -> None:
    """Case 176."""
    body = gzip.compress(json.dumps({"replicationList": [register()]}).encode())
    sent = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    answer = await node.ask("POST", "/eureka/peerreplication/batch", sent, body)

    assert (answer.status, node.node.registry.size) == (200, 1)


async def test_a_chunked_batch_is_read(node: Running) -> None:
    """Java peers send chunks."""
    body = json.dumps({"replicationList": [register()]}).encode()
    head = (
        b"POST /eureka/peerreplication/batch/ HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    pieces = (body[:7], body[7:])
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)

    answer = await node.send(head + chunks + b"0\r\n\r\n")

    assert (answer.status, node.node.registry.size) == (200, 1)


async def test_the_newer_document_stays(node: Running) -> None:
    """Case 177."""
    await node.reg(metadata={"v": "new"})

    assert await statuses(node, register(lastDirtyTimestamp=D - 1, metadata={})) == [200]
    assert (await node.state())["metadata"] == {"v": "new"}


async def test_a_single_registration_of_a_peer(node: Running) -> None:
    """Case 178."""
    assert (await node.post(document(), headers=REPLICATION)).status == 204


async def test_a_large_batch(node: Running) -> None:
    """Case 179."""
    assert await statuses(node, *(register(f"i{n}") for n in range(300))) == [200] * 300


async def test_a_batch_from_ourselves_is_not_applied(node: Running) -> None:
    """A peer list may name us: the node id says so, and the sender then leaves us alone."""
    answer = await node.batch(register(), **{"X-Eurekube-Node": node.node.id})

    assert (answer.status, node.node.registry.size) == (200, 0)


async def test_whatever_peers_send_our_xml_is_well_formed(node: Running) -> None:
    """Java's lists are malformed for minutes after a control character."""
    odd = {"1 <b>": "]]>&", "@class": "y", "\ud7ff": "\t", "_$": "\r\n"}
    bad: list[dict[str, object]] = [
        {"metadata": {"": "x"}},
        {"metadata": {"a\x01": "x"}},
        {"metadata": {"a": "\x00\ufffe"}},
        {"vipAddress": "v\x0b"},
        {"hostName": "h\x1f"},
        {"instanceId": "i\n"},
    ]
    items = [register(f"bad{number}", **fields) for number, fields in enumerate(bad)]

    assert await statuses(node, *items, register(metadata=odd)) == [500] * len(bad) + [200]
    assert node.node.registry.size == 1

    for path in ("/apps", "/apps/delta", "/apps/FOO", "/apps/FOO/i1", "/v1/apps", "/instances/i1"):
        assert (await node.ask("GET", f"/eureka{path}")).xml is not None
        assert (await node.ask("GET", f"/eureka{path}", JSON)).json is not None
