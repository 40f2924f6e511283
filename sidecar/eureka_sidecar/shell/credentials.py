"""Own credentials and trusted CAs: files of a Secret, read again when Kubernetes replaces them."""

from __future__ import annotations

import binascii
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from typing import Any, NoReturn

    from ..core.configuration import Credentials

MAX_TEXT_BYTES = 65_536
MAX_PEM_BYTES = 1_048_576


class CredentialsError(Exception):
    """A file cannot be used; the message is a sentence that names it and never quotes it."""


class CredentialFiles:
    """The credentials of one registry as they are in their files now.

    If a new version cannot be used, the last good one stays in force, and `problem` says why.
    """

    def __init__(self, credentials: Credentials) -> None:
        texts = (credentials.user_file, credentials.password_file, credentials.token_file)
        pems = (credentials.ca_file, credentials.cert_file, credentials.key_file)
        self._authorization = _Current(texts, lambda: _authorization(credentials))
        self._context = _Current(pems, lambda: _context(credentials))
        self._paths = [path for path in (*texts, *pems) if path]
        self._seen = [_file_version(path) for path in self._paths]

    @property
    def problem(self) -> str | None:
        """Why a new version is not in force; `None`: nothing is wrong."""
        both = (self._authorization.problem, self._context.problem)
        return "; ".join(each for each in both if each) or None

    def check_for_change(self) -> bool:
        """Whether a file has come, gone or changed since the last call."""
        before, self._seen = self._seen, [_file_version(path) for path in self._paths]
        return self._seen != before

    def authorization(self) -> str | None:
        """The value of `Authorization`; `None`: there is none.

        Raises:
            CredentialsError: there was never a usable version.
        """
        value: str | None = self._authorization.value()
        return value

    def context(self) -> ssl.SSLContext:
        """The TLS context: another object after each change of a file.

        It trusts exactly the CAs of `ca_file`, or the system's, and always verifies the server's
        certificate and name.

        Raises:
            CredentialsError: there was never a usable version.
        """
        value: ssl.SSLContext = self._context.value()
        return value


class _Current:
    """A value made of files, made anew when one of them changes."""

    def __init__(self, paths: tuple[str, ...], make: Callable[[], Any]) -> None:
        self.problem: str | None = None
        self._paths = [path for path in paths if path]
        self._make = make
        self._versions: list[tuple[int, ...]] | None = None
        self._value: Any = None

    def value(self) -> Any:  # noqa: ANN401 - generics need the typing module
        try:
            self._update()
        except CredentialsError as error:
            if self._versions is None:
                raise
            self.problem = f"{error}; what it was before stays in force"
        return self._value

    def _update(self) -> None:
        # Taken before the files are read: what changes meanwhile is read again the next time.
        versions = [_version(path) for path in self._paths]
        if versions != self._versions:
            self._value = self._make()
            self._versions = versions
        self.problem = None


def _version(path: str) -> tuple[int, ...]:
    """A value that changes with the file; the link that Kubernetes switches is followed."""
    try:
        now = os.stat(path)  # noqa: PTH116 - pathlib is not loaded
    except OSError as error:
        _refuse(path, error.strerror)
    return now.st_dev, now.st_ino, now.st_mtime_ns, now.st_size


def _file_version(path: str) -> tuple[int, ...] | None:
    """Its version; `None`: it cannot be read."""
    try:
        return _version(path)
    except CredentialsError:
        return None


def _authorization(credentials: Credentials) -> str | None:
    if credentials.token_file:
        return f"Bearer {_token(credentials.token_file)}"
    if not credentials.user_file and not credentials.password_file:
        return None
    user, password = _text(credentials.user_file), _text(credentials.password_file)
    if ":" in user:
        raise CredentialsError(f"the user in {credentials.user_file} contains a colon: none may")
    pair = f"{user}:{password}".encode()
    return f"Basic {binascii.b2a_base64(pair, newline=False).decode()}"


def _token(path: str) -> str:
    token = _text(path)
    if not all("!" <= letter <= "~" for letter in token):
        raise CredentialsError(f"the token in {path} contains blanks or characters beyond ASCII")
    return token


def _text(path: str) -> str:
    """The content without blanks around it; of no file: none."""
    if not path:
        return ""
    try:
        text = _content(path, MAX_TEXT_BYTES).decode().strip()
    except UnicodeDecodeError:
        text = "\0"
    if any(letter < " " or letter == "\x7f" for letter in text):
        raise CredentialsError(f"{path} is not one line of UTF-8 text")
    if not text:
        raise CredentialsError(f"{path} is empty")
    return text


def _content(path: str, limit: int) -> bytes:
    """The content of a file, which must have some; reading a pipe does not block."""
    content = b""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            while len(content) <= limit and (piece := os.read(fd, limit + 1)):
                content += piece
        finally:
            os.close(fd)
    except OSError as error:
        _refuse(path, error.strerror)
    if not content:
        raise CredentialsError(f"{path} is empty")
    if len(content) > limit:
        raise CredentialsError(f"{path} is larger than {limit} bytes")
    return content


def _context(credentials: Credentials) -> ssl.SSLContext:
    import ssl  # noqa: PLC0415 - 6 MiB that a registry without TLS does not need

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificate and name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if credentials.ca_file:
        _load_authorities(context, credentials.ca_file)
    else:
        context.load_default_certs()
    if credentials.cert_file:
        _identify(context, credentials.cert_file, credentials.key_file)
    return context


def _load_authorities(context: ssl.SSLContext, path: str) -> None:
    import ssl  # noqa: PLC0415

    # What is named is believed, even if somebody else signed it: as a Java trust store, and
    # Python since 3.13.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # Only comments of a bundle are not ASCII.
    text = _content(path, MAX_PEM_BYTES).decode("ascii", "ignore")
    try:
        context.load_verify_locations(cadata=text)
    except (OSError, ValueError):
        raise CredentialsError(f"{path} contains no certificate in PEM form") from None


def _identify(context: ssl.SSLContext, cert_path: str, key_path: str) -> None:
    for path in (cert_path, key_path or cert_path):
        _content(path, MAX_PEM_BYTES)  # OpenSSL does not say which one it cannot read, and waits

    def refuse() -> NoReturn:
        # Without this OpenSSL would ask the terminal for it, and wait.
        raise CredentialsError(f"the key in {key_path or cert_path} is encrypted")

    try:
        context.load_cert_chain(cert_path, key_path or None, password=refuse)
    except (OSError, ValueError):
        raise CredentialsError(
            f"the certificate {cert_path} and the key {key_path or cert_path} cannot be used:"
            " they are not in PEM form, or do not belong together"
        ) from None


def _refuse(path: str, reason: str | None) -> NoReturn:
    raise CredentialsError(f"cannot read {path}: {reason}") from None
