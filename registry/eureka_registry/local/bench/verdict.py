"""Says in sentences what a report means.

None of them has a threshold of its own: a list is stale if the first one fetched after a change
does not show it, peers disagree if a change is never seen, and whether a latency is a good one is
for the reader to say. The one exception gives its reason.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec

from eureka_registry.local.bench.figures import Latency, Phase
from eureka_registry.local.bench.plan import SILENCE_S
from eureka_registry.local.bench.report import Remainder, Report

_FULL_SHARE: Final = 0.9
"""A program of one thread can use one core. Above this share, what it waits for is itself: 0.95 is
what was measured with a server that had a core to spare (docs/benchmarking.md)."""

_TROUBLES: Final = 3


class Weight(Enum):
    """The importance of a sentence."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


class Sentence(msgspec.Struct, frozen=True):
    """One sentence of the verdict."""

    weight: Weight
    text: str


def verdict(report: Report) -> list[Sentence]:
    """All sentences, failures first."""
    sentences = [
        _interruption_sentence(report),
        *map(_errors, report.phases),
        _renewal_sentence(report),
        *(_visibility_sentence(report, place) for place in range(len(report.sight))),
        _fresh(report),
        *(Sentence(Weight.NOTE, note) for note in report.notes),
        _own_limit(report.phases),
        _removal_sentence(report),
        _uncertain(report),
    ]
    return [sentence for sentence in sentences if sentence is not None]


def in_ms(value: float) -> str:
    """Milliseconds with three significant figures."""
    if value >= 100:  # noqa: PLR2004
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004


def remainder_sentence(remainder: Remainder) -> str:
    """The sentence on instances that are left, and until when."""
    return (
        f"{remainder.instances:,} of our instances could not be removed ({remainder.why}). Their"
        f" leases end at {remainder.until} at the latest, at one of Netflix's servers at"
        f" {remainder.until_netflix} and "
        f"up to a minute later; a server in self-preservation keeps them."
    )


def _interruption_sentence(report: Report) -> Sentence | None:
    if report.interrupted_by:
        text = f"Interrupted by {report.interrupted_by}: the figures are of the time until then."
        return Sentence(Weight.BAD, text)
    if report.gave_up:
        text = (
            f"Given up: {report.urls[0]} answered nothing for {SILENCE_S:g} s ({report.gave_up}). "
            f"The figures are of the time until then."
        )
        return Sentence(Weight.BAD, text)
    return None


def _errors(phase: Phase) -> Sentence | None:
    if not phase.errors:
        return None
    answers = [f"{words} ({count:,})" for words, count in phase.answers.items() if words[0] != "2"]
    shown = ", ".join(answers[:_TROUBLES])
    text = (
        f"{phase.name}: {phase.errors:,} of {phase.count:,} not answered as they should: {shown}."
    )
    return Sentence(Weight.BAD, text)


def _renewal_sentence(report: Report) -> Sentence | None:
    """The sentence on renewals, the most frequent request of every registry."""
    if any(phase.errors for phase in report.phases):
        return None
    renewals = next((phase for phase in report.phases if phase.name == "renew"), None)
    if renewals is None or renewals.latency_ms is None:
        return None
    text = (
        f"Everything was answered as it should be; {renewals.per_second:,.0f} renewals a second, "
        f"p99 {in_ms(renewals.latency_ms.p99)} ms."
    )
    return Sentence(Weight.GOOD, text)


def _visibility_sentence(report: Report, place: int) -> Sentence | None:
    sight, own = report.sight[place], place == 0
    where = "the server that took it" if own else sight.url
    if sight.unseen:
        again = "" if own else "; what it holds of ours may stay there until its leases end"
        text = f"A change was not readable at {where} within {report.patience_s:g} s{again}."
        if not own:
            text = f"The servers do not agree. {text}"
        return Sentence(Weight.BAD, text)
    if sight.after_ms is None:
        return None
    text = f"A change is readable at {where} after {_after(sight.after_ms)}."
    return Sentence(Weight.GOOD, text)


def _fresh(report: Report) -> Sentence | None:
    freshness = report.freshness
    if freshness is None or not freshness.changes:
        return None
    of = f"{freshness.changes:,}"
    if freshness.after_ms is None or freshness.unseen:
        missed = f"{freshness.unseen:,} of {of} changes"
        text = f"{missed} were not in the list within {report.patience_s:g} s."
        return Sentence(Weight.BAD, text)
    if freshness.at_once == freshness.changes:
        text = (
            f"Lists are not stale: the first one fetched after a change showed it ({of} of "
            f"{of}), after {_after(freshness.after_ms)}."
        )
        return Sentence(Weight.GOOD, text)
    text = (
        f"Lists are stale: the first one fetched after a change did not show it "
        f"({freshness.changes - freshness.at_once:,} of {of}); the slowest change took "
        f"{freshness.after_ms.max / 1000:,.1f} s. A cache of answers is in the way; Netflix's "
        f"servers renew theirs every 30 s (use-read-only-response-cache: false switches it off)."
    )
    return Sentence(Weight.NOTE, text)


def _own_limit(phases: list[Phase]) -> Sentence | None:
    full = [phase.name for phase in phases if phase.generator_share >= _FULL_SHARE]
    if not full:
        return None
    text = (
        f"This program itself was the limit in: {', '.join(full)}. It used a whole core; the "
        f"server can do more than is shown, and answers sooner."
    )
    return Sentence(Weight.NOTE, text)


def _removal_sentence(report: Report) -> Sentence:
    if report.left is not None:
        return Sentence(Weight.BAD, remainder_sentence(report.left))
    return Sentence(Weight.GOOD, f"All instances of {report.application} are removed.")


def _uncertain(report: Report) -> Sentence | None:
    """The sentence on registrations without an answer: they may be carried out after the run."""
    if report.left is not None:
        return None
    for phase in report.phases:
        if phase.name == "register" and any(not word[0].isdigit() for word in phase.answers):
            text = (
                "Some registrations were never answered. Should the server still carry them out, "
                "these leases end by themselves."
            )
            return Sentence(Weight.NOTE, text)
    return None


def _after(latency: Latency) -> str:
    return f"{in_ms(latency.p50)} ms (p50; p99 {in_ms(latency.p99)} ms)"
