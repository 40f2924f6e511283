"""Checks passwords one after the other, in a thread: scrypt takes a quarter of a second.

Users who are not there take as long as those who are, wait like them, and are refused like them.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

from eureka_registry.core import limits
from eureka_registry.http import auth
from eureka_registry.http.turns import Bounds, Turns, source_of

_BOUNDS: Final = Bounds(limits.MAX_CHECKS_PER_USER, limits.MAX_CHECKS_PER_SOURCE, limits.MAX_CHECKS)


class Claim(NamedTuple):
    """A check to make: `password` is the one stored as `stored`.

    `source` and `user` say whose share of the waiting places it takes.
    """

    source: str
    user: str
    stored: str
    password: bytes


class _Check(NamedTuple):
    key: bytes
    claim: Claim
    result: asyncio.Future[bool]


class Passwords:
    """Checks claims in turn; needs a running loop."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "passwords")
        self._turns: Turns[_Check] = Turns(_BOUNDS)
        self._results: dict[bytes, asyncio.Future[bool]] = {}
        self._worker: asyncio.Task[None] | None = None

    async def check(self, key: bytes, claim: Claim) -> bool:
        """Whether the claim is true; several calls with one `key` wait for one check.

        Raises:
            asyncio.QueueFull: too many wait, and this one was dropped.
        """
        if key not in self._results:
            self._begin(key, claim)
        # Who asked first may be gone, and others wait for the same.
        return await asyncio.shield(self._results[key])

    def close(self) -> None:
        """Check nothing more."""
        if self._worker is not None:
            self._worker.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _begin(self, key: bytes, claim: Claim) -> None:
        loop = asyncio.get_running_loop()
        result: asyncio.Future[bool] = loop.create_future()
        result.add_done_callback(lambda _: self._results.pop(key))
        self._results[key] = result
        dropped = self._turns.add(source_of(claim.source), claim.user, _Check(key, claim, result))
        if dropped is not None:
            dropped.result.set_exception(asyncio.QueueFull())
            dropped.result.exception()  # whoever waited for it may be gone: then nobody asks
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._work())

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while (check := self._turns.take()) is not None:
            claim = check.claim
            done = loop.run_in_executor(
                self._thread, auth.is_password, claim.stored, claim.password
            )
            await asyncio.wait([done])
            error = done.exception()
            if error is None:
                check.result.set_result(done.result())
            else:
                check.result.set_exception(error)
