"""Who may do what: no spelling, header or body leads past it."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
from py_eureka_client import eureka_basic as client

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.core import limits
from eureka_registry.http import auth
from eureka_registry.http.guard import Guard
from eureka_registry.http.rules import Rule
from support.secure import (
    FILE_PASSWORD,
    KEPT,
    ORDERS,
    ORDERS_PASSWORD,
    PEER,
    TOKEN,
    Secure,
    basic,
    bearer,
    policy,
    secured,
    write,
    write_policy,
)
from support.server import REPLICATION, Response, document


@pytest.fixture
def auth_file(tmp_path: Path) -> Path:
    """The policy of the tests as a file."""
    return write_policy(tmp_path)


@pytest.fixture
async def guarded(auth_file: Path) -> AsyncIterator[Secure]:
    """A peer with that policy."""
    async with secured(auth_file=str(auth_file)) as peer:
        yield peer


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("orders:wrong"),
        basic("orders:"),
        basic("nobody:" + ORDERS_PASSWORD),
        basic(":"),
        basic(f"file:{FILE_PASSWORD}x"),
        basic("orders:" + KEPT),
        bearer(TOKEN + "0"),
        bearer(""),
        bearer(ORDERS_PASSWORD),
        {"Authorization": "Basic not-base64!"},
        {"Authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()},
        {"Authorization": "Digest username=orders"},
        {"Authorization": ""},
    ],
)
async def test_who_proves_nothing_is_asked_for_a_password(
    guarded: Secure, headers: dict[str, str]
) -> None:
    """With an empty body, as clients read bodies; a reason in a header; and nothing was changed."""
    answers = [
        await guarded.get("/apps", **headers),
        await guarded.reg("ORDERS", headers=headers),
        await guarded.put("/apps/ORDERS/i1", headers),
        await guarded.delete("/apps/ORDERS/i1/status", headers),
    ]

    assert {answer.status for answer in answers} == {401}
    assert {answer.body for answer in answers} == {b""}
    challenges = {answer.headers["www-authenticate"] for answer in answers}
    if headers.get("Authorization", "").startswith("Bearer "):
        error = 'error="invalid_token", error_description="the token is not known"'
        assert challenges == {f'Bearer realm="eureka", {error}'}
    else:
        assert challenges == {'Basic realm="eureka"'}
    assert all(answer.headers["x-eurekube-reason"] for answer in answers)
    assert guarded.node.registry.size == 0


@pytest.mark.parametrize(
    ("app", "headers"),
    [
        ("ORDERS", basic(ORDERS)),
        ("ORDERS-EU", basic(ORDERS)),
        ("PAYMENTS", bearer(TOKEN)),
        ("ANY", basic(f"file:{FILE_PASSWORD}")),
        ("ANY", basic(PEER)),
    ],
)
async def test_a_client_does_all_that_a_client_does(
    guarded: Secure, app: str, headers: dict[str, str]
) -> None:
    """Register, renew, override, back, metadata, read, cancel."""
    place = f"/apps/{app.lower()}/i1"
    statuses = [
        (await guarded.reg(app, headers=headers)).status,
        (await guarded.put(place, headers)).status,
        (await guarded.put(f"{place}/status?value=OUT_OF_SERVICE", headers)).status,
        (await guarded.delete(f"{place}/status", headers)).status,
        (await guarded.put(f"{place}/metadata?a=b", headers)).status,
        (await guarded.get(place, **headers)).status,
        (await guarded.delete(place, headers)).status,
    ]

    assert statuses == [204, 200, 200, 200, 200, 200, 200]


WRITES = (
    ("POST", ""),
    ("PUT", "/i1"),
    ("DELETE", "/i1"),
    ("PUT", "/i1/status?value=DOWN"),
    ("DELETE", "/i1/status"),
    ("PUT", "/i1/metadata?a=b"),
    ("PATCH", "/i1"),
)
SPELLINGS = (
    "/eureka/apps/PAYMENTS",
    "/eureka/apps/payments",
    "/eureka/v2/apps/PAYMENTS",
    "/eureka/V2//apps///PAYMENTS",
    "//eureka/apps/PAYMENTS",
    "/v2/apps/%50AYMENTS",
    "/v1/apps/%70%61yments",
    "/registry/eureka/apps/PAYMENTS",
    "/registry/apps/PAYMENTS",
    "http://orders/eureka/apps/PAYMENTS",
)


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_no_spelling_of_a_path_leads_to_an_application_of_others(
    auth_file: Path, spelling: str
) -> None:
    """What judges a request and what serves it are the same route."""
    async with secured(auth_file=str(auth_file), context_path="/registry") as guarded:
        assert (await guarded.reg("PAYMENTS", headers=bearer(TOKEN))).status == 204
        before = guarded.node.registry.hashcode(), guarded.node.registry.version
        for method, rest in WRITES:
            body = json.dumps(document("PAYMENTS", "i2")).encode() if method == "POST" else None
            headers = {"Content-Type": "application/json", **basic(ORDERS)}
            answer = await guarded.ask(method, spelling + rest, headers, body)
            assert answer.status == 403, (method, rest)
            assert "(rule application)" in answer.headers["x-eurekube-reason"]
            # Java reads whatever follows the answer to a renewal as an instance.
            assert bool(answer.body) == ((method, rest) != ("PUT", "/i1"))

        assert (guarded.node.registry.hashcode(), guarded.node.registry.version) == before


@pytest.mark.parametrize(
    "path",
    [
        "/eureka/apps/ORDERS/../PAYMENTS",
        "/eureka/apps/ORDERS/%2e%2e/PAYMENTS",
        "/eureka/apps/ORDERS%2F..%2FPAYMENTS",
        "/eureka/apps/ORDERS/..%2fPAYMENTS/i1",
        "/eureka/apps/./PAYMENTS/i1",
        "/static/../eureka/apps/PAYMENTS/i1",
        "/static/%2e%2e/eureka/apps/PAYMENTS/i1",
        "/eureka/apps/ORDERS%00/PAYMENTS/i1",
        "/Eureka/apps/PAYMENTS/i1",
        "/eureka/Apps/PAYMENTS/i1",
        "/eureka/apps;x=1/PAYMENTS/i1",
        "/eureka/apps/PAYMENTS%20/i1",
    ],
)
async def test_dots_and_escapes_are_letters(guarded: Secure, path: str) -> None:
    """A name with dots in it is a name, whoever may own it; nothing is resolved."""
    await guarded.reg("PAYMENTS", headers=bearer(TOKEN))
    before = guarded.node.registry.hashcode()
    for method in ("PUT", "DELETE"):
        assert (await guarded.ask(method, path, basic(ORDERS))).status in (403, 404, 405)

    assert guarded.node.registry.hashcode() == before


async def test_a_body_cannot_name_another_application_than_its_path(guarded: Secure) -> None:
    """Rights are those of the path."""
    answer = await guarded.post(document("PAYMENTS"), "ORDERS", basic(ORDERS))

    assert answer.status == 400
    assert guarded.node.registry.size == 0


@pytest.mark.parametrize("field", ["vipAddress", "secureVipAddress"])
async def test_a_vip_address_of_others_cannot_be_had(guarded: Secure, field: str) -> None:
    """Clients of Spring look up by VIP address: it is as good as the application's name."""
    for vip, status in (("payments", 403), ("orders, payments", 403), ("orders,orders-eu", 204)):
        answer = await guarded.reg("ORDERS", headers=basic(ORDERS), **{field: vip})
        assert answer.status == status
        assert ("the VIP address 'PAYMENTS'" in answer.body.decode()) == (status == 403)


