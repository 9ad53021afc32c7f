#!/bin/sh
# nng calls the notification NNG_PIPE_EV_ADD_POST when a connection has been added to its socket, and one would count
# connections by it. But the protocol has the connection before: a request goes out over it and its reply is there while
# the notification has not ended, and on a busy machine before it has begun (src/core/socket.c, nni_pipe_run_cb comes after
# the pipe is started). Who looks at its own count after a reply may find that there is no connection.
#
# Seen with pynng 0.8.1 from PyPI, which brings nng 1.6.0; the same with 0.9.0 (nng 1.11) and with Debian's 1.5.2:
#
#     a reply came 0.5 s before the connection was said to be there
#
# What Fermata does about it (Sources/NNG/Peer.swift, proved): a reply opens the connection that it came over. Without that
# a client whose thread was held up at that point took its second request for one without a connection, and asked twice.
#
# Needs python3 with venv, and PyPI. Ends with 0 as long as the library does what is said here.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 0.8.1 0.9.0; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: "pynng==$version"
    FOLDER="$folder" "$folder/$version/bin/python" - <<'PYTHON'
import os
import threading
import time

import pynng

url = "ipc://" + os.environ["FOLDER"] + "/socket"
said = threading.Event()


def connected(pipe):
    # As a thread that does not get to run for a while.
    time.sleep(0.5)
    said.set()


with pynng.Rep0() as server, pynng.Req0(send_timeout=5000, recv_timeout=5000) as client:
    server.listen(url)
    threading.Thread(target=lambda: server.send(server.recv()), daemon=True).start()
    client.add_post_pipe_connect_cb(connected)
    client.dial(url, block=False)
    client.send(b"ping")
    assert client.recv() == b"ping"
    assert not said.is_set(), "the connection was said to be there first"
    begun = time.monotonic()
    assert said.wait(5)
    print("a reply came %.1f s before the connection was said to be there" % (time.monotonic() - begun))
PYTHON
done
