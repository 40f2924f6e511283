"""What a status says, and when it is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from eureka_operator.core.events import NORMAL, WARNING, Event
from eureka_operator.core.kinds import Object
from eureka_operator.core.registrations.status import Lease, change, condition, is_due, status
from eureka_operator.core.registrations.wanted import Finding

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
GONE = Finding("ServiceNotFound", "there is no Service db")


def lease(**fields: object) -> Lease:
    """One that is as it is wanted."""
    given: dict[str, object] = {"app": "DB", "status": "UP", "settled": True, "renewed": NOW}
    return Lease(**{**given, **fields})  # type: ignore[arg-type]


def status_of(
    *leases: Lease, findings: tuple[Finding, ...] = (), before: Object | None = None
) -> Object:
    """The status."""
    return status(3, leases, findings, before or {}, NOW)


def synced(found: Object) -> tuple[str, str]:
    """Status and reason of the condition."""
    return condition(found)["status"], condition(found)["reason"]


def test_all_is_well() -> None:
    """Instances are those that the registry has confirmed."""
    older = NOW - timedelta(seconds=30)
    busy = lease(status="OUT_OF_SERVICE", renewed=older)

    assert status_of(lease(), busy) == {
        "observedGeneration": 3,
        "app": "DB",
        "instances": 2,
        "up": 1,
        "lastRenewal": "2026-11-28T12:00:00Z",
        "conditions": [
            {
                "type": "Synced",
                "status": "True",
                "observedGeneration": 3,
                "lastTransitionTime": "2026-11-28T12:00:00Z",
                "reason": "Synced",
                "message": "the registry holds what is wanted",
            }
        ],
    }


@pytest.mark.parametrize(
    ("leases", "findings", "expected"),
    [
        ([], [], ("True", "Synced")),
        ([lease(), lease(status="", settled=False)], [], ("False", "Registering")),
        ([lease()], [GONE], ("False", "ServiceNotFound")),
        ([lease(problem=Finding("RegistryRefuses", "400"))], [], ("False", "RegistryRefuses")),
        (
            [lease(settled=False, problem=Finding("RegistryUnreachable", "x"))],
            [GONE],
            ("False", "ServiceNotFound"),
        ),
    ],
)
def test_condition_names_what_people_can_change_first(
    leases: list[Lease], findings: list[Finding], expected: tuple[str, str]
) -> None:
    """What stands in the way, then what a registry says, then progress."""
    found = status_of(*leases, findings=tuple(findings))

    assert synced(found) == expected


def test_findings_are_told_together_and_once() -> None:
    """A long list is cut."""
    other = Finding("PortNotFound", "x" * 2_000)

    message = condition(status_of(findings=(GONE, GONE, other)))["message"]

    assert message.startswith("there is no Service db; xxx")
    assert len(message) == 1024


def test_many_applications_are_counted() -> None:
    """A column is not a list."""
    found = status_of(*(lease(app=name) for name in "EDCBAA"), lease(app="X", status=""))

    assert found["app"] == "A, B, C, 2 more"


def test_time_of_the_transition_stays() -> None:
    """Another message is no transition."""
    before = status_of(findings=(GONE,))
    condition(before)["lastTransitionTime"] = "2026-11-28T10:00:00Z"

    still = status_of(findings=(Finding("Conflict", "x"),), before=before)
    well = status_of(lease(), before=before)

    assert condition(still)["lastTransitionTime"] == "2026-11-28T10:00:00Z"
    assert condition(well)["lastTransitionTime"] == "2026-11-28T12:00:00Z"


def test_last_renewal_is_written_now_and_then() -> None:
    """Renewals themselves are not told: each write is one of etcd."""
    before = status_of(lease())
    soon = status_of(lease(renewed=NOW + timedelta(minutes=9)))
    later = status_of(lease(renewed=NOW + timedelta(minutes=10)))

    assert not is_due(before, before)
    assert not is_due(before, soon)
    assert is_due(before, later)
    assert is_due({}, before)
    assert is_due(before, status_of(lease(status="DOWN")))


def test_leader_that_renewed_nothing_yet_keeps_the_time() -> None:
    """Its predecessor's is still true."""
    before = status_of(lease())

    after = status_of(lease(renewed=None), before=before)

    assert after["lastRenewal"] == before["lastRenewal"]
    assert not is_due(before, after)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, status_of(lease()), Event(NORMAL, "Synced", "the registry holds what is wanted")),
        ({}, status_of(findings=(GONE,)), Event(WARNING, "ServiceNotFound", GONE.message)),
        (status_of(findings=(GONE,)), status_of(findings=(GONE,)), None),
        ({}, status_of(lease(settled=False)), None),
        (status_of(lease()), status_of(lease(status="DOWN")), None),
    ],
)
def test_events_tell_changes_of_the_reason(
    before: Object, after: Object, expected: Event | None
) -> None:
    """Progress is not told."""
    assert change(before, after) == expected
