"""The application of these tests, for a pod of the registry's image: `application.py PORT`.

It answers every request with its pod's name. At SIGTERM it writes the time and ends at once, as
most programs do: who still calls it then is refused.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

_BODY = os.environ["HOSTNAME"].encode()
_ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (
    len(_BODY),
    _BODY,
)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_ANSWER)
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    writer.close()


async def main(port: int) -> None:
    """Answer until SIGTERM."""
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    await asyncio.start_server(_answer, "", port, backlog=1024)
    await end.wait()
    print(f"SIGTERM {time.time():.3f}", flush=True)  # noqa: T201 - the test reads it
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
