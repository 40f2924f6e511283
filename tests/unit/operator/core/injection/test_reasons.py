from __future__ import annotations

import re

from eureka_operator.core.injection import reasons
from eureka_operator.core.injection.config import RESOURCES
from eureka_operator.core.injection.reasons import REASONS, Finding, Reason


def test_table_has_every_reason() -> None:
    """`explain` and the pages of reference list the table."""
    assert set(REASONS.values()) == {
        each for each in vars(reasons).values() if isinstance(each, Reason)
    }


def test_codes_can_be_labels_of_metrics_and_sentences_need_no_code() -> None:
    """At 3 a.m. the sentence is all that is read."""
    for code, reason in REASONS.items():
        assert re.fullmatch(r"[a-z_]{4,30}", code)
        assert not reason.sentence.endswith(".")
        assert not reason.cure or reason.cure.endswith(".")


def test_every_pod_that_gets_no_sidecar_is_told_what_to_do() -> None:
    """Only parts of Eurekube itself have nothing to do."""
    without = [each.code for each in REASONS.values() if each.outcome != "noted" and not each.cure]

    assert without == ["own_component"]


def test_message_says_what_where_and_what_to_do() -> None:
    """The API server shows it to whoever makes the pod."""
    found = Finding(reasons.UNKNOWN_REGISTRY, "shop/eurika")

    assert found.message == (
        "the annotation eurekube.io/registry names an EurekaCluster that does not exist:"
        " shop/eurika. kubectl get ekc -A lists them; write NAME or NAMESPACE/NAME."
    )


def test_what_a_pod_asks_for_itself_is_refused() -> None:
    """A namespace's label must not keep pods from starting; their own wrong wishes may."""
    assert Finding(reasons.BAD_LABEL, own=True).is_refusal
    assert not Finding(reasons.BAD_LABEL).is_refusal
    assert not Finding(reasons.NO_PORT).is_refusal
    assert Finding(reasons.UNKNOWN_REGISTRY).is_refusal


def test_cure_of_a_short_budget_says_how_much_is_missing() -> None:
    """It is the only cure with figures, which are those of the sidecar."""
    requests = RESOURCES["requests"]

    said = f"cpu {requests['cpu']} and memory {requests['memory']}"

    assert said in reasons.POD_BUDGET.cure
