"""Records: classes of named values, as `dataclasses` makes them.

`dataclasses` imports `inspect`, `ast` and `re`: 1.9 MiB in each pod, and a third of the time to the
first registration. These twenty lines do what the sidecar needs of it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol, TypeVar, dataclass_transform

    T = TypeVar("T")

    class _Record(Protocol):
        _fields: tuple[str, ...]
        _defaults: dict[str, object]

    @dataclass_transform(frozen_default=True)
    def record(cls: type[T], /) -> type[T]:
        """For type checkers: like `@dataclass(frozen=True)`."""
        return cls

else:

    def record(cls):  # noqa: ANN001, ANN201 - see above
        """Give a class of annotated fields `__init__`, `__eq__` and `__repr__`.

        Only type checkers see that a record does not change. It has no hash, as a field may be a
        mapping.
        """
        cls._fields = tuple(cls.__annotations__)
        cls._defaults = {each: vars(cls)[each] for each in cls._fields if each in vars(cls)}
        cls.__init__ = _init
        cls.__eq__ = _equals
        cls.__hash__ = None
        cls.__repr__ = _repr
        return cls


def replace(value: T, /, **changes: object) -> T:
    """A copy of a record with some fields changed."""
    return type(value)(**{**vars(value), **changes})


def _init(self: _Record, *values: object, **named: object) -> None:
    placed = dict(zip(self._fields, values, strict=False))
    given = {**self._defaults, **placed, **named}
    is_ambiguous = len(placed) < len(values) or placed.keys() & named.keys()
    if is_ambiguous or given.keys() != set(self._fields):
        raise TypeError(
            f"{type(self).__name__} has the fields {', '.join(self._fields)}: each is given once,"
            " unless it has a default"
        )
    self.__dict__.update({field: given[field] for field in self._fields})


def _equals(self: _Record, other: object) -> bool:
    return type(self) is type(other) and vars(self) == vars(other)


def _repr(self: _Record) -> str:
    return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"
