"""What is said of the figures."""

from __future__ import annotations

import msgspec
import pytest

from eureka_registry.local.bench.figures import Latency, Phase
from eureka_registry.local.bench.report import Freshness, Remainder, Sight
from eureka_registry.local.bench.verdict import Weight, in_ms, verdict
from support.benchmarked import GOOD, HERE, QUICK, THERE

SLOW = Latency(9_000.0, 15_097.0, 15_097.0, 15_097.0)
LEFT = Remainder(
    3, "2026-01-01T00:01:30Z", "2026-01-01T00:03:00Z", "curl -X DELETE 'x'", "connection refused"
)


def phase(name: str = "renew", **changes: object) -> Phase:
    """A phase in which all went well."""
    return msgspec.structs.replace(GOOD.phases[0], name=name, **changes)


def sentences(**changes: object) -> list[str]:
    """The sentences on a good report with some changes."""
    return [each.text for each in verdict(msgspec.structs.replace(GOOD, **changes))]


def test_a_good_run_is_good_in_every_sentence() -> None:
    """Nothing yellow, nothing red."""
    sentences = verdict(GOOD)

    assert {each.weight for each in sentences} == {Weight.GOOD}
    assert [each.text for each in sentences] == [
        "Everything was answered as it should be; 10 renewals a second, p99 3.00 ms.",
        "A change is readable at the server that took it after 1.00 ms (p50; p99 3.00 ms).",
        f"A change is readable at {THERE} after 1.00 ms (p50; p99 3.00 ms).",
        (
            "Lists are not stale: the first one fetched after a change showed it (5 of 5), "
            "after 1.00 ms (p50; p99 3.00 ms)."
        ),
        "All instances of EUREKA-BENCH-0A1B are removed.",
    ]
    assert GOOD.passed


@pytest.mark.parametrize(
    "changes",
    [
        {"phases": [phase(errors=1)]},
        {"sight": [Sight(THERE, 5, 1, QUICK)]},
        {"freshness": Freshness(5, 4, 1, QUICK)},
        {"left": LEFT},
        {"gave_up": "connection refused"},
        {"interrupted_by": "SIGINT"},
    ],
)
def test_a_run_has_not_passed_and_says_why(changes: dict[str, object]) -> None:
    """Exit code 1, and a red sentence."""
    report = msgspec.structs.replace(GOOD, **changes)

    assert not report.passed
    assert Weight.BAD in {each.weight for each in verdict(report)}


def test_a_list_that_lags_is_named_with_its_likely_cause() -> None:
    """Not an error: it is how Netflix's servers are meant to work."""
    report = msgspec.structs.replace(GOOD, freshness=Freshness(4, 1, 0, SLOW))

    text = next(each.text for each in verdict(report) if each.weight is Weight.NOTE)

    assert "did not show it (3 of 4); the slowest change took 15.1 s" in text
    assert "A cache of answers is in the way" in text
    assert report.passed


def test_errors_are_told_by_what_was_answered() -> None:
    """The reason decides what to do; good answers are no news."""
    answers = {"200": 7, "connection refused": 2, "500": 1}

    first = sentences(phases=[phase(count=10, errors=3, answers=answers)])[0]

    assert first == ("renew: 3 of 10 not answered as they should: connection refused (2), 500 (1).")


def test_peers_that_never_agree_are_a_warning() -> None:
    """And what the other one holds is not ours to remove."""
    text = "\n".join(sentences(sight=[Sight(HERE, 1, 0, QUICK), Sight(THERE, 1, 1, None)]))

    assert f"The servers do not agree. A change was not readable at {THERE} within 45 s" in text
    assert "may stay there until its leases end" in text


def test_a_generator_at_its_limit_is_admitted() -> None:
    """Otherwise its own figures are taken for the server's."""
    text = "\n".join(sentences(phases=[phase(), phase("list", generator_share=0.99)]))

    assert "This program itself was the limit in: list." in text


def test_what_is_left_is_told_with_its_end() -> None:
    """Somebody has to clean up, or to know that nobody has to."""
    last = sentences(left=LEFT)[-1]

    assert last.startswith("3 of our instances could not be removed (connection refused).")
    assert "2026-01-01T00:01:30Z at the latest" in last
    assert "Netflix's servers at 2026-01-01T00:03:00Z" in last


def test_registrations_without_an_answer_are_mentioned() -> None:
    """They were cancelled, but may be carried out after that."""
    lost = phase("register", errors=1, answers={"204": 9, "no answer within 8 s": 1})

    assert any("never answered" in each for each in sentences(phases=[lost]))
    assert not any("never answered" in each for each in sentences(phases=[phase("register")]))


@pytest.mark.parametrize(
    ("value", "shown"), [(0.123, "0.12"), (1.0, "1.00"), (12.34, "12.3"), (15_097.2, "15,097")]
)
def test_times_have_three_figures(value: float, shown: str) -> None:
    """More are noise."""
    assert in_ms(value) == shown
