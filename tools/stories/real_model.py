"""Plays stories with a real model: llama-server on loopback, and checks how they end.

It needs the package `fermata`; tools/real-model starts it.
Usage: real_model.py PATH_OF_FERMATA PATH_OF_LLAMA_SERVER PATH_OF_MODEL
"""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import fermata
from fermata import messages as pb

FERMATA, LLAMA_SERVER, WEIGHTS = (os.path.abspath(path) for path in sys.argv[1:4])
CONFIGURATION = os.path.join(os.path.dirname(os.path.abspath(__file__)), "real-model")
MODEL = "llamafile/gemma-3-270m"

#: The words in which a run's model is told of a cut and of a length limit; docs/ARCHITECTURE.md, "What is frozen".
CUT = "[Your answer above was cut off here before it was complete.]"
TRUNCATED = "[Your answer above was cut off here by the limit on its length. Go on exactly where it stopped.]"

# Seconds, each the most that something may take. They are generous: the machine may have other work.
TO_START = 60
TO_ANSWER = 120
TO_CUT = 10
#: Deltas after which a stream is in its middle: an answer has some 130 tokens.
MIDDLE = 15


class Wrong(Exception):
    """A story did not go as told."""


class NotShown(Exception):
    """The model did not do what the story needs."""


def check(what, condition):
    if not condition:
        raise Wrong(what)


