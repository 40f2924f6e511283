from __future__ import annotations

import asyncio
import math

from bench.passage import Passage


async def test_request_is_answered_and_written_down_with_its_moments() -> None:
    """What is measured is what passes: nothing is lost, and an answer has its own moment."""
    async with (
        await asyncio.start_server(_answer, "127.0.0.1", 0) as server,
        Passage(server.sockets[0].getsockname()[1]).open() as passage,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", _port(passage))
        for path in ("/one", "/two"):
            writer.write(f"PUT {path} HTTP/1.1\r\n\r\n".encode())
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        writer.close()

    assert [(each.method, each.path) for each in passage.passed] == [
        ("PUT", "/one"),
        ("PUT", "/two"),
    ]
    assert all(each.asked <= each.answered < math.inf for each in passage.passed)
    assert [each.path for each in passage.since(passage.passed[1].asked)] == ["/two"]


async def test_request_without_an_answer_has_no_moment_of_one() -> None:
    """A registry that hangs up has not registered anybody."""
    async with (
        await asyncio.start_server(_hang_up, "127.0.0.1", 0) as server,
        Passage(server.sockets[0].getsockname()[1]).open() as passage,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", _port(passage))
        writer.write(b"POST /one HTTP/1.1\r\n\r\n")
        assert await reader.read() == b""
        writer.close()

    assert [each.answered for each in passage.passed] == [math.inf]


def _port(passage: Passage) -> int:
    return int(passage.url.split(":")[2].partition("/")[0])


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readline():
        await reader.readline()
        writer.write(b"HTTP/1.1 200 OK\r\n")
    writer.close()


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.close()
