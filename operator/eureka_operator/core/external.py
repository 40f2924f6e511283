"""Conditions of servers outside of the EurekaCluster: extra peers and other regions.

They exist while the spec names such servers. They do not count for `Ready`: a Java server that is
being replaced may stop at any time, and the EurekaCluster's own peers agree without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from eureka_operator.api.spec import RemoteRegion
from eureka_operator.core.conditions import FALSE, TRUE, UNKNOWN, Condition
from eureka_operator.core.observed import Observed, Report
from eureka_operator.core.references import remote_cluster

EXTRA_PEERS: Final = "ExtraPeersAvailable"
REMOTE_REGIONS: Final = "RemoteRegionsAvailable"

_NOT_FOUND: Final = "ClusterNotFound"
_NOT_REACHED: Final = "NotReached"
_REACHED: Final = "Reached"


def conditions(observed: Observed) -> list[Condition]:
    """The conditions of all that the spec names."""
    return [*_extra_peers(observed), *_remote_regions(observed)]


def is_waiting(status: Mapping[str, Any]) -> bool:
    """Whether a status names a server that is not reached: no event says when it is."""
    return any(
        each["type"] in (EXTRA_PEERS, REMOTE_REGIONS) and each["status"] != TRUE
        for each in status["conditions"]
    )


def _extra_peers(observed: Observed) -> Iterator[Condition]:
    """Yield whether every ready peer delivers its changes to every extra peer."""
    urls = observed.cluster.spec.peers.extra_peer_urls
    if not urls:
        return
    reports = observed.ready_reports
    missed = [sentence for url in urls for sentence in _unreachable_url(url, reports)]
    if not reports:
        yield _without_peers(EXTRA_PEERS)
    elif missed:
        yield Condition(EXTRA_PEERS, FALSE, _NOT_REACHED, "; ".join(missed))
    else:
        listed = ", ".join(map(_display_url, urls))
        sentence = f"changes at the {len(reports)} peers that are ready reach {listed}"
        yield Condition(EXTRA_PEERS, TRUE, _REACHED, sentence)


def _unreachable_url(url: str, reports: Sequence[Report]) -> Iterator[str]:
    """Yield a sentence if there are peers that cannot deliver their changes to a URL."""
    found = []
    for report in reports:
        view = next(
            (each for each in report.peers if _display_url(each.url) == _display_url(url)), None
        )
        if view is None:
            found.append((report.name, "not in its peer list yet"))
        elif not view.available:
            found.append((report.name, view.why or "no reason given"))
    if found:
        names, reasons = zip(*found, strict=True)
        yield f"changes at {', '.join(names)} do not reach {_display_url(url)}: {reasons[0]}"


def _remote_regions(observed: Observed) -> Iterator[Condition]:
    """Yield whether every ready peer has the instances of every remote region."""
    regions = observed.cluster.spec.registry.remote_regions
    if not regions:
        return
    absent = [sentence for region in regions for sentence in _absent(observed, region)]
    reports = observed.ready_reports
    missed = [
        sentence
        for region in regions
        for sentence in _unreachable_region(observed, region, reports)
    ]
    if absent:
        yield Condition(REMOTE_REGIONS, FALSE, _NOT_FOUND, "; ".join([*absent, *missed]))
    elif not reports:
        yield _without_peers(REMOTE_REGIONS)
    elif missed:
        yield Condition(REMOTE_REGIONS, FALSE, _NOT_REACHED, "; ".join(missed))
    else:
        listed = ", ".join(region.name for region in regions)
        sentence = f"the {len(reports)} peers that are ready have the instances of {listed}"
        yield Condition(REMOTE_REGIONS, TRUE, _REACHED, sentence)


def _absent(observed: Observed, region: RemoteRegion) -> Iterator[str]:
    """Yield a sentence if a region is an EurekaCluster that is not there."""
    place = remote_cluster(observed.cluster, region)
    if place is not None and place not in observed.references:
        yield (
            f"region {region.name}: no EurekaCluster {'/'.join(place)} is there that the operator"
            " may read; create it, or correct clusterRef: kubectl get ekc -A lists what is there"
        )


def _unreachable_region(
    observed: Observed, region: RemoteRegion, reports: Sequence[Report]
) -> Iterator[str]:
    """Yield a sentence if there are peers that cannot fetch from a region whose URL is known."""
    place = remote_cluster(observed.cluster, region)
    if place is not None and place not in observed.references:
        return
    found = []
    for report in reports:
        view = next((each for each in report.regions if each.name == region.name.lower()), None)
        if view is None:
            found.append((report.name, "it has not got the region's URL yet"))
        elif view.problem:
            found.append((report.name, view.problem))
        elif not view.ready:
            found.append((report.name, "the first fetch is not done yet"))
    if found:
        names, reasons = zip(*found, strict=True)
        yield f"region {region.name}: {', '.join(names)}: {reasons[0]}"


def _without_peers(kind: str) -> Condition:
    return Condition(kind, UNKNOWN, "NoPeerReady", "no peer is ready and answers")


def _display_url(url: str) -> str:
    """A URL without user and password, in the spelling by which peers compare it."""
    parts = urlsplit(url.strip())
    place = parts.netloc.rpartition("@")[2].lower()
    return f"{parts.scheme}://{place}{parts.path.rstrip('/')}/"
