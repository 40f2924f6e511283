"""TLS: our certificate, whom we trust, and both read again when their files change.

A context lives as long as the process, as every connection is made from it; a new certificate is
loaded into it. Authorities can only be added to it: one that is taken out of a file stays trusted
until the process starts anew.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from eureka_registry.config.files import load_or_refuse
from eureka_registry.config.settings import ClientCertificate, Settings
from eureka_registry.http.files import Watched, read

_MODES: Final = {
    ClientCertificate.NONE: ssl.CERT_NONE,
    ClientCertificate.OPTIONAL: ssl.CERT_OPTIONAL,
    ClientCertificate.REQUIRED: ssl.CERT_REQUIRED,
}
_SETTINGS: Final = ("tls_cert", "tls_key", "tls_client_ca", "peer_ca")


class Tls:
    """One peer's contexts: `server` for those who ask us, `client` for what we ask of peers.

    `None`: plain HTTP, and what everybody trusts.

    Raises:
        ConfigurationError: a file cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.server = self._server() if settings.tls_cert else None
        own = settings.peer_ca or settings.tls_client_ca
        self.client = _client(settings.peer_ca) if own else None
        paths = [Path(value) for name in _SETTINGS if (value := getattr(settings, name))]
        names = " and ".join(name for name in _SETTINGS if getattr(settings, name))
        self.watched = load_or_refuse(
            lambda: Watched("TLS files", lambda: paths, self._load), f"setting {names} (PEM files)"
        )

    def _server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        if self._settings.tls_client_ca:
            context.verify_mode = _MODES[self._settings.tls_client_auth]
        return context

    def _load(self) -> None:
        """Try all files on a context nobody uses: half a certificate would spoil those in use."""
        spare = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._fill(spare, spare)
        self._fill(self.server, self.client)

    def _fill(self, server: ssl.SSLContext | None, client: ssl.SSLContext | None) -> None:
        settings = self._settings
        if client is not None and settings.peer_ca:
            _trust(client, settings.peer_ca)
        if client is not None and settings.tls_client_ca:
            _present(client, settings.tls_cert, settings.tls_key)
        if server is not None and settings.tls_client_ca:
            _trust(server, settings.tls_client_ca)
        if server is not None and settings.tls_cert:
            _present(server, settings.tls_cert, settings.tls_key)


def _client(authorities: str) -> ssl.SSLContext:
    """A context that verifies names and chains; with authorities of our own it has no others."""
    if not authorities:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
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
        text = read(Path(path)).decode("ascii", "backslashreplace")
        context.load_verify_locations(cadata=text or "-")
    except ssl.SSLError as error:
        raise ValueError(f"{path}: {_why(error)}") from None


def _why(error: OSError) -> str:
    reason = getattr(error, "reason", None) or error.strerror or "not usable"
    return str(reason).replace("_", " ").lower()
