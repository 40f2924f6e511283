"""Reads `/peers` of each peer's management port: its own state, and how it sees the others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import aiohttp
import msgspec

from eureka_operator.core.kinds import Object
from eureka_operator.core.names import MANAGEMENT_PORT
from eureka_operator.shell import bodies

_TIMEOUT_S: Final = 2.0
_MOST_BYTES: Final = 4 * 1024 * 1024
_OK: Final = 200


async def reports(
    addresses: Mapping[str, str], port: int = MANAGEMENT_PORT
) -> dict[str, Object | str]:
    """Ask all peers at once; `addresses` are IPs by peer.

    A peer's answer is its document, or a text that says why there is none.
    """
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with aiohttp.ClientSession(
        timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        urls = [f"http://{_host(address)}:{port}/peers" for address in addresses.values()]
        answers = await asyncio.gather(*(_report(session, url) for url in urls))
    return dict(zip(addresses, answers, strict=True))


async def _report(session: aiohttp.ClientSession, url: str) -> Object | str:
    try:
        async with session.get(url, allow_redirects=False) as response:
            if response.status != _OK:
                return f"{url} answers {response.status}"
            body = await bodies.read(response, _MOST_BYTES)
    except TimeoutError:
        return f"{url} does not answer within {_TIMEOUT_S:g} s"
    except (aiohttp.ClientError, OSError) as error:
        return f"{url} cannot be reached: {error}"
    if body is None:
        return f"{url} answers with more than {_MOST_BYTES} bytes"
    return _parse(url, body)


def _parse(url: str, body: bytes) -> Object | str:
    try:
        return msgspec.json.decode(body, type=dict[str, object])
    except msgspec.MsgspecError as error:
        return f"{url} answers with no report: {error}"


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
