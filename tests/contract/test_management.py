"""The management port through the life of a peer."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from eureka_registry import __version__
from eureka_registry.core.outbox import DropReason
from eureka_registry.http.gate import Stage
from eureka_registry.http.rules import Rule
from support.server import JSON, Running, running

PAGE = (Path(__file__).parents[2] / "docs" / "registry-metrics.md").read_text()
PROBES = ("/livez", "/readyz", "/startupz")


async def probes(node: Running) -> list[int]:
    """What the three probes answer."""
    return [(await node.ask("GET", path, management=True)).status for path in PROBES]


async def samples(node: Running) -> dict[tuple[str, tuple[str, ...]], float]:
    """All metrics by name and label values; each name has one family and a help text."""
    answer = await node.ask("GET", "/metrics", management=True)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(answer.body.decode()))
    assert len({family.name for family in families}) == len(families)
    assert all(family.documentation for family in families)
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


async def test_probes_follow_the_life_of_a_peer(node: Running) -> None:
    """Live whatever happens; started once; ready in between."""
    gate = node.node.gate
    seen = []
    for stage in (Stage.STARTING, Stage.READY, Stage.STOPPING):
        gate.stage = stage
        seen.append(await probes(node))
    why = await node.ask("GET", "/readyz", management=True)

    assert seen == [[200, 503, 503], [200, 200, 200], [200, 503, 200]]
    assert why.body.startswith(b"stopping: ")


async def test_a_peer_that_drains_is_not_ready_but_serves() -> None:
    """Load balancers need time to notice."""
    async with running(drain_s=0.2) as node:
        node.stop.set()
        await node.ask("GET", "/livez", management=True)

        assert node.node.gate.stage is Stage.STOPPING
        assert await probes(node) == [200, 503, 200]
        assert (await node.reg()).status == 204
        assert (await node.get("/apps")).status == 200


async def test_metrics_count_what_happened(node: Running) -> None:
    """Names that users of Eureka know; the fast lane counts, too."""
    await node.reg()
    await node.reg(instance_id='q"\\', status="DOWN")
    await node.put("/apps/FOO/i1")
    await node.put("/apps/FOO/i1", {"X-Slow": "1"})
    await node.put("/apps/FOO/nope")
    await node.put("/apps/FOO/i1/status?value=DOWN")
    await node.delete("/apps/FOO/i1/status?value=UP")
    await node.get("/apps")
    await node.get("/apps/delta")
    await node.get("/apps/FOO")
    await node.delete("/apps/FOO/i1")
    await node.delete("/apps/FOO/i1")
    await node.batch(None)
    typed = {"Content-Type": "application/json"}
    await node.ask("POST", "/eureka/peerreplication/batch", typed, b"{")
    got = await samples(node)

    expected = {
        "register": 2, "renew": 2, "renew_not_found": 1, "cancel": 1, "cancel_not_found": 1,
        "status_update": 1, "status_override_delete": 1, "get_all": 1, "get_all_delta": 1,
        "get_application": 1, "rejected_replications": 1, "replicated_items": 1, "expired": 0,
    }  # fmt: skip
    counted = {name: got[f"eureka_server_{name}_total", ()] for name in expected}
    assert counted == expected
    assert got["eureka_server_instances", ("FOO", "DOWN")] == 1
    assert got["eureka_server_registry_size", ()] == 1
    assert got["eureka_server_ready", ()] == 1
    assert got["eureka_server_requests_total", ("PUT", "instance", "200")] == 2
    assert got["eureka_server_response_bytes_total", ("apps",)] > 100


async def test_odd_application_names_are_labels(node: Running) -> None:
    """A label may hold anything, if it is escaped."""
    odd = 'A "B"\\ {}=,é'
    await node.batch(
        {
            "appName": odd,
            "id": "i",
            "action": "Register",
            "instanceInfo": {
                "hostName": "h",
                "ipAddr": "1",
                "app": odd,
                "dataCenterInfo": {
                    "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
                    "name": "MyOwn",
                },
            },
        }
    )

    assert (await samples(node))["eureka_server_instances", (odd.upper(), "UP")] == 1


async def test_peers_says_what_we_hold(node: Running) -> None:
    """For people, and for the operator."""
    await node.reg()

    document = (await node.ask("GET", "/peers", JSON, management=True)).json

    assert document["node"] == node.node.id
    assert (document["stage"], document["why"], document["peers"]) == ("ready", None, [])
    assert (document["instances"], document["hash"]) == (1, "UP_1_")
    assert document["applications"].keys() == {"FOO"}
    assert document["selfPreservation"]
    assert document["preserving"] is False
    assert document["software"] == __version__
    assert document["config"] == {"hash": "", "problem": None, "restartNeeded": []}


async def test_preserving_is_a_figure_too(node: Running) -> None:
    """Whoever automates with it must not read sentences."""
    for number in range(4):
        await node.reg(instance_id=f"i{number}")
    node.clock.advance(3600)

    document = (await node.ask("GET", "/peers", JSON, management=True)).json

    assert document["preserving"] is True
    assert "Leases are kept" in document["selfPreservation"]


async def test_a_dead_peer_is_named_with_the_reason() -> None:
    """And does not keep us from being ready for long."""
    dead = "http://127.0.0.1:9/eureka/"
    async with running(peers=[dead], sync_timeout_s=0.3, fetch_registry=True) as node:
        (peer,) = (await node.ask("GET", "/peers", JSON, management=True)).json["peers"]
        got = await samples(node)
        ready = await probes(node)

    assert peer["available"] is False
    assert peer["lagMs"] == 0
    assert "refused" in peer["why"]
    assert ready == [200, 200, 200]
    assert {value for (name, _), value in got.items() if name.endswith("peer_available")} == {0}


async def test_the_management_port_serves_no_eureka(node: Running) -> None:
    """It may be open to others than the API is."""
    assert (await node.ask("GET", "/eureka/apps", management=True)).status == 404
    assert (await node.ask("POST", "/metrics", management=True)).status == 405


async def test_page_of_metrics_has_exactly_those_that_are_exposed(node: Running) -> None:
    """With their labels; that of the certificate is there with TLS only (`test_tls.py`)."""
    answer = await node.ask("GET", "/metrics", management=True)
    exposed = set(re.findall(r"^# HELP (eureka_\w+)", answer.body.decode(), re.MULTILINE))
    rows = re.findall(r"^\| `(eureka_\w+)` \|", PAGE, re.MULTILINE)

    assert len(set(rows)) == len(rows)
    assert set(rows) == exposed | {"eureka_certificate_not_after_seconds"}
    named = set(re.findall(r"eureka_\w+", PAGE.partition("## Worth an alert")[2]))
    assert named <= set(rows)


async def test_page_of_metrics_has_every_rule_and_reason() -> None:
    """Values of labels are what alerts select by."""
    for label, values in (("rule", Rule), ("reason", DropReason)):
        (listed,) = re.findall(rf"`{label}`: ([^|]+) \|", PAGE)
        assert listed.split(", ") == [each.value for each in values]
