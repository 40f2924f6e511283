import socket

from eureka_registry.local.machine import THIS_MACHINE


def test_names_of_this_machine_resolve() -> None:
    """And those that cannot exist do not (RFC 2606; a label of 70 letters)."""
    assert THIS_MACHINE.resolve("127.0.0.1") == "127.0.0.1"
    assert THIS_MACHINE.resolve("x" * 70) is None
    assert THIS_MACHINE.resolve("a..b") is None


def test_a_port_somebody_listens_on_is_not_free() -> None:
    """And it is again when nobody does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port: int = listener.getsockname()[1]

        assert not THIS_MACHINE.is_free(port)
    assert THIS_MACHINE.is_free(port)


def test_snapshots_have_a_folder() -> None:
    """Below the user's state."""
    assert THIS_MACHINE.state_folder.endswith("eurekube")
