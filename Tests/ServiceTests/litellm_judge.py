"""Judges what Fermata does behind LiteLLM's proxy. It starts Fermata, the proxy and the scripted model as processes.

    litellm_judge.py FERMATA [WORD]    FERMATA is the binary; with WORD only the checks whose names have it are run

The proxy is `litellm` as Tests/requirements.txt pins it, with its usual settings. Fermata is configured as users do it.
There are three ways from Fermata to the scripted model:

    chat       chat completions, and behind the proxy chat completions (`hosted_vllm/…`)
    messages   Anthropic's Messages, and behind the proxy Messages as well (`anthropic/…`)
    claude     chat completions, and behind the proxy Messages (`anthropic/…`)

Each check prints one line. What LiteLLM does by itself is checked as well, so that a change of it is noticed: names of
these checks begin with "LiteLLM". The exit code is 1 if a check does not hold. All traffic is on loopback. What LiteLLM
asks of other hosts goes to an HTTP proxy that refuses it, and one check says what that was.
"""
import ctypes
import http.server
import importlib.metadata
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import fermata

BINARY = sys.argv[1]
ONLY = sys.argv[2] if len(sys.argv) > 2 else ""
VERSION = "1.108.7"
MODELS = {
    "chat": "litellm_proxy/scripted-vllm", "messages": "front/scripted-claude",
    "claude": "litellm_proxy/scripted-claude"}
LONG = " ".join(f"word{number}" for number in range(1, 1001))
COMMAND = "echo 'the \"first\" é'"
#: Errors of the scripted model: status, error, the kind that Fermata's table gives, how many requests LiteLLM makes of
#: one, and how many of its two attempts Fermata makes.
ERRORS = {
    "limit": (429, None, "RATE_LIMITED", 3, 2),
    "broken": (500, None, "HTTP_STATUS", 3, 2),
    "wrong": (400, None, "HTTP_STATUS", 1, 1),
    "quota": (
        429,
        {"message": "You exceeded your current quota, please check your plan.", "type": "insufficient_quota",
         "code": "insufficient_quota"},
        "QUOTA_EXCEEDED", 3, 1),
    "credit": (
        400,
        {"message": "Your credit balance is too low to access the API.", "type": "invalid_request_error"},
        "QUOTA_EXCEEDED", 1, 1),
    "key": (401, {"message": "invalid x-api-key", "type": "authentication_error"}, "AUTHENTICATION", 1, 1),
}


def script():
    """The turns of the scripted model. A turn answers when its match is found in the last message."""
    turns = [
        {"match": "user: say", "text": "Hello there.", "usage": {"prompt_tokens": 11, "completion_tokens": 7}},
        {"match": "user: look", "reasoning": "Where am I? ", "text": "I look.",
         "usage": {"prompt_tokens": 100, "completion_tokens": 20, "cached_tokens": 60},
         "tool_calls": [{"name": "terminal", "arguments": {"command": COMMAND}}]},
        {"match": "tool: the \"first\"", "reasoning": "What else is there? ", "text": "I look again.",
         "usage": {"prompt_tokens": 200, "completion_tokens": 30, "cached_tokens": 80},
         "tool_calls": [{"name": "terminal", "arguments": {"command": "echo second"}}]},
        {"match": "tool: second", "text": "Both are there.", "usage": {"prompt_tokens": 300, "completion_tokens": 10}},
        {"match": "user: talk", "text": LONG, "tokens_per_second": 40},
        {"match": "user: hesitate", "text": LONG, "tokens_per_second": 40, "gate": "first"},
        {"match": "user: leave", "text": "The connection breaks here, and not at the end.", "times": 1,
         "tokens_per_second": 10, "fault": {"disconnect_after_tokens": 4}},
        {"match": "user: garble", "text": "The line is garbled here, and not at the end.", "times": 1,
         "tokens_per_second": 10, "fault": {"malformed_chunk_after_tokens": 4}},
        {"match": "user: later", "fault": {"status": 429, "retry_after": 1}, "times": 3},
    ]
    for name, (status, error, *_) in ERRORS.items():
        fault = {"status": status}
        if error:
            fault["body"] = json.dumps({"type": "error", "error": error})
        turns.append({"match": f"user: {name} ", "fault": fault, "repeat": True})
    return turns + [{"match": "", "text": "Done."}]


