"""Small files that are watched."""

from __future__ import annotations

from pathlib import Path

import pytest

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.http.files import PeerCredentials, WatchedFiles, secret


def test_a_file_is_loaded_when_it_changes_and_only_then(tmp_path: Path) -> None:
    """Also when it is gone and comes back."""
    path, loaded = tmp_path / "a", []
    path.write_text("1")
    watched = WatchedFiles("a", lambda: [path], lambda: loaded.append(secret(path)))
    for content in ("1", "2", "2", None, "3"):
        path.unlink() if content is None else path.write_text(content)
        watched.look()

    assert loaded == ["1", "2", "3"]


@pytest.mark.parametrize("content", [b"", b" \n", b"a\nb", b"a\x00b", b"\xff"])
def test_a_secret_is_one_line(tmp_path: Path, content: bytes) -> None:
    """What is not a text would end up in a header."""
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match=str(tmp_path)):
        secret(tmp_path / "a")


@pytest.mark.parametrize(
    ("content", "header"), [("a:b:c\n", "Basic YTpiOmM="), ("Bearer abc\n", "Bearer abc")]
)
def test_peer_credentials_become_a_header(tmp_path: Path, content: str, header: str) -> None:
    """A password may hold colons."""
    (tmp_path / "a").write_text(content)

    assert PeerCredentials(str(tmp_path / "a"))() == header
    assert PeerCredentials("")() == ""


def test_peer_credentials_that_are_none_are_refused_unseen(tmp_path: Path) -> None:
    """The sentence does not show them."""
    (tmp_path / "a").write_text("hunter2")
    with pytest.raises(ConfigurationError) as caught:
        PeerCredentials(str(tmp_path / "a"))

    assert "hunter2" not in str(caught.value)
