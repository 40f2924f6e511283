"""What the verbs print, and their exit codes; the network is a table of answers."""

from __future__ import annotations

import argparse
import io
import json
from typing import Final

import pytest

from eureka_registry.core.model import Instance, LeaseInfo, Port, Status
from eureka_registry.verbs import commands
from eureka_registry.verbs.commands import DONE, FOUND, Streams
from eureka_registry.verbs.findings import Finding
from eureka_registry.verbs.server import JSON, Answer, NoAnswerError
from eureka_registry.wire.jsoncodec import encode_single
from unit.registry.verbs.held import NOW_MS, Asked, Network, instance

OUT: Final = Status.OUT_OF_SERVICE
PATH: Final = "apps/ORDERS/orders-1"


def document(held: Instance) -> dict[str, object]:
    """An instance as a server writes it."""
    read: dict[str, object] = json.loads(encode_single(held))["instance"]
    return read


def network(*instances: Instance, **answers: tuple[int, bytes]) -> Network:
    """A server that holds these, all of one application, and gives further answers."""
    listed = [document(each) for each in instances]
    applications = [{"name": "ORDERS", "instance": listed}] if listed else []
    body = json.dumps({"applications": {"application": applications}}).encode()
    single = {f"apps/{each.app}/{each.id}": (200, encode_single(each)) for each in instances}
    return Network({"apps": (200, body), **single, **answers})


def options(**given: object) -> argparse.Namespace:
    """The arguments of a command."""
    usual = {"app": "", "status": [], "output": "table", "instance": "orders/orders-1"}
    return argparse.Namespace(**usual | {"ignore": []} | given)


def streams() -> Streams:
    """Where to print."""
    return Streams(io.StringIO(), io.StringIO())


def printed(given: Streams) -> tuple[str, str]:
    """Results, and notes."""
    assert isinstance(given.out, io.StringIO)
    assert isinstance(given.err, io.StringIO)
    return given.out.getvalue(), given.err.getvalue()


async def test_ls_shows_rows_and_says_if_there_are_none() -> None:
    """Results in one stream, notes in the other."""
    held = network(instance(), instance(instance_id="b", status=Status.DOWN))

    for output, more in (("table", False), ("wide", True)):
        to = streams()
        assert await commands.ls(options(output=output), held, to) == DONE
        out, err = printed(to)
        assert ("orders-1" in out, "LEASE" in out, err) == (True, more, "")
    to = streams()
    assert await commands.ls(options(status=["starting"]), held, to) == DONE
    assert printed(to) == ("", "http://one:8761/eureka/ holds no such instance\n")


async def test_ls_names_what_it_cannot_read() -> None:
    """Beside the rest."""
    broken = {**document(instance()), "port": {"$": []}}
    listed = {"application": [{"name": "ORDERS", "instance": [document(instance()), broken]}]}
    to = streams()

    held = Network({"apps": (200, json.dumps({"applications": listed}).encode())})
    await commands.ls(options(output="json"), held, to)

    out, err = printed(to)
    assert [each["id"] for each in json.loads(out)] == ["orders-1"]
    assert err.startswith("note: ORDERS")


async def test_get_shows_lines_or_the_servers_own_document() -> None:
    """An instance that the server does not know is an error."""
    held, lines, program = network(instance()), streams(), streams()

    assert await commands.get(options(), held, lines) == DONE
    assert await commands.get(options(output="json"), held, program) == DONE

    title = "ORDERS/orders-1 at http://one:8761/eureka/\n  It is UP.\n"
    assert printed(lines)[0].startswith(title)
    assert json.loads(printed(program)[0]) == document(instance())
    with pytest.raises(NoAnswerError, match="`ls ORDERS` shows what it knows"):
        await commands.get(options(), network(), streams())


@pytest.mark.parametrize(
    ("held", "code", "sentence"),
    [
        (instance(status=OUT, overridden_status=OUT), DONE, "is back in service"),
        (instance(), DONE, "has no override: it is UP"),
        (instance(status=Status.DOWN), FOUND, "has no override: it is DOWN"),
    ],
)
async def test_in_lifts_an_override_or_says_that_there_is_none(
    held: Instance, code: int, sentence: str
) -> None:
    """Without one, the instance's own client decides."""
    to, lift = streams(), f"{PATH}/status?value=UP"
    asked = network(held, **{lift: (200, b"")})

    assert await commands.lift_override(options(), asked, to) == code
    assert f"ORDERS/orders-1 {sentence}" in printed(to)[0]
    assert (lift in [each.path for each in asked.asked]) is (held.overridden_status is OUT)


async def test_out_and_in_of_what_is_gone_are_errors() -> None:
    """It may have left between two requests."""
    leaving = network(instance(status=OUT, overridden_status=OUT))

    for command, held in (
        (commands.set_out_of_service, network()),
        (commands.lift_override, network()),
        (commands.lift_override, leaving),
    ):
        with pytest.raises(NoAnswerError, match="does not know ORDERS/orders-1"):
            await command(options(), held, streams())


async def test_doctor_tries_what_clients_call() -> None:
    """The first port of instances that are UP, at their address; each reason is a finding."""
    down = instance(instance_id="down", status=Status.DOWN, ip_addr="10.0.0.9")
    mute = instance(instance_id="mute", port=Port(8080, enabled=False), ip_addr="10.0.0.8")
    named = instance(instance_id="named", ip_addr="", host_name="orders.example")
    tried: list[tuple[str, int]] = []

    async def reach(places: list[tuple[str, int]]) -> list[str]:
        tried.extend(places)
        return ["refused" if host == "10.0.0.1" else "" for host, _ in places]

    found = await commands.examine(network(instance(), down, mute, named), reach=reach)

    assert tried == [("orders.example", 8080), ("10.0.0.1", 8080)]
    assert [(each.code, each.about) for each in found if "reach" in each.code] == [
        ("not_reachable", "ORDERS/orders-1")
    ]
    assert "10.0.0.1:8080: refused" in found[-1].sentence
    assert [each.code for each in found] == ["no_port", "not_reachable"]


