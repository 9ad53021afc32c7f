"""A store that a kill left, in the middle of everything. It had been killed once before."""
import signal

from fermata import Attachment

from .script import BOOK, QUESTIONS, SCRIPT, SEARCH, fails, runs, says
from .stage import Stage

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(60))

HELD = ["pausing-killing", "running-killing", "stopped-killing"]
EXECUTING = ["running-tool", "pausing-tool", "unknown", "unknown-asks", *HELD]
STREAMING = ["running-model", "pausing-model"]

PIDS = [runs(f"long {name}", f"echo begun; echo $$ > {name}.pid; exec sleep 600") for name in EXECUTING]
WAITS = [says(f"hang {name}", "One two three four.", gate="never", gate_after_tokens=2)
         for name in [*STREAMING, "crashed", "interrupted", "interrupted-now", "stopped"]]


def make(binary, folder):
    stage = Stage(binary, folder, PIDS + WAITS + [fails("soon", status=503)] + SCRIPT)
    client = stage.client
    lost(stage)
    at_rest(stage)
    families(stage)
    asking(stage)
    working(stage)
    attached(stage)
    # What is in flight when it is killed.
    for name in STREAMING:
        run = stage.launch(name, f"hang {name}")
        stage.streamed(f"hang {name}")
        if name == "pausing-model":
            client.pause(run)
    stage.event(stage.launch("running-between-attempts", "busy", model_attempts=3), "model_failed")
    for name in EXECUTING:
        if name.startswith("unknown"):
            continue
        run = stage.launch(name, f"long {name}", tools=["terminal"])
        process = stage.process(run, name)
        if name == "pausing-tool":
            client.pause(run)
        if name in HELD:
            stage.grip(process)
            client.stop(run) if name == "stopped-killing" else client.interrupt(run)
        if name == "running-killing":
            client.resume(run)
    stage.finish(signal.SIGKILL)


def lost(stage):
    """What a first kill makes of what is in flight."""
    stage.launch("crashed", "hang crashed")
    stage.streamed("hang crashed")
    for name in ("unknown", "unknown-asks"):
        when = "ASK_PEOPLE" if name.endswith("asks") else "WHEN_UNKNOWN_UNSPECIFIED"
        run = stage.launch(
            name, f"long {name}", tools=["terminal"], policy={"tools": [{"tool": "terminal", "whenUnknown": when}]})
        stage.process(run, name)
    stage.crash()
    stage.start()
    by_name = {name: run for run, name in stage.names.items()}
    # The model hangs again: it is interrupted, so that the run stands still.
    stage.event(by_name["crashed"], "model_cut")
    stage.streamed("hang crashed")
    stage.client.interrupt(by_name["crashed"], reason="It hangs.")
    stage.wait(by_name["unknown"], "FINISHED")
    stage.wait(by_name["unknown-asks"], "WAITING")


