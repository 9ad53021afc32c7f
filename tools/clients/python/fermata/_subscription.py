"""A subscription to one of the server's event sockets."""
from __future__ import annotations

import time
from typing import Dict, Iterable, Optional, Type

import pynng
from google.protobuf.message import DecodeError, Message

from . import fermata_pb2 as pb
from ._frames import MAX_MESSAGE_BYTES, VERSION, BadFrame, frames
from ._waiting import Waker, wait

#: A topic is a letter and a run's id, or an instance's.
_TOPIC = 17
#: Messages that wait in the socket; beyond that the oldest are dropped.
_QUEUE = 8192
#: Milliseconds: the shortest pause between two dials, of which nng takes a random part.
_PAUSE = 100
#: The same while the server turns connections away, having as many as it can have: nng begins anew after each.
_PATIENT_PAUSE = 1000

_KINDS: Dict[int, Type[Message]] = {
    pb.EVENT: pb.Event,
    pb.STATUS_CHANGED: pb.StatusChanged,
    pb.TICK: pb.Tick,
    pb.TEXT_DELTA: pb.TextDelta,
}


class Subscription:
    """Used by one thread. It connects by itself, again and again, and ``has_reconnected`` says when it did."""

    def __init__(self, url: str, topics: Iterable[bytes]) -> None:
        self._connected = Waker()
        self._socket = pynng.Sub0(recv_max_size=MAX_MESSAGE_BYTES, recv_buffer_size=_QUEUE)
        self._socket.add_post_pipe_connect_cb(lambda _: self._connected.ring())
        for topic in topics:
            self._socket.subscribe(topic)
        self._descriptor: int = self._socket.recv_fd
        self._dialer = self._socket.dial(url, block=False)
        self._connected_at = float("-inf")

    def has_reconnected(self) -> bool:
        """Whether there has been a new connection since this was last asked."""
        if not self._connected.is_ringing:
            return False
        self._connected.quiet()
        now = time.monotonic()
        self._dialer.reconnect_time_min = _PATIENT_PAUSE if now - self._connected_at < 2 else _PAUSE
        self._connected_at = now
        return True

    def next(self, deadline: float, cancel: Waker) -> Optional[Message]:
        """The next message; none when the time has come, or a new connection. Raises ``Cancelled``."""
        while True:
            try:
                message = _message(self._socket.recv_msg(block=False).bytes)
                if message is not None:
                    return message
            except pynng.TryAgain:
                if not wait(deadline, self._descriptor, self._connected, cancel=cancel):
                    return None
                if self._connected.is_ringing:
                    return None

    def close(self) -> None:
        self._socket.close()


def _message(data: bytes) -> Optional[Message]:
    """What an event socket carries; none for what this client does not know."""
    try:
        frame = frames(data[_TOPIC:])[0]
        kind = _KINDS.get(frame.type)
        return kind.FromString(frame.body) if kind is not None and frame.version == VERSION else None
    except (BadFrame, DecodeError):
        return None
