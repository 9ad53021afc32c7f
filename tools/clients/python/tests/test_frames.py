"""Frames and messages against protocol/vectors, which every client has to agree with."""
import json
import pathlib
import random
import unittest

from google.protobuf import json_format

from fermata import messages as pb
from fermata._frames import MAX_FRAMES, BadFrame, Frame, frames

VECTORS = pathlib.Path(__file__).resolve().parents[4] / "protocol" / "vectors"
TOPIC_BYTES = 17


def vectors(name):
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


class FrameVectors(unittest.TestCase):
    def test_whole_messages(self):
        for vector in vectors("frames.json"):
            with self.subTest(vector["name"]):
                data = bytes.fromhex(vector["hex"])
                data = data[TOPIC_BYTES:] if "topic" in vector else data
                expected = [
                    Frame(frame["type"], bytes.fromhex(frame["body"]), frame["version"], frame["flags"])
                    for frame in vector["frames"]
                ]
                self.assertEqual(frames(data), expected)
                self.assertEqual(b"".join(frame.encoded() for frame in expected), data)

    def test_what_is_no_message_is_refused_at_the_right_byte(self):
        refused = 0
        for vector in vectors("negative.json"):
            data = bytes.fromhex(vector["hex"])
            with self.subTest(vector["name"]):
                if vector["reply"] == ["BAD_FRAME"] and "offset" in vector:
                    refused += 1
                    with self.assertRaises(BadFrame) as caught:
                        frames(data)
                    self.assertEqual(caught.exception.offset, vector["offset"])
                else:
                    self.assertEqual(len(frames(data)), len(vector["reply"]))
        self.assertGreater(refused, 4)

    def test_any_bytes_are_frames_or_a_bad_frame(self):
        chance = random.Random(4)
        whole = Frame(3, b"body").encoded()
        for _ in range(20_000):
            data = bytearray(whole * chance.randint(1, 3))
            for _ in range(chance.randint(0, 3)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            data = bytes(data[: chance.randint(0, len(data))])
            try:
                self.assertEqual(b"".join(frame.encoded() for frame in frames(data)), data)
            except BadFrame as error:
                self.assertLessEqual(error.offset, len(data))

    def test_the_number_of_frames_is_limited(self):
        frame = Frame(1, b"").encoded()
        self.assertEqual(len(frames(frame * MAX_FRAMES)), MAX_FRAMES)
        with self.assertRaises(BadFrame):
            frames(frame * (MAX_FRAMES + 1))


class MessageVectors(unittest.TestCase):
    def test_every_message_both_ways(self):
        for name in ["commands.json", "reads.json", "events.json", "published.json"]:
            for vector in vectors(name):
                with self.subTest(vector["name"]):
                    kind = getattr(pb, vector["message"].rpartition(".")[2])
                    data = bytes.fromhex(vector["hex"])
                    message = json_format.ParseDict(vector["json"], kind())
                    self.assertEqual(message, kind.FromString(data))
                    self.assertEqual(message.SerializeToString(deterministic=True), data)
