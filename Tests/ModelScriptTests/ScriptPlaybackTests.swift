import ModelScript
import Testing

struct ScriptPlaybackTests {
    private func turn(_ json: String) throws -> ScriptTurn {
        try ModelScript(json: "[\(json)]", file: "test.json").turns[0]
    }

    @Test func allAtOnce() throws {
        var playback = ScriptPlayback(try turn(#"{"text": "a b c"}"#))
        #expect(playback.next(at: 5) == .send(0..<3))
        #expect(playback.next(at: 5) == .end)
    }

    @Test func nothingToSay() throws {
        var playback = ScriptPlayback(try turn(#"{"text": ""}"#))
        #expect(playback.next(at: 5) == .end)
    }

    @Test func pace() throws {
        var playback = ScriptPlayback(
            try turn(#"{"text": "a b c d e", "tokens_per_second": 10, "first_token_delay_ms": 1000}"#))
        let second: UInt64 = 1_000_000_000
        #expect(playback.next(at: 0) == .wait(until: second))
        #expect(playback.next(at: second - 1) == .wait(until: second))
        #expect(playback.next(at: second) == .send(0..<1))
        #expect(playback.next(at: second) == .wait(until: second + second / 10))
        // Late: what became due meanwhile comes together.
        #expect(playback.next(at: second + second / 4) == .send(1..<3))
        #expect(playback.next(at: second * 9) == .send(3..<5))
        #expect(playback.next(at: second * 9) == .end)
    }

    /// Waiting until the time that a step names must bring the next token, or its owner would wait without end.
    @Test(arguments: [0.001, 0.3, 3, 7, 29.97, 333.3, 1_000_000])
    func whatIsWaitedForIsDue(_ rate: Double) throws {
        let text = String(repeating: "word ", count: 1000)
        var playback = ScriptPlayback(try turn(#"{"text": "\#(text)", "tokens_per_second": \#(rate)}"#))
        var now: UInt64 = 987_654_321_987
        var sent = 0
        while true {
            switch playback.next(at: now) {
            case .wait(let time):
                #expect(time > now)
                now = time
                guard case .send(let range) = playback.next(at: now) else {
                    Issue.record("nothing was due")
                    return
                }
                sent += range.count
            case .send(let range): sent += range.count
            case .end:
                #expect(sent == 1000)
                return
            case .gate, .fault: Issue.record("neither was scripted")
            }
        }
    }

    @Test func gates() throws {
        var playback = ScriptPlayback(
            try turn(#"{"text": "a b c", "gate": "g", "gate_after_tokens": 2, "tokens_per_second": 1}"#))
        let second: UInt64 = 1_000_000_000
        #expect(playback.next(at: 0) == .send(0..<1))
        #expect(playback.next(at: 10 * second) == .send(1..<2))
        #expect(playback.next(at: 10 * second) == .gate("g"))
        playback.gateOpened(at: 60 * second)
        #expect(playback.next(at: 60 * second) == .send(2..<3))
        #expect(playback.next(at: 60 * second) == .end)

        var first = ScriptPlayback(try turn(#"{"text": "a", "gate": "g", "first_token_delay_ms": 1}"#))
        #expect(first.next(at: 0) == .gate("g"))
        first.gateOpened(at: 50)
        #expect(first.next(at: 50) == .wait(until: 1_000_050))

        var last = ScriptPlayback(try turn(#"{"text": "a", "gate": "g", "gate_after_tokens": 99}"#))
        #expect(last.next(at: 0) == .send(0..<1))
        #expect(last.next(at: 0) == .gate("g"))
        last.gateOpened(at: 0)
        #expect(last.next(at: 0) == .end)
    }

    @Test func faults() throws {
        var cut = ScriptPlayback(try turn(#"{"text": "a b c", "fault": {"disconnect_after_tokens": 2}}"#))
        #expect(cut.next(at: 0) == .send(0..<2))
        #expect(cut.next(at: 0) == .fault(.disconnect(afterTokens: 2)))
        var late = ScriptPlayback(try turn(#"{"text": "a", "fault": {"malformed_chunk_after_tokens": 9}}"#))
        #expect(late.next(at: 0) == .send(0..<1))
        #expect(late.next(at: 0) == .fault(.malformedChunk(afterTokens: 9)))
        var slow = ScriptPlayback(try turn(#"{"fault": {"status": 500}, "first_token_delay_ms": 1}"#))
        #expect(slow.next(at: 0) == .wait(until: 1_000_000))
        #expect(slow.next(at: 1_000_000) == .fault(.status(500, retryAfterSeconds: nil, body: nil)))
    }
}
