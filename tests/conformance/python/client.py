"""A program with py_eureka_client in it: commands as lines of JSON on its standard input.

The library logs to standard output, which is therefore turned to standard error.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from py_eureka_client import eureka_basic, eureka_client, http_client


class _WithToken(http_client.HttpClient):  # type: ignore[misc] # it has no types
    """Adds a bearer token to every request."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def urlopen(self, request: Any = None, *more: Any, **named: Any) -> Any:  # noqa: ANN401 - the client's own types
        if isinstance(request, str):
            request = http_client.HttpRequest(request)
        request.add_header("Authorization", f"Bearer {self._token}")
        return await super().urlopen(request, *more, **named)


def _apps() -> dict[str, dict[str, str]]:
    applications = eureka_client.get_client().applications
    return {
        application.name: {each.instanceId: each.status for each in application.instances}
        for application in applications.applications
    }


def _server() -> str:
    """The server that answered last (kept by the client under a private name)."""
    cached: dict[str, str] = eureka_client.get_client()._EurekaClient__cache_eureka_url
    return next(iter(cached.values()), "").rstrip("/") + "/"


def _do(command: dict[str, Any]) -> object:
    match command["do"]:
        case "apps":
            return _apps()
        case "server":
            return _server()
        case "status":
            asyncio.run(eureka_client.get_client().status_update(command["status"]))
            return "done"
        case "back":
            asyncio.run(eureka_client.get_client().delete_status_override())
            return "done"
        case "vip":
            found = asyncio.run(eureka_basic.get_vip(_server(), command["vip"]))
            return {i.instanceId: i.status for a in found.applications for i in a.instances}
        case "metadata":
            application = eureka_client.get_client().applications.get_application(command["app"])
            return application.get_instance(command["id"]).metadata
        case "call":
            return eureka_client.walk_nodes(command["app"], "/hello", walker=lambda url: url)
        case _:
            eureka_client.stop()
            return "stopped"


def main() -> None:
    """Start the client, then do what each line says until `stop`."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    settings = json.loads(sys.argv[1])
    if token := settings.pop("bearer", ""):
        http_client.set_http_client(_WithToken(token))
    eureka_client.init(**settings)
    print('"started"', file=answers, flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(_do(command)), file=answers, flush=True)
        if command["do"] == "stop":
            # Its heartbeat thread lives on and would register again within an interval.
            os._exit(0)


main()
