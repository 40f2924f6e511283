"""Carries TCP connections from one network namespace to another: `python -m cluster.relay`.

A socket stays in the namespace it was made in. So the listening one is made there, the process
then moves to where it dials, and carries bytes between the two.

Arguments: namespace, address and port to listen at, namespace, address and port to dial; a
namespace is a path, or `-` for the one it was started in. Prints the port it listens at.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Sequence
from typing import Final

from .namespaces import join_network

_CHUNK_BYTES: Final = 65536
_DIAL_S: Final = 5.0


def main(words: Sequence[str]) -> None:
    """Listen and carry until killed."""
    listen_in, address, port, dial_in, host, target = words
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    if listen_in != "-":
        join_network(listen_in)
    listener = socket.create_server((address, int(port)))
    # What it accepts inherits that; asyncio sees to it only for sockets made by itself. Without it
    # each answer of two parts takes 40 ms more.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    join_network(f"/proc/self/fd/{home}" if dial_in == "-" else dial_in)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    asyncio.run(_serve(listener, host, int(target)))


async def _serve(listener: socket.socket, host: str, port: int) -> None:
    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far = await asyncio.wait_for(asyncio.open_connection(host, port), _DIAL_S)
        except (OSError, TimeoutError):
            writer.transport.abort()
            return
        await asyncio.gather(_pump(reader, far[1]), _pump(far[0], writer))

    server = await asyncio.start_server(carry, sock=listener)
    await server.serve_forever()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry one direction to its end, and pass the end on."""
    try:
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        with contextlib.suppress(OSError):
            writer.transport.abort()


if __name__ == "__main__":
    main(sys.argv[1:])
