"""Look-ups and deltas: cases 102 to 140 of `docs/protocol/cases.md`."""

from __future__ import annotations

import gzip
import zlib

import pytest

from support.server import JSON, Running

OOS = "OUT_OF_SERVICE"
EMPTY_XML = (
    b"<applications>\n  <versions__delta>1</versions__delta>\n"
    b"  <apps__hashcode></apps__hashcode>\n</applications>"
)


async def test_an_empty_registry(node: Running) -> None:
    """Cases 102 and 103, byte for byte."""
    json = await node.ask("GET", "/eureka/apps", JSON)
    xml = await node.ask("GET", "/eureka/apps")

    assert json.body == (
        b'{"applications":{"versions__delta":"1","apps__hashcode":"","application":[]}}'
    )
    assert xml.body == EMPTY_XML
    assert xml.headers["content-type"] == "application/xml"


async def test_lists_of_one_are_lists(node: Running) -> None:
    """Case 104: Spring sees nothing in an object."""
    await node.reg()

    applications = (await node.get("/apps")).json["applications"]

    (application,) = applications["application"]
    assert isinstance(application["instance"], list)
    assert applications["apps__hashcode"] == "UP_1_"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "application/xml"),
        ("*/*", "application/xml"),
        ("application/json, application/*+json", "application/json"),
        ("text/html", "application/xml"),
        ("application/vnd.x+json", "application/json"),
        ("APPLICATION/JSON", "application/json"),
    ],
)
@pytest.mark.parametrize(
    "path", ["/apps", "/apps/delta", "/apps/FOO", "/apps/FOO/i1", "/instances/i1", "/vips/v",
             "/svips/s", "/status"]
)  # fmt: skip
async def test_the_label_says_what_is_sent(
    node: Running, path: str, accept: str | None, content_type: str
) -> None:
    """Cases 105 and 106; never 406, never JSON for who did not ask."""
    await node.reg(vipAddress="v", secureVipAddress="s")

    answer = await node.ask("GET", f"/eureka{path}", {"Accept": accept} if accept else {})

    assert (answer.status, answer.headers["content-type"]) == (200, content_type)
    assert (answer.json if "json" in content_type else answer.xml) is not None


async def test_what_is_not_there_is_404_without_a_body(node: Running) -> None:
    """Cases 108, 113, 114 and 217 (ours: ALL_APPS is no application)."""
    await node.reg()
    for path in ("/apps/NOPE", "/apps/FOO/zz", "/instances/zz", "/apps/ALL_APPS", "/apps/a/b/c/d"):
        answer = await node.get(path)
        assert (answer.status, answer.body) == (404, b"")


async def test_one_application_and_one_instance(node: Running) -> None:
    """Cases 109, 112 and 114."""
    await node.reg()

    assert (await node.get("/apps/foo")).json["application"]["name"] == "FOO"
    assert (await node.get("/apps/FOO/i1")).json["instance"]["app"] == "FOO"
    assert (await node.ask("GET", "/eureka/apps/FOO/i1")).xml.tag == "instance"
    assert (await node.get("/instances/i1")).json["instance"]["instanceId"] == "i1"


async def test_compact_documents_have_no_lease(node: Running) -> None:
    """Cases 110 and 111."""
    await node.reg(metadata={"a": "1"})

    (brief,) = (await node.get("/apps/FOO", X_Eureka_Accept="COMPACT")).json["application"][
        "instance"
    ]
    applications = (await node.get("/apps", X_Eureka_Accept="compact")).json["applications"]

    assert not {"metadata", "leaseInfo", "countryId"} & brief.keys()
    assert (applications["apps__hashcode"], applications["versions__delta"]) == ("UP_1_", "1")


async def test_jerseys_brackets_mean_full(node: Running) -> None:
    """Jersey 3 sends `[compact]`, and Java answers full."""
    await node.reg()

    full = await node.get("/apps")

    assert (await node.get("/apps", X_Eureka_Accept="[compact]")).body == full.body


