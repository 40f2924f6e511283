from __future__ import annotations

import json
from typing import Any

import pytest

from eureka_sidecar.core import report
from eureka_sidecar.core.configuration import Check, Instance
from eureka_sidecar.core.document import Content
from eureka_sidecar.core.health import Health
from eureka_sidecar.core.lease import Lease
from eureka_sidecar.core.metrics import Counters
from eureka_sidecar.core.operations import Answer, Operation
from eureka_sidecar.records import replace

URL = "http://eureka:8761/eureka/"
ORDERS = Instance("orders", "orders-1", "10.0.0.5", "10.0.0.5", 8080, Check("tcp", 8080))
HEAD = "orders at 10.0.0.5:8080, id orders-1"
UNREACHABLE = Answer(0, reason="eureka:8761 refuses connections")


class Shown:
    """An instance with a lease whose registry answers as it is told; times are seconds."""

    def __init__(self, instance: Instance = ORDERS) -> None:
        self.instance = instance
        self.health = Health(instance.check, 0)
        self.lease = Lease(
            instance, ["/eureka/"], Content(self.health.status), lambda: 0.5, Counters()
        )
        self.override = "UNKNOWN"
        self.paused = False

    def check(self, now_s: int, *, ok: bool) -> None:
        """A check of the application."""
        reason = "answered 200" if ok else "refuses connections"
        self.health.observe(now_s * 1_000, f"127.0.0.1:8080 {reason}", ok=ok)
        self.lease.set_content(Content(self.health.status))

    def ask(self, now_s: int, answer: Answer | None = None) -> None:
        """Send all that is due, with this answer; the registry's own if there is none."""
        now_ms = now_s * 1_000
        while request := self.lease.next_request(now_ms, now_ms + 1):
            is_look_up = request.operation is Operation.VERIFY
            held = self._held(self.lease.held) if is_look_up else b""
            self.lease.receive(answer or Answer(200, held), now_ms)

    def _held(self, content: Content | None) -> bytes:
        assert content
        instance = {
            "status": self.override if self.override != "UNKNOWN" else content.status,
            "overriddenStatus": self.override,
            "ipAddr": "10.0.0.5",
            "port": {"$": 8080},
            "lastDirtyTimestamp": self.lease._dirty_ms,
        }
        return json.dumps({"instance": instance}).encode()

    def document(self, now_s: int, *notes: str) -> dict[str, Any]:
        """As the process makes it."""
        one = report.instance(self.instance, self.health, [(URL, self.lease)], now_s * 1_000)
        document = {"paused": self.paused, "notes": list(notes), "instances": [one]}
        return json.loads(json.dumps(document))  # type: ignore[no-any-return] # what a client gets

    def text(self, now_s: int, *notes: str) -> list[str]:
        """The sentences about it."""
        return report.sentences(self.document(now_s, *notes))


@pytest.fixture
def active_report() -> Shown:
    """The application is up and registered, since the tenth second."""
    found = Shown()
    found.check(10, ok=True)
    found.ask(10)
    return found


def test_document_has_all_times_relative_to_now(active_report: Shown) -> None:
    """Its clock means nothing to who asks; programs read it by `-o json`."""
    assert active_report.document(15)["instances"] == [
        {
            "app": "orders",
            "id": "orders-1",
            "address": "10.0.0.5",
            "port": 8080,
            "application": {
                "status": "UP",
                "sinceMs": 5_000,
                "reason": "127.0.0.1:8080 answered 200",
            },
            "notes": [],
            "registries": [
                {
                    "url": URL,
                    "state": "registered",
                    "settled": True,
                    "status": "UP",
                    "sinceMs": 5_000,
                    "renewedMs": 5_000,
                    "endsMs": 85_000,
                    "shown": "UP",
                    "override": "UNKNOWN",
                    "nextRequestMs": 10_000,
                }
            ],
        }
    ]


def test_all_is_well(active_report: Shown) -> None:
    """The line for clients is the answer; the others say what it follows from."""
    assert active_report.text(15) == [
        HEAD,
        "  clients      find it",
        "  application  UP for 5 s: 127.0.0.1:8080 answered 200",
        f"  registry     {URL}  registered as UP for 5 s, last renewal 5 s ago",
    ]


def test_application_that_is_not_ready_yet() -> None:
    """The registry knows it already, and gives it to nobody."""
    shown = Shown()
    shown.check(3, ok=False)
    shown.ask(3)

    assert shown.text(10) == [
        HEAD,
        "  clients      do not find it: the application is not ready yet",
        "  application  STARTING for 10 s: 127.0.0.1:8080 refuses connections",
        f"  registry     {URL}  registered as STARTING for 7 s, last renewal 7 s ago",
    ]


def test_application_that_fails(active_report: Shown) -> None:
    """Until the registry is told, clients get it; who looks in between must not be misled."""
    for second in (20, 21, 22):
        active_report.check(second, ok=False)
    assert active_report.text(22)[1:3] == [
        "  clients      still find it: the registry will be told in a moment",
        "  application  DOWN for 0 s: 127.0.0.1:8080 refuses connections",
    ]

    active_report.ask(22)
    assert (
        active_report.text(23)[1] == "  clients      do not find it: the application is not healthy"
    )
    assert "registered as DOWN" in active_report.text(23)[3]


