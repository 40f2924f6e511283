"""Makes all parts and runs them: only this module makes tasks and ends the process."""

from __future__ import annotations

import os
import signal
import sys
import time

from . import __version__, jsontext
from .core import document, downward, metrics, report, urls
from .core.configuration import Configuration, Instance
from .core.downward import PodOptions
from .core.health import Health
from .core.lease import Lease
from .core.metrics import Checks
from .core.servers import preferred_order
from .records import replace
from .shell import child, control
from .shell.connections import Connections
from .shell.files import PodFiles
from .shell.keeper import keep
from .shell.loop import Event, Loop
from .shell.probes import probe
from .shell.resolve import Resolver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .shell.connection import Server
    from .shell.local import LocalServer
    from .wire.http1 import Response

_LOOK_MS = 1_000
"""How often files of the downward API are looked at."""
_SETTLE_MS = 10_000
"""How long `pause` and `resume` wait for the registry."""
_LAST_MS = 3_000
"""What is left of the grace period when a lease is no longer tried to be removed."""
_DEAD_MS = 5_000
"""How long it is tried when the command has ended by itself: nobody waits to kill us."""
_HOLD_MARGIN_MS = 10_000
"""What a command has of the grace period to end, after it was held."""


def run(configuration: Configuration) -> int:
    """Register, renew and at the end remove; returns the exit status.

    Raises:
        ControlError: the socket cannot be made.
        ListenError: the address of the local look-up cannot be used.
        StartError: the command cannot be started.
    """
    return Sidecar(configuration).run()


