"""The lease's state machine, conversation by conversation."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest

from eureka_sidecar.core.configuration import Check, Instance
from eureka_sidecar.core.document import Content
from eureka_sidecar.core.lease import CLOSING_TIMEOUT_MS, TIMEOUT_MS, Lease
from eureka_sidecar.core.metrics import Counters
from eureka_sidecar.core.operations import Answer, Request

WALL_MS: Final = 1_700_000_000_000
INSTANCE: Final = Instance(
    "orders", "orders-1", "10.0.0.1", "10.0.0.1", 8080, Check("tcp", 8080), renewal_s=10
)
STARTING: Final = Content("STARTING")
UP: Final = Content("UP")
REGISTER: Final = "POST /eureka/apps/ORDERS"
INSTANCE_PATH: Final = "/eureka/apps/ORDERS/orders-1"


class Conversation:
    """A lease, and a clock that jumps to whatever it waits for."""

    def __init__(self, paths: Sequence[str] = ("/eureka/",), content: Content = UP) -> None:
        self.lease = Lease(INSTANCE, paths, content, lambda: 0.5, Counters())
        self.now_ms = 0
        self.wall_ms = WALL_MS
        self.request: Request | None = None

    def ask(self) -> str:
        """The next request, as soon as there is one; empty: there is none to come."""
        while not (request := self.lease.next_request(self.now_ms, self.wall_ms + self.now_ms)):
            wake_ms = self.lease.wake_ms(self.now_ms)
            if wake_ms is None:
                return ""
            self.now_ms = max(wake_ms, self.now_ms + 1)
        self.request = request
        return f"{request.method} {request.target.partition('?')[0]}"

    def answer(
        self,
        status: int,
        body: Mapping[str, Any] | None = None,
        *,
        reason: str = "",
        sent: bool = True,
    ) -> None:
        """Answer it a millisecond later; a status of 0: nothing came."""
        self.now_ms += 1
        text = json.dumps(body).encode() if body is not None else b""
        self.lease.receive(Answer(status, text, reason, sent), self.now_ms)

    def hold(self) -> None:
        """Register and read back."""
        assert self.ask() == REGISTER
        self.answer(204)
        assert self.ask() == f"GET {INSTANCE_PATH}"
        self.answer(200, self.registry_answer())

    def use_up_budget(self) -> None:
        """Hold a lease, and ask as often as may be without a pause."""
        self.hold()
        for content in (UP, Content("DOWN")):
            self.lease.set_content(content)
            self.ask()
            self.answer(204)

    def pause_and_resume(self) -> None:
        """Hold a lease, have it paused, and ask for the end of that."""
        self.hold()
        self.lease.pause()
        self.ask()
        self.answer(200)
        self.lease.resume()
        assert self.ask() == f"DELETE {INSTANCE_PATH}/status"

    def registry_answer(self, **changes: object) -> dict[str, Any]:
        """What a registry that took the last registration shows."""
        instance = {
            "status": self.lease.desired.status,
            "overriddenStatus": "UNKNOWN",
            "ipAddr": INSTANCE.ip,
            "port": {"$": INSTANCE.port},
            "lastDirtyTimestamp": str(self.dirty_ms),
        }
        return {"instance": {**instance, **changes}}

    dirty_ms = WALL_MS

    @property
    def sent(self) -> dict[str, Any]:
        """The instance that the request under way registers."""
        assert self.request
        instance: dict[str, Any] = json.loads(self.request.body)["instance"]
        return instance


def test_registers_reads_back_and_renews() -> None:
    """The first renewal is anywhere in the interval, here in its middle."""
    talk = Conversation(content=STARTING)
    talk.hold()
    assert talk.lease.held == STARTING
    assert talk.ask() == f"PUT {INSTANCE_PATH}"
    assert talk.now_ms == 5_001
    assert talk.request
    assert talk.request.target.endswith(f"?status=STARTING&lastDirtyTimestamp={WALL_MS}")
    talk.answer(200)
    assert talk.ask() == f"PUT {INSTANCE_PATH}"
    assert talk.now_ms == 5_002 + 9_500


def test_lease_that_was_found_is_renewed_and_read_back_in_its_time() -> None:
    """Another process of ours has begun it: it is not begun anew."""
    talk = Conversation()
    talk.now_ms = 9
    talk.lease.adopt(UP, WALL_MS + 7, talk.now_ms)

    assert talk.lease.settled
    assert talk.lease.held_since_ms == 9
    assert talk.ask() == f"PUT {INSTANCE_PATH}"
    assert talk.request is not None
    assert f"lastDirtyTimestamp={WALL_MS + 7}" in talk.request.target
    assert talk.now_ms == 5_009
    talk.answer(200)
    asked = [talk.ask()]
    while asked[-1].startswith("PUT"):
        talk.answer(200)
        asked.append(talk.ask())
    assert asked[-1] == f"GET {INSTANCE_PATH}"
    assert talk.now_ms < 200_000


def test_lease_that_was_found_is_registered_if_it_is_not_what_is_wished() -> None:
    """With a later stamp than that of the registry, whose clock may have been ahead of ours."""
    talk = Conversation()
    talk.lease.adopt(STARTING, WALL_MS + 3_600_000, talk.now_ms)

    assert talk.ask() == REGISTER
    assert talk.sent["lastDirtyTimestamp"] == str(WALL_MS + 3_600_001)


def test_lease_that_was_found_is_removed() -> None:
    """And tried to be removed for as long as nobody has confirmed it."""
    talk = Conversation()
    talk.lease.adopt(UP, WALL_MS, talk.now_ms)
    talk.lease.close(talk.now_ms)

    assert talk.ask() == f"DELETE {INSTANCE_PATH}"
    talk.answer(503)
    assert not talk.lease.finished
    assert talk.ask() == f"DELETE {INSTANCE_PATH}"
    talk.answer(200)
    assert talk.lease.finished


def test_change_is_registered_at_once_with_a_later_stamp() -> None:
    """A status by `PUT .../status` would be an operator's override."""
    talk = Conversation(content=STARTING)
    talk.hold()
    talk.lease.set_content(UP)
    assert talk.ask() == REGISTER
    assert talk.sent["status"] == "UP"
    assert int(talk.sent["lastDirtyTimestamp"]) > WALL_MS
    talk.answer(204)
    assert talk.lease.held == UP
    assert talk.ask() == f"PUT {INSTANCE_PATH}"


