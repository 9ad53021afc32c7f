"""Writes the schemas that generators of tools make of thirty ordinary functions: <package>-<version>.json beside this.

    python3 -m venv v
    v/bin/pip install pydantic mcp fastmcp openai-agents langchain-core pydantic-ai-slim llama-index-core msgspec
    v/bin/python generate.py

Too heavy for every run of the tests, which read the files. servers.py does the same for real MCP servers.
"""

import asyncio
import datetime
import decimal
import enum
import importlib.metadata
import inspect
import json
import pathlib
import sys
import typing
import uuid
from dataclasses import dataclass, field
from typing import Annotated, Any, Dict, List, Literal, Optional, Tuple, Union

import jsonschema
import typing_extensions
from pydantic import AnyUrl, BaseModel, ConfigDict, Field

HERE = pathlib.Path(__file__).parent


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Address(BaseModel):
    street: str
    zip_code: Annotated[str, Field(pattern=r"^\d{5}(-\d{4})?$")]
    country: str = "DE"


class Person(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=50, description="Full name")
    age: Optional[int] = Field(None, ge=0, le=150)
    addresses: List[Address] = []


class Tree(BaseModel):
    value: int
    children: List["Tree"] = []


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    good: bool = True


@dataclass
class Point:
    x: float
    y: float = 0.0
    tags: List[str] = field(default_factory=list)


class Options(typing_extensions.TypedDict, total=False):
    verbose: bool
    limit: int


def plain(text: str): "Text."
def numbers(count: int, ratio: float, flag: bool): "Numbers."
def defaults(text: str = "a", count: int = 3, ratio: float = 0.5, flag: bool = False): "Defaults."
def optional(text: Optional[str] = None, count: Optional[int] = None): "Optional."
def optional_required(text: Optional[str]): "Optional without a default."
def union(value: Union[int, str]): "A union."
def union_of_lists(value: Union[List[int], List[str], None] = None): "Lists or nothing."
def literal(mode: Literal["r", "w", 1, True] = "r"): "A literal."
def enumeration(colour: Colour, level: Level = Level.LOW): "Enums."
def strings(items: List[str]): "A list."
def matrix(rows: List[List[float]]): "Lists of lists."
def mapping(values: Dict[str, int]): "A map."
def mapping_of_lists(values: Dict[str, List[Optional[str]]]): "A map of lists."
def pair(point: Tuple[int, str]): "A tuple."
def many(points: Tuple[int, ...]): "A long tuple."
def unique(tags: typing.Set[str]): "A set."
def person(person: Person): "A nested model."
def people(people: List[Person], leader: Optional[Person] = None): "Nested models."
def tree(tree: Tree): "A recursive model."
def forest(trees: Dict[str, Tree]): "Recursive models in a map."
def pet(pet: Annotated[Union[Cat, Dog], Field(discriminator="kind")]): "A tagged union."
def pets(pets: List[Union[Cat, Dog]]): "An untagged union."
def point(point: Point): "A dataclass."
def options(options: Options): "A typed dictionary."
def bounded(n: Annotated[int, Field(gt=0, lt=100, multiple_of=5)], r: Annotated[float, Field(ge=0, le=1)] = 0.5): "Bounds."
def pattern(code: Annotated[str, Field(pattern=r"^[A-Z]{2}-\d+$", max_length=20)]): "A pattern."
def sized(items: Annotated[List[int], Field(min_length=1, max_length=3)]): "Sizes."
def dates(at: datetime.datetime, day: datetime.date, clock: datetime.time, span: datetime.timedelta): "Dates."
def formats(id: uuid.UUID, url: AnyUrl, price: decimal.Decimal): "Formats."
def anything(value: Any, more: Optional[Dict[str, Any]] = None): "Anything."


FUNCTIONS = [
    plain, numbers, defaults, optional, optional_required, union, union_of_lists, literal, enumeration, strings, matrix,
    mapping, mapping_of_lists, pair, many, unique, person, people, tree, forest, pet, pets, point, options, bounded,
    pattern, sized, dates, formats, anything,
]

