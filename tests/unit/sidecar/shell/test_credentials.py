from __future__ import annotations

import base64
import os
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from eureka_sidecar.core.configuration import Credentials
from eureka_sidecar.shell.credentials import CredentialFiles, CredentialsError
from support.authority import Authority


def write_file(path: Path, content: str) -> str:
    """A file that is replaced as a whole, as kubelet does; its name."""
    new = path.with_suffix(".new")
    new.write_text(content)
    new.rename(path)
    return str(path)


def password(directory: Path) -> CredentialFiles:
    """A user and a password."""
    user = write_file(directory / "user", "me\n")
    secret = write_file(directory / "password", "hunter2\n")
    return CredentialFiles(Credentials(user_file=user, password_file=secret))


def basic(user: str, secret: str) -> str:
    """The header that they become."""
    return f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}"


def test_nothing_configured_is_no_header() -> None:
    """Most registries in a cluster ask for none."""
    assert CredentialFiles(Credentials()).authorization() is None


def test_user_and_password_become_basic(tmp_path: Path) -> None:
    """The line feed at a file's end is an editor's, not part of a password."""
    assert password(tmp_path).authorization() == basic("me", "hunter2")


def test_password_may_have_letters_beyond_ascii(tmp_path: Path) -> None:
    """RFC 7617 says how they are written: in UTF-8, as Spring Security reads them."""
    credentials = password(tmp_path)
    write_file(tmp_path / "password", "pässword")

    assert credentials.authorization() == basic("me", "pässword")


def test_token_becomes_bearer(tmp_path: Path) -> None:
    """A projected service account token, for one."""
    token = write_file(tmp_path / "token", "abc.def\n")

    assert CredentialFiles(Credentials(token_file=token)).authorization() == "Bearer abc.def"


def test_new_password_is_used_at_once(tmp_path: Path) -> None:
    """A rotated Secret must not need a restart of every pod."""
    credentials = password(tmp_path)
    assert credentials.authorization() == basic("me", "hunter2")

    write_file(tmp_path / "password", "hunter3")

    assert credentials.authorization() == basic("me", "hunter3")


