"""TLS, who may do what, and that nothing secret is told to anybody."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import py_eureka_client.eureka_client as client
import pytest

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.http import auth
from eureka_registry.http.app import Peer, bind
from eureka_registry.http.guard import Guard
from eureka_registry.http.node import Node, own_url
from eureka_registry.http.tls import Tls
from eureka_registry.peers.client import open_session
from support.authority import Authority
from support.server import QUIET, REPLICATION, Clock, Response, Running, Wire, document

ORDERS_PASSWORD = "orders-Pa55/word"
PEER_PASSWORD = "peer-Pa55:word"
FILE_PASSWORD = "file-Pa55word"
TOKEN = "token-0123456789abcdef"
SALT = b"0123456789abcdef"
SECRETS = (ORDERS_PASSWORD, PEER_PASSWORD, FILE_PASSWORD, TOKEN)
ORDERS = f"orders:{ORDERS_PASSWORD}"
PEER = f"peer:{PEER_PASSWORD}"
KEPT = auth.hash_password(ORDERS_PASSWORD.encode(), SALT)
KEPT_OF_PEER = auth.hash_password(PEER_PASSWORD.encode(), SALT)


class Secure(Running):
    """A peer that speaks TLS if it has a certificate."""

    context: ssl.SSLContext | None = None

    async def connect(self, *, management: bool = False, limit: int = 2**20) -> Wire:
        """Open a connection with this context."""
        if management or self.context is None:
            return await super().connect(management=management, limit=limit)
        port = self.port
        streams = await asyncio.open_connection("127.0.0.1", port, limit=limit, ssl=self.context)
        return Wire(*streams)

    def look_at_files(self) -> None:
        """What a timer does every few seconds."""
        for watched in self.peer._watched():
            watched.look()


@asynccontextmanager
async def secured(sockets: tuple | None = None, **settings: object) -> AsyncIterator[Secure]:
    """Run a peer with these settings."""
    api, management = sockets or (bind("127.0.0.1", 0), bind("127.0.0.1", 0))
    ports = [each[0].getsockname()[1] for each in (api, management)]
    wanted = msgspec.structs.replace(
        QUIET, port=ports[0], management_port=ports[1], request_timeout_s=5.0, **settings
    )
    ready = asyncio.Event()
    tls = Tls(wanted)
    async with open_session(tls.client) as session:
        peer = Peer(Node(wanted, session), tls)
        running = Secure(peer, *ports, Clock())
        run = peer.run(api, management, running.stop, lambda _node: ready.set())
        task = asyncio.create_task(run)
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        try:
            yield running
        finally:
            running.stop.set()
            await task


def basic(credentials: str) -> dict[str, str]:
    """The header of `user:password`."""
    return {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {token}"}


def trusting(authority: Authority, own: Mapping[str, str] | None = None) -> ssl.SSLContext:
    """What a client uses."""
    context = ssl.create_default_context(cafile=authority.path)
    if own is not None:
        context.load_cert_chain(own["tls_cert"], own["tls_key"])
    return context


def policy(**changes: object) -> dict[str, object]:
    """Orders may write its own applications, peers may replicate, a token may write payments."""
    return {
        "users": {
            "orders": {"password": KEPT, "applications": ["orders*"]},
            "peer": {"password": KEPT_OF_PEER, "peer": True},
            "file": {"password_file": "file.password", "applications": ["*"]},
            "blind": {"password": KEPT, "applications": ["orders*"], "read": False},
        },
        "tokens": {"payments": {"token_file": "payments.token", "applications": ["PAYMENTS"]}},
        **changes,
    }


@pytest.fixture
def auth_file(tmp_path: Path) -> Path:
    """The policy as a file, and the files that it names."""
    (tmp_path / "file.password").write_text(FILE_PASSWORD + "\n")
    (tmp_path / "payments.token").write_text(TOKEN + "\n")
    (tmp_path / "peer.credentials").write_text(PEER + "\n")
    path = tmp_path / "auth.json"
    path.write_text(json.dumps(policy()))
    return path


@pytest.fixture
async def guarded(auth_file: Path) -> AsyncIterator[Secure]:
    """A peer with that policy."""
    async with secured(auth_file=str(auth_file)) as peer:
        yield peer


# -- Credentials


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
    """With an empty body, as clients read bodies; and nothing was changed."""
    answers = [
        await guarded.get("/apps", **headers),
        await guarded.reg("ORDERS", headers=headers),
        await guarded.put("/apps/ORDERS/i1", headers),
        await guarded.ask("GET", "/", headers),
        await guarded.ask("GET", "/dashboard/state", headers),
    ]

    assert {answer.status for answer in answers} == {401}
    assert {answer.body for answer in answers} == {b""}
    assert {a.headers["www-authenticate"] for a in answers} == {'Basic realm="eureka"'}
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
            assert (answer.status, answer.body) == (403, b""), (method, rest)

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
        assert (answer.status, answer.body) == (status, b"")


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
    auth_file.write_text(json.dumps(policy(anonymous={"read": True})))
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


async def test_pages_from_elsewhere_change_nothing(guarded: Secure) -> None:
    """A browser sends the password it remembers with whatever a foreign page asks for."""
    foreign = basic(ORDERS) | {"Sec-Fetch-Site": "cross-site"}
    own = basic(ORDERS) | {"Sec-Fetch-Site": "same-origin"}

    assert (await guarded.reg("ORDERS", headers=foreign)).status == 403
    assert (await guarded.reg("ORDERS", headers=own)).status == 204


async def test_a_renewal_is_never_answered_past_the_guard(guarded: Secure) -> None:
    """The fast lane answers before anybody is asked: it must be closed."""
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
    auth_file.write_text('{"users": {"orders": {"password": "plain-secret"}}}')
    guarded.look_at_files()
    assert (await guarded.reg("ORDERS", headers=basic(ORDERS))).status == 204
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 2
    assert "plain-secret" not in caplog.text

    auth_file.write_text(json.dumps(policy(users={})))
    guarded.look_at_files()
    assert (await guarded.reg("ORDERS", headers=basic(ORDERS))).status == 401

    (auth_file.parent / "payments.token").write_text("another")
    guarded.look_at_files()
    assert (await guarded.get("/apps", **bearer(TOKEN))).status == 401
    assert (await guarded.get("/apps", **bearer("another"))).status == 200


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


# -- TLS


async def refuses(peer: Secure, context: ssl.SSLContext) -> bool:
    """Whether a client with this context gets no answer."""
    peer.context = context
    try:
        await peer.get("/apps")
    except (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
        return True
    return False


async def test_with_a_certificate_only_https_is_spoken(tmp_path: Path) -> None:
    """And verified by clients: of another authority, or expired, it is refused by them."""
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    async with secured(**ours.issue("peer1"), register_with_eureka=True) as peer:
        assert await refuses(peer, trusting(theirs))
        peer.context = None
        async with await peer.connect() as wire:
            await wire.send(b"GET /eureka/apps HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"HTTP" not in await wire.rest()
        assert (await peer.ask("GET", "/livez", management=True)).status == 200
        peer.context = trusting(ours)
        own = (await peer.get("/apps/EUREKA")).json["application"]["instance"][0]
        assert own_url(peer.node.settings).startswith("https://")
    async with secured(**ours.issue("old", valid=False)) as peer:
        assert await refuses(peer, trusting(ours))

    assert own["port"]["@enabled"] == "false"
    assert own["securePort"] == {"$": peer_port(own), "@enabled": "true"}
    assert own["homePageUrl"].startswith("https://")


def peer_port(own: Mapping[str, str]) -> int:
    """The port of an instance by its page."""
    return int(own["homePageUrl"].rstrip("/").rpartition(":")[2])


async def test_clients_show_a_certificate_where_they_must(tmp_path: Path) -> None:
    """None, one of another authority and an expired one are no better than each other."""
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    settings = ours.issue("peer1") | {"tls_client_ca": ours.path}
    async with secured(**settings) as peer:
        assert await refuses(peer, trusting(ours))
        assert await refuses(peer, trusting(ours, theirs.issue("client", file="theirs")))
        assert await refuses(peer, trusting(ours, ours.issue("client", valid=False, file="old")))
        assert not await refuses(peer, trusting(ours, ours.issue("client")))


async def test_tls_before_1_2_is_refused(tmp_path: Path) -> None:
    """It can be broken."""
    ours = Authority(tmp_path)
    async with secured(**ours.issue("peer1")) as peer:
        old = trusting(ours)
        with pytest.warns(DeprecationWarning):
            old.minimum_version = ssl.TLSVersion.TLSv1
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        assert await refuses(peer, old)


async def test_a_certificate_names_its_owner(auth_file: Path, tmp_path: Path) -> None:
    """Where clients may show one; credentials, if there are any, win."""
    ours = Authority(tmp_path)
    rights = {"*.orders.example": {"applications": ["ORDERS"]}, "peer*": {"peer": True}}
    auth_file.write_text(json.dumps(policy(certificates=rights)))
    settings = ours.issue("peer1") | {"tls_client_ca": ours.path, "tls_client_auth": "optional"}
    async with secured(**settings, auth_file=str(auth_file)) as peer:
        seen = []
        for name in ("", "a.orders.example", "peer2", "stranger"):
            peer.context = trusting(ours, ours.issue(name) if name else None)
            registered = await peer.reg("ORDERS")
            seen.append((registered.status, (await peer.batch()).status))
        both = await peer.batch(**basic(ORDERS))

    assert seen == [(401, 401), (204, 403), (204, 200), (401, 401)]
    assert both.status == 403


async def test_a_new_certificate_is_taken_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By new connections, without a restart; half of one changes nothing and is said once."""
    first, second = Authority(tmp_path, "first"), Authority(tmp_path, "second")
    files = first.issue("peer1")
    async with secured(**files) as peer:
        second.issue("other")
        Path(files["tls_key"]).write_bytes((tmp_path / "other.key").read_bytes())
        for _ in range(3):
            peer.look_at_files()
        assert not await refuses(peer, trusting(first))
        assert caplog.text.count("the last good ones stay") == 1

        Path(files["tls_cert"]).write_bytes((tmp_path / "other.crt").read_bytes())
        peer.look_at_files()
        assert await refuses(peer, trusting(first))
        assert not await refuses(peer, trusting(second))


