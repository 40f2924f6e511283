"""`python -m eureka_operator.commands.reference`: writes docs/injection-reference.md."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Final

from eureka_operator.core.injection.annotations import ANNOTATIONS, INJECT, PREFIX
from eureka_operator.core.injection.reasons import BAD_LABEL, REASONS, Reason
from eureka_operator.core.injection.selection import DISABLED, ENABLED
from eureka_operator.core.injection.status import INJECTED_LABEL, STATUS
from eureka_operator.core.pods import PAUSED_BY_OPERATOR
from eureka_sidecar.core.downward import METADATA, PAUSED
from eureka_sidecar.core.metadata import MAX_METADATA

_INTRODUCTION: Final = f"""\
# Injection: labels, annotations, reasons

Made by `make docs` from `operator/eureka_operator/core/injection`. How injection works, and what
to do about a pod without a sidecar: [injection.md](injection.md).

## Labels

| label | of | value | |
|---|---|---|---|
| `{INJECT}` | namespace, pod | `{ENABLED}`, `{DISABLED}` | a sidecar or none; the pod's wins |
| `{INJECTED_LABEL}` | pod | `true` | set by the injector |

## Annotations of a pod

They belong on the pod template: they are read when a pod is made. Those that act on running pods
say so. Each has `{PREFIX}` in front.

| annotation | value | |
|---|---|---|
"""
_BETWEEN: Final = f"""
Eurekube itself sets `{STATUS}`, which says as JSON what was done to the pod and why, and
`{PAUSED_BY_OPERATOR}`, the overrides that the operator made because of
`{PAUSED}`. Leave them as they are.

## Reasons

A code is the same in the annotation `{STATUS}`, in the metric
`eureka_injector_answers_total`, in `kubectl-eureka` and on this page, and never changes.
"""
_HEADING: Final = "| code | what is the case | what to do |\n|---|---|---|\n"
_OUTCOMES: Final = {
    "skipped": (
        "Skipped",
        f"The pod starts without a sidecar. (`{BAD_LABEL.code}` on the pod itself: it is refused.)",
    ),
    "refused if the pod asked, else skipped": (
        "Refused, or skipped",
        (
            f"A pod with the label `{INJECT}` is refused: `kubectl`, or an event of its ReplicaSet,"
            " says why. One that is chosen by its namespace starts without a sidecar."
        ),
    ),
    "refused": (
        "Refused",
        "The pod itself says something that cannot be: it is refused, whoever chose it.",
    ),
    "noted": ("Noted", "The pod has its sidecar. This is worth knowing."),
}


def page() -> str:
    """The page."""
    return "".join(
        (_INTRODUCTION, *_annotations(), _BETWEEN, *(_reasons(each) for each in _OUTCOMES))
    )


def _annotations() -> Iterable[str]:
    for each in ANNOTATIONS:
        yield f"| `{each.key}` | {each.value} | {each.meaning} |\n"
    yield (
        f"| `{METADATA.removeprefix(PREFIX)}KEY` | text | Metadata KEY of the instance; up to"
        f" {MAX_METADATA} of them. Acts on running pods. |\n"
    )


def _reasons(outcome: str) -> str:
    title, sentence = _OUTCOMES[outcome]
    rows = "".join(_row(each) for each in REASONS.values() if each.outcome == outcome)
    return f"\n### {title}\n\n{sentence}\n\n{_HEADING}{rows}"


def _row(reason: Reason) -> str:
    sentence = reason.sentence[0].upper() + reason.sentence[1:]
    return f"| `{reason.code}` | {sentence}. | {reason.cure or 'Nothing.'} |\n"


if __name__ == "__main__":
    sys.stdout.write(page())
