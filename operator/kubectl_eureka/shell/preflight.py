"""Checks before a drill makes anything: Eurekube itself, the rights, earlier drills."""

from __future__ import annotations

import asyncio
from typing import Final

from eureka_operator.core.kinds import CLUSTER, NAMESPACE
from eureka_operator.shell.client import Client, RefusedError
from eureka_operator.shell.kube import Kube
from kubectl_eureka.core import drill
from kubectl_eureka.shell import cluster
from kubectl_eureka.shell.errors import NoAnswerError

_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_FORBIDDEN: Final = 403


async def check(client: Client, namespace: str) -> list[str]:
    """Check whether a drill can run in a new namespace; returns notes on what others have left.

    Raises:
        NoAnswerError: It cannot: no operator would look after it, or a permission is missing.
        ApiError: The API server cannot be asked.
    """
    if not await Kube(client).serves(CLUSTER):
        raise NoAnswerError(
            "the cluster has no EurekaClusters: Eurekube is not installed (docs/installing.md)"
        )
    await _check_rights(client, namespace)
    await _check_operator(client)
    return await _leftovers(client)


async def _check_rights(client: Client, namespace: str) -> None:
    answers = await asyncio.gather(
        *(client.send("post", _REVIEWS, drill.review(right, namespace)) for right in drill.RIGHTS)
    )
    missing = [
        str(right)
        for right, answer in zip(drill.RIGHTS, answers, strict=True)
        if not answer["status"].get("allowed")
    ]
    if missing:
        raise NoAnswerError(
            f"these rights are missing in a new namespace: {', '.join(missing)}; ask an"
            " administrator for them by a ClusterRoleBinding (docs/kubectl-eureka.md#drill)"
        )


async def _check_operator(client: Client) -> None:
    """Refuse where no installed operator would look after a new namespace."""
    found = await cluster.installed_operators(client)
    if found is None:
        return  # not to be listed by us: a later step shows
    if not found:
        raise NoAnswerError(
            "no operator is installed: no Deployment has the labels that the chart gives it"
            " (docs/installing.md)"
        )
    watched = [cluster.operator_options(each).namespaces for each in found]
    if all(watched):
        names = ", ".join(dict.fromkeys(name for each in watched for name in each))
        raise NoAnswerError(
            f"the operator looks after namespace {names} only, and a drill has a namespace of its"
            " own; run it on a cluster whose operator looks after all namespaces (value"
            " watch.namespaces of the chart is empty)"
        )


async def _leftovers(client: Client) -> list[str]:
    try:
        found = await Kube(client).list(NAMESPACE, None, drill.LABEL)
    except RefusedError as error:
        if error.status != _FORBIDDEN:
            raise
        return []
    return [drill.leftover_note(each) for each in found]
