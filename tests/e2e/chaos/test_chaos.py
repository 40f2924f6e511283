"""Faults at random on three nodes, and what has to hold whatever happens.

The same schedule for half an hour: `make chaos`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.chaos.conftest import planned
from e2e.chaos.report import closing, table
from e2e.chaos.run import ChaosTarget, Run


@pytest.mark.long
def test_nothing_is_lost_whatever_happens(
    scene: ChaosTarget, pytestconfig: pytest.Config, record_property: Callable[[str, object], None]
) -> None:
    """No lease that was renewed, no look-up with one retry; and peers agree again after each fault.

    Never are two peers away by our doing, and memory stays as it was.
    """
    report = planned(pytestconfig)
    try:
        Run(scene, report, _say).carry_out()
    finally:
        for line in (*table(report), *closing(report)):
            _say(line, "\n")
        file: Path | None = pytestconfig.getoption("--json", None)
        if file is not None:
            file.write_text(json.dumps(report.document, indent=2))
    for kind, costs in report.kinds.items():
        seconds = f"calm again after {costs['medianS']} s, at most {costs['longestS']} s"
        record_property(f"chaos, {kind}", f"{costs['count']} times, {seconds}")
    assert report.breaches == []


def _say(text: str, end: str) -> None:
    print(text, end=end, flush=True)  # noqa: T201 - people watch it
