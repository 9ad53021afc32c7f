"""A store of runs over other APIs than chat completions: what their models made is kept as it came."""
import signal

from .script import SCRIPT, says
from .stage import Stage

#: Tasks whose answers have blocks of their own, and tools that they need.
TASKS = [
    ("say", []), ("reason", []), ("reason and run", ["terminal"]), ("two runs", ["terminal"]), ("cut short", []),
    ("cut call", ["terminal"]), ("refuse", []),
]


def make(binary, folder):
    stage = Stage(binary, folder, SCRIPT)
    model = stage.environment["LLM_BASE_URL"]
    for api in ("messages", "responses"):
        stage.server.end()
        stage.environment["LLM_API"] = api
        stage.start()
        for task, tools in TASKS:
            run = stage.launch(f"{api}-{task}".replace(" ", "-"), task, tools=tools or ["ask_human"])
            stage.wait(run, "FINISHED", "FAILED")
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
