"""What the scripted model answers: by the task, or by what a tool's output says."""
import json


def said(task):
    """The last message is this task and nothing else."""
    return {"regex": f"^user: {task}$"}


def says(task, text, **more):
    return {"match": said(task), "text": text, **more}


def calls(task, *chosen, **more):
    """An answer that chooses calls: pairs of a tool and its arguments."""
    return {"match": said(task), "tool_calls": [{"name": n, "arguments": a} for n, a in chosen], **more}


def runs(task, command, **more):
    """An answer that runs a command."""
    return calls(task, ("terminal", {"command": command}), **more)


def asks(task, **arguments):
    """An answer that asks people."""
    return calls(task, ("ask_human", {"question": "Which way?", **arguments}))


def fails(task, text="", **fault):
    return {"match": said(task), "fault": fault, "repeat": True, **({"text": text} if text else {})}


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
FITS = json.dumps({"n": 3})

#: One for each format of an answer: a task, the arguments of ask_human, an answer that fits.
QUESTIONS = [
    ("free-text", {"context": "Both are long.", "urgency": "low"}, "To the left."),
    ("yes-no", {"format": "yes_no", "urgency": "high"}, "yes"),
    ("choice", {"choices": ["left", "r\u00efght"], "urgency": "critical"}, "r\u00efght"),
    ("json", {"schema": SCHEMA}, FITS),
    ("any-json", {"format": "json"}, "[1, null]"),
]

SEARCH = {
    "name": "search", "description": "Looks something up.", "idempotent": True, "parallel": True,
    "parameters": json.dumps({"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}),
}
BOOK = {
    "name": "book", "description": "Books a table.",
    "parameters": json.dumps({"type": "object", "properties": {"seats": {"type": "integer"}}}),
}

SCRIPT = [
    *[asks(f"question {name}", **arguments) for name, arguments, _ in QUESTIONS],
    says("say", "All is well: caf\u00e9 \U0001f35e."),
    {"match": {"regex": "^user: (look|\\[image)"}, "text": "A plan."},
    says("cut short", "One two ", finish_reason="length"),
    {"match": {"regex": "Go on exactly where it stopped"}, "text": "three."},
    runs("cut call", "echo long", finish_reason="length"),
    {"match": {"regex": "may be incomplete. Make it again"}, "text": "Shorter."},
    says("refuse", "How to", finish_reason="content_filter"),
    says("reason", "It is this.", reasoning="Which is it? "),
    {"match": said("reason and run"), "reasoning": "I look. ", "text": "Looking.", "tool_calls": [{
        "name": "terminal", "arguments": {"command": "echo one"},
        "extra_content": {"google": {"thought_signature": "A/b="}}}]},
    says("reason on", "Never.", reasoning="One two three four.", gate="never", gate_after_tokens=2),
    fails("reason and break", "Never.", disconnect_after_tokens=2) | {"reasoning": "One two three four."},
    says("hang", "One two three four.", gate="never", gate_after_tokens=2),
    says("later say", "Said later.", gate="later"),
    runs("later run", "echo later", gate="later"),
    fails("later fail", status=400) | {"gate": "later"},
    fails("fail", status=400),
    fails("break", "One two three four.", disconnect_after_tokens=2),
    fails("busy", status=503, retry_after=30),
    fails("far", status=503, retry_after=86400),
    runs("run", "echo one; exit 3"),
    runs("silent run", "true"),
    runs("guarded run", "echo guarded"),
    runs("broken bytes", r"printf 'a\377b'"),
    runs("much", "yes 0123456789 | head -c 100000"),
    calls("slow run", ("terminal", {"command": "echo slow; sleep 60", "timeout_seconds": 0.3})),
    calls("no tool", ("nothing", {})),
    calls("two runs", ("terminal", {"command": "echo one"}), ("terminal", {"command": "echo two"})),
    runs("stuck", "echo again"),
    runs("stuck", "echo again") | {"match": "tool: again"},
    calls("write", ("file_editor", {"command": "create", "path": "notes.txt", "file_text": "one\ntwo\n"})),
    calls("search", ("search", {"q": "pears"})),
    calls("search twice", ("search", {"q": "pears"}), ("search", {"q": "plums"})),
    calls("book", ("book", {"seats": 2})),
]
