"""A real Spring Cloud Eureka Server as a process: an oracle, a peer, and what to compare with."""

from __future__ import annotations

import ssl
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12Certificate,
    serialize_java_truststore,
)

from processes.cluster import Reply, ask, environment, free_port, until
from support.builds import NotBuiltError, built, need, output

BUILD: Final = ("mvn", "--batch-mode", "--no-transfer-progress", "--quiet", "package")
START_S: Final = 90.0
"""A Java server takes 7 s on an idle core, and many times that on a busy one."""

ALONE: Final[Mapping[str, object]] = {
    "eureka.client.register-with-eureka": False,
    "eureka.client.fetch-registry": False,
}
"""Settings of a server without peers that is not an instance of itself."""

LIVE: Final[Mapping[str, object]] = {
    "eureka.server.use-read-only-response-cache": False,
}
"""Without the 30 s cache, so that what is read is what was written."""


def server_jar() -> Path:
    """The server's jar, built when it is not in the cache.

    Raises:
        NotBuiltError: Java 17 or Maven are missing, or the build failed.
    """
    need("java")
    version = output("java", "-version")
    if 'version "1.' in version or 'version "11' in version:
        raise NotBuiltError(f"Java 17 or newer is needed, there is {version.splitlines()[0]}")
    sources = Path(__file__).parent / "eurekaserver"
    return built("java-server", sources, BUILD) / "target" / "server.jar"


_STORE_PASSWORD: Final = "changeit"  # noqa: S105 - certificates are no secret
QUICK_START: Final = ("-Xmx512m", "-XX:TieredStopAtLevel=1")
"""For tests: half the time to start. Benchmarks want the full compiler."""


def trusting(authority: Path, folder: Path) -> tuple[str, ...]:
    """Flags of a JVM that trusts this authority alone; its trust store is made in the folder."""
    certificate = x509.load_pem_x509_certificate(authority.read_bytes())
    store = folder / "trust.p12"
    kept = serialization.BestAvailableEncryption(_STORE_PASSWORD.encode())
    store.write_bytes(serialize_java_truststore([PKCS12Certificate(certificate, b"eureka")], kept))
    return (
        f"-Djavax.net.ssl.trustStore={store}",
        f"-Djavax.net.ssl.trustStorePassword={_STORE_PASSWORD}",
    )


class JavaServer:
    """One server: its settings (Spring's property names), and its process if it runs."""

    probe = "/eureka/apps"
    """What it answers with 200 as soon as it is ready."""

    def __init__(  # noqa: PLR0913 - what a server may have
        self,
        jar: Path,
        settings: Mapping[str, object],
        *,
        port: int | None = None,
        name: str = "java",
        host: str = "127.0.0.1",
        jvm: Sequence[str] = QUICK_START,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.name = name
        self.context = context
        """How it is asked if its settings say that it speaks HTTPS."""
        self.host = host
        self.port = port or free_port()
        self.settings: dict[str, object] = dict(settings)
        self.process: subprocess.Popen[bytes] | None = None
        self._jvm = [*jvm]
        self._jar = jar
        self._log = tempfile.NamedTemporaryFile(prefix=f"eurekube-{name}-", suffix=".log")  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Self:
        """Use it in `with`; nothing is started yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Kill it if it runs; its log is shown with a failed test."""
        self.kill()
        if kind is not None:
            print(f"--- {self.name}\n{self.log[-3000:]}")  # noqa: T201 - shown with the test
        self._log.close()

    @property
    def url(self) -> str:
        """Its service URL."""
        scheme = "http" if self.context is None else "https"
        return f"{scheme}://{self.host}:{self.port}/eureka/"

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return Path(self._log.name).read_text(errors="replace")

    def start(self) -> None:
        """Start it; wait with `ready`."""
        with Path(self._log.name).open("ab") as log:
            self.process = subprocess.Popen(
                [
                    "java",
                    *self._jvm,
                    "-jar",
                    str(self._jar),
                    f"--server.address={self.host}",
                    f"--server.port={self.port}",
                    *(f"--{name}={_text(value)}" for name, value in self.settings.items()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(),
            )

    def ready(self, within_s: float = START_S) -> None:
        """Wait until it answers."""
        until(self._answers_or_died, within_s)

    def kill(self) -> None:
        """End its process as a crash does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def terminate(self, within_s: float = 30.0) -> None:
        """Ask it to end, and wait."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(within_s)
        self.process = None

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout_s: float = 10.0,
    ) -> Reply:
        """Make a request below `/eureka`."""
        return self._ask(method, f"/eureka{path}", body, headers, timeout_s=timeout_s)

    def ids(self, app: str) -> set[str]:
        """Ids it lists of one application."""
        reply = self.ask("GET", f"/apps/{app}")
        if reply.status == 404:
            return set()
        if reply.status != 200:
            raise ConnectionError(f"{self.name} answered {reply.status}")
        return {each["instanceId"] for each in reply.json["application"]["instance"]}

    def instance(self, app: str, instance_id: str) -> dict[str, object] | None:
        """One instance's document, `None` if there is none."""
        reply = self.ask("GET", f"/apps/{app}/{instance_id}")
        found: dict[str, object] | None = reply.json["instance"] if reply.status == 200 else None
        return found

    def _answers_or_died(self) -> bool:
        ended = self.process is None or self.process.poll() is not None
        assert not ended, f"{self.name} ended:\n{self.log[-2000:]}"
        return self._ask("GET", self.probe, timeout_s=10.0).status == 200

    def _ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout_s: float,
    ) -> Reply:
        where = (self.host, self.port)
        return ask(where, method, path, body, headers, timeout_s=timeout_s, context=self.context)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
