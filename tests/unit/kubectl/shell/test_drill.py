"""A drill that does not come to its steps; the API server is a table of answers."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from eureka_operator.shell.client import Client
from kubectl_eureka.shell.drill import Drill
from kubectl_eureka.shell.errors import NoAnswerError
from unit.kubectl.core.test_drill import THREE, cluster
from unit.kubectl.shell.api import Api, listed

FORBIDDEN: Final = {
    "kind": "Status",
    "reason": "Forbidden",
    "message": 'namespaces "x" is forbidden: a policy wants a label',
    "code": 403,
}


class Messages:
    """What a drill says."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, what: str) -> None:
        """Something has happened."""
        self.notes.append(what)

    def show(self, doing: str) -> None:
        """What is under way is of no interest here."""


def new_drill(client: Client) -> tuple[Drill, Messages]:
    """A drill that has made nothing yet."""
    said = Messages()
    return Drill(client, 36, said), said


def answers_of_peers(drill: Drill) -> dict[str, tuple[int, object]]:
    """A namespace with three peers."""
    container = {"image": "registry:old", "imagePullPolicy": "Always"}
    pods: list[dict[str, Any]] = [
        {
            "metadata": {"name": each.name, "uid": each.uid},
            "spec": {"containers": [container]},
            "status": {"podIP": "10.0.0.1"},
        }
        for each in THREE
    ]
    core = f"/api/v1/namespaces/{drill.namespace}"
    clusters = f"/apis/eurekube.io/v1alpha1/namespaces/{drill.namespace}/eurekaclusters"
    return {
        "/api/v1/namespaces": (201, {}),
        clusters: (201, {}),
        f"{clusters}/eureka": (200, cluster()),
        f"{core}/pods": (200, listed(*pods)),
        **{f"{core}/pods/{each.name}:8763/proxy/peers": (200, each.report) for each in THREE},
    }


async def test_a_namespace_that_is_refused_leaves_nothing_to_remove(
    api: Api, client: Client
) -> None:
    """With the API server's words; nothing is asked for to be deleted."""
    drill, said = new_drill(client)
    api.answers["/api/v1/namespaces"] = (403, FORBIDDEN)

    with pytest.raises(NoAnswerError, match=r"cannot be made: .* a policy wants a label"):
        await drill.carry_out()
    await drill.remove()

    assert api.asked == ["POST /api/v1/namespaces"]
    assert said.notes == []


async def test_before_anything_is_made_nothing_is_removed(api: Api, client: Client) -> None:
    """As after Ctrl-C while rights are looked at."""
    await new_drill(client)[0].remove()

    assert api.asked == []


async def test_clients_that_do_not_work_are_shown_with_their_words(
    api: Api, client: Client
) -> None:
    """An image from before there were clients in it says so at once."""
    drill, _ = new_drill(client)
    api.answers = answers_of_peers(drill)
    words = "eureka-registry: error: argument COMMAND: invalid choice: 'clients'"
    api.answers[f"/api/v1/namespaces/{drill.namespace}/pods/clients/log"] = (200, words)

    with pytest.raises(NoAnswerError, match=r"the clients do not work: .*invalid choice"):
        await drill.carry_out()


async def test_peers_that_a_quota_forbids_are_not_waited_for(api: Api, client: Client) -> None:
    """The controller's event has the reason."""
    drill, _ = new_drill(client)
    core = f"/api/v1/namespaces/{drill.namespace}"
    quota = 'pods "eureka-peer-1" is forbidden: exceeded quota: small, requested: pods=1'
    api.answers = answers_of_peers(drill)
    api.answers[f"{core}/pods"] = (200, listed())
    api.answers[f"{core}/events"] = (200, listed({"reason": "FailedCreate", "message": quota}))

    with pytest.raises(NoAnswerError, match=re.escape(f"peers cannot be made: {quota}")):
        await drill.carry_out()


async def test_a_removal_that_is_refused_says_what_to_type(api: Api, client: Client) -> None:
    """It is the one thing that a drill must not leave in silence."""
    drill, _ = new_drill(client)
    core = f"/api/v1/namespaces/{drill.namespace}"
    api.answers = {
        "/api/v1/namespaces": (201, {}),
        core: (403, FORBIDDEN),
    }
    with pytest.raises(NoAnswerError):  # the table has no EurekaClusters
        await drill.carry_out()

    with pytest.raises(NoAnswerError, match=f"kubectl delete namespace {drill.namespace}"):
        await drill.remove()


async def test_pods_end_at_once_when_the_namespace_goes(api: Api, client: Client) -> None:
    """Else Kubernetes looks again only after half of the time that they may take."""
    drill, said = new_drill(client)
    core = f"/api/v1/namespaces/{drill.namespace}"
    api.answers = answers_of_peers(drill)
    api.answers[f"{core}/pods/clients/log"] = (200, "no counts")
    with pytest.raises(NoAnswerError):
        await drill.carry_out()

    await drill.remove()  # the table does not know the namespace: it is gone at once

    deleted = [each for each in api.asked if each.startswith("DELETE")]
    assert deleted[0] == f"DELETE {core}"
    assert {*deleted[1:]} == {f"DELETE {core}/pods/{each.name}" for each in THREE}
    assert said.notes[-1] == f"namespace {drill.namespace} is removed"
