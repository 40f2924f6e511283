"""What a run shows: a line for each step, a table of the kinds of fault, a JSON document. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from e2e.chaos.invariants import Violation
from e2e.chaos.schedule import Step

_TITLE: Final = 46
"""The longest title of a step is about as long."""


@dataclass(frozen=True)
class Outcome:
    """What one step has cost."""

    step: Step
    began_s: float
    """Since the start of the run."""
    calm_s: float | None
    """From its end until all is well again; `None`: it could not be done, see `why_not`."""
    lost: int
    failed: int
    why_not: str = ""


@dataclass
class Report:
    """What a run has found."""

    seed: int
    minutes: float
    finished: bool = False
    """Whether nothing has ended it before its time."""
    outcomes: list[Outcome] = field(default_factory=list)
    breaches: list[Violation] = field(default_factory=list)
    memory_mib: dict[str, list[float]] = field(default_factory=dict)
    """Of peers and operator: the largest process at the first and at the last calm."""
    look_ups: int = 0
    retried: int = 0
    """Look-ups that a second peer answered."""
    stalled: int = 0
    """Look-ups that failed while the clients' own process stood still; they tell nothing."""

    @property
    def kinds(self) -> dict[str, dict[str, Any]]:
        """What each kind of fault has cost; two kinds at once are a kind of their own."""
        found: dict[str, list[Outcome]] = {}
        for each in self.outcomes:
            if each.calm_s is not None:
                found.setdefault(_kind(each.step), []).append(each)
        return {kind: _costs(found[kind]) for kind in sorted(found)}

    @property
    def document(self) -> dict[str, Any]:
        """All of it."""
        return {
            "seed": self.seed,
            "minutes": self.minutes,
            "finished": self.finished,
            "steps": [_step(each) for each in self.outcomes],
            "kinds": self.kinds,
            "breaches": [asdict(each) for each in self.breaches],
            "memoryMiB": self.memory_mib,
            "lookUps": self.look_ups,
            "retried": self.retried,
            "stalled": self.stalled,
        }


def start(step: Step, began_s: float) -> str:
    """The beginning of a step's line, as long as it is under way."""
    return f"{began_s:7.1f} s  {step.title:<{_TITLE}}"


def end(outcome: Outcome) -> str:
    """The rest of its line."""
    if outcome.calm_s is None:
        return f"  not done: {outcome.why_not}"
    return f"  calm after {outcome.calm_s:5.1f} s, lost {outcome.lost}, failed {outcome.failed}"


def table(report: Report) -> Iterable[str]:
    """Lines of a table: what each kind of fault has cost."""
    yield f"{'':<{_TITLE}}  count  median  longest  lost  failed"
    for kind, costs in report.kinds.items():
        yield (
            f"{kind:<{_TITLE}}  {costs['count']:5}  {costs['medianS']:4.1f} s  "
            f"{costs['longestS']:5.1f} s  {costs['lost']:4}  {costs['failed']:6}"
        )


def closing(report: Report) -> Iterable[str]:
    """The last lines."""
    said = f"{report.look_ups} look-ups, {report.retried} of them answered by a second peer"
    yield f"seed {report.seed}: {said}"
    if report.stalled:
        yield f"{report.stalled} look-ups do not count: the clients' process stood still meanwhile"
    for what, (first, last) in report.memory_mib.items():
        yield f"largest {what}: {first:.0f} MiB at the first calm, {last:.0f} MiB at the last"
    for breach in report.breaches:
        yield f"BROKEN {breach}"
    if not report.finished:
        yield "It ended before its time."
    elif not report.breaches:
        yield "Nothing was lost."


def _kind(step: Step) -> str:
    return f"{step.fault.kind} + {step.beside.kind}" if step.beside else str(step.fault.kind)


def _costs(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    seconds = [each.calm_s for each in outcomes if each.calm_s is not None]
    return {
        "count": len(outcomes),
        "medianS": round(statistics.median(seconds), 1),
        "longestS": round(max(seconds), 1),
        "lost": sum(each.lost for each in outcomes),
        "failed": sum(each.failed for each in outcomes),
    }


def _step(outcome: Outcome) -> dict[str, Any]:
    return {
        "atS": round(outcome.began_s, 1),
        "title": outcome.step.title,
        "replicas": outcome.step.replicas,
        "calmS": None if outcome.calm_s is None else round(outcome.calm_s, 1),
        "lost": outcome.lost,
        "failed": outcome.failed,
        "whyNot": outcome.why_not,
    }
