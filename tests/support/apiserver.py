"""An API server in memory: it holds objects, versions them, and tells of their changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web
from aiohttp.test_utils import RawTestServer
from kubernetes.aio.client import Configuration

Object = dict[str, Any]

_PLURALS: Final = (
    "namespaces",
    "secrets",
    "eurekaclusters",
    "mutatingwebhookconfigurations",
    "deployments",
    "eurekaregistrations",
    "services",
    "endpointslices",
    "pods",
    "configmaps",
)
_APPLY: Final = "application/apply-patch+yaml"


class ApiServer:
    """Objects by the path of their URL; writes are remembered as verb, path and field manager."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.writes: list[tuple[str, str, str]] = []
        self.refused: dict[str, int] = {}
        self._version = 100
        self._history: list[tuple[int, str, str, Object]] = []
        self._changed = asyncio.Condition()
        self._watches_end = False

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Configuration]:
        """Answer while the block runs; gives the way to it."""
        async with RawTestServer(self._answer) as server:
            found = Configuration()
            found.host = str(server.make_url("")).rstrip("/")
            yield found

    async def put(self, path: str, body: Object) -> Object:
        """Have an object there."""
        known = self.objects.get(path)
        self._version += 1
        named = {"name": path.rpartition("/")[2], "uid": f"uid-{self._version}"}
        if namespace := _namespace_of(path):
            named["namespace"] = namespace
        metadata = named | ((known or {}).get("metadata") or {}) | (body.get("metadata") or {})
        kept = body | {"metadata": metadata | {"resourceVersion": str(self._version)}}
        self.objects[path] = kept
        await self._tell("ADDED" if known is None else "MODIFIED", path)
        return kept

    async def delete(self, path: str) -> None:
        """Have it no more."""
        self._version += 1
        await self._tell("DELETED", path)
        del self.objects[path]

    async def end_watches(self) -> None:
        """End all watches, and each new one at once."""
        self._watches_end = True
        async with self._changed:
            self._changed.notify_all()

    async def _tell(self, kind: str, path: str) -> None:
        async with self._changed:
            self._history.append((self._version, kind, path, self.objects[path]))
            self._changed.notify_all()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        for start, status in self.refused.items():
            if path.startswith(start):
                return _failure(status)
        if request.method != "GET":
            return await self._write(request)
        if request.query.get("watch"):
            return await self._watch(request)
        if path.rpartition("/")[2] not in _PLURALS:
            found = self.objects.get(path)
            return _failure(404) if found is None else web.json_response(found)
        items = [
            each
            for at, each in self.objects.items()
            if _is_below(request, at) and _is_selected(request, each)
        ]
        version = {"resourceVersion": str(self._version)}
        return web.json_response({"metadata": version, "items": items})

    async def _write(self, request: web.BaseRequest) -> web.StreamResponse:
        body = json.loads(await request.read())
        path = request.path.removesuffix("/status")
        if request.method == "DELETE":
            self.writes.append((request.method, path, ""))
            await self.delete(path)
            return web.json_response({})
        if path != request.path and path not in self.objects:
            return _failure(404)  # only the object itself is made by an apply
        return await self._put(request, path, body)

    async def _put(self, request: web.BaseRequest, path: str, body: Object) -> web.StreamResponse:
        if request.method == "POST":
            path = f"{path}/{body['metadata']['name']}"
        known = self.objects.get(path)
        if request.method == "POST" and known is not None:
            return _failure(409, "AlreadyExists")
        if request.method == "PUT":
            sent = body["metadata"]["resourceVersion"]
            if known is None or sent != known["metadata"]["resourceVersion"]:
                return _failure(409, "Conflict")
        if request.content_type == _APPLY and known is not None:
            if body["metadata"].get("uid") not in (None, known["metadata"]["uid"]):
                return _failure(409, "Conflict")
            if _is_conflict(request, known, body):
                return _failure(409, "Conflict", "FieldManagerConflict")
            body = _merge(known, body)
        self.writes.append((request.method, path, request.query.get("fieldManager", "")))
        kept = await self.put(path, body)
        return web.json_response({**kept, "metadata": {"managedFields": [], **kept["metadata"]}})

    async def _watch(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        seen = int(request.query["resourceVersion"])
        while True:
            news = [each for each in self._history if each[0] > seen]
            for version, kind, path, found in news:
                seen = version
                if _is_below(request, path) and _is_selected(request, found):
                    line = json.dumps({"type": kind, "object": found}) + "\n"
                    await answer.write(line.encode())
            if self._watches_end:
                return answer
            if not news:
                async with self._changed:
                    await self._changed.wait()


def _namespace_of(path: str) -> str:
    """The namespace of an object by its path; empty if its kind has none."""
    above, _, namespace = path.rpartition("/")[0].rpartition("/")[0].rpartition("/")
    return namespace if above.endswith("/namespaces") else ""


def _is_below(request: web.BaseRequest, path: str) -> bool:
    """Whether an object is of the kind and namespace of a request, and has the name it selects."""
    chosen = request.query.get("fieldSelector", "").removeprefix("metadata.name=")
    above, _, name = path.rpartition("/")
    if "/namespaces/" not in request.path and above.count("/") > request.path.count("/"):
        start, _, rest = above.partition("/namespaces/")
        above = f"{start}/{rest.partition('/')[2]}"
    return above == request.path and chosen in ("", name)


def _is_selected(request: web.BaseRequest, found: Object) -> bool:
    """Whether it has the labels that a selector wants by their names; other terms do not count."""
    labels = found["metadata"].get("labels") or {}
    terms = request.query.get("labelSelector", "").split(",")
    return all(each in labels for each in terms if each and "=" not in each)


def _is_conflict(request: web.BaseRequest, known: Object, applied: Object) -> bool:
    """Whether data would change that another manager owns: whatever is there, without force."""
    data = known.get("data") or {}
    changed = any(data.get(key, text) != text for key, text in (applied.get("data") or {}).items())
    return changed and request.query.get("force") != "true"


def _merge(known: Object, applied: Object) -> Object:
    """Server-side apply, as far as lists of things with names go."""
    merged = dict(known)
    for key, value in applied.items():
        old = known.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            merged[key] = _merge(old, value)
        elif isinstance(value, list) and isinstance(old, list) and "name" in (*value, {})[0]:
            by_name = {each["name"]: each for each in value}
            merged[key] = [_merge(each, by_name.get(each["name"], {})) for each in old]
        else:
            merged[key] = value
    return merged


def _failure(status: int, reason: str = "", cause: str = "") -> web.Response:
    body = {"kind": "Status", "code": status, "reason": reason, "message": f"refused: {status}"}
    if cause:
        body["details"] = {"causes": [{"reason": cause}]}
    return web.json_response(body, status=status)
