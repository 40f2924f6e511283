"""The written cases, each sent to a real Java server and to one of our peers."""

from __future__ import annotations

from typing import Final

import pytest

from conformance.oracle.cases import (
    Case,
    Expected,
    Step,
    cases,
    clear,
    differences,
    missing,
    play,
)
from conformance.oracle.servers import Answer, of_applications

CASES: Final = cases()
DIFFERENCES: Final = differences()
RESTORED: Final = [
    case for case in CASES if any(DIFFERENCES[why].setting for why in case.differences)
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number} {case.says}")
def test_both_answer_as_written(java: int, ours: int, case: Case) -> None:
    """What the page says is true of Java, and of us, and the documents are the same."""
    clear(java)
    clear(ours)

    for (step, theirs), (_, own) in zip(play(case, java), play(case, ours), strict=True):
        _holds(step, step.java, theirs, case, "Java")
        _holds(step, step.ours, own, case, "ours")
        if step.java == step.ours:
            _compare(
                step,
                of_applications(theirs, case.applications),
                of_applications(own, case.applications),
            )


@pytest.mark.parametrize("case", RESTORED, ids=lambda case: f"{case.number} {case.says}")
def test_settings_bring_javas_way_back(java: int, ours_as_java: int, case: Case) -> None:
    """Where a difference has a setting, nothing of it is left with the setting."""
    clear(java)
    clear(ours_as_java)

    for (step, theirs), (_, own) in zip(play(case, java), play(case, ours_as_java), strict=True):
        assert of_applications(own, case.applications) == of_applications(
            theirs, case.applications
        ), step


def test_every_difference_is_shown_by_a_case() -> None:
    """A reason nobody needs is no reason."""
    shown = {why for case in CASES for why in case.differences}

    assert shown == set(DIFFERENCES)


def _holds(step: Step, expected: Expected, answer: Answer, case: Case, whose: str) -> None:
    assert answer.status == expected.status, (whose, step, answer)
    if expected.text is not None:
        assert answer.content == expected.text, (whose, step)
    if step.has is not None:
        wrong = missing(step.has, of_applications(answer, case.applications).content)
        assert wrong is None, (whose, wrong, step, answer.content)


def _compare(step: Step, theirs: Answer, ours: Answer) -> None:
    if theirs.status >= 300:
        return
    if step.unlike:
        assert ours != theirs, "no longer different: take it off the list"
    else:
        assert ours == theirs, step