@pytest.mark.parametrize("headers", [basic(ORDERS), bearer(TOKEN), basic(f"file:{FILE_PASSWORD}")])
async def test_only_peers_replicate(guarded: Secure, headers: dict[str, str]) -> None:
    """Who may write every application may still not speak for other peers, nor learn leases."""
    assert (await guarded.reg("ANY", headers=headers | REPLICATION)).status == 403
    assert (await guarded.put("/apps/PAYMENTS/i1", headers | REPLICATION)).status == 403
    assert (await guarded.get("/apps", **(headers | REPLICATION))).status == 403
    assert (await guarded.batch(**headers)).status == 403
    for path in ("batch", "/batch/", "digest", "copy", "copy?app=ORDERS"):
        for method in ("GET", "HEAD", "POST", "OPTIONS"):
            answer = await guarded.ask(method, f"/eureka/peerreplication/{path}", headers)
            assert answer.status == 403

    assert (await guarded.batch(**basic(PEER))).status == 200
    assert (await guarded.get("/peerreplication/copy", **basic(PEER))).status == 200


async def test_anybody_may_read_if_the_file_says_so(auth_file: Path) -> None:
    """Lists, pages and the dashboard's data, but no digests; a wrong password is still wrong."""
    write(auth_file, json.dumps(policy(anonymous={"read": True})))
    async with secured(auth_file=str(auth_file)) as peer:
        reads = [(await peer.ask("GET", p)).status for p in ("/", "/eureka/apps", "/v2/apps/delta")]
        others = [
            (await peer.reg("ORDERS")).status,
            (await peer.get("/peerreplication/digest")).status,
            (await peer.get("/apps", **basic("orders:wrong"))).status,
        ]

    assert reads == [200, 200, 200]
    assert others == [401, 401, 401]