class Checks:
    def __init__(self):
        self.count, self.wrong, self.started = 0, [], time.monotonic()

    def that(self, name, holds, seen=None):
        if ONLY not in name:
            return
        self.count += 1
        line = f"{name}{'' if holds or seen is None else f': {seen}'}"
        print(f"{time.monotonic() - self.started:6.1f} s  {'ok   ' if holds else 'WRONG'} {line}", flush=True)
        if not holds:
            self.wrong.append(line)

    def equal(self, name, seen, expected):
        self.that(name, seen == expected, f"{seen!r}, not {expected!r}")


PRCTL = ctypes.CDLL(None).prctl
PR_SET_PDEATHSIG = 1


class Child:
    """A process that is ended by its id. If this program is killed, the kernel ends it."""

    def __init__(self, arguments, log, env):
        self.log = log
        self.arguments = arguments
        with open(log, "wb") as file:
            self.process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, env=env,
                preexec_fn=lambda: PRCTL(PR_SET_PDEATHSIG, signal.SIGKILL))

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def line(self, beginning, seconds=60):
        """Waits for a line of its output that begins so, and returns the rest of it."""
        return wait(
            f"{self.arguments[1]} says {beginning!r}", seconds,
            lambda: next((l[len(beginning):] for l in self.said().split("\n")[:-1] if l.startswith(beginning)), None),
            self)

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def wait(what, seconds, condition, *children):
    """Asks until the condition is something."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        for child in children:
            if child.process.poll() is not None:
                raise RuntimeError(f"{child.arguments} ended with {child.process.returncode}:\n{child.said()[-3000:]}")
        if time.monotonic() > end:
            raise RuntimeError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Outside(http.server.BaseHTTPRequestHandler):
    """Stands for everything that is not on this machine: it notes what it is asked for, and refuses it."""

    asked = []

    def refuse(self):
        self.asked.append(f"{self.command} {self.path}")
        self.send_error(403)

    do_GET = do_POST = do_HEAD = do_CONNECT = refuse

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Stage:
    """The three processes."""

    def __init__(self, directory):
        self.directory = directory
        self.children = []
        self.outside = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Outside)

    def start(self):
        self.start_model()
        proxy = self.start_proxy()
        serve = self.start_fermata()
        # Not before the processes have begun: a process is not forked safely where there are threads.
        threading.Thread(target=self.outside.serve_forever, daemon=True).start()
        wait("the proxy is ready", 180, self.is_proxy_ready, proxy)
        serve.line("listening ")
        self.client = fermata.Client(self.home)

    def child(self, name, arguments, **env):
        inherited = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
        env = dict(inherited, HOME=self.directory, **env)
        child = Child(arguments, os.path.join(self.directory, name + ".log"), env)
        self.children.append(child)
        return child

    def file(self, name, content):
        path = os.path.join(self.directory, name)
        with open(path, "w") as file:
            json.dump(content, file)  # JSON is YAML as well
        return path

    def start_model(self):
        model = self.child("model", [BINARY, "mock-model", "--script", self.file("script.json", script())])
        self.model = model.line("listening ").split()[0].removesuffix("/v1")

    def start_proxy(self):
        models = {
            "scripted-vllm": {"model": "hosted_vllm/mock", "api_base": self.model + "/v1"},
            "scripted-claude": {"model": "anthropic/mock", "api_base": self.model},
        }
        # After an error LiteLLM leaves a model alone for some seconds: each error has a model of its own.
        models |= {f"{name}-{error}": of for name, of in models.items() for error in [*ERRORS, "later"]}
        config = self.file("litellm.yaml", {"model_list": [
            {"model_name": name, "litellm_params": dict(of, api_key="key-of-the-model")}
            for name, of in models.items()]})
        port, self.key = free_port(), "sk-" + secrets.token_hex(32)
        outside = f"http://127.0.0.1:{self.outside.server_port}"
        self.proxy_url = f"http://127.0.0.1:{port}"
        program = os.path.join(os.path.dirname(sys.executable), "litellm")
        return self.child(
            "proxy", [program, "--config", config, "--host", "127.0.0.1", "--port", str(port)],
            LITELLM_MASTER_KEY=self.key, LITELLM_LOCAL_MODEL_COST_MAP="True",
            LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS="True", HTTP_PROXY=outside, HTTPS_PROXY=outside,
            ALL_PROXY=outside, NO_PROXY="127.0.0.1")

    def is_proxy_ready(self):
        try:
            with urllib.request.urlopen(self.proxy_url + "/health/readiness", timeout=10) as reply:
                return reply.status == 200
        except OSError:
            return False

    def start_fermata(self):
        self.home = os.path.join(self.directory, "fermata")
        config = self.file("fermata.yaml", {"providers": [
            {"name": "front", "base-url": self.proxy_url, "api": "messages", "api-key-env": "FRONT_API_KEY"}]})
        return self.child(
            "serve", [BINARY, "serve", "--dir", self.home, "--config", config], FRONT_API_KEY=self.key,
            LITELLM_PROXY_API_BASE=self.proxy_url, LITELLM_PROXY_API_KEY=self.key)

    def end(self):
        for child in reversed(self.children):
            child.end()
        self.outside.server_close()

    def logs(self):
        return "\n".join(f"{child.log}:\n{child.said()[-3000:]}" for child in self.children)

    # What has happened.

    def requests(self, task):
        """What the scripted model was asked in this conversation, in order."""
        with urllib.request.urlopen(self.model + "/log?bodies=1", timeout=30) as reply:
            return [e for e in json.load(reply) if task in json.dumps(e["body"], ensure_ascii=False)]

    def request(self, task, number, seconds, condition):
        """Waits until the scripted model's entry of a request fulfils a condition."""
        def found():
            entries = self.requests(task)
            return entries[number - 1] if len(entries) >= number and condition(entries[number - 1]) else None

        return wait(f"request {number} of {task!r}", seconds, found)

    def gate(self, name, method):
        call = urllib.request.Request(f"{self.model}/gates/{name}", method=method)
        urllib.request.urlopen(call, timeout=30).read()

    def launch(self, task, way, model=""):
        return self.client.launch(task, model=MODELS[way] + model, model_attempts=2).run.id

    def finish(self, run, seconds=90):
        return self.client.wait_until(run, "FINISHED", "FAILED", timeout=seconds)

    def events(self, run, kind):
        return [getattr(e, kind) for e in self.client.read_events(run).events if e.WhichOneof("kind") == kind]


