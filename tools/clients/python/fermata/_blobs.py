"""Images and files, which messages and results name."""
from __future__ import annotations

from typing import Optional

from . import fermata_pb2 as pb
from ._core import Core


class BlobCommands(Core):
    """Each blob is named by its SHA-256 and kept once, for good."""

    def put_blob(
        self, data: bytes, *, by: Optional[str] = None, reason: str = "", request_id: Optional[str] = None
    ) -> pb.PutBlobReply:
        """Keeps an image or a file, of at most 4,000,000 bytes, so that messages and results can name it."""
        message = pb.PutBlob(data=data, **self._new(by, reason, request_id))
        return self.request(message, pb.PutBlobReply)

    def get_blob(self, sha256: str) -> bytes:
        """The bytes of a blob, by its SHA-256 in hexadecimal."""
        message = pb.GetBlob(sha256=sha256)
        return self.request(message, pb.GetBlobReply).data

    def _put(self, data: bytes) -> pb.Blob:
        return self.put_blob(data).blob
