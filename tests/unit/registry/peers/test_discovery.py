"""Who the peers are, and when that changes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from eureka_registry.config.files import MOST_BYTES
from eureka_registry.peers.discovery import (
    Look,
    Peer,
    PeerList,
    PeerState,
    in_dns,
    in_file,
    parse_peers,
    parse_urls,
    static_peers,
    watch,
)

ONE = '{"generation": 3, "peers": [{"name": "peer1", "url": "http://peer1:8761/eureka"}]}'
PEER1 = Peer("peer1", "http://peer1:8761/eureka/")


def test_peers_json_is_read() -> None:
    """This is the file the operator writes."""
    text = """{"generation": 3, "peers": [
        {"name": "peer1", "url": "http://Peer1:8761/eureka", "zone": "a", "state": "active"},
        {"name": "peer2", "url": "http://peer2:8761/eureka/", "zone": "b", "state": "draining"},
        {"name": "peer3", "url": "http://peer3:8761/eureka/", "state": "joining"}]}"""

    assert parse_peers(text) == PeerList(
        (
            Peer("peer1", "http://peer1:8761/eureka/", "a"),
            Peer("peer2", "http://peer2:8761/eureka/", "b", PeerState.DRAINING),
            Peer("peer3", "http://peer3:8761/eureka/", "", PeerState.JOINING),
        ),
        3,
    )


def test_names_of_pods_are_read() -> None:
    """A pod has its name before its peer is listed; old lists have none."""
    named = ONE.replace("}]}", '}], "names": {"eureka-peer-1": "peer1", "eureka-peer-2": "peer2"}}')

    assert parse_peers(named) == PeerList(
        (PEER1,), 3, {"eureka-peer-1": "peer1", "eureka-peer-2": "peer2"}
    )
    assert parse_peers(ONE) == PeerList((PEER1,), 3, None)


def test_only_a_draining_peer_takes_no_changes() -> None:
    """It is leaving; a joining one must not miss what happens while it copies."""
    takers = [state for state in PeerState if Peer("a", "http://a/", "", state).takes_changes]

    assert takers == [PeerState.JOINING, PeerState.ACTIVE]


def test_a_lone_peer_is_a_valid_list() -> None:
    """Scaled down to one, a cluster has no peers."""
    assert parse_peers('{"generation": 0, "peers": []}') == PeerList()


def test_unknown_keys_are_left_alone() -> None:
    """During an upgrade the operator is newer than the peers."""
    text = ONE.replace('"name"', '"weight": 1, "name"')

    assert parse_peers(text) == PeerList((PEER1,), 3)


def test_one_url_is_one_peer() -> None:
    """Two spellings of one peer would be sent everything twice."""
    text = """{"generation": 1, "peers": [{"name": "peer1", "url": "http://peer1:8761/eureka"},
        {"name": "again", "url": "http://PEER1:8761/eureka/"}]}"""

    assert parse_peers(text) == PeerList((PEER1,), 1)
    assert parse_peers(text.replace("http://peer1", " http://peer1")) == PeerList((PEER1,), 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "not a valid peer list"),
        (b"\xff\xfe", "not a valid peer list"),
        (b"[]", "not a valid peer list"),
        (b'{"peers": []}', "generation"),
        (b'{"generation": 1}', "peers"),
        (b'{"generation": -1, "peers": []}', ">= 0"),
        (
            b'{"generation": 1, "peers": [{"name": "a", "url": "a:1"}]}',
            "peer 'a': 'a:1' does not begin",
        ),
        (b'{"generation": 1, "peers": [{"name": "", "url": "http://a"}]}', "length >= 1"),
        (b'{"generation": 1, "peers": [{"name": "a", "url": "http://a", "state": "x"}]}', "state"),
        (
            ONE.replace("]", ', {"name": "peer1", "url": "http://peer2"}]').encode(),
            "the name 'peer1' stands for several peers",
        ),
        (
            b'{"generation": 1, "peers": [], "names": {"a-1": "peer1", "a-2": "peer1"}}',
            "names gives 'peer1' to several pods",
        ),
        (b'{"generation": 1, "peers": [], "names": {"a-1": ""}}', "length >= 1"),
    ],
)
def test_bad_peers_json_is_refused_with_a_sentence(text: bytes, words: str) -> None:
    """The sentence is shown on the management port and in the cluster's status."""
    problem = parse_peers(text)

    assert isinstance(problem, str)
    assert words in problem


def test_peers_of_bare_urls_are_named_by_their_hosts() -> None:
    """The name is what dashboards and metrics show."""
    urls = [" http://peer1:8761/eureka ", "http://localhost:1/", "http://localhost:2/", " "]

    assert parse_urls(urls) == PeerList(
        (
            PEER1,
            Peer("localhost:1", "http://localhost:1/"),
            Peer("localhost:2", "http://localhost:2/"),
        )
    )