async def test_who_may_only_write_does_not_read(guarded: Secure) -> None:
    """`read: false`."""
    credentials = basic(f"blind:{ORDERS_PASSWORD}")

    assert (await guarded.reg("ORDERS", headers=credentials)).status == 204
    assert (await guarded.get("/apps", **credentials)).status == 403


@pytest.mark.parametrize("headers", [{}, basic("orders:wrong"), bearer("wrong")])
async def test_a_page_comes_to_strangers_without_data(
    guarded: Secure, headers: dict[str, str]
) -> None:
    """The browser asks for user and password; who has none can paste a token into the page.

    To that end its scripts come, too. Data never ask by Basic, or the browser would ask each time.
    """
    pages = [await guarded.ask("GET", path, headers) for path in ("/", "/lastn")]
    data = [
        await guarded.ask("GET", f"/dashboard/{name}", headers)
        for name in ("state", "instances", "lastn", "nothing")
    ]
    scripts = [await guarded.ask("GET", f"/static/{name}") for name in ("dashboard.js", "none.js")]

    assert {answer.status for answer in (*pages, *data)} == {401}
    kind = "Bearer" if "Bearer" in headers.get("Authorization", "") else "Basic"
    for page in pages:
        assert page.headers["www-authenticate"].startswith(kind)
        assert b'id="token"' in page.body
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert {(d.headers["www-authenticate"], d.body) for d in data} == {
        ('Bearer realm="eureka"', b"")
    }
    assert [script.status for script in scripts] == [200, 404]
    assert (await guarded.ask("POST", "/static/dashboard.js")).status == 401


async def test_without_a_dashboard_strangers_see_none(auth_file: Path) -> None:
    """Nor a page that asks for a token."""
    async with secured(auth_file=str(auth_file), dashboard=False) as peer:
        for path in ("/", "/dashboard/state"):
            answer = await peer.ask("GET", path)
            assert (answer.status, answer.body) == (401, b"")
        assert (await peer.ask("GET", "/static/dashboard.js")).status == 404


async def test_pages_from_elsewhere_change_nothing(guarded: Secure) -> None:
    """A browser sends the password it remembers with whatever a foreign page asks for."""
    foreign = basic(ORDERS) | {"Sec-Fetch-Site": "cross-site"}
    own = basic(ORDERS) | {"Sec-Fetch-Site": "same-origin"}

    assert (await guarded.reg("ORDERS", headers=foreign)).status == 403
    assert (await guarded.reg("ORDERS", headers=own)).status == 204


