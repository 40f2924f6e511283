from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from eureka_operator.core.conditions import Condition, Facts, Failure, conditions, with_times
from eureka_operator.core.convergence import Convergence
from unit.operator.core.builders import NOW_TEXT

_WELL = Facts(
    wanted=3,
    ready=3,
    paused=False,
    skip_convergence=False,
    failures=(),
    changes=(),
    waiting=(),
    convergence=Convergence(ready=3),
    operator_namespace="eurekube-system",
    management_port=8763,
)
_FAILED = (Failure("NameTaken", "Service peer2 is there"), Failure("Forbidden", "no"))
_GROWING = (("ScalingUp", "waiting for the pods of peer3"),)
_SILENT = Convergence(ready=3, unreachable=("peer1: a", "peer2: b", "peer3: c"))


def _found(**facts: Any) -> dict[str, Condition]:  # noqa: ANN401 - fields of different types
    return {each.type: each for each in conditions(replace(_WELL, **facts))}


def _brief(found: dict[str, Condition], kind: str) -> tuple[str, str]:
    return found[kind].status, found[kind].reason


def test_all_well() -> None:
    """What a healthy object shows."""
    assert {kind: (each.status, each.reason) for kind, each in _found().items()} == {
        "Ready": ("True", "Converged"),
        "Available": ("True", "PeersReady"),
        "PeersConverged": ("True", "PeersAgree"),
        "ConfigSynced": ("True", "Synced"),
        "Progressing": ("False", "Stable"),
        "Degraded": ("False", "AsExpected"),
        "Reconciled": ("True", "Applied"),
    }


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"failures": _FAILED, "changes": _GROWING}, ("False", "NameTaken")),
        ({"changes": _GROWING}, ("False", "ScalingUp")),
        ({"ready": 2}, ("False", "PeersNotReady")),
        ({"convergence": Convergence(ready=3, differences=("d",))}, ("False", "PeersDiffer")),
        ({"convergence": Convergence(ready=3, behind=("b",))}, ("False", "PeerBehind")),
        ({"convergence": _SILENT}, ("Unknown", "Unreachable")),
        ({"wanted": 0, "ready": 0, "convergence": Convergence(ready=0)}, ("True", "Hibernated")),
    ],
)
def test_ready_only_when_everything_is_as_wanted(
    facts: dict[str, Any], expected: tuple[str, str]
) -> None:
    """`kubectl wait --for=condition=Ready` returns then, and not before."""
    assert _brief(_found(**facts), "Ready") == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, set()),
        ({"changes": _GROWING}, {"Reconciling"}),
        ({"ready": 2}, {"Reconciling"}),
        ({"convergence": _SILENT}, {"Reconciling"}),
        ({"failures": _FAILED}, {"Stalled"}),
        ({"paused": True}, {"Paused"}),
        ({"paused": True, "ready": 2}, {"Paused"}),
    ],
)
def test_exceptional_conditions_exist_only_while_they_are_true(
    facts: dict[str, Any], expected: set[str]
) -> None:
    """Tools of kstatus take their presence for a sign of trouble; never two at once."""
    found = _found(**facts)
    exceptional = {"Reconciling", "Stalled", "Paused"} & found.keys()

    assert exceptional == expected
    assert {found[kind].status for kind in exceptional} <= {"True"}


def test_silent_peers_are_not_said_to_differ() -> None:
    """Whether they agree is unknown, and the likely cause is named."""
    found = _found(convergence=_SILENT)

    assert _brief(found, "PeersConverged") == ("Unknown", "Unreachable")
    assert "(namespace eurekube-system) from port 8763" in found["PeersConverged"].message
    assert "eurekube.io/skip-convergence=true" in found["Ready"].message


def test_one_silent_peer_has_no_policy_against_it() -> None:
    """The others were reached from the same place."""
    found = _found(convergence=Convergence(ready=3, unreachable=("peer1: timed out",)))

    assert found["PeersConverged"].message == "peer1: timed out"


def test_peers_that_do_answer_may_differ_beside_a_silent_one() -> None:
    """What is known is said."""
    seen = Convergence(
        ready=3, unreachable=("peer1: timed out",), differences=("d",), behind=("b",)
    )
    found = _found(convergence=seen)

    assert _brief(found, "PeersConverged") == ("False", "PeersDiffer")
    assert _brief(found, "ConfigSynced") == ("False", "PeerBehind")


def test_skip_convergence_is_the_way_out() -> None:
    """Ready does not depend on what cannot be known then; the other conditions still say it."""
    found = _found(convergence=_SILENT, skip_convergence=True)

    assert _brief(found, "Ready") == ("True", "Converged")
    assert "not asked whether they agree" in found["Ready"].message
    assert _brief(found, "PeersConverged") == ("Unknown", "Unreachable")


def test_available_while_one_peer_is_ready() -> None:
    """Clients have somebody to talk to, whatever else is wrong."""
    assert _brief(_found(ready=1, failures=_FAILED), "Available") == ("True", "PeersReady")
    assert _brief(_found(ready=0), "Available") == ("False", "NoPeerReady")
    assert _brief(_found(ready=0, wanted=0), "Available") == ("False", "Hibernated")


def test_missing_peers_are_degraded_with_what_they_wait_for() -> None:
    """`kubectl describe` answers the first question."""
    found = _found(ready=1, waiting=("peer2: ImagePullBackOff", "peer3: starting"))
    said = "1 of 3 peers are ready; peer2: ImagePullBackOff; peer3: starting"

    assert _brief(found, "Degraded") == ("True", "PeersNotReady")
    assert found["Degraded"].message == found["Ready"].message == said


def test_failures_are_all_named() -> None:
    """Whoever mends one should not find the next one afterwards."""
    found = _found(failures=_FAILED)

    assert _brief(found, "Reconciled") == ("False", "NameTaken")
    assert found["Stalled"].message == "Service peer2 is there; no"


def test_paused_object_is_not_said_to_be_as_it_should() -> None:
    """Nobody looked."""
    assert _brief(_found(paused=True), "Reconciled") == ("Unknown", "Paused")


def test_message_stays_short() -> None:
    """Nine peers see seventy-two ways; a condition's message is read in a terminal."""
    differences = tuple(f"d{k}" for k in range(9))
    found = _found(convergence=Convergence(ready=3, differences=differences))

    assert found["PeersConverged"].message == "d0; d1; d2; d3; d4; and 4 more"


def test_time_of_a_status_that_did_not_change_stays() -> None:
    """Its reason, message and observed generation are the new ones."""
    before = [{"type": "Ready", "status": "False", "lastTransitionTime": "earlier"}]
    same = with_times([Condition("Ready", "False", "R", "m")], before, 7, NOW_TEXT)
    other = with_times([Condition("Ready", "True", "R", "m")], before, 7, NOW_TEXT)

    assert same == [
        {
            "type": "Ready",
            "status": "False",
            "observedGeneration": 7,
            "lastTransitionTime": "earlier",
            "reason": "R",
            "message": "m",
        }
    ]
    assert other[0]["lastTransitionTime"] == NOW_TEXT
