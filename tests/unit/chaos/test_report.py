"""What a run shows."""

from __future__ import annotations

import json
from typing import Final

from e2e.chaos import report as reports
from e2e.chaos.invariants import Violation
from e2e.chaos.report import Outcome, Report
from e2e.chaos.schedule import Fault, Kind, Step

KILL: Final = Step(Fault(Kind.KILL, "peer2", 0.0), None, 3)
ROLL: Final = Step(Fault(Kind.ROLL, "", 0.0), Fault(Kind.LEADER, "", 0.0), 3)
CUT: Final = Step(Fault(Kind.CUT, "peer1", 9.0), None, 3)


def full() -> Report:
    """Three steps that were done, and one that could not be."""
    return Report(
        seed=7,
        minutes=5,
        finished=True,
        outcomes=[
            Outcome(KILL, 0.5, 4.0, 0, 0),
            Outcome(ROLL, 10.0, 31.26, 1, 0),
            Outcome(KILL, 50.0, 8.0, 0, 2),
            Outcome(CUT, 60.0, None, 0, 0, "peer1 and peer2 are both on node-2"),
        ],
        breaches=[Violation("12:00:00.000", "kill a container peer2", "it was lost")],
        memory_mib={"peer": [61.2, 80.0]},
        look_ups=100,
        retried=3,
    )


def test_line_of_a_step_says_what_it_has_cost() -> None:
    """Its beginning is there while it is under way."""
    line = reports.start(ROLL, 12.34) + reports.end(Outcome(ROLL, 12.34, 31.26, 1, 0))

    assert " ".join(line.split()) == (
        "12.3 s change the pods + kill the leader calm after 31.3 s, lost 1, failed 0"
    )


def test_line_of_a_step_that_was_not_possible_says_why() -> None:
    """It is left out, and everything after it is as the seed says."""
    assert reports.end(full().outcomes[-1]) == "  not done: peer1 and peer2 are both on node-2"


def test_table_has_a_line_for_each_kind() -> None:
    """What was not done is in none."""
    lines = [" ".join(line.split()) for line in reports.table(full())]

    assert lines == [
        "count median longest lost failed",
        "change the pods + kill the leader 1 31.3 s 31.3 s 1 0",
        "kill a container 2 6.0 s 8.0 s 0 2",
    ]


def test_last_lines_say_what_was_broken() -> None:
    """With the time and the fault, for whoever looks into logs."""
    assert list(reports.closing(full())) == [
        "seed 7: 100 look-ups, 3 of them answered by a second peer",
        "largest peer: 61 MiB at the first calm, 80 MiB at the last",
        "BROKEN 12:00:00.000 during kill a container peer2: it was lost",
    ]


def test_last_line_of_a_good_run_says_so() -> None:
    """Nobody has to look for what is not there."""
    assert list(reports.closing(Report(7, 5, finished=True)))[-1] == "Nothing was lost."


def test_last_line_of_a_run_that_was_broken_off_does_not_say_so() -> None:
    """What was not tried is not known."""
    assert list(reports.closing(Report(7, 5)))[-1] == "It ended before its time."


def test_document_has_everything() -> None:
    """For other programs."""
    document = json.loads(json.dumps(full().document))

    assert document["seed"] == 7
    assert [each["title"] for each in document["steps"]][:2] == [
        "kill a container peer2",
        "change the pods + kill the leader",
    ]
    assert document["steps"][-1]["calmS"] is None
    assert document["kinds"]["kill a container"] == {
        "count": 2,
        "medianS": 6.0,
        "longestS": 8.0,
        "lost": 0,
        "failed": 2,
    }
    assert document["breaches"][0]["what"] == "it was lost"
