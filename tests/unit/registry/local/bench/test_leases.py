"""What is registered, and what is still held."""

from __future__ import annotations

import ipaddress
import json

import pytest

from eureka_registry.local.bench.leases import Leases

RANGE = ipaddress.ip_network("192.0.2.0/24")


@pytest.fixture
def leases() -> Leases:
    """None registered."""
    return Leases("0a1b", 1_000, "process 7 on here")


def register(leases: Leases, number: int, status: int, at_s: float = 0.0) -> None:
    """A registration, and what was answered."""
    operation = leases.registration(number)
    leases.note_request(operation, at_s)
    leases.note_answer(operation, status, at_s)


def cancel(leases: Leases, number: int, status: int) -> None:
    """A cancellation, and what was answered."""
    leases.note_answer(leases.cancellation(number), status, 0.0)


@pytest.mark.parametrize("number", [0, 253, 254, 99_999])
def test_instances_can_be_called_by_nobody(leases: Leases, number: int) -> None:
    """Out of service, at an address that is routed nowhere, and it says whose it is."""
    instance = json.loads(leases.registration(number).body or b"")["instance"]

    assert instance["app"] == "EUREKA-BENCH-0A1B"
    assert instance["status"] == "OUT_OF_SERVICE"
    assert ipaddress.ip_address(instance["ipAddr"]) in RANGE
    assert instance["ipAddr"] not in ("192.0.2.0", "192.0.2.255")
    assert instance["hostName"].endswith(".invalid")
    assert instance["metadata"]["made-by"] == "eureka-registry bench, process 7 on here"
    assert instance["leaseInfo"] == {"renewalIntervalInSecs": 30, "durationInSecs": 90}


def test_a_registration_is_held_from_before_it_is_sent(leases: Leases) -> None:
    """Without an answer the server may have carried it out all the same."""
    leases.note_request(leases.registration(0), 0.0)
    register(leases, 1, 0)
    register(leases, 2, 500)

    assert leases.held_numbers == [0, 1, 2]


def test_a_refused_registration_is_not_held(leases: Leases) -> None:
    """The server has said that it holds nothing."""
    register(leases, 0, 403)

    assert leases.held_numbers == []


def test_an_instance_whose_change_is_refused_is_still_held(leases: Leases) -> None:
    """Its first registration was accepted."""
    register(leases, 0, 204)
    register(leases, 0, 400)

    assert leases.held_numbers == [0]


@pytest.mark.parametrize(
    ("status", "held"), [(200, []), (404, []), (0, [0]), (500, [0]), (403, [0])]
)
def test_a_cancellation_counts_when_it_is_confirmed(
    leases: Leases, status: int, held: list[int]
) -> None:
    """404: it is not there, which is what was wanted."""
    register(leases, 0, 204)
    cancel(leases, 0, status)

    assert leases.held_numbers == held


def test_a_renewal_names_the_document_that_has_arrived(leases: Leases) -> None:
    """A server that is told of a newer one answers 404: it has missed a change."""
    register(leases, 0, 204)
    known = leases.renewal(0).path
    register(leases, 0, 0)
    unconfirmed = leases.renewal(0).path
    register(leases, 0, 204)

    assert known == unconfirmed
    assert known != leases.renewal(0).path


def test_leases_end_one_duration_after_the_last_renewal_that_was_answered(leases: Leases) -> None:
    """That is what is promised to whoever finds what was left."""
    register(leases, 0, 204, at_s=10.0)
    register(leases, 1, 204, at_s=20.0)
    leases.note_answer(leases.renewal(0), 200, 50.0)
    leases.note_answer(leases.renewal(0), 0, 60.0)

    assert leases.ends_in_s(100.0) == 40.0
    assert leases.ends_in_s(200.0) == 0.0


def test_leases_are_due_after_an_interval(leases: Leases) -> None:
    """Long phases that only read must not let them expire."""
    register(leases, 0, 204, at_s=0.0)
    register(leases, 1, 204, at_s=10.0)

    assert leases.due(29.9) == []
    assert leases.due(30.0) == [0]


def test_a_look_up_may_find_nothing_yet_but_a_renewal_must(leases: Leases) -> None:
    """Another peer is told of an instance some time after it was registered."""
    assert leases.look_up(0).is_good(404)
    assert not leases.renewal(0).is_good(404)
    assert not leases.own_list.is_good(404)
