from __future__ import annotations

import pytest

from eureka_operator.core.desired.availability import disruption_budget
from unit.operator.core.builders import EVERYTHING, cluster
from unit.operator.core.desired import golden


def test_disruption_budget() -> None:
    """One peer at a time."""
    golden.check("disruptionbudget", disruption_budget(cluster()))


def test_disruption_budget_with_everything_set() -> None:
    """One over all zones."""
    golden.check("disruptionbudget-everything", disruption_budget(cluster(EVERYTHING)))


@pytest.mark.parametrize(
    "spec", [{"replicas": 0}, {"replicas": 1}, {"disruption": {"enabled": False}}]
)
def test_no_budget(spec: object) -> None:
    """One for a single peer would keep its node from ever being drained."""
    assert disruption_budget(cluster(spec)) is None


def test_two_peers_have_a_budget() -> None:
    """Else a drain of both their nodes would take both."""
    assert disruption_budget(cluster({"replicas": 2})) is not None
