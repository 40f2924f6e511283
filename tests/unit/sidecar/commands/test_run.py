from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from eureka_sidecar.commands.run import own_ip, read, run
from eureka_sidecar.core.settings import Problems
from eureka_sidecar.shell.files import MAX_BYTES

LEAST = ("--app", "orders", "--port", "8080", "--registry", "http://127.0.0.1:1/eureka/")
DOCUMENT = (
    '{"instances": [{"app": "stock", "port": 1}], "registries": [{"urls": ["http://127.0.0.1:1"]}]}'
)
POD = {
    "EUREKA_POD_IP": "10.0.0.5",
    "EUREKA_POD_NAME": "orders-1",
    "EUREKA_POD_NAMESPACE": "shop",
    "EUREKA_POD_UID": "uid-1",
    "EUREKA_NODE_NAME": "node-1",
}


def program(*flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The program itself, which changes the signals of its process; it must end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "eureka_sidecar", *flags],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_pod_says_who_it_is_by_its_environment() -> None:
    """The downward API has no other way to say its address."""
    (instance,) = read(LEAST, POD).instances

    assert (instance.ip, instance.id) == ("10.0.0.5", "orders-1.shop:orders:8080")
    assert instance.metadata == {
        "pod-name": "orders-1", "pod-uid": "uid-1", "namespace": "shop", "node": "node-1",
    }  # fmt: skip


def test_plain_process_finds_its_host_and_address() -> None:
    """The registry of this test is on loopback, so others on this machine only can call it."""
    (instance,) = read(LEAST, {}).instances

    assert (instance.ip, instance.id) == ("127.0.0.1", f"{socket.gethostname()}:orders:8080")


def machine(*ways: tuple[str, str]) -> Callable[[str], str]:
    """A machine whose address on the way to some others is this."""
    return lambda where: dict(ways).get(where, "")


DEFAULT_4 = ("192.0.2.1", "10.1.1.1")
DEFAULT_6 = ("2001:db8::1", "fd00::1")


@pytest.mark.parametrize(
    ("host", "ways", "ip"),
    [
        ("localhost", (DEFAULT_4,), "127.0.0.1"),
        ("127.0.0.1", (("127.0.0.1", "127.0.0.1"), DEFAULT_4), "127.0.0.1"),
        ("::1", (("::1", "::1"), DEFAULT_4), "::1"),
        ("172.16.0.9", (("172.16.0.9", "172.16.0.1"), DEFAULT_4), "172.16.0.1"),
        ("fd00::9", (("fd00::9", "fd00::2"), DEFAULT_4), "fd00::2"),
        ("eureka.example", (DEFAULT_4, DEFAULT_6), "10.1.1.1"),
        ("eureka.example", (DEFAULT_6,), "fd00::1"),
        ("10.9.9.9", (DEFAULT_6,), "fd00::1"),
        ("127.example", (DEFAULT_4,), "10.1.1.1"),
        ("", (DEFAULT_4,), "10.1.1.1"),
        ("eureka.example", (), ""),
    ],
)
def test_own_address_is_the_one_from_which_the_registry_is_reached(
    host: str, ways: tuple[tuple[str, str], ...], ip: str
) -> None:
    """Clients are where the registry is; also on a machine that has IPv6 only."""
    assert own_ip(host, machine(*ways)) == ip


@pytest.mark.parametrize("url", ["http://[::1]:1/", "http://127.0.0.2:1/"])
def test_loopback_is_asked_of_the_kernel(url: str) -> None:
    """Each is a real route here; without IPv6 the default route is taken."""
    (instance,) = read((*LEAST[:4], "--registry", url), {"EUREKA_POD_IP": ""}).instances

    assert instance.ip


@pytest.mark.parametrize(
    "document",
    ['{"registries": 5}', '{"registries": [5]}', '{"registries": [{"urls": 5}]}',
     '{"registries": [{"urls": [5]}]}', '{"registries": [{"urls": []}]}'],
)  # fmt: skip
def test_registry_that_cannot_be_read_is_told_once(document: str) -> None:
    """Its host is looked at before the configuration is checked."""
    with pytest.raises(Problems) as caught:
        read(("--app", "a", "--port", "1"), {"EUREKA_SIDECAR_CONFIG": document})

    assert len(caught.value.sentences) == 1
    assert caught.value.sentences[0].startswith(("registry 1", "registries must"))


def test_document_is_of_the_file_else_of_the_environment(tmp_path: Path) -> None:
    """An injector has the environment only; who wrote the file named it on purpose."""
    file = tmp_path / "config.json"
    file.write_text(DOCUMENT.replace("stock", "file"))
    environment = {"EUREKA_SIDECAR_CONFIG": DOCUMENT}

    assert read((), environment).instances[0].app == "stock"
    assert read(("--config", str(file)), environment).instances[0].app == "file"
    assert read(("--app", "flag"), environment).instances[0].app == "flag"


def test_empty_variable_is_none() -> None:
    """Templates write it so."""
    assert read(LEAST, {"EUREKA_SIDECAR_CONFIG": ""}).instances[0].app == "orders"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot read the configuration {path}: No such file or directory"),
        (b"\xff\xfe", "cannot read the configuration {path}: it is not a text in UTF-8"),
        (b" " * (MAX_BYTES + 1), "cannot use the configuration {path}: it is longer than 262144"),
        (b"[]", "{path} must be a JSON object"),
    ],
)
def test_file_that_cannot_be_used_is_explained(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    """Cut in the middle it would be called broken JSON, which it is not."""
    file = tmp_path / "config.json"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(Problems) as caught:
        read((*LEAST, "--config", str(file)), {})
    assert caught.value.sentences == (sentence.format(path=file),)


def test_each_problem_is_a_line_and_the_status_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    """As of any command that is not used as it should be."""
    assert run(["--app", "a b", "--port", "x"]) == 2

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("eureka-sidecar: ") for line in lines)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--listen", "0.0.0.0:80"), "cannot listen at 0.0.0.0:80"),
        (("--listen", "nonsense"), "'nonsense' is no HOST:PORT to listen at"),
        (("--socket", "/nowhere/sidecar.sock"), "cannot listen at /nowhere/sidecar.sock"),
    ],
)
def test_what_cannot_be_opened_is_a_sentence_and_status_1(
    flags: tuple[str, ...], sentence: str
) -> None:
    """A traceback would tell its reader less."""
    name = f"@eurekube-test-{os.getpid()}-{os.urandom(4).hex()}"
    found = program(*LEAST, "--socket", name, *flags)

    assert found.returncode == 1
    assert found.stderr.startswith(f"eureka-sidecar: {sentence}")
    assert found.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [["--help"], ["--app", "a", "-h"]])
def test_help_is_shown_wherever_it_is_asked_for(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """`run --help` is what one tries first."""
    assert run(words) == 0
    assert "--registry URL" in capsys.readouterr().out


def test_help_of_the_command_is_its_own() -> None:
    """`-- ./orders --help` shows the application's."""
    assert read((*LEAST, "--", "./orders", "--help"), {}).command == ("./orders", "--help")


def test_broken_json_is_a_sentence_in_the_program_itself() -> None:
    """There `json` is not loaded, without which its C code has no error for broken texts."""
    found = program(EUREKA_SIDECAR_CONFIG='{"a')

    assert found.returncode == 2
    assert found.stderr.startswith("eureka-sidecar: EUREKA_SIDECAR_CONFIG is not JSON: ")
    assert found.stderr.count("\n") == 1
