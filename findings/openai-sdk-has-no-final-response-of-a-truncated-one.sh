#!/bin/sh
# The helper of OpenAI's own Python SDK that collects a stream of the Responses API refuses a stream that has come to its
# documented end: after `response.incomplete` (an answer that was cut by max_output_tokens) get_final_response() raises
# RuntimeError, though every event, the text and the usage are there. The event itself carries the whole response. Over
# chat completions the same SDK returns such an answer, with finish_reason "length".
#
# Seen with openai 3.57.0 from PyPI:
#
#     events: response.created … response.incomplete, text "Half an ans"
#     get_final_response(): RuntimeError: Didn't receive a `response.completed` event.
#
# Whoever writes a server of this API, or judges one by the SDK, takes the response from the last event. Fermata's judge
# of its scripted model does (Tests/ServiceTests/model_judge.py).
#
# Needs python3 with venv, and PyPI. Ends with 0 as long as the library does what is said here.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openai==3.57.0
env -u HTTP_PROXY -u http_proxy -u ALL_PROXY -u all_proxy "$folder/venv/bin/python" - <<'PYTHON'
import http.server
import json
import threading

import openai


def response(status, output, **more):
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "status": status, "error": None, "model": "m",
        "incomplete_details": None, "instructions": None, "metadata": {}, "output": output, "parallel_tool_calls": True,
        "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0, **more,
    }


def item(status, content):
    return {"id": "msg_1", "type": "message", "status": status, "role": "assistant", "content": content}


def part(text):
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


TEXT = "Half an ans"
AT = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
WHOLE = [item("incomplete", [part(TEXT)])]
USAGE = {
    "input_tokens": 3, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 4,
    "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 7,
}
EVENTS = [
    {"type": "response.created", "response": response("in_progress", [])},
    {"type": "response.output_item.added", "output_index": 0, "item": item("in_progress", [])},
    {"type": "response.content_part.added", **AT, "part": part("")},
    {"type": "response.output_text.delta", **AT, "delta": TEXT, "logprobs": []},
    {"type": "response.output_text.done", **AT, "text": TEXT, "logprobs": []},
    {"type": "response.content_part.done", **AT, "part": part(TEXT)},
    {"type": "response.output_item.done", "output_index": 0, "item": WHOLE[0]},
    {
        "type": "response.incomplete",
        "response": response(
            "incomplete", WHOLE, incomplete_details={"reason": "max_output_tokens"}, max_output_tokens=4, usage=USAGE),
    },
]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for number, event in enumerate(EVENTS):
            data = json.dumps({"sequence_number": number, **event})
            self.wfile.write(f"event: {event['type']}\ndata: {data}\n\n".encode())

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="x", max_retries=0)
print(openai.__version__)
assert openai.__version__ == "3.57.0", "another version: look again"

with client.responses.stream(model="m", input="go", max_output_tokens=4) as stream:
    events = list(stream)
last = events[-1]
print("events: %s … %s, text %s" % (events[0].type, last.type, json.dumps(last.response.output_text)))
assert last.type == "response.incomplete" and last.response.output_text == TEXT, last
assert last.response.usage.output_tokens == 4, last.response.usage

with client.responses.stream(model="m", input="go", max_output_tokens=4) as stream:
    try:
        stream.get_final_response()
    except RuntimeError as error:
        print("get_final_response(): RuntimeError:", error)
        assert "response.completed" in str(error), error
    else:
        raise AssertionError("it has a final response: look again")
server.shutdown()
PYTHON
