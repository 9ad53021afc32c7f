import FermataClient
import FermataProtocol
import Foundation
import Journal
import JournalTestKit
import Logging
import NNG
import SwiftProtobuf
import Testing

@testable import FermataServer
@testable import Models
import RunRows

/// The whole service, with its sockets and a scripted model, on a journal that is not SQLite's: it needs nothing of a
/// journal but what the protocol says. One server at a time in this process, as its clock is the process's.
@Suite(.serialized, .timeLimit(.minutes(2))) struct AnyJournalTests {
    private static let script = #"""
        [
          {"tool_calls": [{"name": "ask_human", "arguments": {"question": "May I?", "format": "yes_no"}}]},
          {"text": "Done."}, {"text": "Again."}
        ]
        """#

    /// Runs a body with a server of its own, which then ends in order.
    private func serve<T>(
        _ journal: MemoryJournal, _ directory: String, environment: [String: String] = [:],
        _ body: (Client) async throws -> T
    ) async throws -> T {
        let script = directory + "/script.json"
        try Self.script.write(toFile: script, atomically: true, encoding: .utf8)
        var configuration = Configuration(
            directory: directory, environment: environment.merging(["LLM_MODEL": "mock/\(script)"]) { $1 },
            prices: try Prices(json: Data("{}".utf8)))
        // No tool is executed here.
        configuration.supervisor = "/bin/true"
        let logger = Logger(label: "") { _ in SwiftLogNoOpLogHandler() }
        let server = try Server(
            configuration, journal: journal,
            ToolSources([try Server.builtInTools(configuration, adoptsOrphans: false).source], logger: logger),
            try DescriptorPlan(limit: FreeDescriptors.limit, hasWebhooks: false), logger: logger)
        do {
            let result = try await body(Client(controlURL: server.controlURL))
            server.end()
            return result
        } catch {
            server.end()
            throw error
        }
    }

    private func withDirectory<T>(_ body: (String) async throws -> T) async throws -> T {
        var template = Array("/tmp/fermata-test-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let directory = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        defer { try? FileManager.default.removeItem(atPath: directory) }
        return try await body(directory)
    }

    private func launch(_ client: Client) async throws -> String {
        try await client.send(
            FermataLaunch.with {
                $0.task = "go"
                $0.modelAttempts = 1
            }
        ).run.id
    }

    /// A run is launched in one life of the server and goes on in the next, is forked and exported; everything that was
    /// said of it is what the journal has, with offsets that have no gap.
    @Test func aRunLivesOnAJournalInMemory() async throws {
        try await withDirectory { directory in
            let journal = MemoryJournal()
            let run = try await serve(journal, directory) { client in
                let run = try await launch(client)
                let waiting = try await client.wait(for: [.waiting], run: run)
                #expect(waiting.openAsks == [1])
                return run
            }
            let known = try journal.openReader().lastOffset()
            #expect(known > 3)
            try await serve(journal, directory) { client in
                let asks = try await client.send(FermataListAsks()).asks
                #expect(asks.map(\.question) == ["May I?"])
                let answer = FermataAnswer.with {
                    $0.requestID = UUID().uuidString.lowercased()
                    $0.run = run
                    $0.ask = 1
                    $0.text = "yes"
                }
                let reply = try await client.send(answer)
                // Its repeat is the same answer, and changes nothing.
                #expect(try await client.send(answer) == reply)
                let finished = try await client.wait(for: [.finished], run: run)
                #expect(finished.lastMessage == "Done.")

                let fork = try await client.send(FermataFork.with { $0.run = run }).run
                #expect(fork.status == .paused && fork.hold.cause == .forked)
                let message = FermataSend.with {
                    $0.run = run
                    $0.text = "once more"
                }
                _ = try await client.send(message)
                let again = try await client.wait(for: [.finished], run: run)
                #expect(again.lastMessage == "Again.")
                #expect(try await client.send(FermataListRuns()).runs.map(\.id) == [fork.id, run])
                let page = try await client.send(FermataExport.with { $0.run = run })
                #expect(page.text.contains("Again."))

                // What the service tells is what the journal has; the copied events too have their places.
                let rows = try journal.openReader().events(afterOffset: 0, maxBytes: .max, maxCount: .max)
                #expect(rows.map(\.offset) == Array(1...UInt64(rows.count)))
                let events = try rows.map { try FermataEvent($0) }
                let read = try await client.send(FermataReadEvents())
                #expect(read.events == events && read.last == UInt64(rows.count))
                let ofRun = try await client.send(FermataReadEvents.with { $0.run = run }).events
                #expect(ofRun == events.filter { $0.run == run })
                #expect(ofRun.map(\.seq) == Array(1...UInt64(ofRun.count)))
                let stats = try await client.send(FermataStats())
                #expect(stats.lastOffset == UInt64(rows.count))
                #expect(stats.storeBytes == journal.storage.bytes && stats.logBytes == 0)
            }
        }
    }

    /// A batch that found no room has taken no offsets: what is told afterwards has those of its own commit.
    @Test func aFullJournalRefusesAndGoesOn() async throws {
        try await withDirectory { directory in
            let journal = MemoryJournal()
            try await serve(journal, directory) { client in
                let run = try await launch(client)
                _ = try await client.wait(for: [.waiting], run: run)
                let last = try journal.openReader().lastOffset()
                journal.isFull = true
                for _ in 0..<3 {
                    do {
                        _ = try await client.send(FermataPause.with { $0.run = run })
                        Issue.record("it was not refused")
                    } catch ClientError.refused(let error) {
                        #expect(error.code == ErrorCode.storeFull.name)
                    }
                }
                #expect(try await client.send(FermataStats()).storeIsFull)
                #expect(try journal.openReader().lastOffset() == last)
                journal.isFull = false
                #expect(try await client.send(FermataPause.with { $0.run = run }).run.status == .paused)
                #expect(try await !client.send(FermataStats()).storeIsFull)
                var told: [FermataEvent] = []
                for try await event in try await client.tail(after: last) {
                    told.append(event)
                    if case .held = event.kind { break }
                }
                #expect(told.map(\.offset) == [last + 1])
                let rows = try journal.openReader().events(afterOffset: last, maxBytes: .max, maxCount: .max)
                #expect(try rows.map { try FermataEvent($0) } == told)
            }
        }
    }

    /// A command whose own checks refuse it now, for the server knows other models than before, was accepted once: its
    /// repeat gets the reply that it had.
    @Test func aRepeatIsNotJudgedByAnotherEnvironment() async throws {
        try await withDirectory { directory in
            let journal = MemoryJournal()
            let resume = try await serve(journal, directory, environment: ["LLM_BASE_URL": "http://127.0.0.1:1"]) {
                client in
                let run = try await launch(client)
                _ = try await client.wait(for: [.waiting], run: run)
                _ = try await client.send(FermataPause.with { $0.run = run })
                let resume = FermataResume.with {
                    $0.requestID = UUID().uuidString.lowercased()
                    $0.run = run
                    $0.model = "openai/another"
                }
                return (resume, try await client.send(resume))
            }
            #expect(resume.1.run.model == "openai/another")
            try await serve(journal, directory) { client in
                #expect(try await client.send(resume.0) == resume.1)
                var other = resume.0
                other.requestID = UUID().uuidString.lowercased()
                do {
                    _ = try await client.send(other)
                    Issue.record("it was not refused")
                } catch ClientError.refused(let error) {
                    #expect(error.code == ErrorCode.missingKey.name)
                }
            }
        }
    }
}
