import EventStreams
import Foundation
import Secrets
import Testing

@testable import Models

/// Streams of Anthropic's API, and of servers that say that they speak it.
@Suite struct MessagesAnswerTests {
    private static let start =
        #"{"type":"message_start","message":{"id":"m","usage":{"input_tokens":27,"output_tokens":1,"#
        + #""cache_read_input_tokens":5,"cache_creation_input_tokens":3}}}"#

    private func answer(_ events: [String], fromLiteLLM: Bool = false) throws -> (ModelAnswer, [ModelPiece]) {
        var (answer, pieces) = (MessagesAnswer(), [ModelPiece]())
        answer.begin(fromLiteLLM: fromLiteLLM)
        for event in events {
            pieces += try answer.add(StreamEvent(data: Array(event.utf8)), without: SecretTable([]))
        }
        return (try answer.finish(), pieces)
    }

    private func block(_ index: Int, _ start: String, _ deltas: String...) -> [String] {
        [#"{"type":"content_block_start","index":\#(index),"content_block":\#(start)}"#]
            + deltas.map { #"{"type":"content_block_delta","index":\#(index),"delta":\#($0)}"# }
            + [#"{"type":"content_block_stop","index":\#(index)}"#]
    }

    private func end(_ reason: String, usage: String = #"{"output_tokens":47}"#) -> [String] {
        [
            #"{"type":"message_delta","delta":{"stop_reason":"\#(reason)"},"usage":\#(usage)}  "#,
            #"{"type":"message_stop"}"#,
        ]
    }

    /// All pieces of both are in the second: the first is not what the model wrote, and is not to be executed.
    @Test func callsThatLiteLLMHasMixedUp() throws {
        let events =
            [Self.start, Self.start] + block(0, #"{"type":"tool_use","id":"a","name":"f","input":{}}"#)
            + block(
                1, #"{"type":"tool_use","id":"b","name":"f","input":{}}"#,
                #"{"type":"input_json_delta","partial_json":"{\"x\": 1}{\"x\": 2}"}"#)
            + end("tool_use")
        let mixed = try answer(events, fromLiteLLM: true).0.calls.map(\.arguments)
        #expect(mixed == [#"{"x": 1}{"x": 2}"#, #"{"x": 1}{"x": 2}"#])
        #expect(try answer(events).0.calls[0].arguments == "{}")
    }

    @Test func blocksKeepWhatTheirMakerWantsBack() throws {
        let (answer, pieces) = try answer(
            [Self.start, #"{"type":"ping"}"#]
                + block(
                    0, #"{"type":"thinking","thinking":"","signature":"","extra":{"b":1.50,"a":2}}"#,
                    #"{"type":"thinking_delta","thinking":"Wh"}"#, #"{"type":"thinking_delta","thinking":"y"}"#,
                    #"{"type":"signature_delta","signature":"S1"}"#)
                + block(1, #"{"type":"redacted_thinking","data":"R=="}"#)
                + block(2, #"{"type":"text","text":""}"#, #"{"type":"text_delta","text":"I look."}"#)
                + block(
                    3, #"{"type":"tool_use","id":"toolu_1","name":"f","input":{},"caller":{"type":"direct"}}"#,
                    #"{"type":"input_json_delta","partial_json":""}"#,
                    #"{"type":"input_json_delta","partial_json":"{\"a\": 1"}"#,
                    #"{"type":"input_json_delta","partial_json":".50}"}"#)
                + block(4, #"{"type":"tool_use","id":"toolu_2","name":"g","input":{}}"#)
                + block(5, #"{"type":"brand_new","x":1}"#, #"{"type":"brand_new_delta","y":2}"#)
                + end("tool_use"))
        #expect(pieces == [.reasoning("Wh"), .reasoning("y"), .text("I look.")])
        #expect(answer.text == "I look." && answer.ending == .complete && answer.finishReason == "tool_use")
        #expect(
            answer.calls == [
                ModelToolCall(
                    id: "toolu_1", name: "f", arguments: #"{"a": 1.50}"#, extra: #"{"caller":{"type":"direct"}}"#),
                ModelToolCall(id: "toolu_2", name: "g", arguments: "{}"),
            ])
        #expect(
            answer.blocks == [
                .reasoning(
                    "Why", json: #"{"type":"thinking","thinking":"Why","signature":"S1","extra":{"b":1.50,"a":2}}"#),
                .opaque("redacted_thinking", json: #"{"type":"redacted_thinking","data":"R=="}"#), .text(7), .call(0),
                .call(1), .opaque("brand_new", json: #"{"type":"brand_new","x":1}"#),
            ])
        #expect(
            answer.usage
                == ModelUsage(inputTokens: 35, cachedInputTokens: 5, cacheWriteTokens: 3, outputTokens: 47))
    }

    /// Some servers sign nothing: what they are given back has no signature that they never sent.
    @Test(arguments: [
        (#"{"type":"thinking","thinking":""}"#, #"{"type":"thinking","thinking":"Why"}"#),
        (
            #"{"type":"thinking","thinking":"","signature":""}"#,
            #"{"type":"thinking","thinking":"Why","signature":""}"#
        ),
    ])
    func reasoningThatIsNotSigned(_ start: String, _ kept: String) throws {
        let (answer, _) = try answer(
            [Self.start] + block(0, start, #"{"type":"thinking_delta","thinking":"Why"}"#)
                + block(1, #"{"type":"text","text":"Hi"}"#) + end("end_turn"))
        #expect(answer.blocks == [.reasoning("Why", json: kept), .text(2)])
    }

    /// It ends with what says so, and with nothing else.
    @Test func anEndThatHasNotComeIsABreak() throws {
        let whole = [Self.start] + block(0, #"{"type":"text","text":"Hi"}"#) + end("end_turn")
        for count in 0..<whole.count {
            let events = Array(whole.prefix(count))
            if count < whole.count - 1 {
                #expect(throws: ModelFailure.self, "\(count)") { try answer(events) }
            } else {
                // The last frame may be cut off after the reason was seen.
                #expect(try answer(events).0.text == "Hi")
            }
        }
    }

    @Test(arguments: [
        ("end_turn", ModelEnding.complete), ("stop_sequence", .complete), ("tool_use", .complete),
        ("max_tokens", .truncated), ("model_context_window_exceeded", .truncated), ("pause_turn", .truncated),
        ("refusal", .refused), ("compaction", .complete), ("something new", .complete),
    ])
    func reasonsToEnd(reason: String, ending: ModelEnding) throws {
        let (answer, _) = try answer([Self.start] + block(0, #"{"type":"text","text":"Hi"}"#) + end(reason))
        #expect(answer.ending == ending && answer.finishReason == reason)
    }

    /// Half a call is none.
    @Test func aCallThatIsCutIsNone() throws {
        let (answer, _) = try answer(
            [Self.start] + block(0, #"{"type":"text","text":"Hi"}"#)
                + block(
                    1, #"{"type":"tool_use","id":"t","name":"f","input":{}}"#,
                    #"{"type":"input_json_delta","partial_json":"{\"a\": "}"#
                ).dropLast() + end("max_tokens"))
        #expect(answer.calls.isEmpty && answer.ending == .truncated && answer.text == "Hi")
    }

    /// Numbers replace those before, also with smaller ones; what was left out of them is told call by call.
    @Test func usageIsAssigned() throws {
        let fallen =
            #"{"input_tokens":9,"output_tokens":40,"cache_read_input_tokens":0,"cache_creation_input_tokens":null}"#
        let text = block(0, #"{"type":"text","text":"Hi"}"#)
        #expect(
            try answer([Self.start] + text + end("end_turn", usage: fallen)).0.usage
                == ModelUsage(inputTokens: 12, cachedInputTokens: 0, cacheWriteTokens: 3, outputTokens: 40))
        let parts =
            #"{"input_tokens":1,"output_tokens":1,"iterations":[{"type":"message","input_tokens":10,"output_tokens":5},"#
            + #"{"type":"compaction","input_tokens":100,"output_tokens":7,"cache_read_input_tokens":50}]}"#
        #expect(
            try answer([Self.start] + text + end("end_turn", usage: parts)).0.usage
                == ModelUsage(inputTokens: 160, cachedInputTokens: 50, outputTokens: 12))
        let none = #"{"type":"message_start","message":{}}"#
        #expect(try answer([none] + text + end("end_turn", usage: "{}")).0.usage == nil)
    }

    /// With the event's name or without it.
    @Test(arguments: [
        (#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, true),
        (#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#, true),
        (#"{"type":"error","error":{"type":"authentication_error","message":"no"}}"#, false),
        (#"{"type":"error","error":{"type":"billing_error","message":"Your credit balance is too low"}}"#, false),
    ])
    func errorsInTheStream(event: String, isRetryable: Bool) throws {
        do {
            _ = try answer([Self.start] + block(0, #"{"type":"text","text":"Hi"}"#) + [event])
            Issue.record("an answer")
        } catch let failure as ModelFailure {
            #expect(failure.retryable == isRetryable, "\(failure)")
        }
    }

    /// A gateway that tries again itself: the second answer counts, unless something of the first was read.
    @Test func twoAnswersInOneStream() throws {
        let second = [Self.start] + block(0, #"{"type":"text","text":"Second"}"#) + end("end_turn")
        let quiet = [
            Self.start, #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        ]
        #expect(try answer(quiet + second).0.text == "Second")
        #expect(throws: ModelFailure.self) {
            try answer([Self.start] + block(0, #"{"type":"text","text":"A"}"#) + second)
        }
    }

    @Test func oddMembersThrowNothingAway() throws {
        let (answer, _) = try answer(
            [
                #"{"type":"message_start","message":{"usage":"none"}}"#, #"{"type":"content_block_start"}"#,
                #"{"type":"content_block_delta","index":"0","delta":{}}"#, #"{"type":7}"#, #"{}"#,
                #"{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"Hi"}}"#,
                #"{"type":"content_block_stop","index":99}"#,
            ] + end("end_turn", usage: "[]"))
        #expect(answer.text == "Hi")
        #expect(throws: ModelFailure.self) { try self.answer(["no JSON"]) }
    }

    @Test func anAnswerThatComesWhole() throws {
        var answer = MessagesAnswer()
        let document = #"""
            {"type":"message","content":[{"type":"thinking","thinking":"Why","signature":"S"},{"type":"text","text":"Hi"},
             {"type":"tool_use","id":"t","name":"f","input":{"a":1.50}}],"stop_reason":"tool_use",
             "usage":{"input_tokens":1,"output_tokens":2}}
            """#
        let pieces = try answer.add(whole: Array(document.utf8), without: SecretTable([]))
        #expect(pieces == [.reasoning("Why"), .text("Hi")])
        let whole = try answer.finish()
        #expect(whole.calls == [ModelToolCall(id: "t", name: "f", arguments: #"{"a":1.50}"#)])
        #expect(whole.blocks.first == .reasoning("Why", json: #"{"type":"thinking","thinking":"Why","signature":"S"}"#))
        for other in ["{}", "[]", "no", #"{"content":[]}"#, #"{"error":{"type":"api_error","message":"x"}}"#] {
            var answer = MessagesAnswer()
            #expect(throws: ModelFailure.self) { try answer.add(whole: Array(other.utf8), without: SecretTable([])) }
        }
    }
}