def name_of(status):
    return fermata.messages.Status.Name(status).removeprefix("STATUS_")


def shown(body):
    """What a request shows the model of answers and results, in order: pairs of a kind and what it is."""
    pairs = []
    for message in body["messages"]:
        if message["role"] == "tool":
            pairs.append(("result", message["content"]))
        if message["role"] == "assistant" and message.get("reasoning_content"):
            pairs.append(("reasoning", message["reasoning_content"]))
        content = message["content"]
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content or []:
            if part["type"] == "tool_result":
                result = part["content"]
                pairs.append(("result", result if isinstance(result, str) else "".join(p["text"] for p in result)))
            elif part["type"] == "thinking":
                pairs.append(("reasoning", part["thinking"]))
            elif part["type"] == "tool_use":
                pairs.append(("call", part["input"]))
            elif part["type"] == "text" and message["role"] == "assistant":
                pairs.append(("text", part["text"]))
        pairs += [("call", json.loads(call["function"]["arguments"])) for call in message.get("tool_calls") or []]
    return pairs


def text(stage, checks, way):
    summary = stage.finish(stage.launch(f"say {way}", way))
    checks.equal(
        f"{way}: a text arrives", (name_of(summary.status), summary.last_message), ("FINISHED", "Hello there."))
    usage = summary.usage
    checks.equal(
        f"{way}: its tokens are those that the model has told", (usage.input_tokens, usage.output_tokens), (11, 7))


