"""The lease of one instance at one registry: a state machine without a clock or a socket.

It knows what is wished (`wish`, `close`, `resume`), what the registry has confirmed (`held`), and
which request is under way. `next_request` gives the request that brings the two together, and
`receive` takes its answer. There is one request at a time, and one caller.

What is asked next: the first row that applies.

    ================================================ ==========
    closing, and the lease may be there               REMOVE
    closing                                           nothing
    the registry has confirmed no lease               REGISTER
    to be paused or resumed, and not tried yet        OVERRIDE, LIFT
    what it holds is not what is wished, and it has
    not refused that                                  REGISTER
    a renewal is due                                  RENEW
    to be paused, and it is not                       OVERRIDE
    to be resumed, and it is not                      LIFT
    it has not been read back since, or for long      VERIFY
    ================================================ ==========

What an answer changes (`_HANDLERS`):

    ========  ============ ============= =========== ============ =============== ===============
    request   done         missing (404) invalid     denied (401) forbidden (403) no answer, 5xx
    ========  ============ ============= =========== ============ =============== ===============
    REGISTER  registered   next path     refused     explain      refused         next server
    VERIFY    compare      forgotten     accept      accept       accept          next server
    RENEW     renewed      forgotten     explain     explain      explain         next server
    OVERRIDE  paused       forgotten     explain     explain      explain         next server
    LIFT      resumed      forgotten     explain     explain      explain         next server
    REMOVE    removed      next place    next server next server  next server     next server
    ========  ============ ============= =========== ============ =============== ===============

What was forbidden is asked for again each minute, of a lease that is held with each look (VERIFY):
a right may be given while we run, and asking more often gives nobody any. New credentials are tried
at once.

The next place after a 404 to REMOVE is another server, or another path, where a registration may
have arrived that was never answered; the lease is removed if none has it.

`closing` is never taken back, and no row below it sends anything but REMOVE: nothing can register
again what was removed.
"""

from __future__ import annotations

from ..records import record, replace
from . import document, pace
from .document import OUT_OF_SERVICE, UNKNOWN, Content
from .operations import Answer, Operation, Outcome, Request, outcome
from .pace import Pace
from .servers import BASE_PATHS, Servers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .configuration import Instance
    from .metrics import Counters
    from .pace import Chance

    Reaction = Callable[["Lease", Answer, int], None]

TIMEOUT_MS = 5_000
"""So long a request may take."""

CLOSING_TIMEOUT_MS = 2_000
"""So long a request may take once the lease is to be removed."""

_VERIFY_EVERY_MS = 300_000
_MOST_SAID = 300
"""Characters of what a server says that are repeated."""
_MOST_MISMATCHES = 3
"""So many answers that are not what was sent lead to another attempt."""
_EXPLAINED_MS = 60_000
"""How long what the registry refuses is not tried again, unless something else is wished."""
_LATE_MS = 10_000
"""How long a registration that was given up may still reach a server."""
_AGAIN_MS = 1_000
"""The pause before a lease is read back, or removed, once more."""
_COLUMNS = {result: column for column, result in enumerate(Outcome)}


@record
class Problem:
    """Why the registry does not hold what is wanted: a stable code, and a sentence."""

    code: str
    text: str


