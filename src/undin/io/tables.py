"""Plain tables (TOML or JSON) to frozen dataclasses and back, strict about names and types, and changes of single keys.

What the tables of a recipe are is told in ``train/recipe.py``.
"""

import dataclasses
import difflib
import inspect
import tomllib
import types
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Table = TypeVar("Table", bound="DataclassInstance")

FREE_FORM = "options"
"""A field of this name, a dict, takes the keys of a table that are no field of its dataclass."""

_IN_WORDS = {int: "a whole number", float: "a number", str: "a string", bool: "true or false", tuple: "a list"}


def from_table(kind: type[Table], table: dict[str, Any], *, path: str = "") -> Table:
    """Make a dataclass from a table.

    Parameters
    ----------
    kind : dataclass type
    table : dict
        Keys are field names; values have the type of the field's hint, nested tables included.
    path : str
        Where the table stands, such as ``"network"``; error messages name keys by it.

    Raises
    ------
    ValueError
        An unknown key (the message names the nearest known one), a missing key, a value of the wrong type, or a value
        that the dataclass itself refuses.
    """
    if not isinstance(table, dict):
        raise ValueError(f"{path or kind.__name__} must be a table of keys, not {table!r}")
    hints = get_type_hints(kind)
    known = [field.name for field in dataclasses.fields(kind) if field.name != FREE_FORM]
    values = {key: _convert(value, hints[key], path=_join(path, key)) for key, value in table.items() if key in known}
    rest = {key: value for key, value in table.items() if key not in known}
    if FREE_FORM in hints:
        values[FREE_FORM] = rest
    elif rest:
        key = next(iter(rest))
        raise ValueError(f"unknown key '{_join(path, key)}'; {nearest(key, known)}")
    for field in dataclasses.fields(kind):
        optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if field.name not in values and not optional:
            raise ValueError(f"the key '{_join(path, field.name)}' is missing")
    return kind(**values)


def to_table(value: Any) -> Any:
    """Turn a dataclass into nested dicts and lists of plain values: the inverse of `from_table`, fit for JSON."""
    if dataclasses.is_dataclass(value):
        table = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {key: to_table(item) for key, item in (table | table.pop(FREE_FORM, {})).items()}
    if isinstance(value, list | tuple):
        return [to_table(item) for item in value]
    return value


def convert_options(
    function: Callable[..., Any], values: dict[str, Any], *, path: str, without: Collection[str]
) -> dict[str, Any]:
    """Check a table against the parameters of a function, and convert it to the types of its hints.

    Parameters
    ----------
    function : function or class
    values : dict
        What is to be passed to it by name.
    path : str
        Where the table stands, for error messages.
    without : collection of str
        Parameters that a table must not give.

    Raises
    ------
    ValueError
        An unknown key or a value of the wrong type.
    """
    parameters = inspect.signature(function, eval_str=True).parameters
    hints = {name: parameter.annotation for name, parameter in parameters.items() if name not in without}
    for key in values:
        if key not in hints:
            raise ValueError(f"unknown key '{_join(path, key)}'; {nearest(key, hints)}")
    return {key: _convert(value, hints[key], path=_join(path, key)) for key, value in values.items()}


def change(table: dict[str, Any], changes: Iterable[str]) -> None:
    """Set single keys of nested tables, in place: what ``--set`` does.

    Parameters
    ----------
    table : dict
    changes : iterable of str
        Such as ``"training.steps=1000"``. The value is TOML; what is not TOML is taken as a plain string. An item of a
        list of tables goes by its name: ``"loss.si_sdr.weight=0.1"``.

    Raises
    ------
    ValueError
        A change has another form, or names no section or item of the table.
    """
    for one in changes:
        keys, equals, text = one.partition("=")
        *sections, key = keys.strip().split(".")
        if not equals or not key:
            raise ValueError(f"'{one}' sets no key; write section.key=value")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text.strip()
        _section(table, sections, of=one)[key] = value


def _section(table: dict[str, Any], sections: Iterable[str], *, of: str) -> dict[str, Any]:
    """The table below nested ones that a change is of; missing ones are made."""
    place: Any = table
    for section in sections:
        if isinstance(place, list):
            named = {item["name"]: item for item in place}
            if section not in named:
                raise ValueError(f"'{of}': there is no '{section}'; {nearest(section, list(named))}")
            place = named[section]
        else:
            place = place.setdefault(section, {})
        if not isinstance(place, dict | list):
            raise ValueError(f"'{of}': '{section}' is no section")
    if isinstance(place, list):
        raise ValueError(f"'{of}': name the item and its key, such as loss.si_sdr.weight=0.1")
    return place


def nearest(name: str, known: Collection[str]) -> str:
    """Tell which of the known names was probably meant, or list them all."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known are {', '.join(sorted(known)) or 'none'}"


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _convert(value: Any, hint: Any, *, path: str) -> Any:
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return from_table(hint, value, path=path)
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        if value not in parts:
            raise ValueError(f"'{path}' must be one of {', '.join(map(repr, parts))}, not {value!r}")
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in parts:
            return None
        (hint,) = (part for part in parts if part is not type(None))
        return _convert(value, hint, path=path)
    if origin is tuple and isinstance(value, list | tuple):
        any_length = parts[-1] is Ellipsis
        if not any_length and len(value) != len(parts):
            raise ValueError(f"'{path}' must have {len(parts)} values, not {len(value)}")
        item_hints = [parts[0]] * len(value) if any_length else parts
        pairs = zip(value, item_hints, strict=True)
        return tuple(_convert(item, item_hint, path=path) for item, item_hint in pairs)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    plain = origin or hint
    # bool is a subclass of int, but `steps = true` is a mistake
    if not isinstance(value, plain) or (isinstance(value, bool) and plain is not bool):
        raise ValueError(f"'{path}' must be {_IN_WORDS.get(plain, plain)}, not {value!r}")
    return value
