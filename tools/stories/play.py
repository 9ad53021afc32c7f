"""Plays the quickstart's stories through the command line and checks how they end.

Standard library only. Usage: play.py PATH_OF_FERMATA
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
    """One service with one model and one directory."""

    def __init__(self, name):
        self.tails = []
        self.directory = tempfile.mkdtemp(prefix="fermata-")
        self.workspace = os.path.join(self.directory, "work")
        os.mkdir(self.workspace)
        env = dict(os.environ, FERMATA_DIR=self.directory)
        self.model = None
        if not REAL_MODEL:
            script = os.path.join(HERE, name + ".json")
            self.model = Process([FERMATA, "mock-model", "--script", script])
            self.model_url = self.model.line("listening ").split()[1]
            # A model with a known price, so that the cost can be shown.
            env.update(LLM_MODEL="openai/gpt-4o-mini", LLM_BASE_URL=self.model_url, LLM_API_KEY="scripted")
        self.env = env
        self.service = Process([FERMATA, "serve", "--log-level", "warning"], env)
        self.service.line("listening ")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for tail in self.tails:
            tail.kill()
            tail.wait()
        for process in (self.service, self.model):
            if process:
                process.__exit__()
        shutil.rmtree(self.directory, ignore_errors=True)

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

    def launch(self, task):
        run = self.fermata("launch", "--workspace", self.workspace, task)
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


def main():
    stories = [
        ("Pause and continue", pause_and_continue),
        ("Interrupt", interrupt),
        ("Correct it while it works", correct_while_it_works),
    ]
    for title, story in stories:
        print(f"\n== {title}")
        try:
            story()
        except Wrong as wrong:
            sys.exit(f"\n{title}: not as told: {wrong}")
    print(f"\n{len(stories)} stories went as told.")


main()
