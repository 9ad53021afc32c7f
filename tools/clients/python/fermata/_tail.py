"""Events without gaps, and text as it streams."""
from __future__ import annotations

import time
import uuid
from collections import deque
from types import TracebackType
from typing import Deque, Iterator, Optional, Type

from . import fermata_pb2 as pb
from ._subscription import Subscription
from ._reads import Reads
from ._waiting import Cancelled, Waker, wait
from ._errors import FermataError

#: A tick comes each second. After so many seconds without one, events are read.
_SILENCE = 3.0
#: After so many silent times the subscription is made anew, where Hello says.
_SILENT_TIMES = 3
#: Seconds between two tries while the server is away.
_RETRY = 0.2


class _Stream:
    """What can be closed, from any thread: whoever waits for its next element then gets its end."""

    def __init__(self) -> None:
        self._closed = Waker()
        self._live: Optional[Subscription] = None

    def close(self) -> None:
        self._closed.ring()

    def _unsubscribe(self) -> None:
        if self._live is not None:
            self._live.close()
            self._live = None

    def __del__(self) -> None:
        self._unsubscribe()


class Tail(_Stream):
    """The events of one run, or of all, in order and each exactly once, for as long as it is read: an iterator for one
    thread, made by ``Client.tail``.

    It subscribes first, then reads, then goes live, and reads what the socket dropped. It survives restarts of the
    server. It raises ``FermataError`` only when the server refuses to be read. ``close`` ends it, from any thread; so
    does leaving its ``with`` block.
    """

    def __init__(self, client: Reads, run: str, after: int) -> None:
        super().__init__()
        self._client = client
        self._run = run
        self._topic = b"e" + (uuid.UUID(run).bytes if run else b"")
        #: The last seq, or offset, that is in `_ready` or was handed out.
        self._last = after
        #: Read and not handed out yet.
        self._ready: Deque[pb.Event] = deque()
        self._must_read = True
        self._was_there = False
        #: Of the last tick: if it has not moved since, nothing was missed.
        self._tick_offset = 0
        self._silent = 0
        self._subscribe()

    def __iter__(self) -> Iterator[pb.Event]:
        return self

    def __next__(self) -> pb.Event:
        try:
            while not self._closed.is_ringing:
                if self._ready:
                    return self._ready.popleft()
                if self._live is None:
                    self._subscribe()
                elif self._must_read:
                    self._read()
                else:
                    self._listen(self._live)
        except Cancelled:
            pass
        self._unsubscribe()
        raise StopIteration

    def _subscribe(self) -> None:
        """A server that was restarted may have its sockets elsewhere: Hello tells."""
        try:
            url = self._client.request(pb.Hello(), pb.HelloReply, cancel=self._closed).events_url
        except FermataError as error:
            if not self._was_there or not error.retryable:
                raise
            wait(time.monotonic() + _RETRY, cancel=self._closed)
            return
        self._was_there = True
        self._live = Subscription(url, [self._topic, b"t"])
        self._must_read = True

    def _listen(self, live: Subscription) -> None:
        message = live.next(time.monotonic() + _SILENCE, self._closed)
        if live.has_reconnected():
            self._must_read = True
        if message is None:
            self._silent += 0 if self._must_read else 1
            self._must_read = True
            if self._silent >= _SILENT_TIMES:
                self._silent = 0
                self._unsubscribe()
            return
        self._silent = 0
        if isinstance(message, pb.Event):
            self._take(message)
        elif isinstance(message, pb.Tick):
            # What was dropped last has no successor that would show the gap.
            if message.last_offset != self._tick_offset and (self._run or message.last_offset > self._last):
                self._must_read = True
            self._tick_offset = message.last_offset

    def _take(self, event: pb.Event) -> None:
        if self._run and event.run != self._run:
            return
        number = self._number(event)
        if number == self._last + 1 and not event.truncated:
            self._ready.append(event)
            self._last = number
        elif number > self._last:
            self._must_read = True

    def _read(self) -> None:
        message = pb.ReadEvents(run=self._run, after=self._last)
        try:
            reply = self._client.request(message, pb.ReadEventsReply, cancel=self._closed)
        except FermataError as error:
            if not error.retryable:
                raise
            wait(time.monotonic() + _RETRY, cancel=self._closed)
            return
        for event in reply.events:
            if self._number(event) > self._last:
                self._ready.append(event)
                self._last = self._number(event)
        self._must_read = reply.more

    def _number(self, event: pb.Event) -> int:
        return event.seq if self._run else event.offset

    def __enter__(self) -> "Tail":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()
        self._unsubscribe()


class Text(_Stream):
    """Text of one run, or of all, as it streams, from when this was made: an iterator for one thread, made by
    ``Client.text``. Not journaled, and pieces may be missing: their ``number`` shows it, and the event that ends the
    stream has the whole text. ``close`` ends it, from any thread; so does leaving its ``with`` block.
    """

    def __init__(self, client: Reads, run: str) -> None:
        super().__init__()
        topic = b"d" + (uuid.UUID(run).bytes if run else b"")
        self._live = Subscription(client.hello().text_url, [topic])
        # Once the connection is there nothing is missed of a run that is launched from now on.
        self._live.next(time.monotonic() + 1.0, self._closed)

    def __iter__(self) -> Iterator[pb.TextDelta]:
        return self

    def __next__(self) -> pb.TextDelta:
        try:
            while self._live is not None:
                message = self._live.next(time.monotonic() + 60.0, self._closed)
                self._live.has_reconnected()
                if isinstance(message, pb.TextDelta):
                    return message
        except Cancelled:
            self._unsubscribe()
        raise StopIteration

    def __enter__(self) -> "Text":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()
        self._unsubscribe()


class Streams(Reads):
    """Events and text as they come."""

    def tail(self, run: str = "", *, after: int = 0) -> Tail:
        """The events of one run after seq ``after``, or without ``run`` those of all after offset ``after``, from the
        journal first and then as they happen. Raises ``FermataError``."""
        return Tail(self, self.get_run(run).run.id if run else "", after)

    def text(self, run: str = "") -> Text:
        """Text of one run, or of all, as it streams. Raises ``FermataError``."""
        return Text(self, self.get_run(run).run.id if run else "")