async def test_a_renewal_is_never_answered_past_the_guard(guarded: Secure) -> None:
    """The fast lane answers whom the guard knows, and nobody else."""
    await guarded.reg("ORDERS", headers=basic(ORDERS))
    async with await guarded.connect() as wire:
        for _ in range(3):
            line = b"PUT /eureka/apps/ORDERS/i1?status=UP HTTP/1.1\r\nHost: x\r\n\r\n"
            await wire.send(line)
            assert (await wire.response()).status == 401


async def test_a_body_is_not_read_of_who_may_not_send_it(guarded: Secure) -> None:
    """Else anybody could make a peer hold megabytes."""
    head = b"POST /eureka/apps/ORDERS HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n"
    answer = await guarded.send(head)

    assert answer.status == 401
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("spoilt", [b"\x01", b"\x00", b"\n", b"\r", b"x" * 9000])
async def test_a_malformed_header_is_not_repeated(
    guarded: Secure, caplog: pytest.LogCaptureFixture, spoilt: bytes
) -> None:
    """Aiohttp quotes what it cannot read: it might be a password."""
    caplog.set_level(logging.DEBUG)
    head = b"GET /eureka/apps HTTP/1.1\r\nHost: x\r\n"
    answer = await guarded.send(head + b"Authorization: Basic c2Vj" + spoilt + b"cmV0\r\n\r\n")

    assert answer.status == 400
    for quoted in ("c2Vj", "cmV0"):
        assert quoted not in caplog.text
        assert quoted.encode() not in answer.raw


