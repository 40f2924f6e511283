import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.local.ports import Ports, RequestedPorts, assign


def free(_: int) -> bool:
    """Nobody else listens."""
    return True


def test_wishes_are_granted_and_management_is_a_thousand_above() -> None:
    """8761, 8762, 8763: a management port of 8763 would be the third peer's."""
    wishes = [RequestedPorts(f"peer{k}", 8760 + k) for k in (1, 2, 3)]

    ports, lines = assign(wishes, free)

    assert ports == [Ports(8761, 9761), Ports(8762, 9762), Ports(8763, 9763)]
    assert lines == []


def test_the_second_peer_with_a_port_gets_the_next_free_one() -> None:
    """In containers all listen on 8761."""
    ports, lines = assign(
        [RequestedPorts("a", 8761), RequestedPorts("b", 8761), RequestedPorts("c", 8762)],
        lambda p: p != 8763,
    )

    assert [got.port for got in ports] == [8761, 8764, 8762]
    assert lines == ["b: port 8761 is a's already (Java would fail to bind), so 8764"]


def test_a_management_port_of_the_file_is_kept_unless_it_is_taken() -> None:
    """Common to all profiles it can be only one's."""
    ports, _ = assign([RequestedPorts("a", 1111, 9000), RequestedPorts("b", 2222, 9000)], free)

    assert ports == [Ports(1111, 9000), Ports(2222, 3222)]


def test_a_management_port_keeps_clear_of_peers() -> None:
    """Peers a thousand apart, and at the end of the numbers."""
    ports, _ = assign(
        [RequestedPorts("a", 8761), RequestedPorts("b", 9761), RequestedPorts("c", 65535)], free
    )

    assert [got.management for got in ports] == [9762, 10761, 1024]


@given(
    st.lists(
        st.tuples(st.integers(1, 65535), st.just(0) | st.integers(1, 65535)), min_size=1, max_size=9
    )
)
def test_no_port_is_given_twice(wishes: list[tuple[int, int]]) -> None:
    """Whatever the files say."""
    ports, _ = assign([RequestedPorts(str(n), *wish) for n, wish in enumerate(wishes)], free)

    given_ports = [number for got in ports for number in (got.port, got.management)]
    assert len(set(given_ports)) == len(given_ports)
    assert ports[0].port == wishes[0][0]


def test_a_machine_without_a_free_port_is_told() -> None:
    """It ends instead of looking for ever."""
    with pytest.raises(ValueError, match="no port is free"):
        assign([RequestedPorts("a", 8761), RequestedPorts("b", 8761)], lambda _: False)
