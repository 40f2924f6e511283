"""The commands of `eureka-registry` that query any Eureka server by its URL, also a Java server."""

from __future__ import annotations

import argparse
import asyncio
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from eureka_registry import __version__
from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.translate import valid_url
from eureka_registry.local.bench.leases import Kind, Operation
from eureka_registry.local.bench.server import NoEurekaError, find, why_not
from eureka_registry.local.bench.server import Server as Found
from eureka_registry.peers.client import open_session, trouble
from eureka_registry.peers.urls import normalise, redact
from eureka_registry.verbs import arguments, commands
from eureka_registry.verbs.commands import NO_ANSWER, WRONG_USAGE, Streams
from eureka_registry.verbs.findings import Finding, finding
from eureka_registry.verbs.server import (
    JSON,
    Answer,
    BadNameError,
    NoAnswerError,
    Server,
    moment_ms,
)

_CONNECT_S: Final = 2.0
_MOST_CONNECTIONS: Final = 64
_MOST_SECRET_BYTES: Final = 16_384
_MOST_SECONDS: Final = 3600

Verb = Callable[[argparse.Namespace, Server, Streams], Awaitable[int]]


def run(options: argparse.Namespace) -> int:
    """Run the verb that was asked for; its exit code.

    Raises:
        ConfigurationError: a flag, a URL or a file cannot be used.
    """
    wrong = arguments.unknown_codes(getattr(options, "ignore", []))
    if wrong:
        raise ConfigurationError("flag --ignore", f"there is no code {', '.join(wrong)}")
    if not 0 < getattr(options, "every", 1) < _MOST_SECONDS:
        raise ConfigurationError("flag --every", "not a time", f"0.1 to {_MOST_SECONDS}")
    try:
        code = asyncio.run(_run(options))
        sys.stdout.flush()
    except (NoAnswerError, NoEurekaError) as error:
        return _fail(str(error), NO_ANSWER)
    except BadNameError as error:
        return _fail(str(error), WRONG_USAGE)
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads on, and the interpreter would say so at its end
        return 0
    return code


class UrlServer:
    """A server behind a URL; `found` has its real service URL."""

    def __init__(self, found: Found) -> None:
        self._found = found

    @property
    def name(self) -> str:
        """Its service URL, without user and password."""
        return self._found.url

    async def ask(self, method: str, path: str, accept: str = JSON) -> Answer:
        """Send a request below the service URL.

        Raises:
            NoAnswerError: as `Server.ask`.
        """
        answer = await self._found.ask(Operation(Kind.READ, method, path), accept)
        is_good = HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES
        if is_good or answer.status == HTTPStatus.NOT_FOUND:
            return Answer(
                answer.status, answer.text, moment_ms(answer.date, int(time.time() * 1000))
            )
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise NoAnswerError(
                f"{self.name} answers {answer.status} to {method} {path}: this user may not do it;"
                " name another one by --user-file or --token-file"
            )
        if answer.status in (0, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
            raise NoAnswerError(why_not([(self.name, answer)]))
        raise NoAnswerError(f"{self.name} answers {answer.status} to {method} {path}")


async def _run(options: argparse.Namespace) -> int:
    streams = Streams(sys.stdout, sys.stderr)
    if options.verb == "diff":
        first, second = options.urls
        async with _server_at(options, first) as one, _server_at(options, second) as other:
            return await commands.diff(options, (one, other), streams, asyncio.sleep)
    async with _server_at(options, options.url) as server:
        return await _VERBS[options.verb](options, server, streams)


async def _doctor(options: argparse.Namespace, server: Server, streams: Streams) -> int:
    reach = _troubles if options.connect else None
    further = _base_path(options.url, server.name)
    return await commands.doctor(options, server, streams, further, reach=reach)


async def _watch(options: argparse.Namespace, server: Server, streams: Streams) -> int:
    return await commands.watch(options, server, streams, asyncio.sleep)


_VERBS: Final[dict[str, Verb]] = {
    "ls": commands.ls,
    "get": commands.get,
    "out": commands.set_out_of_service,
    "in": commands.lift_override,
    "watch": _watch,
    "doctor": _doctor,
}


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"eureka-registry: {message}\n")
    return code


@asynccontextmanager
async def _server_at(options: argparse.Namespace, given: str) -> AsyncIterator[UrlServer]:
    """The server behind a URL while the block runs.

    Raises:
        ConfigurationError: the URL or a file cannot be used.
        NoEurekaError: there is no Eureka server.
    """
    url = valid_url(given, "argument URL" if options.verb == "diff" else "flag --url")
    if options.user_file is not None:
        url = _with_user(url, _secret(options.user_file, "--user-file"))
    headers = {"User-Agent": f"eureka-registry/{__version__}"}
    if options.token_file is not None:
        token = _secret(options.token_file, "--token-file")
        headers["Authorization"] = f"Bearer {token}"
    tls = _context(options.ca_file, options.cert_file)
    async with open_session(decompress=False, tls=tls) as session:
        found, _ = await find(session, url, headers, tls_name=options.tls_name)
        yield UrlServer(found)


def _secret(file: Path, flag: str) -> str:
    """The one line of a file; errors never repeat it."""
    try:
        text = file.read_bytes()[:_MOST_SECRET_BYTES].decode().strip()
    except OSError as error:
        raise ConfigurationError(f"flag {flag}", f"{file}: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"flag {flag}", f"{file}: no UTF-8") from None
    if not text or not text.isprintable():
        raise ConfigurationError(f"flag {flag}", f"{file}: one line with it is needed")
    return text


def _with_user(url: str, given: str) -> str:
    user, colon, password = given.partition(":")
    if not colon:
        raise ConfigurationError("flag --user-file", "write user:password into the file")
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    quoted = f"{quote(user, safe='')}:{quote(password, safe='')}@{place}"
    return urlunsplit((parts.scheme, quoted, parts.path, "", ""))


def _context(authorities: Path | None, certificate: Path | None) -> ssl.SSLContext | None:
    """The TLS context by CA and certificate files; `None`: the system's CAs, no certificate."""
    if authorities is None and certificate is None:
        return None
    try:
        context = ssl.create_default_context(cafile=str(authorities) if authorities else None)
    except (OSError, ssl.SSLError) as error:
        raise _unusable("--ca-file", authorities, error) from error
    if certificate is None:
        return context
    try:
        context.load_cert_chain(certificate, password=lambda: "")  # asks nobody
    except (OSError, ssl.SSLError) as error:
        raise _unusable("--cert-file", certificate, error) from error
    return context


def _unusable(flag: str, file: Path | None, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"flag {flag}", f"{file}: {error.strerror or error}")


def _base_path(url: str, real: str) -> list[Finding]:
    """What is wrong with a URL that is not the service URL; our servers accept several paths."""
    shown = redact(normalise(url))
    if shown == real:
        return []
    return [finding("base_path_missing", shown, f"it is {real}")]


async def _troubles(places: list[tuple[str, int]]) -> list[str]:
    """For each host and port, why no connection can be made; empty if one can."""
    turn = asyncio.Semaphore(_MOST_CONNECTIONS)

    async def one(host: str, port: int) -> str:
        async with turn:
            return await _trouble_with(host, port)

    return await asyncio.gather(*(one(*place) for place in places))


async def _trouble_with(host: str, port: int) -> str:
    """Why no connection can be made; empty if one can."""
    try:
        async with asyncio.timeout(_CONNECT_S):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return f"no connection within {_CONNECT_S:g} s"
    except (OSError, UnicodeError) as error:
        return trouble(error)
    writer.transport.abort()
    return ""
