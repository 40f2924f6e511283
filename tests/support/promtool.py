"""Prometheus' own judgement of rules and queries, over series that real processes expose.

Each process is read twice. What changes between the two readings goes on at that pace, as a lag and
a counter do; what stays, stays.
"""

from __future__ import annotations

import json
import math
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cluster import parts
from cluster.errors import ClusterError
from conformance.realclient import not_run
from support.ownclusters import show_progress

MINUTES: Final = 90
"""How long each test of promtool's lasts: longer than any alert waits."""
_APART_S: Final = 0.2
_FIRING: Final = 'group by (alertname) (ALERTS{alertstate="firing"})'

Expose = Callable[[], str]
"""Reads a process's metrics."""


@dataclass(frozen=True)
class Source:
    """A process, and the labels that Prometheus gives to what it scrapes there."""

    labels: Mapping[str, str]
    expose: Expose


def promtool(config: pytest.Config) -> Path:
    """The program, built on the first use; skips where it cannot be, with the reason."""
    with show_progress(config):
        try:
            return parts.build(parts.promtool()) / "promtool"
        except ClusterError as error:
            not_run("alerts", f"promtool cannot be built: {error}")


def series(sources: Iterable[Source]) -> list[dict[str, str]]:
    """What promtool is given of processes as they are now."""
    read = [(each, time.monotonic(), _samples(each.expose())) for each in sources]
    time.sleep(_APART_S)
    found = []
    for source, begun, before in read:
        after, span_s = _samples(source.expose()), time.monotonic() - begun
        for key, value in after.items():
            if math.isfinite(value):
                name, labels = key
                pace = (value - before.get(key, value)) * 60 / span_s
                found.append(
                    {
                        "series": _name(name, labels, source.labels),
                        "values": f"{value:.6f}{pace:+.6f}x{MINUTES}",
                    }
                )
    return found


def check_firing(
    program: Path, rules: Path, given: Sequence[Mapping[str, str]], wanted: Iterable[str]
) -> None:
    """Insist that exactly these alerts fire in the end."""
    expected = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in wanted]
    _check(program, rules, given, [{"expr": _FIRING, "exp_samples": expected}])


def check_have_data(
    program: Path, rules: Path, given: Sequence[Mapping[str, str]], queries: Iterable[str]
) -> None:
    """Insist that each query can be read by Prometheus, and finds something."""
    tests = [{"expr": f"absent({query})", "exp_samples": []} for query in queries]
    _check(program, rules, given, tests)


def _check(
    program: Path, rules: Path, given: Sequence[Mapping[str, str]], tests: list[dict[str, Any]]
) -> None:
    end = f"{MINUTES - 1}m"
    document = {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "start_timestamp": str(int(time.time())),
                "input_series": [*given],
                "promql_expr_test": [{"eval_time": end, **each} for each in tests],
            }
        ],
    }
    done = subprocess.run(
        [str(program), "test", "rules", "/dev/stdin"],
        input=json.dumps(document),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): float(sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _name(name: str, own: Iterable[tuple[str, str]], target: Mapping[str, str]) -> str:
    """A series as Prometheus names it: where labels clash, the process's is `exported_`."""
    kept = {f"exported_{key}" if key in target else key: value for key, value in own}
    pairs = {**kept, **target}.items()
    return f"{name}{{{','.join(f'{key}={json.dumps(value)}' for key, value in pairs)}}}"
