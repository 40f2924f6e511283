from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from eureka_sidecar.shell.deadline import Deadline
from eureka_sidecar.shell.loop import Loop
from eureka_sidecar.shell.resolve import ResolveError, Resolver
from support.looped import result

if TYPE_CHECKING:
    from eureka_sidecar.shell.resolve import Address

HERE: Address = (socket.AF_INET, ("127.0.0.1", 8761))
THERE: Address = (socket.AF_INET, ("127.0.0.2", 8761))


class Names:
    """A name server that is scripted: what each look-up gives, and whether it answers at all."""

    def __init__(self) -> None:
        self.answers: list[list[Address] | OSError] = []
        self.asked = 0
        self.answering = threading.Event()
        self.answering.set()

    def look_up(self, _host: str, _port: int) -> list[Address]:
        """As `system_addresses`."""
        self.asked += 1
        self.answering.wait(10)
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer


@pytest.fixture
def names() -> Iterator[Names]:
    """A name server; no thread of it is left."""
    names = Names()
    yield names
    names.answering.set()


def addresses_of(resolver: Resolver, wait_ms: int = 5_000, host: str = "registry") -> list[Address]:
    """What the resolver says within a time."""
    loop = Loop()
    end_ms = loop.now_ms() + wait_ms
    found = resolver.addresses(host, 8761, Deadline(loop, lambda: end_ms))
    return list(result(loop, found))


def wait_for_addresses(
    resolver: Resolver, expected: Callable[[list[Address]], bool]
) -> list[Address]:
    """Ask again until the thread of an earlier look-up is done."""
    while not expected(found := addresses_of(resolver)):
        pass
    return found


@pytest.mark.parametrize(
    ("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)]
)
def test_address_needs_no_look_up(names: Names, host: str, family: int) -> None:
    """No thread either."""
    assert addresses_of(Resolver(names.look_up), host=host) == [(family, (host, 8761))]
    assert names.asked == 0


def test_name_is_looked_up_by_the_system() -> None:
    """`localhost` is in every `/etc/hosts`."""
    assert (socket.AF_INET, ("127.0.0.1", 8761)) in addresses_of(Resolver(), host="localhost")


def test_name_without_an_address_is_explained() -> None:
    """`.invalid` never has one (RFC 6761)."""
    with pytest.raises(ResolveError, match=r"cannot resolve registry\.invalid: \w+"):
        addresses_of(Resolver(), host="registry.invalid", wait_ms=30_000)


def test_each_time_the_name_is_looked_up_again(names: Names) -> None:
    """A registry's pods get new addresses."""
    names.answers = [[HERE], [THERE]]
    resolver = Resolver(names.look_up)

    assert addresses_of(resolver) == [HERE]
    assert addresses_of(resolver) == [THERE]


def test_last_addresses_are_used_while_the_name_server_fails(names: Names) -> None:
    """A cluster's DNS being away costs no lease."""
    names.answers = [[HERE], socket.gaierror(socket.EAI_AGAIN, "try again"), []]
    resolver = Resolver(names.look_up)

    assert addresses_of(resolver) == [HERE]
    assert addresses_of(resolver) == [HERE]
    assert addresses_of(resolver) == [HERE]
    assert names.asked == 3


def test_last_addresses_are_used_while_the_name_server_is_silent(names: Names) -> None:
    """A third of the time is spent on it, so that the rest suffices to connect."""
    names.answers = [[HERE], [THERE]]
    resolver = Resolver(names.look_up)
    addresses_of(resolver)
    names.answering.clear()
    loop = Loop()
    end_ms = loop.now_ms() + 600
    deadline = Deadline(loop, lambda: end_ms)

    assert result(loop, resolver.addresses("registry", 8761, deadline)) == [HERE]
    assert deadline.remaining_ms() > 0

    names.answering.set()
    names.answers += [[THERE]] * 1_000
    wait_for_addresses(resolver, lambda found: found == [THERE])


def test_look_ups_that_never_return_do_not_pile_up(names: Names) -> None:
    """A thread for each renewal would end at the pod's limit of processes."""
    names.answering.clear()
    resolver = Resolver(names.look_up)

    for _ in range(5):
        with pytest.raises(ResolveError, match="does not answer in time"):
            addresses_of(resolver, wait_ms=1)

    assert names.asked <= 1  # the thread may not have been given the processor yet


def test_look_up_under_way_is_shared(names: Names) -> None:
    """Several instances of one pod ask for the same registry at the same moment."""
    names.answers = [[HERE]]
    names.answering.clear()
    resolver = Resolver(names.look_up)
    loop = Loop()
    end_ms = loop.now_ms() + 5_000
    deadline = Deadline(loop, lambda: end_ms)
    found: list[Address] = []

    async def ask() -> None:
        found.extend(await resolver.addresses("registry", 8761, deadline))

    async def both() -> None:
        tasks = [loop.start(ask()), loop.start(ask())]
        await loop.sleep(loop.now_ms())
        names.answering.set()
        for task in tasks:
            if not task.done:
                await loop.wait_for_event(task.finished, end_ms)

    result(loop, both())

    assert found == [HERE, HERE]
    assert names.asked == 1


def test_more_addresses_than_can_be_tried_are_left_out(names: Names) -> None:
    """An answer is bounded as everything else that comes from outside."""
    names.answers = [[HERE] * 100]

    assert len(addresses_of(Resolver(names.look_up))) == 8


def test_cancelled_look_up_leaves_no_descriptor_registered(names: Names) -> None:
    """A drain cancels the registration under way and asks for the same name at once."""
    names.answers = [[HERE]]
    names.answering.clear()
    resolver = Resolver(names.look_up)
    loop = Loop()
    end_ms = loop.now_ms() + 5_000
    deadline = Deadline(loop, lambda: end_ms)

    async def ask() -> None:
        await resolver.addresses("registry", 8761, deadline)

    async def cancel_and_ask() -> list[Address]:
        task = loop.start(ask())
        await loop.sleep(loop.now_ms())
        task.cancel()
        names.answering.set()
        return list(await resolver.addresses("registry", 8761, deadline))

    assert result(loop, cancel_and_ask()) == [HERE]
    assert names.asked == 1
