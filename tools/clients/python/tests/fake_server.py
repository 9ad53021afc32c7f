"""A server that says what a test tells it to, over real sockets."""
import tempfile
import threading
import uuid

import pynng

from fermata import messages as pb
from fermata._frames import REPLY_BIT, Frame, frames


def reply(kind, message):
    """A reply as the server would send it."""
    return Frame(kind | REPLY_BIT, message.SerializeToString()).encoded()


def refused(code, class_="STATE", retryable=False, retry_after_ms=0, message="no"):
    error = pb.Error(code=code, message=message, retryable=retryable, retry_after_ms=retry_after_ms)
    setattr(error, "class", class_)
    return Frame(pb.ERROR, error.SerializeToString()).encoded()


class FakeServer:
    """Answers Hello by itself, and every other request by `answer(frames)`: bytes, or None for no answer ever.

    Twelve requests at once, so that an answer may wait for something. Addresses stay when it is started again.
    """

    def __init__(self, answer, directory=None):
        self._folder = None if directory else tempfile.TemporaryDirectory()
        self.directory = directory or self._folder.name
        self.url = f"ipc://{self.directory}/control.sock"
        self.answer = answer
        self.requests = []
        self.hello = pb.HelloReply(
            server="fake",
            events_url=f"ipc://{self.directory}/events.sock",
            text_url=f"ipc://{self.directory}/text.sock",
        )
        self._lock = threading.Lock()
        self.start()

    def start(self):
        self._sockets = [pynng.Rep0(recv_timeout=20), pynng.Pub0(send_buffer_size=8192), pynng.Pub0(send_buffer_size=8192)]
        self.subscribers, self.readers_of_text = threading.Semaphore(0), threading.Semaphore(0)
        self._sockets[1].add_post_pipe_connect_cb(lambda _: self.subscribers.release())
        self._sockets[2].add_post_pipe_connect_cb(lambda _: self.readers_of_text.release())
        self.connections = 0
        self._sockets[0].add_post_pipe_connect_cb(self._connected)
        for socket, url in zip(self._sockets, [self.url, self.hello.events_url, self.hello.text_url]):
            socket.listen(url)
        self.is_ending = False
        self._contexts = [self._sockets[0].new_context() for _ in range(12)]
        self._threads = [threading.Thread(target=self._serve, args=(context,)) for context in self._contexts]
        for thread in self._threads:
            thread.start()

    def stop(self):
        # nng does not bear that a context is closed while it is used.
        self.is_ending = True
        for thread in self._threads:
            thread.join()
        for closed in self._contexts + self._sockets:
            closed.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        if self._folder:
            self._folder.cleanup()

    def _connected(self, _):
        self.connections += 1

    def close_connections(self):
        """As a server does that is short of them."""
        for pipe in self._sockets[0].pipes:
            pipe.close()

    def publish(self, letter, kind, message, socket=1):
        about = uuid.UUID(message.run).bytes if getattr(message, "run", "") else bytes(16)
        self._sockets[socket].send(letter + about + Frame(kind, message.SerializeToString()).encoded())

    def publish_raw(self, data):
        self._sockets[1].send(data)

    def _serve(self, context):
        while not self.is_ending:
            try:
                found = frames(data := context.recv())
            except pynng.Timeout:
                continue
            if found[-1].type == pb.HELLO:
                auth = [reply(pb.AUTH, pb.AuthReply())] if len(found) > 1 else []
                context.send(b"".join(auth) + reply(pb.HELLO, self.hello))
                continue
            with self._lock:
                self.requests.append(data)
            answered = self.answer(found)
            if answered is not None:
                context.send(answered)
