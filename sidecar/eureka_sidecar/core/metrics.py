"""The sidecar's metrics for Prometheus: counters, and their text (exposition format 0.0.4).

No label names the application or the pod: Prometheus adds those of what it scrapes. `registry` is
the place of a registry in the configuration, from 1; a URL would be a new series on each change.
"""

from __future__ import annotations

from ..records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .lease import Lease

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "eureka_sidecar_"
_STATUSES = ("STARTING", "UP", "DOWN", "OUT_OF_SERVICE", "UNKNOWN")
_RESULTS = ("done", "missing", "invalid", "denied", "forbidden", "failed")
_CAUSES = ("expired", "unknown", "stale")


class Counters:
    """Requests to one registry since the start, by result.

    Results are the values of `operations.Outcome`. Those that did not happen yet are 0, not
    absent: `rate` sees no first increase otherwise.
    """

    def __init__(self) -> None:
        self.registrations = dict.fromkeys(_RESULTS, 0)
        self.renewals = dict.fromkeys(_RESULTS, 0)
        self.removals = dict.fromkeys(_RESULTS, 0)
        self.reregistrations = dict.fromkeys(_CAUSES, 0)
        self.renewal_seconds = 0.0
        self.renewal_count = 0
        self.switches = 0

    def count_registration(self, result: str) -> None:
        """Count a registration, answered or not."""
        _add(self.registrations, result)

    def count_renewal(self, result: str, seconds: float) -> None:
        """Count a renewal, and how long it took."""
        _add(self.renewals, result)
        self.renewal_seconds += seconds
        self.renewal_count += 1

    def count_reregistration(self, cause: str) -> None:
        """Count that the registry had lost the instance, by the likely cause."""
        _add(self.reregistrations, cause)

    def count_removal(self, result: str) -> None:
        """Count a removal of the lease."""
        _add(self.removals, result)


class Checks:
    """Checks of the application's health since the start, by result."""

    def __init__(self) -> None:
        self.results = {"success": 0, "failure": 0}

    def count(self, *, ok: bool) -> None:
        """Count a check."""
        _add(self.results, "success" if ok else "failure")


@record
class RegistrationState:
    """The state of the instance at one registry.

    `up`: the lease is acknowledged and not over. `last_renewal_s` is a Unix time,
    `lease_remaining_s` counts from now; `None`: there is none. With several instances, the worst
    of each.
    """

    counters: Counters
    up: bool
    last_renewal_s: float | None = None
    lease_remaining_s: float | None = None


def registration_state(
    counters: Counters, leases: Sequence[Lease], now_ms: int, wall_s: float
) -> RegistrationState:
    """How a registry holds all instances, the worst of each; `wall_s`: the Unix time now."""
    renewed = [(each.renewed_ms, each.instance) for each in leases if each.renewed_ms is not None]
    if len(renewed) < len(leases):
        return RegistrationState(counters, up=False)
    left_ms = min(at_ms + instance.duration_s * 1_000 - now_ms for at_ms, instance in renewed)
    oldest_ms = min(at_ms for at_ms, _ in renewed)
    is_up = left_ms > 0 and all(each.held is not None for each in leases)
    return RegistrationState(
        counters, is_up, wall_s - (now_ms - oldest_ms) / 1_000, left_ms / 1_000
    )


def text(
    registries: Sequence[RegistrationState], statuses: Mapping[str, int], checks: Checks
) -> str:
    """All series. `statuses`: how many instances have each status, as the sidecar sees them."""
    counts = {**dict.fromkeys(_STATUSES, 0), **statuses}
    return "".join(
        [
            *_registration_families(registries),
            *_counters([each.counters for each in registries]),
            _family("status", "gauge", "Instances that have this status.", _by("status", counts)),
            _family(
                "health_checks_total",
                "counter",
                "Checks of the application's health.",
                _by("result", checks.results),
            ),
        ]
    )


def _registration_families(registries: Sequence[RegistrationState]) -> list[str]:
    return [
        _family(
            "up",
            "gauge",
            "Whether the registry holds the lease, as far as it has said.",
            _by_registry("", [each.up for each in registries]),
        ),
        _family(
            "last_renewal_timestamp_seconds",
            "gauge",
            "Unix time of the last renewal or registration that succeeded.",
            _by_registry("", [each.last_renewal_s for each in registries]),
        ),
        _family(
            "lease_remaining_seconds",
            "gauge",
            "Time until the lease is over if it is not renewed.",
            _by_registry("", [each.lease_remaining_s for each in registries]),
        ),
    ]


def _counters(counters: Sequence[Counters]) -> list[str]:
    tables = (
        ("registrations", "result", "Registrations.", [c.registrations for c in counters]),
        ("renewals", "result", "Renewals of the lease.", [c.renewals for c in counters]),
        ("removals", "result", "Removals of the lease.", [c.removals for c in counters]),
        (
            "reregistrations",
            "cause",
            "Registrations because the registry had lost the instance.",
            [c.reregistrations for c in counters],
        ),
    )
    seconds = _by_registry("_sum", [c.renewal_seconds for c in counters])
    timed = _by_registry("_count", [c.renewal_count for c in counters])
    switches = _by_registry("", [c.switches for c in counters])
    meaning = "Changes to another server of the registry."
    return [
        *(
            _family(f"{name}_total", "counter", meaning, _by_registry_and(label, each))
            for name, label, meaning, each in tables
        ),
        _family("renewal_seconds", "summary", "Time that renewals took.", seconds + timed),
        _family("registry_switches_total", "counter", meaning, switches),
    ]


def _family(name: str, kind: str, help_text: str, samples: Iterable[tuple[str, float]]) -> str:
    """A family of series; a sample is what goes behind its name, and its value."""
    lines = [f"# HELP {_PREFIX}{name} {help_text}", f"# TYPE {_PREFIX}{name} {kind}"]
    lines += [f"{_PREFIX}{name}{rest} {float(value)!r}" for rest, value in samples]
    return "\n".join([*lines, ""])


def _by(label: str, table: Mapping[str, int]) -> list[tuple[str, float]]:
    return [(f'{{{label}="{_escape(each)}"}}', number) for each, number in table.items()]


def _by_registry(suffix: str, values: Sequence[float | None]) -> list[tuple[str, float]]:
    return [
        (f'{suffix}{{registry="{place}"}}', value)
        for place, value in enumerate(values, 1)
        if value is not None
    ]


def _by_registry_and(label: str, tables: Sequence[Mapping[str, int]]) -> list[tuple[str, float]]:
    return [
        (f'{{registry="{place}",{label}="{_escape(each)}"}}', number)
        for place, table in enumerate(tables, 1)
        for each, number in table.items()
    ]


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _add(table: dict[str, int], key: str) -> None:
    table[key] = table.get(key, 0) + 1
