"""Bytes of the lists that clients fetch: ours beside Java's."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Sequence
from typing import Final

from bench.answers import BadAnswerError
from bench.line import Answer, Line
from bench.requests import APPS, place, registration, request
from bench.results import Better, Goal, Row

_ZIP: Final = {"Accept-Encoding": "gzip"}
_MOST_CHANGES: Final = 500
_PAUSE_S: Final = 0.05
_STEADY: Final = 20
"""So many answers in a row that are no smaller: the list has settled."""
TIMES_JAVA: Final = 1.2
"""A full list may be so many times as large as Java's, which is compressed as a whole."""


async def bytes_of_lists(ports: Sequence[int], instances: int) -> list[Row]:
    """Sizes at one of our servers and at Java's, which hold the same.

    Measured while one instance changes all the time. Everything has changed shortly before:
    our lists are then compressed fast, and densely after a second (`wire/pieces.py`).
    """
    ours, java = [await asyncio.to_thread(_sizes, port, instances) for port in ports]
    rows = [
        Row(f"bytes of {name}", "kB", Better.LESS, [ours[name] / 1e3], [java[name] / 1e3])
        for name in ours
    ]
    first = next(iter(ours))
    share = ours[first] / java[first]
    note = f"{ours[first]:,} and {java[first]:,} bytes"
    return [
        *rows,
        Row(f"{first}, beside Java's", "times", Better.LESS, [share], [], Goal(TIMES_JAVA), note),
    ]


def _sizes(port: int, instances: int) -> dict[str, int]:
    """Bytes of each kind of answer, by what it is."""
    app = f"{APPS}/{place(0).app}"
    compact = {"X-Eureka-Accept": "compact"}
    asked = {
        f"a full list, JSON, gzip, {instances:,} instances": (APPS, _accept("json")),
        "a full list, XML, gzip": (APPS, _accept("xml")),
        "a full list, compact JSON, gzip": (APPS, {**_accept("json"), **compact}),
        "a full list, JSON, plain": (APPS, {"Accept": "application/json"}),
        "one application, JSON; Java compresses none": (app, _accept("json")),
    }
    found = {}
    with Line(port) as line:
        for name, (path, headers) in asked.items():
            answer = _settled_answer(line, request("GET", path, headers))
            if path != app and "Accept-Encoding" in headers and answer.body[:2] != b"\x1f\x8b":
                raise BadAnswerError(f"{name} is not compressed")
            if path == APPS and not _is_whole(answer.body, instances):
                raise BadAnswerError(f"{name} does not show {instances:,} instances")
            found[name] = len(answer.body)
    return found


def _settled_answer(line: Line, asked: bytes) -> Answer:
    """The answer once it does not become smaller any more, whatever else changes."""
    smallest = answer = line.demand(asked, 200)
    steady = 0
    for number in range(_MOST_CHANGES):
        line.demand(registration(0, f"size-{number}"), 204)
        answer = line.demand(asked, 200)
        steady = 0 if len(answer.body) < 0.999 * len(smallest.body) else steady + 1
        if steady == _STEADY:
            break
        smallest = min(smallest, answer, key=lambda each: len(each.body))
        time.sleep(_PAUSE_S)
    return answer


def _accept(kind: str) -> dict[str, str]:
    return {"Accept": f"application/{kind}", **_ZIP}


def _is_whole(body: bytes, instances: int) -> bool:
    text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    shown = max(text.count(b'"instanceId":'), text.count(b"<instanceId>"))
    return shown in (instances, instances + 1)  # a peer may list itself