def test_change_while_registering_is_registered_next() -> None:
    """What was sent is held, not what is wished meanwhile."""
    talk = Conversation(content=STARTING)
    talk.ask()
    talk.lease.set_content(UP)
    talk.answer(204)
    assert talk.lease.held == STARTING
    assert talk.ask() == REGISTER
    assert talk.sent["status"] == "UP"


def test_lost_lease_is_registered_again_at_once() -> None:
    """404 to a renewal: the registry was restarted, or expired it."""
    talk = Conversation()
    talk.hold()
    talk.ask()
    talk.answer(404)
    before_ms = talk.now_ms
    assert talk.ask() == REGISTER
    assert talk.now_ms == before_ms
    assert talk.lease.counters.reregistrations["unknown"] == 1


def test_registry_that_kept_an_older_registration_is_told_again() -> None:
    """A pod that comes back under its name with its clock ten minutes behind: 204, not taken."""
    talk = Conversation()
    newer_ms = WALL_MS + 600_000
    talk.ask()
    talk.answer(204)
    talk.ask()
    talk.answer(200, talk.registry_answer(ipAddr="10.0.0.9", lastDirtyTimestamp=str(newer_ms)))
    assert talk.ask() == REGISTER
    assert int(talk.sent["lastDirtyTimestamp"]) == newer_ms + 1
    talk.answer(204)
    talk.dirty_ms = newer_ms + 1
    assert talk.ask() == f"GET {INSTANCE_PATH}"
    talk.answer(200, talk.registry_answer())
    assert talk.lease.problem is None
    assert talk.lease.counters.reregistrations["stale"] == 1


