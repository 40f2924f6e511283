"""The settings in force, and what their file says by now."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from eureka_registry.config.load import LoadResult, hash_of, load
from eureka_registry.config.settings import Settings
from eureka_registry.http.configuration import Configuration, with_live

Begin = Callable[..., Configuration]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of settings."""
    return write(tmp_path / "config.json", port=1, zone="a", digest_interval_s=1)


@pytest.fixture
def begin(file: Path) -> Begin:
    """Starts by the file, with flags and variables."""

    def begin(
        arguments: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None
    ) -> Configuration:
        def read() -> LoadResult:
            return load(arguments or {}, environ or {}, file, lenient=True)

        return Configuration(read(), file, read)

    return begin


def write(file: Path, **settings: object) -> Path:
    """Write the file."""
    file.write_text(json.dumps(settings))
    return file


def test_file_that_has_not_changed_says_nothing(begin: Begin, file: Path) -> None:
    """It is looked at again and again."""
    configuration = begin()

    assert configuration.look() is None
    assert configuration.hash == hash_of(file.read_bytes())


def test_change_gives_the_settings_of_the_file(begin: Begin, file: Path) -> None:
    """Once; the hash is that of the new file."""
    configuration = begin()
    write(file, port=1, zone="a", digest_interval_s=2)

    wanted = configuration.look()

    assert wanted is not None
    assert wanted.digest_interval_s == 2
    assert configuration.look() is None
    assert configuration.hash == hash_of(file.read_bytes())
    assert configuration.restart_needed == []


def test_what_needs_a_restart_is_named_until_it_is_taken_back(begin: Begin, file: Path) -> None:
    """Compared with what the process was started by."""
    configuration = begin()
    write(file, port=2, zone="b")
    configuration.look()
    assert configuration.restart_needed == ["zone", "port"]

    write(file, port=1, zone="b")
    configuration.look()
    assert configuration.restart_needed == ["zone"]


def test_flags_and_variables_still_beat_the_file(begin: Begin, file: Path) -> None:
    """As they did at the start; what they beat needs no restart either."""
    configuration = begin({"digest_interval_s": "7"}, {"EUREKA_ZONE": "z"})
    write(file, port=1, zone="b", digest_interval_s=2, eviction_interval_s=9)

    wanted = configuration.look()

    assert wanted is not None
    assert (wanted.digest_interval_s, wanted.zone, wanted.eviction_interval_s) == (7, "z", 9)
    assert configuration.restart_needed == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"port": ', "line 1"),
        ('{"digest_interval_s": "soon"}', "key digest_interval_s: 'soon' is not a number"),
        ('{"port": 8763}', "port and management_port are both 8763"),
        (None, "cannot be read: no such file or directory"),
    ],
)
def test_bad_file_changes_nothing_and_is_told_once(
    begin: Begin, file: Path, text: str | None, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The last good settings stay as a whole, and so does their hash."""
    configuration, before = begin(), hash_of(file.read_bytes())
    good = file.read_text()
    file.unlink() if text is None else file.write_text(text)

    with caplog.at_level(logging.WARNING):
        assert [configuration.look() for _ in range(3)] == [None] * 3

    assert configuration.problem is not None
    assert said in configuration.problem
    assert len(caplog.records) == 1
    assert configuration.hash == before
    file.write_text(good)
    assert configuration.look() is not None
    assert configuration.problem is None


def test_unknown_keys_are_told_at_each_change(
    begin: Begin, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They may have been written just now."""
    configuration = begin()
    write(file, prot=1)

    with caplog.at_level(logging.WARNING):
        configuration.look()

    assert "did you mean port?" in caplog.text


def test_only_live_settings_are_taken_over() -> None:
    """The others are what sockets and names were made of."""
    running = Settings(name="peer1", port=1, log_level="INFO")
    wanted = Settings(name="peer2", port=2, log_level="DEBUG")

    assert with_live(running, wanted) == Settings(name="peer1", port=1, log_level="DEBUG")
