"""Which process is behind a URL."""

from __future__ import annotations

from eureka_registry.peers.identity import NodesSeen, Nonces


def test_only_a_number_that_arrives_here_shows_that_a_url_leads_here() -> None:
    """Our node id is in each of our requests; a number that came back through our port is not."""
    nonces = Nonces()
    lost, came = nonces.begin(), nonces.begin()
    for arrived in (came, None, "", "0" * 32):
        nonces.arrive(arrived)

    assert lost != came
    assert (nonces.end(lost), nonces.end(came)) == (False, True)


def test_number_counts_once() -> None:
    """Who has heard one cannot use it again."""
    nonces = Nonces()
    nonce = nonces.begin()
    nonces.end(nonce)
    nonces.arrive(nonce)

    assert nonces.begin() != nonce
    assert not nonces._arrived.get(nonce)


def test_restarts_are_not_several_processes() -> None:
    """Each has an id that was never seen."""
    seen = NodesSeen()

    assert [seen.hear(node) for node in ("a", "a", None, "b", "c", "c")] == [False] * 6
    assert (seen.current, seen.several) == ("c", False)


def test_id_that_comes_back_shows_several_processes() -> None:
    """A load balancer sends one request here and the next one there; said once."""
    seen = NodesSeen()

    assert [seen.hear(node) for node in "abab"] == [False, False, True, False]
    assert seen.several


def test_several_are_forgotten_when_one_alone_answers() -> None:
    """The list was mended, or the Service has one pod left."""
    seen = NodesSeen()
    for node in "aba":
        seen.hear(node)
    for _ in range(100):
        seen.hear("a")

    assert not seen.several


def test_ids_of_a_liar_do_not_gather() -> None:
    """It may have another one for each answer, and as long as a header may be."""
    seen = NodesSeen()
    for number in range(1_000):
        seen.hear(f"n{number}")
    seen.hear("x" * 65)

    assert len(seen._seen) <= 8
    assert seen.current == "n999"
