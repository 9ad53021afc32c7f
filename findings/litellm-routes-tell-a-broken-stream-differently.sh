#!/bin/sh
# LiteLLM reads one and the same stream of a chat completions server differently, by the prefix of the model's name alone.
# The server dies in the midst of an event and a gateway before it closes the stream with `[DONE]`: there is half an event
# and no finish_reason. As `openai/…` the stream raises. As `hosted_vllm/…`, which is the prefix that the documents give for
# such servers, the half event is passed over and a finish_reason "stop" is made up: half an answer counts as whole.
#
# Seen with litellm 1.110.2 from PyPI:
#
#     openai/m: MidStreamFallbackError
#     hosted_vllm/m: 'Half an ' then finish_reason 'stop'
#
# Whoever has LiteLLM's proxy between an agent and such a server cannot tell a broken answer from a whole one by what the
# proxy sends. Fermata's judge (Tests/ServiceTests/litellm_judge.py) states it, so that a change is noticed.
#
# Needs python3 with venv, and PyPI. Ends with 0 as long as the library does what is said here.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check litellm==1.110.2
env -u HTTP_PROXY -u http_proxy -u ALL_PROXY -u all_proxy LITELLM_LOCAL_MODEL_COST_MAP=True \
    "$folder/venv/bin/python" - 2>/dev/null <<'PYTHON'
import http.server
import importlib.metadata
import json
import sys
import threading

import litellm

litellm.suppress_debug_info = True


def event(delta):
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return f"data: {json.dumps(chunk)}\n\n"


WHOLE = event({"role": "assistant", "content": "Half an "})
LOST = event({"content": "answer."})
STREAM = (WHOLE + LOST[: len(LOST) // 2] + "\n\ndata: [DONE]\n\n").encode()


class Server(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(STREAM)))
        self.end_headers()
        self.wfile.write(STREAM)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()


def seen(model):
    try:
        chunks = litellm.completion(
            model=model, api_base=f"http://127.0.0.1:{server.server_address[1]}/v1", api_key="k", stream=True,
            messages=[{"role": "user", "content": "Go on."}], num_retries=0, max_retries=0)
        choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    except Exception as error:
        return type(error).__name__
    text = "".join(choice.delta.content or "" for choice in choices)
    return f"{text!r} then finish_reason {choices[-1].finish_reason!r}"


print("litellm", importlib.metadata.version("litellm"))
expected = {"openai/m": "MidStreamFallbackError", "hosted_vllm/m": "'Half an ' then finish_reason 'stop'"}
for model in expected:
    print(f"{model}: {seen(model)}")
same = all(seen(model) == text for model, text in expected.items())
print("as it was" if same else "it has changed")
sys.exit(not same)
PYTHON
