"""An explanation as people read it."""

from __future__ import annotations

from typing import Final

import msgspec
import pytest

from kubectl_eureka.core.explanation import Difference, Explanation, Now, Outcome, Remark
from kubectl_eureka.core.sentences import lines, title
from kubectl_eureka.core.sidecar import RegisteredInstance, Sidecar

SIDECAR: Final = Sidecar(
    hash="h",
    image="sidecar:1",
    version="0.1.0",
    drain="granted 20 of 30",
    instances=(RegisteredInstance(app="ORDERS", port=8080, check="tcp://127.0.0.1:8080"),),
    registries=(("http://a/eureka/", "http://b/eureka/"), ("http://c/eureka/",)),
)
DIFFERS: Final = (Difference("sidecar", "sidecar:1", "sidecar:2"),)


def explained(outcome: Outcome, now: Now | None = None, kind: str = "Pod") -> Explanation:
    """The explanation of an object, without its parts."""
    return Explanation(
        kind=kind, namespace="shop", name="orders", outcome=outcome, rule="", now=now
    )


def shown(explanation: Explanation) -> list[str]:
    """Each line with what it is about."""
    return [f"{each.about}|{each.text}" for each in lines(explanation)]


@pytest.mark.parametrize(
    ("explanation", "verdict"),
    [
        (explained("injected", kind="Deployment"), "Each pod made from it gets a sidecar."),
        (explained("injected"), "It gets a sidecar."),
        (explained("skipped"), "It starts without a sidecar."),
        (explained("refused"), "It is refused."),
        (
            explained("injected", Now(sidecar=SIDECAR)),
            "It has a sidecar; made anew it is the same.",
        ),
        (
            explained("injected", Now(sidecar=SIDECAR, differences=DIFFERS)),
            "It has a sidecar; made anew it gets another one.",
        ),
        (
            explained("skipped", Now(sidecar=SIDECAR, differences=DIFFERS)),
            "It has a sidecar; made anew it starts without a sidecar.",
        ),
        (explained("injected", Now()), "It has no sidecar; made anew it gets a sidecar."),
        (explained("refused", Now()), "It has no sidecar; made anew it is the same."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_first_line_is_the_verdict(explanation: Explanation, verdict: str) -> None:
    """What a pod has, and what it would get."""
    assert title(explanation) == f"{explanation.kind} shop/orders"
    assert shown(explanation)[0] == f"|{verdict}"


def test_reasons_have_their_cures() -> None:
    """A reason without a cure has no such line."""
    reasons = (Remark("no_port", "it has no port", "declare one"), Remark("x", "it is so"))
    found = msgspec.structs.replace(explained("skipped"), rule="the label", reasons=reasons)

    assert shown(found)[1:] == [
        "rule|the label",
        "reason|no_port: it has no port.",
        "cure|declare one",
        "reason|x: it is so.",
    ]


def test_parts_of_a_sidecar_are_shown_with_their_sources() -> None:
    """All URLs of each registry; the source stands once."""
    sources = {"app": "the label app", "port": "its name, http", "registry": "the only one"}
    found = msgspec.structs.replace(explained("injected"), sidecar=SIDECAR, sources=sources)

    assert shown(found)[1:] == [
        "app|ORDERS (the label app)",
        "port|8080 (its name, http)",
        "check|tcp://127.0.0.1:8080",
        "registry|http://a/eureka/ (the only one)",
        "|http://b/eureka/",
        "registry|http://c/eureka/",
        "drain|20 s of 30 s: the application keeps serving without its lease",
        "image|sidecar:1, by Eurekube 0.1.0",
    ]


@pytest.mark.parametrize(
    ("note", "words"),
    [
        ("app hook kept", "by the preStop hooks of the application itself"),
        ("of a version to come", "of a version to come"),
    ],
)
def test_drain_is_said_in_words(note: str, words: str) -> None:
    """The annotation has a short note; another version may have another."""
    sidecar = msgspec.structs.replace(SIDECAR, drain=note)
    found = msgspec.structs.replace(explained("injected"), sidecar=sidecar)

    assert f"drain|{words}" in shown(found)


def test_present_state_of_a_pod_is_below() -> None:
    """Reasons that were noted on it matter only if it has no sidecar."""
    noted = (Remark("no_port", "it has no port"),)
    now = Now(
        sidecar=SIDECAR,
        reasons=noted,
        container="running",
        held=("ORDERS/orders is UP",),
        differences=DIFFERS,
        advice="make it again",
    )

    assert shown(explained("injected", now))[1:] == [
        "container|running",
        "held|ORDERS/orders is UP",
        "differs|sidecar: has sidecar:1; made anew: sidecar:2",
        "advice|make it again",
    ]
    assert shown(explained("skipped", Now(reasons=noted)))[1:] == [
        "noted|no_port: it has no port.",
    ]