def calls(stage, checks, way):
    task = f"look {way}"
    run = stage.launch(task, way)
    summary = stage.finish(run)
    checks.equal(
        f"{way}: a run with two calls finishes",
        (name_of(summary.status), summary.last_message, summary.failure.message), ("FINISHED", "Both are there.", ""))
    usage = summary.usage
    checks.equal(
        f"{way}: tokens of its answers are added up",
        (usage.model_calls, usage.input_tokens, usage.cached_input_tokens, usage.output_tokens), (3, 600, 140, 60))
    if way == "messages":
        checks.equal(f"{way}: it is not said how many of them were for reasoning", usage.reasoning_tokens, 0)
    else:
        checks.that(f"LiteLLM, {way}: it makes up how many of them were for reasoning", usage.reasoning_tokens > 0)
    answers = stage.events(run, "model_answered")
    checks.equal(
        f"{way}: the arguments arrive",
        [json.loads(call.arguments) for answer in answers for call in answer.calls],
        [{"command": COMMAND}, {"command": "echo second"}])
    reasoning = [[b.reasoning for b in a.blocks if b.WhichOneof("kind") == "reasoning"] for a in answers]
    checks.equal(f"{way}: reasoning is in the journal", reasoning, [["Where am I? "], ["What else is there? "], []])
    requests = stage.requests(task)
    checks.equal(f"{way}: the model is asked once for each answer", len(requests), 3)
    pairs = shown(requests[-1]["body"])
    checks.equal(
        f"{way}: texts, calls and results go back in their order", [p for p in pairs if p[0] != "reasoning"],
        [("text", "I look."), ("call", {"command": COMMAND}), ("result", "the \"first\" é\n"),
         ("text", "I look again."), ("call", {"command": "echo second"}), ("result", "second\n")])
    checks.equal(
        f"{way}: reasoning goes back in the order in which it came",
        [p for p in pairs if p[0] in ("reasoning", "text")],
        [("reasoning", "Where am I? "), ("text", "I look."), ("reasoning", "What else is there? "),
         ("text", "I look again.")])


def errors(stage, checks):
    # All at once, as LiteLLM waits between its own attempts.
    names = [*ERRORS, "later"]
    runs = {(way, name): stage.launch(f"{name} {way}", way, f"-{name}") for way in MODELS for name in names}
    for (way, name), run in runs.items():
        summary = stage.finish(run)
        failures = [failed.failure for failed in stage.events(run, "model_failed")]
        if name == "later":
            delays(checks, way, summary, failures)
            continue
        status, _, kind, asks, tries = ERRORS[name]
        checks.equal(
            f"{way}: {status} ({name}) is {kind}", (name_of(summary.status), summary.failure.kind), ("FAILED", kind))
        checks.equal(
            f"{way}: {status} ({name}) comes with its status, and {'is tried again' if tries > 1 else 'is final'}",
            [failure.http_status for failure in failures], [status] * tries)
        checks.equal(
            f"LiteLLM, {way}: of one request with {status} ({name}) it makes {asks}",
            len(stage.requests(f"{name} {way}")), asks * tries)


def delays(checks, way, summary, failures):
    checks.equal(
        f"{way}: after 429 another attempt has the answer", (name_of(summary.status), summary.last_message),
        ("FINISHED", "Done."))
    seen = [failure.retry_after_ms for failure in failures]
    if way == "messages":
        checks.equal("LiteLLM, messages: it does not pass on how long the model wants to be left alone", seen, [0])
    else:
        checks.equal(f"{way}: how long the model wants to be left alone arrives", seen, [1000])


