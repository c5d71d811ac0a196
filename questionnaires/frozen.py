"""Frozen types as ``dataclasses`` makes them, for what ``hash`` loads: importing those costs more than its work.

To a type checker they are data classes. At run time nothing is compiled; ``dataclasses.replace`` and ``fields``
work on them too, and only whoever asks for those pays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

Made = TypeVar("Made")


class Field:
    """One field of a frozen type. ``default`` is REQUIRED where there is none; ``factory`` makes one."""

    __slots__ = ("compare", "default", "factory", "name", "repr")

    def __init__(
        self,
        name: str,
        default: object,
        factory: Callable[[], object] | None = None,
        compare: bool = True,
        repr: bool = True,  # noqa: A002  # the name that dataclasses has
    ) -> None:
        self.name = name
        self.default = default
        self.factory = factory
        self.compare = compare
        self.repr = repr


REQUIRED = object()


def field(
    *,
    default_factory: Callable[[], object],
    compare: bool = True,
    repr: bool = True,  # noqa: A002  # the name that dataclasses has
) -> Any:
    """As ``dataclasses.field``, for a default that is made anew."""
    return Field("", REQUIRED, default_factory, compare, repr)


def dataclass(*, frozen: bool, slots: bool = False) -> Callable[[type[Made]], type[Made]]:
    """As ``dataclasses.dataclass(frozen=True)``; objects always have a dictionary, ``slots`` or not."""
    assert frozen
    return _finished


def fields(kind: type[Any]) -> tuple[Field, ...]:
    """The fields of a frozen type, in order."""
    found: tuple[Field, ...] = kind.__frozen_fields__
    return found


def _finished(cls: type[Made]) -> type[Made]:
    found = tuple(_field(cls, name) for name in cls.__annotations__)
    names = tuple(one.name for one in found)
    compared = tuple(one.name for one in found if one.compare)
    members: dict[str, object] = {
        "__frozen_fields__": found,
        "__dataclass_fields__": _RealFields(),
        "__match_args__": names,
        "__init__": _init(cls.__qualname__, found),
        "__setattr__": _refuse,
        "__delattr__": _refuse,
        "__eq__": _eq(compared),
        "__hash__": _hash(compared),
        "__repr__": _repr(tuple(one.name for one in found if one.repr)),
    }
    for name, member in members.items():
        setattr(cls, name, member)
    return cls


def _field(cls: type[Any], name: str) -> Field:
    default = cls.__dict__.get(name, REQUIRED)
    if not isinstance(default, Field):
        return Field(name, default)
    delattr(cls, name)
    default.name = name
    return default


def _init(title: str, found: tuple[Field, ...]) -> Callable[..., None]:
    names = tuple(one.name for one in found)
    known = frozenset(names)
    defaults = {one.name: one.default for one in found if one.default is not REQUIRED}
    made = {one.name: one.factory for one in found if one.factory is not None}

    def __init__(self: object, *values: object, **named: object) -> None:
        state = self.__dict__
        state.update(defaults)
        state.update(zip(names, values, strict=False))
        state.update(named)
        for name, factory in made.items():
            if name not in state:
                state[name] = factory()
        twice = values and not named.keys().isdisjoint(names[: len(values)])
        if state.keys() != known or twice or len(values) > len(names):
            raise TypeError(f"{title}() takes {', '.join(names)}; given were {[*values]!r} and {[*named]}")

    return __init__


def _refuse(self: object, name: str, value: object = None) -> NoReturn:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot change field {name!r}")


def _values(one: object, names: tuple[str, ...]) -> tuple[object, ...]:
    state = one.__dict__
    return tuple([state[name] for name in names])


def _eq(names: tuple[str, ...]) -> Callable[[object, object], Any]:
    def __eq__(self: object, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self is other or _values(self, names) == _values(other, names)

    return __eq__


def _hash(names: tuple[str, ...]) -> Callable[[object], int]:
    return lambda self: hash(_values(self, names))


def _repr(names: tuple[str, ...]) -> Callable[[object], str]:
    def __repr__(self: object) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{self.__class__.__qualname__}({shown})"

    return __repr__


class _RealFields:
    """What ``dataclasses`` looks for in a class, made when it looks."""

    def __get__(self, instance: object, owner: type[Any]) -> Mapping[str, Any]:
        import dataclasses

        made = dataclasses.make_dataclass(
            owner.__name__,
            [(one.name, owner.__annotations__[one.name], _real(one)) for one in fields(owner)],
        )
        found: Mapping[str, Any] = made.__dataclass_fields__  # type: ignore[attr-defined]  # a data class has them
        owner.__dataclass_fields__ = found
        return found


def _real(one: Field) -> Any:
    import dataclasses

    if one.factory is not None:
        return dataclasses.field(default_factory=one.factory, compare=one.compare, repr=one.repr)
    if one.default is REQUIRED:
        return dataclasses.field()
    return dataclasses.field(default=one.default)
