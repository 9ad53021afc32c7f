"""One store on its way: a server, a scripted model, and what is written down of it."""
import atexit
import ctypes
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tarfile
import tempfile
import threading
import time
import urllib.request
import uuid

import fermata
import pynng
from fermata import messages as pb
from fermata._frames import Frame
from google.protobuf import json_format

#: No path of the machine it is made on gets into a store.
ROOT = "/tmp/fermata-golden"
HERE = os.path.dirname(os.path.abspath(__file__))


class Process:
    """A child that is ended by its id, with this program at the latest."""

    def __init__(self, arguments, environment):
        self.child = subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True)
        atexit.register(self.child.kill)
        for line in self.child.stdout:
            if line.startswith("listening "):
                self.url = line.split()[1]
                return
        raise SystemExit(f"{arguments} ended with {self.child.wait()}")

    def end(self, number=signal.SIGTERM):
        self.child.send_signal(number)
        self.child.wait()


class Stage:
    """A server on a directory below ROOT."""

    def __init__(self, binary, folder, script, *, config="", is_ahead=False):
        self.binary, self.folder = binary, folder
        self.directory = f"{ROOT}/{os.path.basename(folder)}"
        self.work = self.directory + "-work"
        for path in (self.directory, self.work, folder):
            shutil.rmtree(path, ignore_errors=True)
            os.makedirs(path, 0o700)
        self.scratch = tempfile.TemporaryDirectory(prefix="fermata-golden-")
        self.names, self.requests, self.secrets, self.webhooks = {}, [], [], {}
        self.grips = []
        script_file = os.path.join(self.scratch.name, "script.json")
        with open(script_file, "w") as file:
            json.dump(script + [{"match": "", "text": "Done."}], file)
        plain = {"PATH": "/usr/bin:/bin", "HOME": self.directory, "LANG": "C.UTF-8", "USER": "golden"}
        self.model = Process([binary, "mock-model", "--script", script_file], plain)
        self.environment = dict(
            plain, FERMATA_DIR=self.directory, LLM_MODEL="openai/mock", LLM_BASE_URL=self.model.url,
            LLM_API_KEY="golden-key-1", GOLDEN_SECRET="whsec_" + "Z29sZGVu" * 4)
        # A run with a limit on its cost may go on only with a model that has a price.
        prices = os.path.join(self.scratch.name, "prices.json")
        with open(prices, "w") as file:
            nothing = {"input_per_million": 0, "output_per_million": 0}
            json.dump({"openai/mock": nothing, "openai/other": nothing}, file)
        self.arguments = ["--prices", prices]
        if config:
            file = os.path.join(self.scratch.name, "config.yaml")
            with open(file, "w") as out:
                out.write(config)
            self.arguments += ["--config", file]
        if is_ahead:
            library = os.path.join(self.scratch.name, "clock.so")
            subprocess.run(["cc", "-shared", "-fPIC", "-o", library, f"{HERE}/clock.c", "-ldl"], check=True)
            self.environment["LD_PRELOAD"] = library
        self.client = fermata.Client(self.directory, by="golden")
        self.start()

    # Lives

    def start(self):
        self.server = Process([self.binary, "serve", "--dir", self.directory, *self.arguments], self.environment)

    def crash(self):
        self.server.end(signal.SIGKILL)

    def finish(self, number):
        """Writes down what the store says now, ends the server and packs its directory."""
        last = self.record()
        self.server.end(number)
        with tarfile.open(f"{self.folder}/store.tar.xz", "w:xz", preset=9) as archive:
            for name in sorted(os.listdir(self.directory)):
                if name.startswith("fermata.db") or name in ("token.key", "toolstate"):
                    archive.add(f"{self.directory}/{name}", name, filter=nobody)
        for grip in self.grips:
            grip.release()
        self.model.end()
        self.record_end(last)
        self.client.close()
        self.scratch.cleanup()
        for path in (self.directory, self.work):
            shutil.rmtree(path)

    # Runs

    def launch(self, name, task="", *, until=None, tools=("ask_human",), **options):
        """A run by a name of its own; its task is what the script answers by."""
        # A short prompt and few tools: each launch is in its journal whole.
        reply = self.client.launch(
            task, system_prompt="Golden.", tools=tools, workspace=self.work, reason=name, **options)
        run = self.named(name, reply)
        if until:
            self.client.wait_until(run, until, timeout=20)
        return run

    def named(self, name, reply):
        assert name not in self.names.values(), name
        self.names[reply.run.id] = name
        return reply.run.id

    def wait(self, run, *statuses):
        return self.client.wait_until(run, *statuses, timeout=20)

    def event(self, run, kind, after=0):
        """Waits for an event of this kind."""
        for event in self.client.tail(run, after=after):
            if event.WhichOneof("kind") == kind:
                return event

    def ask(self, run):
        """The run's one open ask."""
        (ask,) = self.client.list_asks(run)
        return ask

    def streamed(self, task, tokens=2):
        """Waits until the model has sent so many tokens of its answer to the task, and the server has read them."""
        log, end = f"{self.model.url.removesuffix('/v1')}/log", time.monotonic() + 20
        while True:
            with urllib.request.urlopen(log) as reply:
                found = [entry for entry in json.load(reply) if entry.get("last_content") == task]
            if found:
                break
            assert time.monotonic() < end, task
            time.sleep(0.02)
        with urllib.request.urlopen(f"{log}?n={found[-1]['n']}&until=tokens:{tokens}"):
            time.sleep(0.2)

    def process(self, run, name):
        """Waits until the run's tool has written the id of its process to a file."""
        path, end = f"{self.work}/{name}.pid", time.monotonic() + 20
        while not (os.path.exists(path) and open(path).read().endswith("\n")):
            assert time.monotonic() < end, name
            time.sleep(0.01)
        return int(open(path).read())

    def grip(self, process):
        self.grips.append(Grip(process))

    def gate(self, name):
        """Opens a gate of the model's."""
        url = f"{self.model.url.removesuffix('/v1')}/gates/{name}"
        with urllib.request.urlopen(urllib.request.Request(url, method="POST")):
            pass

    def raw(self, message):
        """Sends a command, and keeps its bytes and those of its reply."""
        if not message.request_id:
            message.request_id = str(uuid.uuid4())
        number = pb.FrameType.Value(frame_name(message))
        data = Frame(number, message.SerializeToString()).encoded()
        with pynng.Req0(dial=f"ipc://{self.directory}/control.sock", recv_timeout=20_000) as socket:
            socket.send(data)
            reply = socket.recv()
        assert int.from_bytes(reply[4:6], "big") == number | 0x8000, reply
        self.requests.append({"request": data.hex(), "reply": reply.hex()})
        return reply[8:]

    # What is written down

    def record(self):
        """Nothing may move meanwhile."""
        last = self.client.stats().last_offset
        events = self.fermata("tail", "--json", "--after", "0", lines=last)
        self.write("events.jsonl", events)
        runs = [run.id for run in self.client.list_runs(oldest_first=True)]
        assert set(runs) == set(self.names), "a run has no name"
        self.write("runs.jsonl", [line for run in runs for line in self.fermata("show", "--json", run)])
        asks = [json_format.MessageToDict(ask) for ask in self.client.list_asks()]
        self.write("asks.jsonl", [json.dumps(ask, ensure_ascii=False) for ask in asks])
        agents = [json_format.MessageToDict(self.client.get_agent(agent.agent.name)) for agent in self.client.list_agents()]
        self.write("agents.jsonl", [json.dumps(agent, ensure_ascii=False) for agent in agents])
        folder = os.path.join(self.scratch.name, "checkpoints")
        os.mkdir(folder)
        for run in runs:
            with open(f"{folder}/{run}.json", "w") as file:
                file.write(self.client.export(run))
        with tarfile.open(f"{self.folder}/checkpoints.tar.xz", "w:xz", preset=9) as archive:
            for run in runs:
                archive.add(f"{folder}/{run}.json", f"{run}.json", filter=nobody)
        with sqlite3.connect(f"file:{self.directory}/fermata.db?mode=ro", uri=True) as store:
            rows = store.execute("SELECT run, seq, format, body FROM snapshots ORDER BY run").fetchall()
        self.write("snapshots.jsonl", [
            json.dumps({"run": str(uuid.UUID(bytes=run)), "seq": seq, "format": form, "body": body.hex()})
            for run, seq, form, body in rows])
        hello = self.client.hello()
        meta = {
            "server": hello.server, "lastOffset": last, "names": self.names,
            "requests": self.requests, "secrets": self.secrets, "webhooks": self.webhooks,
            "tools": [t.spec.name for t in self.client.list_tools() if t.worker],
        }
        with open(f"{self.folder}/meta.json", "w") as file:
            json.dump(meta, file, indent=1, ensure_ascii=False)
            file.write("\n")
        assert self.client.stats().last_offset == last, "something has moved"
        return last

    def record_end(self, recorded):
        """Reads what the end itself wrote from a server on the directory that was packed: it goes on after that."""
        with sqlite3.connect(f"{self.directory}/fermata.db") as store:
            (last,) = store.execute("SELECT max(offset) FROM events").fetchone()
        if last > recorded:
            self.start()
            self.write("events.jsonl", self.fermata("tail", "--json", "--after", "0", lines=last))
            self.crash()

    def fermata(self, *arguments, lines=None):
        """What the binary's own command line prints."""
        child = subprocess.Popen(
            [self.binary, *arguments], env=self.environment | {"LD_PRELOAD": ""}, stdout=subprocess.PIPE, text=True)
        with child.stdout:
            if lines is None:
                found = child.stdout.read().splitlines()
            else:
                found = [child.stdout.readline().rstrip("\n") for _ in range(lines)]
                child.terminate()
        assert child.wait() == 0 or lines is not None
        return found

    def write(self, name, lines):
        with open(f"{self.folder}/{name}", "w") as file:
            file.writelines(line + "\n" for line in lines)


class Grip:
    """Keeps a process that is killed from being gone: its tracer does not listen."""

    def __init__(self, process):
        self._let_go = threading.Event()
        held = threading.Event()
        trace = ctypes.CDLL(None, use_errno=True).ptrace
        trace.argtypes = [ctypes.c_long] * 4

        def hold():
            assert trace(0x4206, process, 0, 0) == 0, "PTRACE_SEIZE"
            held.set()
            self._let_go.wait()

        threading.Thread(target=hold, daemon=True).start()
        assert held.wait(5)

    def release(self):
        self._let_go.set()


def nobody(entry):
    """Nothing of whoever makes the store gets into an archive."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    return entry


def frame_name(message):
    name = message.DESCRIPTOR.name
    return "".join("_" + c if c.isupper() and i else c for i, c in enumerate(name)).upper()