@pytest.mark.parametrize("broken", ["tls_cert", "tls_key", "tls_client_ca", "peer_ca"])
@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nxx\n", b"\xff\x00"])
def test_no_start_with_a_file_that_is_none(
    tmp_path: Path, broken: str, content: bytes | None
) -> None:
    """In a sentence, before anything listens."""
    ours = Authority(tmp_path)
    files = ours.issue("peer1") | {"tls_client_ca": ours.path, "peer_ca": ours.path}
    if content is not None:
        (tmp_path / "broken").write_bytes(content)
    with pytest.raises(ConfigurationError, match="broken"):
        Tls(msgspec.structs.replace(QUIET, **(files | {broken: str(tmp_path / "broken")})))


# -- Between peers


async def until(what: str, true: object) -> None:
    """Wait for something that takes well under a second."""
    async with asyncio.timeout(10):
        while not true():  # type: ignore[operator]
            await asyncio.sleep(0.02)
    assert what


def everything_said(peer: Secure) -> asyncio.Task[bytes]:
    """All that a peer tells anybody, with a peer's rights."""

    async def ask() -> bytes:
        pages = [
            await peer.ask("GET", path, basic(PEER))
            for path in ("/", "/dashboard/state", "/dashboard/instances", "/dashboard/lastn")
        ]
        for path in ("/apps", "/status", "/peerreplication/digest", "/peerreplication/copy"):
            pages.append(await peer.get(path, **basic(PEER)))
        for path in ("/peers", "/metrics", "/readyz"):
            pages.append(await peer.ask("GET", path, management=True))
        return b"\n".join(page.raw + page.text for page in pages)

    return asyncio.create_task(ask())


