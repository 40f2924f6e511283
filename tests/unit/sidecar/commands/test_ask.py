from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from eureka_sidecar.commands.ask import ask

WAIT_S = 10
REGISTRY = {
    "url": "http://eureka:8761/eureka/",
    "state": "registered",
    "settled": True,
    "status": "UP",
    "sinceMs": 1_000,
    "renewedMs": 1_000,
    "endsMs": 89_000,
}


def document(**registry: object) -> dict[str, Any]:
    """What a sidecar answers; its registry differs by these fields."""
    return {
        "paused": False,
        "notes": [],
        "instances": [
            {
                "app": "orders",
                "id": "orders-1",
                "address": "10.0.0.5",
                "port": 8080,
                "application": {"status": "UP", "sinceMs": 0, "reason": "it answered"},
                "notes": [],
                "registries": [{**REGISTRY, **registry}],
            }
        ],
    }


class Stub:
    """Answers one question at an abstract name."""

    def __init__(self, answer: object) -> None:
        self.name = f"@eurekube-test-{os.getpid()}-{os.urandom(4).hex()}"
        self.asked = ""
        self._line = json.dumps(answer).encode() + b"\n"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.settimeout(WAIT_S)
        self._listener.bind(f"\0{self.name[1:]}")
        self._listener.listen(1)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with self._listener:
            client, _ = self._listener.accept()
            with client, client.makefile("rb") as lines:
                self.asked = json.loads(lines.readline())["do"]
                client.sendall(self._line)

    def close(self) -> None:
        """Wait until it has answered."""
        self._thread.join(WAIT_S)


Answer = Callable[[object], Stub]


@pytest.fixture
def answering() -> Iterator[Answer]:
    """Makes a sidecar that answers so."""
    stubs: list[Stub] = []

    def make(answer: object) -> Stub:
        stubs.append(Stub(answer))
        return stubs[-1]

    yield make
    for each in stubs:
        each.close()


@pytest.mark.parametrize(
    ("command", "registry", "status"),
    [
        ("status", {}, 0),
        ("status", {"settled": False}, 0),
        ("status", {"state": "registering"}, 1),
        ("status", {"state": "removed"}, 1),
        ("drain", {"state": "removed"}, 0),
        ("drain", {"state": "removing"}, 1),
        ("drain", {}, 1),
        ("pause", {}, 0),
        ("pause", {"settled": False}, 1),
        ("resume", {"settled": False}, 1),
        ("resume", {}, 0),
    ],
)
def test_exit_status_says_whether_it_is_as_wished(
    answering: Answer, command: str, registry: dict[str, object], status: int
) -> None:
    """Scripts and `preStop` look at nothing else."""
    sidecar = answering(document(**registry))

    assert ask([command, "--socket", sidecar.name]) == status
    sidecar.close()
    assert sidecar.asked == command


def test_answer_is_printed_in_sentences(
    answering: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    """For who looks; the sentences are those of the report."""
    ask(["status", f"--socket={answering(document()).name}"])

    printed = capsys.readouterr()
    assert printed.out.splitlines()[:2] == [
        "orders at 10.0.0.5:8080, id orders-1",
        "  clients      find it",
    ]
    assert not printed.err


@pytest.mark.parametrize("flags", [["-o", "json"], ["-o=json"]])
def test_answer_is_printed_as_it_came_for_programs(
    answering: Answer, capsys: pytest.CaptureFixture[str], flags: list[str]
) -> None:
    """Sentences change."""
    ask(["status", *flags, "--socket", answering(document()).name])

    assert json.loads(capsys.readouterr().out) == document()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["status", "--json"], "unknown option '--json'; there are --socket, -o"),
        (["status", "--hold", "5"], "unknown option '--hold'; there are --socket, -o"),
        (["drain", "me:secret@x"], ("unknown option what was given; there are --socket, -o,"
         " --hold")),
        (["status", "-o"], "-o lacks its value"),
        (["status", "-o", "yaml"], "-o can only be json"),
        *((["drain", "--hold", each], "--hold must be a number of seconds, at most 3600")
          for each in ("x", "-1", "1.5", "²", "3601", "9" * 5_000, "")),
    ],
)  # fmt: skip
def test_wrong_options_are_explained_before_anything_is_asked(
    capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    """A drain cannot be taken back, so a typing error must not cause one."""
    assert ask(words) == 2

    assert capsys.readouterr().err == f"eureka-sidecar {words[0]}: {sentence}\n"


def test_nobody_who_answers_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    """It is another matter than an instance that is not registered."""
    assert ask(["status", "--socket", "@eurekube-test-nobody"]) == 2

    printed = capsys.readouterr()
    assert not printed.out
    assert printed.err.startswith("eureka-sidecar: no sidecar answers at @eurekube-test-nobody")


def test_refusal_is_told(answering: Answer, capsys: pytest.CaptureFixture[str]) -> None:
    """Such as a `resume` while the annotation pauses."""
    sidecar = answering({"error": "the pod is paused by its annotation"})

    assert ask(["resume", "--socket", sidecar.name]) == 2
    assert "refuses: the pod is paused by its annotation" in capsys.readouterr().err


@pytest.mark.parametrize(
    "answer", [{}, {"instances": [{}]}, {"instances": 5}, {**document(), "notes": None}]
)
def test_answer_of_another_version_is_no_traceback(
    answering: Answer, capsys: pytest.CaptureFixture[str], answer: object
) -> None:
    """The image of the sidecar and that of who asks may differ."""
    sidecar = answering(answer)

    assert ask(["status", "--socket", sidecar.name]) == 2
    assert capsys.readouterr().err == (
        f"eureka-sidecar: what answers at {sidecar.name} is not a sidecar of this version\n"
    )


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_is_shown_instead(capsys: pytest.CaptureFixture[str], word: str) -> None:
    """`drain --help` must not drain."""
    assert ask(["drain", word]) == 0

    assert "eureka-sidecar drain [--hold SECONDS]" in capsys.readouterr().out
