import MockModel
import ModelScript
import Testing

/// The log must say when a client left, whatever the server was doing: the service's interrupt is measured with it.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct ClosedConnectionTests {
    enum Phase: String, CaseIterable, Sendable {
        case beforeFirstToken, atGate, betweenTokens, fast, silent, betweenRequests

        var turn: String {
            switch self {
            case .beforeFirstToken: #"{"match": "", "text": "a b c", "first_token_delay_ms": 3600000}"#
            case .atGate: #"{"match": "", "text": "a b c", "gate": "shut", "gate_after_tokens": 1}"#
            case .betweenTokens: #"{"match": "", "text": "a b c", "tokens_per_second": 0.001}"#
            case .fast:
                #"{"match": "", "tokens_per_second": 20000, "text": "\#(String(repeating: "word ", count: 200_000))"}"#
            case .silent: #"{"match": "", "text": "a b", "times": 100, "fault": {"silence_after_tokens": 1}}"#
            case .betweenRequests: #"{"match": "", "text": "a b c"}"#
            }
        }

        var milestone: MockModelLog.Milestone {
            switch self {
            case .beforeFirstToken: .received
            case .atGate: .atGate
            case .betweenTokens, .fast: .tokens(1)
            case .silent, .betweenRequests: .ended
            }
        }

        var end: MockModelEntry.End {
            switch self {
            case .silent: .fault
            case .betweenRequests: .complete
            default: .clientClosed
            }
        }
    }

    @Test(arguments: Phase.allCases)
    func isSeenAtOnce(_ phase: Phase) async throws {
        let delays = try await withMockModel("[\(phase.turn)]") { server in
            var delays: [UInt64] = []
            for number in 1...50 {
                let client = try RawClient(port: server.port)
                try await onThread {
                    try client.send(post(chatPath, chat(user: "\(number)"), isLast: false))
                    // Only a client that has the last bytes has a complete answer.
                    if phase == .betweenRequests { _ = try client.receive(until: "data: [DONE]\n\n\r\n0\r\n\r\n") }
                }
                let before = await server.log.entry(number, reaches: phase.milestone)
                #expect(before?.closed == nil)
                let closing = monotonicNanoseconds()
                client.close()
                let entry = try #require(await server.log.entry(number, reaches: .closed))
                let closed = try #require(entry.closed).monotonicNanoseconds
                #expect(entry.end == phase.end)
                #expect(closed >= closing)
                delays.append(closed - min(closing, closed))
            }
            return delays.sorted()
        }
        print("close to seen, \(phase): median \(delays[25] / 1000) µs, largest \(delays[49] / 1000) µs")
        // Far above what it is, for machines under load; what matters is that nothing has to be written first.
        #expect(delays[25] < 50_000_000)
    }

    @Test func aClientThatLeavesWhileItSendsIsNoRequest() async throws {
        try await withMockModel(#"[{"text": "x"}]"#) { server in
            let client = try RawClient(port: server.port)
            try client.send("POST \(chatPath) HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\n{\"model\":")
            client.close()
            #expect(try await content(server.exchange(post(chatPath, chat()))) == "x")
            #expect(server.log.entries().count == 1)
        }
    }

    /// A client that reads nothing fills the socket's buffers; then the server waits in a write when it leaves.
    @Test func isSeenWhileTheClientDoesNotRead() async throws {
        let text = String(repeating: "word ", count: 400_000)
        try await withMockModel(#"[{"text": "\#(text)", "tokens_per_second": 1000000}]"#) { server in
            let client = try RawClient(port: server.port)
            try client.send(post(chatPath, chat(), isLast: false))
            _ = await server.log.entry(1, reaches: .tokens(1))
            client.close()
            #expect(await server.log.entry(1, reaches: .closed)?.end == .clientClosed)
        }
    }
}
