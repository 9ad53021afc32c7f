"""Connections to a control socket. Each carries one request at a time; a few wait for the next one."""
from __future__ import annotations

import threading
import time
from typing import List, Optional

import pynng
from google.protobuf.message import DecodeError

from . import fermata_pb2 as pb
from ._frames import MAX_MESSAGE_BYTES, REPLY_BIT, BadFrame, frames
from ._waiting import Waker, wait
from ._errors import NotRunning, TimedOut

#: Connections that are kept for the next request.
_MOST_IDLE = 8
#: Seconds for the first word on a new connection; each further try has twice as much.
_FIRST_PROOF = 0.5

#: Milliseconds: a day.
_NEVER = 86_400_000

_REFUSED = (pynng.ConnectionRefused, pynng.NoEntry)
#: Numbers of nng's errors: somebody listens there, and has closed the connection, or has as many newcomers waiting as
#: it can have (EAGAIN, ECLOSED, ECONNABORTED, ECONNRESET, ECONNSHUT).
_TURNED_AWAY = (8, 7, 18, 19, 31)


class Broken(Exception):
    """The connection broke before the reply came. The request may have been acted upon."""


class Connection:
    """One REQ socket that is connected. Used by one thread at a time.

    No call blocks inside nng: what it waits for are descriptors, so that Ctrl-C and ``cancel`` end it.
    """

    def __init__(self, socket: pynng.Req0, lost: Waker) -> None:
        self._socket = socket
        self._descriptor: int = socket.recv_fd
        self._lost = lost

    @classmethod
    def open(cls, url: str, deadline: float, cancel: Optional[Waker]) -> "Connection":
        """Dials. Raises ``NotRunning``, ``TimedOut``, ``Broken``, ``Cancelled``."""
        socket = pynng.Req0(recv_max_size=MAX_MESSAGE_BYTES, resend_time=-1)
        lost, dialled = Waker(), Waker()
        socket.add_post_pipe_remove_cb(lambda _: lost.ring())
        dial = _Dial(socket, url, dialled)
        threading.Thread(target=dial.run, name="fermata-dial", daemon=True).start()
        try:
            if not wait(deadline, dialled, cancel=cancel):
                raise TimedOut(f"no connection to {url} in time")
        except BaseException:
            dial.abandon()
            raise
        if dial.failure is not None:
            socket.close()
            if isinstance(dial.failure, pynng.Timeout):
                # The kernel has connected, and the server does not shake hands: it is stopped, or has very much to do.
                raise TimedOut(f"no connection to {url} in time")
            if getattr(dial.failure, "errno", None) in _TURNED_AWAY:
                raise Broken from dial.failure
            raise NotRunning(url, "" if isinstance(dial.failure, _REFUSED) else str(dial.failure))
        return cls(socket, lost)

    @property
    def is_connected(self) -> bool:
        return not self._lost.is_ringing

    def dial_no_more(self) -> None:
        """Keeps the connection that it has. nng would dial again by itself when it is lost, and a server that is short
        of connections would have to close another one for that: none would have one for long. nng before 1.11 makes
        only each second of its pauses, so that a socket that has lost its connection is to be closed."""
        for dialer in self._socket.dialers:
            dialer.reconnect_time_max = _NEVER
            dialer.reconnect_time_min = _NEVER

    def exchange(self, message: bytes, deadline: float, cancel: Optional[Waker]) -> bytes:
        """Sends a request and waits for its reply. After an exception the connection can only be closed."""
        try:
            self._send(message, deadline, cancel)
            while True:
                if not wait(deadline, self._descriptor, self._lost, cancel=cancel):
                    raise TimedOut()
                try:
                    reply: bytes = self._socket.recv_msg(block=False).bytes
                    return reply
                except pynng.TryAgain:
                    if not self.is_connected:
                        raise Broken from None
        except pynng.NNGException as failure:
            raise Broken from failure

    def _send(self, message: bytes, deadline: float, cancel: Optional[Waker]) -> None:
        while True:
            try:
                return self._socket.send(message, block=False)
            except pynng.TryAgain:
                # A reply can be here before nng has noticed that its request is out.
                if not self.is_connected:
                    raise
                if time.monotonic() >= deadline:
                    raise TimedOut() from None
                wait(time.monotonic() + 0.001, self._lost, cancel=cancel)

    def close(self) -> None:
        self._socket.close()