def test_registry_that_does_not_answer_from_the_start() -> None:
    """The reason, its code to search for, and when it is tried again."""
    shown = Shown()
    shown.check(1, ok=True)
    shown.ask(1, UNREACHABLE)

    wait = shown.document(1)["instances"][0]["registries"][0]["nextRequestMs"] // 1_000
    assert shown.text(1) == [
        HEAD,
        "  clients      do not find it: no registry shows it as UP, for the reasons below",
        "  application  UP for 0 s: 127.0.0.1:8080 answered 200",
        f"  registry     {URL}  not registered; next attempt in {wait} s",
        "               eureka:8761 refuses connections (unreachable)",
    ]


@pytest.mark.parametrize(
    ("now_s", "line"),
    [
        (70, "               it is valid for 30 s more, unless it is renewed"),
        (101, "               it was not renewed in time: the registry may have dropped it"),
    ],
)
def test_registry_that_is_lost_later_keeps_it_for_a_while(
    active_report: Shown, now_s: int, line: str
) -> None:
    """At three in the morning the question is how long there is."""
    active_report.ask(26, UNREACHABLE)

    assert active_report.text(now_s)[1] == "  clients      find it"
    assert active_report.text(now_s)[-2:] == [
        "               eureka:8761 refuses connections (unreachable)",
        line,
    ]


def test_request_under_way_has_no_next_attempt() -> None:
    """There is nothing to wait for but the answer."""
    shown = Shown()
    assert shown.lease.next_request(1_000, 1)

    assert shown.text(1)[3] == f"  registry     {URL}  is being registered"


def test_paused_instance(active_report: Shown) -> None:
    """Whoever did it at noon is not who looks at night: what ends it stands there."""
    active_report.paused = True
    active_report.lease.pause()
    assert not report.is_settled(active_report.document(20))

    active_report.override = "OUT_OF_SERVICE"
    active_report.ask(20)
    assert report.is_settled(active_report.document(20))
    assert active_report.text(20)[1] == (
        "  clients      do not find it: it is paused; eureka-sidecar resume ends that"
    )
    assert (
        active_report.text(20)[-1]
        == "               it shows OUT_OF_SERVICE: the instance is paused"
    )


def test_override_by_others(active_report: Shown) -> None:
    """We did not pause it, so we say who did, and that it can be lifted."""
    active_report.override = "OUT_OF_SERVICE"
    active_report.ask(400)
    active_report.ask(400)

    assert active_report.text(400)[1] == (
        "  clients      do not find it: no registry shows it as UP, for the reasons below"
    )
    assert active_report.text(400)[-1] == (
        "               it shows OUT_OF_SERVICE: an operator has overridden the status;"
        " eureka-sidecar resume lifts that"
    )


def test_end_of_a_pause_that_is_not_confirmed_is_nobody_elses(active_report: Shown) -> None:
    """The registry has not answered yet: what it shows is our own pause."""
    active_report.override = "OUT_OF_SERVICE"
    active_report.lease.pause()
    active_report.ask(400)
    active_report.lease.resume()

    assert active_report.text(400)[-1] == (
        "               it shows OUT_OF_SERVICE: a change is under way"
    )


def test_removal(active_report: Shown) -> None:
    """`drain` waits for it, and its exit status says whether it is done."""
    active_report.lease.close(20_000)
    assert active_report.text(20)[1] == "  clients      may still find it: it is being removed"
    assert active_report.text(20)[3] == f"  registry     {URL}  being removed; next attempt in 0 s"
    assert not report.is_removed(active_report.document(20))

    active_report.ask(20)
    assert active_report.text(20)[1] == "  clients      do not find it any more"
    assert active_report.text(20)[3] == f"  registry     {URL}  removed"
    assert report.is_removed(active_report.document(20))
    assert not report.is_held(active_report.document(20))


def test_one_registry_of_two(active_report: Shown) -> None:
    """Half of the clients find it: neither yes nor no would be true."""
    other = Shown()
    other.check(10, ok=True)
    other.ask(10, UNREACHABLE)
    pairs = [(URL, active_report.lease), ("http://b/", other.lease)]
    one = report.instance(ORDERS, active_report.health, pairs, 11_000)
    document = {"paused": False, "notes": [], "instances": [one]}

    assert report.sentences(document)[1] == (
        "  clients      find it in 1 of 2 registries only, for the reasons below"
    )
    assert not report.is_held(document)


def test_notes_of_the_instance_and_of_the_sidecar() -> None:
    """What cannot be done as it was wished must not be found out by reading logs."""
    shown = Shown(replace(ORDERS, port=0, secure_port=8443, notes=("the probe is a command",)))

    lines = shown.text(1, "http://eureka is not https")
    assert lines[0] == "orders at 10.0.0.5:8443, id orders-1"
    assert lines[3] == "  note         the probe is a command"
    assert lines[-1] == "note: http://eureka is not https"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "119 min"), (7_200, "2 h"),
        (172_799, "47 h"), (172_800, "2 days"),
    ],
)  # fmt: skip
def test_times_are_rounded_down_to_what_is_read_at_a_glance(seconds: int, text: str) -> None:
    """Nobody needs the seconds of two hours."""
    assert f"STARTING for {text}:" in Shown().text(seconds)[2]
