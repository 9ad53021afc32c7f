"""JSON Schema from Python types, and values of these types from JSON."""
from __future__ import annotations

import collections.abc
import dataclasses
import enum
import inspect
import json
import sys
import typing
from typing import Any, Callable, Dict, List, Literal, Mapping, Tuple, Union

Schema = Dict[str, Any]

_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
_UNIONS: Tuple[Any, ...] = (Union,)
if sys.version_info >= (3, 10):
    import types

    _UNIONS = (Union, types.UnionType)


def schema_of(kind: Any) -> Schema:
    """The JSON Schema of a type, in the part of it that Fermata checks.

    ``str``, ``int``, ``float``, ``bool``, ``None``, ``list``, ``dict``, ``Optional`` and ``Union``, ``Literal``, enums,
    dataclasses, ``TypedDict``, ``Any``, and ``Annotated[type, "what it is"]`` of them.

    Raises ``TypeError`` for any other.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any or kind is object:
        return {}
    if isinstance(kind, type) and kind in _SIMPLE:
        return {"type": _SIMPLE[kind]}
    if kind is None:
        return {"type": "null"}
    if _is_annotated(kind):
        schema = schema_of(arguments[0])
        described = [note for note in kind.__metadata__ if isinstance(note, str)]
        return {**schema, "description": " ".join(described)} if described else schema
    if origin in _UNIONS:
        return _union(kind, [schema_of(argument) for argument in arguments])
    if origin is Literal:
        return _choice(kind, list(arguments))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _choice(kind, [member.value for member in kind])
    if kind is list or origin in (list, collections.abc.Sequence):
        items = schema_of(arguments[0]) if arguments else {}
        return {"type": "array", "items": items} if items else {"type": "array"}
    if kind is dict or origin in (dict, collections.abc.Mapping):
        if arguments and arguments[0] is not str:
            raise TypeError(f"the keys of a JSON object are text: {kind}")
        return {"type": "object"}
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        fields = [field for field in dataclasses.fields(kind) if field.init]
        return _object({field.name: hints[field.name] for field in fields}, [f.name for f in fields if _is_needed(f)])
    if _is_typed_dict(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        return _object({name: _without_marks(hint) for name, hint in hints.items()}, sorted(kind.__required_keys__))
    raise TypeError(f"{kind!r} has no JSON Schema here")


def schema_of_parameters(function: Callable[..., Any]) -> Schema:
    """The schema of the object whose members are a function's arguments.

    Raises ``TypeError`` for a parameter that cannot be one.
    """
    hints = typing.get_type_hints(function, include_extras=True)
    properties: Dict[str, Any] = {}
    required: List[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"{function.__name__}: a tool takes named arguments, and {parameter} is none")
        try:
            properties[name] = schema_of(hints.get(name, Any))
        except TypeError as error:
            raise TypeError(f"{function.__name__}: {name}: {error}") from None
        if parameter.default is parameter.empty:
            required.append(name)
        elif _is_json(parameter.default):
            properties[name]["default"] = parameter.default
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def arguments_from(function: Callable[..., Any], text: str) -> Dict[str, Any]:
    """A function's arguments from the JSON text of a call.

    Raises ``ValueError`` for what does not fit.
    """
    members = json.loads(text)
    if not isinstance(members, dict):
        raise ValueError("the arguments are not a JSON object")
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters
    unknown = sorted(set(members) - set(parameters))
    if unknown:
        raise ValueError(f"there is no parameter {unknown[0]!r}")
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in members:
            raise ValueError(f"the parameter {name!r} is missing")
    return {name: value_from(hints.get(name, Any), value, name) for name, value in members.items()}


def value_from(kind: Any, value: Any, name: str) -> Any:
    """A value of this type from what ``json.loads`` made of it.

    Raises ``ValueError``, naming ``name``, for what does not fit. It never repeats the value.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any or kind is object:
        return value
    if _is_annotated(kind):
        return value_from(arguments[0], value, name)
    if origin in _UNIONS:
        for argument in arguments:
            try:
                return value_from(argument, value, name)
            except ValueError:
                continue
    elif kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    elif kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    elif kind is None and value is None:
        return None
    elif isinstance(kind, type) and kind in _SIMPLE:
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
    elif origin is Literal:
        for argument in arguments:
            if argument == value and isinstance(argument, bool) == isinstance(value, bool):
                return argument
    elif isinstance(kind, type) and issubclass(kind, enum.Enum):
        for member in kind:
            if member.value == value and isinstance(member.value, bool) == isinstance(value, bool):
                return member
    elif kind is list or origin in (list, collections.abc.Sequence):
        if isinstance(value, list):
            return [value_from(arguments[0] if arguments else Any, element, f"{name}[]") for element in value]
    elif isinstance(value, dict):
        return _object_from(kind, value, name)
    raise ValueError(f"{name} has another type")