# Arguments, most of which fit some of the schemas and not others.
SAMPLES = {
    "plain": [{"text": "a"}, {"text": 1}, {}, {"text": "a", "other": 1}],
    "numbers": [
        {"count": 1, "ratio": 0.5, "flag": True}, {"count": 1.5, "ratio": 0.5, "flag": True},
        {"count": 1.0, "ratio": 1, "flag": False}, {"count": 1, "ratio": "x", "flag": True}],
    "optional": [{}, {"text": None, "count": 1}, {"text": "a", "count": None}, {"text": 1, "count": 1}],
    "union": [{"value": 1}, {"value": "a"}, {"value": None}, {"value": 1.5}],
    "literal": [{"mode": "r"}, {"mode": 1}, {"mode": "x"}, {"mode": True}],
    "enumeration": [{"colour": "red", "level": 1}, {"colour": "red"}, {"colour": "blue", "level": 1}, {"colour": "red", "level": 3}],
    "strings": [{"items": ["a", "b"]}, {"items": [1]}, {"items": "a"}],
    "mapping": [{"values": {"a": 1}}, {"values": {"a": "b"}}, {"values": []}],
    "pair": [{"point": [1, "a"]}, {"point": [1]}, {"point": ["a", 1]}, {"point": [1, "a", 2]}],
    "unique": [{"tags": ["a", "b"]}, {"tags": ["a", "a"]}],
    "person": [
        {"person": {"name": "Ada", "addresses": [{"street": "x", "zip_code": "12345"}]}}, {"name": "Ada"},
        {"person": {"name": "", "age": 1}}, {"person": {"name": "Ada", "x": 1}}, {"name": "Ada", "age": 200},
        {"person": {"name": "Ada", "age": None, "addresses": [{"street": "x", "zip_code": "12345-1234", "country": "DE"}]}},
        {"person": {"name": "Ada", "age": None, "addresses": [{"street": "x", "zip_code": "123456", "country": "DE"}]}}],
    "tree": [
        {"tree": {"value": 1, "children": [{"value": 2, "children": [{"value": 3, "children": []}]}]}},
        {"tree": {"value": 1, "children": [{"value": 2, "children": [{"value": "x", "children": []}]}]}},
        {"value": 1, "children": [{"value": 2, "children": []}]}, {"value": 1, "children": [{"value": 2, "children": [{}]}]}],
    "pet": [
        {"pet": {"kind": "dog", "good": True}}, {"pet": {"kind": "cat", "lives": 3}}, {"pet": {"kind": "bird"}},
        {"pet": {"kind": "cat", "lives": "x"}}],
    "bounded": [{"n": 95, "r": 1}, {"n": 100, "r": 1}, {"n": 7, "r": 1}, {"n": 5, "r": 1.5}, {"n": 0, "r": 0}],
    "pattern": [{"code": "AB-12"}, {"code": "ab-12"}, {"code": "AB-12345678901234567890"}],
    "sized": [{"items": [1]}, {"items": []}, {"items": [1, 2, 3, 4]}],
    "dates": [{"at": "2026-01-31T12:00:00Z", "day": "2026-01-31", "clock": "12:00:00Z", "span": "P1D"}],
}


def arguments_struct(function):
    import msgspec

    hints = typing.get_type_hints(function, include_extras=True)
    fields = []
    for name, parameter in inspect.signature(function).parameters.items():
        default = parameter.default
        kind = hints[name]
        fields.append((name, kind) if default is inspect.Parameter.empty else (name, kind, default))
    return msgspec.defstruct(function.__name__, fields, kw_only=True)


def of_pydantic(function):
    from pydantic import TypeAdapter, validate_call

    return [TypeAdapter(validate_call(function)).json_schema()]


def of_mcp(function):
    from mcp.server import MCPServer

    server = MCPServer("s")
    server.tool()(function)
    return [tool.input_schema for tool in asyncio.run(server.list_tools())]


def of_fastmcp(function):
    import fastmcp.tools

    return [fastmcp.tools.Tool.from_function(function).parameters]


def of_openai_agents(function):
    from agents import function_tool

    found = [function_tool(function, strict_mode=False).params_json_schema]
    try:
        found.append(function_tool(function, strict_mode=True).params_json_schema)
    except Exception:
        pass  # Not everything can be strict.
    return found


def of_langchain_core(function):
    from langchain_core.tools import tool
    from langchain_core.utils.function_calling import convert_to_openai_tool

    made = tool(function)
    return [made.args_schema.model_json_schema(), convert_to_openai_tool(made)["function"]["parameters"]]


def of_pydantic_ai(function):
    from pydantic_ai import Tool

    return [Tool(function, takes_ctx=False).function_schema.json_schema]


def of_llama_index_core(function):
    from llama_index.core.tools import FunctionTool

    return [FunctionTool.from_defaults(function).metadata.get_parameters_dict()]


def of_msgspec(function):
    import msgspec

    return [msgspec.json.schema(arguments_struct(function))]


GENERATORS = {
    "pydantic": of_pydantic, "mcp": of_mcp, "fastmcp": of_fastmcp, "openai-agents": of_openai_agents,
    "langchain-core": of_langchain_core, "pydantic-ai-slim": of_pydantic_ai, "llama-index-core": of_llama_index_core,
    "msgspec": of_msgspec,
}


def main():
    for package, generator in GENERATORS.items():
        version = importlib.metadata.version(package)
        entries = []
        for function in FUNCTIONS:
            name = function.__name__
            try:
                schemas = generator(function)
            except Exception as error:  # Some libraries have no schema for some types.
                print(f"{package}: {name}: {type(error).__name__}: {str(error)[:100]}", file=sys.stderr)
                continue
            for schema in schemas:
                # Whether a sample fits is what jsonschema says: a validator that is not ours.
                validator = jsonschema.Draft202012Validator(schema)
                entry = {"name": name, "schema": schema, "valid": [], "invalid": []}
                for sample in SAMPLES.get(name, []):
                    entry["valid" if validator.is_valid(sample) else "invalid"].append(sample)
                entries.append(entry)
        for old in HERE.glob(f"{package}-[0-9]*.json"):
            old.unlink()
        path = HERE / f"{package}-{version}.json"
        path.write_text(
            "[\n" + ",\n".join(json.dumps(entry, separators=(",", ":"), default=str) for entry in entries) + "\n]\n")
        print(f"{path.name}: {len(entries)} schemas of {len(FUNCTIONS)} functions")


if __name__ == "__main__":
    main()
