import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    /// What a model is shown is the same whether it was kept from call to call or read from the journal.
    @Suite(.timeLimit(.minutes(2))) struct HistoryTests {
        /// In each round a tool is called and a message comes while it executes; one of the answers is cut off, one
        /// result is longer than what is kept without reading it. Then the server is killed, and the next has to read
        /// everything.
        @Test func theNextServerShowsTheModelWhatThisOneDid() async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let begun = try Fifo(in: directory, named: "begun")
            let go = "\(directory)/go"
            #expect(mkfifo(go, 0o600) == 0)
            let short = "echo > \(begun.path); cat \(go)"
            let long = "\(short); head -c 90000 /dev/zero | tr '\\\\0' x"
            let script = #"""
                [
                  {"match": "user: short", "text": "I look.", "tool_calls": [{"name": "terminal", "arguments": {"command": "\#(short)"}}, {"name": "terminal", "arguments": {"command": "echo second"}}]},
                  {"match": "user: long", "tool_calls": [{"name": "terminal", "arguments": {"command": "\#(long)"}}]},
                  {"match": "user: cut", "text": "one two three", "gate": "never", "gate_after_tokens": 2},
                  {"match": "", "text": "Seen."}
                ]
                """#
            try await Service.run(script: script) { service, model in
                let run = try await service.launch("hello")
                try await service.wait(run, .finished)
                for task in ["short", "long", "short"] {
                    try await service.send(run, task)
                    await begun.lines(1)
                    try await service.send(run, "while it executes")
                    try "now\n".write(toFile: go, atomically: false, encoding: .utf8)
                    try await service.wait(run, .finished)
                }
                try await service.send(run, "cut")
                await model.gates.awaited("never")
                try await service.interrupt(run)
                try await service.resume(run, "after the cut")
                try await service.wait(run, .finished)
                try await service.send(run, "last of this server")
                try await service.wait(run, .finished)
                let kept = try messages(model)

                service.kill()
                try await service.start()
                try await service.send(run, "first of the next")
                try await service.wait(run, .finished)
                let read = try messages(model)
                #expect(kept.count > 15)
                #expect(Array(read.prefix(kept.count)) == kept)
                #expect(read.count == kept.count + 2)
            }
        }

        /// Of the last request, each as JSON.
        private func messages(_ model: MockModel) throws -> [String] {
            let body = try #require(model.log.entries().last?.body)
            let request = try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
            return try (try #require(request["messages"] as? [[String: Any]])).map {
                String(decoding: try JSONSerialization.data(withJSONObject: $0, options: .sortedKeys), as: UTF8.self)
            }
        }
    }
}
