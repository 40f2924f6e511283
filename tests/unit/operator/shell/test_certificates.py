"""The injector's certificates: what is in the Secret and in `caBundle`, and in which order."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from eureka_operator.core.certificates import (
    INJECTOR_AUTHORITY,
    SETTLE_S,
    SecretContent,
    service_names,
)
from eureka_operator.shell.certificates import (
    BUNDLE_MANAGER,
    Certificates,
)
from eureka_operator.shell.client import Client, RefusedError, UnavailableError
from eureka_operator.shell.keypairs import read, texts_of
from eureka_operator.shell.served import ServedLeaf
from support.apiserver import ApiServer

NAMES = service_names("eurekube-injector", "eurekube", "cluster.local")
SECRET = "/api/v1/namespaces/eurekube/secrets/eurekube-injector-tls"  # noqa: S105 - its path
WEBHOOK = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/eurekube-injector"


class Replica:
    """What keeps the certificates, before an API server, with clocks that the test sets."""

    def __init__(self, api: ApiServer, client: Client) -> None:
        self.api = api
        self.client = client
        self.now = datetime.now(UTC)
        self.clock_s = 1000.0
        self.certificates = self.started()

    def started(self) -> Certificates:
        """An operator that knows nothing but what the API server has."""
        return Certificates(
            self.client,
            "eurekube",
            "eurekube-injector",
            NAMES,
            lambda: self.now,
            lambda: self.clock_s,
        )

    async def turn(self, pass_s: float = 0.0) -> list[tuple[str, str]]:
        """Look once after so many seconds: what is written then, and by which field manager."""
        self.clock_s += pass_s
        before = len(self.api.writes)
        await self.certificates.turn()
        return [(path.rpartition("/")[2], by) for _, path, by in self.api.writes[before:]]

    def text(self, key: str) -> str:
        """A text of the Secret."""
        return base64.b64decode(self.api.objects[SECRET]["data"][key]).decode()

    def bundles(self) -> list[str]:
        """What the API server trusts, for each webhook."""
        webhooks = self.api.objects[WEBHOOK]["webhooks"]
        return [base64.b64decode(each["clientConfig"]["caBundle"]).decode() for each in webhooks]

    def lose(self, *keys: str) -> None:
        """Take texts out of the Secret."""
        for key in keys:
            del self.api.objects[SECRET]["data"][key]

    def why_not_served(self) -> str | None:
        """Why the leaf would not be trusted by what is published; `None`: it is."""
        served = ServedLeaf(NAMES[0])
        served.consider(self.api.objects[SECRET], self.api.objects[WEBHOOK])
        return served.problem


@pytest.fixture
async def replica() -> AsyncIterator[Replica]:
    """Beside a configuration as the chart makes it."""
    api = ApiServer()
    await api.put(WEBHOOK, {"webhooks": [webhook("namespace"), webhook("pod")]})
    async with api.serving() as way, Client(way) as client:
        yield Replica(api, client)


def secret_content(replica: Replica) -> SecretContent:
    """What the Secret holds."""
    return read(texts_of(replica.api.objects[SECRET]), INJECTOR_AUTHORITY)


def webhook(name: str) -> dict[str, Any]:
    """One webhook, without `caBundle`."""
    service = {"namespace": "eurekube", "name": "eurekube-injector", "path": "/inject"}
    return {
        "name": f"{name}.injector.eurekube.io",
        "clientConfig": {"service": service},
        "failurePolicy": "Ignore",
    }


async def test_first_look_makes_what_the_api_server_trusts(replica: Replica) -> None:
    """CA for ten years, leaf for ninety days, and the bundle in both webhooks."""
    written = await replica.turn()

    assert written == [
        ("eurekube-injector-tls", "eureka-operator"),
        ("eurekube-injector", BUNDLE_MANAGER),
    ]
    found = secret_content(replica)
    assert (found.signs, found.faults, len(found.authorities)) == (True, (), 1)
    assert found.authorities[0].not_after - replica.now > timedelta(days=3649)
    assert found.leaf is not None
    assert found.leaf.names == frozenset(NAMES)
    assert timedelta(days=89) < found.leaf.not_after - replica.now < timedelta(days=91)
    assert replica.bundles() == [replica.text("ca.crt")] * 2
    assert replica.why_not_served() is None


async def test_keys_are_on_the_curve_that_every_api_server_takes(replica: Replica) -> None:
    """P-256; some clouds refuse Ed25519."""
    await replica.turn()

    for key in ("ca.crt", "tls.crt"):
        certificate = x509.load_pem_x509_certificate(replica.text(key).encode())
        assert certificate.public_key().curve.name == "secp256r1"  # type: ignore[union-attr]


async def test_second_look_writes_nothing(replica: Replica) -> None:
    """Neither the same process nor the one that leads after it."""
    await replica.turn()

    assert await replica.turn(60) == []
    replica.certificates = replica.started()
    assert await replica.turn() == []


async def test_everything_else_of_the_configuration_is_the_charts(replica: Replica) -> None:
    """Helm would undo it, or fail to upgrade."""
    await replica.turn()

    for each, name in zip(
        replica.api.objects[WEBHOOK]["webhooks"], ("namespace", "pod"), strict=True
    ):
        del each["clientConfig"]["caBundle"]
        assert each == webhook(name)


async def test_new_ca_is_published_before_it_signs(replica: Replica) -> None:
    """At no moment the API server meets a leaf whose CA it does not trust."""
    await replica.turn()
    first, served = replica.text("ca.crt"), replica.text("tls.crt")
    replica.lose("ca.key")

    await replica.turn(60)
    assert replica.text("ca.crt").endswith(first)
    assert replica.text("ca.crt") != first
    assert replica.bundles() == [replica.text("ca.crt")] * 2
    assert replica.text("tls.crt") == served
    assert replica.why_not_served() is None

    assert await replica.turn(SETTLE_S - 0.1) == []
    assert await replica.turn(0.1) == [("eurekube-injector-tls", "eureka-operator")]
    assert replica.text("tls.crt") != served
    assert replica.why_not_served() is None


async def test_operator_that_takes_over_waits_as_long_again(replica: Replica) -> None:
    """It cannot know when its predecessor published the CA."""
    await replica.turn()
    replica.lose("ca.key")
    await replica.turn(60)

    replica.certificates = replica.started()

    assert await replica.turn(60) == []
    assert await replica.turn(SETTLE_S) == [("eurekube-injector-tls", "eureka-operator")]


async def test_leaf_is_renewed_by_the_same_ca(replica: Replica) -> None:
    """After sixty days; the bundle stays as it is."""
    await replica.turn()
    bundle, served = replica.text("ca.crt"), replica.text("tls.crt")
    replica.now += timedelta(days=60)

    written = await replica.turn(60)

    assert written == [("eurekube-injector-tls", "eureka-operator")]
    assert (replica.text("ca.crt"), replica.text("tls.crt") == served) == (bundle, False)


@pytest.mark.parametrize("bundle", ["", "bm8gUEVN", "not base64"])
async def test_drift_of_a_bundle_is_put_right(replica: Replica, bundle: str) -> None:
    """By hand, by another injector, or by a chart that renders it."""
    await replica.turn()
    replica.api.objects[WEBHOOK]["webhooks"][1]["clientConfig"]["caBundle"] = bundle

    assert await replica.turn() == [("eurekube-injector", BUNDLE_MANAGER)]

    assert replica.bundles() == [replica.text("ca.crt")] * 2


async def test_lost_secret_leaves_what_injectors_have_in_memory_trusted(replica: Replica) -> None:
    """They serve it until they have got the new one."""
    await replica.turn()
    first = replica.text("ca.crt")
    serving = ServedLeaf(NAMES[0])
    serving.consider(replica.api.objects[SECRET], replica.api.objects[WEBHOOK])
    await replica.api.delete(SECRET)

    await replica.turn(60)

    assert replica.bundles()[0].endswith(first)
    assert replica.bundles()[0] != first
    serving.consider(None, replica.api.objects[WEBHOOK])
    assert serving.problem is None
    assert replica.why_not_served() is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"token": "YQ=="}, "ca.crt is missing; ca.key is missing"),
        ({"ca.crt": "YQ==", "ca.key": "YQ=="}, "ca.crt holds no CA of the operator's"),
    ],
)
async def test_foreign_secret_is_replaced_and_said(
    replica: Replica, data: dict[str, str], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its name is the operator's; its labels stay."""
    await replica.api.put(SECRET, {"metadata": {"labels": {"team": "a"}}, "data": data})
    caplog.set_level("INFO")

    await replica.turn()

    assert set(replica.api.objects[SECRET]["data"]) == {"ca.crt", "ca.key", "tls.crt", "tls.key"}
    assert replica.api.objects[SECRET]["metadata"]["labels"] == {"team": "a"}
    assert said in caplog.text
    assert replica.why_not_served() is None


