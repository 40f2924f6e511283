"""Every file that a running peer reads again, damaged in every way that was thought of.

What is damaged changes nothing and is told in one line, once; mended, it counts. At a start the
same is a sentence.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.files import load_or_refuse
from eureka_registry.config.load import load
from eureka_registry.config.settings import Settings
from eureka_registry.http import auth
from eureka_registry.http.configuration import Configuration
from eureka_registry.http.files import PeerCredentials
from eureka_registry.http.guard import Guard
from eureka_registry.http.tls import Tls
from eureka_registry.peers import discovery
from support.authority import Authority
from support.issuer import Issuer, key_set

DEEP = "[" * 100_000
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
TEXTS: dict[str, str | bytes] = {
    "deep": DEEP,
    "deep member": f'{{"generation": 1, "peers": [], "users": {{}}, "x": {DEEP}',
    "bomb": BOMB,
    "circle": "a: &a {b: *a}",
    "timestamp": "2024-01-01 10:00:00: 2024-01-01",
    "timestamp without an hour": "name: 2024-01-01 99:00:00",
    "time zone beyond": "name: 0001-01-01 00:00:00 +23:59",
    "users by day": "users: {2024-01-01: {password: 2024-01-01}}",
    "huge number": "port: 0x" + "f" * 5000,
    "tag": "name: !!python/object/apply:os.system [x]",
    "set": "users: !!set {a}",
    "null": "null",
    "a list": "[1]",
    "control character": "name: \x01",
    "NUL": "\0",
    "not UTF-8": b"\xff\xfe\xff",
    "surrogate": '{"generation": 1, "peers": [{"name": "\\ud800", "url": "x"}]}',
    "empty section": "users:\ntokens:\n",
    "too large": b"#" * 1_100_000,
}


def _write(path: Path, content: str | bytes) -> None:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _writer(text: str | bytes) -> Callable[[Path], None]:
    return lambda path: _write(path, text)


def _link(path: Path, target: str) -> None:
    path.symlink_to(target)


DAMAGE: dict[str, Callable[[Path], None]] = {
    **{name: _writer(text) for name, text in TEXTS.items()},
    "away": lambda _: None,
    "pipe that nobody writes to": os.mkfifo,
    "folder": Path.mkdir,
    "link to itself": lambda path: _link(path, path.name),
    "link to nothing": lambda path: _link(path, "nowhere"),
    "endless device": lambda path: _link(path, "/dev/zero"),
    "socket": lambda path: os.mknod(path, stat.S_IFSOCK | 0o600),
}


class Watching(NamedTuple):
    """Somebody who watches a file: `look` looks once, `state` is what was read of it."""

    look: Callable[[], object]
    state: Callable[[], object]


class Kind(NamedTuple):
    """A watched file: its name, two contents that can be used, and who watches it."""

    file: str
    first: str
    second: str
    watch: Callable[[Path], Watching]


def _config(path: Path) -> Watching:
    def read() -> object:
        return load({}, {}, path)

    configuration = Configuration(load_or_refuse(read, "x"), path, read)  # type: ignore[arg-type]
    return Watching(configuration.look, lambda: configuration.hash)


async def _look(look: discovery.Look) -> discovery.PeerList | str:
    return await look()


def _peer_list(path: Path) -> Watching:
    look = discovery.in_file(path)
    held: list[object] = []
    told: list[str] = []

    def once() -> None:
        """What `discovery.watch` does, once."""
        found = asyncio.run(_look(look))
        if not isinstance(found, str):
            held[:] = [found]
        elif found not in told:
            told.append(found)
            logging.getLogger("peers").warning("%s", found)

    once()
    if not held:
        raise ConfigurationError("peers_file", "no list")
    return Watching(once, lambda: held[0])


def _auth(path: Path) -> Watching:
    guard = Guard(str(path.parent / "auth.yaml"))
    return Watching(guard.watched.look, lambda: guard._policy)


def _auth_named(path: Path) -> Watching:
    _write(path.parent / "auth.yaml", "users: {a: {password_file: password}}")
    return _auth(path)


def _token_named(path: Path) -> Watching:
    _write(path.parent / "auth.yaml", "tokens: {a: {token_file: token}}")
    return _auth(path)


def _credentials(path: Path) -> Watching:
    credentials = PeerCredentials(str(path))
    assert credentials.watched is not None
    return Watching(credentials.watched.look, credentials)


def _keys_named(path: Path) -> Watching:
    section = "issuers: [https://a], keys_file: keys.json"
    _write(path.parent / "auth.yaml", f"service_accounts: {{{section}}}")
    return _auth(path)


def _tls(path: Path) -> Watching:
    files = {n: str(path.parent / n) for n in ("tls_cert", "tls_key", "tls_client_ca")}
    files["peer_ca"] = files["tls_client_ca"]  # the system's authorities take long to read
    tls = Tls(replace(Settings(), **files))
    return Watching(tls.watched.look, lambda: (tls.server, tls.client))


PEERS = '{{"generation": {}, "peers": [{{"name": "a", "url": "http://a:1/"}}]}}'
HASH = auth.encode_hash(b"x" * 16, b"y" * 32)
KINDS = [
    Kind("config.yaml", "zone: a", "zone: b", _config),
    Kind("config.json", '{"zone": "a"}', '{"zone": "b"}', _config),
    Kind("peers.json", PEERS.format(1), PEERS.format(2), _peer_list),
    Kind("auth.yaml", "anonymous: {read: true}", f"users: {{a: {{password: {HASH}}}}}", _auth),
    Kind("password", "one", "two", _auth_named),
    Kind("token", "one", "two", _token_named),
    Kind("keys.json", key_set(Issuer("a")), key_set(Issuer("b")), _keys_named),
    Kind("credentials", "a:b", "Bearer c", _credentials),
    Kind("tls_cert", "", "", _tls),
    Kind("tls_key", "", "", _tls),
    Kind("tls_client_ca", "", "", _tls),
]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A certificate, its key, and the authority, by the setting that names them."""
    authority = Authority(tmp_path_factory.mktemp("ca"), "ours")
    paths = {**authority.issue("peer1"), "tls_client_ca": authority.path}
    return {name: Path(path).read_bytes() for name, path in paths.items()}