async def test_an_unknown_address_is_an_empty_list(node: Running) -> None:
    """Case 115: never 404."""
    for path in ("/vips/none", "/svips/none"):
        assert (await node.get(path)).body == (
            b'{"applications":{"versions__delta":"-1","apps__hashcode":"","application":[]}}'
        )


async def test_addresses(node: Running) -> None:
    """Cases 43, 116, 117 and 118: every status, each name of several, case matters."""
    await node.reg(vipAddress="a,Abc", secureVipAddress="s", status="DOWN")

    for path in ("/vips/a", "/vips/Abc", "/svips/s"):
        found = (await node.get(path)).json["applications"]
        assert (found["apps__hashcode"], found["versions__delta"]) == ("DOWN_1_", "-1")
        assert found["application"][0]["instance"][0]["instanceId"] == "i1"
    for path in ("/vips/abc", "/vips/a,Abc", "/vips/s", "/svips/a"):
        assert (await node.get(path)).json["applications"]["application"] == []


async def test_the_hash_counts_by_status(node: Running) -> None:
    """Case 119."""
    for number, status in enumerate(("UP", "UP", "DOWN", "STARTING", OOS)):
        await node.reg(instance_id=f"i{number}", status=status)

    hashcode = (await node.get("/apps")).json["applications"]["apps__hashcode"]
    assert hashcode == f"DOWN_1_{OOS}_1_STARTING_1_UP_2_"


@pytest.mark.parametrize("path", ["/apps", "/apps/delta", "/apps/FOO"])
@pytest.mark.parametrize("accept", ["application/json", "application/xml"])
async def test_compressed_lists_hold_the_same(node: Running, path: str, accept: str) -> None:
    """Cases 120 and 121; read by two implementations."""
    for number in range(3):
        await node.reg(instance_id=f"i{number}")
        await node.reg("BAR", f"j{number}")

    plain = await node.get(path, Accept=accept)
    packed = await node.get(path, Accept=accept, Accept_Encoding="gzip, deflate")

    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert zlib.decompress(packed.body, wbits=31) == plain.body
    assert packed.headers["content-type"] == plain.headers["content-type"] == accept


async def test_version_1_shows_unknown_states_as_down(node: Running) -> None:
    """Cases 122 and 232, ours: the true status wherever version 1 was not asked for."""
    await node.reg(status=OOS)

    async def xml(path: str) -> str | None:
        return (await node.ask("GET", path)).xml.findtext(".//status")

    assert [await xml(p) for p in ("/eureka/v1/apps", "/v1/apps")] == ["DOWN", "DOWN"]
    assert [await xml(p) for p in ("/v2/apps", "/eureka/apps", "/eureka/apps/FOO/i1")] == [OOS] * 3
    assert b'"status":"OUT_OF_SERVICE"' in (await node.get("/v1/apps")).body


@pytest.mark.parametrize("query", ["?regions=", "?regions=mars", "?regions=a,b,,"])
async def test_unknown_regions_add_nothing(node: Running, query: str) -> None:
    """Case 123."""
    await node.reg()

    assert (await node.get(f"/apps{query}")).body == (await node.get("/apps")).body


async def test_the_types_of_values(node: Running) -> None:
    """Cases 127, 128 and 129."""
    await node.reg()

    state = await node.state()
    xml = (await node.ask("GET", "/eureka/apps/FOO/i1")).xml
    texts = ("lastUpdatedTimestamp", "lastDirtyTimestamp", "isCoordinatingDiscoveryServer")
    assert all(isinstance(state[name], str) for name in texts)
    assert isinstance(state["port"]["@enabled"], str)
    assert all(isinstance(value, int) for value in state["leaseInfo"].values())
    assert all(isinstance(value, int) for value in (state["port"]["$"], state["countryId"]))
    assert "overriddenStatus" in state
    assert xml.find("overriddenstatus") is not None
    assert "homePageUrl" not in state