@pytest.mark.parametrize("key", ["ca.crt", "ca.key", "tls.crt", "tls.key"])
@pytest.mark.parametrize("text", ["", "bm8gUEVN", "not base64"])
async def test_damaged_secret_is_repaired(replica: Replica, key: str, text: str) -> None:
    """Whatever of it is damaged: the next looks give what is trusted, and then rest."""
    await replica.turn()
    replica.api.objects[SECRET]["data"][key] = text

    await replica.turn(60)
    assert replica.why_not_served() is None
    await replica.turn(60)

    assert await replica.turn(60) == []
    assert secret_content(replica).faults == ()
    assert replica.why_not_served() is None


async def test_secret_that_was_changed_meanwhile_is_not_overwritten(replica: Replica) -> None:
    """Of two operators that think they lead one is refused, and looks again."""
    await replica.turn()
    replica.lose("tls.key")
    stale = dict(replica.api.objects[SECRET])
    await replica.api.put(SECRET, {"data": {}})

    with pytest.raises(UnavailableError):
        await replica.certificates._write(stale, {"ca.crt": ""})


async def test_secret_that_must_not_be_read_is_an_error_in_words(replica: Replica) -> None:
    """And nothing is published."""
    replica.api.refused["/api/v1/"] = 403

    with pytest.raises(RefusedError, match="refused: 403"):
        await replica.turn()

    assert replica.api.writes == []