def test_another_process_under_the_same_id_is_reported() -> None:
    """After three attempts it is no use to fight."""
    talk = Conversation()
    newer_ms = WALL_MS
    for _ in range(4):
        assert talk.ask() == REGISTER
        talk.answer(204)
        talk.ask()
        newer_ms += 600_000
        talk.answer(200, talk.registry_answer(ipAddr="10.0.0.9", lastDirtyTimestamp=str(newer_ms)))

    assert talk.lease.problem
    assert talk.lease.problem.code == "stale_record"
    assert "10.0.0.9:8080" in talk.lease.problem.text
    assert talk.ask() == f"PUT {INSTANCE_PATH}"


@pytest.mark.parametrize("status", [401, 403])
def test_registry_that_lets_nobody_read_is_believed(status: int) -> None:
    """Its 204 is all there is."""
    talk = Conversation()
    talk.ask()
    talk.answer(204)
    talk.ask()
    talk.answer(status)
    assert talk.lease.settled


def test_override_of_an_operator_is_shown_and_not_fought() -> None:
    """Only `resume` lifts it."""
    talk = Conversation()
    talk.ask()
    talk.answer(204)
    talk.ask()
    talk.answer(
        200, talk.registry_answer(status="OUT_OF_SERVICE", overriddenStatus="OUT_OF_SERVICE")
    )
    assert talk.lease.record
    assert talk.lease.record.overridden == "OUT_OF_SERVICE"
    assert talk.ask() == f"PUT {INSTANCE_PATH}"
    talk.answer(200)
    talk.lease.resume()
    assert talk.ask() == f"DELETE {INSTANCE_PATH}/status"


def test_pause_is_an_override_that_every_registration_carries() -> None:
    """So it survives a registry that has lost everything."""
    talk = Conversation()
    talk.hold()
    talk.lease.pause()
    assert talk.ask() == f"PUT {INSTANCE_PATH}/status"
    assert talk.request
    assert "value=OUT_OF_SERVICE" in talk.request.target
    talk.answer(200)
    talk.ask()
    talk.answer(
        200, talk.registry_answer(status="OUT_OF_SERVICE", overriddenStatus="OUT_OF_SERVICE")
    )
    assert talk.lease.settled
    assert talk.ask() == f"PUT {INSTANCE_PATH}"
    talk.answer(404)
    assert talk.ask() == REGISTER
    assert (talk.sent["status"], talk.sent["overriddenStatus"]) == ("UP", "OUT_OF_SERVICE")
    talk.answer(204)
    assert talk.ask() == f"PUT {INSTANCE_PATH}/status"


def test_resume_lifts_the_override_to_the_present_status() -> None:
    """Without a value the instance would be UNKNOWN, and its next renewal a 404."""
    talk = Conversation()
    talk.pause_and_resume()
    assert talk.request
    assert "value=UP" in talk.request.target
    talk.answer(200)
    talk.ask()
    talk.answer(200, talk.registry_answer())
    talk.ask()
    talk.answer(404)
    talk.ask()
    assert talk.sent["overriddenStatus"] == "UNKNOWN"


def test_pause_and_resume_are_not_held_back() -> None:
    """Somebody waits for them, also after a start that has used up what may follow at once."""
    talk = Conversation(content=STARTING)
    talk.use_up_budget()
    before_ms = talk.now_ms
    talk.lease.pause()
    assert talk.ask() == f"PUT {INSTANCE_PATH}/status"
    talk.answer(200)
    assert talk.lease.settled
    talk.lease.resume()
    assert talk.ask() == f"DELETE {INSTANCE_PATH}/status"
    talk.answer(200)
    assert talk.lease.settled
    assert talk.now_ms == before_ms + 2


@pytest.mark.parametrize("waiting", ["renewal", "change"])
def test_pause_does_not_wait_for_what_is_held_back(waiting: str) -> None:
    """A renewal that is due, and a change, wait for the pace; who types `pause` does not."""
    talk = Conversation(content=STARTING)
    talk.use_up_budget()
    if waiting == "renewal":
        talk.now_ms = 5_002
    else:
        talk.lease.set_content(UP)
    before_ms = talk.now_ms
    talk.lease.pause()
    assert talk.ask() == f"PUT {INSTANCE_PATH}/status"
    talk.answer(503)
    assert talk.now_ms == before_ms + 1
    assert talk.ask() == (f"PUT {INSTANCE_PATH}" if waiting == "renewal" else REGISTER)


