import FermataClient
import FermataProtocol
import Foundation
import MockModel
import SwiftProtobuf
import Testing

/// Runs that move between two servers end as runs that never did.
extension OneServerAtATime {
    @Suite(.timeLimit(.minutes(30))) struct MoveTests {
        /// FERMATA_SOAK=10 moves fifty runs ten times each.
        static let soak = max(1, Int(ProcessInfo.processInfo.environment["FERMATA_SOAK"] ?? "") ?? 1)
        static let runs = min(50, 5 * soak)
        static let moves = soak >= 10 ? 10 : 4

        /// Twelve questions with a tool between them.
        static let script: String = {
            let steps = (1...12).map { number in
                #"""
                {"text": "Step \#(number).", "tool_calls": [
                  {"name": "terminal", "arguments": {"command": "echo \#(number)"}},
                  {"name": "ask_human", "arguments": {"question": "Which \#(number)?"}},
                  {"name": "ask_human", "arguments": {"question": "When \#(number)?"}}
                ]}
                """#
            }
            return "[" + (steps + [#"{"text": "Done."}"#, #"{"text": "Done again."}"#]).joined(separator: ",") + "]"
        }()

        @Test func endAsThoseThatStayed() async throws {
            try await Service.run(script: MoveTests.script) { service, _ in
                let stayed = try await service.launch("go") { $0.workspace = "/tmp" }
                try await service.wait(stayed, .waiting)
                while try await service.summary(stayed).status != .finished {
                    try await answer(stayed, service)
                    try await service.wait(stayed, .waiting, .finished)
                }
                try await service.send(stayed, "and again")
                try await service.wait(stayed, .finished)
                let expected = try await MoveTests.told(service.events(stayed))

                try await service.besideAnother { other in
                    for _ in 0..<MoveTests.runs {
                        let moved = try await move(between: service, other)
                        #expect(try await MoveTests.told(moved.service.events(moved.run)) == expected, "\(moved.run)")
                    }
                    try await other.check()
                }
                try await service.check()
            }
        }

        /// Moves a fresh run, with whatever is to be done now and then, and lets it end.
        private func move(
            between one: Service, _ other: Service
        ) async throws -> (run: String, service: Service) {
            var (here, there) = (one, other)
            let run = try await here.launch("") { $0.workspace = "/tmp" }
            for _ in 0..<MoveTests.moves {
                // It goes a little way, or stays as it is.
                for _ in 0..<Int.random(in: 0...3) { try await goOn(run, here) }
                if Bool.random(), ![.finished].contains(try await here.summary(run).status) {
                    try await here.pause(run)
                }
                try await here.wait(run, .idle, .waiting, .paused, .finished)
                let text = try await here.export(run, handoff: true)
                swap(&here, &there)
                let asks = try CheckpointJSON(text).document["openAsks"] as? [[String: Any]] ?? []
                let way = Int.random(in: 0...2)
                try await here.import(text) { part in
                    if asks.count == 1, way == 0 { part.answer = "Answer \(asks[0]["number"] ?? 0)." }
                    part.start = way == 1
                }
            }
            while try await !isAtEnd(run, here) { try await goOn(run, here) }
            return (run, here)
        }

        private func isAtEnd(_ run: String, _ service: Service) async throws -> Bool {
            let summary = try await service.summary(run)
            return summary.status == .finished && summary.lastMessage == "Done again."
        }

        /// One thing that the run needs from outside.
        private func goOn(_ run: String, _ service: Service) async throws {
            let summary = try await service.wait(run, .idle, .waiting, .paused, .finished)
            switch summary.status {
            case .idle: try await service.send(run, "go")
            case .paused:
                if summary.task.isEmpty { try await service.resume(run, "go") } else { try await service.resume(run) }
            case .waiting: try await answer(run, service)
            case .finished where summary.lastMessage == "Done.": try await service.send(run, "and again")
            default: break
            }
        }

        private func answer(_ run: String, _ service: Service) async throws {
            let asks = try await service.summary(run).openAsks
            if let ask = asks.first { try await service.answer(run, ask, "Answer \(ask).") }
        }

        /// What happened, without times, and without what only a move leaves.
        static func told(_ events: [FermataEvent]) -> [FermataEvent.OneOf_Kind] {
            events.compactMap { event in
                switch event.kind {
                case .handedOff, .imported, .held, .holdLifted: return nil
                case .askAnswered(var answer):
                    answer.via = .viaCommand
                    return .askAnswered(answer)
                case .modelAnswered(var answer):
                    // Each request has one of its own.
                    answer.providerRequestID = ""
                    return .modelAnswered(answer)
                default: return event.kind
                }
            }
        }
    }
}