class Sidecar:
    """All that runs in one process."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._loop = Loop()
        self._lease_event = Event()
        self._change_event = Event()
        self._resolver = Resolver()
        self._pod_files = PodFiles(configuration.annotations_file, configuration.labels_file)
        self._pod_options = self._pod_files.read_if_changed() or PodOptions()
        zone = self._pod_options.zone or configuration.zone
        first = configuration.instances[0].id
        self._registries = [
            Connections(
                self._loop,
                replace(each, urls=preferred_order(each.urls, each.zones, zone, first)),
                self._resolver,
            )
            for each in configuration.registries
        ]
        self._paused = False
        self._checks = Checks()
        self._members = [self._member(each) for each in configuration.instances]
        self._notes = _notes(configuration)
        self._end_signals: list[int] = []
        self._child: child.Child | None = None
        self._status = 0

    def run(self) -> int:
        """See the module's `run`."""
        loop = self._loop
        socket = control.listener(self._configuration.socket)
        signals = child.Signals(loop)
        try:
            local = self._listen()
            if self._configuration.command:
                self._child = child.start(self._configuration.command)
        except BaseException:
            socket.close()
            raise
        serving = loop.start(control.serve(loop, socket, self._answer))
        loop.start(self._watch_signals(signals))
        self._update_leases()
        for member in self._members:
            loop.start(self._check(member))
            for lease, servers in member.leases:
                loop.start(keep(loop, lease, servers, self._lease_event, self._publish_changes))
        loop.start(self._watch_files())
        loop.start(self._run_to_the_end())
        for note in self._notes:
            _log(note)
        loop.run()
        serving.cancel()
        if local:
            local.close()
        return self._status

    # What is registered.

    def _member(self, instance: Instance) -> _Member:
        health = Health(instance.check, self._loop.now_ms())
        content = document.content(instance, health.status, self._pod_options)
        return _Member(
            instance,
            health,
            [
                (
                    Lease(instance, each.paths, content, _chance, each.counters),
                    each.servers(),
                )
                for each in self._registries
            ],
        )

    def _update_leases(self) -> None:
        """Give the leases the wanted content and pause."""
        paused = self._paused or self._pod_options.paused
        for member in self._members:
            content = document.content(member.instance, member.health.status, self._pod_options)
            for lease, _ in member.leases:
                lease.set_content(content)
                if paused and not lease.paused:
                    lease.pause()
                elif lease.paused and not paused:
                    lease.resume()
        self._lease_event.happen()

    async def _check(self, member: _Member) -> None:
        health, check = member.health, member.instance.check
        while not self._closing:
            ok, reason = await probe(self._loop, check, check.host, self._resolver)
            self._checks.count(ok=ok)
            before = health.status
            health.observe(self._loop.now_ms(), reason, ok=ok)
            if health.status != before:
                _log(f"{member.instance.app} is {health.status}: {reason}")
                self._update_leases()
            await self._loop.sleep(health.next_check_ms)

    async def _watch_files(self) -> None:
        while True:
            await self._loop.sleep(self._loop.now_ms() + _LOOK_MS)
            self._check_credentials()
            options = self._pod_files.read_if_changed()
            if options is not None:
                self._pod_options = options
                for problem in options.problems:
                    _log(problem)
                self._update_leases()

    def _check_credentials(self) -> None:
        """Let leases that failed without new credentials try again with them."""
        for place, registry in enumerate(self._registries):
            if registry.check_for_change():
                for member in self._members:
                    member.leases[place][0].try_again()
                self._lease_event.happen()

    def _publish_changes(self) -> None:
        """Log the changes of a lease, and wake up those who wait for one."""
        for member in self._members:
            for lease, _ in member.leases:
                for event in lease.take_events():
                    _log(f"{member.instance.app}: {event}")
        self._change_event.happen()

    # The end.

    @property
    def _closing(self) -> bool:
        return any(lease.closing for lease in self._leases())

    def _leases(self) -> list[Lease]:
        return [lease for member in self._members for lease, _ in member.leases]

    def _close(self) -> None:
        for lease in self._leases():
            lease.close(self._loop.now_ms())
        self._lease_event.happen()
        self._change_event.happen()

    def _all_finished(self) -> bool:
        return all(lease.finished for lease in self._leases())

    def _child_has_ended(self) -> bool:
        return self._child is not None and self._child.exit_status is not None

    async def _until(self, condition: Callable[[], bool], until_ms: int | None = None) -> bool:
        """Wait until a condition holds; `False`: the time is up."""
        while not condition():
            if not await self._loop.wait_for_event(self._change_event, until_ms):
                return condition()
        return True

    async def _run_to_the_end(self) -> None:
        """From the first signal, or the end of the command, to the end of the process."""
        await self._until(lambda: bool(self._end_signals) or self._child_has_ended())
        begin_ms = self._loop.now_ms()
        self._close()
        if self._child and self._child.exit_status is None:
            await self._end_child(self._child, begin_ms)
        grace_ms = self._configuration.grace_ms - _LAST_MS if self._end_signals else _DEAD_MS
        removed = await self._until(self._all_finished, begin_ms + max(grace_ms, _LOOK_MS))
        if not removed:
            _log("no registry has confirmed the removal in time: the lease ends by itself")
        if self._child:
            self._status = self._child.exit_status or 0
        self._loop.stop()

    async def _end_child(self, command: child.Child, begin_ms: int) -> None:
        """Remove the lease, hold the command for the caches of clients, and end it.

        A further signal ends the waiting.
        """
        grace_ms = self._configuration.grace_ms

        def is_interrupted() -> bool:
            return self._child_has_ended() or len(self._end_signals) > 1

        await self._until(
            lambda: self._all_finished() or is_interrupted(), begin_ms + grace_ms // 3
        )
        hold_ms = min(self._configuration.hold_ms, grace_ms - _HOLD_MARGIN_MS)
        if hold_ms > 0:
            _log(f"{command.pid} goes on for {hold_ms // 1000} s: clients may still know it")
            await self._until(is_interrupted, self._loop.now_ms() + hold_ms)
        first = self._end_signals[0]
        command.send(signal.SIGTERM if first == signal.SIGINT else first)
        await self._until(self._child_has_ended)

    async def _watch_signals(self, signals: child.Signals) -> None:
        while True:
            number = await signals.next()
            if number == signal.SIGCHLD:
                if self._child:
                    self._child.reap()
            elif number in child.ENDS or (number == signal.SIGHUP and not self._child):
                if len(self._end_signals) > 1 and self._child:
                    self._child.send(number)
                self._end_signals.append(number)
            elif self._child:
                self._child.send(number)
            self._change_event.happen()

    # What others ask.

    async def _answer(self, command: str) -> dict[str, Any]:
        if command == "status":
            return self._report()
        if command == "drain":
            self._close()
            await self._until(
                self._all_finished, self._loop.now_ms() + self._configuration.grace_ms
            )
            return self._report()
        if command in ("pause", "resume"):
            return await self._switch(paused=command == "pause")
        return {"error": f"{command!r} is none of status, drain, pause and resume"}

    async def _switch(self, *, paused: bool) -> dict[str, Any]:
        if self._closing:
            return {"error": "the lease is removed for good: the sidecar is about to end"}
        if not paused and self._pod_options.paused:
            return {"error": f"the pod is paused by its annotation {downward.PAUSED}: remove that"}
        self._paused = paused
        if not paused:
            for lease in self._leases():
                lease.resume()  # also if an operator of the registry has paused it
        self._update_leases()
        settled = [lease for lease in self._leases() if lease.held is not None]
        await self._until(
            lambda: all(lease.settled for lease in settled), self._loop.now_ms() + _SETTLE_MS
        )
        return self._report()

    def _report(self) -> dict[str, Any]:
        now_ms = self._loop.now_ms()
        return {
            "version": __version__,
            "paused": self._paused or self._pod_options.paused,
            "closing": self._closing,
            "notes": self._all_notes(),
            "instances": [
                report.instance(
                    member.instance,
                    member.health,
                    [(_place(lease, servers), lease) for lease, servers in member.leases],
                    now_ms,
                )
                for member in self._members
            ],
        }

    def _all_notes(self) -> list[str]:
        files = [each.problem for each in self._registries if each.problem]
        return [*self._notes, *self._pod_options.problems, *files, *self._pod_files.problems]

    def _listen(self) -> LocalServer | None:
        """Serve look-up and metrics, if they are configured; `None`: they are not."""
        if not self._configuration.listen:
            return None
        from .core.lookup import Directory  # noqa: PLC0415 - 0.3 MiB, only where it is wished
        from .shell.local import LocalServer, Sources  # noqa: PLC0415

        directory = Directory(_chance, self._configuration.apps, self._loop.now_ms())
        sources = Sources(
            fetch=self._fetch,
            status=lambda: jsontext.dumps(self._report()).encode(),
            metrics=self._metrics,
            unready=self._unready,
            unhealthy=self._unhealthy,
            zone=lambda: self._pod_options.zone or self._configuration.zone,
        )
        local = LocalServer(self._loop, directory, sources)
        local.open(self._configuration.listen)
        return local

    async def _fetch(self, path: str) -> Response | None:
        """Ask the first registry, below the base path that was found."""
        lease, _ = self._members[0].leases[0]
        return await self._registries[0].fetch(f"{lease.servers.path}{path}")

    def _unready(self) -> str:
        missing = [lease for lease in self._leases() if lease.held is None]
        problems = [lease.problem.text for lease in missing if lease.problem]
        return ": ".join(("no registry holds the instance yet", *problems[:1])) if missing else ""

    def _unhealthy(self) -> str:
        health = [each.health for each in self._members if each.health.status != "UP"]
        return f"{health[0].status}: {health[0].reason}" if health else ""

    def _metrics(self) -> str:
        now_ms = self._loop.now_ms()
        wall_s = time.time()
        states = []
        for place, registry in enumerate(self._registries):
            leases = [each.leases[place][0] for each in self._members]
            registry.counters.switches = sum(each.servers.switches for each in leases)
            states.append(metrics.registration_state(registry.counters, leases, now_ms, wall_s))
        statuses: dict[str, int] = {}
        for each in self._members:
            statuses[each.health.status] = statuses.get(each.health.status, 0) + 1
        return metrics.text(states, statuses, self._checks)


class _Member:
    """An instance: its application's health, and its lease at each registry."""

    def __init__(
        self, instance: Instance, health: Health, leases: list[tuple[Lease, list[Server]]]
    ) -> None:
        self.instance = instance
        self.health = health
        self.leases = leases


def _place(lease: Lease, servers: Sequence[Server]) -> str:
    """The base URL that is asked, with the path that was found."""
    return str(replace(servers[lease.servers.current].url, path=lease.servers.path))


def _notes(configuration: Configuration) -> list[str]:
    warnings = {
        warning: None
        for registry in configuration.registries
        for each in registry.urls
        if (warning := urls.plain_text_warning(urls.parse(each), registry.credentials))
    }
    return list(warnings)


def _chance() -> float:
    return int.from_bytes(os.urandom(4), "big") / 2**32


def _log(text: str) -> None:
    """Log; the reader may be gone, or a command may have made the pipe non-blocking."""
    try:
        sys.stderr.write(f"eureka-sidecar: {text}\n")
        sys.stderr.flush()
    except OSError:
        return
