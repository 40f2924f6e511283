"""What a peer listens on."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from eureka_registry.http import sockets
from eureka_registry.http.sockets import PortInUseError, bind, port_of


@pytest.fixture
def everywhere() -> Iterator[list[socket.socket]]:
    """Sockets that listen on `*`."""
    bound = bind("*", 0)
    for each in bound:
        each.listen()
    yield bound
    for each in bound:
        each.close()


def reaches(host: str, port: int) -> bool:
    """Whether somebody listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as client:
        return client.connect_ex((host, port)) == 0


def test_every_network_is_both_families_at_one_port(everywhere: list[socket.socket]) -> None:
    """A pod has addresses of either family, or of both."""
    port = port_of(everywhere)

    assert {each.family for each in everywhere} == families()
    assert all(reaches(host, port) for host in ("127.0.0.1", "::1")[: len(everywhere)])


def test_machine_without_ipv6_listens_on_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switched off in the kernel, a socket of IPv6 can be had, but no address for it."""
    monkeypatch.setitem(sockets._EVERY_ADDRESS, socket.AF_INET6, "2001:db8::1")

    (only,) = bind("*", 0)

    assert only.family is socket.AF_INET
    only.close()


def test_port_that_is_taken_in_one_family_is_a_sentence(everywhere: list[socket.socket]) -> None:
    """Half a peer would be worse than none."""
    port = port_of(everywhere)

    with pytest.raises(PortInUseError, match=f"port {port}: address already in use"):
        bind("*", port)


def families() -> set[socket.AddressFamily]:
    """Those of this machine."""
    found = {socket.AF_INET}
    try:
        with socket.socket(socket.AF_INET6) as trial:
            trial.bind(("::1", 0))
        found.add(socket.AF_INET6)
    except OSError:
        pass
    return found
