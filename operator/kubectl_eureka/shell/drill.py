"""Runs `drill` on a cluster: makes a namespace with peers and clients, changes peers, removes it.

Nothing is read or changed outside of the namespace that it makes; what is looked at before is in
`preflight.py`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from eureka_operator.core.kinds import CLUSTER, EVENT, NAMESPACE, POD, Object
from eureka_operator.core.names import CLUSTER_LABEL, RESTART_AT
from eureka_operator.shell.client import (
    AlreadyThereError,
    ApiError,
    Client,
    RefusedError,
    UnavailableError,
    path_of,
)
from eureka_operator.shell.kube import Kube
from eureka_registry.verbs.tables import quantity
from eureka_registry.verbs.tally import ClientsReport, Tally
from kubectl_eureka.core import drill as core
from kubectl_eureka.core.drill import PeerPod, Report, Step
from kubectl_eureka.shell import registry
from kubectl_eureka.shell.errors import NoAnswerError

_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
"""That of Kubernetes' own generated names: it writes no words."""
_LETTERS: Final = 5
_LOOK_EVERY_S: Final = 0.5
_SHOW_EVERY_S: Final = 1.0
_CALM_S: Final = 3.0
"""After each step: longer than the clients' interval, so that each lease is renewed once more."""
_START_S: Final = 180.0
_SEEN_S: Final = 45.0
"""Until an operator looks at a new EurekaCluster; one that takes over needs 17 s."""
_CLIENTS_S: Final = 90.0
_STEP_S: Final = 180.0
_ROLL_S: Final = 600.0
_REMOVED_S: Final = 180.0
_DELETE_AGAIN_S: Final = 30.0
_NOT_FOUND: Final = 404
_MERGE: Final = "application/merge-patch+json"
_MOST_LOG_BYTES: Final = 256 * 1024
_OPERATORS: Final = "kubectl get pods -A -l app.kubernetes.io/name=eurekube"


class Progress(Protocol):
    """Shows the progress of a drill."""

    def note(self, message: str) -> None:
        """Say that something has happened."""

    def show(self, doing: str) -> None:
        """Show what is under way, in place of what was shown before."""


class _Sight(NamedTuple):
    """The EurekaCluster, and its peers' pods."""

    document: Object
    pods: tuple[PeerPod, ...]

    @property
    def uids(self) -> frozenset[str]:
        """Those of the pods."""
        return frozenset(each.uid for each in self.pods)


Holds = Callable[[_Sight], bool]
"""Whether it has come to what a step leads to."""


