"""The CRD of EurekaRegistrations on a real API server, with the table the operator is held to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from processes.cluster import until
from support.kubectl import Kubectl
from support.registrationobjects import BAD, EVERY_FIELD, GOOD, SERVICE, document

from .test_crd import STRICTLY, explained, refusals

ROOT = Path(__file__).parents[2]
CRD = ROOT / "crds" / "eurekaregistration.yaml"
EXAMPLES = sorted((ROOT / "examples" / "registration").glob("*.yaml"))


@pytest.fixture
def registrations(kubectl: Kubectl) -> Kubectl:
    """A namespace of an API server that has the CRD."""
    kubectl.apply(CRD.read_text())
    until(lambda: kubectl.run_unchecked("get", "eurekaregistrations").returncode == 0)
    return kubectl


def test_bad_objects_are_refused_with_the_field_and_a_sentence(registrations: Kubectl) -> None:
    """The table that the operator's reader is held to."""
    objects = [document(each.spec, f"bad-{place}") for place, each in enumerate(BAD)]

    said = refusals(registrations, objects)

    words = [said.get(f"bad-{place}", "accepted") for place in range(len(BAD))]
    wrong = [
        (each.field, each.server, sentence)
        for each, sentence in zip(BAD, words, strict=True)
        if each.field not in sentence or each.server not in sentence
    ]
    assert wrong == []
    assert registrations.get("ekr")["items"] == []


def test_good_objects_are_accepted(registrations: Kubectl) -> None:
    """Bounds are as wide as they say."""
    objects = [document(spec, f"good-{place}") for place, spec in enumerate(GOOD.values())]

    assert refusals(registrations, objects) == {}


def test_what_is_written_is_kept(registrations: Kubectl) -> None:
    """No field is dropped, and none is added to an object that has all of them."""
    registrations.apply(json.dumps(document(EVERY_FIELD)))

    assert registrations.get("ekr", "db")["spec"] == EVERY_FIELD


def test_nothing_written_has_the_defaults(registrations: Kubectl) -> None:
    """A lease that outlives a change of leaders; nothing else is filled in."""
    registrations.apply(json.dumps(document(SERVICE)))

    lease = {"renewalIntervalSeconds": 30, "durationSeconds": 180}
    assert registrations.get("ekr", "db")["spec"] == {**SERVICE, "lease": lease}


def test_every_field_is_explained(registrations: Kubectl) -> None:
    """`kubectl explain` prints what the API server publishes."""
    published = registrations.raw("/openapi/v3/apis/eurekube.io/v1alpha1")
    schema = published["components"]["schemas"]["io.eurekube.v1alpha1.EurekaRegistration"]

    assert [path for path, text in explained(schema) if not text] == []
    shown = registrations("explain", "ekr.spec.notReady")
    assert "an endpoint that is not ready" in shown


def test_status_has_columns_and_can_be_waited_for(registrations: Kubectl) -> None:
    """What people see in `kubectl get`, and what `kubectl wait` waits for."""
    registrations.apply(json.dumps(document(SERVICE)))
    moment = "2026-11-28T12:00:00Z"
    status = {
        "observedGeneration": 1,
        "app": "DB",
        "instances": 3,
        "up": 2,
        "lastRenewal": moment,
        "conditions": [
            {
                "type": "Synced",
                "status": "True",
                "observedGeneration": 1,
                "lastTransitionTime": moment,
                "reason": "Synced",
                "message": "the registry holds what is wanted",
            }
        ],
    }
    whole = json.dumps({**document(SERVICE), "status": status})

    registrations(*STRICTLY, "--subresource=status", "--field-manager=status", given=whole)

    assert registrations.get("ekr", "db")["status"] == status
    heading, row = registrations("get", "ekr").splitlines()
    assert heading.split() == ["NAME", "CLUSTER", "APP", "UP", "TOTAL", "SYNCED", "AGE"]
    assert row.split()[:-1] == ["db", "eureka", "DB", "2", "3", "True"]
    registrations("wait", "--for=condition=Synced", "ekr/db", "--timeout=60s")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_nothing_differs_after_an_example_was_applied(registrations: Kubectl, path: Path) -> None:
    """`kubectl diff`, and so Argo CD and Flux, find nothing to do."""
    text = "\n---\n".join(
        yaml.safe_dump(each)
        for each in yaml.safe_load_all(path.read_text())
        if each["kind"] == "EurekaRegistration"
    )
    registrations("apply", "--validate=strict", "-f", "-", given=text)

    differs = registrations.run_unchecked("diff", "-f", "-", given=text)

    assert (differs.returncode, differs.stdout, differs.stderr) == (0, "", "")
