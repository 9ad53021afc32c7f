#!/usr/bin/env python3
"""Clients that no server would wish for, on the control socket of one: bounded in number and time, no library needed.

    abuse.py leave SOCKET COUNT                    connect and leave at once: before, during, after the handshake
    abuse.py kill-dialling SOCKET COUNT COMMAND... start a client's command, kill it while it dials
    abuse.py kill-asking SOCKET COUNT RUN          die by SIGKILL with requests outstanding
    abuse.py pipeline SOCKET CLIENTS COUNT RUN     ask COUNT times on one connection each; every other one never reads
    abuse.py burst SOCKET CLIENTS BYTES RUN        CLIENTS messages of BYTES at the same time, one on each connection
    abuse.py flood SOCKET CLIENTS COUNT RUN...     COUNT commands in all, each client one after the other

Ends with one line of JSON: what became of it.
"""
import collections, json, os, random, selectors, signal, socket, struct, subprocess, sys, time, uuid

HANDSHAKE = b"\0SP\0\0\x30\0\0"
HELLO, SEND, WITHDRAW, GET_RUN, READ_EVENTS = 1, 3, 4, 10, 13


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def text(field, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def number(field, value):
    return varint(field << 3) + varint(value)


def frame(kind, body):
    return struct.pack(">IHBB", len(body), kind, 1, 0) + body


def message(frames, request=1):
    """An nng message on a unix socket: its length, the number of the request, the frames."""
    body = struct.pack(">I", 0x80000000 | request) + frames
    return b"\1" + struct.pack(">Q", len(body)) + body


def send(run, words):
    return frame(SEND, text(1, str(uuid.uuid4())) + text(5, run) + text(6, words) + number(7, 3))


def withdraw(run, which):
    return frame(WITHDRAW, text(1, str(uuid.uuid4())) + text(5, run) + number(6, which))


def get_run(run, wait_ms=0):
    return frame(GET_RUN, text(1, run) + (number(2, 8) + number(3, wait_ms) if wait_ms else b""))


def read_events(run):
    return frame(READ_EVENTS, text(1, run))


def connect(path, tries=200):
    """A connection with its handshake done; tried again while the listener takes nobody."""
    for _ in range(tries):
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(5)
        try:
            peer.connect(path)
            peer.sendall(HANDSHAKE)
            if receive(peer, 8)[:6] == b"\0SP\0\0\x31":
                return peer
        except OSError:
            time.sleep(0.01)
        peer.close()
    sys.exit("nobody takes connections at " + path)


def receive(peer, count):
    data = b""
    while len(data) < count:
        more = peer.recv(count - len(data))
        if not more:
            raise OSError("closed")
        data += more
    return data


def reply(peer):
    """The type of the first frame, and the code if it is an error."""
    (length,) = struct.unpack(">xQ", receive(peer, 9))
    return meaning(receive(peer, length))


def meaning(data):
    kind = struct.unpack(">H", data[8:10])[0]
    if kind == 0x8000:
        return data[14:14 + data[13]].decode()
    return "ok"


def leave(path, count):
    for index in range(count):
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(1)
        try:
            peer.connect(path)
            way = index % 5
            if way == 1:
                peer.sendall(HANDSHAKE[:3])
            elif way == 2:
                peer.sendall(HANDSHAKE)
            elif way == 3:
                peer.sendall(HANDSHAKE)
                peer.recv(8)
            elif way == 4:
                peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
        except OSError:
            pass
        peer.close()
    return {"left": count}


def kill_dialling(path, count, command):
    for _ in range(count):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, 0.06))
        child.kill()
        child.wait()
    return {"killed": count}


def kill_asking(path, count, run):
    for index in range(count):
        child = os.fork()
        if child == 0:
            try:
                peer = connect(path)
                # One, as a REQ socket has: the death of who has several leaks descriptors in nng before 1.9.
                wanted = [get_run(run, 20000), read_events(run), send(run, "x" * 1000), get_run(run)][index % 4]
                peer.sendall(message(wanted) if index % 5 else message(wanted)[:-10])
                os.kill(os.getpid(), signal.SIGKILL)
            finally:
                os._exit(1)
        os.waitpid(child, 0)
    return {"killed": count}


