"""The Secret of an EurekaCluster's peers: made, renewed, mended, or only read."""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from eureka_operator.api.cluster import Cluster
from eureka_operator.core.observed import Certificate
from eureka_operator.core.tls import SETTLE_S, subject
from eureka_operator.shell.client import Client
from eureka_operator.shell.clustercertificates import ClusterCertificates
from eureka_operator.shell.keypairs import authorities, load_pair, make_authority, make_leaf
from eureka_operator.shell.kube import Kube
from support.apiserver import ApiServer
from unit.operator.core.builders import DOMAIN, cluster

SECRETS = "/api/v1/namespaces/prod/secrets"
SECRET = f"{SECRETS}/eureka-tls"
MINE = f"{SECRETS}/mine"
OWN = cluster({"tls": {}})
GIVEN = cluster({"replicas": 1, "tls": {"secretName": "mine"}})
DAY = timedelta(days=1)


class Leader:
    """What keeps the Secrets, before an API server, with clocks that the test sets."""

    def __init__(self, api: ApiServer, client: Client) -> None:
        self.api = api
        self.client = client
        self.now = datetime.now(UTC)
        self.clock_s = 1000.0
        self.published = ""
        self.certificates = self.started()

    def started(self, *, may_write: bool = True) -> ClusterCertificates:
        """An operator that knows nothing but what the API server has."""
        return ClusterCertificates(
            Kube(self.client),
            DOMAIN,
            may_write=may_write,
            now=lambda: self.now,
            clock=lambda: self.clock_s,
        )

    async def look(self, pass_s: float = 0.0, owner: Cluster = OWN) -> Certificate:
        """Look once after so many seconds; what it finds is published at once."""
        self.clock_s += pass_s
        found = await self.certificates.look(owner, self.published)
        assert found is not None
        self.published = found.bundle or self.published
        return found

    def text(self, key: str, secret: str = SECRET) -> str:
        """A text of the Secret."""
        return base64.b64decode(self.api.objects[secret]["data"][key]).decode()

    def lose(self, *keys: str) -> None:
        """Take texts out of the Secret."""
        for key in keys:
            del self.api.objects[SECRET]["data"][key]

    def events(self) -> list[str]:
        """Reasons of the events so far."""
        return [each["reason"] for path, each in self.api.objects.items() if "/events/" in path]

    def writes(self) -> list[str]:
        """Writes to Secrets so far."""
        return [verb for verb, path, _ in self.api.writes if path.startswith(SECRETS)]


@pytest.fixture
async def leader() -> AsyncIterator[Leader]:
    """Beside an API server without any Secret."""
    api = ApiServer()
    async with api.serving() as way, Client(way) as client:
        yield Leader(api, client)


async def give(leader: Leader, leaf_names: tuple[str, ...], **changed: str) -> None:
    """Have a Secret of somebody else's with a certificate for these names."""
    mine = subject(GIVEN, DOMAIN)._replace(authority="my CA", names=leaf_names)
    issuer = make_authority(mine.authority, leader.now)
    leaf, key = make_leaf(issuer, mine, leader.now)
    texts = {"ca.crt": pem(issuer.certificate), "tls.crt": leaf, "tls.key": key} | changed
    data = {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()}
    await leader.api.put(MINE, {"data": data})


def pem(certificate: x509.Certificate) -> str:
    """As text."""
    return certificate.public_bytes(Encoding.PEM).decode()


async def test_secret_is_made_with_all_that_peers_need(leader: Leader) -> None:
    """It belongs to the EurekaCluster, and goes with it."""
    found = await leader.look()

    body = leader.api.objects[SECRET]
    assert body["type"] == "Opaque"
    assert body["metadata"]["ownerReferences"][0]["uid"] == "the-uid"
    assert (found.trouble, found.secret, found.waits) == (None, "eureka-tls", False)
    assert found.bundle == leader.text("ca.crt")
    assert found.ends is not None
    assert timedelta(days=89) < found.ends - leader.now < timedelta(days=91)
    assert leader.events() == ["CertificateMade", "CertificateMade"]


async def test_certificate_serves_peers_as_server_and_as_client(leader: Leader) -> None:
    """They show it to each other both ways; names and addresses alike are in it."""
    owner = cluster({"tls": {"extraSANs": ["192.0.2.1", "eureka.example.com"]}})
    await leader.look(owner=owner)

    leaf = x509.load_pem_x509_certificate(leader.text("tls.crt").encode())
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {each._name for each in usage} == {"serverAuth", "clientAuth"}
    assert "eureka.example.com" in names.get_values_for_type(x509.DNSName)
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1"]