def breaks_off(stage, checks, way):
    task = f"leave {way}"
    run = stage.launch(task, way)
    summary = stage.finish(run)
    failed = [failed.failure.kind for failed in stage.events(run, "model_failed")]
    # LiteLLM tells it as an error in the stream: with the code 500 over chat completions, with none over Messages.
    kind = "BAD_RESPONSE" if way == "messages" else "HTTP_STATUS"
    checks.equal(
        f"{way}: a stream that breaks off is tried again", (name_of(summary.status), summary.last_message, failed),
        ("FINISHED", "Done.", [kind]))
    task = f"garble {way}"
    run = stage.launch(task, way)
    summary = stage.finish(run)
    seen = (name_of(summary.status), summary.last_message, len(stage.events(run, "model_failed")))
    if way == "messages":
        checks.equal(f"{way}: a stream with a broken event is tried again", seen, ("FINISHED", "Done.", 1))
    else:
        checks.equal(
            f"LiteLLM, {way}: it makes a whole answer of a stream with a broken event", seen,
            ("FINISHED", "The line is garbled ", 0))


def interrupt(stage, checks, way):
    task = f"talk {way}"
    run = stage.launch(task, way)
    stage.request(task, 1, 30, lambda entry: entry["tokens_sent"] >= 20)
    sent = time.time()
    summary = stage.client.interrupt(run).run
    checks.equal(f"{way}: an interrupt pauses the run at once", name_of(summary.status), "PAUSED")
    entry = stage.request(task, 1, 10, lambda entry: entry["closed_at"])
    took = entry["closed_at"] / 1e6 - sent
    checks.that(f"{way}: it arrives at the model ({took * 1000:.0f} ms)",
                entry["ended"] == "client_closed" and took < 2, entry["ended"])
    cut = stage.events(run, "model_cut")[0].text
    checks.that(f"{way}: what has come is kept", cut.startswith("word1 word2 ") and LONG.startswith(cut), cut[:100])
    stage.client.resume(run, text="Go on.")
    summary = stage.finish(run)
    checks.equal(
        f"{way}: it is resumed and finishes", (name_of(summary.status), summary.last_message), ("FINISHED", "Done."))
    pairs = shown(stage.requests(task)[-1]["body"])
    # An answer may not end in white space over Messages.
    said = [(kind, text.rstrip()) for kind, text in pairs]
    checks.equal(f"{way}: the model is shown what it had said", said, [("text", cut.rstrip())])


def interrupt_before(stage, checks, way):
    """Before the scripted model has sent anything."""
    task = f"hesitate {way}"
    stage.gate("first", "DELETE")
    run = stage.launch(task, way)
    stage.request(task, 1, 30, lambda entry: entry["waits_at_gate"])
    checks.equal(f"{way}: an interrupt before the first token pauses the run at once",
                 name_of(stage.client.interrupt(run).run.status), "PAUSED")
    time.sleep(1)
    entry = stage.requests(task)[0]
    checks.equal(f"LiteLLM, {way}: it leaves the model only when the first token comes", entry["closed_at"], None)
    stage.gate("first", "POST")
    entry = stage.request(task, 1, 10, lambda entry: entry["closed_at"])
    checks.equal(f"{way}: then it arrives at the model", entry["ended"], "client_closed")
    stage.client.resume(run, text="Go on.")
    summary = stage.finish(run)
    checks.equal(
        f"{way}: it is resumed and finishes as well", (name_of(summary.status), summary.last_message),
        ("FINISHED", "Done."))


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    checks = Checks()
    installed = importlib.metadata.version("litellm")
    if installed != VERSION:
        sys.exit(f"litellm is {installed}, and what it does is known of {VERSION}")
    directory = tempfile.mkdtemp(prefix="fermata-litellm-")
    stage = Stage(directory)
    try:
        stage.start()
        print(f"{time.monotonic() - checks.started:6.1f} s  LiteLLM {installed} is ready", flush=True)
        for judge in (text, calls, breaks_off, interrupt, interrupt_before):
            for way in MODELS:
                judge(stage, checks, way)
        errors(stage, checks)
        checks.equal("LiteLLM: it asks nothing of other hosts", Outside.asked, [])
    except Exception:
        print(stage.logs(), file=sys.stderr)
        raise
    finally:
        stage.end()
        shutil.rmtree(directory, ignore_errors=True)
    print(f"{time.monotonic() - checks.started:6.1f} s  {checks.count} checks, {len(checks.wrong)} wrong")
    if checks.wrong:
        sys.exit("\n".join(checks.wrong))


main()
