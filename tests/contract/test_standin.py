"""The stand-in for peers in the operator's tests says what a peer says."""

from __future__ import annotations

from support.server import JSON, running
from support.standin.documents import NODE, Config, Listed, Pod, peers_page

URL = "http://127.0.0.1:9/eureka/"
ONE = Pod(
    namespace="prod",
    name="eureka-peer-1",
    uid="1",
    cluster="eureka",
    node=NODE,
    address="10.250.0.1",
    ready=True,
    deleted=False,
)


async def test_page_of_the_stand_in_has_the_fields_of_the_registry() -> None:
    """A renamed one would let an operator pass here that understands no peer."""
    config = Config(names={ONE.name: "peer1"}, peers=(Listed("peer2", URL, "active"),))
    async with running(peers=[URL], sync_timeout_s=0.3, fetch_registry=True) as node:
        real = (await node.ask("GET", "/peers", JSON, management=True)).json

    page = peers_page(ONE, config, [ONE], {})

    assert page.keys() == real.keys()
    assert page["config"].keys() == real["config"].keys()
    assert page["peers"][0].keys() == real["peers"][0].keys()