def test_pause_after_an_end_that_was_not_answered_is_made_again() -> None:
    """The registry may have lifted the override: what it holds is not known."""
    talk = Conversation()
    talk.pause_and_resume()
    talk.answer(0, reason="no answer")
    talk.lease.pause()
    assert not talk.lease.settled
    assert talk.ask() == f"PUT {INSTANCE_PATH}/status"


def test_all_servers_are_tried_without_a_pause() -> None:
    """Then there is one."""
    talk = Conversation(["/a/", "/b/", "/c/"])
    asked = []
    for _ in range(3):
        asked.append(talk.ask())
        talk.answer(0, reason="it refuses connections", sent=False)

    assert asked == [f"POST /{server}/apps/ORDERS" for server in "abc"]
    assert talk.now_ms == 3
    assert talk.ask() == "POST /a/apps/ORDERS"
    assert talk.now_ms > 100


def test_failed_renewal_is_tried_at_the_other_servers_and_then_in_its_own_time() -> None:
    """The lease lasts for three: those who met a short outage do not come back all at once."""
    talk = Conversation(["/eureka/", "/b/"])
    talk.hold()
    talk.ask()
    talk.answer(503)
    first_ms = talk.now_ms
    assert talk.ask() == "PUT /b/apps/ORDERS/orders-1"
    assert talk.now_ms == first_ms
    talk.answer(503)
    talk.ask()
    assert talk.now_ms == first_ms + 1 + 9_500
    assert talk.lease.held == UP


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (Answer(400, b"Missing vipAddress"), "invalid", "refuses the registration (400)"),
        (Answer(401), "auth", "(401): look at the files"),
        (Answer(403), "forbidden", "ask whoever runs it for the right"),
        (Answer(403, b"orders may not\nregister PAY"), "forbidden", "(403): orders may not regi"),
        (Answer(403, b"{}", reason="the name is shop's"), "forbidden", "(403): the name is shop's"),
        (
            Answer(0, reason="cannot read /ca.crt", sent=False, code="credentials"),
            "credentials",
            "nothing is sent before the registry's credentials can be used: cannot read /ca.crt",
        ),
        (Answer(404), "context_path", "write the base path"),
        (Answer(307, location="https://b/"), "redirect", "redirects to https://b/ (307)"),
        (Answer(300, location="https://b/"), "redirect", "redirects to https://b/ (300)"),
        (Answer(399, location="https://b/"), "redirect", "redirects to https://b/ (399)"),
        (Answer(407), "auth", "(407): look at the files"),
        (Answer(499), "invalid", "refuses the registration (499)"),
        (Answer(408), "unavailable", "answers 408"),
        (Answer(425), "unavailable", "answers 425"),
        (Answer(429), "unavailable", "answers 429"),
        (Answer(500), "unavailable", "answers 500"),
        (Answer(503, b"not yet"), "unavailable", "answers 503: not yet"),
        (Answer(0, reason="b refuses connections", sent=False), "unreachable", "b refuses"),
    ],
)
def test_what_the_registry_does_not_take_is_explained(
    answer: Answer, code: str, words: str
) -> None:
    """A stable code for programs, a sentence that says what to do."""
    talk = Conversation()
    while talk.lease.problem is None:
        talk.ask()
        talk.lease.receive(answer, talk.now_ms)

    assert talk.lease.problem.code == code
    assert words in talk.lease.problem.text
    assert talk.ask() == REGISTER
    talk.answer(204)
    assert talk.lease.problem is None


def test_first_server_is_asked_again_with_a_renewal_after_five_minutes() -> None:
    """It is the one in our own zone; a change is not delayed by it."""
    talk = Conversation(["/a/", "/b/"])
    talk.ask()
    talk.answer(503)
    assert talk.ask() == "POST /b/apps/ORDERS"
    talk.answer(204)
    talk.ask()
    talk.answer(200, talk.registry_answer(lastDirtyTimestamp=str(WALL_MS + 1)))
    talk.now_ms += 300_000
    talk.lease.set_content(STARTING)
    assert talk.ask() == "POST /b/apps/ORDERS"
    talk.answer(204)
    assert talk.ask() == "PUT /a/apps/ORDERS/orders-1"


