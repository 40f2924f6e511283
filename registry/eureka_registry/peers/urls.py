"""Service URLs of peers: one spelling for each, and none of their passwords in a log."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit, urlunsplit


def problem(url: str) -> str | None:
    """Say in a sentence why `url` cannot be a peer's service URL, else `None`.

    The sentence never holds the URL's password.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        return f"{redact(url)!r} is not a URL: {_without_secrets(str(error), url)}"
    if parts.scheme not in ("http", "https"):
        return f"{redact(url)!r} must begin with http:// or https://"
    if not parts.hostname or any(letter.isspace() for letter in url.strip()):
        return f"{redact(url)!r} must name a host, as http://peer1:8761/eureka/ does"
    if port == 0:
        return f"{redact(url)!r} must name a port between 1 and 65535"
    return None


def normalise(url: str) -> str:
    """Spell a service URL the one way by which it is compared.

    Scheme and host in lower case, a slash at the end, no query and no fragment; user and password
    stay as they are. `ValueError`: see `problem`.
    """
    wrong = problem(url)
    if wrong is not None:
        raise ValueError(wrong)
    parts = urlsplit(url.strip())
    user, at, place = parts.netloc.rpartition("@")
    path = parts.path if parts.path.endswith("/") else parts.path + "/"
    return urlunsplit((parts.scheme, user + at + place.lower(), path, "", ""))


def redact(url: str) -> str:
    """Take user and password out of `url`, which need not be a valid one."""
    start = url.find("//") + 2 if "//" in url else 0
    scheme, rest = url[:start], url[start:]
    ends = [place for place in map(rest.find, "/?#") if place >= 0]
    end = min(ends, default=len(rest))
    if "@" in rest[:end]:
        return scheme + rest[:end].rpartition("@")[2] + rest[end:]
    if "@" in rest and not _is_place(rest[:end]):
        # A password with a slash in it: what looks like the host is its beginning.
        return scheme + rest.rpartition("@")[2]
    return url


def shown(url: str) -> str:
    """Give the form for dashboards, metrics and logs: normalised if it can be, and redacted."""
    return redact(url) if problem(url) else redact(normalise(url))


def host_and_port(url: str) -> tuple[str, str]:
    """Name the host of a normalised URL, and host and port as the URL spells them."""
    parts: SplitResult = urlsplit(url)
    return parts.hostname or "", parts.netloc.rpartition("@")[2]


def _is_place(text: str) -> bool:
    """Whether `text` can be a host, with or without a port."""
    port = text.rpartition("]")[2].partition(":")[2]
    return not port or port.isdecimal()


def _without_secrets(message: str, url: str) -> str:
    """A message of `urlsplit` unless it quotes a part of a URL that has a password."""
    return "its port or host is malformed" if "@" in url else message
