"""Reads EurekaClusters, with what their peers report of themselves and of each other."""

from __future__ import annotations

from eureka_operator.core.kinds import CLUSTER
from eureka_operator.shell.client import ApiError, Client, RefusedError
from eureka_operator.shell.kube import Kube
from kubectl_eureka.core.clusters import ClusterStatus, cluster_status
from kubectl_eureka.shell import registry
from kubectl_eureka.shell.errors import NoAnswerError
from kubectl_eureka.shell.registry import Target

_NOT_FOUND = 404


async def read(
    client: Client, namespace: str | None, name: str
) -> tuple[list[ClusterStatus], list[str]]:
    """The statuses of a namespace's clusters, or of all (`None`), or of one; and what is not known.

    Raises:
        ApiError: The API server cannot be asked.
        NoAnswerError: There is no such EurekaCluster, or Eurekube is not installed.
    """
    try:
        listed = await Kube(client).list(CLUSTER, namespace)
    except RefusedError as error:
        if error.status != _NOT_FOUND:
            raise
        raise NoAnswerError(
            "the cluster has no EurekaClusters: Eurekube is not installed"
        ) from error
    chosen = [each for each in listed if name in ("", each["metadata"]["name"])]
    if name and not chosen:
        raise NoAnswerError(f"there is no EurekaCluster {namespace or 'anywhere'}/{name}")
    found, notes = [], []
    for each in chosen:
        target = Target(each)
        try:
            reports = await registry.reports(client, target)
        except ApiError as error:
            reports = {}
            notes.append(f"peers of {target} were not asked: {error}")
        found.append(cluster_status(each, reports))
    return found, notes
