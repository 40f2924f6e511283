"""What one document, one application and one id may take: bounds as clients and peers meet them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from support.server import JSON, Running, instance

Start = Callable[..., Awaitable[Running]]

MIB = 1_000_000
TOO_MUCH: list[tuple[dict[str, Any], str]] = [
    ({"instanceId": "i" * MIB}, "bytes long; at most 1,024 are accepted"),
    ({"hostName": "h" * MIB}, "characters long; at most 2,048 are accepted"),
    ({"vipAddress": "v" * MIB}, "characters long; at most 8,192 are accepted"),
    ({"secureVipAddress": "v," * 4_000}, "names 4,001 addresses; at most 100 are accepted"),
    ({"metadata": {"k" * MIB: "v"}}, "characters long; at most 2,048 are accepted"),
    ({"metadata": {"k": "v" * 300_000}}, "characters long; at most 262,144 are accepted"),
    ({"instanceId": "i\nERROR all is lost"}, "instanceId holds a control character"),
    ({"vipAddress": "v\u2028"}, "vipAddress holds a control character"),
]


def item(app: str, instance_id: str, **fields: object) -> dict[str, object]:
    """A `Register` item of a batch."""
    document = {"instanceInfo": instance(app, instance_id, **fields)}
    return {"appName": app, "id": instance_id, "action": "Register", **document}


async def statuses(node: Running, *items: object) -> list[int]:
    """Send a batch and give the status of each item."""
    return [reply["statusCode"] for reply in (await node.batch(*items)).json["responseList"]]


# -- Fields


@pytest.mark.parametrize(("fields", "sentence"), TOO_MUCH, ids=lambda value: str(value)[:24])
async def test_a_client_is_told_what_is_too_much(
    node: Running, fields: dict[str, Any], sentence: str
) -> None:
    """And nothing of it is kept, neither in lists nor in what is remembered of the past."""
    answer = await node.reg(**fields)
    lists = [await node.ask("GET", f"/eureka/apps{path}", JSON) for path in ("", "/delta")]
    lists.append(await node.ask("GET", "/dashboard/lastn", JSON))

    assert answer.status == 400
    assert sentence in answer.body.decode()
    assert len(answer.body) < 300
    assert max(len(each.body) for each in lists) < 200


@pytest.mark.parametrize("fields", [fields for fields, _ in TOO_MUCH], ids=lambda f: str(f)[:24])
async def test_an_item_of_a_peer_that_is_too_much_fails_alone(
    node: Running, fields: dict[str, Any]
) -> None:
    """Whoever lets it in at one peer would else have it in all lists."""
    bad = item("FOO", "bad", **fields)

    assert await statuses(node, item("FOO", "a"), bad, item("FOO", "b")) == [200, 500, 200]
    assert node.node.registry.size == 2


async def test_what_real_clients_send_is_taken(node: Running) -> None:
    """UIDs of Kubernetes, ids of Spring, URLs of Swagger, a certificate and JSON in metadata."""
    ids = ["f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "h.example:orders:8080", "a b/c%d", "i-0a1b"]
    metadata = {f"swagger.group.{n}": "x" * 1_000 for n in range(100)} | {"pem": "-\r\n\tü" * 1_000}
    for instance_id in ids:
        url = "http://h.example/swagger-ui/index.html?configUrl=" + "x" * 4_000
        answer = await node.reg(
            instance_id=instance_id, metadata=metadata, homePageUrl=url, vipAddress="a,b:443,c"
        )
        assert answer.status == 204, answer.body


async def test_refused_instances_of_peers_are_counted_and_logged_once(
    node: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """They make peers differ for as long as they are refused, so somebody has to be told."""
    for _ in range(3):
        await statuses(node, item("FOO", "i\nERROR", hostName="h"))
        node.node.tell_refusals()

    told = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    why = "instanceInfo: instanceId holds a control character"
    assert told == [f"instance of a peer refused: 'FOO' 'i\\nERROR': {why}"]
    assert node.node.registry.refusals.total == 3


# -- Numbers


async def test_peers_cannot_fill_a_registry_beyond_its_limit(start: Start) -> None:
    """The reply is no 404, which would have the peer send the document again at once."""
    node = await start(max_instances=2)
    items = [item("FOO", name) for name in ("a", "b", "c", "a")]

    assert await statuses(node, *items) == [200, 200, 507, 200]
    assert (await node.reg(instance_id="c")).status == 503
    assert (await node.put("/apps/FOO/a/metadata?k=v")).status == 200


async def test_one_application_cannot_fill_it_for_all(start: Start) -> None:
    """The sentence names the setting."""
    node = await start(max_instances=2_000, max_application_share=0.5)
    assert await statuses(node, *(item("FOO", f"i{n}") for n in range(1_000))) == [200] * 1_000

    refused = await node.reg(instance_id="one-more")
    assert refused.status == 503
    assert "max_application_share 0.5" in refused.body.decode()
    assert (await node.reg("BAR")).status == 204
    assert (await node.reg(instance_id="i7")).status == 204


# -- Ids of several applications


async def test_an_id_of_several_applications_is_answered_by_none(node: Running) -> None:
    """Whoever may write ORDERS alone could answer for an instance of BILLING."""
    await node.reg("ORDERS", "b1")
    await node.reg("BILLING", "b1")

    answer = await node.get("/instances/b1")
    assert answer.status == 409
    assert answer.body == (
        b"instance id 'b1' is held by several applications: 'ORDERS', 'BILLING'; "
        b"ask below apps/APPLICATION for one of them\n"
    )
    assert (await node.get("/apps/BILLING/b1")).json["instance"]["app"] == "BILLING"
    await node.delete("/apps/ORDERS/b1")
    assert (await node.get("/instances/b1")).json["instance"]["app"] == "BILLING"


async def test_overrides_of_several_applications_are_told_apart(node: Running) -> None:
    """A key that is one id alone never speaks of another application's instance."""
    for app, instance_id in (("ORDERS", "b1"), ("BILLING", "b1"), ("ORDERS", "o1")):
        await node.reg(app, instance_id)
        await node.put(f"/apps/{app}/{instance_id}/status?value=DOWN")
    await node.reg("ORDERS", "BILLING/b1")
    await node.put("/apps/ORDERS/BILLING%2Fb1/status?value=UP")
    await node.put("/apps/ORDERS/BILLING%2Fb1/status?value=OUT_OF_SERVICE")

    assert json.loads((await node.get("/serverinfo/statusoverrides")).body) == {
        "ORDERS/b1": "DOWN",
        "BILLING/b1": "DOWN",
        "o1": "DOWN",
        "ORDERS/BILLING%2Fb1": "OUT_OF_SERVICE",
    }


# -- Leases


async def test_odd_lengths_are_told_once_per_application(
    node: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever looks for the reason finds it, and the log is not filled."""
    for instance_id in ("a", "b"):
        lease = {"renewalIntervalInSecs": 1, "durationInSecs": 2**31 - 1}
        await node.reg(instance_id=instance_id, leaseInfo=lease)

    told = [record.getMessage() for record in caplog.records if "lease counts" in record.msg]
    lengths = "renewalIntervalInSecs=1 durationInSecs=2147483647"
    assert told == [f"lease counts for 86400 s at most app=FOO id=a {lengths}"]
    assert (await node.state(instance_id="a"))["leaseInfo"]["durationInSecs"] == 2**31 - 1


async def test_sid_is_kept_as_java_keeps_it(node: Running) -> None:
    """Left out where it is the default, as in `InstanceInfoSerializer`."""
    await node.reg(instance_id="a", sid="s-1")
    await node.reg(instance_id="b", sid="na")

    assert (await node.state(instance_id="a"))["sid"] == "s-1"
    assert "sid" not in await node.state(instance_id="b")
    assert b"<sid>s-1</sid>" in (await node.ask("GET", "/eureka/apps/FOO/a")).body
