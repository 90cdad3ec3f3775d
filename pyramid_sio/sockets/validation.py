"""What the arguments of an event have to be: the annotations of the method that handles it.

Upstream: ``sockets.handlers`` reads the annotations when a class is registered.
Downstream: ``msgspec`` converts; ``sockets.client`` answers a call that does not fit.

Nothing here looks at a handler without annotations twice: it has no :class:`Arguments`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, get_type_hints

from msgspec import ValidationError, convert
from msgspec import inspect as shapes

from pyramid_sio.errors import ArgumentError

#: Types that arrive as they are; text in their place is an error, not base64.
NATIVE = (bytes, bytearray, memoryview)
#: What takes anything, so that there is nothing to check.
ANYTHING = (Any, object)
#: The longest explanation a client gets, in characters: it may quote what was sent.
LONGEST_TEXT = 300
#: What a signature says about what is returned if it says nothing.
UNSAID = inspect.Signature.empty

#: How msgspec says where in a value something is wrong.
_PLACE = re.compile(r"(.*) - at (?:`key` in )?`\$([^`]*)`", re.DOTALL)


class Parameter(NamedTuple):
    """One argument of an event.

    :param type: ``Any`` if it has no annotation
    :param required: False: it has a default
    :param many: True: it stands for all that remain, as ``*args`` does
    """

    name: str
    type: Any
    required: bool
    many: bool


class Signature(NamedTuple):
    """What a method takes, and the type of what it returns or ``UNSAID``."""

    parameters: tuple[Parameter, ...]
    returns: Any


class Arguments:
    """Converts the arguments of one event.

    :param parameters: those of the handler
    """

    __slots__ = ("_many", "_single")

    def __init__(self, parameters: tuple[Parameter, ...]) -> None:
        single = [parameter for parameter in parameters if not parameter.many]
        #: Where in the packet, its name, its type.
        self._single = [
            (index, parameter.name, parameter.type)
            for index, parameter in enumerate(single, 1)
            if parameter.type not in ANYTHING
        ]
        #: The same of what remains: its name, where it begins, its type.
        self._many = next(
            (
                (item.name, len(single) + 1, item.type)
                for item in parameters
                if item.many and item.type not in ANYTHING
            ),
            None,
        )

    def __bool__(self) -> bool:
        """Is there anything to check?"""
        return bool(self._single) or self._many is not None

    def convert(self, data: list[Any]) -> None:
        """Check the arguments and put in their place what the annotations ask for.

        :param data: the event's name, then its arguments
        :raises ArgumentError: one does not fit
        """
        count = len(data)
        name, start = "", 0
        try:
            for index, name, type in self._single:  # noqa: B007 - the error names it
                if index >= count:
                    return
                data[index] = convert(data[index], type, builtin_types=NATIVE, str_keys=True)
            if self._many is not None:
                name, start, type = self._many
                for index in range(start, count):
                    data[index] = convert(data[index], type, builtin_types=NATIVE, str_keys=True)
        except ValidationError as exc:
            where = f"[{index - start}]" if start else ""
            raise _misfit(data[0], name, exc, where) from None


def _misfit(event: Any, name: str, exc: ValidationError, where: str) -> ArgumentError:
    text, path = str(exc), ""
    place = _PLACE.fullmatch(text)
    if place is not None:
        text, path = place.groups()
    return ArgumentError(event, name, f"${where}{path}", text[:LONGEST_TEXT])


def signature_of(cls: type, func: Callable[..., Any], skipped: int) -> Signature:
    """The arguments a method takes from a packet, and what it answers.

    A decorated method is read through its wrapper, unless that has a ``__signature__``.

    :param cls: the class it is a method of
    :param skipped: how many of its parameters are no arguments of the event (``self``)
    :raises TypeError: an annotation cannot be resolved, or is no type that JSON can carry;
        the message names the method
    """
    said = inspect.signature(func)
    kept = [item for item in said.parameters.values() if item.kind is not item.KEYWORD_ONLY]
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    kept = [
        item
        for index, item in enumerate(kept)
        if item.kind is item.VAR_POSITIONAL or (index >= skipped and item.kind in positional)
    ]
    types = _resolve(cls, func, {item.name: item.annotation for item in kept})
    for name, type in types.items():
        _refuse_unfit(cls, func, name, type)
    parameters = tuple(
        Parameter(
            item.name,
            types.get(item.name, Any),
            required=item.default is item.empty and item.kind is not item.VAR_POSITIONAL,
            many=item.kind is item.VAR_POSITIONAL,
        )
        for item in kept
    )
    try:
        returns = _resolve(cls, func, {"return": said.return_annotation})
    except TypeError:
        # Nothing is enforced, so nothing has to be importable.
        returns = {}
    return Signature(parameters, returns.get("return", UNSAID))


def _resolve(cls: type, func: Callable[..., Any], annotations: dict[str, Any]) -> dict[str, Any]:
    """Annotations as types; those that say nothing are left out."""
    plain = inspect.unwrap(func, stop=lambda inner: hasattr(inner, "__signature__"))
    if hasattr(func, "__no_type_check__"):
        return {}

    def holder() -> None:
        """Holds the annotations only."""

    empty = inspect.Parameter.empty
    holder.__annotations__ = {
        name: value for name, value in annotations.items() if value is not empty
    }
    around, near = getattr(plain, "__globals__", {}), _types_near(cls, func)
    try:
        return get_type_hints(holder, around, near, include_extras=True)
    except Exception as exc:
        raise TypeError(
            f"{_name(cls, func)}: an annotation cannot be resolved ({exc}); what handlers are "
            "annotated with must be importable when the application starts"
        ) from exc


def _types_near(cls: type, func: Callable[..., Any]) -> dict[str, Any]:
    """What the class that has a method defines beside it: its annotations may name that."""
    for base in cls.__mro__:
        body = vars(base)
        if any(value is func for value in body.values()):
            return {name: value for name, value in body.items() if not inspect.isfunction(value)}
    return {}


def _refuse_unfit(cls: type, func: Callable[..., Any], name: str, type: Any) -> None:
    """:raises TypeError: the type is none that a client's argument could have"""
    reason = why_unfit(type)
    if reason is not None:
        raise TypeError(
            f"{_name(cls, func)}: argument {name!r} cannot be checked: {reason}; annotate it "
            "with what JSON can carry, or with Any"
        )


def why_unfit(type: Any) -> str | None:
    """Why values of a type cannot be made of what a packet carries; None: they can."""
    try:
        strange = next(_strange_types(shapes.type_info(type)), None)
    except TypeError as exc:
        return str(exc)
    return None if strange is None else f"no packet carries {strange!r}"


def _strange_types(info: shapes.Type) -> Iterator[Any]:
    """The classes in a type that msgspec cannot make."""
    seen: set[int] = set()
    waiting: list[Any] = [info]
    while waiting:
        shape = waiting.pop()
        if isinstance(shape, tuple):
            waiting.extend(shape)
        elif isinstance(shape, shapes.Type | shapes.Field) and id(shape) not in seen:
            seen.add(id(shape))
            if isinstance(shape, shapes.CustomType) and shape.cls is not object:
                yield shape.cls
            waiting.extend(getattr(shape, name) for name in shape.__struct_fields__)


def _name(cls: type, func: Callable[..., Any]) -> str:
    return f"{cls.__qualname__}.{func.__name__}"