def test_changes_in_a_row_wait_for_the_pace_and_a_pause_does_not_count() -> None:
    """Health that goes up and down must not cost a registry more than renewals do."""
    talk = Conversation(content=STARTING)
    talk.hold()
    talk.lease.pause()
    talk.ask()
    talk.answer(200)
    times = []
    for content in (UP, Content("DOWN"), UP):
        talk.lease.set_content(content)
        assert talk.ask() == REGISTER
        times.append(talk.now_ms)
        talk.answer(204)

    assert times[1] - times[0] == 1
    assert times[2] - times[1] > 1_000


@pytest.mark.parametrize("sent", [True, False])
def test_change_that_was_not_answered_may_have_had_its_effect(sent: bool) -> None:  # noqa: FBT001
    """Taken back, it is registered once more; unless it never left."""
    talk = Conversation()
    talk.hold()
    talk.lease.set_content(Content("DOWN"))
    assert talk.ask() == REGISTER
    talk.answer(0, reason="no answer", sent=sent)
    talk.lease.set_content(UP)

    assert talk.ask() == (REGISTER if sent else f"PUT {INSTANCE_PATH}")


def test_what_was_refused_once_may_be_wished_again() -> None:
    """When something else was taken meanwhile: the rule may be another one by then."""
    talk = Conversation(content=STARTING)
    talk.hold()
    for content, status in ((UP, 400), (Content("DOWN"), 204), (UP, 204)):
        talk.lease.set_content(content)
        assert talk.ask() == REGISTER
        talk.answer(status)

    assert talk.lease.held == UP


def test_server_that_was_not_told_yet_is_read_again_a_second_later() -> None:
    """It shows an older registration of ours: its peer is about to tell it."""
    talk = Conversation()
    talk.ask()
    talk.answer(204)
    talk.ask()
    talk.answer(200, talk.registry_answer(lastDirtyTimestamp=str(WALL_MS - 1)))
    at_ms = talk.now_ms

    assert talk.ask() == f"GET {INSTANCE_PATH}"
    assert talk.now_ms == at_ms + 1_000
    talk.answer(200, talk.registry_answer())
    assert talk.lease.record is not None


def test_lease_that_begins_anew_is_read_back_anew() -> None:
    """Since then it is held."""
    talk = Conversation()
    talk.hold()
    talk.ask()
    talk.answer(404)
    assert talk.ask() == REGISTER
    talk.answer(204)

    assert talk.lease.held_since_ms == talk.now_ms
    assert talk.ask() == f"GET {INSTANCE_PATH}"


@pytest.mark.parametrize(("silent_ms", "cause"), [(90_000, "unknown"), (90_001, "expired")])
def test_cause_of_a_loss_is_counted(silent_ms: int, cause: str) -> None:
    """A pod that stood still for longer than its lease, or a registry that has lost it."""
    talk = Conversation()
    talk.hold()
    renewed_ms = talk.lease.renewed_ms
    assert renewed_ms is not None
    talk.ask()
    talk.now_ms = renewed_ms + silent_ms - 1
    talk.answer(404)

    found = {name: count for name, count in talk.lease.counters.reregistrations.items() if count}
    assert found == {cause: 1}


def test_removal_does_not_wait_for_the_pace() -> None:
    """The process is about to end."""
    talk = Conversation(content=STARTING)
    talk.use_up_budget()
    at_ms = talk.now_ms
    talk.lease.close(at_ms)

    assert talk.ask() == f"DELETE {INSTANCE_PATH}"
    assert talk.now_ms == at_ms


def test_what_never_left_costs_no_pace() -> None:
    """Servers that refuse connections are passed at once, however many there are."""
    talk = Conversation([f"/{number}/" for number in range(9)])
    for _ in range(9):
        talk.ask()
        talk.answer(0, sent=False)

    assert talk.now_ms == 9


