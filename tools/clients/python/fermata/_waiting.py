"""Waiting for file descriptors, so that signals (Ctrl-C) and other threads can end every wait."""
from __future__ import annotations

import os
import select
import threading
import time
from typing import Optional, Union


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