class Lease:
    """See the module."""

    held: Content | None = None
    """What the registry has confirmed; `None`: no lease."""
    held_since_ms = 0
    renewed_ms: int | None = None
    """When the registry last confirmed the lease."""
    record: document.RegistryRecord | None = None
    """What the registry showed when it was last read back."""
    problem: Problem | None = None
    paused = False
    closing = False
    removed = False
    under_way: Request | None = None

    _sent_ms = 0
    _is_counted = False
    _closing_ms = 0
    _dirty_ms = 0
    _held_dirty_ms = 0
    _is_unsure = False
    _may_be_there = False
    _given_up_ms: int | None = None
    _refused: Content | None = None
    _held_paused = False
    _to_lift = False
    _is_urgent = False
    _to_verify = True
    _verified_ms = 0
    _mismatches = 0
    _failures = 0
    _retry_ms = 0
    _renewal_ms: int | None = None

    def __init__(
        self,
        instance: Instance,
        paths: Sequence[str],
        content: Content,
        chance: Chance,
        counters: Counters,
    ) -> None:
        """Prepare a lease; nothing is asked yet.

        Args:
            instance: what is registered.
            paths: the base path of each server of the registry.
            content: the wanted status and metadata at the start.
            chance: gives a number in [0, 1), for jitter.
            counters: the registry's counters of requests.
        """
        self.instance = instance
        self.servers = Servers(paths)
        self.desired = content
        self.counters = counters
        self._sent_content = content
        self._chance = chance
        self._interval_ms = instance.renewal_s * 1_000
        self._pace = Pace(self._interval_ms)
        self._path = document.path_of(instance)
        self._events: list[str] = []

    def adopt(self, content: Content, dirty_ms: int, now_ms: int) -> None:
        """Continue a lease that a former process of this pod has begun: renew it.

        Args:
            content: what was registered; if it is not what is wanted, it is registered again.
            dirty_ms: its `lastDirtyTimestamp` at the registry.
            now_ms: of the clock of `next_request`.
        """
        self.held = content
        self.held_since_ms = now_ms
        self._dirty_ms = self._held_dirty_ms = dirty_ms
        self._may_be_there = True
        self._to_verify = False
        self._verified_ms = now_ms - round(_VERIFY_EVERY_MS * self._chance())
        self._renewal_ms = now_ms + round(self._interval_ms * self._chance())

    # What is wished.

    def set_content(self, content: Content) -> None:
        """Set the wanted status and metadata."""
        if content == self.desired:
            return
        self.desired = content
        if self.problem and self.problem.code in ("invalid", "forbidden"):
            self._retry_ms = 0

    def try_again(self) -> None:
        """Try again at once what failed without the new credentials."""
        if self.problem:
            self._retry_ms = 0
            self._refused = None
            self._pace.give_back()  # one request for each change

    def pause(self) -> None:
        """Ask for a pause: an override at the registry, OUT_OF_SERVICE."""
        self.paused = True
        self._to_lift = False
        self._is_urgent = True

    def resume(self) -> None:
        """Ask for the end of a pause; this lifts any override, whoever made it."""
        self.paused = False
        self._to_lift = True
        self._is_urgent = True

    def close(self, now_ms: int) -> None:
        """Ask for the removal of the lease. This cannot be undone."""
        if self.closing:
            return
        self.closing = True
        self._closing_ms = now_ms
        self._failures = 0
        self._retry_ms = 0
        self.servers.begin_removal()

    # What is asked.

    @property
    def finished(self) -> bool:
        """Whether there will be no more requests: the lease was removed, or never begun."""
        return self.closing and self.under_way is None and self._is_over()

    @property
    def settled(self) -> bool:
        """Whether the registry has confirmed everything that is wanted."""
        return self.finished if self.closing else self._is_confirmed()

    @property
    def deadline_ms(self) -> int:
        """The time limit of the request under way."""
        if not self.closing:
            return self._sent_ms + TIMEOUT_MS
        begin_ms = max(self._sent_ms, self._closing_ms)
        return min(self._sent_ms + TIMEOUT_MS, begin_ms + CLOSING_TIMEOUT_MS)

    def next_request(self, now_ms: int, wall_ms: int) -> Request | None:
        """The request to send now; `None`: wait until `wake_ms`, a new wish or an answer.

        Args:
            now_ms: of a clock that never jumps.
            wall_ms: the time of day, for `lastDirtyTimestamp`.
        """
        operation = self._due(now_ms)
        if operation is None or self.under_way or now_ms < self._ready_ms(operation, now_ms):
            return None
        if operation is Operation.RENEW:
            self.servers.return_to_first(now_ms)
        self._is_counted = not self.closing and not self._is_awaited(operation)
        if self._is_counted:
            self._pace.take(now_ms)
        if operation in (Operation.OVERRIDE, Operation.LIFT):
            self._is_urgent = False
        if operation is Operation.LIFT:
            self._held_paused = False  # from now on; also if it is never answered
        self._sent_ms = now_ms
        self.under_way = self._request(operation, wall_ms)
        return self.under_way

    def wake_ms(self, now_ms: int) -> int | None:
        """When `next_request` has one; `None`: not before a wish or an answer."""
        operation = self._due(now_ms)
        if operation is None or self.under_way:
            return None
        return self._ready_ms(operation, now_ms)

    def _due(self, now_ms: int) -> Operation | None:
        if self.closing:
            return None if self._is_over() else Operation.REMOVE
        if self.held is None:
            return Operation.REGISTER
        switch = self._switch()
        if switch and self._is_urgent:
            return switch
        if self._is_changed():
            return Operation.REGISTER
        if self._renewal_ms is not None and now_ms >= self._renewal_ms:
            return Operation.RENEW
        if switch:
            return switch
        if self._to_verify or not self._renews_first():
            return Operation.VERIFY
        return Operation.RENEW

    def _switch(self) -> Operation | None:
        """The request that pauses or resumes the instance, if one is needed."""
        if self.paused and not self._held_paused:
            return Operation.OVERRIDE
        return Operation.LIFT if self._to_lift else None

    def _is_awaited(self, operation: Operation) -> bool:
        """Whether a user waits for it: the first attempt of a pause or of its end."""
        return self._is_urgent and operation in (Operation.OVERRIDE, Operation.LIFT)

    def _is_confirmed(self) -> bool:
        """Whether only renewals and looks are left to do."""
        if self.held is None or self._is_changed() or self._to_lift:
            return False
        return self._held_paused == self.paused

    def _is_changed(self) -> bool:
        """Whether the registry must get another status or metadata, and may accept it."""
        if self.desired == self._refused:
            return False
        return self._is_unsure or self.desired != self.held

    def _is_over(self) -> bool:
        """Whether there is nothing to remove, or only a former process's and no server answers."""
        is_given_up = not self._may_be_there and self._failures >= len(self.servers)
        return self.removed or is_given_up

    def _renews_first(self) -> bool:
        return (self._renewal_ms or 0) <= self._verified_ms + _VERIFY_EVERY_MS

    def _ready_ms(self, operation: Operation, now_ms: int) -> int:
        """When an operation that is due may be sent."""
        if self.closing or self._is_awaited(operation):
            return self._retry_ms
        at_ms = max(self._retry_ms, self._pace.free_ms(now_ms))
        if operation is Operation.RENEW:
            return max(at_ms, self._renewal_ms or 0)
        if operation is Operation.VERIFY and not self._to_verify:
            return max(at_ms, self._verified_ms + _VERIFY_EVERY_MS)
        return at_ms

    def _request(self, operation: Operation, wall_ms: int) -> Request:
        dirty = f"lastDirtyTimestamp={self._held_dirty_ms}"
        match operation:
            case Operation.REGISTER:
                self._dirty_ms = max(wall_ms, self._dirty_ms + 1)
                self._sent_content = self.desired
                return self._server_request(
                    operation, "POST", _collection(self._path), self._document()
                )
            case Operation.VERIFY:
                return self._server_request(operation, "GET", self._path)
            case Operation.RENEW:
                status = self.desired.status
                return self._server_request(
                    operation, "PUT", f"{self._path}?status={status}&{dirty}"
                )
            case Operation.OVERRIDE:
                value = f"value={OUT_OF_SERVICE}"
                return self._server_request(
                    operation, "PUT", f"{self._path}/status?{value}&{dirty}"
                )
            case Operation.LIFT:
                value = f"value={self.desired.status}"
                return self._server_request(
                    operation, "DELETE", f"{self._path}/status?{value}&{dirty}"
                )
            case Operation.REMOVE:
                return self._server_request(operation, "DELETE", self._path)

    def _server_request(
        self, operation: Operation, method: str, path: str, body: bytes = b""
    ) -> Request:
        return Request(operation, self.servers.current, method, self.servers.path + path, body)

    def _document(self) -> bytes:
        # Carried while paused: a registry that has lost everything learns it with the instance.
        overridden = OUT_OF_SERVICE if self.paused else UNKNOWN
        return document.body(
            document.registration(self.instance, self.desired, overridden, self._dirty_ms)
        )

    # What the answers change.

    def receive(self, answer: Answer, now_ms: int) -> None:
        """Take in the answer to the request under way, or why there is none."""
        request = self.under_way
        assert request  # noqa: S101 - the caller sends one request at a time
        self.under_way = None
        if self._is_counted and not answer.sent:
            self._pace.give_back()
        result = outcome(request.operation, answer)
        self._count(request.operation, result.value, now_ms)
        self._note_place(request, answer, result, now_ms)
        if request.operation is Operation.REGISTER and result is Outcome.FAILED:
            # It may have had its effect: what is held is not known before one is confirmed.
            self._is_unsure = self._is_unsure or answer.sent
        if self.closing and request.operation is not Operation.REMOVE:
            self.servers.begin_removal()
            return
        if result is Outcome.DONE:
            self._failures = 0
        self._REACTIONS[request.operation][_COLUMNS[result]](self, answer, now_ms)

    def _count(self, operation: Operation, result: str, now_ms: int) -> None:
        if operation is Operation.REGISTER:
            self.counters.count_registration(result)
        elif operation is Operation.RENEW:
            self.counters.count_renewal(result, (now_ms - self._sent_ms) / 1_000)
        elif operation is Operation.REMOVE:
            self.counters.count_removal(result)

    def _note_place(self, request: Request, answer: Answer, result: Outcome, now_ms: int) -> None:
        """Remember where the lease is, or may be: a registration without an answer may arrive."""
        given_up = answer.sent and not answer.status and request.operation is Operation.REGISTER
        if given_up:
            self._given_up_ms = now_ms
        if given_up or result is Outcome.DONE:
            self._may_be_there = True
            self.servers.mark(request, certain=result is Outcome.DONE)

    def take_events(self) -> list[str]:
        """What happened since the last call, as sentences for the log."""
        events, self._events = self._events, []
        return events

    def _note_success(self, _: Answer, now_ms: int) -> None:
        self.servers.keep_path()
        self.problem = None
        self._refused = None
        self._is_unsure = False
        self._held_dirty_ms = self._dirty_ms
        if self.held is None:
            self._begin(now_ms)
        self.held = self._sent_content
        self.renewed_ms = now_ms
        self._add_event(f"registered as {self.held.status}")

    def _begin(self, now_ms: int) -> None:
        """Begin a lease: it is read back, and its renewals start."""
        self.held_since_ms = now_ms
        self._held_paused = False
        self._to_verify = True
        if self._renewal_ms is None:
            # Anywhere in the interval: instances that start together do not renew together.
            self._renewal_ms = now_ms + round(self._interval_ms * self._chance())
        else:
            self._renewal_ms = now_ms + pace.renewal_pause_ms(self._interval_ms, self._chance)

    def _compare(self, answer: Answer, now_ms: int) -> None:
        """Compare what the registry holds with what was sent.

        A server keeps what it holds if that has a larger `lastDirtyTimestamp`, and answers 204 all
        the same: a pod that comes back under its name, with a clock that is behind, would have the
        address of its predecessor for ever. Another server may not have been told yet.
        """
        seen = document.read_record(answer.body)
        if seen is None:
            self._accept(answer, now_ms)
            return
        if seen.dirty_ms == self._held_dirty_ms or self._mismatches >= _MOST_MISMATCHES:
            self._settle(seen, now_ms)
            return
        self._mismatches += 1
        if seen.dirty_ms > self._held_dirty_ms:
            self._dirty_ms = max(self._dirty_ms, seen.dirty_ms)
            self._forget("stale")
            self._add_event(f"the registry had kept an older registration, of {seen.ip}; again")
        else:
            self._retry_ms = now_ms + _AGAIN_MS

    def _settle(self, record: document.RegistryRecord, now_ms: int) -> None:
        self.record = record
        self._end_look(now_ms)
        self._mismatches = 0
        instance = self.instance
        if (record.ip, record.port) != (instance.ip, instance.port):
            self.problem = Problem(
                "stale_record",
                f"the registry shows {record.ip}:{record.port} under the id {instance.id}, not"
                f" {instance.ip}:{instance.port}: does another process register under this id?",
            )

    def _accept(self, _: Answer, now_ms: int) -> None:
        """Go on without a comparison, for lack of the right to read or of a readable answer."""
        self._end_look(now_ms)

    def _end_look(self, now_ms: int) -> None:
        self._to_verify = False
        self._verified_ms = now_ms
        if self.problem and self.problem.code == "forbidden":
            self._refused = None

    def _note_loss(self, _: Answer, now_ms: int) -> None:
        late = self.renewed_ms is not None and (
            now_ms - self.renewed_ms > self.instance.duration_s * 1_000
        )
        self._forget("expired" if late else "unknown")
        self._add_event("the registry does not know the lease any more; registered again")

    def _forget(self, cause: str) -> None:
        self.counters.count_reregistration(cause)
        self.held = None
        self.record = None

    def _note_renewal(self, _: Answer, now_ms: int) -> None:
        if self.desired != self._refused:
            if self.problem:
                self._add_event("renewed again")
            self.problem = None
        self.renewed_ms = now_ms
        self._renewal_ms = now_ms + pace.renewal_pause_ms(self._interval_ms, self._chance)

    def _note_pause(self, _: Answer, __: int) -> None:
        self._held_paused = True
        self._note_override(OUT_OF_SERVICE, OUT_OF_SERVICE)
        self._add_event("paused: OUT_OF_SERVICE at the registry")

    def _note_resume(self, _: Answer, __: int) -> None:
        self._to_lift = False
        self._note_override(self.desired.status, UNKNOWN)
        self._add_event("resumed: the override at the registry was lifted")

    def _note_override(self, status: str, override: str) -> None:
        """Note that the registry has confirmed an override or its end; it is read back later."""
        self._to_verify = True
        if self.record:
            self.record = replace(self.record, status=status, overridden=override)

    def _try_next_path(self, answer: Answer, now_ms: int) -> None:
        if self.servers.try_next_path(now_ms):
            return
        self.problem = Problem(
            "context_path",
            f"no Eureka is found there: {self.servers.path} and {', '.join(BASE_PATHS)} answer"
            f" {answer.status} to a registration; write the base path of the server into the URL",
        )
        self._wait_for_servers(now_ms)
        self.servers.move_on(now_ms)

    def _note_refusal(self, answer: Answer, now_ms: int) -> None:
        """Note that a change was refused: it is not sent again until something else is wanted."""
        self._explain(answer, now_ms)
        self._refused = self._sent_content
        if self.held is not None:
            self._retry_ms = now_ms

    def _explain(self, answer: Answer, now_ms: int) -> None:
        before, self.problem = self.problem, _problem_of(answer)
        if self.problem != before:
            self._add_event(self.problem.text)
        if self.problem.code == "auth":
            self._wait_for_servers(now_ms)
        elif self.problem.code == "forbidden":
            # Clients that lost a right at one time do not come back at one time.
            pause_ms = _EXPLAINED_MS if self.held is None else self._interval_ms
            self._retry_ms = now_ms + pace.renewal_pause_ms(pause_ms, self._chance)
        else:
            self._retry_ms = now_ms + _EXPLAINED_MS
        self.servers.move_on(now_ms)

    def _try_others(self, answer: Answer, now_ms: int) -> None:
        self.problem = _problem_of(answer)
        if self._failures == 0:
            self._add_event(self.problem.text)
        self._wait_for_servers(now_ms)
        self.servers.move_on(now_ms)

    def _wait_for_servers(self, now_ms: int) -> None:
        """Each server is tried once without a pause, then there is a pause for all.

        A failed renewal is tried again when the next one is due: the lease lasts for several, and
        after a short outage not all clients come back at once.
        """
        self._failures += 1
        rounds, rest = divmod(self._failures, len(self.servers))
        if rest:
            return
        if self.closing:
            pause_ms = pace.last_retry_pause_ms(self._chance)
        elif self._is_confirmed():
            pause_ms = pace.renewal_pause_ms(self._interval_ms, self._chance)
        else:
            pause_ms = pace.retry_pause_ms(rounds, self._interval_ms, self._chance)
        self._retry_ms = now_ms + pause_ms

    def _finish_removal(self, _: Answer, now_ms: int) -> None:
        """Finish: the lease is gone, unless a registration that was given up arrives later."""
        given_up_ms = self._given_up_ms
        if given_up_ms is not None and now_ms - given_up_ms < _LATE_MS:
            self._given_up_ms = None
            self._retry_ms = now_ms + _AGAIN_MS
            self.servers.begin_removal()
            return
        self.removed = True
        self.held = None
        self.problem = None
        self._add_event("the lease is removed")

    def _try_next_place(self, answer: Answer, now_ms: int) -> None:
        """Go to the next place: a server that does not know the lease proves nothing."""
        if not self.servers.drop_place():
            self._finish_removal(answer, now_ms)

    def _add_event(self, text: str) -> None:
        self._events.append(text)

    _REACTIONS: Mapping[Operation, tuple[Reaction, ...]] = {
        # In the order of Outcome: done, missing, invalid, denied, forbidden, failed.
        Operation.REGISTER: (
            _note_success, _try_next_path, _note_refusal, _explain, _note_refusal, _try_others,
        ),
        Operation.VERIFY: (_compare, _note_loss, _accept, _accept, _accept, _try_others),
        Operation.RENEW: (_note_renewal, _note_loss, _explain, _explain, _explain, _try_others),
        Operation.OVERRIDE: (_note_pause, _note_loss, _explain, _explain, _explain, _try_others),
        Operation.LIFT: (_note_resume, _note_loss, _explain, _explain, _explain, _try_others),
        Operation.REMOVE: (
            _finish_removal, _try_next_place, _try_others, _try_others, _try_others, _try_others,
        ),
    }  # fmt: skip


