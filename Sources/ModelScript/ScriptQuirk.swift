/// Something in which servers of one API differ: an answer that has it means the same, and is written otherwise. A client
/// has to read them all. Who does so, as of November 2026, is beside each.
public enum ScriptQuirk: String, Sendable, CaseIterable {
    // MARK: - Of server-sent events, over each API

    /// Lines end in CR LF: Gemini, Perplexity.
    case crlf
    /// Nothing stands between `data:` and the data.
    case noSpace = "no_space"
    /// Comments between events, that keep the connection alive: OpenRouter.
    case comments
    /// Nothing follows the last event, not even the empty line that ends it.
    case noFinalBlankLine = "no_final_blank_line"
    /// Each byte is sent by itself: gateways cut streams anywhere.
    case byteByByte = "byte_by_byte"
    /// The answer is whole, and the connection breaks before the response's own end: curl's error 18.
    case abruptEnd = "abrupt_end"
    /// White space after the JSON of an event: Anthropic.
    case padding
    /// Events and members that no document has.
    case unknownEvents = "unknown_events"
    /// Through LiteLLM's proxy: its headers, which has the provider's `retry-after` under another name; over Responses an item
    /// of reasoning has what its maker wants back only in the whole output at the end.
    case litellm

    // MARK: - Chat completions

    /// The stream ends without `[DONE]`.
    case noDone = "no_done"
    /// Usage is in the last chunk with a choice: DeepSeek, Mistral, Groq.
    case usageWithFinish = "usage_with_finish"
    /// Usage is in each chunk, of all so far: Perplexity, Together.
    case usageEveryChunk = "usage_every_chunk"
    /// Usage is in the choice: Moonshot.
    case usageInChoice = "usage_in_choice"
    /// After the reason why it ended another one comes, and one that is null: OpenRouter.
    case finishTwice = "finish_twice"
    /// Until it ends the reason is an empty text.
    case emptyFinish = "empty_finish"
    /// It ends with `stop`, whether there are calls or not: Gemini, Ollama.
    case finishStop = "finish_stop"
    /// Each call comes whole with the index 0: Gemini, older Ollama.
    case indexZero = "index_zero"
    /// Each call comes whole without an index.
    case noIndex = "no_index"
    /// Calls have no ids.
    case noIDs = "no_ids"
    /// Later pieces of a call have an empty id and an empty name: LM Studio.
    case emptyNames = "empty_names"
    /// Each chunk says the role again: Groq, Together.
    case roleEveryChunk = "role_every_chunk"
    /// Reasoning is called `reasoning`: vLLM, OpenRouter, Groq.
    case reasoningField = "reasoning_field"
    /// Text is a list of parts: Mistral.
    case contentParts = "content_parts"
    /// Arguments are an object: llama.cpp.
    case argumentsObject = "arguments_object"
    /// The first chunk has no choice, no id and no model: Azure.
    case emptyFirstChunk = "empty_first_chunk"

    // MARK: - Anthropic's Messages

    /// Events have no name of their own, only the type in their data.
    case noEventLines = "no_event_lines"
    /// A ping before each event: Anthropic.
    case pings
    /// The answer begins a second time, as if it had not begun: gateways that try again.
    case startTwice = "start_twice"

    // MARK: - OpenAI's Responses

    /// `[DONE]` comes at the end: OpenRouter.
    case doneMark = "done_mark"
    /// Deltas have random padding: OpenAI.
    case obfuscation
}
