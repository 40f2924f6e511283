"""Base URLs of Eureka servers, such as `http://registry.example:8761/eureka/`."""

from __future__ import annotations

from ..records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from .configuration import Credentials

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_LENGTH = 2_048
_HOST_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._")
_IPV6_CHARACTERS = frozenset("0123456789abcdef:.")


@record
class Url:
    """A base URL. `host` has no brackets and no capitals; `path` begins and ends with `/`."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str = "/"

    @property
    def authority(self) -> str:
        """Host and port, as messages name a server."""
        return f"{url_host(self.host)}:{self.port}"

    @property
    def host_header(self) -> str:
        """The value of `Host`: no port where it is the scheme's own (RFC 9110, 4.2.3)."""
        return url_host(self.host) if self._has_default_port() else self.authority

    def __str__(self) -> str:
        """Write it so that `parse` gives the same."""
        return f"{self.scheme}://{self.host_header}{self.path}"

    def _has_default_port(self) -> bool:
        return self.port == DEFAULT_PORTS[self.scheme]


def parse(text: str) -> Url:
    """Read a base URL; a missing final `/` is added.

    Raises:
        ValueError: with a sentence. It never contains what may be a password: a URL with userinfo
            is refused without being quoted, since both would be in logs.
    """
    if "@" in text:
        raise ValueError(
            "a registry URL contains '@': user and password do not belong into a URL,"
            " write them into files and name these"
        )
    if any(mark in text for mark in "?#"):
        raise ValueError("a registry URL has a query or a fragment: end it with its path")
    _check_characters(text)
    scheme, mark, rest = text.partition("://")
    if not mark:
        raise ValueError(
            f"the registry URL {text!r} has no scheme: begin it with http:// or https://"
        )
    authority, _, path = rest.partition("/")
    host, port = _host_and_port(authority, text)
    return _url(scheme.lower(), host, port, path)


def _url(scheme: str, host: str, port: int, path: str) -> Url:
    target = f"/{path}" if path.endswith("/") or not path else f"/{path}/"
    if scheme == "http":
        return Url("http", host, port or DEFAULT_PORTS["http"], target)
    if scheme == "https":
        return Url("https", host, port or DEFAULT_PORTS["https"], target)
    raise ValueError(f"the scheme of a registry URL is {scheme!r}: it must be http or https")


def _check_characters(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise ValueError(f"a registry URL is longer than {MAX_LENGTH} characters")
    if not all("!" <= letter <= "~" and letter not in '"<>\\^`{|}' for letter in text):
        raise ValueError(
            f"the registry URL {text!r} contains a blank or a character that no URL may contain:"
            " write a name in its xn-- form, and anything else of the path as %XX"
        )


def _host_and_port(authority: str, text: str) -> tuple[str, int]:
    """Host, and port or 0."""
    host, port = _split_port(authority.lower(), text)
    if not host.strip(".") or host.startswith("."):
        raise ValueError(f"the registry URL {text!r} has no host")
    if port is None:
        return host, 0
    if port.isdigit() and len(port) < 6 and 0 < int(port) < 65_536:
        return host, int(port)
    raise ValueError(f"the registry URL {text!r} has no port from 1 to 65535 after its ':'")


def _split_port(authority: str, text: str) -> tuple[str, str | None]:
    if not authority.startswith("["):
        host, colon, port = authority.partition(":")
        if not _HOST_CHARACTERS.issuperset(host) or ":" in port:
            raise ValueError(
                f"the registry URL {text!r} has a host that is neither a name nor an address:"
                " an IPv6 address is written in brackets, as in http://[::1]:8761/eureka/"
            )
        return host, port if colon else None
    host, bracket, rest = authority[1:].partition("]")
    if not bracket or ":" not in host or not _IPV6_CHARACTERS.issuperset(host):
        raise ValueError(f"the registry URL {text!r} has no IPv6 address in its brackets")
    if rest and not rest.startswith(":"):
        raise ValueError(f"the registry URL {text!r} has something else than a port after its ']'")
    return host, rest[1:] if rest else None


def url_host(host: str) -> str:
    """A host as a URL has it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def plain_text_warning(url: Url, credentials: Credentials) -> str | None:
    """The warning about credentials that go over http; `None`: none is needed.

    It is allowed, since many registries have a password and no TLS.
    """
    secret = credentials.password_file or credentials.token_file
    if url.scheme == "https" or not secret:
        return None
    return (
        f"{url} is not https: what is in {secret} is sent in plain text, and everybody on the way"
        " can read it"
    )
