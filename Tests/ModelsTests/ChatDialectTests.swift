import EventStreams
import RawServer
import Secrets
import Testing

@testable import Models

/// Chat completions as servers of many makes write them. Each case says who does it.
@Suite(.timeLimit(.minutes(2)))
struct ChatDialectTests {
    struct Calls: Sendable, CustomTestStringConvertible {
        let who: String
        /// Each is the list `tool_calls` of one chunk.
        let chunks: [String]
        /// `id name arguments` of each.
        let expected: [String]
        var testDescription: String { who }
    }

    private static func piece(_ id: String?, _ name: String?, _ arguments: String?, index: Int? = nil) -> String {
        var members: [String] = []
        if let index { members.append(#""index":\#(index)"#) }
        if let id { members.append(#""id":"\#(id)""#) }
        let quoted = arguments?.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        let function = [name.map { #""name":"\#($0)""# }, quoted.map { #""arguments":"\#($0)""# }].compactMap(\.self)
        members.append(#""function":{\#(function.joined(separator: ","))}"#)
        return "[{\(members.joined(separator: ","))}]"
    }

    static let calls = [
        Calls(
            who: "all have index 0 and ids of their own (Gemini, older Ollama)",
            chunks: (1...3).map { piece("c\($0)", "read", #"{"n":\#($0)}"#, index: 0) },
            expected: (1...3).map { #"c\#($0) read {"n":\#($0)}"# }),
        Calls(
            who: "all have index 0 and no id",
            chunks: (1...3).map { piece(nil, "read", #"{"n":\#($0)}"#, index: 0) },
            expected: (1...3).map { #"(minted) read {"n":\#($0)}"# }),
        Calls(
            who: "neither index nor id",
            chunks: (1...3).map { piece(nil, "read", #"{"n":\#($0)}"#) },
            expected: (1...3).map { #"(minted) read {"n":\#($0)}"# }),
        Calls(
            who: "index 0, ids, and no arguments at all",
            chunks: [piece("a", "list", "", index: 0), piece("b", "list", nil, index: 0)],
            expected: ["a list ", "b list "]),
        Calls(
            who: "interleaved pieces, the id only on the first (OpenAI, vLLM)",
            chunks: [
                piece("a", "read", "", index: 0), piece("b", "look", "", index: 1), piece(nil, nil, #"{"x""#, index: 0),
                piece(nil, nil, #"{"y""#, index: 1), piece(nil, nil, ":1}", index: 0), piece(nil, nil, ":2}", index: 1),
            ], expected: [#"a read {"x":1}"#, #"b look {"y":2}"#]),
        Calls(
            who: "indexes from 1, with a gap (Anthropic's compatible endpoint)",
            chunks: [piece("b", "look", "{}", index: 4), piece("a", "read", "{}", index: 1)],
            expected: ["a read {}", "b look {}"]),
        Calls(
            who: "empty id and name later (Qwen, LM Studio)",
            chunks: [
                piece("a", "read", "{", index: 0), piece("", "", #""x":1"#, index: 0), piece("", "", "}", index: 0),
            ],
            expected: [#"a read {"x":1}"#]),
        Calls(
            who: "another id in mid-call (GLM at Mistral)",
            chunks: [
                piece("a", "read", "{", index: 0), piece("z", nil, #""x":1"#, index: 0), piece("y", "", "}", index: 0),
            ],
            expected: [#"a read {"x":1}"#]),
        Calls(
            who: "the name on each piece (gateways)",
            chunks: [
                piece("a", "read", "", index: 0), piece("a", "read", "{", index: 0), piece("a", "read", "}", index: 0),
            ],
            expected: ["a read {}"]),
        Calls(
            who: "the name on each piece, without ids",
            chunks: [
                piece(nil, "read", "", index: 0), piece(nil, "read", "{", index: 0), piece(nil, "read", "}", index: 0),
            ],
            expected: ["(minted) read {}"]),
        Calls(
            who: "braces in strings are none",
            chunks: [
                piece("a", "read", #"{"x":"}\"{"#, index: 0), piece("b", "read", #"}"}"#, index: 0),
                piece("c", "read", "{}", index: 0),
            ], expected: [#"a read {"x":"}\"{}"}"#, "c read {}"]),
        Calls(
            who: "arguments as an object (llama.cpp), null (DeepInfra) or absent",
            chunks: [
                #"[{"index":0,"id":"a","function":{"name":"read","arguments":{"b":1.50,"a":[]}}}]"#,
                #"[{"index":1,"id":"b","function":{"name":"list","arguments":null}}]"#,
                #"[{"index":2,"id":"c","function":{"name":"list"}}]"#,
            ], expected: [#"a read {"b":1.50,"a":[]}"#, "b list ", "c list "]),
        Calls(
            who: "odd members beside a good call",
            chunks: [#"[null,7,{"index":"0","id":5,"function":{"name":"list","arguments":"{}"}}]"#],
            expected: ["(minted) list {}"]),
    ]

    @Test(arguments: calls) func callsInPieces(_ calls: Calls) async throws {
        let stream = calls.chunks.map { delta(#"{"tool_calls":\#($0)}"#) }.joined() + finish("tool_calls") + done
        let call = try await call(answeredBy: streamHead + chunk(stream) + lastChunk)
        #expect(await call.answer?.calls.map { "\($0.shownID) \($0.name) \($0.arguments)" } == calls.expected)
    }

    @Test(arguments: [
        (#"{"content":[{"type":"text","text":"a"},{"type":"thinking","thinking":[]},"b"]}"#, "ab"),
        (#"{"content":null}"#, ""), (#"{"content":7}"#, ""), (#"{"content":"a\ud83d!"}"#, "a\u{FFFD}!"), ("null", ""),
        ("5", ""),
    ])
    func oddContentThrowsNoAnswerAway(_ message: String, _ text: String) async throws {
        let call = try await call(
            answeredBy: streamHead + chunk(delta(message) + textDelta("|") + finish("stop")) + lastChunk)
        #expect(await call.answer?.text == text + "|")
    }

    @Test(arguments: [
        (#"{"reasoning_content":"why"}"#, "why"), (#"{"reasoning":"why"}"#, "why"),
        (#"{"reasoning":"why","reasoning_content":"why"}"#, "why"), (#"{"reasoning":null,"content":""}"#, ""),
        (#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"why"}]}]}"#, "why"),
        (#"{"reasoning":{"text":"why"}}"#, ""), (#"{"reasoning_content":7}"#, ""),
    ])
    func reasoningIsNoText(_ message: String, _ reasoning: String) async throws {
        let stream = delta(message) + delta(message) + textDelta("a") + textDelta("b") + finish("stop")
        let call = try await call(answeredBy: streamHead + chunk(stream) + lastChunk)
        let pieces: [ModelPiece] = reasoning.isEmpty ? [] : [.reasoning(reasoning), .reasoning(reasoning)]
        #expect(await call.answer?.text == "ab")
        #expect(await call.answer?.blocks == (reasoning.isEmpty ? [] : [.reasoning(reasoning + reasoning), .text(2)]))
        #expect(call.pieces == pieces + [.text("a"), .text("b")])
    }

    /// What a provider wants back with a call is kept as it wrote it, and sent back (Gemini).
    @Test(arguments: [#"{"google":{"thought_signature":"A/b=","n":1.50}}"#, "null", "7", #""text""#])
    func whatAProviderSendsWithACall(_ extra: String) async throws {
        let stream =
            delta(
                #"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"},"extra_content":\#(extra)}]}"#
            )
            + finish("tool_calls") + done
        let answer = try #require(
            await call(answeredBy: streamHead + chunk(textDelta("a") + stream) + lastChunk).answer)
        let kept = extra.hasPrefix("{") ? extra : ""
        #expect(answer.calls == [ModelToolCall(id: "c", name: "f", arguments: "{}", extra: kept)])
        #expect(answer.blocks == (kept.isEmpty ? [] : [.text(1), .call(0)]))
    }

    @Test func aByteThatIsNotUTF8() async throws {
        var body = Array(#"data: {"choices":[{"delta":{"content":"a"#.utf8) + [0xFF]
        body += Array((#"b"}}]}"# + "\n\n" + finish("stop")).utf8)
        let length = Array("\(String(body.count, radix: 16))\r\n".utf8)
        let bytes = Array(streamHead.utf8) + length + body + Array("\r\n0\r\n\r\n".utf8)
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send(bytes)
        }
        defer { server.stop() }
        let call = OpenAICall(try HTTPModel(baseURL: server.url, key: ""))
        #expect(await call.answer?.text == "a\u{FFFD}b")
    }

    /// Servers forget the empty line after the last event; what was cut off is none.
    @Test func theLastEventWithoutItsEmptyLine() async throws {
        let last = String(finish("stop").dropLast(2))
        var call = try await call(answeredBy: streamHead + chunk(textDelta("a") + last) + lastChunk)
        #expect(await call.answer?.text == "a")
        call = try await ModelsTests.call(
            answeredBy: streamHead + chunk(textDelta("a") + "data: [DONE]") + lastChunk)
        #expect(await call.answer?.text == "a")
        call = try await ModelsTests.call(
            answeredBy: streamHead + chunk(textDelta("a") + String(last.dropLast(3))) + lastChunk)
        #expect(await call.failure?.kind == .brokenStream)
    }

    @Test(arguments: [
        ("stop", ModelEnding.complete), ("tool_calls", .complete), ("eos", .complete), ("length", .truncated),
        ("max_tokens", .truncated), ("model_length", .truncated), ("content_filter", .refused), ("sensitive", .refused),
        ("content_filter: RECITATION", .refused), ("IMAGE_SAFETY", .refused),
    ])
    func endings(_ reason: String, _ ending: ModelEnding) async throws {
        let call = try await call(answeredBy: streamHead + chunk(textDelta("a") + finish(reason)) + lastChunk)
        #expect(await call.answer?.ending == ending)
        #expect(await call.answer?.finishReason == reason)
    }

    @Test(arguments: [
        "error", "network_error", "function_call_filter: MALFORMED_FUNCTION_CALL", "insufficient_system_resource",
        "abort",
    ])
    func reasonsThatMeanAnError(_ reason: String) async throws {
        let call = try await call(answeredBy: streamHead + chunk(textDelta("a") + finish(reason) + done) + lastChunk)
        let failure = await call.failure
        #expect(failure?.kind == .brokenStream && failure?.retryable == true)
    }

    /// An empty reason is none, null clears nothing, and the first one that says something counts (OpenRouter).
    @Test func theFinishReason() async throws {
        func answer(_ stream: String) async throws -> OpenAICall {
            try await call(answeredBy: streamHead + chunk(stream) + lastChunk)
        }
        #expect(try await answer(finish("") + textDelta("a")).failure?.kind == .brokenStream)
        let twice = finish("length") + textDelta("a") + finish("stop") + event(#"{"choices":[{"finish_reason":null}]}"#)
        #expect(try await answer(twice).answer?.ending == .truncated)
        // Snowflake never sends one.
        #expect(try await answer(textDelta("a") + done).answer?.ending == .complete)
    }

    @Test(arguments: [
        #"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":3,"cache_write_tokens":1},"completion_tokens_details":{"reasoning_tokens":1}}}"#,
        #"{"choices":[{"usage":{"prompt_tokens":5,"completion_tokens":2.0,"prompt_cache_hit_tokens":3,"prompt_tokens_details":{"cache_write_tokens":1},"completion_tokens_details":{"reasoning_tokens":1}}}]}"#,
        #"{"x_groq":{"usage":{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":3,"cache_write_tokens":1},"completion_tokens_details":{"reasoning_tokens":1}}}}"#,
    ])
    func usage(_ usage: String) async throws {
        // Counted on every chunk by some: the last one is of all.
        let early = event(#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":1}}"#)
        let none = event(#"{"choices":[],"usage":null}"#)
        let call = try await call(
            answeredBy: streamHead + chunk(early + textDelta("a") + finish("stop") + event(usage) + none + done)
                + lastChunk)
        #expect(
            await call.answer?.usage
                == ModelUsage(
                    inputTokens: 5, cachedInputTokens: 3, cacheWriteTokens: 1, outputTokens: 2, reasoningTokens: 1))
    }

    /// OpenRouter's figure is what is paid; Perplexity's is an object, and no number is none.
    @Test(
        arguments: [("0.1234", 123_400_000), ("0", 0), ("{}", nil), ("-1", nil), ("null", nil)] as [(String, Int64?)])
    func whatTheProviderSaysThatItCost(_ cost: String, _ expected: Int64?) async throws {
        let usage = #"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"cost":\#(cost)}}"#
        let call = try await call(
            answeredBy: streamHead + chunk(textDelta("a") + finish("stop") + event(usage) + done) + lastChunk)
        let answer = try #require(await call.answer)
        #expect(answer.usage?.cost == expected && answer.usage?.inputTokens == 5)
    }
}

extension ModelToolCall {
    /// One that was made here is random.
    var shownID: String { id.wholeMatch(of: /call_[0-9a-f]{8,16}/) != nil ? "(minted)" : id }
}

extension ChatDialectTests {
    /// An error that is the object itself, or in the choice; and what keeps a connection alive.
    @Test func errorsAndNothings() throws {
        func answer(_ events: String...) throws -> ModelAnswer {
            var answer = ChatAnswer()
            for event in events { _ = try answer.add(StreamEvent(data: Array(event.utf8)), without: SecretTable([])) }
            return try answer.finish()
        }
        for event in [
            #"{"object":"error","message":"too long: prompt is too long","code":400}"#,
            #"{"message":"prompt is too long","type":"invalid_request_error"}"#,
            #"{"choices":[{"index":0,"error":{"code":400,"message":"prompt is too long"}}]}"#,
        ] {
            do {
                _ = try answer(event)
                Issue.record("an answer: \(event)")
            } catch let failure as ModelFailure {
                #expect(failure.kind == .contextTooLong && !failure.retryable, "\(event): \(failure)")
            }
        }
        let whole = try answer(
            "", " ", "null", "[]", #""ping""#, "7", #"{"choices":[{"delta":{"content":"Hi"}}]}"#, "",
            #"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#, "[DONE]")
        #expect(whole.text == "Hi" && whole.ending == .complete)
    }
}

extension ChatDialectTests {
    /// LiteLLM has Claude's reasoning twice: as text, and in blocks whose pieces have the block's index and whose
    /// signature comes last.
    @Test func reasoningInBlocks() throws {
        func answer(_ deltas: String...) throws -> ModelAnswer {
            var answer = ChatAnswer()
            for delta in deltas {
                let chunk = #"{"choices":[{"index":0,"delta":\#(delta)}]}"#
                _ = try answer.add(StreamEvent(data: Array(chunk.utf8)), without: SecretTable([]))
            }
            let end = #"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#
            _ = try answer.add(StreamEvent(data: Array(end.utf8)), without: SecretTable([]))
            return try answer.finish()
        }
        func thinking(_ index: Int, _ text: String, _ signature: String? = nil) -> String {
            let signed = signature.map { #","signature":"\#($0)""# } ?? ""
            return #"{"content":"","reasoning_content":"\#(text)","thinking_blocks":"#
                + #"[{"type":"thinking","thinking":"\#(text)"\#(signed),"index":\#(index)}]}"#
        }
        let call = #"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#
        let redacted =
            #"{"content":"","reasoning_content":"","thinking_blocks":[{"type":"redacted_thinking","data":"x","index":1}]}"#
        let whole = try answer(
            thinking(0, "Wh"), thinking(0, "y"), thinking(0, "", "s0"), redacted, #"{"content":"I "}"#,
            #"{"content":"look."}"#, thinking(3, "And?"), thinking(3, "", "s3"), call)
        #expect(
            whole.blocks == [
                .reasoning("Why", json: #"{"type":"thinking","thinking":"Why","signature":"s0"}"#),
                .opaque("redacted_thinking", json: #"{"type":"redacted_thinking","data":"x"}"#), .text(7),
                .reasoning("And?", json: #"{"type":"thinking","thinking":"And?","signature":"s3"}"#), .call(0),
            ])
        #expect(whole.text == "I look.")
        // Without a signature nobody takes it back.
        #expect(try answer(thinking(0, "Why"), call).blocks == [.reasoning("Why"), .call(0)])
        // Blocks that do not say what was shown are passed over.
        let other = #"{"reasoning_content":"More.","thinking_blocks":[]}"#
        #expect(try answer(thinking(0, "Why. ", "s0"), other, call).blocks == [.reasoning("Why. More."), .call(0)])
    }
}