def until(what, limit, look):
    """Looks again and again until there is something, and returns it."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.005)
    raise Wrong(f"{what}: not within {limit} s")


def milliseconds(seconds):
    return f"{seconds * 1000:.0f} ms"


class Process:
    """A child in a group of its own, so that a Ctrl-C does not reach it, that is ended by its id."""

    #: Those that have not been ended.
    children = []

    def __init__(self, arguments, log, **options):
        self.name = os.path.basename(arguments[0])
        self.log = log
        with open(log, "a") as file:
            self.child = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True, **options)
        Process.children.append(self)

    def check_lives(self):
        if self.child.poll() is not None:
            with open(self.log, errors="replace") as file:
                raise Wrong(f"{self.name} ended with {self.child.returncode}:\n{file.read()[-2000:]}")

    def end(self, how=signal.SIGTERM):
        self.child.send_signal(how)
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        Process.children.remove(self)


class ModelServer:
    """llama-server with one slot. A thread watches the slot, every few milliseconds."""

    def __init__(self, directory, name, *arguments):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.prompts_directory = os.path.join(directory, name + "-prompts")
        # Half of the cores: its threads wait for each other, and are slow where they have to share one.
        threads = max(1, (os.cpu_count() or 2) // 2)
        started = time.monotonic()
        self.process = Process(
            [LLAMA_SERVER, "--model", WEIGHTS, "--alias", MODEL.split("/")[1], "--host", "127.0.0.1",
             "--port", str(self.port), "--parallel", "1", "--ctx-size", "4096", "--threads", str(threads),
             "--device", "none", "--no-ui", "--slots", "--metrics", "--log-prompts-dir", self.prompts_directory,
             "--jinja", "--chat-template-file", os.path.join(CONFIGURATION, name + ".jinja"), *arguments],
            os.path.join(directory, name + ".log"),
            env={key: value for key, value in os.environ.items() if not key.startswith("LLAMA_")})
        #: When something changed, and which task the slot has since then; 0: it is idle.
        self.slot = [(0.0, 0)]
        self.ended = threading.Event()
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        until("llama-server is ready", TO_START, self.is_healthy)
        self.started_in = time.monotonic() - started
        self.watcher.start()

    def get(self, path, connection=None):
        connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=TO_CUT)
        connection.request("GET", path)
        return connection.getresponse().read().decode()

    def is_healthy(self):
        self.process.check_lives()
        try:
            return json.loads(self.get("/health")).get("status") == "ok"
        except OSError:
            return False

    def watch(self):
        connection = None
        while not self.ended.wait(0.005):
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=TO_CUT)
                slot = json.loads(self.get("/slots", connection))[0]
            except (OSError, http.client.HTTPException, ValueError):
                connection = None
                continue
            task = slot["id_task"] + 1 if slot["is_processing"] else 0
            if task != self.slot[-1][1]:
                self.slot.append((time.monotonic(), task))

    @property
    def task(self):
        return self.slot[-1][1]

    def freed(self, task):
        """When the slot had been freed from this task."""
        def look():
            slot = list(self.slot)
            place = [has for _, has in slot].index(task)
            return slot[place + 1][0] if len(slot) > place + 1 else None
        return until("the server's slot is free", TO_CUT, look)

    def tokens(self):
        """How many tokens it says that it has generated, in answers that have ended."""
        return int(re.search(r"^llamacpp:tokens_predicted_total (\d+)", self.get("/metrics"), re.MULTILINE)[1])

    def prompts(self):
        """What the model was shown, request for request."""
        if not os.path.isdir(self.prompts_directory):
            return []
        paths = (os.path.join(self.prompts_directory, name) for name in os.listdir(self.prompts_directory))
        texts = []
        for path in sorted(paths, key=lambda path: os.stat(path).st_mtime_ns):
            with open(path) as file:
                texts.append(file.read())
        return texts

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # It waits for connections that are open.
        self.ended.set()
        self.watcher.join()
        self.process.end()


class Service:
    """`fermata serve` in a directory of its own. A thread takes the text that it publishes."""

    def __init__(self, directory, model_url):
        self.directory = directory
        self.settings = os.path.join(directory, "fermata.yaml")
        with open(self.settings, "w") as file:
            file.write("log-level: warning\n")
        # Nothing of the user's own settings and keys.
        self.environment = {
            key: value for key, value in os.environ.items()
            if not key.startswith(("FERMATA_", "LLM_", "LLAMAFILE_")) and not key.lower().endswith("_proxy")}
        self.environment.update(FERMATA_DIR=directory, LLM_MODEL=MODEL, LLM_BASE_URL=model_url)
        self.deltas = []
        self.process = None
        self.client = fermata.Client(directory, by="real-model")
        #: The run that is interrupted, and its text until then.
        self.interrupted = None
        self.start()
        self.text = self.client.text()
        self.taker = threading.Thread(target=self.take, daemon=True)
        self.taker.start()

    def start(self):
        self.process = Process(
            [FERMATA, "serve", "--config", self.settings], os.path.join(self.directory, "log"), env=self.environment)
        until("the service is ready", TO_START, self.is_there)

    def is_there(self):
        self.process.check_lives()
        try:
            return self.client.hello()
        except fermata.NotRunning:
            return None

    def take(self):
        for delta in self.text:
            self.deltas.append((time.monotonic(), delta))

    def of(self, run, step=1):
        """The deltas of a step: when each came, and which."""
        return [
            (at, delta) for at, delta in list(self.deltas) if (delta.run, delta.step, delta.call) == (run, step, 0)]

    def published(self, run, step=1):
        """The text of a step as it was published."""
        deltas = [delta for _, delta in self.of(run, step)]
        numbers = [delta.number for delta in deltas]
        check(f"no piece of the published text is missing: {numbers}", numbers == list(range(1, len(numbers) + 1)))
        return "".join(delta.text for delta in deltas)

    def check_published(self, run, text, step=1):
        """Waits until the text of a step has been published, whole: the last piece may come after the run's status."""
        until(f"{text!r} was published", TO_CUT, lambda: self.published(run, step) == text)

    def launch(self, task, **options):
        model_options = {"temperature": 0.7, "seed": 7, "max_output_tokens": 300, **options.pop("model_options", {})}
        # A run always has tools. This one has the smallest, and text.jinja shows none.
        options.setdefault("tools", ["ask_human"])
        system = "A conversation with an assistant who tells long stories."
        return self.client.launch(
            task, **{"system_prompt": system, "model_options": model_options, **options}).run.id

    def middle(self, run, model, step=1):
        """Waits until the answer is in its middle; the slot's task."""
        def look():
            task = model.task
            return task if task and len(self.of(run, step)) >= MIDDLE else None
        return until("the answer is in its middle", TO_ANSWER, look)

    def wait(self, run, *statuses):
        """Waits until the run has one of these, or has come to rest otherwise."""
        found = self.client.wait_until(
            run, *dict.fromkeys([*statuses, "FINISHED", "FAILED", "WAITING", "PAUSED"]), timeout=TO_ANSWER)
        status = pb.Status.Name(found.status)
        check(f"the run is {' or '.join(statuses)}, not {status} {found.failure.message}", status in statuses)
        return found

    def events(self, run):
        return list(self.client.read_events(run).events)

    def only(self, run, kind):
        """The run's events of a kind, of which there has to be one."""
        found = [getattr(event, kind) for event in self.events(run) if event.HasField(kind)]
        check(f"one event {kind}, not {len(found)}", len(found) == 1)
        return found[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.text.close()
        self.taker.join()
        self.process.end()
        self.client.close()


def rate(tokens, deltas):
    return f"{tokens / max(deltas[-1][0] - deltas[0][0], 0.001):.1f} tokens/s"


def stream(service, model):
    before = model.tokens()
    began = time.monotonic()
    run = service.launch("Tell me a long story about a lighthouse.")
    task = until("the text begins", TO_ANSWER, lambda: service.of(run) and model.task)
    service.wait(run, "FINISHED")
    freed = model.freed(task)
    answer = service.only(run, "model_answered")
    deltas = service.of(run)
    check("text came while the model generated", len([at for at, _ in deltas if at < freed]) >= MIDDLE)
    service.check_published(run, answer.text)
    check("the answer is complete, as the server says", (answer.ending, answer.finish_reason) == (pb.COMPLETE, "stop"))
    counted = model.tokens() - before
    check(f"{counted} tokens at the server, {answer.usage.output_tokens} in the journal",
          counted == answer.usage.output_tokens)
    return (f"{counted} tokens in {len(deltas)} pieces, the first after {milliseconds(deltas[0][0] - began)}, "
            f"{rate(counted, deltas)}, FINISHED (stop)")


def length_limit(service, model):
    before, shown = model.tokens(), len(model.prompts())
    run = service.launch("Tell me a long story about a bridge.", model_options={"max_output_tokens": 12})
    summary = service.wait(run, "FAILED")
    answers = [event.model_answered for event in service.events(run) if event.HasField("model_answered")]
    check("every answer was cut by its length limit",
          all((answer.ending, answer.finish_reason) == (pb.TRUNCATED, "length") for answer in answers))
    check(f"the run says why it failed: {summary.failure.kind}", summary.failure.kind == "TRUNCATED")
    check("the answers are one message", summary.last_message == "".join(answer.text for answer in answers))
    prompts = model.prompts()[shown:]
    check("one request for each answer", len(prompts) == len(answers) > 1)
    check("the model was told to go on where it stopped",
          all(answer.text.strip() + "\n\nUser: " + TRUNCATED in prompt for answer, prompt in zip(answers, prompts[1:])))
    return f"{len(answers)} answers of 12 tokens, {model.tokens() - before} at the server, FAILED (TRUNCATED)"


def interrupt(service, model):
    run = service.launch("Tell me a long story about a captain and her ship.")
    task = service.middle(run, model)
    sent = time.monotonic()
    status = service.client.interrupt(run, reason="too long").run.status
    answered = time.monotonic()
    check(f"the reply says PAUSED, not {pb.Status.Name(status)}", status == pb.PAUSED)
    freed = model.freed(task)
    tokens = model.tokens()
    time.sleep(1)  # in which the server would generate more, and what was on its way arrives
    check("the slot stays idle", model.task == 0 and model.tokens() == tokens)
    check("the run stays PAUSED", service.client.get_run(run).run.status == pb.PAUSED)
    cut = service.only(run, "model_cut")
    check("the journal says that an interrupt cut it", cut.cause == pb.BY_INTERRUPT)
    published = service.published(run)
    check(f"what was published is a prefix of what is journaled: {published!r}, {cut.text!r}",
          cut.text.startswith(published))
    service.interrupted = run, cut.text
    return (f"{rate(len(service.of(run)), service.of(run))}, PAUSED after {milliseconds(answered - sent)}, "
            f"the slot was free after {milliseconds(freed - sent)}, {len(cut.text)} characters kept")


def resume(service, model):
    run, partial = service.interrupted
    shown = len(model.prompts())
    sent = time.monotonic()
    service.client.resume(run)
    summary = service.wait(run, "FINISHED")
    answer = service.only(run, "model_answered")
    [prompt] = model.prompts()[shown:]
    check("the model was shown its text so far, and that it was cut", f"{partial.strip()}\n\nUser: {CUT}" in prompt)
    service.check_published(run, answer.text, step=2)
    check("the run's last message is that text", summary.last_message == answer.text)
    deltas = service.of(run, 2)
    return (f"the first text after {milliseconds(deltas[0][0] - sent)}, "
            f"{rate(answer.usage.output_tokens, deltas)}, FINISHED ({answer.finish_reason})")


def correct(service, model):
    shown = len(model.prompts())
    correction = "Stop that, and tell me about a tiger instead."
    run = service.launch("Tell me a long story about a farmer.")
    task = service.middle(run, model)
    sent = time.monotonic()
    service.client.send(run, correction, delivery="NOW")
    answered = time.monotonic()
    freed = model.freed(task)
    service.wait(run, "FINISHED")
    cut = service.only(run, "model_cut")
    check("the journal says that a message cut it", cut.cause == pb.BY_MESSAGE)
    published = service.published(run)
    check("what was published is a prefix of what is journaled", cut.text.startswith(published))
    prompts = model.prompts()[shown:]
    check(f"two requests, not {len(prompts)}", len(prompts) == 2)
    # Messages in a row of one sender may be one.
    expected = r"\s+(User: )?".join(re.escape(text) for text in (cut.text.strip(), CUT, correction))
    check("the second one has the partial text, then that it was cut, then the correction",
          re.search(expected, prompts[1]))
    answer = service.only(run, "model_answered")
    deltas = service.of(run, 2)
    return (f"accepted after {milliseconds(answered - sent)}, the slot had left the old request after "
            f"{milliseconds(freed - sent)}, the new answer began after {milliseconds(deltas[0][0] - sent)}, "
            f"{rate(answer.usage.output_tokens, deltas)}, FINISHED ({answer.finish_reason})")


def crash(service, model):
    shown = len(model.prompts())
    run = service.launch("Tell me a long story about a mountain.")
    task = service.middle(run, model)
    before = service.events(run)
    killed = time.monotonic()
    service.process.end(signal.SIGKILL)
    freed = model.freed(task)
    service.start()
    ready = time.monotonic()
    service.wait(run, "FINISHED")
    after = service.events(run)
    check("no event was lost", [event.SerializeToString() for event in after[:len(before)]]
          == [event.SerializeToString() for event in before])
    cut = service.only(run, "model_cut")
    check("the journal says that a crash cut it", cut.cause == pb.BY_CRASH)
    check("nobody had to tell it to go on", not any(event.HasField("hold_lifted") for event in after))
    check("the model was asked once more", len(model.prompts()) - shown == 2)
    answer = service.only(run, "model_answered")
    return (f"the slot was free after {milliseconds(freed - killed)}, the service was back after "
            f"{milliseconds(ready - killed)}, {len(cut.text)} characters kept, {answer.usage.output_tokens} tokens, FINISHED ({answer.finish_reason})")


def parsed(arguments):
    try:
        return json.loads(arguments)
    except ValueError:
        return None


def tool_call(service, model):
    # A model of this size may choose any command: only those of this form are executed.
    policy = {"tools": [{"tool": "terminal", "gate": "DENY", "rules": [
        {"when": [{"pointer": "/command", "matches": "^mkdir [a-z]+$"}], "gate": "ALLOW"}]}]}
    chosen = []
    for name in ("reports", "letters", "plans"):
        run = service.launch(
            f"Make a directory with the name {name}.", tools=["terminal"], policy=policy,
            system_prompt="A conversation with an assistant who works on a computer.",
            # A base model goes on with the next question; its answer is over before that.
            model_options={"temperature": 0.0, "max_output_tokens": 80, "stop": ["\n\n"]}, limits={"max_steps": 4})
        summary = service.wait(run, "FINISHED", "FAILED", "WAITING")
        events = service.events(run)
        answers = [event.model_answered for event in events if event.HasField("model_answered")]
        calls = [call for answer in answers for call in answer.calls]
        chosen.append([call.arguments for call in calls] or [answer.text for answer in answers])
        if [(call.tool, parsed(call.arguments)) for call in calls] != [("terminal", {"command": f"mkdir {name}"})]:
            continue
        check("the server says that the answer ended with a call", answers[0].finish_reason == "tool_calls")
        ended = service.only(run, "call_ended")
        check(f"the command ran: {ended}", (ended.outcome, ended.exit_code) == (pb.CALL_FINISHED, 0))
        check("the directory is there", os.path.isdir(os.path.join(summary.workspace, name)))
        check("the run is FINISHED", summary.status == pb.FINISHED)
        check("the model was shown the call and its result",
              f'"mkdir {name}"' + "}}\n</tool_call>\n\nResult: " in model.prompts()[-1])
        return f"the model chose terminal {calls[0].arguments}, it ran, {summary.last_message.strip()!r}, FINISHED"
    raise NotShown(f"the model did not choose the command that it was asked for: {chosen}")


TEXT = [
    ("a stream", stream),
    ("a length limit", length_limit),
    ("an interrupt", interrupt),
    ("going on after it", resume),
    ("a correction", correct),
    ("kill -9 of the service", crash),
]
CALLS = [("a tool call", tool_call)]


def play(stories, directory, name, *arguments):
    """Plays stories with a model's server and a service of their own; how many were not shown."""
    not_shown = 0
    with ModelServer(directory, name, *arguments) as model:
        print(f"llama-server answers after {model.started_in:.1f} s ({name}.jinja)", flush=True)
        place = os.path.join(directory, name)
        os.mkdir(place, 0o700)
        with Service(place, model.url) as service:
            for title, story in stories:
                began = time.monotonic()
                try:
                    said = story(service, model)
                except NotShown as reason:
                    not_shown += 1
                    said = f"not shown: {reason}"
                except (Wrong, fermata.FermataError, LookupError) as wrong:
                    raise Wrong(f"{title}: {wrong}") from wrong
                print(f"{title:<24}{said} [{time.monotonic() - began:.1f} s]", flush=True)
    return not_shown


def stop(*_):
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # until everything has been ended
    raise SystemExit("tools/real-model: ended before its end")


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main():
    for number in SIGNALS:
        signal.signal(number, stop)
    directory = tempfile.mkdtemp(prefix="fermata-")
    keep = False
    try:
        # Without a parser for calls the grammar holds although every request has tools.
        grammar = os.path.join(CONFIGURATION, "text.gbnf")
        not_shown = play(TEXT, directory, "text", "--skip-chat-parsing", "--grammar-file", grammar)
        not_shown += play(CALLS, directory, "calls")
    except Wrong as wrong:
        keep = True
        sys.exit(f"\nnot as told: {wrong}\nWhat the processes said is in {directory}.")
    finally:
        # Those whose start was not over.
        for process in list(reversed(Process.children)):
            process.end()
        if not keep:
            shutil.rmtree(directory, ignore_errors=True)
    if not_shown:
        sys.exit(f"\n{not_shown} of {len(TEXT + CALLS)} stories could not be shown with this model.")
    print(f"\n{len(TEXT + CALLS)} stories went as told.")


main()