class _Dial:
    """A dial on a thread of its own: nng's can hang for longer than anyone wants to wait."""

    def __init__(self, socket: pynng.Req0, url: str, done: Waker) -> None:
        self._socket = socket
        self._url = url
        self._done = done
        self._lock = threading.Lock()
        self._is_done = False
        self._is_abandoned = False
        self.failure: Optional[Exception] = None

    def run(self) -> None:
        try:
            self._socket.dial(self._url, block=True)
        except Exception as failure:
            self.failure = failure
        with self._lock:
            self._is_done = True
            if self._is_abandoned:
                self._socket.close()
        self._done.ring()

    def abandon(self) -> None:
        with self._lock:
            self._is_abandoned = True
            if self._is_done:
                self._socket.close()


class Connections:
    """All connections to one URL. Threads: any."""

    def __init__(self, url: str, hello: bytes) -> None:
        self.url = url
        #: A server has answered at this URL before.
        self.has_connected = False
        self._hello = hello
        self._lock = threading.Lock()
        self._idle: List[Connection] = []
        self._most_idle = _MOST_IDLE

    def exchange(self, message: bytes, deadline: float, cancel: Optional[Waker] = None) -> bytes:
        """Sends a request over a connection of its own. Raises ``NotRunning``, ``TimedOut``, ``Broken``,
        ``Cancelled``."""
        connection = self._take_idle() or self._proven(deadline, cancel)
        try:
            reply = connection.exchange(message, deadline, cancel)
        except BaseException:
            connection.close()
            raise
        self._keep(connection)
        return reply

    def close(self) -> None:
        """Closes the connections that no request uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _proven(self, deadline: float, cancel: Optional[Waker]) -> Connection:
        """A new connection over which something has been answered. That a dial succeeds says little: a listener of
        nng 1.5.2 can be dead for newcomers, takes them and never reads what they send. Who gets no reply soon dials
        anew, until the time is over: a server that is stopped goes on one day."""
        patience = _FIRST_PROOF
        while True:
            soon = min(time.monotonic() + patience, deadline)
            connection: Optional[Connection] = None
            try:
                connection = Connection.open(self.url, soon, cancel)
                self._note(connection.exchange(self._hello, soon, cancel))
                connection.dial_no_more()
                self.has_connected = True
                return connection
            except BaseException as failure:
                if connection is not None:
                    connection.close()
                if not isinstance(failure, TimedOut) or time.monotonic() >= deadline:
                    raise
            patience *= 2

    def _note(self, reply: bytes) -> None:
        """Of few connections that a server has, a quarter is kept here at most: others need some, too."""
        try:
            frame = frames(reply)[-1]
            if frame.type != pb.HELLO | REPLY_BIT:
                return
            limit = pb.HelloReply.FromString(frame.body).max_connections
        except (BadFrame, DecodeError):
            return
        self._most_idle = min(_MOST_IDLE, max(1, limit // 4)) if limit else _MOST_IDLE

    def _take_idle(self) -> Optional[Connection]:
        with self._lock:
            lost = self._remove_lost()
            connection = self._idle.pop() if self._idle else None
        for other in lost:
            other.close()
        return connection

    def _keep(self, connection: Connection) -> None:
        with self._lock:
            lost = self._remove_lost()
            if len(self._idle) < self._most_idle and connection.is_connected:
                self._idle.append(connection)
            else:
                lost.append(connection)
        for other in lost:
            other.close()

    def _remove_lost(self) -> List[Connection]:
        """Here, by whoever makes a request, and not when nng says that one is lost: a socket that was closed on another
        thread while nng was still saying so had the process die in one of two runs."""
        lost = [connection for connection in self._idle if not connection.is_connected]
        self._idle = [connection for connection in self._idle if connection.is_connected]
        return lost