def test_bad_url_in_a_list_is_refused_with_a_sentence() -> None:
    """A forgotten scheme is the commonest mistake."""
    assert parse_urls(["http://peer1/", "peer2:8761"]) == (
        "'peer2:8761' does not begin with http:// or https://"
    )


async def test_listed_peers_are_found() -> None:
    """The tutorials' way of wiring."""
    assert await static_peers(["http://peer1:8761/eureka"])() == PeerList((PEER1,))


async def test_peers_are_found_in_a_file(tmp_path: Path) -> None:
    """The operator's way of wiring."""
    path = tmp_path / "peers.json"
    path.write_text(ONE)

    assert await in_file(path)() == PeerList((PEER1,), 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file or directory"),
        ("{", "not a valid peer list"),
        (" " * (MOST_BYTES + 1), "larger than"),
    ],
)
async def test_unusable_file_is_a_problem_that_names_it(
    tmp_path: Path, content: str | None, words: str
) -> None:
    """Who reads it must know which file to mend."""
    path = tmp_path / "peers.json"
    if content is not None:
        path.write_text(content)
    problem = await in_file(path)()

    assert isinstance(problem, str)
    assert problem.startswith(f"{path}: ")
    assert words in problem


async def test_every_address_of_a_name_is_a_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A headless Service answers with all pods, of both families, one row per address."""
    resolve(monkeypatch, "10.0.0.2", "10.0.0.1", "10.0.0.1", "fd00::1")

    assert await in_dns("peers", 8761)() == PeerList(
        (
            Peer("10.0.0.1", "http://10.0.0.1:8761/eureka/"),
            Peer("10.0.0.2", "http://10.0.0.2:8761/eureka/"),
            Peer("fd00::1", "http://[fd00::1]:8761/eureka/"),
        )
    )


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "peers: name not known (Name or service not known)",
        ),
        (OSError("no DNS"), "peers: no DNS"),
    ],
)
async def test_name_without_addresses_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, error: OSError, problem: str
) -> None:
    """In a cluster's first seconds names are often not known yet."""
    resolve(monkeypatch, error)

    assert await in_dns("peers", 8761)() == problem


async def test_impossible_name_is_a_problem() -> None:
    """The resolver refuses it with an error of another kind."""
    problem = await in_dns("a" * 64, 8761)()

    assert isinstance(problem, str)
    assert problem.startswith(f"{'a' * 64}: ")
    assert "None" not in problem


async def test_only_changes_are_reported() -> None:
    """Each report makes and ends connections."""
    two = PeerList((PEER1, Peer("peer2", "http://peer2/")), 4)
    async with watching(PeerList((PEER1,), 3), PeerList((PEER1,), 3), two) as seen:
        assert await seen.get() == PeerList((PEER1,), 3)
        assert await seen.get() == two


async def test_last_good_list_stays_while_there_is_a_problem() -> None:
    """A bad edit must not part the cluster; the problem and its end are told once each."""
    good = PeerList((PEER1,), 3)
    async with watching(good, "broken", "broken", "worse", good, PeerList()) as seen:
        events = [await seen.get() for _ in range(5)]

    assert events == [good, "broken", "worse", None, PeerList()]


async def test_swapped_config_map_is_noticed(tmp_path: Path) -> None:
    """The kubelet never writes the file: it swaps the link `..data` to another folder."""
    for number in (3, 4):
        folder = tmp_path / f"..{number}"
        folder.mkdir()
        (folder / "peers.json").write_text(ONE.replace("3", str(number)))
    data = tmp_path / "..data"
    data.symlink_to("..3")
    (tmp_path / "peers.json").symlink_to("..data/peers.json")
    async with running(in_file(tmp_path / "peers.json")) as seen:
        assert await seen.get() == PeerList((PEER1,), 3)
        (tmp_path / "new").symlink_to("..4")
        (tmp_path / "new").rename(data)

        assert await seen.get() == PeerList((PEER1,), 4)


def resolve(monkeypatch: pytest.MonkeyPatch, *answers: str | OSError) -> None:
    """Let every name have these addresses, or fail like this."""

    async def getaddrinfo(_: object, port: int, **__: object) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        for answer in answers:
            if isinstance(answer, OSError):
                raise answer
            rows.append((0, 0, 0, "", (answer, port)))
        return rows

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


@asynccontextmanager
async def watching(
    *found: PeerList | str,
) -> AsyncIterator[asyncio.Queue[PeerList | str | None]]:
    """Watch a source that shows these one after the other, and the last for ever."""
    script: Iterator[PeerList | str] = iter(found)
    last = found[-1]

    async def look() -> PeerList | str:
        return next(script, last)

    async with running(look) as seen:
        yield seen


@asynccontextmanager
async def running(look: Look) -> AsyncIterator[asyncio.Queue[PeerList | str | None]]:
    """Watch, and queue what is reported."""
    seen: asyncio.Queue[PeerList | str | None] = asyncio.Queue()
    task = asyncio.create_task(watch(look, 0.001, seen.put_nowait, seen.put_nowait))
    try:
        async with asyncio.timeout(10):
            yield seen
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