async def test_quiet_look_writes_nothing(leader: Leader) -> None:
    """Neither the same process nor the one that leads after it."""
    await leader.look()
    written = leader.writes()

    await leader.look(600)
    leader.certificates = leader.started()
    await leader.look()

    assert leader.writes() == written


async def test_certificate_is_renewed_in_time_by_the_same_ca(leader: Leader) -> None:
    """Nobody has to learn anything."""
    before = await leader.look()
    await leader.look(1)
    leader.now += 61 * DAY

    after = await leader.look(SETTLE_S)

    assert after.ends is not None
    assert before.ends is not None
    assert after.ends - before.ends > 60 * DAY
    assert after.bundle == before.bundle
    assert after.digest != before.digest


async def test_new_ca_signs_when_everybody_had_the_time_to_read_it(leader: Leader) -> None:
    """Until then the certificate of the former one is served; both are trusted throughout."""
    first = await leader.look()
    leaf = leader.text("tls.crt")
    leader.lose("ca.key")

    published = await leader.look(60)
    assert (published.waits, published.trouble) == (True, None)
    assert published.bundle.endswith(first.bundle)
    assert published.bundle != first.bundle
    waiting = await leader.look(1)
    assert waiting.waits
    await leader.look(SETTLE_S - 2)
    assert leader.text("tls.crt") == leaf

    done = await leader.look(2)

    assert leader.text("tls.crt") != leaf
    assert (done.waits, done.trouble, done.bundle) == (False, None, published.bundle)


async def test_ca_that_somebody_else_publishes_is_not_taken_over(leader: Leader) -> None:
    """Though it is called like ours, and the CA is being replaced."""
    await leader.look()
    foreign = pem(make_authority("eurekube eureka CA", leader.now).certificate)
    leader.published += foreign
    leader.lose("ca.key")

    assert foreign not in (await leader.look()).bundle


async def test_next_leader_waits_anew(leader: Leader) -> None:
    """It does not know for how long a CA has been known."""
    await leader.look()
    leader.lose("ca.key")
    await leader.look()
    leaf = leader.text("tls.crt")
    leader.certificates = leader.started()

    await leader.look(SETTLE_S)
    assert leader.text("tls.crt") == leaf
    await leader.look(1)
    await leader.look(SETTLE_S)
    assert leader.text("tls.crt") != leaf


async def test_deleted_secret_comes_back_as_it_was(leader: Leader) -> None:
    """Clients trust what it held."""
    before = await leader.look()
    leaf = leader.text("tls.crt")
    await leader.api.delete(SECRET)

    after = await leader.look(60)

    assert (after, leader.text("tls.crt")) == (before, leaf)
    assert leader.events().count("SecretRestored") == 1


async def test_secret_that_the_next_leader_finds_deleted_is_made_anew(leader: Leader) -> None:
    """Keys are nowhere else; what clients were told last stays in the bundle."""
    before = await leader.look()
    await leader.api.delete(SECRET)
    leader.certificates = leader.started()

    after = await leader.look()

    assert after.trouble is None
    assert after.bundle != before.bundle
    assert after.bundle.endswith(before.bundle)


@pytest.mark.parametrize("again", [False, True])
async def test_damaged_bundle_is_put_back(leader: Leader, *, again: bool) -> None:
    """From memory, or by the next leader from what clients were told."""
    before = await leader.look()
    leaf = leader.text("tls.crt")
    leader.api.objects[SECRET]["data"]["ca.crt"] = base64.b64encode(b"none").decode()
    if again:
        leader.certificates = leader.started()

    after = await leader.look()

    assert after.bundle == before.bundle
    assert leader.text("tls.crt") == leaf


@pytest.mark.parametrize("key", ["tls.crt", "tls.key"])
async def test_damaged_certificate_is_made_anew_by_the_same_ca(leader: Leader, key: str) -> None:
    """Everybody trusts it."""
    before = await leader.look()
    leader.api.objects[SECRET]["data"][key] = base64.b64encode(b"none").decode()

    after = await leader.look()

    assert (after.trouble, after.bundle) == (None, before.bundle)
    load_pair(
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), leader.text("tls.crt"), leader.text("tls.key")
    )


