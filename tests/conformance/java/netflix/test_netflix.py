"""Netflix's own clients, 1.10 (Jersey 1) and 2.0 (Jersey 3), with each of their codecs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from conformance.realclient import RealClient, not_run
from processes.cluster import LONG, Cluster, PeerProcess, check_throughout, until
from support.builds import NotBuiltError, built, need

TIER: Final = "Netflix's Java clients"
HERE: Final = Path(__file__).parent
FULL_FETCH: Final = "Getting all instance registry info from the eureka server"
MISMATCH: Final = "The Reconcile hashcodes do not match"
PROFILES: Final = {"1.10.18": "one", "2.0.4": "two"}
JVM: Final = ("-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
OPENED: Final = (
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
)
"""XStream of 1.10 looks into collections by reflection."""


class Codec(NamedTuple):
    """What is read and written, and whether whole documents are asked for."""

    decoder: str
    encoder: str
    accept: str = "full"


CODECS: Final = [
    Codec("LegacyJacksonJson", "LegacyJacksonJson"),
    Codec("JacksonJson", "JacksonJson"),
    Codec("XStreamJson", "XStreamJson"),
    Codec("JacksonJson", "JacksonJson", "compact"),
]
"""All that work with a Java server. Both transports say `application/json` whatever the codec
writes, so XStreamXml registers nowhere (seen with 1.10 and Spring Cloud 2025.0), and JacksonXml
needs a library that the client does not bring."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three peers for the module; each test has applications of its own."""
    with Cluster() as cluster:
        yield cluster.start()


@pytest.fixture(scope="module", params=PROFILES)
def version(request: pytest.FixtureRequest) -> str:
    """A version of the client."""
    return str(request.param)


@pytest.fixture(scope="module")
def program(version: str) -> Path:
    """The client's program, built."""
    try:
        need("java")
        command = ("mvn", "--batch-mode", "--no-transfer-progress", "--quiet")
        profile = PROFILES[version]
        return built(f"netflix-{version}", HERE, (*command, f"-P{profile}", "package")) / "target"
    except NotBuiltError as error:
        not_run(TIER, str(error))


def client(cluster: Cluster, program: Path, app: str, codec: Codec) -> RealClient:
    """A client that knows all peers, the first one first."""
    classes = f"{program / 'client.jar'}:{program / 'lib'}/*"
    settings = {
        "app": app,
        "id": f"{app.lower()}:1",
        "vip": f"{app.lower()}.vip",
        "urls": [peer.url for peer in cluster.peers],
        **codec._asdict(),
    }
    command = ["java", *JVM, *OPENED, "-cp", classes, "eurekube.Client"]
    return RealClient(command, settings)


def application_name(version: str, codec: Codec, what: str) -> str:
    """An application of a test's own."""
    number = CODECS.index(codec)
    return f"{what}{version.partition('.')[0]}{number}"


@pytest.mark.parametrize("codec", CODECS, ids="-".join)
def test_whole_life(cluster: Cluster, program: Path, version: str, codec: Codec) -> None:
    """Registers, renews, is overridden, describes itself, sees others by deltas, and leaves."""
    app, other = application_name(version, codec, "LIFE"), application_name(version, codec, "OTHER")
    own = f"{app.lower()}:1"
    one = cluster.peers[0]
    one.register(other, "o-1", leaseInfo=LONG, metadata={"a_b": "x y"})
    with client(cluster, program, app, codec) as real:
        until(lambda: cluster.everywhere(app, {own}))
        until(lambda: real.ask("apps").get(other) == {"o-1": "UP"})
        fetched = real.log().count(FULL_FETCH)

        check_throughout(lambda: cluster.everywhere(app, {own}), 4.0)  # longer than its lease

        _is_overridden_and_back(cluster, real, app, own)
        real.ask("describe", key="colour", value="blue & green")
        until(lambda: _metadata(one, app, own).get("colour") == "blue & green")
        one.register(other, "o-2", leaseInfo=LONG, vipAddress=f"{other}-vip")
        until(lambda: real.ask("vip", vip=f"{other}-vip") == ["o-2"])
        one.ask("DELETE", f"/apps/{other}/o-1")
        until(lambda: real.ask("apps").get(other) == {"o-2": "UP"})
        hashes = real.ask("hash")
        assert hashes["own"] == hashes["said"]
        if codec.accept == "full":
            assert real.ask("metadata", app=app, id=own)["colour"] == "blue & green"
        assert real.log().count(FULL_FETCH) == fetched > 0
        assert MISMATCH not in real.log()

        real.stop()
        until(lambda: cluster.everywhere(app, ()))


def test_goes_on_when_its_first_peer_is_killed(
    cluster: Cluster, program: Path, version: str
) -> None:
    """Its lease stays at the peers that live, and it sees what comes."""
    app = application_name(version, CODECS[0], "KILLED")
    own = f"{app.lower()}:1"
    first, *others = cluster.peers
    with client(cluster, program, app, CODECS[0]) as real:
        until(lambda: cluster.everywhere(app, {own}))
        first.kill()

        until(lambda: all(peer.ids(app) == {own} for peer in others))
        check_throughout(lambda: all(peer.ids(app) == {own} for peer in others), 4.0)

        others[0].register(f"{app}NEW", "n-1", leaseInfo=LONG)
        until(lambda: real.ask("apps").get(f"{app}NEW") == {"n-1": "UP"})
        first.start()
        first.ready()
        real.stop()
        until(lambda: cluster.everywhere(app, ()))


def _is_overridden_and_back(cluster: Cluster, real: RealClient, app: str, own: str) -> None:
    one = cluster.peers[0]
    assert one.ask("PUT", f"/apps/{app}/{own}/status?value=OUT_OF_SERVICE").status == 200
    until(lambda: real.ask("remote") == "OUT_OF_SERVICE")
    assert one.ask("DELETE", f"/apps/{app}/{own}/status?value=UP").status == 200
    until(lambda: real.ask("remote") == "UP")


def _metadata(peer: PeerProcess, app: str, instance_id: str) -> dict[str, str]:
    found = peer.instance(app, instance_id)
    return dict(found["metadata"]) if found else {}