async def test_configuration_that_is_not_there_is_waited_for(replica: Replica) -> None:
    """The Secret is ready by then. Applying would make a configuration that does nothing."""
    await replica.api.delete(WEBHOOK)

    with pytest.raises(UnavailableError, match="there is no MutatingWebhookConfiguration"):
        await replica.turn()

    assert [path for _, path, _ in replica.api.writes] == [SECRET]


async def test_change_of_either_object_is_seen_at_once(replica: Replica) -> None:
    """Both are watched: drift lasts for moments, not until the next look."""
    running = asyncio.create_task(replica.certificates.run(_ignore))
    try:
        await wait_until_written(replica.api, 2)
        configuration = replica.api.objects[WEBHOOK]
        configuration["webhooks"][0]["clientConfig"]["caBundle"] = ""
        await replica.api.put(WEBHOOK, configuration)
        await wait_until_written(replica.api, 3)
        await replica.api.delete(SECRET)
        await wait_until_written(replica.api, 5)
    finally:
        running.cancel()

    assert replica.why_not_served() is None


async def wait_until_written(api: ApiServer, count: int) -> None:
    """Wait until so much was written."""
    async with asyncio.timeout(10):
        async with api._changed:
            await api._changed.wait_for(lambda: len(api.writes) >= count)


async def test_what_is_made_and_put_right_is_told_once(replica: Replica) -> None:
    """With the Secret, where people look first."""
    told: list[tuple[str, str, str]] = []

    async def tell(about: dict[str, Any], kind: str, reason: str, message: str) -> None:
        told.append((about["metadata"]["name"], kind, reason))
        assert message

    secret = "eurekube-injector-tls"  # noqa: S105 - its name
    await replica.turn()
    await replica.certificates.tell(tell)
    assert told == 2 * [(secret, "Normal", "CertificateMade")]

    replica.api.objects[WEBHOOK]["webhooks"][0]["clientConfig"]["caBundle"] = "bm9uZQ=="
    await replica.turn()
    await replica.certificates.tell(tell)
    await replica.certificates.tell(tell)
    assert told[2:] == [(secret, "Warning", "CABundleRestored")]


async def _ignore(*_: object) -> None:
    """Who is told and does not care."""
