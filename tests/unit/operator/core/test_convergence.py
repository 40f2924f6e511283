from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from eureka_operator.core.convergence import Convergence
from eureka_operator.core.observed import Config, Observed, Report, read_report
from eureka_operator.core.plan import plan
from unit.operator.core.builders import ENVIRONMENT, cluster, observed, view
from unit.operator.core.world import settled


def _convergence(seen: Observed) -> Convergence:
    return plan(seen, ENVIRONMENT).convergence


def _with_peer2(said: Report | str) -> Observed:
    seen = settled().observe()
    return replace(seen, reports={**seen.reports, "eureka-peer-2": said})


def _well() -> Report:
    said = settled().observe().report("eureka-peer-2")
    assert said is not None
    return said


def _peer2(**fields: Any) -> Convergence:  # noqa: ANN401 - fields of different types
    return _convergence(_with_peer2(replace(_well(), **fields)))


def test_peers_that_see_each_other_and_agree_have_converged() -> None:
    """At the wanted generation, with the wanted configuration."""
    assert _convergence(settled().observe()) == Convergence(ready=3)


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (view(3, available=False, why="refused"), "peer2 does not reach peer3: refused"),
        (view(3, available=False), "peer2 does not reach peer3: no reason given"),
        (view(3, agreement="unknown"), "peer2 and peer3: unknown"),
        (view(3, agreement="diverged"), "peer2 and peer3: diverged"),
        (view(4), "peer2 does not know peer3"),
    ],
)
def test_one_view_that_differs_is_enough(seen: Any, said: str) -> None:  # noqa: ANN401
    """`kubectl wait` must not return before."""
    found = _peer2(peers=(view(1), seen))

    assert found.differences == (said,)
    assert found.differing == {"peer2": said, "peer3": said}


def test_how_a_peer_sees_itself_does_not_matter() -> None:
    """It has no link to itself."""
    assert _peer2(peers=(view(1), view(2, available=False), view(3))) == Convergence(ready=3)


def test_peer_with_another_list_has_not_converged() -> None:
    """What it says of the others is about a list that is not wanted any more."""
    found = _peer2(generation=0)

    assert found.differences == (f"peer2 has peer list 0, not {_well().generation} yet",)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (Config(hash="other"), "peer2 has configuration other"),
        (Config(), "peer2 has configuration unknown"),
        (Config(problem="bad"), "peer2 keeps its last good configuration: bad"),
    ],
)
def test_other_configuration_is_no_difference_of_the_registry(config: Config, said: str) -> None:
    """Peers that hold the same do, whatever their log level is."""
    assert _peer2(config=config) == Convergence(ready=3, behind=(said,))


def test_peer_that_needs_a_restart_is_behind() -> None:
    """The configuration is there and not in force."""
    wanted = _well().config
    found = _peer2(config=replace(wanted, restart_needed=("region", "port")))

    assert found.behind == ("peer2 needs a restart for region, port",)


def test_peer_that_does_not_answer_has_not_diverged() -> None:
    """A NetworkPolicy that keeps it from the operator says nothing about the registry."""
    found = _convergence(_with_peer2("timed out"))

    assert found.unreachable == ("peer2: timed out",)
    assert found.differences == ()


def test_peer_that_was_not_asked_counts_as_unreachable() -> None:
    """Nothing is known of it."""
    found = _convergence(replace(settled().observe(), reports={}))

    assert found.unreachable[0] == "peer1: not asked yet"


def test_only_ready_wanted_peers_count() -> None:
    """One that starts, or goes, is no replica of anybody."""
    seen = settled().observe()
    second = replace(seen.pods["eureka-peer-2"], ready=False)
    starting = replace(seen, pods={**seen.pods, second.name: second})
    leaving = replace(seen, cluster=cluster({"replicas": 1}))

    assert _convergence(starting) == Convergence(ready=2)
    assert _convergence(leaving).ready == 1


def test_without_a_ready_peer_nothing_is_said() -> None:
    """Conditions tell it from peers that agree by the number of those that are ready."""
    assert _convergence(observed(cluster())) == Convergence(ready=0)


def test_document_of_another_kind_is_said_to_be_one() -> None:
    """Something else may listen on that port."""
    said = read_report({"peers": "none"})

    assert isinstance(said, str)
    assert said.startswith("answers with something else than a peer's /peers: Expected `array`")
