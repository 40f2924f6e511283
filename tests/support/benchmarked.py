"""The report of a benchmark in which all went well, for tests to change."""

from __future__ import annotations

from typing import Final

from eureka_registry.local.bench.figures import Latency, Phase
from eureka_registry.local.bench.report import Freshness, Report, Sight
from eureka_registry.local.bench.server import RegistrySize

HERE: Final = "http://one:8761/eureka/"
THERE: Final = "http://two:8761/eureka/"
QUICK: Final = Latency(1.0, 2.0, 3.0, 4.0)
GOOD: Final = Report(
    version="0",
    began="2026-01-01T00:00:00Z",
    urls=[HERE, THERE],
    application="EUREKA-BENCH-0A1B",
    instances=10,
    seconds=1.0,
    connections=1,
    rate=None,
    patience_s=45.0,
    found={HERE: RegistrySize(0, 0), THERE: RegistrySize(0, 0)},
    phases=[Phase("renew", 10, 0, 1.0, 10.0, QUICK, {"200": 10}, 0, 0.1)],
    freshness=Freshness(5, 5, 0, QUICK),
    sight=[Sight(HERE, 5, 0, QUICK), Sight(THERE, 5, 0, QUICK)],
    notes=[],
    interrupted_by=None,
    gave_up=None,
    left=None,
)
