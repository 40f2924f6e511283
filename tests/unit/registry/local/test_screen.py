"""How `up` shows itself: what a person reads, and what a program reads."""

from __future__ import annotations

import io
import json
from collections import Counter

from rich.console import Console

from eureka_registry.config.settings import Settings
from eureka_registry.local.screen import (
    JsonScreen,
    LiveScreen,
    PlainScreen,
    application_table,
    is_worth_showing,
    peer_table,
)
from eureka_registry.local.sight import Edge, Overview, Sight

PEERS = [Settings(name="peer1", port=8761, management_port=9761), Settings(name="peer2", port=8762)]
SEEN = Sight(
    "peer1",
    "ready",
    3,
    "UP_3_",
    {"A": "1"},
    [Edge("peer2", available=True, lag_ms=2, backlog=0, agreement="agreed")],
)
WHY = "connection refused for 3 s, next try in 1 s"
AWAY = Edge("peer1", available=False, lag_ms=0, backlog=7, agreement="unknown", why=WHY)


def overview(second: Sight) -> Overview:
    """Two peers, the first one ready."""
    return Overview([SEEN, second], {"ORDERS": Counter(UP=2, DOWN=1), "EUREKA": Counter(UP=2)})


def terminal_text(renderable: object) -> str:
    """What a terminal would show."""
    console = Console(file=io.StringIO(), width=120)
    console.print(renderable)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_peers_are_shown_with_how_they_see_each_other() -> None:
    """That two peers do not reach each other is what the table is for."""
    text = terminal_text(
        peer_table(PEERS, overview(Sight("peer2", "ready", 3, "UP_3_", {}, [AWAY])))
    )

    assert "http://127.0.0.1:8761/" in text
    assert "peer2: agreed, lag 2 ms" in text
    assert "peer1: connection refused for 3 s, next try in 1 s" in text


def test_a_peer_that_is_down_has_no_number_of_instances() -> None:
    """0 would say that it is there and holds nothing."""
    text = terminal_text(peer_table(PEERS, overview(Sight("peer2", "down"))))

    assert [line.split()[-2:] for line in text.splitlines() if "peer2 " in line][-1] == [
        "http://127.0.0.1:8762/",
        "8763",
    ]


def test_applications_are_shown_by_size() -> None:
    """The largest first: of hundreds only some fit."""
    lines = terminal_text(application_table(overview(SEEN))).splitlines()

    assert [line.split() for line in lines[3:5]] == [
        ["ORDERS", "1", "DOWN,", "2", "UP"],
        ["EUREKA", "2", "UP"],
    ]


def test_many_applications_are_summed_up() -> None:
    """A table longer than the terminal shows nothing."""
    many = {f"APP{n}": Counter(UP=1) for n in range(40)}

    assert "25 more" in terminal_text(application_table(Overview([SEEN], many)))


def test_agreement_needs_all_peers_ready_and_alike() -> None:
    """Two peers that are both empty of something agree; one that is away does not."""
    same = Sight("peer2", "ready", 3, "UP_3_", {"A": "1"})
    other = Sight("peer2", "ready", 3, "UP_3_", {"A": "2"})

    agreed = [overview(second).agreed for second in (same, other, Sight("peer2", "down"))]

    assert agreed == [True, False, False]


def test_piped_output_has_a_line_for_each_change_only() -> None:
    """A log of the same table every second is read by nobody."""
    out = io.StringIO()
    screen = PlainScreen(out)
    screen.begin(PEERS, ["a note"])
    screen.overview(overview(Sight("peer2", "starting")))
    screen.overview(overview(Sight("peer2", "starting")))
    screen.overview(overview(Sight("peer2", "ready", 1, "UP_1_", {"A": "1"})))
    screen.event("peer2", "was ended by SIGKILL; restarting in 0.5 s")
    screen.log("peer2", "2026 INFO    all is well")
    screen.log("peer2", "2026 WARNING peer unavailable")
    screen.end("all peers stopped")

    lines = out.getvalue().splitlines()
    assert lines[0] == "a note"
    assert lines[4:] == [
        "peer1: ready, 3 instances",
        "peer2: starting",
        "peer2: ready, 1 instance",
        "all peers agree",
        "peer2 was ended by SIGKILL; restarting in 0.5 s",
        "peer2 | 2026 WARNING peer unavailable",
        "all peers stopped",
    ]


def test_programs_get_one_object_a_line() -> None:
    """And again only what has changed."""
    out = io.StringIO()
    screen = JsonScreen(out)
    screen.begin(PEERS, [])
    screen.overview(overview(Sight("peer2", "down")))
    screen.overview(overview(Sight("peer2", "down")))
    screen.event("peer2", "ended with exit code 1; not restarted")
    screen.log("peer2", "a line")
    screen.end("no peer is running any more")

    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["begin", "overview", "peer", "log", "end"]
    assert events[0]["peers"][1]["serviceUrl"] == "http://127.0.0.1:8762/eureka/"
    assert [peer["stage"] for peer in events[1]["peers"]] == ["ready", "down"]


def test_last_picture_stays_on_the_terminal() -> None:
    """Whoever stopped it wants to see how it was; markup in names is text."""
    console = Console(file=io.StringIO(), width=120, force_terminal=False)
    screen = LiveScreen(console)
    screen.begin(PEERS, ["[bold]a note[/bold]"])
    screen.overview(overview(Sight("peer2", "not answering")))
    screen.event("peer2", "was ended by SIGKILL")
    screen.log("peer2", "WARNING slow")
    screen.end("all peers stopped")

    file = console.file
    assert isinstance(file, io.StringIO)
    text = file.getvalue()
    assert "[bold]a note[/bold]" in text
    assert "not answering" in text
    assert "peer2 | WARNING slow" in text
    assert text.rstrip().endswith("all peers stopped")


def test_tracebacks_are_worth_showing() -> None:
    """A line without a level is part of something worse."""
    lines = ["2026 INFO    x", '{"level": "INFO"}', "Traceback (most recent call last):"]

    assert [is_worth_showing(line) for line in lines] == [False, False, True]
