"""The address by which others know a machine."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from eureka_registry.http.addresses import address_of, first_address
from eureka_registry.http.sockets import bind


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_peer_that_listens_on_one_address_has_it(host: str) -> None:
    """Also if a name stands for it."""
    bound = bind(host, 0)
    found = address_of(bound)
    for each in bound:
        each.close()

    assert ipaddress.ip_address(found).is_loopback


@pytest.mark.parametrize("host", ["*", "0.0.0.0"])
def test_a_peer_that_listens_everywhere_has_the_machines_first(host: str) -> None:
    """Clients that prefer addresses would ask for its host name else; it is one of our own."""
    bound = bind(host, 0)
    found = address_of(bound)
    for each in bound:
        each.close()

    assert found == first_address()
    family = socket.AF_INET6 if ":" in found else socket.AF_INET
    with socket.socket(family) as own:
        own.bind((found, 0))
