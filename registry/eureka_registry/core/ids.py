"""Finds the applications that hold an instance id: ids are unique only within one application."""

from __future__ import annotations

from collections.abc import Collection


class IdIndex:
    """Applications by instance id, in the order in which they were added."""

    def __init__(self) -> None:
        # Nearly every id is in one application alone, and a mapping for each would take 200 bytes.
        self._one: dict[str, str] = {}
        self._several: dict[str, dict[str, None]] = {}

    def add(self, app: str, instance_id: str) -> None:
        """Note that `app` holds the id; it must not hold it already."""
        several = self._several.get(instance_id)
        if several is not None:
            several[app] = None
        elif instance_id in self._one:
            self._several[instance_id] = {self._one.pop(instance_id): None, app: None}
        else:
            self._one[instance_id] = app

    def remove(self, app: str, instance_id: str) -> None:
        """Note that `app`, which held the id, no longer does."""
        several = self._several.get(instance_id)
        if several is None:
            del self._one[instance_id]
            return
        del several[app]
        if len(several) == 1:
            (self._one[instance_id],) = self._several.pop(instance_id)

    def applications(self, instance_id: str) -> Collection[str]:
        """All that hold the id."""
        one = self._one.get(instance_id)
        return (one,) if one is not None else self._several.get(instance_id, ())
