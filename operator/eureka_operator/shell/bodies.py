"""Reads bodies of answers up to a limit."""

from __future__ import annotations

import aiohttp


async def read(response: aiohttp.ClientResponse, most_bytes: int) -> bytes | None:
    """The body; `None` if it is too large, and then the connection is closed."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most_bytes:
            response.close()
            return None
    return bytes(body)
