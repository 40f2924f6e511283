from __future__ import annotations

from typing import Any

import pytest

from eureka_operator.core.differences import differences, removed_keys


def _found(live: Any, desired: Any) -> list[tuple[str, Any, Any]]:  # noqa: ANN401 - JSON
    return [(each.field, each.before, each.after) for each in differences(live, desired)]


@pytest.mark.parametrize(
    ("live", "desired", "expected"),
    [
        ({"a": 1, "theirs": 2}, {"a": 1}, []),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [("a.b", 1, 2)]),
        ({}, {"a": 1}, [("a", None, 1)]),
        ({"a": ["x"]}, {"a": ["x", "y"]}, [("a[1]", None, "y")]),
        ({"a": ["x", "y"]}, {"a": ["x"]}, [("a[1]", "y", None)]),
        (
            {"p": [{"name": "b", "v": 1}, {"name": "a", "v": 1}]},
            {"p": [{"name": "a", "v": 2}, {"name": "b", "v": 1}]},
            [("p[name=a].v", 1, 2)],
        ),
        ({"labels": {"a/b": "1"}}, {"labels": {"a/b": "2"}}, [("labels[a/b]", "1", "2")]),
        ({"labels": {"a-b_c": "1"}}, {"labels": {"a-b_c": "2"}}, [("labels.a-b_c", "1", "2")]),
        ({}, {"a": ["x"]}, [("a", None, ["x"])]),
        ({"a": "x"}, {"a": ["x"]}, [("a", "x", ["x"])]),
        ({"a": ["x"]}, {"a": "x"}, [("a", ["x"], "x")]),
        ({"a": {"b": 1}}, {"a": 1}, [("a", {"b": 1}, 1)]),
        ({"p": [{"name": "theirs"}]}, {"p": []}, []),
        ({"p": [{"key": "ours"}]}, {"p": []}, [("p[key=ours]", {"key": "ours"}, None)]),
        ({"p": [{"key": "a"}]}, {"p": [{"key": "a"}]}, []),
    ],
)
def test_fields_that_differ(
    live: object, desired: object, expected: list[tuple[str, object, object]]
) -> None:
    """By name where items have one, else by place; fields of others do not count."""
    assert _found(live, desired) == expected


def test_documents_are_compared_field_by_field() -> None:
    """A whole file before and after would have to be compared by eye."""
    live = {"data": {"config.json": '{"port": 1, "gone": 1}\n'}}
    desired = {"data": {"config.json": '{"port": 2}\n'}}

    assert _found(live, desired) == [("data[config.json].port", 1, 2)]
    assert [each.field for each in removed_keys(live, desired)] == ["data[config.json].gone"]
    text = {"data": {"config.json": "no document"}}
    assert [each.field for each in removed_keys(desired, text)] == ["data[config.json].port"]


@pytest.mark.parametrize("text", ["{broken}\n", "{", "[1]", ""])
def test_file_that_is_no_document_is_compared_as_text(text: str) -> None:
    """Somebody edited it by hand."""
    live, desired = {"data": {"f": text}}, {"data": {"f": "{}\n"}}

    assert _found(live, desired) == [("data.f", text, "{}\n")]
    assert list(removed_keys(live, desired)) == []


def test_hashes_say_nothing_to_people() -> None:
    """What they stand for is listed."""
    annotations = {"eurekube.io/desired-hash": "a", "eurekube.io/template-hash": "b"}

    assert _found({"metadata": {}}, {"metadata": {"annotations": annotations}}) == [
        ("metadata.annotations", None, annotations)
    ]
    assert (
        _found({"metadata": {"annotations": {}}}, {"metadata": {"annotations": annotations}}) == []
    )