async def test_peers_replicate_over_mutual_tls_and_tell_no_secret(
    auth_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One proves itself by a file, one by the URL; a third one's wrong password is seen as that."""
    caplog.set_level(logging.DEBUG)
    ours = Authority(tmp_path)
    wrong = "wrong-Pa55word"
    (tmp_path / "wrong.credentials").write_text(f"peer:{wrong}")
    sockets = [(bind("127.0.0.1", 0), bind("127.0.0.1", 0)) for _ in range(3)]
    ports = [api[0].getsockname()[1] for api, _ in sockets]
    both = {
        "auth_file": str(auth_file),
        "tls_client_ca": ours.path,
        "peer_ca": ours.path,
        "digest_interval_s": 0.2,
        "dashboard": True,
    }
    in_url = "peer:peer-Pa55%3Aword@"
    async with (
        secured(
            sockets[0],
            **both,
            **ours.issue("peer1"),
            name="peer1",
            peers=[f"https://localhost:{ports[1]}/eureka/"],
            peer_credentials_file=str(tmp_path / "peer.credentials"),
        ) as first,
        secured(
            sockets[1],
            **both,
            **ours.issue("peer2"),
            name="peer2",
            peers=[f"https://{in_url}localhost:{ports[0]}/eureka/"],
        ) as second,
        secured(
            sockets[2],
            **both,
            **ours.issue("peer3"),
            name="peer3",
            peers=[f"https://localhost:{ports[0]}/eureka/"],
            peer_credentials_file=str(tmp_path / "wrong.credentials"),
        ) as third,
    ):
        for peer, own in ((first, "peer1"), (second, "peer2"), (third, "peer3")):
            own_files = {"tls_cert": f"{tmp_path}/{own}.crt", "tls_key": f"{tmp_path}/{own}.key"}
            peer.context = trusting(ours, own_files)
        assert (await first.reg("ORDERS", "a", basic(ORDERS))).status == 204
        assert (await second.reg("PAYMENTS", "b", bearer(TOKEN))).status == 204
        assert (await third.reg("ORDERS", "c", basic(ORDERS))).status == 204
        await until("both hold both", lambda: first.node.registry.size == 2)
        await until("both hold both", lambda: second.node.registry.size == 2)
        link = next(iter(third.node.mesh.links.values()))
        await until("refused", lambda: link.why_silent is not None and "401" in link.why_silent)
        await first.get("/apps", **basic("orders:" + wrong))
        said = b"".join([await everything_said(peer) for peer in (first, second, third)])
        assert first.node.registry.size == 2

    told = said.decode("latin-1") + caplog.text
    for secret in (*SECRETS, wrong, KEPT, "peer-Pa55%3Aword"):
        assert secret not in told
        assert base64.b64encode(secret.encode()).decode().rstrip("=") not in told
    for header in (basic(ORDERS), basic(PEER)):
        assert header["Authorization"].removeprefix("Basic ") not in told
    assert "does not accept our credentials (401)" in told


async def test_a_peer_of_another_authority_is_not_believed(tmp_path: Path) -> None:
    """Verification cannot be switched off; the reason is told in words."""
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    async with secured(**theirs.issue("peer1")) as impostor:
        url = f"https://localhost:{impostor.port}/eureka/"
        async with secured(peers=[url], peer_ca=ours.path, digest_interval_s=0.2) as peer:
            link = next(iter(peer.node.mesh.links.values()))
            await until("seen", lambda: link.why_silent is not None)
            assert link.why_silent is not None
            assert "certificate not trusted" in link.why_silent


async def test_a_client_with_its_password_in_the_url(guarded: Secure) -> None:
    """`py_eureka_client`, as its users write it."""
    url = f"http://orders:orders-Pa55%2Fword@127.0.0.1:{guarded.port}/eureka/"
    await client.register(url, json.loads(json.dumps(document("ORDERS")["instance"])))
    await client.send_heartbeat(
        url, "ORDERS", "i1", last_dirty_timestamp=1_700_000_000_000, status="UP"
    )
    found = await client.get_application(url, "ORDERS")

    assert [each.instanceId for each in found.instances] == ["i1"]
    await client.cancel(url, "ORDERS", "i1")
    assert guarded.node.registry.size == 0
