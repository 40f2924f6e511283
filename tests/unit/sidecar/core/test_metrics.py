"""What Prometheus reads of the sidecar."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from eureka_sidecar.core.metrics import Checks, Counters, RegistrationState, text


def values(document: str) -> dict[tuple[str, ...], float]:
    """Each sample by its name without prefix, and the values of its labels, as Prometheus reads."""
    return {
        (sample.name.removeprefix("eureka_sidecar_"), *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(document)
        for sample in family.samples
    }


def test_each_count_is_in_its_series() -> None:
    """A count under the wrong name is worse than none: somebody is woken by it."""
    counters = Counters()
    counters.count_registration("done")
    counters.count_renewal("done", 0.25)
    counters.count_renewal("missing", 0.5)
    counters.count_reregistration("unknown")
    counters.count_removal("failed")
    counters.switches = 1
    checks = Checks()
    checks.count(ok=True)
    checks.count(ok=False)
    checks.count(ok=False)

    read = values(text([RegistrationState(counters, up=True)], {"UP": 1}, checks))

    assert read["registrations_total", "1", "done"] == 1
    assert read["renewals_total", "1", "done"] == 1
    assert read["renewals_total", "1", "missing"] == 1
    assert read["reregistrations_total", "1", "unknown"] == 1
    assert read["removals_total", "1", "failed"] == 1
    assert read["registry_switches_total", "1"] == 1
    assert read["renewal_seconds_sum", "1"] == 0.75
    assert read["renewal_seconds_count", "1"] == 2
    assert read["health_checks_total", "success"] == 1
    assert read["health_checks_total", "failure"] == 2
    assert read["status", "UP"] == 1
    assert read["up", "1"] == 1


def test_what_has_not_happened_is_zero_and_not_absent() -> None:
    """`increase` does not see a series that begins with 1: the first failure would be missed."""
    read = values(text([RegistrationState(Counters(), up=False)], {}, Checks()))

    assert read["registrations_total", "1", "denied"] == 0
    assert read["renewals_total", "1", "forbidden"] == 0
    assert read["reregistrations_total", "1", "unknown"] == 0
    assert read["status", "DOWN"] == 0
    assert read["health_checks_total", "failure"] == 0


def test_without_a_lease_its_times_are_absent() -> None:
    """A last renewal at 0 would be one in 1970, and lets an alert on its age fire at each start."""
    read = values(text([RegistrationState(Counters(), up=False)], {}, Checks()))

    assert not [key for key in read if key[0].startswith(("last_renewal", "lease_remaining"))]


def test_time_of_a_renewal_is_written_to_the_millisecond() -> None:
    """Six digits, as `%g` writes them, are off by twenty minutes for a Unix time."""
    standing = RegistrationState(Counters(), True, 1_795_179_529.897, 61.5)  # noqa: FBT003 - by place

    read = values(text([standing], {}, Checks()))

    assert read["last_renewal_timestamp_seconds", "1"] == 1_795_179_529.897
    assert read["lease_remaining_seconds", "1"] == 61.5


def test_registries_are_told_apart_by_their_place() -> None:
    """One may hold the lease and the other not."""
    first, second = Counters(), Counters()
    second.count_registration("failed")

    read = values(
        text([RegistrationState(first, up=True), RegistrationState(second, up=False)], {}, Checks())
    )

    assert (read["up", "1"], read["up", "2"]) == (1, 0)
    assert (
        read["registrations_total", "1", "failed"],
        read["registrations_total", "2", "failed"],
    ) == (0, 1)


def test_types_are_those_of_prometheus() -> None:
    """Its functions go wrong on a gauge that is a counter; and each series says what it means."""
    document = text([RegistrationState(Counters(), True, 1.0, 2.0)], {}, Checks())  # noqa: FBT003 - by place

    families = {each.name: each for each in text_string_to_metric_families(document)}

    assert all(each.documentation for each in families.values())
    assert all(each.samples for each in families.values())
    assert {name.removeprefix("eureka_sidecar_"): each.type for name, each in families.items()} == {
        "up": "gauge",
        "last_renewal_timestamp_seconds": "gauge",
        "lease_remaining_seconds": "gauge",
        "registrations": "counter",
        "renewals": "counter",
        "removals": "counter",
        "reregistrations": "counter",
        "renewal_seconds": "summary",
        "registry_switches": "counter",
        "status": "gauge",
        "health_checks": "counter",
    }


def test_cause_that_nobody_knew_of_keeps_the_document_readable() -> None:
    """A quotation mark in one label would cost all series."""
    counters = Counters()
    counters.count_reregistration('a "new"\ncause \\')

    read = values(text([RegistrationState(counters, up=True)], {}, Checks()))

    assert read["reregistrations_total", "1", 'a "new"\ncause \\'] == 1