def _prepare(folder: Path, kind: Kind, certificates: dict[str, bytes]) -> tuple[bytes, bytes]:
    """Write what is good; it, and what is as good."""
    folder.mkdir()
    for name, content in certificates.items():
        (folder / name).write_bytes(content)
    if kind.file in certificates:
        return certificates[kind.file], certificates[kind.file] + b"\n"
    _write(folder / kind.file, kind.first)
    return kind.first.encode(), kind.second.encode()


def _damage(path: Path, damage: str) -> None:
    _remove(path)
    DAMAGE[damage](path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def _may_be_of_use(kind: Kind, damage: str) -> bool:
    """Whether the text may be a secret, or YAML without a setting in it."""
    texts = ("password", "token", "credentials", "config")
    return damage in TEXTS and kind.file.startswith(texts)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.file)
def test_damage_changes_nothing_and_is_told_once(
    tmp_path: Path,
    certificates: dict[str, bytes],
    caplog: pytest.LogCaptureFixture,
    kind: Kind,
) -> None:
    """Nor does it end the process, nor wait; the mended file counts, also with former content."""
    for damage in DAMAGE:
        first, second = _prepare(tmp_path / damage, kind, certificates)
        path = tmp_path / damage / kind.file
        watching = kind.watch(path)
        before = watching.state()
        _damage(path, damage)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            watching.look()
            watching.look()

        if watching.state() == before:
            assert len(caplog.records) == 1, damage
            assert "\n" not in caplog.text.strip(), damage
            assert len(caplog.text) < 1000, damage
        else:
            assert _may_be_of_use(kind, damage), damage
        for content in (second, first):
            _remove(path)
            path.write_bytes(content)
            at = watching.state()
            watching.look()
            assert watching.state() != at or content == first, damage


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.file)
def test_at_a_start_damage_is_a_sentence(
    tmp_path: Path, certificates: dict[str, bytes], kind: Kind
) -> None:
    """`eureka-registry` shows it and ends with 2."""
    for damage in DAMAGE:
        _prepare(tmp_path / damage, kind, certificates)
        path = tmp_path / damage / kind.file
        _damage(path, damage)
        sentence = _sentence(kind, path)

        assert sentence or _may_be_of_use(kind, damage), damage
        assert "\n" not in sentence, damage


def _sentence(kind: Kind, path: Path) -> str:
    """What a start shows before it ends with 2; empty if it goes on."""
    try:
        kind.watch(path)
    except ConfigurationError as error:
        return str(error)
    return ""


def test_an_error_nobody_thought_of_is_a_sentence_without_the_content() -> None:
    """Its text may hold what a file holds; its name and line are for who mends it."""

    def load() -> None:
        raise KeyError("hunter2")

    with pytest.raises(ConfigurationError) as caught:
        load_or_refuse(load, "file x")

    assert str(caught.value).startswith("file x: cannot be used: KeyError (test_damaged_files.py")
    assert "hunter2" not in str(caught.value)


def test_a_file_that_another_names_may_come_later(tmp_path: Path) -> None:
    """Secrets are mounted one after the other: nothing of the first has changed by then."""
    file = tmp_path / "auth.yaml"
    _write(file, "anonymous: {read: true}")
    watching = _auth(file)
    _write(file, "users: {a: {password_file: later}}")
    watching.look()
    before = watching.state()
    _write(tmp_path / "later", "secret")
    watching.look()

    assert watching.state() is not before