def test_base_path_that_was_found_is_kept_while_another_server_is_asked() -> None:
    """Else each failure would begin the search anew."""
    talk = Conversation(["/x/", "/b/"])
    talk.ask()
    talk.answer(404)
    talk.ask()
    talk.answer(204)
    talk.ask()
    talk.answer(200, talk.registry_answer(lastDirtyTimestamp=str(WALL_MS + 1)))
    asked = []
    for _ in range(3):
        asked.append(talk.ask())
        talk.answer(503)

    assert asked[0] == asked[2] == f"PUT {INSTANCE_PATH}"
    assert asked[1] == "PUT /b/apps/ORDERS/orders-1"


def test_settled_is_what_the_registry_has_confirmed() -> None:
    """Whoever waits for it goes on only then."""
    talk = Conversation()
    seen = [talk.lease.settled]
    talk.hold()
    seen.append(talk.lease.settled)
    talk.lease.set_content(STARTING)
    seen.append(talk.lease.settled)
    talk.ask()
    talk.answer(204)
    seen.append(talk.lease.settled)
    talk.lease.resume()
    seen.append(talk.lease.settled)

    assert seen == [False, True, False, True, False]


def test_request_is_waited_for_from_when_it_was_sent() -> None:
    """Five seconds, and two once the lease is to be removed."""
    talk = Conversation()
    talk.now_ms = 60_000
    talk.ask()
    assert talk.lease.deadline_ms == 65_000
    talk.lease.close(61_000)
    assert talk.lease.deadline_ms == 63_000


def test_pause_that_is_made_already_stops_nothing() -> None:
    """The annotation may be read twice."""
    talk = Conversation()
    talk.hold()
    for _ in range(2):
        talk.lease.pause()
        talk.ask()
        talk.answer(200, talk.registry_answer())

    assert talk.ask() in (f"PUT {INSTANCE_PATH}", f"GET {INSTANCE_PATH}")


def test_what_is_forbidden_is_asked_for_once_a_minute_and_said_once() -> None:
    """No number of requests gives a right, and a log of thousands of pods fills up."""
    talk = Conversation(["/eureka/", "/b/"])
    times = []
    for server in ("eureka", "b") * 2:
        assert talk.ask() == f"POST /{server}/apps/ORDERS"
        times.append(talk.now_ms)
        talk.answer(403, reason="payments is shop's")

    assert [after - before for before, after in itertools.pairwise(times)] == [57_001] * 3
    assert talk.lease.take_events() == [
        "the registry does not allow this identity what it asks for (403): payments is shop's"
    ]
    assert talk.lease.counters.registrations["forbidden"] == 4


def test_change_that_is_forbidden_does_not_cost_the_lease() -> None:
    """Such as an annotation with the namespace of another: what is held is renewed."""
    talk = Conversation()
    talk.hold()
    talk.lease.set_content(Content("UP", {"namespace": "other"}))
    assert talk.ask() == REGISTER
    talk.answer(403)

    asked = []
    for _ in range(40):
        asked.append(talk.ask())
        talk.answer(403 if asked[-1] == REGISTER else 200)

    renewals = asked.index(f"GET {INSTANCE_PATH}")
    assert renewals > 20
    assert set(asked[:renewals]) == {f"PUT {INSTANCE_PATH}"}
    assert asked[renewals + 1] == REGISTER
    assert asked.count(REGISTER) == 1
    assert talk.lease.held == UP
    assert talk.lease.problem
    assert talk.lease.problem.code == "forbidden"


def test_renewal_that_is_forbidden_is_tried_at_the_pace_of_renewals() -> None:
    """A rule that was changed by mistake for a moment costs no lease."""
    talk = Conversation()
    talk.hold()
    talk.ask()
    talk.answer(403)
    at_ms = talk.now_ms

    assert talk.ask() == f"PUT {INSTANCE_PATH}"
    assert talk.now_ms - at_ms == 9_500
    talk.answer(200)
    assert talk.lease.problem is None