async def test_groups_of_amazon_are_not_served(node: Running) -> None:
    """Case 130."""
    answer = await node.put("/asg/x/status?value=ENABLED")

    assert (answer.status, answer.body) == (400, b"")


async def test_the_status_document(node: Running) -> None:
    """Case 131; JSON works, too (ours: Java 500)."""
    xml = (await node.ask("GET", "/eureka/status")).xml
    json = (await node.get("/status")).json

    assert xml.tag == "com.netflix.eureka.util.StatusInfo"
    keys = {"registered-replicas", "available-replicas", "unavailable-replicas"}
    stats = xml.find("applicationStats")
    assert stats is not None
    assert {child.tag for child in stats} == keys
    assert json["applicationStats"].keys() == keys


# -- Deltas


async def delta(node: Running) -> tuple[str, str, list[tuple[str, str]]]:
    """Version, hash, and (action, status) of each entry."""
    got = (await node.get("/apps/delta")).json["applications"]
    entries = [
        (instance["actionType"], instance["status"])
        for application in got["application"]
        for instance in application["instance"]
    ]
    return got["versions__delta"], got["apps__hashcode"], entries


@pytest.mark.parametrize(
    ("steps", "hashcode", "entries"),
    [
        pytest.param("R", "UP_1_", [("ADDED", "UP")], id="132"),
        pytest.param("RHH", "UP_1_", [("ADDED", "UP")], id="134"),
        pytest.param("RS", f"{OOS}_1_", [("MODIFIED", OOS)], id="135"),
        pytest.param("RC", "", [("DELETED", "UP")], id="136"),
        pytest.param("RCR", "UP_1_", [("ADDED", "UP")], id="137"),
        pytest.param("RW", "UP_1_", [], id="138"),
    ],
)
async def test_the_delta_holds_the_latest_state(
    node: Running, steps: str, hashcode: str, entries: list[tuple[str, str]]
) -> None:
    """One entry for each instance, and the hash of everything."""
    for step in steps:
        match step:
            case "R":
                await node.reg()
            case "H":
                await node.put("/apps/FOO/i1")
            case "S":
                await node.put(f"/apps/FOO/i1/status?value={OOS}")
            case "C":
                await node.delete("/apps/FOO/i1")
            case "W":
                node.clock.advance(211)

    assert (await delta(node))[1:] == (hashcode, entries)


async def test_the_version_of_a_delta_grows_with_changes_only(node: Running) -> None:
    """Case 133: py skips a delta whose version and hash are those of the last one."""
    await node.reg()
    first = await delta(node)
    await node.put("/apps/FOO/i1")
    second = await delta(node)
    await node.put("/apps/FOO/i1/metadata?a=1")
    third = await delta(node)

    assert first[0] == second[0]
    assert int(third[0]) > int(second[0])


async def test_a_delta_leads_from_nothing_to_everything(node: Running) -> None:
    """Case 139."""
    for number in range(10):
        await node.reg(instance_id=f"i{number}", status="DOWN" if number % 3 else "UP")

    _, hashcode, entries = await delta(node)

    statuses = [status for _, status in entries]
    assert hashcode == f"DOWN_{statuses.count('DOWN')}_UP_{statuses.count('UP')}_"


async def test_departures_are_short_and_last(node: Running) -> None:
    """Ours (design 3): Spring's WebClient reads 256 KiB; Java clients adopt departures first."""
    await node.reg(metadata={"a": "x" * 1000})
    await node.reg(instance_id="i2")
    await node.delete("/apps/FOO/i1")

    got = await node.get("/apps/delta")

    instances = got.json["applications"]["application"][0]["instance"]
    assert [each["instanceId"] for each in instances] == ["i2", "i1"]
    assert b"xxx" not in got.body
    assert "leaseInfo" not in instances[1]


async def test_an_eviction_is_a_departure(node: Running) -> None:
    """Case 140."""
    await node.reg()
    node.clock.advance(91)
    node.peer._evict()

    assert (await delta(node))[1:] == ("", [("DELETED", "UP")])
