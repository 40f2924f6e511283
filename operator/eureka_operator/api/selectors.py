"""A LabelSelector (`metav1.LabelSelector`) in our objects, with its limits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from eureka_operator.api.check import Problem

NAMES: Final = (
    "names of labels are at most 63 letters, digits, -, _ and ., with a DNS name and / before"
    " them or not"
)
VALUES_OF_OPERATOR: Final = "In and NotIn need values, Exists and DoesNotExist have none"

_LONGEST_NAME: Final = 253
_NAME: Final = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
)
_WITH_VALUES: Final = ("In", "NotIn")

LabelName = Annotated[str, Meta(max_length=_LONGEST_NAME, pattern=_NAME)]
LabelValue = Annotated[
    str, Meta(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")
]


class Requirement(msgspec.Struct, frozen=True):
    """One of `matchExpressions`."""

    key: LabelName
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: Annotated[list[LabelValue], Meta(max_length=16)] = []


class Selector(msgspec.Struct, frozen=True, rename="camel"):
    """A selector; an empty one selects everything."""

    match_labels: Annotated[dict[str, LabelValue], Meta(max_length=16)] = {}
    match_expressions: Annotated[list[Requirement], Meta(max_length=16)] = []

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected, as by `LabelSelectorAsSelector`."""
        equal = all(labels.get(key) == value for key, value in self.match_labels.items())
        return equal and all(_is_met(each, labels) for each in self.match_expressions)


def selector_problems(selector: Selector, path: str) -> Iterator[Problem]:
    """Yield what is wrong between fields that are valid one by one."""
    if not all(map(_is_name, selector.match_labels)):
        yield Problem(f"{path}.matchLabels", NAMES)
    for place, each in enumerate(selector.match_expressions):
        if (each.operator in _WITH_VALUES) != bool(each.values):
            yield Problem(f"{path}.matchExpressions[{place}]", VALUES_OF_OPERATOR)


def _is_name(key: str) -> bool:
    return len(key) <= _LONGEST_NAME and re.fullmatch(_NAME, key) is not None


def _is_met(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value in requirement.values
        case "NotIn":
            return value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
