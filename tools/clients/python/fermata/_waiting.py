"""Waiting for file descriptors, so that signals (Ctrl-C) and other threads can end every wait."""
from __future__ import annotations

import os
import random
import select
import threading
import time
from typing import Optional, Union

from ._errors import FermataError


class Cancelled(Exception):
    """Another thread ended the wait."""


class Waker:
    """Ends a wait from any thread. Once it rang it rings on, until it is quieted."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._lock = threading.RLock()
        self._is_ringing = False
        self._is_closed = False

    def fileno(self) -> int:
        return self._reader

    @property
    def is_ringing(self) -> bool:
        return self._is_ringing

    def ring(self) -> None:
        with self._lock:
            if not self._is_ringing and not self._is_closed:
                os.write(self._writer, b"!")
            self._is_ringing = True

    def quiet(self) -> None:
        with self._lock:
            if self._is_ringing and not self._is_closed:
                os.read(self._reader, 1)
            self._is_ringing = False

    def close(self) -> None:
        """Gives the descriptors back. Nobody may wait for it any more; to ring does nothing from now on."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                os.close(self._reader)
                os.close(self._writer)

    def __del__(self) -> None:
        self.close()


class Pauses:
    """The pauses between reads that wait.

    A server that has no place for one more who waits answers at once with what there is, and one that is short of
    connections closes that of a newcomer. Whoever asks again at once is turned away again: 30 clients that did so sent
    1,400 requests a second. Each pause is a random part of a span, from none of it to all of it, and the span doubles:
    many who were turned away in the same moment do not come back in the same moment.
    """

    #: Seconds: the first span and the longest one.
    FIRST = 0.1
    LONGEST = 2.0

    def __init__(self) -> None:
        self._span = self.FIRST

    def after(self, was_held: bool, failure: Optional[FermataError]) -> float:
        """Seconds until the next read, after one that the server held for its time, or did not, or that failed."""
        if was_held:
            self._span = self.FIRST
            if failure is None:
                return 0.0
        span, self._span = self._span, min(self._span * 2, self.LONGEST)
        least = 0.0 if failure is None else failure.retry_after_ms / 1000
        return max(least, random.uniform(0.0, span))


def wait(deadline: float, *readable: Union[int, Waker, None], cancel: Optional[Waker] = None) -> bool:
    """Waits until one of the descriptors is readable (true) or the time has come (false; ``time.monotonic``).

    Raises ``Cancelled`` when ``cancel`` rings.
    """
    poll = select.poll()
    for descriptor in readable:
        if descriptor is not None:
            poll.register(descriptor, select.POLLIN)
    if cancel is not None:
        poll.register(cancel, select.POLLIN)
    ready = poll.poll(max(0.0, min(deadline - time.monotonic(), 86_400.0)) * 1000)
    if cancel is not None and cancel.is_ringing:
        raise Cancelled
    return bool(ready)
