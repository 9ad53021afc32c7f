"""The messages are those of the schema, and the client has every command."""
import ast
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from google.protobuf import descriptor_pb2

import fermata
from fermata import messages as pb

ROOT = pathlib.Path(__file__).resolve().parents[4]
PACKAGE = pathlib.Path(fermata.__file__).parent


@unittest.skipUnless(shutil.which("protoc"), "protoc is not installed")
class Messages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as made:
            out = pathlib.Path(made) / "set"
            schema = ROOT / "protocol"
            subprocess.run(
                ["protoc", f"--proto_path={schema}", f"--descriptor_set_out={out}", "fermata.proto"], check=True
            )
            cls.file = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file[0]

    def test_the_code_is_what_the_schema_says(self):
        committed = descriptor_pb2.FileDescriptorProto.FromString(pb.DESCRIPTOR.serialized_pb)
        for file in (committed, self.file):
            self.without_json_names(file.message_type)
        self.assertEqual(committed, self.file, "run tools/generate")

    def without_json_names(self, messages):
        for message in messages:
            self.without_json_names(message.nested_type)
            for field in message.field:
                field.ClearField("json_name")

    def test_the_types_are_too(self):
        tree = ast.parse((PACKAGE / "fermata_pb2.pyi").read_text(encoding="utf-8"))
        classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        for message in self.file.message_type:
            typed = {
                node.target.id
                for node in classes[message.name].body
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
            }
            # A field whose name is a word of Python has no type there.
            missing = {field.name for field in message.field} - typed - {"class"}
            self.assertEqual(missing, set(), f"{message.name}: run tools/generate")


class Commands(unittest.TestCase):
    def test_every_frame_type_is_a_method(self):
        methods = {name.rstrip("_") for name in dir(fermata.Client) if not name.startswith("_")}
        commands = {name.lower() for name, number in pb.FrameType.items() if 0 < number < 256}
        # Auth is the client's token.
        self.assertEqual(commands - {"auth"} - methods, set())

    def test_every_field_of_a_command_is_a_parameter(self):
        """Of those that a method has under its own name; who and why are checked with the others."""
        source = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.glob("_*.py"))
        made_by_the_client = {"request_id", "by", "reason", "after", "upload", "part", "last", "run", "call", "attempt"}
        made_by_the_client.add("if_seq")  # no worker looks at the run
        for name, number in pb.FrameType.items():
            if not 0 < number < 256 or name == "AUTH":
                continue
            message = "".join(word.capitalize() for word in name.split("_"))
            calls = re.findall(rf"pb\.{message}\((.*?)\n?        \)\n|pb\.{message}\((.*?)\)\n", source, re.DOTALL)
            given = " ".join(left or right for left, right in calls)
            for field in getattr(pb, message).DESCRIPTOR.fields:
                if field.name not in made_by_the_client:
                    self.assertRegex(given, rf"\b{field.name}=", f"{message}.{field.name}")
