"""Frames: eight bytes of header, then the body of one protobuf message. Every message consists of them."""
from __future__ import annotations

import struct
from typing import List, NamedTuple

#: The largest message, either way.
MAX_MESSAGE_BYTES = 4 << 20
#: The most frames in a message.
MAX_FRAMES = 256
VERSION = 1
#: What a reply's type has on top of its request's.
REPLY_BIT = 0x8000

_HEADER = struct.Struct(">IHBB")


class Frame(NamedTuple):
    type: int
    body: bytes
    version: int = VERSION
    flags: int = 0

    def encoded(self) -> bytes:
        return _HEADER.pack(len(self.body), self.type, self.version, self.flags) + self.body


class BadFrame(ValueError):
    """The bytes are not whole frames to the last one. ``offset`` is where the frame begins that is not whole."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(f"{message}, in the frame at byte {offset}")
        self.offset = offset


def frames(message: bytes) -> List[Frame]:
    """Cuts a message into its frames, of which there is at least one.

    Raises ``BadFrame``.
    """
    found: List[Frame] = []
    offset = 0
    while offset < len(message) or not found:
        if len(found) == MAX_FRAMES:
            raise BadFrame(offset, f"there are more than {MAX_FRAMES} frames")
        if len(message) - offset < _HEADER.size:
            raise BadFrame(offset, "the header is not whole")
        length, kind, version, flags = _HEADER.unpack_from(message, offset)
        start = offset + _HEADER.size
        if len(message) - start < length:
            raise BadFrame(offset, "the body is not whole")
        found.append(Frame(kind, message[start : start + length], version, flags))
        offset = start + length
    return found
