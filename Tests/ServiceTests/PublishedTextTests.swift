import FermataClient
import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    /// The race of a cut with whatever still comes: what was published is a prefix of what is journaled, each time.
    /// FERMATA_SOAK=20 makes 1,000 cuts of each kind.
    @Suite struct PublishedTextTests {
        static let soak = max(1, Int(ProcessInfo.processInfo.environment["FERMATA_SOAK"] ?? "") ?? 1)
        static let words = (1...30_000).map { "word\($0)" }.joined(separator: " ")

        /// A model that streams a word in 50 µs, or has a command write lines without end.
        static let script = #"""
            [
              {"match": "user: settle", "text": "Settled."},
              {"match": "user: stream", "text": "\#(words)", "tokens_per_second": 20000},
              {"match": "user: slow", "text": "\#(words)", "tokens_per_second": 200},
              {"match": "user: seq", "tool_calls": [{"name": "terminal", "arguments":
                {"command": "exec seq -f %09.0f 1 999999999"}}]},
              {"match": "user: loop", "tool_calls": [{"name": "terminal", "arguments":
                {"command": "i=0; while :; do printf '%09d\\n' $((++i)); done"}}]},
              {"match": "user: late", "tool_calls": [{"name": "terminal", "arguments":
                {"command": "exec seq -f %09.0f 1 999999999", "timeout_seconds": 0.2}}]},
              {"match": "user: whole", "tool_calls": [{"name": "terminal", "arguments":
                {"command": "exec seq -f %09.0f 1 20000"}}]},
              {"match": "", "text": "Done."}
            ]
            """#

        /// What the commands write: the byte at this place.
        static func line(_ place: Int) -> UInt8 {
            if place % 10 == 9 { return UInt8(ascii: "\n") }
            var number = place / 10 + 1
            for _ in 0..<(8 - place % 10) { number /= 10 }
            return UInt8(ascii: "0") + UInt8(number % 10)
        }

        enum Cut: CaseIterable { case interrupt, stop, message }

        @Test(.timeLimit(.minutes(3 * soak)))
        func ofAFastStreamIsAPrefixOfTheCut() async throws {
            try await Service.run(script: Self.script) { service, _ in
                try await Published.of(service) { published in
                    var (cuts, longest) = (0, 0)
                    for round in 0..<(50 * Self.soak) {
                        let run = try await service.launch("stream")
                        await published.wait(for: run, bytes: 1 << (round % 14))
                        switch Cut.allCases[round % 3] {
                        case .interrupt: try await service.interrupt(run)
                        case .stop: try await service.stop(run)
                        case .message: try await service.send(run, "Now.", .now)
                        }
                        let cut = try await service.event(run) { if case .modelCut = $0 { true } else { false } }
                            .modelCut
                        try await published.settle(service)
                        let shown = published.text(run)
                        #expect(Array(cut.text.utf8).starts(with: shown), "round \(round): \(shown.count) bytes shown")
                        #expect(Self.words.hasPrefix(cut.text) && !shown.isEmpty)
                        cuts += 1
                        longest = max(longest, shown.count)
                    }
                    print("\(cuts) cuts of a stream; at most \(longest) bytes were shown before one")
                }
            }
        }

        @Test(.timeLimit(.minutes(3 * soak)), arguments: ["loop", "seq"])
        func ofAChattyToolIsInTheResultOfTheOneThatIsKilled(_ command: String) async throws {
            try await Service.run(script: Self.script) { service, _ in
                try await Published.of(service) { published in
                    var (cuts, shortened) = (0, 0)
                    for round in 0..<(25 * Self.soak) {
                        let run = try await service.launch(command)
                        await published.wait(for: run, call: 1, bytes: 1 << (round % 18))
                        if round % 2 == 0 { try await service.interrupt(run) } else { try await service.stop(run) }
                        try await check(run, .callInterrupted, service, published, &shortened)
                        cuts += 1
                    }
                    print("\(cuts) cuts of \(command); \(shortened) results lost their middle")
                }
            }
        }

        /// What ends by itself, or by its own time limit, is read to its end.
        @Test(.timeLimit(.minutes(2)), arguments: ["whole", "late"])
        func ofAToolThatEndsIsInItsResult(_ command: String) async throws {
            try await Service.run(script: Self.script) { service, _ in
                try await Published.of(service) { published in
                    for _ in 0..<5 {
                        let run = try await service.launch(command)
                        try await service.wait(run, .finished)
                        var shortened = 0
                        let ended = try await check(
                            run, command == "whole" ? .callFinished : .callTimedOut, service, published, &shortened)
                        #expect(shortened == 1)
                        if command == "whole" { #expect(Excerpt(Array(ended.output.utf8)).count == 200_000) }
                    }
                }
            }
        }

        @discardableResult
        private func check(
            _ run: String, _ outcome: FermataCallOutcome, _ service: Service, _ published: Published,
            _ shortened: inout Int
        ) async throws -> FermataCallEnded {
            let ended = try await service.event(run) { if case .callEnded = $0 { true } else { false } }.callEnded
            if ended.killing { _ = try await service.event(run) { if case .callGone = $0 { true } else { false } } }
            try await published.settle(service)
            #expect(ended.outcome == outcome)
            let shown = Excerpt(published.text(run, call: 1))
            let note = ended.output.firstRange(of: "[Interrupted by")?.lowerBound ?? ended.output.endIndex
            var bytes = Array(ended.output[..<note].utf8)
            // The note begins a line of its own.
            if note < ended.output.endIndex, Self.line(Excerpt(bytes).count - 1) != bytes.last { bytes.removeLast() }
            let result = Excerpt(bytes)
            #expect(shown.agrees(with: Self.line) && result.agrees(with: Self.line), "another output was shown or kept")
            #expect(shown.count <= result.count, "\(shown.count) bytes were shown, the result has \(result.count)")
            #expect(shown.count > 0)
            if ended.omittedBytes > 0 { shortened += 1 }
            return ended
        }

        /// The store is full when the cut is asked for: it is refused, though the stream has stopped. What was published
        /// is journaled when there is room.
        @Test(.timeLimit(.minutes(2)))
        func ofACutThatCannotBeWrittenIsNotLost() async throws {
            try await Service.run(script: Self.script) { service, _ in
                try await Published.of(service) { published in
                    let full = try await service.launch("")
                    try await service.pause(full)
                    try await service.queue(200, in: full)
                    let streaming = try await service.launch("slow")
                    let chatty = try await service.launch("loop")
                    await published.wait(for: streaming, bytes: 1000)
                    await published.wait(for: chatty, call: 1, bytes: 1000)
                    try await service.fillStore(by: full)
                    try await service.refused(.storeFull) { try await service.interrupt(streaming) }
                    try await service.refused(.storeFull) { try await service.interrupt(chatty) }
                    // Again: what is kept is given again.
                    try await service.refused(.storeFull) { try await service.interrupt(streaming) }
                    try await service.ticks(2)
                    try await service.limitFiles(to: nil)
                    let cut = try await service.event(streaming) { if case .modelCut = $0 { true } else { false } }
                    let shown = published.text(streaming)
                    #expect(shown.count >= 1000 && Array(cut.modelCut.text.utf8).starts(with: shown))
                    var shortened = 0
                    try await check(chatty, .callInterrupted, service, published, &shortened)
                    try await service.stop(streaming)
                }
            }
        }
    }
}
