"""Fields that came by a POST are owned as if by an apply."""

from __future__ import annotations

from eureka_operator.core.kinds import Object
from eureka_operator.shell.ownership import as_applier, patch

ME = "eureka-operator"


def entry(manager: str, operation: str, *fields: str, subresource: str = "") -> Object:
    """An entry of `managedFields` that owns fields of `data`."""
    made: Object = {
        "manager": manager,
        "operation": operation,
        "apiVersion": "v1",
        "fieldsV1": {"f:data": {f"f:{field}": {} for field in fields}},
    }
    return made | ({"subresource": subresource} if subresource else {})


def test_update_becomes_apply() -> None:
    """Nothing else of it changes, nor of others' entries."""
    other = entry("kubectl", "Update", "two")

    assert as_applier([entry(ME, "Update", "one"), other], ME) == [
        other,
        entry(ME, "Apply", "one"),
    ]


def test_both_become_one_with_the_fields_of_both() -> None:
    """One field left out of the next apply is then removed, whichever it was in."""
    found = as_applier([entry(ME, "Apply", "one"), entry(ME, "Update", "one", "two")], ME)

    assert found == [entry(ME, "Apply", "one", "two")]


def test_nothing_is_to_do_without_an_update_of_ours() -> None:
    """Every apply's answer is looked at: mostly there is none."""
    assert as_applier([], ME) is None
    assert as_applier([entry(ME, "Apply", "one"), entry("kubectl", "Update", "one")], ME) is None


def test_status_is_no_business_of_ours() -> None:
    """Subresources have owners of their own."""
    status = entry(ME, "Update", "one", subresource="status")

    assert as_applier([status], ME) is None
    assert as_applier([status, entry(ME, "Update", "two")], ME) == [
        status,
        entry(ME, "Apply", "two"),
    ]


def test_patch_holds_for_one_version() -> None:
    """Entries that somebody else has just added are not lost."""
    assert patch([{"manager": ME}], "7") == [
        {"op": "replace", "path": "/metadata/managedFields", "value": [{"manager": ME}]},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
    ]