async def test_doctor_looks_once_more_at_leases_that_look_over() -> None:
    """The list may be old; an instance that left meanwhile is none of its findings."""
    over = instance(lease=LeaseInfo(30, 90, 1, NOW_MS - 100_000))
    still, renewed, gone = network(over), network(over), network(over)
    renewed.answers[PATH] = (200, encode_single(instance()))
    del gone.answers[PATH]

    assert [each.code for each in await commands.examine(still)] == ["lease_over"]
    assert await commands.examine(renewed) == []
    assert await commands.examine(gone) == []


@pytest.mark.parametrize(
    ("findings", "code", "text"),
    [
        ([], DONE, "nothing is wrong that can be seen from here\n"),
        (
            [Finding("a", "b", "is so", "do this")],
            FOUND,
            "CODE   ABOUT   WHAT AND CURE\na      b       is so. Do this.\n",
        ),
    ],
)
def test_findings_decide_the_exit_code(findings: list[Finding], code: int, text: str) -> None:
    """Scripts go by it."""
    to = streams()

    assert commands.show_findings(options(), findings, to) == code
    assert printed(to)[0] == text


@pytest.mark.parametrize("output", ["table", "json"])
async def test_watch_prints_each_event_with_its_moment(output: str) -> None:
    """By the server's clock."""
    held, to = network(instance()), streams()

    async def pause(_: float) -> None:
        held.answers |= network(instance(status=Status.DOWN)).answers

    given = options(output=output, every=2.0, limit=2.0)
    assert await commands.watch(given, held, to, pause) == DONE

    line = printed(to)[0]
    if output == "json":
        assert json.loads(line)["atMs"] == NOW_MS
    else:
        assert line == "11:06:40Z  status      ORDERS/orders-1  UP -> DOWN\n"


async def test_out_says_when_clients_notice() -> None:
    """The lease is kept."""
    to, path = streams(), f"{PATH}/status?value=OUT_OF_SERVICE"

    assert await commands.set_out_of_service(options(), network(**{path: (200, b"")}), to) == DONE
    assert printed(to)[0].startswith("ORDERS/orders-1 is out of service; clients stop")


class Fickle(Network):
    """A server that answers some looks only: `silent` says which."""

    def __init__(self, held: Network, silent: set[int]) -> None:
        super().__init__(held.answers)
        self.silent = silent

    async def ask(self, method: str, path: str, accept: str = JSON) -> Answer:
        """Answer, or not."""
        if len(self.asked) in self.silent:
            self.asked.append(Asked(method, path, accept))
            raise NoAnswerError("no answer within 5 s")
        return await super().ask(method, path, accept)


async def test_watch_goes_on_when_the_server_is_away() -> None:
    """Each trouble is told once; only the first look must not fail."""
    held, to, pauses = Fickle(network(instance()), {1, 2, 4}), streams(), list[float]()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    given = options(every=2.0, limit=8.0)
    assert await commands.watch(given, held, to, pause) == DONE
    assert printed(to) == ("", "note: no answer within 5 s\n" * 2)
    assert (len(held.asked), pauses) == (5, [2.0] * 4)
    with pytest.raises(NoAnswerError):
        await commands.watch(given, Fickle(network(), {0}), streams(), pause)


@pytest.mark.parametrize(
    ("later", "code", "text"),
    [
        (instance(), DONE, "http://one:8761/eureka/ and http://one:8761/eureka/ hold the same\n"),
        (instance(status=Status.DOWN), FOUND, "status"),
    ],
    ids=["under way", "different"],
)
async def test_diff_is_what_two_looks_find(later: Instance, code: int, text: str) -> None:
    """A change that is under way is no difference."""
    one, other = network(instance()), network(instance(status=Status.DOWN))
    people, program = streams(), streams()

    async def pause(_: float) -> None:
        other.answers |= network(later).answers

    assert await commands.diff(options(), (one, other), people, pause) == code
    assert text in printed(people)[0]
    assert await commands.diff(options(output="json"), (one, other), program, pause) == code
    assert len(json.loads(printed(program)[0])) == (1 if code == FOUND else 0)


async def test_doctor_leaves_out_what_is_ignored_and_writes_json() -> None:
    """With findings of the program itself, and of the server's status page."""
    page = b"""<s><general><unavailable-replicas>no</unavailable-replicas></general>
      <applicationStats><registered-replicas>no</registered-replicas>
      <unavailable-replicas>http://p2/,</unavailable-replicas></applicationStats></s>"""
    held, to = network(instance(vip_address=None), status=(200, page)), streams()
    own = [Finding("mine", "b", "is so", "do this"), Finding("other", "b", "is so", "do this")]

    given = options(output="json", ignore=["other", "vip_missing"])
    assert await commands.doctor(given, held, to, own) == FOUND

    found = json.loads(printed(to)[0])
    assert [each["code"] for each in found] == ["mine", "replicas_not_available"]
    assert found[1]["sentence"].endswith(": http://p2/")


async def test_a_server_without_a_status_page_has_no_such_finding() -> None:
    """Only Java's and ours have one."""
    assert await commands.examine(Fickle(network(instance()), {1})) == []
