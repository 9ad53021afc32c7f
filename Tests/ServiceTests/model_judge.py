"""Judges models' streams and requests by the providers' own SDKs.

    model_judge.py stream API BASE_URL TASK    reads a stream of the scripted model, prints what the SDK made of it
    model_judge.py requests API < BODIES       each line is the body of a request; says what does not fit the SDK's types
"""
import json
import sys

import pydantic


def stream_chat(base, task):
    import openai

    client = openai.OpenAI(base_url=base, api_key="test-key-1", max_retries=0)
    text, calls, reason, usage = "", {}, None, None
    chunks = client.chat.completions.create(
        model="mock", messages=[{"role": "user", "content": task}], stream=True, stream_options={"include_usage": True})
    for chunk in chunks:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reason = choice.finish_reason or reason
            for call in choice.delta.tool_calls or []:
                slot = calls.setdefault(call.index, ["", ""])
                slot[0] += call.function.name or ""
                slot[1] += call.function.arguments or ""
    return text, list(calls.values()), reason, usage.prompt_tokens, usage.completion_tokens


def stream_messages(base, task):
    import anthropic

    client = anthropic.Anthropic(base_url=base.removesuffix("/v1"), api_key="test-key-1", max_retries=0)
    with client.messages.stream(
            model="mock", max_tokens=1000, messages=[{"role": "user", "content": task}]) as stream:
        message = stream.get_final_message()
    text = "".join(b.text for b in message.content if b.type == "text")
    calls = [[b.name, json.dumps(b.input)] for b in message.content if b.type == "tool_use"]
    thinking = [b for b in message.content if b.type == "thinking"]
    assert all(b.signature for b in thinking), "reasoning is not signed"
    usage = message.usage
    total = usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    return text, calls, message.stop_reason, total, usage.output_tokens


def stream_responses(base, task):
    import openai

    client = openai.OpenAI(base_url=base, api_key="test-key-1", max_retries=0)
    response = None
    with client.responses.stream(model="mock", input=task, store=False) as stream:
        for event in stream:
            # Its helper for the last one takes a complete answer only.
            if event.type in ("response.completed", "response.incomplete"):
                response = event.response
    calls = [[i.name, i.arguments] for i in response.output if i.type == "function_call"]
    usage = response.usage
    return response.output_text, calls, response.status, usage.input_tokens, usage.output_tokens


def params(api):
    if api == "chat":
        from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
        return CompletionCreateParamsStreaming
    if api == "messages":
        from anthropic.types.message_create_params import MessageCreateParamsStreaming
        return MessageCreateParamsStreaming
    from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
    return ResponseCreateParamsStreaming


def requests(api):
    kind = params(api)
    adapter = pydantic.TypeAdapter(kind)
    known = {name for base in kind.__mro__ for name in getattr(base, "__annotations__", {})}
    known |= set(getattr(kind, "__required_keys__", ())) | set(getattr(kind, "__optional_keys__", ()))
    count = 0
    for line in sys.stdin:
        body = json.loads(line)
        adapter.validate_python(body)
        unknown = set(body) - known
        assert not unknown, f"members that the SDK does not know: {unknown}"
        count += 1
    return count


if sys.argv[1] == "stream":
    print(json.dumps(globals()["stream_" + sys.argv[2]](*sys.argv[3:])))
else:
    print(requests(sys.argv[2]))