@pytest.mark.parametrize("status", [401, 403])
def test_new_credentials_are_tried_at_once(status: int) -> None:
    """Also when all that may follow at once is used up: they come once an hour."""
    talk = Conversation()
    for _ in range(6):
        talk.ask()
        talk.answer(status)
    at_ms = talk.now_ms

    talk.lease.try_again()

    assert talk.ask() == REGISTER
    assert talk.now_ms == at_ms
    talk.answer(204)
    assert talk.lease.problem is None


def test_change_that_was_forbidden_is_tried_with_new_credentials() -> None:
    """They may be those of somebody who has the right."""
    talk = Conversation()
    talk.hold()
    talk.lease.set_content(Content("UP", {"namespace": "other"}))
    talk.ask()
    talk.answer(403)

    talk.lease.try_again()

    assert talk.ask() == REGISTER


def test_new_credentials_change_nothing_where_all_is_well() -> None:
    """Every pod of a cluster gets a new token each hour."""
    talk = Conversation()
    talk.hold()
    wake_ms = talk.lease.wake_ms(talk.now_ms)

    talk.lease.try_again()

    assert talk.lease.wake_ms(talk.now_ms) == wake_ms


@pytest.mark.parametrize("status", [400, 403])
def test_another_wish_is_tried_at_once_after_a_refusal(status: int) -> None:
    """What was refused may have been the content; the same content waits for a minute."""
    talk = Conversation()
    talk.ask()
    talk.answer(status)
    at_ms = talk.now_ms
    talk.lease.set_content(UP)
    same_ms = talk.lease.wake_ms(at_ms)
    talk.lease.set_content(STARTING)

    assert same_ms is not None
    assert same_ms > at_ms + 50_000
    assert talk.ask() == REGISTER
    assert talk.now_ms == at_ms


def test_another_wish_does_not_hurry_a_registry_that_is_down() -> None:
    """Health that goes up and down would else ask it without a pause."""
    talk = Conversation()
    talk.ask()
    talk.answer(503)
    at_ms = talk.now_ms
    talk.lease.set_content(STARTING)

    assert talk.ask() == REGISTER
    assert talk.now_ms == at_ms + 500


def test_words_of_a_server_are_one_line_of_bounded_length() -> None:
    """They come into logs and terminals."""
    talk = Conversation()
    talk.ask()
    talk.lease.receive(Answer(403, b"\x1b[31m\n" + b"x" * 9_000), talk.now_ms)

    assert talk.lease.problem
    assert talk.lease.problem.text.isprintable()
    assert len(talk.lease.problem.text) < 400


def test_page_of_an_error_is_not_repeated() -> None:
    """Spring's errors are JSON, proxies' are HTML: neither belongs into a sentence."""
    talk = Conversation()
    talk.ask()
    talk.answer(500, {"status": 500, "path": "/eureka/apps/ORDERS"})
    assert talk.lease.problem
    assert talk.lease.problem.text == "the registry answers 500"


def test_base_path_is_found_without_a_pause() -> None:
    """Spring's tutorials have /eureka/, Netflix's server /eureka/v2/."""
    talk = Conversation(["/"])
    assert talk.ask() == "POST /apps/ORDERS"
    talk.answer(404)
    assert talk.ask() == REGISTER
    talk.answer(404)
    assert talk.ask() == "POST /eureka/v2/apps/ORDERS"
    talk.answer(204)
    assert talk.now_ms == 3
    assert talk.ask() == "GET /eureka/v2/apps/ORDERS/orders-1"


def test_closing_removes_the_lease_and_nothing_is_asked_afterwards() -> None:
    """Whatever is wished then: the bug of all Java clients was to register once more."""
    talk = Conversation()
    talk.hold()
    talk.lease.close(talk.now_ms)
    assert talk.ask() == f"DELETE {INSTANCE_PATH}"
    talk.answer(200)
    assert talk.lease.finished
    talk.lease.set_content(Content("DOWN"))
    talk.lease.pause()
    talk.lease.resume()
    assert talk.ask() == ""
    assert talk.lease.removed