def _object_from(kind: Any, value: Mapping[str, Any], name: str) -> Any:
    arguments = typing.get_args(kind)
    if kind is dict or typing.get_origin(kind) in (dict, collections.abc.Mapping):
        of = arguments[1] if arguments else Any
        return {key: value_from(of, member, f"{name}.{key}") for key, member in value.items()}
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        needed = {field.name for field in dataclasses.fields(kind) if field.init and _is_needed(field)}
    elif _is_typed_dict(kind):
        needed = set(kind.__required_keys__)
    else:
        raise ValueError(f"{name} has another type")
    hints = typing.get_type_hints(kind, include_extras=True)
    for missing in sorted(needed - set(value)):
        raise ValueError(f"{name}.{missing} is missing")
    for unknown in sorted(set(value) - set(hints)):
        raise ValueError(f"{name} has no {unknown!r}")
    return kind(**{k: value_from(_without_marks(hints[k]), member, f"{name}.{k}") for k, member in value.items()})


def _object(hints: Mapping[str, Any], required: List[str]) -> Schema:
    properties = {name: schema_of(hint) for name, hint in hints.items()}
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _choice(kind: Any, values: List[Any]) -> Schema:
    if not all(isinstance(value, (str, int, float, bool, type(None))) for value in values):
        raise TypeError(f"the values of {kind} are not all text, numbers, booleans or None")
    return {"enum": values}


def _union(kind: Any, parts: List[Schema]) -> Schema:
    """One schema for several types. There is no ``anyOf``: but a keyword says nothing about values of a type that it is
    not for, so schemas that differ in their types stand beside each other."""
    if {} in parts:
        return {}
    choices = [part for part in parts if "enum" in part]
    if choices:
        if any(set(part) - {"enum", "description"} and part != {"type": "null"} for part in parts):
            raise TypeError(f"{kind} has no JSON Schema here: choices stand beside None only")
        values = [value for part in parts for value in part.get("enum", [None])]
        return {"enum": values}
    merged: Schema = {"type": []}
    for part in parts:
        types = part["type"] if isinstance(part["type"], list) else [part["type"]]
        if set(types) & set(merged["type"]) or set(part) & set(merged) - {"type"}:
            raise TypeError(f"{kind} has no JSON Schema here: two of its types are alike in JSON")
        merged = {**merged, **part, "type": merged["type"] + types}
    return merged


def _is_annotated(kind: Any) -> bool:
    return hasattr(kind, "__metadata__")


def _is_typed_dict(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, dict) and hasattr(kind, "__required_keys__")


def _without_marks(hint: Any) -> Any:
    """The type without ``Required`` and ``NotRequired``, which ``__required_keys__`` has."""
    is_mark = getattr(typing.get_origin(hint), "_name", "") in ("Required", "NotRequired")
    return typing.get_args(hint)[0] if is_mark else hint


def _is_needed(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
        return True
    except (TypeError, ValueError):
        return False
