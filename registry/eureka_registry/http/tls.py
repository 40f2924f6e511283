"""TLS: the own certificate and the trusted CAs, both read again when their files change.

Each change makes new contexts for later connections: a CA that was removed from a file is no longer
trusted, and open connections continue. A pair or a file that cannot be used changes nothing.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from eureka_registry.config.files import load_or_refuse
from eureka_registry.config.settings import ClientCertificate, Settings
from eureka_registry.http.files import WatchedFiles, read
from eureka_registry.http.validity import end_of

_MODES: Final = {
    ClientCertificate.NONE: ssl.CERT_NONE,
    ClientCertificate.OPTIONAL: ssl.CERT_OPTIONAL,
    ClientCertificate.REQUIRED: ssl.CERT_REQUIRED,
}
_SETTINGS: Final = ("tls_cert", "tls_key", "tls_client_ca", "peer_ca")


class Tls:
    """One peer's contexts: `server` for its clients, `client` for its own requests.

    `None`: plain HTTP, and the system's CAs. `ends_s` is when our certificate ends (epoch s);
    `None`: there is none, or only OpenSSL can read it, and it serves all the same.

    Raises:
        ConfigurationError: a file cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.server: ssl.SSLContext | None = None
        self.client: ssl.SSLContext | None = None
        self.ends_s: float | None = None
        paths = [Path(value) for name in _SETTINGS if (value := getattr(settings, name))]
        names = " and ".join(name for name in _SETTINGS if getattr(settings, name))
        self.watched = load_or_refuse(
            lambda: WatchedFiles("TLS files", lambda: paths, self._load),
            f"setting {names} (PEM files)",
        )

    def server_context(self) -> ssl.SSLContext:
        """The context for a client that connects now; there is a certificate."""
        assert self.server is not None  # noqa: S101 - who has none listens without TLS
        return self.server

    def client_context(self) -> ssl.SSLContext | None:
        """The context for a connection to a peer now; `None`: the default one."""
        return self.client

    def _load(self) -> None:
        """Make new contexts, and use them only if all files can be used."""
        settings = self._settings
        server = self._server() if settings.tls_cert else None
        client = self._client() if settings.peer_ca or settings.tls_client_ca else None
        ends_s = end_of(_text(settings.tls_cert)) if settings.tls_cert else None
        self.server, self.client, self.ends_s = server, client, ends_s

    def _server(self) -> ssl.SSLContext:
        settings = self._settings
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        if settings.tls_client_ca:
            context.verify_mode = _MODES[settings.tls_client_auth]
            _trust(context, settings.tls_client_ca)
        _present(context, settings.tls_cert, settings.tls_key)
        return context

    def _client(self) -> ssl.SSLContext:
        """A context that verifies names and chains, by `peer_ca` alone if it is set.

        Without `peer_ca` the system's CAs are read, which takes 20 ms.
        """
        settings = self._settings
        if settings.peer_ca:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            _trust(context, settings.peer_ca)
        else:
            context = ssl.create_default_context()
        if settings.tls_client_ca:
            _present(context, settings.tls_cert, settings.tls_key)
        return context


def _present(context: ssl.SSLContext, certificate: str, key: str) -> None:
    for path in (certificate, key):
        read(Path(path))  # OpenSSL would wait for a pipe for ever
    try:
        # The password keeps OpenSSL from asking for one at the terminal.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except OSError as error:  # ssl.SSLError is one
        raise ValueError(f"{certificate} and {key}: {_why(error)}") from None


def _trust(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(cadata=_text(path) or "-")
    except ssl.SSLError as error:
        raise ValueError(f"{path}: {_why(error)}") from None


def _text(path: str) -> str:
    return read(Path(path)).decode("ascii", "backslashreplace")


def _why(error: OSError) -> str:
    reason = getattr(error, "reason", None) or error.strerror or "not usable"
    return str(reason).replace("_", " ").lower()
