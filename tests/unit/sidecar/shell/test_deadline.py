from __future__ import annotations

import socket

from eureka_sidecar.shell.deadline import Deadline
from eureka_sidecar.shell.loop import Event, Loop
from support.looped import result


def test_end_that_comes_nearer_ends_the_wait() -> None:
    """A drain has less time than a renewal was given; it must not wait for a silent server."""
    loop, changed = Loop(), Event()
    ends_ms = [loop.now_ms() + 60_000]
    deadline = Deadline(loop, lambda: ends_ms[-1], changed)
    one, other = socket.socketpair()

    async def wait() -> int:
        waits = 0
        while await deadline.readable(one.fileno()):
            waits += 1
        return waits

    async def shorten() -> None:
        ends_ms.append(loop.now_ms())
        changed.happen()

    async def both() -> int:
        loop.start(shorten())
        return await wait()

    with one, other:
        assert result(loop, both()) == 1


def test_part_of_a_deadline_ends_first() -> None:
    """One address gets a part of the time that the request has."""
    loop = Loop()
    end_ms = loop.now_ms() + 3_600_000
    whole = Deadline(loop, lambda: end_ms)

    assert whole.within(1_000).remaining_ms() <= 1_000
    assert whole.within(7_200_000).remaining_ms() > 3_000_000


def test_no_time_is_no_wait() -> None:
    """Also if it was over before."""
    loop = Loop()
    deadline = Deadline(loop, lambda: loop.now_ms() - 5)

    assert deadline.remaining_ms() == 0
    assert not result(loop, deadline.writable(0))