async def test_secret_of_somebody_else_is_left_alone(leader: Leader) -> None:
    """It may be another program's."""
    await leader.api.put(SECRET, {"data": {"tls.crt": ""}})

    found = await leader.look()

    assert found.trouble is not None
    assert found.trouble.reason == "NameTaken"
    assert "spec.tls.secretName" in found.trouble.message
    assert leader.writes() == []


@pytest.mark.parametrize("owner", [OWN, GIVEN])
async def test_missing_right_is_named(leader: Leader, owner: Cluster) -> None:
    """The rest of the pass goes on."""
    leader.api.refused[SECRETS] = 403

    found = await leader.look(owner=owner)

    assert found.trouble is not None
    assert found.trouble.reason == "Forbidden"
    assert "rights to get, create and update secrets" in found.trouble.message


async def test_nothing_is_written_to_only_look(leader: Leader) -> None:
    """`plan --live`, and an EurekaCluster that is paused."""
    leader.certificates = leader.started(may_write=False)
    assert (await leader.look()).trouble is not None
    leader.certificates = leader.started()
    assert (await leader.look(owner=cluster({"paused": True, "tls": {}}))).trouble is not None

    assert leader.writes() == []


async def test_cluster_without_tls_has_no_certificate(leader: Leader) -> None:
    """No Secret is looked at."""
    assert await leader.certificates.look(cluster(), "") is None


async def test_secret_of_ones_own_is_read_and_never_written(leader: Leader) -> None:
    """Whoever makes it, and whatever CA signs it."""
    names = ("eureka.prod.svc.cluster.local", "peer1.prod.svc.cluster.local")
    await give(leader, names)

    found = await leader.look(owner=GIVEN)

    assert (found.trouble, found.secret) == (None, "mine")
    assert found.bundle == leader.text("ca.crt", MINE)
    assert leader.writes() == []


@pytest.mark.parametrize(
    ("names", "changed", "reason"),
    [
        (("*.prod.svc.cluster.local",), {}, ""),
        (("peer1.prod.svc.cluster.local",), {}, "SANMismatch"),
        (("*.prod.svc.cluster.local",), {"tls.key": "none"}, "Invalid"),
        (("*.prod.svc.cluster.local",), {"ca.crt": ""}, "Invalid"),
        (("*.prod.svc.cluster.local",), {"ca.crt": "none"}, "Invalid"),
        (("*.prod.svc.cluster.local",), {"tls.crt": ""}, "Invalid"),
    ],
)
async def test_secret_of_ones_own_is_judged(
    leader: Leader, names: tuple[str, ...], changed: dict[str, str], reason: str
) -> None:
    """Peers would refuse it, or each other."""
    await give(leader, names, **changed)

    problem = (await leader.look(owner=GIVEN)).trouble

    assert (problem.reason if problem else "") == reason


async def test_secret_of_ones_own_that_is_missing_is_missed(leader: Leader) -> None:
    """The sentence says what has to be in it."""
    found = await leader.look(owner=GIVEN)

    assert found.trouble is not None
    assert found.trouble.reason == "SecretMissing"
    assert (found.digest, found.bundle, found.ends) == ("", "", None)


async def test_secret_of_cert_manager_is_read_and_never_written(leader: Leader) -> None:
    """By its own name, or by that of `secretName`."""
    issuer = {"certManager": {"issuerRef": {"name": "shop"}}}
    await give(leader, ("*.prod.svc.cluster.local",))

    named = await leader.look(owner=cluster({"tls": {**issuer, "secretName": "mine"}}))
    own = await leader.look(owner=cluster({"tls": issuer}))

    assert (named.secret, named.trouble) == ("mine", None)
    assert own.secret == "eureka-certificate"  # noqa: S105 - its name
    assert own.trouble is not None
    assert own.trouble.reason == "SecretMissing"
    assert leader.writes() == []


async def test_who_vouches_for_clients_is_read_from_its_secret(leader: Leader) -> None:
    """Without it, peers go on with what they have."""
    owner = cluster({"tls": {"clientAuth": "Require", "caSecretName": "mine"}})
    found = await leader.look(owner=owner)
    assert found.trouble is not None
    assert found.trouble.reason == "ClientCAMissing"

    await give(leader, ("x",))
    found = await leader.look(owner=owner)

    assert (found.trouble, found.clients) == (None, leader.text("ca.crt", MINE))


async def test_former_authorities_are_known_by_their_name(leader: Leader) -> None:
    """Those of another cluster are none of ours."""
    found = await leader.look()

    assert len(authorities(found.bundle, "eurekube eureka CA")) == 1
    assert authorities(found.bundle, "eurekube other CA") == ()
