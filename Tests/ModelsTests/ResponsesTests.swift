import EventStreams
import Foundation
import Secrets
import Testing

@testable import Models

/// Streams of OpenAI's Responses, and requests to them.
@Suite struct ResponsesTests {
    private func answer(_ events: [String]) throws -> (ModelAnswer, [ModelPiece]) {
        var (answer, pieces) = (ResponsesAnswer(), [ModelPiece]())
        for event in events {
            pieces += try answer.add(StreamEvent(data: Array(event.utf8)), without: SecretTable([]))
        }
        return (try answer.finish(), pieces)
    }

    private static let reasoning =
        #"{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Why"}],"encrypted_content":"E=="}"#
    private static let message =
        #"{"type":"message","id":"msg_1","role":"assistant","phase":"commentary","status":"completed","#
        + #""content":[{"type":"output_text","text":"I look.","annotations":[]}]}"#
    private static let call =
        #"{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{\"a\":1.50}","status":"completed"}"#

    private func done(_ index: Int, _ item: String) -> String {
        #"{"type":"response.output_item.done","output_index":\#(index),"item":\#(item)}"#
    }

    private func end(_ status: String = "completed", more: String = "") -> String {
        #"{"type":"response.\#(status)","response":{"status":"\#(status)"\#(more)}}"#
    }

