"""An API server that is a table of answers."""

from __future__ import annotations

import json
from typing import Any, Final

from aiohttp import web

FORBIDDEN: Final = {
    "kind": "Status",
    "reason": "Forbidden",
    "message": 'services "peer1" is forbidden',
    "code": 403,
}


def cluster(name: str = "eureka", **spec: object) -> dict[str, Any]:
    """An EurekaCluster whose second peer is ready."""
    peers = [{"name": "peer1", "state": "Pending"}, {"name": "peer2", "state": "Ready"}]
    return {
        "metadata": {"namespace": "shop", "name": name},
        "spec": spec,
        "status": {"peers": peers},
    }


class Api:
    """Answers by path, and what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, object]] = {}
        self.asked: list[str] = []

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Give the answer; 404 as the API server says it if there is none."""
        self.asked.append(f"{request.method} {request.raw_path}")
        gone = (404, {"kind": "Status", "reason": "NotFound", "message": "not found"})
        status, body = self.answers.get(request.path, gone)
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, content_type="application/json")


def listed(*items: object) -> dict[str, Any]:
    """All objects of a kind."""
    return {"metadata": {}, "items": [*items]}
