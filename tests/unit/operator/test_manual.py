"""What the pages say of metrics and events, against what there is."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from eureka_operator.core.injection.annotations import PREFIX
from eureka_operator.core.injection.reasons import REASONS
from eureka_operator.core.reaping import Reason
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.webhook import InjectorMetrics

ROOT: Final = Path(__file__).parents[3]
PAGES: Final = {
    name: (ROOT / "docs" / f"{name}.md").read_text()
    for name in ("injection", "injection-reference", "metrics", "pod-truth")
}
_SOURCES: Final = ROOT / "operator" / "eureka_operator"
_NOT_TOLD: Final = {"Deleting", "Registering"}
"""Reasons of an EurekaRegistration that are progress."""


def _exposed(metrics: Metrics | InjectorMetrics) -> set[str]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        f"{each.name}_total" if each.type == "counter" else each.name
        for each in families
        if each.name.startswith("eureka_") and not each.name.endswith("_created")
    }


def test_page_of_metrics_has_exactly_those_that_are_exposed() -> None:
    """An alert on a name that is gone never fires."""
    rows = re.findall(r"^\| `(eureka_[a-z_]+)`", PAGES["metrics"], re.MULTILINE)

    assert set(rows) == _exposed(Metrics()) | _exposed(InjectorMetrics())


def test_metrics_that_other_pages_name_are_exposed() -> None:
    """They are written by hand."""
    known = _exposed(Metrics()) | _exposed(InjectorMetrics())
    for name, page in PAGES.items():
        found = set(re.findall(r"eureka_(?:operator|injector)_[a-z_]+", page))
        assert found <= known, name


def test_reasons_of_removals_are_those_of_the_reaper() -> None:
    """In both pages that list them."""
    codes = {str(each) for each in Reason}
    listed = set(re.findall(r"^\| `([a-z_]+)` \| ", PAGES["pod-truth"], re.MULTILINE))
    (row,) = re.findall(r"leases_removed_total` \| `reason`: ([^|]+) \|", PAGES["metrics"])

    assert codes <= listed
    assert codes == set(row.split(", "))


def test_reasons_that_pages_name_are_in_the_table() -> None:
    """Codes never change, so that a page of last year is right as well."""
    found = re.findall(r"`([a-z]+_[a-z_]+)`", PAGES["injection"])

    assert found
    assert {each for each in found if not each.startswith("eureka_")} <= REASONS.keys()


def test_annotations_and_labels_that_pages_name_are_known() -> None:
    """The table of reference has all of them."""
    known = set(re.findall(r"`(?:eurekube\.io/)?([a-z.-]+(?:KEY)?)`", PAGES["injection-reference"]))
    for page in PAGES.values():
        named = set(re.findall(rf"`{re.escape(PREFIX)}([a-z-]+)", page))
        assert named <= known


def test_page_of_metrics_has_every_event() -> None:
    """Whoever greps for one should find what it means."""
    made = {reason for file in _SOURCES.rglob("*.py") for reason in _events(file)}

    listed = set(re.findall(r"`([A-Z][A-Za-z]+)`", PAGES["metrics"].partition("## Events")[2]))

    assert made
    assert made <= listed


def _events(file: Path) -> set[str]:
    """Reasons of the events that a file makes, where they are written out.

    What is found about an EurekaRegistration is one when it becomes so (`registrations/status.py`).
    """
    is_registration = "registrations" in str(file.relative_to(_SOURCES))
    places = {"Event": 1} | ({"Finding": 0} if is_registration else {})
    found = (
        each.args[places[each.func.id]]
        for each in ast.walk(ast.parse(file.read_text()))
        if isinstance(each, ast.Call)
        and isinstance(each.func, ast.Name)
        and len(each.args) > places.get(each.func.id, 99)
    )
    return {str(each.value) for each in found if isinstance(each, ast.Constant)} - _NOT_TOLD