async def test_a_password_is_worked_out_once(
    guarded: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fleet that starts at once shares one check, right or wrong; renewals need none."""
    checked: list[bytes] = []
    real = auth.is_password

    def counted(stored: str, password: bytes) -> bool:
        checked.append(password)
        return real(stored, password)

    monkeypatch.setattr(auth, "is_password", counted)
    for credentials, status in ((ORDERS, 200), ("orders:wrong", 401), ("nobody:x", 401)):
        for _ in range(2):
            asked = (guarded.get("/apps", **basic(credentials)) for _ in range(8))
            assert {answer.status for answer in await asyncio.gather(*asked)} == {status}

    assert checked == [ORDERS_PASSWORD.encode(), b"wrong", b"x"]


async def test_guesses_are_bounded(guarded: Secure) -> None:
    """Each costs a quarter of a second of one thread: those beyond a number are sent away."""
    guesses = [asyncio.create_task(guarded.get("/apps", **basic(f"a:{n}"))) for n in range(80)]
    done: list[Response] = []
    for guess in asyncio.as_completed(guesses):
        done.append(await guess)
        if len(done) == 16:
            break
    for guess in guesses:
        guess.cancel()
    await asyncio.gather(*guesses, return_exceptions=True)

    assert {answer.status for answer in done} <= {401, 503}
    assert sum(answer.status == 503 for answer in done) >= 8
    assert (await guarded.get("/apps", **bearer(TOKEN))).status == 200


async def finished(
    asked: Sequence[asyncio.Task[Response]], number: int
) -> list[asyncio.Task[Response]]:
    """Wait until so many are answered; those that are."""
    while sum(each.done() for each in asked) < number:
        left = [each for each in asked if not each.done()]
        await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
    return [each for each in asked if each.done()]


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Checks]:
    """Checks of passwords that wait for leave."""
    checks = Checks()
    monkeypatch.setattr(auth, "is_password", checks.is_password)
    yield checks
    checks.release()


class Checks:
    """Stands in for scrypt: no check ends before it may; knows in which order they began."""

    def __init__(self) -> None:
        self.begun: list[bytes] = []
        self._one_began = threading.Event()
        self._leave = threading.Event()

    def is_password(self, _stored: str, password: bytes) -> bool:
        """Whether it is that of the user `orders`, once that may be said."""
        self.begun.append(password)
        self._one_began.set()
        self._leave.wait(60)
        return password == ORDERS_PASSWORD.encode()

    async def begin(self, peer: Secure) -> asyncio.Task[Response]:
        """Have one check under way: all others wait for it."""
        first = asyncio.create_task(peer.get("/apps", **basic("first:x")))
        assert await asyncio.to_thread(self._one_began.wait, 60)
        return first

    def release(self) -> None:
        """Let all checks end."""
        self._leave.set()


@pytest.mark.parametrize(
    ("guessed", "room"),
    [("orders", limits.MAX_CHECKS_PER_USER), ("user{}", limits.MAX_CHECKS_PER_SOURCE)],
)
async def test_guesses_keep_nobody_out(
    guarded: Secure, checks: Checks, guessed: str, room: int
) -> None:
    """80 wrong passwords wait, from the same address even: whoever comes then is checked soon."""
    first = await checks.begin(guarded)
    guesses = [
        asyncio.create_task(guarded.get("/apps", **basic(f"{guessed.format(n)}:{n}")))
        for n in range(80)
    ]
    over = 80 - room
    await finished(guesses, over)
    client = asyncio.create_task(guarded.get("/apps", **basic(ORDERS)))
    sent_away = await finished(guesses, over + 1)  # one more had to go: it is in
    checks.release()

    assert (await client).status == 200
    assert checks.begun.index(ORDERS_PASSWORD.encode()) <= 2
    assert {guess.result().status for guess in sent_away} == {503}
    assert [guess.result().headers["retry-after"] for guess in sent_away] == ["1"] * (over + 1)
    await asyncio.gather(first, *guesses)


@pytest.mark.parametrize("user", ["orders", "file", "nobody"])
async def test_a_full_queue_does_not_tell_who_exists(
    guarded: Secure, checks: Checks, user: str
) -> None:
    """Too many guesses are sent away, whoever is guessed at."""
    first = await checks.begin(guarded)
    guesses = [asyncio.create_task(guarded.get("/apps", **basic(f"{user}:{n}"))) for n in range(30)]
    over = 30 - limits.MAX_CHECKS_PER_USER
    sent_away = await finished(guesses, over)
    checks.release()

    assert {guess.result().status for guess in sent_away} == {503}
    statuses = [answer.status for answer in await asyncio.gather(*guesses)]
    assert statuses.count(401) == limits.MAX_CHECKS_PER_USER
    assert (await first).status == 401
    assert len(checks.begun) == 1 + limits.MAX_CHECKS_PER_USER


async def test_who_exists_costs_what_nobody_costs(
    guarded: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time an answer takes does not tell which users there are: each guess is one check."""
    costs: list[list[str]] = []
    real = auth.is_password

    def noted(stored: str, password: bytes) -> bool:
        costs.append(stored.split("$")[:4])
        return real(stored, password)

    monkeypatch.setattr(auth, "is_password", noted)
    for user in ("orders", "file", "nobody", ""):
        before = len(costs)
        assert (await guarded.get("/apps", **basic(f"{user}:wrong"))).status == 401
        assert len(costs) == before + 1

    assert len({tuple(cost) for cost in costs}) == 1


async def test_comparisons_take_equal_time(
    guarded: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to go through `hmac.compare_digest`: a token, a password, a user nobody is."""
    compared: list[int] = []
    real = hmac.compare_digest

    def watched(a: bytes, b: bytes) -> bool:
        compared.append(len(a))
        return real(a, b)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    for headers in (bearer("x"), bearer("token-0"), basic("orders:x"), basic("nobody:x")):
        assert (await guarded.get("/apps", **headers)).status == 401

    assert compared == [32, 32, 32, 32]


async def test_auth_file_is_read_again(
    auth_file: Path, guarded: Secure, caplog: pytest.LogCaptureFixture
) -> None:
    """Rights that are taken away are gone, password known or not; a broken file changes nothing."""
    assert (await guarded.reg("ORDERS", headers=basic(ORDERS))).status == 204
    write(auth_file, '{"users": {"orders": {"password": "plain-secret"}}}')
    guarded.look_at_files()
    assert (await guarded.reg("ORDERS", headers=basic(ORDERS))).status == 204
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 1
    assert "plain-secret" not in caplog.text

    write(auth_file, json.dumps(policy(users={})))
    guarded.look_at_files()
    assert (await guarded.reg("ORDERS", headers=basic(ORDERS))).status == 401

    write(auth_file, json.dumps(policy(tokens={})))
    guarded.look_at_files()
    assert (await guarded.get("/apps", **bearer(TOKEN))).status == 401


class SettableClock:
    """A clock that a test sets, in seconds."""

    def __init__(self) -> None:
        self.now_s = 1_700_000_000.0

    def __call__(self) -> float:
        """The time."""
        return self.now_s


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("payments.token", bearer(TOKEN), bearer("another")),
        ("file.password", basic(f"file:{FILE_PASSWORD}"), basic("file:another")),
    ],
)
async def test_a_secret_that_was_replaced_is_taken_for_ten_minutes_more(
    auth_file: Path, file: str, old: dict[str, str], new: dict[str, str]
) -> None:
    """Whoever uses it learns of the new one by and by; on both ways, and not a second longer."""
    async with secured(auth_file=str(auth_file)) as guarded:
        wall = SettableClock()
        guard = guarded.peer._guard
        assert guard is not None
        guard._now_s = wall
        assert (await guarded.reg("PAYMENTS", headers=old)).status == 204
        write(auth_file.parent / file, "another")
        guarded.look_at_files()
        statuses = []
        for passed_s in (0.0, 599.0, 2.0):
            wall.now_s += passed_s
            statuses.append([await renewed_twice(guarded, each) for each in (old, new)])

    assert statuses == [[200, 200], [200, 200], [401, 200]]


async def renewed_twice(guarded: Secure, headers: dict[str, str]) -> int:
    """The status of both renewals: the second may take the fast lane."""
    first, second = [await guarded.put("/apps/PAYMENTS/i1", headers) for _ in range(2)]
    assert first.status == second.status
    return second.status


async def test_of_many_secrets_in_turn_only_the_latest_are_taken(
    auth_file: Path, guarded: Secure
) -> None:
    """A bound of eight; and one that comes back is no former one."""
    for number in range(12):
        write(auth_file.parent / "payments.token", f"token-{number}")
        guarded.look_at_files()
    write(auth_file.parent / "payments.token", "token-5")
    guarded.look_at_files()
    taken = [
        number
        for number in range(12)
        if (await guarded.get("/apps", **bearer(f"token-{number}"))).status == 200
    ]

    assert taken == [3, 4, 5, 6, 7, 8, 9, 10, 11]


async def test_a_secret_whose_owner_is_gone_is_taken_no_more(
    auth_file: Path, guarded: Secure
) -> None:
    """Rights that are taken away are gone at once, former secrets with them."""
    write(auth_file.parent / "payments.token", "another")
    guarded.look_at_files()
    write(auth_file, json.dumps(policy(tokens={})))
    guarded.look_at_files()

    for token in (TOKEN, "another"):
        assert (await guarded.get("/apps", **bearer(token))).status == 401


async def test_two_authorization_headers_are_none(guarded: Secure) -> None:
    """A proxy and the registry may read different ones; also where both are right, or equal."""
    await guarded.reg("ORDERS", headers=basic(ORDERS))
    right, other = basic(ORDERS)["Authorization"], bearer(TOKEN)["Authorization"]
    for first, second in ((right, right), (right, other), (other, right)):
        for method in ("GET", "PUT", "DELETE"):
            head = f"{method} /eureka/apps/ORDERS/i1 HTTP/1.1\r\nHost: x\r\n"
            sent = f"{head}Authorization: {first}\r\nauthorization: {second}\r\n\r\n"
            answer = await guarded.send(sent.encode())
            assert answer.status == 401
            assert answer.headers["x-eurekube-reason"] == "more than one Authorization header"


async def test_refusals_are_written_down(guarded: Secure, caplog: pytest.LogCaptureFixture) -> None:
    """One line each, with who, what and why; counted by rule; never with what was sent as proof."""
    caplog.set_level(logging.INFO)
    misplaced = "a-token-for-a-user"
    await guarded.reg("PAYMENTS", headers=basic(ORDERS))
    await guarded.delete("/apps/PAYMENTS/a%20b%0Ac", basic(ORDERS))
    await guarded.get("/apps")
    await guarded.get("/apps", **basic(f"{misplaced}:x"))
    await guarded.get("/apps", **bearer("wrong-token"))
    await guarded.batch(**bearer(TOKEN))
    lines = [r.getMessage() for r in caplog.records if "request refused" in r.getMessage()]
    metrics = await guarded.ask("GET", "/metrics", management=True)
    counted = {rule.value: f'refused_total{{rule="{rule.value}"}}' for rule in Rule}

    where = "from=127.0.0.1"
    assert lines == [
        f"request refused who=orders verb=register app='PAYMENTS' id='' rule=application {where}",
        "request refused who=orders verb=cancel app='PAYMENTS' id='a b\\nc' rule=application "
        + where,
        f"request refused who=anonymous verb=GET app='' id='' rule=credentials {where}",
        f"request refused who=unproven verb=GET app='' id='' rule=credentials {where}",
        f"request refused who=unproven verb=GET app='' id='' rule=token {where}",
        f"request refused who=payments verb=POST app='' id='' rule=peer {where}",
    ]
    numbers = {"application": 2, "credentials": 2, "token": 1, "peer": 1}
    for rule, name in counted.items():
        assert f"{name} {numbers.get(rule, 0)}.0" in metrics.body.decode()
    for each in (misplaced, "wrong-token", ORDERS_PASSWORD):
        assert each not in caplog.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "line 1"),
        ('{"user": {}}', "unknown field"),
        ('{"users": {"a": {}}}', "needs a name"),
        ('{"users": {"a": {"password": "hunter2"}}}', "hash-password"),
        ('{"users": {"a": {"password": "scrypt$30$8$1$aGk=$aGk="}}}', "more work"),
        ('{"users": {"a": {"password_file": "missing"}}}', "no such file"),
        ('{"tokens": {"a": {"token_file": "empty"}}}', "one line"),
    ],
)
def test_no_start_with_a_broken_auth_file(tmp_path: Path, text: str, said: str) -> None:
    """Better no peer than an open one; and the sentence shows no password."""
    (tmp_path / "empty").write_text("\n")
    path = tmp_path / "auth.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=said) as caught:
        Guard(str(path))

    assert "hunter2" not in str(caught.value)


async def test_a_client_with_its_password_in_the_url(guarded: Secure) -> None:
    """`py_eureka_client`, as its users write it."""
    url = f"http://orders:orders-Pa55%2Fword@127.0.0.1:{guarded.port}/eureka/"
    await client.register(
        url,
        client.Instance(
            instanceId="i1",
            app="ORDERS",
            hostName="h",
            ipAddr="10.0.0.1",
            status="UP",
            vipAddress="orders",
            metadata={},
            lastDirtyTimestamp=1_700_000_000_000,
        ),
    )
    await client.send_heartbeat(
        url, "ORDERS", "i1", last_dirty_timestamp=1_700_000_000_000, status="UP"
    )
    found = await client.get_application(url, "ORDERS")

    assert [each.instanceId for each in found.instances] == ["i1"]
    await client.cancel(url, "ORDERS", "i1")
    assert guarded.node.registry.size == 0
