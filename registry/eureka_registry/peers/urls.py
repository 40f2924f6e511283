"""Service URLs of peers in one normal form, and without passwords in logs."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit, urlunsplit

from eureka_registry.config.urls import problem

__all__ = ["display_url", "host_and_port", "normalise", "problem", "redact"]


def normalise(url: str) -> str:
    """Spell a service URL the one way by which it is compared.

    Scheme and host in lower case, a slash at the end, no query and no fragment; user and password
    stay as they are. `ValueError`: see `problem`.
    """
    wrong = problem(url.strip())
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


def display_url(url: str) -> str:
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
