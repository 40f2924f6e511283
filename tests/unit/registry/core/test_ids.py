"""Which applications hold an instance id."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.core.ids import IdIndex

KEYS = st.tuples(st.sampled_from(["ONE", "TWO", "THREE"]), st.sampled_from(["a", "b"]))


@given(st.lists(KEYS))
def test_index_is_what_a_look_into_all_applications_gives(keys: list[tuple[str, str]]) -> None:
    """Each key comes and goes, in any order."""
    index, held = IdIndex(), dict[tuple[str, str], None]()
    for key in keys:
        if key in held:
            del held[key]
            index.remove(*key)
        else:
            held[key] = None
            index.add(*key)

        for name in ("a", "b", "c"):
            expected = {app for app, instance_id in held if instance_id == name}
            assert set(index.applications(name)) == expected
            assert len(index.applications(name)) == len(expected)
