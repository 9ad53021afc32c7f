import MockModel
import Testing

@Suite(.timeLimit(.minutes(2)))
struct HostileClientTests {
    @Test(arguments: [
        "", "{", "[]", "null", "{\"model\":\"m\"}", "{\"messages\":[{\"role\":\"user\"}]}",
        "{\"model\":\"m\",\"messages\":[]}", "{\"model\":\"m\",\"messages\":[1]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":1}]}",
        "{\"model\":\"m\",\"stream\":1,\"messages\":[{\"role\":\"user\"}]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{}]}]}",
        String(repeating: "[", count: 100_000), "{\"model\":\"\\ud800\\u12\"}",
    ])
    func badBodiesAreRefused(_ body: String) async throws {
        try await withMockModel(#"[{"text": "x"}]"#) { server in
            let response = try await server.exchange(post(chatPath, body))
            #expect(response.hasPrefix("HTTP/1.1 400 ") && response.contains(#"{"error":{"message":""#))
            #expect(server.log.entry(1)?.end == .refused)
            // The turn is still there.
            #expect(try await content(server.exchange(post(chatPath, chat()))) == "x")
        }
    }

    @Test func bytesThatAreNotUTF8AreRefused() async throws {
        try await withMockModel(#"[{"text": "x"}]"#) { server in
            let port = server.port
            let response = try await onThread {
                let client = try RawClient(port: port)
                let head = "POST \(chatPath) HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
                try client.send(head)
                try client.send([0x22, 0xff, 0xfe, 0x80, 0x22])
                return try client.receiveAll()
            }
            #expect(response.contains("not UTF-8"))
        }
    }

    @Test func anExhaustedScriptSaysSo() async throws {
        try await withMockModel(#"[{"text": "x"}]"#) { server in
            let response = try await server.exchange(post(chatPath, chat(answers: 1)))
            #expect(response.hasPrefix("HTTP/1.1 400 ") && response.contains(#""code":"script_no_turn""#))
            #expect(response.contains("script test.json: has no turn for conversation"))
        }
    }

    @Test func unknownPathsAreErrors() async throws {
        try await withMockModel("[]") { server in
            let wrong = try await server.exchange(get("/v1/embeddings"))
            #expect(wrong.hasPrefix("HTTP/1.1 404 ") && wrong.contains(#""code":"unknown_url""#))
            #expect(try await server.exchange(get(chatPath)).hasPrefix("HTTP/1.1 404 "))
            #expect(try await server.exchange(get("/v1/models")).contains(#"{"id":"test.json","object":"model""#))
        }
    }

    @Test func theKeyIsCheckedIfThereIsOne() async throws {
        try await withMockModel(#"[{"text": "x"}]"#, key: "secret") { server in
            for headers in [[], ["Authorization: Bearer wrong"], ["Authorization: secret"]] {
                let response = try await server.exchange(post(chatPath, chat(), headers: headers))
                #expect(response.hasPrefix("HTTP/1.1 401 ") && !response.contains("secret"))
            }
            let response = try await server.exchange(post(chatPath, chat(), headers: ["Authorization: Bearer secret"]))
            #expect(content(response) == "x")
        }
    }

    @Test func oversizedBodiesAreRefused() async throws {
        try await withMockModel(#"[{"text": "x"}]"#, largestBody: 1000) { server in
            let port = server.port
            let announced = try await onThread {
                let client = try RawClient(port: port)
                try client.send("POST \(chatPath) HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999\r\n\r\n")
                return try client.receive(until: "request_too_large")
            }
            #expect(announced.hasPrefix("HTTP/1.1 413 "))
            let chunked = try await onThread {
                let client = try RawClient(port: port)
                try client.send("POST \(chatPath) HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n")
                try client.send("400\r\n" + String(repeating: " ", count: 1024) + "\r\n")
                return try client.receive(until: "request_too_large")
            }
            #expect(chunked.hasPrefix("HTTP/1.1 413 "))
            #expect(server.log.entries().map(\.end) == [.refused, .refused])
        }
    }

    @Test func aClientThatWaitsToSendItsBodyIsTold() async throws {
        try await withMockModel(#"[{"text": "x"}]"#) { server in
            let port = server.port
            let response = try await onThread {
                let client = try RawClient(port: port)
                let request = post(chatPath, chat(), headers: ["Expect: 100-continue"])
                let parts = request.split(separator: "\r\n\r\n", maxSplits: 1)
                try client.send(parts[0] + "\r\n\r\n")
                let go = try client.receive(until: "\r\n\r\n")
                try client.send(String(parts[1]))
                return go + (try client.receiveAll())
            }
            #expect(response.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"))
            #expect(content(response) == "x")
        }
    }

    @Test(arguments: ["garbage\r\n\r\n", "POST / HTTP/9.9\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n", "GET /\r\n: \r\n\r\n"])
    func whatIsNotHTTPHurtsNobody(_ bytes: String) async throws {
        try await withMockModel(#"[{"text": "x"}]"#) { server in
            let port = server.port
            _ = try? await onThread {
                let client = try RawClient(port: port)
                try client.send(bytes)
                client.finishSending()
                return try client.receiveAll()
            }
            let response = try await server.exchange(post(chatPath, chat()))
            #expect(content(response) == "x")
        }
    }

    @Test func endlessHeadersEnd() async throws {
        try await withMockModel(#"[{"text": "x"}]"#) { server in
            let port = server.port
            await #expect(throws: SocketError.self) {
                try await onThread {
                    let client = try RawClient(port: port)
                    try client.send("GET / HTTP/1.1\r\n")
                    while true { try client.send("A: " + String(repeating: "b", count: 60_000) + "\r\n") }
                }
            }
            let response = try await server.exchange(post(chatPath, chat()))
            #expect(content(response) == "x")
        }
    }
}