def _collection(path: str) -> str:
    return path.rpartition("/")[0]


def _problem_of(answer: Answer) -> Problem:
    """Why a request was not accepted, and what to do."""
    status = answer.status
    if answer.code == "credentials":
        return Problem(
            answer.code,
            f"nothing is sent before the registry's credentials can be used: {answer.reason}",
        )
    if not status:
        return Problem(answer.code, answer.reason)
    if status in (401, 407):
        return Problem(
            "auth",
            f"the registry does not accept our credentials, or wants some ({status}): look at the"
            " files of user and password, or of the token",
        )
    message = _server_text(answer)
    if status == 403:
        return Problem(
            "forbidden",
            "the registry does not allow this identity what it asks for (403):"
            f" {message or 'ask whoever runs it for the right'}",
        )
    if 300 <= status < 400:
        return Problem(
            "redirect",
            f"the registry redirects to {answer.location or 'nowhere'} ({status}): write the URL"
            " that it has moved to",
        )
    reason = f": {message}" if message else ""
    if status >= 500 or status in (408, 425, 429):
        return Problem("unavailable", f"the registry answers {status}{reason}")
    return Problem("invalid", f"the registry refuses the registration ({status}){reason}")


def _server_text(answer: Answer) -> str:
    """The server's reason for a refusal, in one line; empty: none that is for people."""
    text = answer.reason or answer.body[: 4 * _MOST_SAID].decode("utf-8", "replace")
    line = "".join(each if each.isprintable() else " " for each in text.strip()[:_MOST_SAID])
    return "" if line[:1] in ("{", "<") else line