class Drill:
    """One drill; `remove` leaves nothing of it, at whatever step it ended."""

    def __init__(self, client: Client, clients: int, progress: Progress) -> None:
        letters = (secrets.choice(_ALPHABET) for _ in range(_LETTERS))
        self.namespace = f"{core.PREFIX}{''.join(letters)}"
        self._client = client
        self._kube = Kube(client)
        self._clients = clients
        self._progress = progress
        self._making: asyncio.Task[Object] | None = None
        self._latest = ClientsReport(clients, Tally())
        self._steps: list[Step] = []

    async def carry_out(self) -> Report:
        """Do all of it but the removal.

        Raises:
            NoAnswerError: Peers or clients did not start.
            ApiError: The API server cannot be asked.
        """
        await self._make_namespace()
        await self._post(core.cluster_document(self.namespace))
        self._progress.note(f"namespace {self.namespace} with an EurekaCluster is made")
        began = _now_s()
        sight = await self._until(_agreement(core.PEERS), _START_S)
        if sight is None:
            raise NoAnswerError(
                f"peers are not ready after {_START_S:g} s: {await self._why_not()}"
            )
        self._steps.append(Step("start", "three peers start", _now_s() - began, Tally()))
        self._progress.note(f"three peers are ready and agree after {_now_s() - began:.1f} s")
        image = await self._start_clients(sight)
        showing = asyncio.ensure_future(self._keep_showing())
        try:
            for name, what, act, patience_s in (
                ("delete", f"{core.LOST_PEER} deleted by force", self._delete, _STEP_S),
                ("restart", "all peers restarted in turn", self._restart, _ROLL_S),
                ("grow", "a fourth peer joins", self._grow, _STEP_S),
                ("shrink", "the fourth peer leaves", self._shrink, _STEP_S),
            ):
                if not await self._step(name, what, act, patience_s):
                    break
        finally:
            showing.cancel()
        return Report(
            namespace=self.namespace,
            image=image,
            peers=core.PEERS,
            clients=self._clients,
            steps=self._steps,
            tally=self._latest.tally,
            troubles=self._latest.troubles,
        )

    async def remove(self) -> None:
        """Remove the namespace, and wait until it is gone; nothing to do if none was made.

        Raises:
            NoAnswerError: It is still there; with what to do.
        """
        if self._making is None:
            return
        await asyncio.wait({self._making})
        if isinstance(self._making.exception(), (NoAnswerError, AlreadyThereError)):
            return  # it was refused, or is somebody else's
        self._progress.show(f"removing namespace {self.namespace}")
        try:
            reason = (
                "" if await _wait_until(self._request_deletion, _DELETE_AGAIN_S) else "no answer"
            )
        except RefusedError as error:
            reason = str(error)
        if reason:
            raise NoAnswerError(
                f"namespace {self.namespace} is left: {reason}; remove it by"
                f" kubectl delete namespace {self.namespace}"
            )
        await self._kill_pods()
        if not await _wait_until(self._is_gone, _REMOVED_S):
            raise NoAnswerError(
                f"namespace {self.namespace} is still being removed after {_REMOVED_S:g} s:"
                f" kubectl get namespace {self.namespace} -o yaml says what it waits for"
            )
        self._progress.note(f"namespace {self.namespace} is removed")

    # -- what is made

    async def _make_namespace(self) -> None:
        """Create it; a request that was sent is finished even if the drill is cancelled."""
        body = core.namespace_document(self.namespace)
        self._making = asyncio.ensure_future(self._post(body))
        await asyncio.shield(self._making)

    async def _post(self, body: Object) -> Object:
        kind = {each.kind: each for each in (NAMESPACE, CLUSTER, POD)}[body["kind"]]
        path = path_of(kind, body["metadata"].get("namespace"))
        try:
            return await self._client.send("post", path, body)
        except RefusedError as error:
            name = f"{kind.kind} {body['metadata']['name']}"
            raise NoAnswerError(f"{name} cannot be made: {error}") from error

    async def _start_clients(self, sight: _Sight) -> str:
        """Start the clients; returns their image."""
        peers = await self._kube.list(POD, self.namespace, f"{CLUSTER_LABEL}={core.NAME}")
        urls = core.client_urls(sight.document)
        body = core.clients_document(self.namespace, peers[0], urls, self._clients)
        await self._post(body)
        await self._wait_for_counts()
        self._progress.note(f"{quantity(self._clients, 'client')} hold leases and look them up")
        return str(body["spec"]["containers"][0]["image"])

    # -- steps

    async def _step(
        self, name: str, what: str, act: Callable[[], Awaitable[Holds]], patience_s: float
    ) -> bool:
        """Make a failure at the peers and wait until they agree again; returns whether they do."""
        before, began = self._latest.tally, _now_s()
        self._progress.note(what)
        sight = await self._until(await act(), patience_s)
        after_s = None if sight is None else _now_s() - began
        await asyncio.sleep(_CALM_S)
        await self._wait_for_counts()
        tally = self._latest.tally.since(before)
        if not tally.lookups:
            raise NoAnswerError("the clients have stopped: see the events of their pod's node")
        self._steps.append(Step(name, what, after_s, tally))
        if after_s is None:
            why = await self._why_not() or "see kubectl eureka status"
            self._progress.note(f"peers do not agree after {patience_s:g} s: {why}")
            return False
        self._progress.note(f"  all peers agree after {after_s:.1f} s")
        return True

    async def _delete(self) -> Holds:
        """Delete the pod of a peer at once, as when its node is lost."""
        sight = await self._look()
        (victim,) = [each for each in sight.pods if _name_of(each) == core.LOST_PEER]
        await self._kube.delete(POD, self.namespace, victim.name, uid=victim.uid, grace_s=0)
        return lambda now: victim.uid not in now.uids and _agreement(core.PEERS)(now)

    async def _restart(self) -> Holds:
        """Restart all peers gently, by the annotation for that."""
        before = (await self._look()).uids
        moment = {RESTART_AT: datetime.now(UTC).isoformat(timespec="seconds")}
        await self._change({"metadata": {"annotations": moment}})
        return lambda now: not before & now.uids and _agreement(core.PEERS)(now)

    async def _grow(self) -> Holds:
        return await self._scale(core.PEERS + 1)

    async def _shrink(self) -> Holds:
        return await self._scale(core.PEERS)

    async def _scale(self, peers: int) -> Holds:
        await self._change({"spec": {"replicas": peers}})
        return _agreement(peers)

    async def _change(self, patch: Object) -> None:
        path = path_of(CLUSTER, self.namespace, core.NAME)
        await self._client.send("patch", path, patch, content_type=_MERGE)

    # -- what is seen

    async def _until(self, holds: Holds, patience_s: float) -> _Sight | None:
        """Look again until a condition holds; `None`: not within that time.

        Raises:
            NoAnswerError: It cannot hold any more.
        """
        began = _now_s()
        sight = None
        while (waited_s := _now_s() - began) < patience_s:
            try:
                sight = await self._look()
                if holds(sight):
                    return sight
                await self._give_up_if_hopeless(sight, waited_s)
            except UnavailableError:
                pass  # whether the API server comes back is a matter of patience
            await asyncio.sleep(_LOOK_EVERY_S)
        return None

    async def _look(self) -> _Sight:
        path = path_of(CLUSTER, self.namespace, core.NAME)
        document, pods = await asyncio.gather(
            self._client.send("get", path),
            self._kube.list(POD, self.namespace, f"{CLUSTER_LABEL}={core.NAME}"),
        )
        return _Sight(document, tuple(await asyncio.gather(*map(self._peer, pods))))

    async def _peer(self, pod: Object) -> PeerPod:
        metadata = pod["metadata"]
        report: Object | None = None
        if pod.get("status", {}).get("podIP"):
            try:
                report = await registry.report_of(self._client, self.namespace, metadata["name"])
            except (ApiError, msgspec.MsgspecError):
                report = None
        return PeerPod(metadata["name"], metadata["uid"], "deletionTimestamp" in metadata, report)

    async def _give_up_if_hopeless(self, sight: _Sight, waited_s: float) -> None:
        if waited_s > _SEEN_S and not core.has_status(sight.document):
            raise NoAnswerError(
                f"no operator has looked at the EurekaCluster for {_SEEN_S:g} s: either none runs,"
                f" or it looks after other namespaces only: {_OPERATORS}"
            )
        if len(sight.pods) < core.PEERS:
            why = await self._why_not()
            if core.is_over_quota(why):
                raise NoAnswerError(f"peers cannot be made: {why}")

    async def _why_not(self) -> str:
        """Why peers or clients do not run; empty if that cannot be seen."""
        try:
            document, pods, events = await asyncio.gather(
                self._kube.get(CLUSTER, self.namespace, core.NAME),
                self._kube.list(POD, self.namespace),
                self._kube.list(EVENT, self.namespace, fields="type=Warning"),
            )
        except ApiError as error:
            return str(error)
        return core.why_not(document, pods, events)

    async def _wait_for_counts(self) -> None:
        if not await _wait_until(self._count, _CLIENTS_S):
            why = await self._why_not() or f"the log of pod {core.CLIENTS} cannot be read"
            raise NoAnswerError(f"nothing is known of the clients for {_CLIENTS_S:g} s: {why}")

    async def _count(self) -> bool:
        """Read the clients' newest counts; returns whether there are any.

        Raises:
            NoAnswerError: They have ended.
        """
        try:
            lines = await self._last_lines(1)
        except ApiError:
            return False
        try:
            self._latest = msgspec.json.decode(lines, type=ClientsReport)
        except msgspec.MsgspecError as error:
            if not lines.strip():
                return False
            text = (await self._last_lines(5)).decode(errors="replace").strip()
            raise NoAnswerError(f"the clients do not work: {text}") from error
        return True

    async def _last_lines(self, count: int) -> bytes:
        path = path_of(POD, self.namespace, core.CLIENTS, "log")
        query = [("tailLines", str(count))]
        body, _ = await self._client.fetch("get", path, "*/*", _MOST_LOG_BYTES, query_params=query)
        return body

    async def _keep_showing(self) -> None:
        """Show the clients' counts, until cancelled."""
        while True:
            await self._count()
            tally = self._latest.tally
            self._progress.show(
                f"{tally.lookups:,} look-ups, {tally.lookups_failed:,} failed;"
                f" {tally.renewals:,} renewals, {tally.renewals_failed:,} failed;"
                f" {tally.retried:,} made again; {quantity(tally.leases_lost, 'lease')} lost"
            )
            await asyncio.sleep(_SHOW_EVERY_S)

    # -- removal

    async def _request_deletion(self) -> bool:
        """Request the deletion; returns whether the API server has accepted it."""
        try:
            await self._client.send("delete", path_of(NAMESPACE, None, self.namespace))
        except UnavailableError:
            return False
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                raise
        return True

    async def _kill_pods(self) -> None:
        """Kill all pods at once; a namespace with pods that end slowly is removed much later.

        Nobody can make new ones in it. What remains is the matter of Kubernetes.
        """
        try:
            pods = await self._kube.list(POD, self.namespace)
            names = [(each["metadata"]["name"], each["metadata"]["uid"]) for each in pods]
            await asyncio.gather(
                *(
                    self._kube.delete(POD, self.namespace, name, uid=uid, grace_s=0)
                    for name, uid in names
                )
            )
        except ApiError as error:
            self._progress.note(f"pods end by themselves: {error}")

    async def _is_gone(self) -> bool:
        try:
            return await self._kube.get(NAMESPACE, "", self.namespace) is None
        except UnavailableError:
            return False


def _agreement(peers: int) -> Holds:
    return lambda now: core.peers_agree(now.pods, peers) and core.is_ready(now.document)


async def _wait_until(done: Callable[[], Awaitable[bool]], patience_s: float) -> bool:
    """Try again until something is done; returns whether it was done in that time."""
    began = _now_s()
    while not await done():
        if _now_s() - began > patience_s:
            return False
        await asyncio.sleep(_LOOK_EVERY_S)
    return True


def _name_of(pod: PeerPod) -> Any:  # noqa: ANN401 - of a report of any shape
    return (pod.report or {}).get("name")


def _now_s() -> float:
    return asyncio.get_running_loop().time()