def test_link_that_kubernetes_turns_is_a_change(tmp_path: Path) -> None:
    """The file in a Secret's volume is a link through `..data`: only that one is replaced."""
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "token").write_text(f"token{version}")
        os.utime(tmp_path / version / "token", (1, 1))
    (tmp_path / "..data").symlink_to("1")
    (tmp_path / "token").symlink_to("..data/token")
    credentials = CredentialFiles(Credentials(token_file=str(tmp_path / "token")))
    assert credentials.authorization() == "Bearer token1"

    (tmp_path / "..new").symlink_to("2")
    (tmp_path / "..new").rename(tmp_path / "..data")

    assert credentials.authorization() == "Bearer token2"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("hunter2\nX: y", "not one line"),
        ("hunter2\0", "not one line"),
        ("x" * 70_000, "is larger than"),
    ],
)
def test_broken_password_is_named_and_not_quoted(
    tmp_path: Path, content: str, sentence: str
) -> None:
    """An operator needs the file's name; a log must not have what is in it."""
    credentials = password(tmp_path)
    path = write_file(tmp_path / "password", content)

    with pytest.raises(CredentialsError, match=sentence) as error:
        credentials.authorization()

    assert path in str(error.value)
    assert "hunter2" not in str(error.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """A password in Latin-1 would be another one for the server."""
    credentials = password(tmp_path)
    (tmp_path / "password").write_bytes(b"p\xe4ssword")

    with pytest.raises(CredentialsError, match="not one line of UTF-8"):
        credentials.authorization()


@pytest.mark.parametrize(("user", "token"), [("me:you", ""), ("", "two words"), ("", "tökén")])
def test_what_no_header_can_carry_is_refused(tmp_path: Path, user: str, token: str) -> None:
    """A colon would move the border to the password (RFC 7617, 2)."""
    files = {
        f"{name}_file": write_file(tmp_path / name, content)
        for name, content in {"user": user, "token": token}.items()
        if content
    }

    with pytest.raises(CredentialsError, match=r"user|token"):
        CredentialFiles(Credentials(**files)).authorization()


def test_missing_file_is_named(tmp_path: Path) -> None:
    """Usually a Secret without that key."""
    missing = str(tmp_path / "token")

    with pytest.raises(CredentialsError, match=f"cannot read {missing}: No such file"):
        CredentialFiles(Credentials(token_file=missing)).authorization()


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Opening one would stop the loop, and with it all renewals."""
    os.mkfifo(tmp_path / "token")

    with pytest.raises(CredentialsError, match="is empty"):
        CredentialFiles(Credentials(token_file=str(tmp_path / "token"))).authorization()


def test_broken_new_version_leaves_the_last_good_one(tmp_path: Path) -> None:
    """A mistake in a Secret must not take a running application's lease at once."""
    credentials = password(tmp_path)
    credentials.authorization()

    write_file(tmp_path / "password", "")

    assert credentials.authorization() == basic("me", "hunter2")
    assert "is empty" in str(credentials.problem)
    assert "stays in force" in str(credentials.problem)

    (tmp_path / "password").unlink()
    assert credentials.authorization() == basic("me", "hunter2")
    assert "No such file" in str(credentials.problem)

    write_file(tmp_path / "password", "hunter3")
    assert credentials.authorization() == basic("me", "hunter3")
    assert credentials.problem is None


def test_change_of_any_file_is_seen_once(tmp_path: Path) -> None:
    """Injected files come after the start: an optional ConfigMap, a token that is renewed."""
    authority, token = str(tmp_path / "ca.crt"), str(tmp_path / "token")
    credentials = CredentialFiles(Credentials(ca_file=authority, token_file=token))
    assert not credentials.check_for_change()

    write_file(tmp_path / "ca.crt", "x")
    assert credentials.check_for_change()
    assert not credentials.check_for_change()
    write_file(tmp_path / "token", "one")
    assert credentials.check_for_change()
    write_file(tmp_path / "token", "two")
    assert credentials.check_for_change()
    (tmp_path / "token").unlink()
    assert credentials.check_for_change()
    assert not credentials.check_for_change()


def test_tls_always_verifies_and_believes_exactly_the_given_authority(tmp_path: Path) -> None:
    """No switch turns it off, and the system's authorities have no say about a registry."""
    authority = Authority(tmp_path)
    context = CredentialFiles(Credentials(ca_file=authority.path)).context()

    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert len(context.get_ca_certs()) == 1


def test_bundle_may_have_comments_in_any_language(tmp_path: Path) -> None:
    """Bundles of distributions have names of authorities in them."""
    authority = Authority(tmp_path)
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("# Türktrust\n" + Path(authority.path).read_text())

    context = CredentialFiles(Credentials(ca_file=str(bundle))).context()

    assert len(context.get_ca_certs()) == 1


def test_context_is_kept_until_a_file_changes(tmp_path: Path) -> None:
    """The connection is made anew when it changes, and only then."""
    first, second = Authority(tmp_path, "one"), Authority(tmp_path, "two")
    credentials = CredentialFiles(Credentials(ca_file=first.path))
    context = credentials.context()
    assert credentials.context() is context

    write_file(Path(first.path), Path(second.path).read_text())

    changed = credentials.context()
    assert changed is not context
    assert changed.get_ca_certs() != context.get_ca_certs()


def test_broken_authority_leaves_the_last_good_one(tmp_path: Path) -> None:
    """As for a password."""
    authority = Authority(tmp_path)
    credentials = CredentialFiles(Credentials(ca_file=authority.path))
    context = credentials.context()

    write_file(Path(authority.path), "-----BEGIN CERTIFICATE-----\nhunter2\n")

    assert credentials.context() is context
    assert f"{authority.path} contains no certificate" in str(credentials.problem)
    assert "hunter2" not in str(credentials.problem)


def test_certificate_and_key_must_belong_together(tmp_path: Path) -> None:
    """Seen when a Secret is put together by hand."""
    authority = Authority(tmp_path)
    one, two = authority.issue("one"), authority.issue("two")
    mixed = Credentials(ca_file=authority.path, cert_file=one["tls_cert"], key_file=two["tls_key"])

    with pytest.raises(CredentialsError, match="do not belong together") as error:
        CredentialFiles(mixed).context()
    assert two["tls_key"] in str(error.value)


def test_encrypted_key_is_refused(tmp_path: Path) -> None:
    """OpenSSL would ask a terminal for the password, and wait for it without end."""
    authority = Authority(tmp_path)
    paths = authority.issue("one")
    key = serialization.load_pem_private_key(Path(paths["tls_key"]).read_bytes(), None)
    Path(paths["tls_key"]).write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"hunter2"),
        )
    )
    own = Credentials(
        ca_file=authority.path, cert_file=paths["tls_cert"], key_file=paths["tls_key"]
    )

    with pytest.raises(CredentialsError, match=r"the key in .* is encrypted"):
        CredentialFiles(own).context()


def test_key_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """OpenSSL would wait for somebody to write into it, and stop the loop."""
    authority = Authority(tmp_path)
    os.mkfifo(tmp_path / "pipe.key")
    own = Credentials(
        ca_file=authority.path,
        cert_file=authority.issue("one")["tls_cert"],
        key_file=str(tmp_path / "pipe.key"),
    )

    with pytest.raises(CredentialsError, match=r"pipe\.key is empty"):
        CredentialFiles(own).context()


def test_missing_key_is_named(tmp_path: Path) -> None:
    """OpenSSL's message does not say which of the two files it did not find."""
    authority = Authority(tmp_path)
    own = Credentials(
        ca_file=authority.path,
        cert_file=authority.issue("one")["tls_cert"],
        key_file=str(tmp_path / "missing.key"),
    )

    with pytest.raises(CredentialsError, match=r"cannot read .*/missing.key: No such file"):
        CredentialFiles(own).context()
