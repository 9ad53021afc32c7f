"""A store of runs over other APIs than chat completions: what their models made is kept as it came."""
import signal

import json

from fermata import Attachment

from .killed import PNG
from .script import SCRIPT, runs, said, says
from .stage import Stage

#: Tasks whose answers have blocks of their own, and tools that they need.
TASKS = [
    ("say", []), ("reason", []), ("reason and run", ["terminal"]), ("two runs", ["terminal"]), ("cut short", []),
    ("cut call", ["terminal"]), ("refuse", []),
]


#: A model whose key is not taken, one that takes its reasoning back no more, and one that takes no image.
FAULTS = [
    {"match": said("fall back"), "fault": {"status": 401}, "times": 1},
    says("fall back", "By another."),
    runs("bound", "echo of the bound", reasoning="Where is it?"),
    {"match": {"regex": "^tool: .*of the bound"}, "times": 1, "fault": {"status": 400, "body": json.dumps({"error": {
        "type": "invalid_request_error", "code": "invalid_encrypted_content",
        "message": "The encrypted content could not be verified."}})}},
    {"match": {"regex": "^tool: .*of the bound"}, "text": "Here."},
    {"match": {"regex": "^user: (picture|\\[image)"}, "times": 1, "fault": {"status": 400, "body": json.dumps({"error": {
        "type": "invalid_request_error", "message": "This model does not support image input."}})}},
    {"match": {"regex": "^user: (picture|\\[Image)"}, "text": "I see none."},
]


def make(binary, folder):
    stage = Stage(binary, folder, FAULTS + SCRIPT)
    model = stage.environment["LLM_BASE_URL"]
    for api in ("messages", "responses"):
        stage.server.end()
        stage.environment["LLM_API"] = api
        stage.start()
        for task, tools in TASKS:
            run = stage.launch(f"{api}-{task}".replace(" ", "-"), task, tools=tools or ["ask_human"])
            stage.wait(run, "FINISHED", "FAILED")
        stage.launch(f"{api}-bound", "bound", tools=["terminal"], until="FINISHED")
        stage.launch(f"{api}-blind", ["picture", Attachment(PNG, "plan.png")], until="FINISHED")
        stage.launch(
            f"{api}-falls-back", "fall back", fallback_models=["openai/other", "openai/mock"], until="FINISHED")
        # Another turn after what was made.
        run = stage.launch(f"{api}-goes-on", "reason and run", tools=["terminal"], until="FINISHED")
        stage.client.send(run, "reason")
        stage.wait(run, "FINISHED")
        # The same conversation, with a server of another API.
        other = stage.launch(f"{api}-moves", "reason and run", tools=["terminal"], until="FINISHED")
        stage.client.resume(other, text="say", model="openai/other", base_url=model)
        stage.wait(other, "FINISHED")
        stage.launch(f"{api}-asks", "question choice", until="WAITING")
        stage.launch(f"{api}-broken", "reason and break", until="FAILED", model_attempts=2)
        stage.launch(f"{api}-hangs", "reason on")
        stage.streamed("reason on")
    stage.finish(signal.SIGKILL)
