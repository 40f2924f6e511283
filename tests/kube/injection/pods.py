"""Pods that are made by requests to the API server, and what stands around them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from support.standin.client import Client, RefusedError

_RANDOM: Final = ("uid", "creationTimestamp", "resourceVersion", "managedFields", "selfLink")
_TOKEN: Final = re.compile(r"kube-api-access-[a-z0-9]{5}")
_PATIENCE_S: Final = 90.0
_POLL_S: Final = 0.05

Object = dict[str, Any]


class Pods:
    """Makes pods, for real or as a dry run."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def create(self, namespace: str, pod: Mapping[str, Any], *, dry: bool = True) -> Object:
        """Create a pod; it as the API server has it then.

        Raises:
            RefusedError: with the API server's sentence.
        """
        metadata = {**pod.get("metadata", {}), "namespace": namespace}
        body = {**pod, "apiVersion": "v1", "kind": "Pod", "metadata": metadata}
        path = f"/api/v1/namespaces/{namespace}/pods"
        return await self._client.request("POST", f"{path}?dryRun=All" if dry else path, body)

    async def made(self, namespace: str, pod: Mapping[str, Any]) -> Object:
        """Create a pod for real, and delete it; it as it was between."""
        found = await self.create(namespace, pod, dry=False)
        path = f"/api/v1/namespaces/{namespace}/pods/{found['metadata']['name']}"
        with contextlib.suppress(RefusedError):  # a garbage collector was quicker: it has no owner
            await self._client.request("DELETE", f"{path}?gracePeriodSeconds=0")
        return found

    async def refusal(self, namespace: str, pod: Mapping[str, Any]) -> str:
        """What the API server says against a pod; empty: nothing."""
        try:
            await self.create(namespace, pod)
        except RefusedError as error:
            return str(error)
        return ""

    async def create_many(self, namespace: str, pods: Iterable[Mapping[str, Any]]) -> list[Object]:
        """Create pods, many at once."""
        return await asyncio.gather(*(self.create(namespace, each, dry=False) for each in pods))


def normalized(pod: Mapping[str, Any]) -> Object:
    """A pod without what is different each time that it is made."""
    metadata = {key: value for key, value in pod["metadata"].items() if key not in _RANDOM}
    if "generateName" in metadata:
        metadata.pop("name", None)
    text = json.dumps({**pod, "metadata": metadata})
    found: Object = json.loads(_TOKEN.sub("kube-api-access", text))
    return found


async def have_namespace(
    client: Client, name: str, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> None:
    """Have a namespace in which pods can be made; they get no token of the API's."""
    body = {"metadata": {"name": name, "labels": labels, "annotations": annotations}}
    await client.request("POST", "/api/v1/namespaces", body)
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    async with asyncio.timeout(_PATIENCE_S):
        while not await _is_there(client, account):  # noqa: ASYNC110 - another program makes it
            await asyncio.sleep(_POLL_S)
    patch = {"automountServiceAccountToken": False}
    await client.request("PATCH", account, patch, "application/merge-patch+json")


async def _is_there(client: Client, path: str) -> bool:
    try:
        await client.request("GET", path)
    except RefusedError:
        return False
    return True
