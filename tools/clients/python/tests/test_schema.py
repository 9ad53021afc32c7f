"""JSON Schema from types, and values of these types."""
import dataclasses
import enum
import sys
import unittest
from typing import Any, Dict, List, Literal, Optional, Tuple, TypedDict, Union

from fermata._schema import arguments_from, schema_of, schema_of_parameters, value_from

if sys.version_info >= (3, 9):
    from typing import Annotated


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Place:
    name: str
    height: Optional[float] = None
    tags: List[str] = dataclasses.field(default_factory=list)


class Options(TypedDict, total=False):
    depth: int


class SchemaOf(unittest.TestCase):
    def test_types(self):
        for kind, schema in [
            (str, {"type": "string"}),
            (int, {"type": "integer"}),
            (float, {"type": "number"}),
            (bool, {"type": "boolean"}),
            (None, {"type": "null"}),
            (Any, {}),
            (list, {"type": "array"}),
            (List[Any], {"type": "array"}),
            (List[int], {"type": "array", "items": {"type": "integer"}}),
            (dict, {"type": "object"}),
            (Dict[str, int], {"type": "object"}),
            (Optional[str], {"type": ["string", "null"]}),
            (Union[int, List[str]], {"type": ["integer", "array"], "items": {"type": "string"}}),
            (Union[int, Any], {}),
            (Literal["a", "b"], {"enum": ["a", "b"]}),
            (Optional[Literal[1, 2]], {"enum": [1, 2, None]}),
            (Colour, {"enum": ["red", "blue"]}),
            (Annotated[int, "how many"], {"type": "integer", "description": "how many"}),
            (
                Place,
                {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "height": {"type": ["number", "null"]},
                        "tags": {"type": "array", "items": {"type": "string"}},
                    },
                    "required": ["name"],
                    "additionalProperties": False,
                },
            ),
            (
                Options,
                {
                    "type": "object",
                    "properties": {"depth": {"type": "integer"}},
                    "required": [],
                    "additionalProperties": False,
                },
            ),
        ]:
            with self.subTest(str(kind)):
                self.assertEqual(schema_of(kind), schema)

    @unittest.skipUnless(sys.version_info >= (3, 10), "X | Y is newer")
    def test_unions_with_a_bar(self):
        self.assertEqual(schema_of(eval("int | None")), {"type": ["integer", "null"]})

    def test_what_has_no_schema_is_a_type_error(self):
        for kind in [bytes, Tuple[int, str], complex, set, Dict[int, str], Union[Literal[1], int], Union[Place, dict]]:
            with self.subTest(str(kind)), self.assertRaises(TypeError):
                schema_of(kind)

    def test_parameters(self):
        def find(text: str, where: Annotated[List[str], "folders"], *, limit: int = 10, deep: bool = False, any=None):
            pass

        self.assertEqual(
            schema_of_parameters(find),
            {
                "type": "object",
                "properties": {
                    "text": {"type": "string"},
                    "where": {"type": "array", "items": {"type": "string"}, "description": "folders"},
                    "limit": {"type": "integer", "default": 10},
                    "deep": {"type": "boolean", "default": False},
                    "any": {"default": None},
                },
                "required": ["text", "where"],
                "additionalProperties": False,
            },
        )

    def test_parameters_that_no_call_can_have(self):
        def many(*values: int):
            pass

        def named(**values: int):
            pass

        def raw(data: bytes):
            pass

        for function, word in [(many, "values"), (named, "values"), (raw, "data")]:
            with self.assertRaisesRegex(TypeError, word):
                schema_of_parameters(function)


class Values(unittest.TestCase):
    def test_values_that_fit(self):
        for kind, value, expected in [
            (int, 3, 3),
            (int, 3.0, 3),
            (float, 3, 3.0),
            (bool, True, True),
            (Optional[int], None, None),
            (Union[int, str], "x", "x"),
            (Literal["a"], "a", "a"),
            (Colour, "blue", Colour.BLUE),
            (List[Colour], ["red"], [Colour.RED]),
            (Dict[str, float], {"a": 1}, {"a": 1.0}),
            (Place, {"name": "x"}, Place("x")),
            (Place, {"name": "x", "height": 2, "tags": ["y"]}, Place("x", 2.0, ["y"])),
            (Options, {"depth": 1}, {"depth": 1}),
            (Annotated[Optional[Place], "where"], {"name": "x"}, Place("x")),
            (Any, [1, {"a": None}], [1, {"a": None}]),
        ]:
            with self.subTest(f"{kind} {value}"):
                found = value_from(kind, value, "it")
                self.assertEqual(found, expected)
                self.assertIs(type(found), type(expected))

    def test_values_that_do_not_fit_are_named_and_not_repeated(self):
        for kind, value, name in [
            (int, "secret", "it"),
            (int, True, "it"),
            (int, 1.5, "it"),
            (float, True, "it"),
            (str, 1, "it"),
            (bool, 1, "it"),
            (Literal[1], True, "it"),
            (Literal["a"], "secret", "it"),
            (Colour, "secret", "it"),
            (List[int], {"secret": 1}, "it"),
            (List[int], [1, "secret"], r"it\[\]"),
            (Dict[str, int], {"a": "secret"}, r"it\.a"),
            (Dict[str, int], 5, "it"),
            (Place, {"height": 1}, r"it\.name"),
            (Place, {"name": "x", "other": 1}, "other"),
            (Options, {"depth": "secret"}, r"it\.depth"),
            (Optional[int], "secret", "it"),
        ]:
            with self.subTest(f"{kind} {value}"), self.assertRaisesRegex(ValueError, name) as caught:
                value_from(kind, value, "it")
            self.assertNotIn("secret", str(caught.exception))

    def test_arguments(self):
        def tool(place: Place, colour: Colour = Colour.RED):
            pass

        given = arguments_from(tool, '{"place": {"name": "x"}, "colour": "blue"}')
        self.assertEqual(given, {"place": Place("x"), "colour": Colour.BLUE})
        self.assertEqual(arguments_from(tool, '{"place": {"name": "x"}}'), {"place": Place("x")})
        for text in ["", "[]", "{}", '{"place": 1}', '{"place": {"name": "x"}, "more": 1}', "\x00", '{"place"']:
            with self.subTest(text), self.assertRaises(ValueError):
                arguments_from(tool, text)
