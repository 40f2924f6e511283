"""Decides whether the peers hold the same and have the wanted configuration, by their reports.

Peers that do not answer the operator are counted apart: a NetworkPolicy may keep it from them, and
that says nothing about the registry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from eureka_operator.core.desired.configuration import Configuration
from eureka_operator.core.observed import Observed, Report
from eureka_operator.core.peering import PeerList, Seat, alias, peer_url

_AGREED = "agreed"


class Convergence(msgspec.Struct, frozen=True, kw_only=True):
    """What the ready peers say.

    `ready` counts them, `unreachable` names those that do not answer and why, `differences` and
    `behind` are sentences on peers that do not agree, or do not have the wanted configuration.
    `differing` has the peers that `differences` are about, each with the first of its sentences.
    """

    ready: int
    unreachable: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    differing: Mapping[str, str] = {}


def convergence(
    observed: Observed, seats: Sequence[Seat], peers: PeerList, config: Configuration, domain: str
) -> Convergence:
    """Compare what ready peers say with what is wanted."""
    ready = [
        seat
        for seat in seats
        if seat.wanted and (pod := observed.pods.get(seat.pod)) is not None and pod.ready
    ]
    cluster = observed.cluster
    reports = [(alias(cluster, seat.number), observed.reports.get(seat.pod)) for seat in ready]
    answers = [(name, report) for name, report in reports if isinstance(report, Report)]
    differences = [
        each
        for name, report in answers
        for each in _differences(observed, peers.generation, (name, report), ready, domain)
    ]
    return Convergence(
        ready=len(ready),
        unreachable=tuple(
            f"{name}: {report or 'not asked yet'}"
            for name, report in reports
            if not isinstance(report, Report)
        ),
        differences=tuple(sentence for _, sentence in differences),
        behind=tuple(each for name, report in answers for each in _behind(config, name, report)),
        differing={name: sentence for pair, sentence in reversed(differences) for name in pair},
    )


def _differences(
    observed: Observed,
    generation: int,
    reports: tuple[str, Report],
    ready: Sequence[Seat],
    domain: str,
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each difference: the peer that it is about, and a sentence."""
    cluster = observed.cluster
    name, report = reports
    if report.generation != generation:
        yield (name,), f"{name} has peer list {report.generation}, not {generation} yet"
        return
    views = {view.url: view for view in report.peers}
    for seat in ready:
        other = alias(cluster, seat.number)
        if other == name:
            continue
        view = views.get(peer_url(observed, seat.number, domain))
        if view is None:
            yield (name, other), f"{name} does not know {other}"
        elif not view.available:
            why = view.why or "no reason given"
            yield (name, other), f"{name} does not reach {other}: {why}"
        elif view.agreement != _AGREED:
            yield (name, other), f"{name} and {other}: {view.agreement}"


def _behind(config: Configuration, name: str, report: Report) -> Iterator[str]:
    if report.config.problem:
        yield f"{name} keeps its last good configuration: {report.config.problem}"
    elif report.config.hash != config.hash:
        yield f"{name} has configuration {report.config.hash or 'unknown'}"
    elif report.config.restart_needed:
        yield f"{name} needs a restart for {', '.join(report.config.restart_needed)}"
