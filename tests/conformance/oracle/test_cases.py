"""The written cases, each sent to a real Java server and to one of our peers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from conformance.java.server import ALONE, LIVE, JavaServer, server_jar
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
from conformance.oracle.servers import Answer
from conformance.realclient import not_run
from processes.cluster import Cluster
from support.builds import NotBuiltError

TIER: Final = "conformance with a Java server"
CASES: Final = cases()
DIFFERENCES: Final = differences()
RESTORED: Final = [
    case for case in CASES if any(DIFFERENCES[why].setting for why in case.differences)
]
PATIENT: Final = {"eviction_interval_s": 60.0}
"""Nothing ends by itself."""


@pytest.fixture(scope="module")
def java() -> Iterator[int]:
    """The port of a Java server that shows at once what was written."""
    try:
        jar = server_jar()
    except NotBuiltError as error:
        not_run(TIER, str(error))
    with JavaServer(jar, {**ALONE, **LIVE}) as server:
        server.start()
        server.ready()
        yield server.port


@pytest.fixture(scope="module")
def ours() -> Iterator[int]:
    """The port of a peer of ours as it comes."""
    with Cluster(size=1, **PATIENT) as cluster:
        yield cluster.start().peers[0].port


@pytest.fixture(scope="module")
def ours_as_java() -> Iterator[int]:
    """The port of a peer of ours with every setting that brings Java's way back."""
    settings = {
        name: value for each in DIFFERENCES.values() for name, value in each.setting.items()
    }
    with Cluster(size=1, **PATIENT, **settings) as cluster:
        yield cluster.start().peers[0].port


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number} {case.says}")
def test_both_answer_as_written(java: int, ours: int, case: Case) -> None:
    """What the page says is true of Java, and of us, and the documents are the same."""
    clear(java)
    clear(ours)

    for (step, theirs), (_, own) in zip(play(case, java), play(case, ours), strict=True):
        _holds(step, step.java, theirs, case, "Java")
        _holds(step, step.ours, own, case, "ours")
        if step.java == step.ours:
            _compare(step, _of_case(theirs, case), _of_case(own, case))


@pytest.mark.parametrize("case", RESTORED, ids=lambda case: f"{case.number} {case.says}")
def test_settings_bring_javas_way_back(java: int, ours_as_java: int, case: Case) -> None:
    """Where a difference has a setting, nothing of it is left with the setting."""
    clear(java)
    clear(ours_as_java)

    for (step, theirs), (_, own) in zip(play(case, java), play(case, ours_as_java), strict=True):
        assert _of_case(own, case) == _of_case(theirs, case), step


def test_every_difference_is_shown_by_a_case() -> None:
    """A reason nobody needs is no reason."""
    shown = {why for case in CASES for why in case.differences}

    assert shown == set(DIFFERENCES)


def _holds(step: Step, expected: Expected, answer: Answer, case: Case, whose: str) -> None:
    assert answer.status == expected.status, (whose, step, answer)
    if expected.text is not None:
        assert answer.content == expected.text, (whose, step)
    if step.has is not None:
        wrong = missing(step.has, _of_case(answer, case).content)
        assert wrong is None, (whose, wrong, step, answer.content)


def _compare(step: Step, theirs: Answer, ours: Answer) -> None:
    if theirs.status >= 300:
        return
    if step.unlike:
        assert ours != theirs, "no longer different: take it off the list"
    else:
        assert ours == theirs, step


def _of_case(answer: Answer, case: Case) -> Answer:
    """An answer without what earlier cases left in the delta."""
    content = answer.content
    if answer.status >= 300:
        return answer._replace(content=None)
    if isinstance(content, dict) and "applications" in content:
        kept = _kept(content["applications"]["application"], case, lambda each: each["name"])
        content = {"applications": {**content["applications"], "application": kept}}
    elif isinstance(content, list) and content[0] == "applications":
        kept = [each for each in content[3] if each[0] != "application"]
        apps = [each for each in content[3] if each[0] == "application"]
        content = [*content[:3], kept + _kept(apps, case, _name_of)]
    return answer._replace(content=content)


def _kept(applications: list[Any], case: Case, name: Callable[[Any], str]) -> list[Any]:
    return [each for each in applications if name(each) in {f"C{case.number}", f"B{case.number}"}]


def _name_of(application: list[Any]) -> str:
    return str(next(child[2] for child in application[3] if child[0] == "name"))
