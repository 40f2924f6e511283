"""The composition root of `injector`: only this module makes sockets, tasks and signal handlers.

Every replica answers; none leads. Nothing is written to the API server.
"""

from __future__ import annotations

import asyncio
import logging
import re
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, NamedTuple

from kubernetes.aio.client import Configuration

from eureka_operator import __version__
from eureka_operator.core.admission import Question
from eureka_operator.core.certificates import service_names
from eureka_operator.core.injection.config import OLDEST_API_SERVER, Config
from eureka_operator.core.injection.decide import Decision, Inject, Refuse, Skip, decide
from eureka_operator.core.kinds import SECRET, WEBHOOK, Object
from eureka_operator.shell.client import ApiError, Client, UnavailableError, configuration
from eureka_operator.shell.mirror import Mirror, Name
from eureka_operator.shell.options import InjectorOptions
from eureka_operator.shell.served import ServedLeaf
from eureka_operator.shell.view import View
from eureka_operator.shell.webhook import InjectorMetrics, Verdict, Webhook, serve_pages

LEAVE_S: Final = 5.0
"""How long a replica answers on after SIGTERM: until no API server sends anything here."""

_AGAIN_S: Final = 3.0
_DIGITS: Final = re.compile(r"\d+")

_log = logging.getLogger(__name__)


class Injector:
    """One replica: its view of the cluster, its servers, and whether it is ready."""

    def __init__(self, options: InjectorOptions) -> None:
        names = service_names(options.name, options.namespace, options.cluster_domain)
        self.metrics = InjectorMetrics()
        self.view = View(options.cluster_domain)
        self.leaf = ServedLeaf(names[0])
        self.webhook = Webhook(self._judge, self.metrics)
        self._options = options
        self._version: tuple[int, int] | None = None
        self._secret = Mirror(
            SECRET, _unchanged, options.namespace, name=options.secret, tell=self._look_at_leaf
        )
        self._configuration = Mirror(
            WEBHOOK, _unchanged, name=options.name, tell=self._look_at_leaf
        )
        self.metrics.certificate_ends.set_function(lambda: self.leaf.ends_s)

    def why_not_ready(self) -> str | None:
        """Why this replica should get no requests, in words; `None`: it should get them."""
        if self.webhook.closing:
            return "it is stopping"
        return self._why_no_version() or self.view.problem or self._why_no_leaf()

    async def follow(self, client: Client) -> None:
        """Keep the view of the cluster up to date, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ask_version(client))
            tasks.create_task(self.view.follow(client))
            for mirror in (self._secret, self._configuration):
                tasks.create_task(mirror.follow(client))

    async def _judge(self, question: Question) -> Verdict:
        namespace = await self.view.namespace(question.namespace)
        return _verdict(decide(question.pod, namespace, self._config()))

    def _config(self) -> Config:
        options = self._options
        return Config(
            image=options.sidecar_image,
            version=__version__,
            registries=self.view.registries,
            allow_urls=options.allow_urls,
            own_namespace=options.namespace,
            cluster_uid=self.view.cluster_uid,
            api_server=self._version or OLDEST_API_SERVER,
        )

    def _look_at_leaf(self) -> None:
        if self._secret.complete and self._configuration.complete:
            options = self._options
            wait_s = self.leaf.consider(
                self._secret.objects.get(Name(options.namespace, options.secret)),
                self._configuration.objects.get(Name("", options.name)),
            )
            if wait_s:
                asyncio.get_running_loop().call_later(wait_s, self._look_at_leaf)

    def _why_no_leaf(self) -> str | None:
        for mirror in (self._secret, self._configuration):
            if not mirror.complete:
                return mirror.problem
        return self.leaf.problem

    def _why_no_version(self) -> str | None:
        if self._version is None:
            return "the API server was not asked for its version yet"
        if self._version < OLDEST_API_SERVER:
            found, oldest = (
                ".".join(map(str, each)) for each in (self._version, OLDEST_API_SERVER)
            )
            return (
                f"Kubernetes is {found}; injected sidecars need {oldest}: upgrade it, or install"
                " the chart with injector.enabled=false"
            )
        return None

    async def _ask_version(self, client: Client) -> None:
        while self._version is None:
            try:
                self._version = _version_of(await client.send("get", "/version"))
            except ApiError as error:
                _log.warning("the version of the API server is not known: %s", error)
                await asyncio.sleep(_AGAIN_S)


class Replica(NamedTuple):
    """An injector that answers, and where."""

    injector: Injector
    client: Client
    port: int
    health_port: int


async def run(options: InjectorOptions) -> int:
    """Run one replica until SIGTERM, and a little longer; the exit code.

    Raises:
        UnavailableError: There is no way to the API server, or a port is taken.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with serve(options, await configuration(options.kubeconfig)) as replica:
        _log.info(
            "answering on port %d; health and metrics on port %d",
            replica.port,
            replica.health_port,
        )
        return await wait_for_end(replica, stop)


@asynccontextmanager
async def serve(options: InjectorOptions, connection: Configuration) -> AsyncIterator[Replica]:
    """Listen while the block runs; the replica is not ready before `wait_for_end`.

    Raises:
        UnavailableError: A port is taken.
    """
    injector = Injector(options)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(connection, may_write=lambda: False))
        why_not, metrics = injector.why_not_ready, injector.metrics
        plain = serve_pages(options.host, options.health_port, why_not, metrics)
        secure = injector.webhook.serve(options.host, options.port, injector.leaf.listening)
        ports = []
        for flag, wanted, each in (
            ("--health-port", options.health_port, plain),
            ("--port", options.port, secure),
        ):
            try:
                ports.append(await stack.enter_async_context(each))
            except OSError as error:
                raise UnavailableError(f"{flag} {wanted}: {error.strerror}") from error
        health_port, port = ports
        yield Replica(injector, client, port, health_port)


async def wait_for_end(replica: Replica, stop: asyncio.Event, leave_s: float = LEAVE_S) -> int:
    """Follow the API server until `stop` is set, and go on answering for so many seconds."""
    injector = replica.injector
    following = asyncio.create_task(injector.follow(replica.client))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((following, stopping), return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            _log.error(
                "the watches have ended, so this replica stops", exc_info=following.exception()
            )
            return 1
        injector.webhook.closing = True
        await asyncio.wait((following,), timeout=leave_s)
        return 0
    finally:
        for task in (following, stopping):
            task.cancel()
        await asyncio.wait((following, stopping))


def _verdict(decision: Decision) -> Verdict:
    match decision:
        case Inject(patch=patch, notes=notes):
            return Verdict("injected", notes[0].reason.code if notes else "ok", patch)
        case Skip(finding=finding, patch=patch):
            return Verdict("skipped", finding.reason.code, patch)
        case Refuse(finding=finding):
            return Verdict("refused", finding.reason.code, message=finding.message)


def _version_of(document: Object) -> tuple[int, int]:
    """The version that `/version` tells; its minor one is `34+` on some clouds."""
    numbers = [_DIGITS.match(str(document.get(key, ""))) for key in ("major", "minor")]
    major, minor = (int(each[0]) if each else 0 for each in numbers)
    return major, minor


def _unchanged(body: Object) -> Object:
    return body
