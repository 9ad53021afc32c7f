#!/bin/sh
# libcurl sends a request again, by itself, when a kept connection is closed before the first byte of an answer: also a
# POST, also one that the server has read whole and acted on; over the other kept connections, one after the other, and
# at last over a new one. The caller sees one success. (lib/transfer.c, Curl_retry_request; at most five times.)
#
# Seen with pycurl 7.49.0 from PyPI, which brings libcurl 8.23.0; the first line also with libcurl 8.12 and 7.88:
#
#     one perform: status 200, the server has read 4 POSTs
#     refused in the pre-request callback: error 42, the server has read 1 POST
#
# The second line is what Fermata does about it (Sources/Curl/EasyTransfer.swift): CURLOPT_PREREQFUNCTION is called
# before each request is written, and refuses every one but the first.
#
# Needs python3 with venv, and PyPI. Ends with 0 as long as the library does what is said here.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: pycurl==7.49.0
"$folder/venv/bin/python" - <<'PYTHON'
import io
import socket
import threading

import pycurl

KEPT = 3
PREREQFUNCTION_ABORT = 1


class Server:
    """Answers the first request of its first three connections; reads a second one and closes without an answer."""

    def __init__(self):
        self.posts = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d/" % self.listener.getsockname()[1]
        self.all_connected = threading.Barrier(KEPT)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        number = 0
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection, number), daemon=True).start()
            number += 1

    def serve(self, connection, number):
        with connection:
            self.read(connection)
            if number < KEPT:
                self.all_connected.wait(10)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            if number < KEPT:
                self.read(connection)

    def read(self, connection):
        data = b""
        while b"\r\n\r\n" not in data or (data.startswith(b"POST") and not data.endswith(b"body")):
            piece = connection.recv(65536)
            if not piece:
                return
            data += piece
        if data.startswith(b"POST"):
            self.posts += 1


def transfer(url, post):
    easy = pycurl.Curl()
    easy.setopt(pycurl.URL, url)
    easy.setopt(pycurl.PROXY, "")
    easy.setopt(pycurl.WRITEFUNCTION, io.BytesIO().write)
    if post:
        easy.setopt(pycurl.POSTFIELDS, "body")
    return easy


def run(multi, easies):
    for easy in easies:
        multi.add_handle(easy)
    active, ends = len(easies), []
    while len(ends) < len(easies):
        multi.perform()
        _, done, failed = multi.info_read()
        ends += [(easy, 0) for easy in done] + [(easy, code) for easy, code, _ in failed]
        if len(ends) < len(easies):
            multi.select(1)
    for easy in easies:
        multi.remove_handle(easy)
    return ends


def post(prereq=None):
    server, multi = Server(), pycurl.CurlMulti()
    assert all(code == 0 for _, code in run(multi, [transfer(server.url, False) for _ in range(KEPT)]))
    easy = transfer(server.url, True)
    if prereq:
        easy.setopt(pycurl.PREREQFUNCTION, prereq)
    [(_, code)] = run(multi, [easy])
    return code, easy.getinfo(pycurl.RESPONSE_CODE), server.posts


print(pycurl.version.split()[1])
assert "libcurl/8.23.0" in pycurl.version, "another version: look again"
code, status, posts = post()
print("one perform: status %d, the server has read %d POSTs" % (status, posts))
assert (code, status, posts) == (0, 200, KEPT + 1), (code, status, posts)

requests = []


def only_once(*addresses):
    requests.append(addresses)
    return pycurl.PREREQFUNC_OK if len(requests) == 1 else pycurl.PREREQFUNC_ABORT


code, _, posts = post(only_once)
print("refused in the pre-request callback: error %d, the server has read %d POST" % (code, posts))
assert (code, posts) == (42, 1), (code, posts)
PYTHON