def at_rest(stage):
    client = stage.client
    stage.launch("idle")
    stage.launch("finished", "say", until="FINISHED", labels={"team": "web", "k\u00fche": "\u00fc"},
                 model_options={"temperature": 0.2, "seed": "7", "stop": ["END"], "reasoningEffort": "low"})
    stage.launch("failed", "fail", until="FAILED")
    stage.launch("truncated", "cut short", until="FINISHED")
    stage.launch("truncated-call", "cut call", until="FINISHED")
    stage.launch("refused", "refuse", until="FAILED")
    stage.launch("failed-midstream", "break", until="FAILED", model_attempts=2)
    stage.launch("reasoned", "reason", until="FINISHED")
    stage.launch("reasoned-call", "reason and run", tools=["terminal"], until="FINISHED")
    stage.launch("reasoning-failed", "reason and break", until="FAILED", model_attempts=2)
    run = stage.launch("reasoning-cut", "reason on")
    stage.streamed("reason on")
    client.interrupt(run)
    client.stop(stage.launch("stopped", "say", until="FINISHED"), reason="enough")
    paused = stage.launch("paused")
    client.pause(paused, reason="Wait for me.")
    client.withdraw(paused, client.send(paused, "say").message)
    client.send(paused, "say", delivery="WHEN_IDLE")
    for name, task in (("paused-selected", "later run"), ("paused-ended", "later say"), ("paused-failed", "later fail")):
        client.pause(stage.launch(name, task, tools=["terminal"]))
    stage.gate("later")
    for name, run in [(name, run) for run, name in stage.names.items()]:
        if name.startswith("paused-"):
            stage.wait(run, "PAUSED")
    run = stage.launch("paused-interrupted", "hang interrupted")
    stage.streamed("hang interrupted")
    client.interrupt(run)
    run = stage.launch("cut-by-stop", "hang stopped")
    stage.streamed("hang stopped")
    client.stop(run)
    run = stage.launch("cut-by-message", "hang interrupted-now")
    stage.streamed("hang interrupted-now")
    client.send(run, "say", delivery="NOW")
    stage.wait(run, "FINISHED")
    stage.launch("paused-selection", "two runs", tools=["terminal"], hold_at="SELECTION", until="PAUSED")
    for name, task in (("exit-code", "run"), ("no-output", "silent run"), ("repaired", "broken bytes"),
                       ("omitted", "much"), ("timed-out", "slow run"), ("no-such-tool", "no tool")):
        stage.launch(name, task, tools=["terminal"], until="FINISHED")
    stage.launch("file-editor", "write", tools=["file_editor"], until="FINISHED")


def families(stage):
    """Runs that were launched for others, with holds of their own and of their ancestors."""
    client = stage.client
    parent = stage.launch("family")
    child = stage.launch("family-child", "say", parent=parent, until="FINISHED")
    client.pause(parent, reason="All of it.")
    client.resume(parent)
    client.pause(parent, reason="Again.")
    late = stage.launch("family-late", "say", parent=child, until="PAUSED")
    client.pause(late, reason="This one too.")
    stopped = stage.launch("family-stopped", "say", until="FINISHED")
    stage.launch("family-stopped-child", "say", parent=stopped, until="FINISHED")
    client.stop(stopped)


def attached(stage):
    """Images and files: shown, waiting, in results of both kinds, in a copy; and a blob that nobody names."""
    client = stage.client
    image, notes = Attachment(PNG, "plan.png"), Attachment("two l\u00efnes\n".encode(), "notes.txt")
    client.put_blob(b"named by nobody")
    shown = stage.launch("attached", ["look h\u00e9re: ", image, notes], until="FINISHED")
    stage.launch("attached-only", image, until="FINISHED")
    paused = stage.launch("attached-waits")
    client.pause(paused)
    client.send(paused, [image, "look"], delivery="WHEN_IDLE")
    stage.named("attached-fork", client.fork(shown))
    for name, result in (("attached-result", {"result": ["Seen:", image, "and that."]}),
                         ("attached-error", {"error": ["Not sharp: ", image]})):
        run = stage.launch(name, "search", tools=["search"], until="WAITING")
        (offer,) = [o for o in client.take_calls("desk-1", ["search"], limit=32, wait=5) if o.run == run]
        client.start_call(offer, "desk-1", lease=600.0)
        client.complete_call(run, offer.call, offer.attempt, "desk-1", **result)
        stage.wait(run, "FINISHED")


def asking(stage):
    client = stage.client
    for name, _, answer in QUESTIONS:
        stage.launch(f"question-{name}", f"question {name}", until="WAITING")
        run = stage.launch(f"answered-{name}", f"question {name}", until="WAITING")
        client.answer(run, 1, answer, reason="as agreed")
        stage.wait(run, "FINISHED")
    client.pause(stage.launch("paused-asking", "question yes-no", until="WAITING"))
    run = stage.launch("question-superseded", "question yes-no", until="WAITING")
    client.send(run, "say", delivery="NOW")
    stage.wait(run, "FINISHED")
    client.stop(stage.launch("question-cancelled", "question choice", until="WAITING"))
    guarded(stage)
    limited(stage)
    impatient(stage)


