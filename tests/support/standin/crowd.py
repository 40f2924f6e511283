"""Pods of nobody in particular, in numbers: what else a cluster is full of."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from cluster.plan import Plan

from .client import Client, RefusedError

_ACCOUNT_S: Final = 20.0
_POLL_S: Final = 0.1


def create_pods(plan: Plan, namespace: str, count: int) -> None:
    """Create pods `crowd-0` and so on, which nobody schedules, in a namespace that is there.

    Raises:
        RefusedError: the API server does not want one.
        TimeoutError: the namespace has no default account within 20 s.
        aiohttp.ClientError: nobody answers.
    """
    asyncio.run(_create(plan, namespace, count))


async def _create(plan: Plan, namespace: str, count: int) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
    async with Client(plan.kubeconfig) as client, asyncio.TaskGroup() as tasks:
        async with asyncio.timeout(_ACCOUNT_S):
            await _wait_for(client, account)
        for number in range(count):
            tasks.create_task(client.request("POST", path, application_pod(number)))


async def _wait_for(client: Client, path: str) -> None:
    while True:
        try:
            await client.request("GET", path)
        except RefusedError:
            await asyncio.sleep(_POLL_S)
        else:
            return


def application_pod(number: int) -> dict[str, Any]:
    """A pod of an ordinary application: some labels, two containers with some variables each."""
    app = f"app-{number % 100}"
    labels = {"app.kubernetes.io/name": app, "app.kubernetes.io/part-of": "shop", "tier": "web"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"crowd-{number}", "labels": labels},
        "spec": {
            "containers": [_container(app), _container("proxy")],
            "terminationGracePeriodSeconds": 0,
        },
    }


def _container(name: str) -> dict[str, Any]:
    variables = [{"name": f"SETTING_{each}", "value": f"value of {each}"} for each in range(20)]
    return {
        "name": name,
        "image": f"registry.example/shop/{name}:1.0.0",
        "env": variables,
        "ports": [{"name": "http", "containerPort": 8080}],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 5},
    }
