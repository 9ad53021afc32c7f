"""One request and its reply: what every command of the client is made of."""
from __future__ import annotations

import datetime
import json
import random
import re
import time
import uuid
from typing import Any, Mapping, Optional, Type, TypeVar, Union

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from . import fermata_pb2 as pb
from ._address import Server, control_url
from ._connections import Broken, Connections
from ._frames import MAX_MESSAGE_BYTES, REPLY_BIT, BadFrame, Frame, frames
from ._waiting import Waker, wait
from ._errors import BadReply, FermataError, NotRunning, TimedOut, TooLarge, refusal

NAME = "fermata-python/0.1.0"

#: A moment: a datetime, or microseconds since 1970 as the protocol has them.
Moment = Union[datetime.datetime, int]
#: JSON: text, or what ``json.dumps`` makes text of.
JSON = Union[str, Mapping[str, Any], list]  # type: ignore[type-arg]

_BROKEN = "the connection broke, and no other came to be in time"

M = TypeVar("M", bound=Message)
Reply = TypeVar("Reply", bound=Message)


class Core:
    """A client's connections, and how requests travel over them."""

    def __init__(
        self, server: Server = None, *, token: Optional[str] = None, timeout: float = 30.0, by: str = ""
    ) -> None:
        self.url = control_url(server)
        self.timeout = timeout
        self.by = by
        self._auth = b"" if token is None else Frame(pb.AUTH, pb.Auth(token=token).SerializeToString()).encoded()
        hello = Frame(pb.HELLO, pb.Hello(client=NAME).SerializeToString()).encoded()
        self._connections = Connections(self.url, self._auth + hello)

    def close(self) -> None:
        """Closes connections that no request uses. The client opens new ones when it needs them."""
        self._connections.close()

    def request(
        self, message: Message, reply: Type[Reply], *, timeout: Optional[float] = None, cancel: Optional[Waker] = None
    ) -> Reply:
        """Sends a request of the schema and returns its reply: what all other methods do.

        It is sent again, the same bytes, when the connection breaks and when the server says that it may succeed
        later (OVERLOADED, SHUTTING_DOWN), until ``timeout`` seconds are over. A command acts once nevertheless: the
        server knows its ``request_id``.

        Raises ``FermataError``.
        """
        data = self._encoded(message)
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        pause = 0.02
        while True:
            try:
                return self._decode(self._connections.exchange(data, deadline, cancel), message, reply)
            except Broken:
                error: FermataError = TimedOut(_BROKEN)
            except NotRunning as failure:
                # Who was never there is not waited for.
                if not self._connections.has_connected:
                    raise
                error = failure
            except TimedOut:
                raise
            except FermataError as failure:
                # Room on the server's disk is made by people.
                if not failure.retryable or failure.code == "STORE_FULL":
                    raise
                error = failure
            # Those who were turned away in the same moment are not to come back in the same moment.
            rest = max(pause * random.uniform(0.5, 1.0), error.retry_after_ms / 1000)
            if time.monotonic() + rest >= deadline:
                raise error
            wait(time.monotonic() + rest, cancel=cancel)
            pause = min(pause * 2, 1.0)

    def _request_once(
        self, message: Message, reply: Type[Reply], *, timeout: float, cancel: Optional[Waker] = None
    ) -> Reply:
        """Sends a read once: what passes is raised, too. For whoever pauses and asks again."""
        data = self._encoded(message)
        try:
            return self._decode(self._connections.exchange(data, time.monotonic() + timeout, cancel), message, reply)
        except Broken:
            raise TimedOut(_BROKEN) from None

    def _encoded(self, message: Message) -> bytes:
        data = self._auth + Frame(_frame_type(type(message)), message.SerializeToString()).encoded()
        if len(data) > MAX_MESSAGE_BYTES:
            raise TooLarge(len(data), MAX_MESSAGE_BYTES)
        return data

    def _decode(self, data: bytes, message: Message, reply: Type[Reply]) -> Reply:
        try:
            found = frames(data)
            if any(frame.version != 1 for frame in found):
                raise BadReply("a frame of another version came")
            for frame in found:
                if frame.type == pb.ERROR:
                    raise refusal(pb.Error.FromString(frame.body))
            expected = [pb.AUTH | REPLY_BIT] if self._auth else []
            expected.append(_frame_type(type(message)) | REPLY_BIT)
            if [frame.type for frame in found] != expected:
                raise BadReply(f"frames of types {[frame.type for frame in found]} came")
            return reply.FromString(found[-1].body)
        except (BadFrame, DecodeError) as failure:
            raise BadReply(str(failure)) from failure

    def _new(self, by: Optional[str], reason: str, request_id: Optional[str]) -> "dict[str, Any]":
        """What every command carries."""
        return {
            "request_id": request_id or str(uuid.uuid4()),
            "by": self.by if by is None else by,
            "reason": reason,
        }


def _frame_type(message: Type[Message]) -> int:
    """A request's frame type has its name: GetRun is GET_RUN."""
    name: str = message.DESCRIPTOR.name
    return pb.FrameType.Value(re.sub("(?<=[a-z])(?=[A-Z])", "_", name).upper())


def built(value: Union[M, Mapping[str, Any], None], kind: Type[M]) -> Optional[M]:
    """A message of the schema from itself, or from a dictionary in protobuf's JSON mapping.

    Raises ``ValueError`` for a field that it does not have.
    """
    if value is None or isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise TypeError(f"a {kind.__name__}, or a dictionary with its fields, is needed, not {type(value).__name__}")
    try:
        return json_format.ParseDict(dict(value), kind())
    except json_format.ParseError as error:
        raise ValueError(str(error)) from None


def micros(moment: Optional[Moment]) -> int:
    """Microseconds since 1970; 0 for none."""
    if moment is None:
        return 0
    if isinstance(moment, datetime.datetime):
        return round(moment.timestamp() * 1_000_000)
    return moment


def text_of(value: JSON) -> str:
    """Text goes as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