def guarded(stage):
    """Approvals: open, and with each end."""
    client, policy = stage.client, {"tools": [{"tool": "terminal", "gate": "ASK", "urgency": "HIGH"}]}

    def guard(name, until="WAITING", policy=policy, task="guarded run"):
        return stage.launch(name, task, tools=["terminal"], policy=policy, until=until)

    guard("approval")
    client.approve(stage.ask(run := guard("approved")), reason="harmless")
    stage.wait(run, "FINISHED")
    sticky = [{"pointer": "/command", "matches": "^echo "}]
    client.approve(stage.ask(run := guard("approved-always")), sticky=sticky)
    stage.wait(run, "FINISHED")
    client.edit(stage.ask(run := guard("edited")), {"command": "echo edited"})
    stage.wait(run, "FINISHED")
    client.reject(stage.ask(run := guard("rejected")), "Not on a Friday.")
    stage.wait(run, "FINISHED")
    guard("denied", "FINISHED", {"tools": [{"tool": "terminal", "gate": "DENY"}]})
    client.set_policy(run := guard("denied-later"), {"tools": [{"tool": "terminal", "gate": "DENY"}]})
    stage.wait(run, "FINISHED")
    client.send(run := guard("approval-superseded"), "say", delivery="NOW")
    stage.wait(run, "FINISHED")
    client.stop(guard("approval-cancelled"))
    client.pause(run := guard("approval-edited-under-hold"))
    client.decide_call(run, 1, "EDIT", arguments={"command": "echo held"})
    client.pause(run := guard("approval-rejected-under-hold"))
    client.decide_call(run, 1, "REJECT", text="No.")
    # Approved, and not started: the call before it waits for its own approval.
    run = guard("approved-waits", task="two runs")
    client.approve([ask for ask in client.list_asks(run) if ask.call == 2][0])


def limited(stage):
    """Limits: open asks, and with each end."""
    client = stage.client

    def limit(name, kind="budget"):
        task, limits = ("run", {"maxSteps": 1}) if kind == "budget" else ("stuck", {"maxRepeats": 2})
        return stage.launch(name, task, tools=["terminal"], limits=limits, until="WAITING")

    limit("budget")
    limit("stuck", "stuck")
    client.pause(limit("paused-at-limit"))
    client.answer(run := limit("budget-raised"), 1, verdict="RAISE", limits={"maxSteps": 5})
    stage.wait(run, "FINISHED")
    client.answer(run := limit("budget-raised-again"), 1, verdict="RAISE")
    stage.wait(run, "FINISHED")
    client.answer(limit("budget-ended"), 1, verdict="END_TURN")
    client.answer(run := limit("budget-retried"), 1, verdict="END_TURN")
    client.resume(run)
    stage.wait(run, "FINISHED")
    client.set_budget(run := limit("budget-needless"), {"maxSteps": 9})
    stage.wait(run, "FINISHED")
    client.stop(limit("budget-cancelled"))
    client.answer(run := limit("stuck-guided", "stuck"), 1, "say", verdict="GUIDE")
    stage.wait(run, "FINISHED")
    client.answer(limit("stuck-goes-on", "stuck"), 1, verdict="GO_ON")
    client.answer(limit("stuck-ended", "stuck"), 1, verdict="END_TURN")
    client.set_budget(run := limit("stuck-needless", "stuck"), {"maxSteps": 2})
    stage.wait(run, "WAITING")
    client.stop(limit("stuck-cancelled", "stuck"))


def impatient(stage):
    """Waits that a provider wants and that are too long: asked about, and with each end."""
    client = stage.client

    def wait(name, task="far", **more):
        return stage.launch(name, task, model_attempts=3, until="WAITING", **more)

    wait("limit")
    client.pause(wait("paused-at-wait"))
    client.answer(wait("limit-waits"), 1, verdict="GO_ON")
    client.answer(run := wait("limit-other-model"), 1, "openai/other", verdict="USE_MODEL")
    stage.event(run, "model_set")
    client.answer(wait("limit-ended"), 1, verdict="END_TURN")
    client.send(run := wait("limit-needless"), "say", delivery="NOW")
    stage.wait(run, "FINISHED")
    client.stop(wait("limit-cancelled"))
    stage.wait(wait("limit-passed", "soon", patience_ms=1), "FAILED")
    stage.launch("patient", "far", model_attempts=3, patience_ms=90_000_000)


