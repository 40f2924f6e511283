"""An explanation as lines of text: the subject on the left, a sentence on the right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from eureka_registry.verbs.tables import Line
from kubectl_eureka.core.explanation import Explanation, Now, Remark, ports
from kubectl_eureka.core.sidecar import Sidecar


def title(explanation: Explanation) -> str:
    """The title: the object that is explained."""
    return f"{explanation.kind} {explanation.namespace}/{explanation.name}"


def lines(explanation: Explanation) -> Iterator[Line]:
    """The lines of an explanation, the most important first."""
    yield Line("", _verdict(explanation))
    if explanation.rule:
        yield Line("rule", explanation.rule)
    yield from _reasons(explanation.reasons)
    if explanation.sidecar is not None:
        yield from _sidecar(explanation.sidecar, explanation.sources)
    if explanation.now is not None:
        yield from _now(explanation.now)


def _verdict(explanation: Explanation) -> str:
    verdict = {
        "injected": "gets a sidecar",
        "skipped": "starts without a sidecar",
        "refused": "is refused",
    }[explanation.outcome]
    if explanation.now is None:
        return (
            f"Each pod made from it {verdict}." if explanation.kind != "Pod" else f"It {verdict}."
        )
    has = "has a sidecar" if explanation.now.sidecar is not None else "has no sidecar"
    if (explanation.now.sidecar is not None) != (explanation.outcome == "injected"):
        return f"It {has}; made anew it {verdict}."
    if explanation.now.differences:
        return f"It {has}; made anew it gets another one."
    return f"It {has}; made anew it is the same."


def _reasons(reasons: Iterable[Remark], about: str = "reason") -> Iterator[Line]:
    for each in reasons:
        yield Line(about, f"{each.code}: {each.sentence}.")
        if each.cure:
            yield Line("cure", each.cure)


def _sidecar(sidecar: Sidecar, sources: dict[str, str]) -> Iterator[Line]:
    def by(what: str) -> str:
        return f" ({sources[what]})" if what in sources else ""

    for each in sidecar.instances:
        yield Line("app", f"{each.app}{by('app')}{by('instances')}")
        yield Line("port", f"{ports(each)}{by('port')}")
        yield Line("check", f"{each.check}{by('check')}")
    for number, urls in enumerate(sidecar.registries):
        yield Line("registry", urls[0] + (by("registry") if not number else ""))
        for url in urls[1:]:
            yield Line("", url)
    yield Line("drain", f"{_drain(sidecar.drain)}{by('drain')}")
    yield Line("image", f"{sidecar.image}, by Eurekube {sidecar.version}")


def _drain(text: str) -> str:
    """`granted 20 of 20` in more words."""
    words = text.split()
    match words:
        case ["granted", granted, "of", asked]:
            return f"{granted} s of {asked} s: the application keeps serving without its lease"
        case ["app", "hook", "kept"]:
            return "by the preStop hooks of the application itself"
    return text


def _now(now: Now) -> Iterator[Line]:
    if now.container:
        yield Line("container", now.container)
    for each in now.held:
        yield Line("held", each)
    if now.sidecar is None:
        yield from _reasons(now.reasons, "noted")
    for one in now.differences:
        yield Line("differs", f"{one.field}: has {one.has}; made anew: {one.would}")
    if now.advice:
        yield Line("advice", now.advice)