    /// What is no item would be refused with every later request, and hides none that is one.
    @Test func whatIsNoItemIsLeftOut() throws {
        for odd in ["null", "1", #""text""#, "[]"] {
            let (last, _) = try answer([end(more: #","output":[\#(odd),\#(Self.message)]"#)])
            #expect(last.text == "I look." && last.blocks.count == 1)
            let (done, _) = try answer([done(0, odd), done(1, Self.message), end()])
            #expect(done.text == "I look." && done.blocks.count == 1)
        }
        // Journals have some.
        var history = ModelHistory(.json(ModelProfile(.responses), ModelOrigin()))
        history.append(
            .assistant(text: "a", calls: [], blocks: [.opaque("", json: "null"), .opaque("", json: "1"), .text(1)]))
        let body = String(decoding: history.jsonPieces.joined(), as: UTF8.self)
        #expect(body.hasPrefix(#"{"type":"message""#) && !body.contains("null"))
    }

    @Test func itemsGoBackAsTheyCame() throws {
        let (answer, pieces) = try answer([
            #"{"type":"response.created","response":{"status":"in_progress"}}"#,
            #"{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","encrypted_content":"par"}}"#,
            #"{"type":"response.reasoning_summary_text.delta","output_index":0,"delta":"Why"}"#,
            done(0, Self.reasoning),
            #"{"type":"response.output_text.delta","output_index":1,"delta":"I l","obfuscation":"xx"}"#,
            #"{"type":"response.output_text.delta","output_index":1,"item_id":"another","delta":"ook."}"#,
            done(1, Self.message),
            #"{"type":"response.function_call_arguments.delta","output_index":2,"delta":"{\"a\""}"#,
            done(2, Self.call), done(3, #"{"type":"web_search_call","id":"ws"}"#),
            end(
                more: #","usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":7,"#
                    + #""output_tokens_details":{"reasoning_tokens":3}}"#),
        ])
        #expect(pieces == [.reasoning("Why"), .text("I l"), .text("ook.")])
        #expect(answer.text == "I look." && answer.ending == .complete && answer.finishReason == "completed")
        #expect(
            answer.usage
                == ModelUsage(inputTokens: 9, cachedInputTokens: 4, outputTokens: 7, reasoningTokens: 3))
        #expect(
            answer.calls == [
                ModelToolCall(
                    id: "c1", name: "f", arguments: #"{"a":1.50}"#, extra: #"{"id":"fc_1","status":"completed"}"#)
            ])
        #expect(
            answer.blocks == [
                .reasoning("Why", json: Self.reasoning),
                .text(7, json: #"{"id":"msg_1","phase":"commentary","status":"completed"}"#), .call(0),
                .opaque("web_search_call", json: #"{"type":"web_search_call","id":"ws"}"#),
            ])
        // The request that follows.
        var history = ModelHistory(.json(ModelProfile(.responses), ModelOrigin()))
        history.append([.system("Be good.")])
        history.append([.user("go")])
        history.append([.assistant(text: answer.text, calls: answer.calls, blocks: Array(answer.blocks.prefix(3)))])
        history.append([.tool(callID: "c1", content: "A")])
        let request = ModelRequest(model: "gpt", history: history, tools: [], conversation: "c")
        let body = String(
            decoding: ResponsesRequestBody.encode(request, ModelProfile(.responses)).joined(), as: UTF8.self)
        #expect(
            body
                == #"{"model":"gpt","stream":true,"store":false,"include":["reasoning.encrypted_content"],"#
                + #""instructions":"Be good.","input":["#
                + #"{"type":"message","role":"user","content":[{"type":"input_text","text":"go"}]},\#(Self.reasoning),"#
                + #"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"I look.","annotations":[]}],"#
                + #""id":"msg_1","phase":"commentary","status":"completed"},"#
                + #"{"type":"function_call","call_id":"c1","name":"f","arguments":"{\"a\":1.50}","id":"fc_1","status":"completed"},"#
                + #"{"type":"function_call_output","call_id":"c1","output":"A"}]}"#)
    }

    @Test func itEndsWithWhatSaysSo() throws {
        let text = #"{"type":"response.output_text.delta","output_index":0,"delta":"Hi"}"#
        #expect(throws: ModelFailure.self) { try answer([text]) }
        #expect(throws: ModelFailure.self) { try answer([text, "[DONE]"]) }
        #expect(try answer([text, end(), "[DONE]"]).0.text == "Hi")
        for (reason, ending) in [
            ("max_output_tokens", ModelEnding.truncated), ("content_filter", .refused), ("steered", .truncated),
        ] {
            let answer = try answer([text, end("incomplete", more: #","incomplete_details":{"reason":"\#(reason)"}"#)])
                .0
            #expect(answer.ending == ending && answer.finishReason == reason && answer.text == "Hi")
        }
        for event in [
            end("failed", more: #","error":{"code":"server_error","message":"x"}"#), end("failed"), end("cancelled"),
            #"{"type":"error","code":"insufficient_quota","message":"You exceeded your current quota"}"#,
            #"{"type":"error","error":{"type":"x","code":"rate_limit_exceeded","message":"slow"}}"#,
            #"{"error":{"message":"no type"}}"#, "no JSON",
        ] {
            do {
                _ = try answer([text, event])
                Issue.record("an answer: \(event)")
            } catch let failure as ModelFailure {
                #expect(failure.retryable != event.contains("quota"), "\(failure)")
            }
        }
    }

    /// Some proxies tell all at the end only, or as one document.
    @Test func whatIsToldOnlyAtTheEnd() throws {
        let output = #","output":[\#(Self.reasoning),\#(Self.message),\#(Self.call)]"#
        let (late, pieces) = try answer([end(more: output)])
        #expect(pieces == [.reasoning("Why"), .text("I look.")] && late.calls.count == 1)
        var whole = ResponsesAnswer()
        _ = try whole.add(whole: Array(#"{"status":"completed"\#(output)}"#.utf8), without: SecretTable([]))
        #expect(try whole.finish() == late)
    }

    /// It is of no use to a server that has kept nothing, and refused.
    @Test func reasoningWithoutItsContentIsLeftOut() throws {
        let bare = #"{"type":"reasoning","id":"rs_1","summary":[]}"#
        let (answer, _) = try answer([done(0, bare), done(1, Self.message), end()])
        #expect(answer.blocks.first == .reasoning("", json: ""))
        var history = ModelHistory(.json(ModelProfile(.responses), ModelOrigin()))
        // Nor may it come last, or with nothing after it.
        history.append([
            .assistant(text: "Hi", calls: [], blocks: [.text(2), .reasoning("then", json: Self.reasoning)]),
            .assistant(text: "", calls: [], blocks: [.reasoning("only", json: Self.reasoning)]), .user(""), .user("on"),
        ])
        let body = String(decoding: history.jsonPieces.joined(), as: UTF8.self)
        #expect(!body.contains("reasoning") && body.contains("Hi") && body.hasSuffix(#""text":"on"}]}"#), "\(body)")
    }

    @Test func namesThatLeadThere() throws {
        func api(_ name: String, _ variables: [String: String]) throws -> ModelAPI? {
            guard case .http(let endpoint) = try ModelEnvironment(variables).resolve(name) else { return nil }
            return endpoint.profile.api
        }
        let key = ["LLM_API_KEY": "k"]
        // Its models that reason take no tools over chat completions; neither may what nobody knows yet.
        for (name, expected) in [
            ("openai/gpt-4o", ModelAPI.chat), ("gpt-4.1", .chat), ("openai/gpt-5", .responses),
            ("openai/gpt-5-codex", .responses), ("openai/gpt-99", .responses), ("groq/gpt-5", .chat),
        ] {
            #expect(try api(name, key) == expected, "\(name)")
        }
        let own = key.merging(["LLM_BASE_URL": "http://box/v1"]) { $1 }
        #expect(try api("openai/gpt-5", own) == .chat)
        for named in ModelAPI.allCases {
            #expect(try api("openai/x", own.merging(["LLM_API": named.rawValue]) { $1 }) == named)
        }
        #expect(throws: ModelNameError.self) { try api("openai/x", own.merging(["LLM_API": "grpc"]) { $1 }) }
        // It is of the server at LLM_BASE_URL, not of one that a run is launched at.
        let variables = ModelEnvironment(own.merging(["LLM_API": "messages"]) { $1 })
        guard case .http(let elsewhere) = try variables.resolve("openai/x", at: "http://other/v1") else {
            Issue.record("no server")
            return
        }
        #expect(elsewhere.profile.api == .chat && elsewhere.baseURL == "http://other/v1" && elsewhere.model == "x")
    }
}
