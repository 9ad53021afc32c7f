"""Runs that are long enough for a snapshot, with every kind of event behind them."""
import hashlib
import json
import signal
import sqlite3
import time
import uuid

from .script import SCRIPT, SEARCH, runs, says
from .stage import Stage


def make(binary, folder):
    script = [
        says("hang", "One two three four.", gate="never", gate_after_tokens=2),
        runs("long", "echo begun; echo $$ > long.pid; exec sleep 600"),
    ]
    stage = Stage(binary, folder, script + SCRIPT)
    client = stage.client
    client.register_tools("desk-1", [SEARCH])
    ancient = stage.named("ancient", client.import_(ancient_checkpoint(stage.work), reason="from long ago"))
    run = stage.named("every-kind", client.fork(ancient))
    every_kind(stage, run)
    grow(stage, run)
    # A run that was stopped, with its stop in the snapshot: the fork has so many events that the next tick writes one.
    for number in range(1, 20):
        copy = stage.named(f"every-kind-stopped-{number}", client.fork(run))
        if client.stop(copy).run.last_seq == snapshot_of(stage, copy):
            break
    else:
        raise SystemExit("no snapshot has the stop")
    stage.finish(signal.SIGKILL)


def every_kind(stage, run):
    client = stage.client
    client.set_budget(run, {})
    stage.launch("every-kind-child", parent=run)
    client.withdraw(run, client.send(run, "say").message)
    client.send(run, "hang")
    client.resume(run)
    client.resume(run)
    stage.streamed("hang")
    client.interrupt(run)
    client.send(run, "fail")
    client.resume(run)
    stage.wait(run, "FAILED")
    client.resume(run, text="search")
    stage.wait(run, "WAITING")
    for lease in (1.0, 60.0):
        (offer,) = client.take_calls("desk-1", ["search"], wait=10)
        client.start_call(offer, "desk-1", lease=lease)
        if lease == 1.0:
            stage.event(run, "call_lost")
    client.complete_call(run, offer.call, offer.attempt, "desk-1", result="Pears.")
    stage.wait(run, "FINISHED")
    client.set_policy(run, {"tools": [{"tool": "terminal", "gate": "ASK"}]})
    client.send(run, "guarded run")
    stage.wait(run, "WAITING")
    client.pause(run)
    client.decide_call(run, stage.ask(run).call, "EDIT", arguments={"command": "echo edited"})
    client.approve(stage.ask(run))
    client.resume(run)
    stage.wait(run, "FINISHED")
    client.set_policy(run, {})
    client.resume(run, text="long", hold_at="SELECTION", model="openai/other")
    stage.wait(run, "PAUSED")
    client.resume(run)
    stage.process(run, "long")
    client.interrupt(run)
    stage.wait(run, "PAUSED")
    # It goes away and comes home.
    client.import_(client.export(run, handoff=True), workspace=stage.work)
    found = {event.WhichOneof("kind") for event in client.read_events(run).events}
    assert len(found) == 27, found


def grow(stage, run):
    """Until its snapshot is one of after all that."""
    begun = stage.client.get_run(run).run.last_seq
    while (snapshot_of(stage, run) or 0) <= begun:
        for number in range(1, 60):
            last = stage.client.set_budget(run, {"maxSteps": number}).run.last_seq
        assert last < 1000


def snapshot_of(stage, run):
    """The last event in the run's snapshot, after two more ticks."""
    time.sleep(2.2)
    with sqlite3.connect(f"file:{stage.directory}/fermata.db?mode=ro", uri=True) as store:
        row = store.execute("SELECT seq FROM snapshots WHERE run = ?", [uuid.UUID(run).bytes]).fetchone()
    return row and row[0]


def ancient_checkpoint(workspace):
    """A run of before asks for limits: nothing writes `limit_reached` any more."""
    run = "01900000-0000-7000-8000-00000000601d"
    terminal = {"name": "terminal", "description": "Runs a command.", "parameters": json.dumps({
        "type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]})}
    launched = {
        "agent": "default", "model": "openai/mock", "systemPrompt": "Golden.", "workspace": workspace, "modelAttempts": 1,
        "limits": {"maxSteps": 1}, "tools": [terminal, {**SEARCH, "byWorker": True}]}
    kinds = [
        {"launched": launched}, {"messageQueued": {"number": 1, "text": "run", "delivery": "NEXT_STEP"}},
        {"modelCalled": {"step": 1, "attempt": 1, "delivered": [1]}},
        {"modelAnswered": {"step": 1, "attempt": 1, "text": "I look.", "finishReason": "tool_calls", "calls": [
            {"number": 1, "tool": "terminal", "arguments": '{"command":"ls"}', "modelId": "call_0_0"}]}},
        {"callStarted": {"number": 1, "attempt": 1}},
        {"callEnded": {"number": 1, "attempt": 1, "outcome": "CALL_FINISHED", "output": "notes.txt\n", "exitCode": 0}},
        {"limitReached": {"failure": {"kind": "LIMIT_REACHED", "message": "the turn has had 1 steps"}}},
    ]
    events = [{"run": run, "seq": str(n), "at": str(1_719_000_000_000_000 + n), **kind} for n, kind in enumerate(kinds, 1)]
    document = {
        "by": "fermata 0.0.1", "children": [], "events": events, "exportedAt": "1719000000001000",
        "format": "fermata-checkpoint", "openAsks": [], "run": run, "version": 1}
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    document["digest"] = "sha256:" + hashlib.sha256(canonical).hexdigest()
    return json.dumps(document, ensure_ascii=False)