def working(stage):
    """Workers' tools: registered, ready, leased, paused, lost."""
    client = stage.client
    client.register_tools("desk-1", [SEARCH, BOOK])

    def launch(name, task="book", **more):
        return stage.launch(name, task, tools=["search", "book"], until="WAITING", **more)

    def take(run, tool="book", **more):
        (offer,) = [o for o in client.take_calls("desk-1", [tool], limit=32, wait=5) if o.run == run]
        client.start_call(offer, "desk-1", **more)
        return offer

    def leased(name, task="book", tool="book", lease=600.0, **more):
        run = launch(name, task, **more)
        return run, take(run, tool, lease=lease)

    run, offer = leased("worked")
    client.complete_call(run, offer.call, offer.attempt, "desk-1", result="Table 7.")
    stage.wait(run, "FINISHED")
    run, offer = leased("work-failed")
    client.complete_call(run, offer.call, offer.attempt, "desk-1", error="No table is free.")
    stage.wait(run, "FINISHED")
    for name, more in (("work-asks", {}), ("work-answered", {})):
        run, offer = leased(name)
        pause = {"question": "By the window?", "format": {"form": "YES_NO"}, "urgency": "HIGH", **more}
        client.complete_call(run, offer.call, offer.attempt, "desk-1", pause=pause)
        stage.wait(run, "WAITING")
        if name == "work-answered":
            client.answer(run, 1, "no")
            stage.wait(run, "FINISHED")
    # A question of a tool's that was executed, and a message comes first.
    run, offer = leased("work-question-superseded")
    client.complete_call(run, offer.call, offer.attempt, "desk-1", pause={"question": "Where?"})
    client.send(run, "say", delivery="NOW")
    stage.wait(run, "FINISHED")
    for name, at, default in (("question-expired", "REJECT_IT", ""), ("question-defaulted", "DEFAULT", "no")):
        run, offer = leased(name)
        pause = {"question": "Quickly?", "format": {"form": "YES_NO"}, "deadlineMs": 1, "atDeadline": at}
        client.complete_call(
            run, offer.call, offer.attempt, "desk-1", pause={**pause, **({"defaultAnswer": default} if default else {})})
        stage.wait(run, "FINISHED")
    policy = {"tools": [{"tool": "book", "gate": "ASK", "deadlineMs": 1}]}
    run = stage.launch("approval-expired", "book", tools=["book"], policy=policy, until="FINISHED")
    # Leases that end: people are asked, or it runs again.
    lost = {name: leased(name, lease=1.0) for name in
            ("outcome", "outcome-again", "outcome-taken", "outcome-told", "outcome-late", "outcome-superseded",
             "outcome-cancelled", "paused-outcome")}
    again = leased("lost-again", "search", "search", lease=1.0)[0]
    for run, _ in lost.values():
        stage.event(run, "ask_opened")
    stage.event(again, "call_lost")
    client.answer(lost["outcome-again"][0], 1, verdict="RUN_AGAIN")
    client.answer(lost["outcome-taken"][0], 1, "Table 9.", verdict="TAKE_RESULT")
    client.answer(lost["outcome-told"][0], 1, verdict="TELL_UNKNOWN")
    run, offer = lost["outcome-late"]
    client.complete_call(run, offer.call, offer.attempt, "desk-1", result="Table 11, late.")
    client.send(lost["outcome-superseded"][0], "say", delivery="NOW")
    client.stop(lost["outcome-cancelled"][0])
    client.pause(lost["paused-outcome"][0])
    for name in ("outcome-taken", "outcome-told", "outcome-late", "outcome-superseded"):
        stage.wait(lost[name][0], "FINISHED")
    launch("ready")
    launch("ready-twice", "search twice")
    client.pause(launch("paused-ready"))
    leased("leased")
    client.interrupt(leased("interrupted-at-worker")[0])
    client.pause(leased("pausing-leased")[0])
    client.stop(leased("stopped-at-worker")[0])
