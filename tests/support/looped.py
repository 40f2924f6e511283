"""Runs one coroutine of the sidecar in a loop of its own."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from eureka_sidecar.shell.loop import Loop

T = TypeVar("T")


def result(loop: Loop, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run the loop until the coroutine ends; what it returned, or raise what it raised."""
    results: list[T] = []
    errors: list[BaseException] = []

    async def run() -> None:
        try:
            results.append(await coroutine)
        except Exception as error:  # noqa: BLE001 - raised again below
            errors.append(error)
        loop.stop()

    loop.start(run())
    loop.run()
    if errors:
        raise errors[0]
    return results[0]
