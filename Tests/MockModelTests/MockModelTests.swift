import MockModel
import ModelScript
import Testing

@Suite(.timeLimit(.minutes(2)))
struct MockModelTests {
    @Test func streamsAsTheAPIDoes() async throws {
        let script = #"""
            [{"text": "One two three.",
              "tool_calls": [{"name": "terminal", "arguments": {"command": "ls -l", "n": 1}}]}]
            """#
        try await withMockModel(script) { server in
            let response = try await server.exchange(post(chatPath, chat()))
            #expect(response.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(response.lowercased().contains("content-type: text/event-stream"))
            let events = events(response)
            let start = #"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":"#
            #expect(events.allSatisfy { $0 == "[DONE]" || $0.hasPrefix(start) })
            let deltas = events.compactMap { event in
                event.split(separator: #""choices":"#).last.map(String.init)
            }
            let end = #"},"finish_reason":null}],"usage":null}"#
            let call = #"[{"index":0,"delta":{"tool_calls":[{"index":0,"#
            #expect(
                deltas == [
                    #"[{"index":0,"delta":{"role":"assistant","content":""\#(end)"#,
                    #"[{"index":0,"delta":{"content":"One "\#(end)"#,
                    #"[{"index":0,"delta":{"content":"two "\#(end)"#,
                    #"[{"index":0,"delta":{"content":"three."\#(end)"#,
                    call + #""id":"call_0_0","type":"function","function":{"name":"terminal","arguments":""}}]\#(end)"#,
                    call + #""function":{"arguments":"{\"command\":\""}}]\#(end)"#,
                    call + #""function":{"arguments":"ls -l\",\"n\":1"}}]\#(end)"#,
                    call + #""function":{"arguments":"}"}}]\#(end)"#,
                    #"[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":null}"#,
                    #"[],"usage":{"prompt_tokens":3,"completion_tokens":7,"total_tokens":10,"#
                        + #""prompt_tokens_details":{"cached_tokens":0}}}"#,
                    "[DONE]",
                ])
            let entry = try #require(server.log.entry(1))
            #expect(entry.end == .complete && entry.tokensSent == 7 && entry.turn == 0 && entry.status == 200)
            #expect(entry.lastRole == "user" && entry.lastContent == "Count." && entry.messageCount == 2)
        }
    }

    @Test func answersWithoutStreaming() async throws {
        let script = #"""
            [{"tool_calls": [{"name": "f", "arguments": "not json", "id": "x"}], "usage": {"cached_tokens": 2}}]
            """#
        try await withMockModel(script) { server in
            let response = try await server.exchange(post("/chat/completions", chat(stream: false)))
            let message =
                #""message":{"role":"assistant","content":null,"tool_calls":[{"id":"x","type":"function","#
                + #""function":{"name":"f","arguments":"not json"}}]},"finish_reason":"tool_calls""#
            #expect(response.contains(message))
            let usage =
                #""usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"#
                + #""prompt_tokens_details":{"cached_tokens":2}}"#
            #expect(response.contains(usage))
        }
    }

    @Test func positionFollowsFromTheTranscriptAndSurvivesARestart() async throws {
        let script = #"[{"text": "zero"}, {"text": "one"}, {"text": "two"}]"#
        for answers in [2, 0, 1, 1] {
            // Another server each time: nothing is remembered.
            try await withMockModel(script) { server in
                let response = try await server.exchange(post(chatPath, chat(answers: answers)))
                #expect(content(response) == ["zero", "one", "two"][answers])
            }
        }
    }

    @Test func namesTheConversation() async throws {
        try await withMockModel(#"[{"match": "", "text": "x"}]"#) { server in
            _ = try await server.exchange(post(chatPath, chat(user: "u"), headers: ["X-Conversation: header"]))
            _ = try await server.exchange(post(chatPath, chat(user: "u")))
            _ = try await server.exchange(post(chatPath, chat()))
            _ = try await server.exchange(post(chatPath, chat(answers: 3)))
            _ = try await server.exchange(post(chatPath, chat(task: "Other.")))
            let names = server.log.entries().map { $0.conversation ?? "" }
            #expect(names[0] == "header" && names[1] == "u" && names[2].hasPrefix("derived-"))
            #expect(names[2] == names[3] && names[3] != names[4])
        }
    }

    @Test func faults() async throws {
        let script = #"""
            [{"fault": {"status": 429, "retry_after": 7}}, {"fault": {"status": 503, "body": "<busy>"}},
             {"text": "a b c d", "fault": {"disconnect_after_tokens": 2}}, {"fault": {"disconnect_after_tokens": 0}},
             {"text": "a b", "fault": {"malformed_chunk_after_tokens": 1}}, {"text": "fine"}]
            """#
        try await withMockModel(script) { server in
            let request = post(chatPath, chat())
            let limited = try await server.exchange(request)
            #expect(limited.hasPrefix("HTTP/1.1 429 ") && limited.lowercased().contains("retry-after: 7\r\n"))
            #expect(limited.contains(#"{"error":{"message":"scripted fault in turn 0","type":"rate_limit_error""#))
            let busy = try await server.exchange(request)
            #expect(busy.hasPrefix("HTTP/1.1 503 ") && busy.hasSuffix("\r\n\r\n<busy>"))
            let cut = try await server.exchange(request)
            #expect(content(cut) == "a b " && !cut.contains("[DONE]") && !cut.hasSuffix("0\r\n\r\n"))
            #expect(try await server.exchange(request) == "")
            let malformed = try await server.exchange(request)
            #expect(malformed.contains("\"delta\":{\"content\":\n\ndata: [DONE]") && malformed.hasSuffix("0\r\n\r\n"))
            #expect(try await content(server.exchange(request)) == "fine")
            let entries = server.log.entries()
            #expect(entries.map(\.end) == [.fault, .fault, .fault, .fault, .fault, .complete])
            #expect(entries.map(\.turn) == [0, 1, 2, 3, 4, 5])
            #expect(entries[2].tokensSent == 2)
        }
    }

    @Test func silenceKeepsTheConnectionOpen() async throws {
        try await withMockModel(#"[{"text": "a b c", "fault": {"silence_after_tokens": 2}}]"#) { server in
            let port = server.port
            let client = try await onThread {
                let client = try RawClient(port: port)
                try client.send(post(chatPath, chat(), isLast: false))
                _ = try client.receive(until: #""content":"b ""#)
                return client
            }
            let entry = await server.log.entry(1, reaches: .ended)
            #expect(entry?.end == .fault && entry?.closed == nil)
            client.close()
            #expect(await server.log.entry(1, reaches: .closed)?.end == .fault)
        }
    }

    @Test func gatesHoldATurn() async throws {
        let script = #"[{"text": "a b c", "gate": "go", "gate_after_tokens": 1}]"#
        try await withMockModel(script) { server in
            async let response = server.exchange(post(chatPath, chat()))
            let held = await server.log.entry(1, reaches: .atGate)
            #expect(held?.tokensSent == 1 && held?.waitsAtGate == "go")
            let list = try await server.exchange(get("/gates"))
            #expect(list.contains(#"[{"name":"go","open":false,"waiting":1}]"#))
            let opened = try await server.exchange(post("/gates/go", ""))
            #expect(opened.contains(#""open":true"#))
            #expect(content(try await response) == "a b c")
            #expect(server.log.entry(1)?.waitsAtGate == nil)
        }
    }

    @Test func paceIsKept() async throws {
        let script = #"[{"text": "a b c d e f g h i j k", "tokens_per_second": 200, "first_token_delay_ms": 20}]"#
        try await withMockModel(script) { server in
            _ = try await server.exchange(post(chatPath, chat()))
            let entry = try #require(server.log.entry(1))
            let first = try #require(entry.firstToken), ended = try #require(entry.ended)
            #expect(first.monotonicNanoseconds - entry.received.monotonicNanoseconds >= 20_000_000)
            #expect(ended.monotonicNanoseconds - entry.received.monotonicNanoseconds >= 70_000_000)
            #expect(entry.tokensSent == 11)
        }
    }

    @Test func manyClientsEachInTheirOwnConversation() async throws {
        let script = #"""
            [{"text": "zero"}, {"text": "one", "fault": {"status": 500}}, {"text": "two"}, {"text": "three"}]
            """#
        try await withMockModel(script) { server in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<60 {
                    group.addTask {
                        for (answers, expected) in [(0, "zero"), (1, ""), (1, "two"), (2, "three")] {
                            let body = chat(answers: answers, user: "client \(number)")
                            let response = try await server.exchange(post(chatPath, body))
                            #expect(content(response) == expected)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let entries = server.log.entries()
            #expect(entries.count == 240 && entries.map(\.number) == Array(1...240))
        }
    }

    @Test func theLogIsReadOverHTTP() async throws {
        try await withMockModel(#"[{"text": "hi"}]"#) { server in
            async let waiting = server.exchange(get("/log?n=1&until=closed"))
            _ = try await server.exchange(post(chatPath, chat()))
            let entry = try await waiting
            #expect(entry.contains(#"{"n":1,"conversation":"derived-"#) && entry.contains(#""ended":"complete""#))
            #expect(!entry.contains(#""closed_mono_ns":null"#))
            let bodies = try await server.exchange(get("/log?bodies=1"))
            #expect(bodies.contains(#""body":{"model":"m","stream":true"#))
            #expect(try await server.exchange(get("/log?after=1")).hasSuffix("\r\n\r\n[]"))
            let timeout = try await server.exchange(get("/log?n=2&timeout_ms=1"))
            #expect(timeout.hasPrefix("HTTP/1.1 408 "))
            #expect(try await server.exchange(get("/log?n=1&until=soon")).hasPrefix("HTTP/1.1 400 "))
        }
    }

    @Test func stopClosesWhatIsOpen() async throws {
        for body in [#"{"text": "x", "gate": "never"}"#, #"{"fault": {"silence_after_tokens": 0}}"#] {
            let server = try await MockModel.start(try ModelScript(json: "[\(body)]", file: "s"))
            async let response = server.exchange(post(chatPath, chat()))
            let idle = try RawClient(port: server.port)
            _ = await server.log.entry(1, reaches: .received)
            await server.stop()
            #expect(try await response == "")
            #expect(try await onThread { try idle.receiveAll() } == "")
        }
    }

    @Test func startErrorsAreClear() async throws {
        let script = try ModelScript(json: "[]", file: "s")
        let server = try await MockModel.start(script)
        await #expect(throws: MockModelError.self) {
            _ = try await MockModel.start(script, MockModel.Configuration(listen: "127.0.0.1:\(server.port)"))
        }
        await server.stop()
        for address in ["", "8080", ":80", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:-1"] {
            #expect(throws: MockModelError.self) { try MockModel.Configuration(listen: address) }
        }
        #expect(try MockModel.Configuration(listen: "[::1]:80").host == "::1")
    }
}
