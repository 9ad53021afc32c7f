import Models
import RawServer
import Testing

@Suite(.timeLimit(.minutes(2)))
struct OpenAIChatTests {
    /// Text, two tool calls in pieces, usage: what a provider sends in the usual case.
    static let usual =
        delta(#"{"role":"assistant","content":""}"#) + ": keep-alive\n\n"
        + textDelta("Grüß") + textDelta(" dich 😀")
        + delta(toolCall(#""index":0,"id":"call_a","type":"function","function":{"name":"terminal","arguments":""}"#))
        + delta(toolCall(#""index":0,"function":{"arguments":"{\"comm"}"#))
        + delta(toolCall(#""index":1,"id":"call_b","type":"function","function":{"name":"ask","arguments":"{}"}"#))
        + delta(toolCall(#""index":0,"function":{"arguments":"and\":\"ls\"}"}"#)) + finish("tool_calls")
        + event(#"{"choices":[],"usage":{\#(counts),"prompt_tokens_details":{"cached_tokens":64}}}"#) + done

    private static let counts = #""prompt_tokens":100,"completion_tokens":7,"total_tokens":107"#

    private static func toolCall(_ json: String) -> String { #"{"tool_calls":[{\#(json)}]}"# }

    static let usualAnswer = ModelAnswer(
        text: "Grüß dich 😀",
        calls: [
            ModelToolCall(id: "call_a", name: "terminal", arguments: #"{"command":"ls"}"#),
            ModelToolCall(id: "call_b", name: "ask", arguments: "{}"),
        ], finishReason: "tool_calls", usage: ModelUsage(inputTokens: 100, cachedInputTokens: 64, outputTokens: 7))

    @Test func theUsualAnswerAndItsRequest() async throws {
        let seen = Latch<RawRequest?>()
        let server = RawServer { connection, _ in
            seen.open(connection.readRequest())
            connection.send(streamHead + chunk(Self.usual) + lastChunk)
        }
        defer { server.stop() }
        let call = OpenAICall(
            try HTTPModel(baseURL: server.url + "/v1/", key: "sk-1"), messages: [.system("s"), .user("ü")],
            model: "gpt-x")
        #expect(await call.answer == Self.usualAnswer)
        #expect(call.texts == ["Grüß", " dich 😀"])
        let request = try #require(await seen.value)
        #expect(request.head.hasPrefix("POST /v1/chat/completions HTTP/1.1\r\n"))
        #expect(request.header("Authorization") == "Bearer sk-1")
        #expect(request.header("Content-Type") == "application/json")
        #expect(
            String(decoding: request.body, as: UTF8.self)
                == #"{"model":"gpt-x","stream":true,"stream_options":{"include_usage":true},"#
                + #""messages":[{"role":"system","content":"s"},{"role":"user","content":"ü"}]}"#)
    }

    /// Each byte in a chunk and a packet of its own: nothing may depend on where the network divides.
    @Test(arguments: ["\n", "\r\n"])
    func byteByByte(lineEnd: String) async throws {
        let lines = Self.usual.split(separator: "\n", omittingEmptySubsequences: false)
        let bytes = Array(lines.joined(separator: lineEnd).utf8)
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send(streamHead)
            for byte in bytes { connection.send(Array("1\r\n".utf8) + [byte] + Array("\r\n".utf8)) }
            connection.send(lastChunk)
        }
        defer { server.stop() }
        let call = OpenAICall(try HTTPModel(baseURL: server.url, key: ""))
        #expect(await call.answer == Self.usualAnswer)
    }

    @Test func noKeyNoHeader() async throws {
        let seen = Latch<RawRequest?>()
        let server = RawServer { connection, _ in
            seen.open(connection.readRequest())
            let text = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\n"
            connection.send(streamHead + chunk(text + done) + lastChunk)
        }
        defer { server.stop() }
        let call = OpenAICall(try HTTPModel(baseURL: server.url, key: ""))
        #expect(await call.answer?.text == "x")
        #expect(await seen.value?.header("Authorization") == nil)
    }

    /// What some gateways send after a stream that broke off before it had begun is no answer.
    @Test func theEndMarkAloneIsNoAnswer() async throws {
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send(streamHead + chunk(done) + lastChunk)
        }
        defer { server.stop() }
        let call = OpenAICall(try HTTPModel(baseURL: server.url, key: ""))
        #expect(await call.failure?.kind == .brokenStream)
    }

    @Test func aWholeAnswerInPlaceOfAStream() async throws {
        let body =
            #"{"choices":[{"index":0,"finish_reason":"stop","message":{"content":"whole","tool_calls":["#
            + #"{"id":"i","type":"function","function":{"name":"n","arguments":"{}"}},"#
            + #"{"id":"j","function":{"name":"n","arguments":"[]"}}]}}],"#
            + #""usage":{"prompt_tokens":3,"completion_tokens":4}}"#
        for type in ["application/json", "application/json; charset=utf-8", "text/plain"] {
            let call = try await call(answeredBy: response("200 OK", body, headers: "Content-Type: \(type)\r\n"))
            let answer = try #require(await call.answer)
            #expect(answer.text == "whole")
            #expect(call.texts == ["whole"])
            #expect(answer.calls.map(\.id) == ["i", "j"])
            #expect(answer.calls.map(\.arguments) == ["{}", "[]"])
            #expect(answer.usage == ModelUsage(inputTokens: 3, cachedInputTokens: 0, outputTokens: 4))
        }
    }

    /// Counts that are not there are not zeros: what the answer cost is not known.
    @Test(arguments: [
        "{}", #"{"total_tokens":9}"#, #"{"prompt_tokens":3}"#, #"{"prompt_tokens":null,"completion_tokens":2}"#,
    ])
    func usageWithoutItsCounts(_ usage: String) async throws {
        let body = #"{"choices":[{"index":0,"finish_reason":"stop","message":{"content":"whole"}}],"usage":\#(usage)}"#
        let call = try await call(answeredBy: response("200 OK", body, headers: "Content-Type: application/json\r\n"))
        let answer = try #require(await call.answer)
        #expect(answer.text == "whole" && answer.usage == nil)
    }

    @Test func aStreamByAnotherName() async throws {
        for headers in ["", "Content-Type: text/plain\r\n"] {
            let head = "HTTP/1.1 200 OK\r\n\(headers)Transfer-Encoding: chunked\r\n\r\n"
            let body = chunk("\n" + textDelta("a")) + chunk(finish("stop")) + lastChunk
            let call = try await call(answeredBy: head + body)
            #expect(await call.answer?.text == "a")
        }
    }

    @Test func callsWithoutIDsOrIndexes() async throws {
        let missing = delta(#"{"tool_calls":[{"index":3,"function":{"name":"a","arguments":"{}"}}]}"#)
        var call = try await call(answeredBy: streamHead + chunk(missing + finish("tool_calls") + done) + lastChunk)
        #expect(await call.answer?.calls.map { "\($0.shownID) \($0.name) \($0.arguments)" } == ["(minted) a {}"])

        let unnumbered =
            delta(#"{"tool_calls":[{"id":"x","function":{"name":"a","arguments":"{"}}]}"#)
            + delta(#"{"tool_calls":[{"id":"x","function":{"name":"a","arguments":"}"}}]}"#)
            + delta(#"{"tool_calls":[{"id":"y","function":{"name":"b","arguments":"["}}]}"#)
            + delta(#"{"tool_calls":[{"function":{"arguments":"]"}}]}"#)
        call = try await ModelsTests.call(
            answeredBy: streamHead + chunk(unnumbered + finish("tool_calls") + done) + lastChunk)
        #expect(
            await call.answer?.calls == [
                ModelToolCall(id: "x", name: "a", arguments: "{}"), ModelToolCall(id: "y", name: "b", arguments: "[]"),
            ])
    }

    @Test func aRefusalIsText() async throws {
        let call = try await call(
            answeredBy: streamHead + chunk(delta(#"{"refusal":"I can't"}"#) + finish("stop") + done) + lastChunk)
        #expect(await call.answer?.text == "I can't")
    }

    @Test func withoutUsageThereIsNone() async throws {
        let call = try await call(answeredBy: streamHead + chunk(textDelta("a") + finish("length")) + lastChunk)
        var answer = ModelAnswer(text: "a", calls: [], finishReason: "length", usage: nil)
        answer.ending = .truncated
        #expect(await call.answer == answer)
    }

    /// Some servers keep the connection open after the end of the stream; the answer does not wait for them.
    @Test func theEndOfTheStreamIsTheEnd() async throws {
        let release = Latch<Void>()
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send(streamHead + chunk(textDelta("a") + finish("stop") + done))
            release.waitBlocking()
        }
        defer { server.stop() }
        let call = OpenAICall(try HTTPModel(baseURL: server.url, key: ""))
        #expect(await call.answer?.text == "a")
        release.open()
        call.cancel()
        #expect(call.ends == 1)
    }

    @Test func manyAtOnceAreNotMixedUp() async throws {
        let gate = Latch<Void>()
        let server = RawServer { connection, number in
            _ = connection.readRequest()
            connection.send(streamHead + chunk(textDelta("\(number) ")))
            gate.waitBlocking()
            for _ in 0..<20 { connection.send(chunk(textDelta("\(number) "))) }
            connection.send(chunk(finish("stop") + done) + lastChunk)
        }
        defer { server.stop() }
        let chat = try HTTPModel(baseURL: server.url, key: "")
        let calls = (0..<100).map { _ in OpenAICall(chat) }
        for call in calls { await call.firstText.value }
        gate.open()
        var texts: Set<String> = []
        for call in calls {
            let text = try #require(await call.answer?.text)
            #expect(text == call.texts.joined())
            texts.insert(text)
        }
        #expect(texts.count == 100)
        #expect(texts.allSatisfy { $0.split(separator: " ").count == 21 && Set($0.split(separator: " ")).count == 1 })
    }
}
