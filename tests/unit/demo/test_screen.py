"""What people see of the running demo."""

from __future__ import annotations

import io
from collections import Counter

from rich.console import Console

from demo.look import Calls, Look, Peer
from demo.screen import PlainScreen, picture

URL = "http://localhost:31234/"
ALIAS = "alias k=kubectl"
TRIES = (("k get pods", "what there is"),)
LOOK = Look(
    [Peer("peer1", "ready"), Peer("peer2", "connection refused", "unknown")],
    {"ORDERS": Counter(UP=2)},
    {"orders": Calls(12, 1), "billing": Calls(10, 0)},
)


def lines_of(*looks: Look) -> list[str]:
    """What a pipe gets."""
    out = io.StringIO()
    screen = PlainScreen(out, URL, ALIAS, TRIES)
    for look in looks:
        screen.show(look, 1.0)
    return out.getvalue().splitlines()


def test_pipe_gets_a_line_for_each_change() -> None:
    """Calls are told when they have doubled, so that a log does not grow."""
    more = Look(LOOK.peers, LOOK.instances, {"orders": Calls(13, 1), "billing": Calls(11, 0)})

    assert lines_of(LOOK, more, LOOK) == [
        f"dashboard: {URL}",
        f"in another terminal: {ALIAS}",
        "try: k get pods   (what there is)",
        "Ctrl-C removes all of it",
        "peer1: ready",
        "peer2: connection refused, unknown",
        "orders: 2 UP",
        "billing: not in Eureka",
        "orders: 12 calls of the other service, 1 failed",
        "billing: 10 calls of the other service, 0 failed",
    ]


def test_nothing_is_said_of_instances_while_no_peer_answers() -> None:
    """They need not be gone."""
    assert lines_of(Look())[4:] == ["no peer answers right now"]


def test_picture_has_peers_services_and_what_to_try() -> None:
    """On a terminal."""
    console = Console(file=io.StringIO(), width=100, force_terminal=True, record=True)

    console.print(picture(LOOK, 75.0, URL, ALIAS, TRIES))

    shown = console.export_text()
    for words in (
        URL,
        ALIAS,
        "up for 1:15",
        "peer2   connection refused",
        "2 UP",
        "k get pods",
        "Ctrl-C",
    ):
        assert words in shown