def test_removal_waits_for_no_pause() -> None:
    """The process is about to end, whatever failed before."""
    talk = Conversation()
    talk.hold()
    talk.ask()
    talk.answer(503)
    at_ms = talk.now_ms
    talk.lease.close(at_ms)
    seen = [(talk.lease.settled, talk.lease.finished)]
    asked = talk.ask()
    asked_ms = talk.now_ms
    seen.append((talk.lease.settled, talk.lease.finished))
    talk.answer(200)
    seen.append((talk.lease.settled, talk.lease.finished))

    assert (asked, asked_ms) == (f"DELETE {INSTANCE_PATH}", at_ms)
    assert seen == [(False, False), (False, False), (True, True)]


def test_removal_asks_each_server_once_though_none_has_answered_yet() -> None:
    """A former process may have registered; until it is closed, nothing is over."""
    talk = Conversation(["/a/", "/b/"])
    for _ in range(4):
        talk.ask()
        talk.answer(0, sent=False)
    before = talk.lease.finished
    talk.lease.close(talk.now_ms)
    asked = []
    while not talk.lease.finished:
        asked.append(talk.ask())
        talk.answer(0, sent=False)

    assert not before
    assert asked == ["DELETE /a/apps/ORDERS/orders-1", "DELETE /b/apps/ORDERS/orders-1"]


def test_registration_under_way_is_awaited_before_the_removal() -> None:
    """It may be taken after the removal otherwise. It has two seconds from now on."""
    talk = Conversation()
    talk.ask()
    assert talk.lease.deadline_ms == TIMEOUT_MS
    talk.now_ms = 1_000
    talk.lease.close(talk.now_ms)
    assert talk.lease.deadline_ms == 1_000 + CLOSING_TIMEOUT_MS
    assert talk.lease.next_request(talk.now_ms, WALL_MS) is None
    assert not talk.lease.finished
    talk.answer(204)
    assert talk.ask() == f"DELETE {INSTANCE_PATH}"


def test_registration_that_was_given_up_is_removed_twice() -> None:
    """A server that was slow may take it after the first removal."""
    talk = Conversation()
    talk.ask()
    talk.lease.close(talk.now_ms)
    talk.answer(0, reason="no answer")
    assert talk.ask() == f"DELETE {INSTANCE_PATH}"
    talk.answer(404)
    assert not talk.lease.finished
    assert talk.ask() == f"DELETE {INSTANCE_PATH}"
    assert talk.now_ms >= 1_000
    talk.answer(404)
    assert talk.lease.finished


def test_removal_that_fails_is_tried_again_until_it_is_confirmed() -> None:
    """At the other server at once, then with short pauses; no bound of requests applies."""
    talk = Conversation(["/eureka/", "/b/"])
    talk.hold()
    talk.lease.close(talk.now_ms)
    begin_ms = talk.now_ms
    for _ in range(20):
        talk.ask()
        talk.answer(503)
    assert talk.now_ms - begin_ms < 20 * 1_000
    talk.ask()
    talk.answer(200)
    assert talk.lease.removed


def test_server_that_does_not_know_the_lease_does_not_speak_for_the_others() -> None:
    """It may not have been told yet: the others are asked, too."""
    talk = Conversation(["/eureka/", "/b/"])
    talk.hold()
    talk.lease.close(talk.now_ms)
    talk.ask()
    talk.answer(404)
    assert talk.ask() == "DELETE /b/apps/ORDERS/orders-1"
    talk.answer(404)
    assert talk.lease.removed


def test_registry_that_never_answered_does_not_hold_up_the_end() -> None:
    """Only a former process could have registered: each server is asked once."""
    talk = Conversation(["/eureka/", "/b/"])
    talk.lease.close(0)
    for _ in range(2):
        assert talk.ask().startswith("DELETE ")
        talk.answer(0, reason="refused", sent=False)

    assert talk.lease.finished
    assert not talk.lease.removed


def test_registry_is_read_back_every_five_minutes() -> None:
    """So `status` tells what it holds, and a record that others changed is seen."""
    talk = Conversation()
    talk.hold()
    while talk.ask().startswith("PUT "):
        talk.answer(200)

    assert talk.request
    assert talk.request.method == "GET"
    assert 300_000 <= talk.now_ms <= 310_000
