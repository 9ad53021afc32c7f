"""Plays the quickstart's stories through the command line and checks how they end.

Standard library only; what the stories start in Python runs under this interpreter, which has the package `fermata`.
Usage: play.py PATH_OF_FERMATA
"""

import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

FERMATA = sys.argv[1]
HERE = os.path.dirname(os.path.abspath(__file__))
REAL_MODEL = bool(os.environ.get("LLM_API_KEY"))


class Wrong(Exception):
    """A story did not go as told."""


def check(what, condition):
    print(f"  {'ok   ' if condition else 'WRONG'} {what}")
    if not condition:
        raise Wrong(what)


class Process:
    """A child that is ended, by its id, when the story is over."""

    def __init__(self, arguments, env=None):
        self.child = subprocess.Popen(arguments, env=env, stdout=subprocess.PIPE, text=True)

    def line(self, prefix):
        for line in self.child.stdout:
            if line.startswith(prefix):
                return line.strip()
        raise Wrong(f"{self.child.args} ended with {self.child.wait()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class Stage:
    """One service with one directory, and a model of its own or another stage's."""

    def __init__(self, name, model=None):
        self.tails = []
        self.others = []
        self.directory = tempfile.mkdtemp(prefix="fermata-")
        self.workspace = os.path.join(self.directory, "work")
        os.mkdir(self.workspace)
        env = dict(os.environ, FERMATA_DIR=self.directory)
        self.model = None
        if not REAL_MODEL:
            if model is None:
                script = os.path.join(HERE, name + ".json")
                self.model = Process([FERMATA, "mock-model", "--script", script])
                model = self.model.line("listening ").split()[1]
            self.model_url = model
            # A model with a known price, so that the cost can be shown.
            env.update(LLM_MODEL="openai/gpt-4o-mini", LLM_BASE_URL=self.model_url, LLM_API_KEY="scripted")
        self.env = env
        self.start()

    def start(self):
        self.service = Process([FERMATA, "serve", "--log-level", "warning"], self.env)
        self.service.line("listening ")

    def kill(self):
        """SIGKILL, as a crash would be."""
        self.service.child.kill()
        self.service.child.wait()

    def run(self, *arguments, until):
        """Starts a process beside the service, that ends with the story, and waits for a line of its output."""
        process = Process(list(arguments), self.env)
        self.others.append(process)
        return process, process.line(until)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for tail in self.tails:
            tail.kill()
            tail.wait()
        for process in (*self.others, self.service, self.model):
            if process:
                process.__exit__()
        shutil.rmtree(self.directory, ignore_errors=True)

    def refused(self, *arguments):
        """What a command says that is refused."""
        print("  $ fermata " + " ".join(f"'{a}'" if " " in a else a for a in arguments))
        done = subprocess.run([FERMATA, *arguments], env=self.env, capture_output=True, text=True, timeout=60)
        check("it is refused", done.returncode == 1)
        print("    " + done.stderr.strip())
        return done.stderr

    def fermata(self, *arguments, quiet=False):
        if not quiet:
            print("  $ fermata " + " ".join(f"'{a}'" if " " in a else a for a in arguments))
        done = subprocess.run([FERMATA, *arguments], env=self.env, capture_output=True, text=True, timeout=300)
        if done.returncode not in (0, 10, 11, 12, 13):
            raise Wrong(done.stderr.strip())
        if not quiet:
            for line in done.stdout.splitlines():
                print("    " + line)
        return done.stdout.strip()

    def json(self, *arguments):
        return json.loads(self.fermata(*arguments, "--json", quiet=True))

    def history(self, run):
        return [json.loads(line) for line in self.fermata("history", run, "--json", quiet=True).splitlines()]

    def launch(self, task, *options):
        run = self.fermata("launch", "--workspace", self.workspace, *options, "--", task)
        threading.Thread(target=self.watch, args=(run,), daemon=True).start()
        return run

    def watch(self, run):
        """Prints the run's events as they happen."""
        tail = subprocess.Popen([FERMATA, "tail", run], env=self.env, stdout=subprocess.PIPE, text=True)
        self.tails.append(tail)
        for line in tail.stdout:
            print("      | " + line.rstrip()[:150])

    def wait(self, run, *statuses):
        self.fermata("wait", run, "--for", *statuses, quiet=True)

    def event(self, run, kind, test=lambda event: True):
        """Waits until the run's journal has such an event."""
        tail = subprocess.Popen([FERMATA, "tail", run, "--json"], env=self.env, stdout=subprocess.PIPE, text=True)
        try:
            for line in tail.stdout:
                event = json.loads(line)
                if kind in event and test(event):
                    return event
        finally:
            tail.kill()
            tail.wait()

    def read(self, name):
        try:
            with open(os.path.join(self.workspace, name)) as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def finish(self, run):
        self.wait(run, "FINISHED", "FAILED", "WAITING", "PAUSED")
        time.sleep(0.1)  # lets the last printed events come before the checks; nothing depends on it
        shown = self.fermata("show", run)
        check("the run is FINISHED", "FINISHED" in shown)


def clock(microseconds):
    return datetime.datetime.fromtimestamp(microseconds / 1e6).strftime("%H:%M:%S.%f")[:-3]


def pause_and_continue():
    with Stage("pause") as stage:
        run = stage.launch(
            "Write the numbers from 100 down to 1 into countdown.txt, one a line, about 25 a second, "
            "with two commands for one half each, both chosen at once.")
        stage.event(run, "callStarted")
        stage.fermata("pause", run, "--reason", "let me think")
        status = stage.json("show", run)["run"]["status"]
        check(f"right after the pause it is {status}: the command that runs may finish", status in ("PAUSING", "PAUSED"))
        stage.wait(run, "PAUSED")
        lines = len(stage.read("countdown.txt").split())
        check(f"PAUSED; countdown.txt has {lines} lines", lines > 0)
        stage.fermata("send", "--now", run, "Stop counting. Create hello.txt with the text: Hello, World!")
        check("still PAUSED: a message never lifts a hold", stage.json("show", run)["run"]["status"] == "PAUSED")
        stage.fermata("resume", run)
        stage.finish(run)
        check(f"hello.txt says {stage.read('hello.txt').strip()!r}", stage.read("hello.txt").strip() == "Hello, World!")
        check(
            f"countdown.txt still has {lines} lines",
            REAL_MODEL or (len(stage.read("countdown.txt").split()) == lines == 50))
        superseded = [e["callEnded"] for e in stage.history(run) if e.get("callEnded", {}).get("outcome") == "CALL_SUPERSEDED"]
        for call in superseded:
            print(f"  call {call['number']} was superseded: {call['output']}")
        check(f"{len(superseded)} call was superseded and never ran", REAL_MODEL or len(superseded) == 1)


def interrupt():
    with Stage("interrupt") as stage:
        run = stage.launch("Tell me the puzzle of the hundred prisoners and its solution, at length, without tools.")
        stage.event(run, "modelCalled")
        if stage.model:
            urllib.request.urlopen(stage.model_url.removesuffix("/v1") + "/log?n=1&until=tokens:30&timeout_ms=30000", timeout=40).read()
        else:
            time.sleep(3)  # so that there is some text to keep
        printed = stage.fermata("interrupt", run)
        stage.wait(run, "PAUSED")
        events = stage.history(run)
        cut = next(e["modelCut"] for e in events if "modelCut" in e)
        took = float(printed.split(" in ")[1].split(" ms")[0])
        sent_at = int(printed.split("sent at ")[1].split()[0])
        print(f"  from the command to PAUSED: {took} ms")
        if stage.model:
            log = json.load(urllib.request.urlopen(stage.model_url.removesuffix("/v1") + "/log", timeout=30))
            closed = (log[0]["closed_at"] - sent_at) / 1000
            print(f"  from the command to the moment at which the model's server saw the connection closed: {closed} ms")
            check("the model's server saw the connection closed", log[0]["ended"] == "client_closed")
        check(f"the partial text is in the history: {cut['text'][:60]!r}…", len(cut["text"]) > 0)
        stage.fermata("send", run, "Shorter, please: one sentence.")
        stage.fermata("resume", run)
        stage.finish(run)


def correct_while_it_works():
    with Stage("correct") as stage:
        sent = {}
        sent[1] = sent[2] = time.time() * 1e6
        run = stage.launch(
            "Append a line 'Message 1 written TIME' to document.txt (TIME with milliseconds), then run sleep 3 as a "
            "command of its own, then append 'Message 2 written TIME' likewise. One command at a time.")
        stage.event(run, "callStarted", lambda e: REAL_MODEL or e["callStarted"]["number"] == 2)
        sent[3] = time.time() * 1e6
        stage.fermata("send", run, "After that append 'Message 3 written TIME' to document.txt too.")
        stage.finish(run)
        lines = stage.read("document.txt").splitlines()
        for number, line in enumerate(lines, 1):
            print(f"  sent {clock(sent.get(number, 0))}  {line}")
        check("all three lines are there, in order", [line[:9] for line in lines] == ["Message 1", "Message 2", "Message 3"])


ANSWER = '{"approved": true, "amount": 500}'


def refund():
    with Stage("refund") as stage:
        desk, _ = stage.run(sys.executable, os.path.join(HERE, "operator_desk.py"), until="serving")
        run = stage.fermata(
            "launch", "--tools", "askOperator", "--",
            "A customer asks for a refund of $500. Use askOperator with severity high to have it approved, then tell the outcome.")
        print("    " + desk.line("executed"))
        stage.wait(run, "WAITING")
        stage.fermata("inbox")
        print("  the service is killed, and started again")
        stage.kill()
        stage.start()
        check("the run is WAITING as before", stage.json("show", run)["run"]["status"] == "WAITING")
        check("its ask is still there", "askOperator" in stage.fermata("inbox", "--json", quiet=True))
        document = os.path.join(stage.directory, "refund.json")
        stage.fermata("export", run, "--handoff", "-o", document)
        check(f"refund.json has {os.path.getsize(document)} bytes", os.path.getsize(document) > 0)
        with Stage("refund", model=None if REAL_MODEL else stage.model_url) as other:
            other.fermata("import", document, "--start")
            ask = json.loads(other.fermata("inbox", "--tokens", "--json", quiet=True).splitlines()[0])
            print(f"  on the second service the run asks: {ask['question']}")
            _, listening = other.run(FERMATA, "gateway", "--listen", "127.0.0.1:0", until="listening ")
            url = listening.split()[1]
            print(f"  $ curl --json '{ANSWER}' {url}/answers/TOKEN")
            request = urllib.request.Request(
                f"{url}/answers/{ask['token']}", data=ANSWER.encode(), headers={"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=30) as reply:
                check(f"the answer is taken: HTTP {reply.status}", reply.status == 200)
            other.finish(run)
            results = [e["callEnded"]["output"] for e in other.history(run) if "callEnded" in e]
            check(f"the answer is in the transcript, word for word: {results}", results == [ANSWER])
        said = stage.refused("answer", run, "--ask", "1", ANSWER)
        check("the first service says why", "handed off" in said)


def orchestrator():
    with Stage("orchestrator") as stage:
        deployer, _ = stage.run(sys.executable, os.path.join(HERE, "deployer.py"), until="serving")
        program = os.path.join(HERE, "..", "clients", "python", "examples", "orchestrator.py")
        print("  $ python3 tools/clients/python/examples/orchestrator.py")
        done = subprocess.run(
            [sys.executable, program], env=stage.env, stdout=subprocess.PIPE, text=True, timeout=120)
        for line in done.stdout.splitlines():
            print("    " + line)
        check("the program ends well", done.returncode == 0)
        executed = deployer.line("executed")
        check(f"the worker {executed}", "staging" in executed)
        run = stage.json("list")["id"]
        decided = [kind for event in stage.history(run) for kind in ("callEdited", "askAnswered", "callStarted") if kind in event]
        check(f"edited, approved, started, in this order: {decided}", decided == ["callEdited", "askAnswered", "callStarted"])


def main():
    stories = [
        ("Pause and continue", pause_and_continue),
        ("Interrupt", interrupt),
        ("Correct it while it works", correct_while_it_works),
        ("Refund", refund),
        ("Orchestrator", orchestrator),
    ]
    for title, story in stories:
        print(f"\n== {title}")
        try:
            story()
        except Wrong as wrong:
            sys.exit(f"\n{title}: not as told: {wrong}")
    print(f"\n{len(stories)} stories went as told.")


main()