def pipeline(path, clients, count, run):
    peers = [connect(path) for _ in range(clients)]
    unsent = {}
    ask = message(read_events(run)) * count
    for peer in peers:
        peer.setblocking(False)
        unsent[peer] = memoryview(ask)
    received = 0
    deaf = set(peers[::2])
    end = time.monotonic() + 5
    with selectors.DefaultSelector() as selector:
        for peer in peers:
            selector.register(peer, selectors.EVENT_WRITE | (0 if peer in deaf else selectors.EVENT_READ))
        while time.monotonic() < end:
            for key, events in selector.select(0.1):
                peer = key.fileobj
                try:
                    if events & selectors.EVENT_WRITE:
                        unsent[peer] = unsent[peer][peer.send(unsent[peer][:65536]):]
                        if not unsent[peer]:
                            if peer in deaf:
                                selector.unregister(peer)
                            else:
                                selector.modify(peer, selectors.EVENT_READ)
                    if events & selectors.EVENT_READ:
                        data = peer.recv(1 << 20)
                        received += len(data)
                        if not data:
                            selector.unregister(peer)
                except BlockingIOError:
                    pass
                except OSError:
                    selector.unregister(peer)
    return {"received": received}


def burst(path, clients, size, run):
    peers = [connect(path) for _ in range(clients)]
    # The first frame is small; what a frame cannot have is filled up with further ones.
    most = 1 << 20
    frames = b"".join(send(run, "x" * min(most, max(1, size - at))) for at in range(0, max(1, size), most))
    asked = message(frames)
    start = time.monotonic()
    for peer in peers:
        peer.setblocking(False)
    unsent = {peer: memoryview(asked) for peer in peers}
    data = {peer: b"" for peer in peers}
    outcomes, first = collections.Counter(), {}
    with selectors.DefaultSelector() as selector:
        for peer in peers:
            selector.register(peer, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while selector.get_map() and time.monotonic() < start + 60:
            for key, events in selector.select(1):
                peer = key.fileobj
                if events & selectors.EVENT_WRITE:
                    unsent[peer] = unsent[peer][peer.send(unsent[peer][:1 << 18]):]
                    if not unsent[peer]:
                        selector.modify(peer, selectors.EVENT_READ)
                if events & selectors.EVENT_READ:
                    more = peer.recv(1 << 20)
                    data[peer] += more
                    have = data[peer]
                    if not more:
                        outcomes["closed"] += 1
                        selector.unregister(peer)
                    elif len(have) >= 9 and len(have) == 9 + struct.unpack(">xQ", have[:9])[0]:
                        outcome = meaning(have[9:])
                        outcomes[outcome] += 1
                        first.setdefault(outcome, time.monotonic() - start)
                        selector.unregister(peer)
    return {"outcomes": outcomes, "first": first, "seconds": time.monotonic() - start}


def flood(path, clients, count, runs):
    """A message to a run and its withdrawal, by turns: runs stay small."""
    start = time.monotonic()
    outcomes = collections.Counter()
    left = count
    with selectors.DefaultSelector() as selector:
        def ask(state):
            nonlocal left
            left -= 1
            run, messages, isQueued = state["run"], state["messages"], state["queued"]
            words = withdraw(run, messages) if isQueued else send(run, "x" * 100)
            state["peer"].sendall(message(words))

        for index in range(clients):
            state = {"peer": connect(path), "run": runs[index], "messages": 0, "queued": False, "data": b""}
            selector.register(state["peer"], selectors.EVENT_READ, state)
            ask(state)
        print("flooding", flush=True)
        while selector.get_map():
            for key, _ in selector.select(10):
                state = key.data
                more = state["peer"].recv(1 << 16)
                state["data"] += more
                data = state["data"]
                if not more:
                    outcomes["closed"] += 1
                    selector.unregister(state["peer"])
                    continue
                if len(data) < 9 or len(data) < 9 + struct.unpack(">xQ", data[:9])[0]:
                    continue
                outcome = meaning(data[9:])
                outcomes[outcome] += 1
                state["data"] = b""
                if outcome == "ok":
                    state["messages"] += 0 if state["queued"] else 1
                    state["queued"] = not state["queued"]
                if left > 0:
                    ask(state)
                else:
                    selector.unregister(state["peer"])
    return {"outcomes": outcomes, "seconds": time.monotonic() - start}


mode, path, count, rest = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
done = {
    "leave": lambda: leave(path, count),
    "kill-dialling": lambda: kill_dialling(path, count, rest),
    "kill-asking": lambda: kill_asking(path, count, rest[0]),
    "pipeline": lambda: pipeline(path, count, int(rest[0]), rest[1]),
    "burst": lambda: burst(path, count, int(rest[0]), rest[1]),
    "flood": lambda: flood(path, count, int(rest[0]), rest[1:]),
}[mode]()
print(json.dumps(done), flush=True)
