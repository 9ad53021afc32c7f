"""What messages and results are made of: text, images and files."""
from __future__ import annotations

import dataclasses
import mimetypes
import os
from typing import Any, Callable, List, Optional, Sequence, Tuple, Union

from . import fermata_pb2 as pb

#: The beginnings of the images that models are shown.
_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)


def _image_type(data: bytes) -> Optional[str]:
    for beginning, kind in _IMAGES:
        if data.startswith(beginning):
            return kind
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


@dataclasses.dataclass(frozen=True)
class Attachment:
    """An image or a file that goes along with a message, or is part of a result.

    PNG, JPEG, GIF and WebP are shown to the model as images, by their first bytes; everything else is a file. At most
    4,000,000 bytes. Without a ``media_type`` it is guessed from the name, else it is text where the bytes are UTF-8.
    """

    data: bytes
    name: str = ""
    media_type: str = ""

    @classmethod
    def read(cls, path: Union[str, "os.PathLike[str]"], media_type: str = "") -> "Attachment":
        """Of a file. Raises ``OSError``."""
        with open(path, "rb") as file:
            return cls(file.read(), os.path.basename(os.fspath(path)), media_type)

    def _type(self) -> str:
        kind = self.media_type or _image_type(self.data) or mimetypes.guess_type(self.name)[0]
        if kind and not (kind.startswith("image/") and not self.media_type and _image_type(self.data) is None):
            return kind
        try:
            self.data.decode()
            return "text/plain"
        except UnicodeDecodeError:
            return "application/octet-stream"


#: Text, or texts and attachments in their order.
Content = Union[str, Attachment, Sequence[Union[str, Attachment]]]


def is_content(value: Any) -> bool:
    """Whether a value has attachments, and is to be sent as such."""
    return isinstance(value, Attachment) or (
        isinstance(value, (list, tuple))
        and any(isinstance(part, Attachment) for part in value)
        and all(isinstance(part, (str, Attachment)) for part in value)
    )


def taken_apart(content: Content, put: Callable[[bytes], pb.Blob]) -> Tuple[str, List[pb.Block]]:
    """The text and the blocks of a content, whose attachments ``put`` keeps."""
    if isinstance(content, str):
        return content, []
    parts: Sequence[Union[str, Attachment]] = [content] if isinstance(content, Attachment) else content
    texts: List[str] = []
    blocks: List[pb.Block] = []
    for part in parts:
        if isinstance(part, str):
            if part:
                texts.append(part)
                blocks.append(pb.Block(text=len(part.encode())))
            continue
        kept = put(part.data)
        kind = part._type()
        blob = pb.Blob(sha256=kept.sha256, media_type=kind, name=part.name)
        is_image = _image_type(part.data) == kind
        blocks.append(pb.Block(image=blob) if is_image else pb.Block(file=blob))
    return "".join(texts), blocks
