"""A program for a pod of the registry's image: a client by HTTPS that trusts what a file holds.

Its argument is a JSON object: `urls` of peers, `app`, the pod's `namespace`, and `folder` with
`ca.crt` and `token`, both read again for each request, as they may change. Four times a second it
renews its lease at the next peer and looks it up there, each time over a connection of its own.
Once a second it prints a JSON object: `done`, the first of those that `failed`, and by URL the
`serial` of the certificate that was shown last.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import aiohttp
from yarl import URL

_EVERY_S: Final = 0.25
_KEPT: Final = 20
_ATTEMPTS: Final = 120
_TIMEOUT_S: Final = 10.0
_TIMEOUT: Final = aiohttp.ClientTimeout(total=_TIMEOUT_S)
_OK: Final = 200
_JSON: Final = {"Accept": "application/json", "Content-Type": "application/json"}


class Renewer:
    """One lease, and what came of its requests."""

    def __init__(self, app: str, namespace: str, folder: Path) -> None:
        self.path = f"apps/{app}/renewer"
        self.app = app
        self._namespace = namespace
        self._folder = folder
        self.done = 0
        self.failed: list[dict[str, str]] = []
        self.serials: dict[str, str] = {}

    async def register(self, url: str) -> None:
        """Try until a peer takes it: files and peers may not be there yet."""
        instance = {
            "instanceId": "renewer",
            "app": self.app,
            "hostName": "renewer",
            "ipAddr": "10.0.0.1",
            "status": "UP",
            "dataCenterInfo": {
                "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
                "name": "MyOwn",
            },
            "metadata": {"namespace": self._namespace},
        }
        body = json.dumps({"instance": instance}).encode()
        for _ in range(_ATTEMPTS):
            if not await self._problem("POST", url, f"apps/{self.app}", body):
                return
            await asyncio.sleep(1.0)
        raise RuntimeError(url)

    async def turn(self, url: str) -> None:
        """Renew and look up at one peer."""
        for method in ("PUT", "GET"):
            self._note(url, method, await self._problem(method, url, self.path))
            self.done += 1
        try:
            self.serials[url] = await self._serial(URL(url))
        except (OSError, TimeoutError) as error:
            self._note(url, "certificate", repr(error))

    def _note(self, url: str, what: str, problem: str) -> None:
        if problem and len(self.failed) < _KEPT:
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            self.failed.append({"at": at, "url": url, "problem": f"{what}: {problem}"})

    async def _serial(self, url: URL) -> str:
        """That of the certificate which a peer shows now."""
        async with asyncio.timeout(_TIMEOUT_S):
            _, writer = await asyncio.open_connection(url.host, url.port, ssl=self._context())
        shown = writer.get_extra_info("peercert")
        writer.close()
        return str(shown["serialNumber"])

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self._folder / "ca.crt"))

    async def _problem(self, method: str, url: str, path: str, body: bytes | None = None) -> str:
        """Send one request; why it failed, empty if it did not."""
        try:
            token = (self._folder / "token").read_text().strip()
            headers = {**_JSON, "Authorization": f"Bearer {token}"}
            connector = aiohttp.TCPConnector(ssl=self._context(), force_close=True)
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT, connector=connector) as session,
                session.request(method, f"{url}{path}", data=body, headers=headers) as answer,
            ):
                await answer.read()
                return "" if answer.status // 100 * 100 == _OK else f"answers {answer.status}"
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return repr(error)


async def _main(wanted: dict[str, Any]) -> None:
    renewer = Renewer(wanted["app"], wanted["namespace"], Path(wanted["folder"]))
    urls: list[str] = wanted["urls"]
    await renewer.register(urls[0])
    await asyncio.sleep(2.0)  # the others have it by then
    for number, url in enumerate(cycle(urls)):
        await renewer.turn(url)
        await asyncio.sleep(_EVERY_S)
        if number % 4 == 0:
            seen = {"done": renewer.done, "failed": renewer.failed, "serial": renewer.serials}
            print(json.dumps(seen), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(_main(json.loads(sys.argv[1])))
