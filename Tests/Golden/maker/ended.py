"""A store after an orderly end: copies of runs, and what reaches beyond the server."""
import json
import signal
import tarfile
import time

from .script import SCRIPT, runs, says
from .stage import Stage

#: Nobody is there: messages wait.
CONFIG = f"""webhooks:
- name: golden
  url: http://127.0.0.1:9/hook
  secret-env: GOLDEN_SECRET
  agent: [reviewer]
  checkpoint: true
  retry: [{", ".join(["1"] * 100)}]
"""

#: Runs of `killed` that go on here, and how: on hold, at once, with an answer.
ARRIVALS = [
    ("question-choice", {}), ("question-yes-no", {"start": True}), ("question-free-text", {"answer": "Neither."}),
    ("approval", {"answer": "", "verdict": "APPROVE"}), ("outcome", {}), ("budget", {"start": True}), ("stuck", {}),
    ("running-model", {}), ("running-tool", {}), ("leased", {}), ("pausing-killing", {}), ("paused-selection", {}),
    ("running-between-attempts", {}), ("finished", {}), ("failed", {}), ("stopped", {}), ("idle", {}), ("ready", {}),
]


def make(binary, folder):
    script = [
        says("hang cut", "One two three four.", gate="never", gate_after_tokens=2),
        says("hang last", "One two three four.", gate="never", gate_after_tokens=2),
        runs("long cut", "echo begun; echo $$ > cut.pid; exec sleep 600"),
        runs("long last", "echo begun; echo $$ > last.pid; exec sleep 600"),
    ]
    stage = Stage(binary, folder, script + SCRIPT, config=CONFIG)
    client = stage.client
    cut(stage)
    arrivals(stage, folder)
    forks(stage)
    changed(stage)
    client.put_agent({
        "name": "reviewer", "description": "Reads a change.", "systemPrompt": "Golden.", "tools": ["ask_human"],
        "modelOptions": {"temperature": 0.5}, "limits": {"maxSteps": 40, "maxCostNanoUsd": "500000000"},
        "policy": {"tools": [{"tool": "ask_human", "urgency": "HIGH"}]}})
    client.put_agent({"name": "other", "model": "openai/mock"})
    client.put_agent({"name": "other", "model": "openai/mock", "description": "Version 2."})
    stage.launch("hooked-waiting", "question yes-no", agent="reviewer", until="WAITING")
    run = stage.launch("hooked", "question yes-no", agent="reviewer", until="WAITING")
    client.answer(run, 1, "yes")
    stage.wait(run, "FINISHED")
    for name, scope in (("reader", "READ"), ("desk", "OPERATE"), ("root", "ADMIN"), ("lost", "ADMIN")):
        reply = client.create_token(name, scope)
        stage.secrets.append({"secret": reply.secret, "scope": "" if name == "lost" else scope})
        if name == "lost":
            client.revoke_token(reply.token.id)
    # A workspace of its own, and all built-in tools with the built-in prompt.
    reply = client.launch("say", reason="plain")
    stage.wait(stage.named("plain", reply), "FINISHED")
    # What is in flight when it ends.
    stage.launch("ended-model", "hang last")
    stage.streamed("hang last")
    stage.process(stage.launch("ended-tool", "long last", tools=["terminal"]), "last")
    while not client.stats().webhooks_pending:
        time.sleep(0.02)
    stage.webhooks = {"endpoint": "golden", "pending": client.stats().webhooks_pending, "dead": 0}
    stage.finish(signal.SIGTERM)


def cut(stage):
    """What an earlier end cut."""
    client = stage.client
    model = stage.launch("cut-model", "hang cut")
    stage.streamed("hang cut")
    tool = stage.launch("cut-tool", "long cut", tools=["terminal"])
    stage.process(tool, "cut")
    stage.server.end()
    stage.start()
    stage.wait(tool, "FINISHED")
    # The model was shown what it had said, and says that it is done.
    stage.wait(model, "FINISHED")
    # Holds that lift by their time and by their token.
    for name in ("lifted-by-time", "lifted-by-token"):
        run = stage.launch(name)
        moment = client.hello().now_at + 300_000 if name.endswith("time") else None
        token = client.pause(run, resume_at=moment, resume_token=True).resume_token
        client.send(run, "say")
        if moment is None:
            client.resume(token=token)
        stage.wait(run, "FINISHED")


def arrivals(stage, folder):
    client = stage.client
    killed = folder.removesuffix("ended") + "killed"
    with open(f"{killed}/meta.json") as file:
        ids = {name: run for run, name in json.load(file)["names"].items()}
    with tarfile.open(f"{killed}/checkpoints.tar.xz") as archive:
        for name, how in ARRIVALS:
            checkpoint = archive.extractfile(f"{ids[name]}.json").read().decode()
            reply = client.import_(checkpoint, workspace=stage.work, reason="moved", **how)
            stage.named(f"imported-{name}", reply)
    by_name = {name: run for run, name in stage.names.items()}
    for name in ("question-free-text", "approval"):
        stage.wait(by_name[f"imported-{name}"], "FINISHED")
    # Away for good, and away and home again.
    gone = stage.launch("handed-off", "question free-text", until="WAITING")
    client.export(gone, handoff=True)
    home = stage.launch("home-again", "say", until="FINISHED")
    client.import_(client.export(home, handoff=True), workspace=stage.work)


def forks(stage):
    client = stage.client
    source = stage.launch("fork-source", "two runs", tools=["terminal"], until="FINISHED")
    asking = stage.launch("fork-source-asking", "question choice", until="WAITING")
    stage.named("forked", client.fork(source))
    stage.named("forked-asking", client.fork(asking))
    stage.named("forked-call", client.fork(source, call=2, arguments={"command": "echo other"}))
    run = stage.named("forked-message", client.fork(source, message=1, text="say", start=True))
    stage.wait(run, "FINISHED")
    stopped = stage.launch("fork-source-stopped", "say", until="FINISHED")
    client.stop(stopped)
    stage.named("forked-stopped", client.fork(stopped))


def changed(stage):
    """Settings of a run that were changed on the way."""
    client = stage.client
    run = stage.launch("changed", "fail", until="FAILED")
    client.resume(run, text="say", model="openai/other", base_url=stage.model.url, hold_at="SELECTION")
    stage.wait(run, "FINISHED")
    client.set_policy(run, {"tools": [{"tool": "terminal", "rules": [{"when": [
        {"pointer": "/command", "matches": "^ls"}, {"pointer": "/timeout_seconds", "less": 5},
        {"pointer": "/x", "equals": "[1.0]"}, {"pointer": "/n", "greater": 0.5}], "gate": "DENY"}]}]})
    client.set_budget(run, {"maxSteps": 7, "maxCostNanoUsd": "5", "maxRepeats": 3})
