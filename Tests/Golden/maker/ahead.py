"""What the server forgets with time, and what waits for its time, at a clock in the year 2200."""
import http.server
import signal
import threading
import time
import uuid

from fermata import messages as pb

from .script import BOOK, SCRIPT, SEARCH
from .stage import Stage

CONFIG = """webhooks:
- name: gone
  url: http://127.0.0.1:PORT/hook
  secret-env: GOLDEN_SECRET
  agent: [reviewer]
"""


class Gone(http.server.BaseHTTPRequestHandler):
    """Wants no more messages."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(410)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def make(binary, folder):
    gone = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gone)
    threading.Thread(target=gone.serve_forever, daemon=True).start()
    stage = Stage(
        binary, folder, SCRIPT, config=CONFIG.replace("PORT", str(gone.server_address[1])), is_ahead=True)
    requests(stage)
    waits(stage)
    client = stage.client
    client.put_agent({"name": "reviewer", "systemPrompt": "Golden.", "tools": ["ask_human"]})
    stage.launch("hooked", "say", agent="reviewer", until="FINISHED")
    while client.stats().webhooks_pending or not client.stats().webhooks_dead:
        time.sleep(0.02)
    stage.webhooks = {"endpoint": "gone", "pending": 0, "dead": client.stats().webhooks_dead}
    reply = client.create_token("guest", "READ", expires=client.hello().now_at + 3_600_000_000)
    stage.secrets.append({"secret": reply.secret, "scope": "READ"})
    stage.finish(signal.SIGTERM)
    gone.shutdown()


def requests(stage):
    """One accepted request of each kind, with the bytes of its reply."""
    client, work = stage.client, stage.work

    def sent(message, reply):
        return reply.FromString(stage.raw(message))

    sent(pb.RegisterTools(worker="desk-1", tools=[pb.ToolSpec(**tool) for tool in (SEARCH, BOOK)]),
         pb.RegisterToolsReply)
    sent(pb.PutAgent(agent=pb.Agent(name="asked", description="As it was.")), pb.PutAgentReply)
    tools = ["ask_human", "book"]
    launch = pb.Launch(task="question yes-no", system_prompt="Golden.", tools=tools, workspace=work)
    run = stage.named("requested", sent(launch, pb.CommandReply))
    stage.wait(run, "WAITING")
    sent(pb.Answer(run=run, ask=1, text="yes"), pb.CommandReply)
    stage.wait(run, "FINISHED")
    sent(pb.SetBudget(run=run, limits=pb.Limits(max_steps=9)), pb.CommandReply)
    sent(pb.SetPolicy(run=run, policy=pb.Policy(tools=[pb.ToolPolicy(tool="book", urgency="LOW")])), pb.CommandReply)
    sent(pb.Send(run=run, text="book"), pb.CommandReply)
    stage.wait(run, "WAITING")
    (offer,) = client.take_calls("desk-1", ["book"], wait=5)
    sent(pb.StartCall(run=run, call=offer.call, attempt=offer.attempt, worker="desk-1"), pb.CommandReply)
    sent(pb.Pause(run=run, reason="a look", resume_token=True), pb.CommandReply)
    sent(pb.CompleteCall(run=run, call=offer.call, attempt=offer.attempt, worker="desk-1", result="Table 7."), pb.CommandReply)
    message = sent(pb.Send(run=run, text="say", delivery="WHEN_IDLE"), pb.CommandReply).message
    sent(pb.Withdraw(run=run, message=message), pb.CommandReply)
    stage.named("requested-fork", sent(pb.Fork(run=run), pb.CommandReply))
    sent(pb.Resume(run=run, text="search"), pb.CommandReply)
    stage.wait(run, "FINISHED")
    held = stage.launch("requested-call", "book", tools=tools, hold_at="SELECTION", until="PAUSED")
    sent(pb.DecideCall(run=held, call=1, verdict="EDIT", arguments='{"seats":4}'), pb.CommandReply)
    sent(pb.Interrupt(run=stage.launch("requested-interrupt")), pb.CommandReply)
    sent(pb.Stop(run=stage.launch("requested-stop")), pb.CommandReply)
    checkpoint = client.export(stage.launch("requested-move", "say", tools=tools, until="FINISHED"), handoff=True)
    arrival = pb.Import(upload=str(uuid.uuid4()), part=1, text=checkpoint, last=True, workspace=work)
    sent(arrival, pb.CommandReply)
    reply = sent(pb.CreateToken(name="asked", scope="READ"), pb.CreateTokenReply)
    stage.secrets.append({"secret": reply.secret, "scope": ""})
    sent(pb.RevokeToken(id=reply.token.id), pb.RevokeTokenReply)


def waits(stage):
    """Asks, holds and attempts whose time has not come."""
    client = stage.client
    hour = 3_600_000
    policy = {"tools": [{"tool": "terminal", "gate": "ASK", "deadlineMs": hour}]}
    stage.launch("approval-until", "guarded run", tools=["terminal"], policy=policy, until="WAITING")
    policy = {"tools": [{"tool": "ask_human", "deadlineMs": hour}]}
    stage.launch("question-until", "question yes-no", policy=policy, until="WAITING")
    run = stage.launch("default-until", "book", tools=["book"], until="WAITING")
    (offer,) = client.take_calls("desk-1", ["book"], wait=5)
    client.start_call(offer, "desk-1")
    client.complete_call(run, offer.call, offer.attempt, "desk-1", pause={
        "question": "Quickly?", "format": {"form": "YES_NO"}, "deadlineMs": hour, "atDeadline": "DEFAULT",
        "defaultAnswer": "no"})
    client.pause(stage.launch("held-until"), resume_at=client.hello().now_at + hour * 1000, resume_token=True)
    # The model wants to be asked again tomorrow.
    stage.event(stage.launch("attempt-at", "far", model_attempts=3), "model_failed")
