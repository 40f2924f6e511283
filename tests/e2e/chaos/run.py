"""A run: faults of a schedule one after the other, each followed by calm, under clients."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from cluster.plan import Plan
from e2e.chaos import report as reports
from e2e.chaos.actions import Actions, Mended, NotPossibleError
from e2e.chaos.crowd import ClientReport, ClientState, clients
from e2e.chaos.invariants import growth
from e2e.chaos.report import Outcome, Report
from e2e.chaos.schedule import Step, kinds, steps
from e2e.chaos.watch import Watch
from e2e.operator.ekc import EkcCluster
from e2e.operator.installed import Operator

LEASES: Final = 1_000
REPLICAS: Final = 3
DEADLINE_S: Final = 120
"""Of a peer that is updated: a busy machine may start it slowly, which is no fault of its image."""
SPEC: Final = {
    "replicas": REPLICAS,
    "updates": {"settleSeconds": 5, "progressDeadlineSeconds": DEADLINE_S},
}
CALM_S: Final = 300.0
"""It takes seconds; a busy machine, and a node that is back after it was lost, take their time."""
_POLL_S: Final = 0.5

Say = Callable[[str, str], None]
"""Is given a text and what ends it."""


@dataclass(frozen=True)
class ChaosTarget:
    """What meets the faults."""

    plan: Plan
    cluster: EkcCluster
    operator: Operator


class UnsettledError(Exception):
    """It does not become calm; the sentence says what is missing."""


class Run:
    """A run of a schedule."""

    def __init__(self, scene: ChaosTarget, report: Report, say: Say) -> None:
        self._report = report
        self._say = say
        self._actions = Actions(scene.plan, scene.cluster, scene.operator)
        self._watch = Watch(
            scene.plan, scene.cluster, scene.operator, lambda: self._actions.victims
        )
        self._scene = scene
        self._begin = 0.0

    def carry_out(self) -> None:
        """Do what the report's seed says for as long as it says, and write what was found into it.

        The cluster is not there before.
        """
        self._watch.wanted, self._watch.fault = REPLICAS, "the start"
        self._scene.cluster.start(SPEC)
        with clients(self._scene.plan, self._scene.cluster, LEASES) as crowd, self._watch.looking():
            try:
                self._meet_faults(crowd)
                self._report.finished = True
            except UnsettledError as error:
                self._watch.broken(str(error))
            finally:
                self._report.breaches = self._watch.breaches
                seen = crowd.report
                self._report.look_ups, self._report.retried = seen.look_ups, seen.retried
                self._report.stalled = seen.stalled

    def _meet_faults(self, crowd: ClientState) -> None:
        self._wait_calm(crowd, [])
        first = self._watch.memory_mib
        self._begin = time.monotonic()
        for step in steps(self._report.seed, kinds(self._report.minutes), REPLICAS):
            if self._now_s > 60 * self._report.minutes:
                break
            self._take(step, crowd)
        last = self._watch.memory_mib
        for what, before in first.items():
            self._report.memory_mib[what] = [max(before.values()), max(last[what].values())]
            for sentence in growth(before, last[what]):
                self._watch.broken(sentence)

    @property
    def _now_s(self) -> float:
        return time.monotonic() - self._begin

    def _take(self, step: Step, crowd: ClientState) -> None:
        """Do a step and wait until all is well again."""
        before, began_s = crowd.report, self._now_s
        self._watch.wanted, self._watch.fault = step.replicas, step.title
        self._say(reports.start(step, began_s), "")
        calm_s, why_not = None, ""
        try:
            calm_s = self._inject_fault(step, crowd)
        except NotPossibleError as error:
            why_not = str(error)
        self._actions.victims = frozenset()
        after = crowd.report
        lost, failed = after.lost - before.lost, after.failed - before.failed
        outcome = Outcome(step, began_s, calm_s, lost, failed, why_not)
        self._report.outcomes.append(outcome)
        self._say(reports.end(outcome), "\n")
        self._note_cost(before, after)

    def _inject_fault(self, step: Step, crowd: ClientState) -> float:
        """Seconds from the end of the faults until all is well."""
        mended: list[Mended] = []
        with self._actions.doing(step.fault) as main:
            mended.append(main)
            with ExitStack() as meanwhile:
                if step.beside is not None:
                    mended.append(meanwhile.enter_context(self._actions.doing(step.beside)))
                    time.sleep(step.beside.span_s)
            time.sleep(step.fault.span_s)
        begin = time.monotonic()
        self._wait_calm(crowd, mended)
        return time.monotonic() - begin

    def _wait_calm(self, crowd: ClientState, mended: list[Mended]) -> None:
        end = time.monotonic() + CALM_S
        while True:
            unrest = self._unrest(crowd, mended)
            if not unrest:
                return
            if time.monotonic() > end:
                raise UnsettledError(f"not calm after {CALM_S:g} s: {'; '.join(unrest)}")
            time.sleep(_POLL_S)

    def _unrest(self, crowd: ClientState, mended: list[Mended]) -> list[str]:
        try:
            if not all(each() for each in mended):
                return ["what was broken is not mended"]
        except AssertionError as error:  # of a kubectl: the API server may be busy
            return [str(error)]
        complete = crowd.report.complete
        wanted = [f"peer{number}" for number in range(1, self._watch.wanted + 1)]
        lacking = [name for name in wanted if not complete.get(name)]
        return [f"{', '.join(lacking)} do not list all leases"] if lacking else self._watch.unrest

    def _note_cost(self, before: ClientReport, after: ClientReport) -> None:
        """Say of the last step what it has cost."""
        for each in after.losses[len(before.losses) :]:
            self._watch.broken(f"the lease of {each['id']} was lost at {each['at']}: {each}")
        for failure in after.failures[len(before.failures) :]:
            self._watch.broken(f"a look-up failed at {failure['at']}: {failure['said']}")
        if after.lost > before.lost and len(after.losses) == len(before.losses):
            self._watch.broken(f"{after.lost - before.lost} more leases were lost")
        if after.failed > before.failed and len(after.failures) == len(before.failures):
            self._watch.broken(f"{after.failed - before.failed} more look-ups failed")
