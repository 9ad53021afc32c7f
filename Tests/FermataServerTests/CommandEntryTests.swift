import FermataProtocol
import Foundation
import Journal
import JournalTestKit
import Logging
import SwiftProtobuf
import Synchronization
import Testing
import Threads

@testable import FermataServer

/// What is thrown while a command is on its way becomes its answer, once; that of a repeat is what it was.
@Suite struct CommandEntryTests {
    private struct Mistake: Error {}

    private let journal = MemoryJournal()
    private let readers: ReaderPool
    private let entry: CommandEntry
    private let refusal = Refusal(.unknownModel, "no more")

    init() {
        let journal = journal
        let logger = Logger(label: "") { _ in SwiftLogNoOpLogHandler() }
        readers = ReaderPool(threads: 0, logger: logger) { try journal.openReader() }
        entry = CommandEntry(inbox: Mailbox(), readers: readers)
    }

    private func stop(_ reason: String = "") -> FermataStop {
        .with {
            $0.requestID = UUID().uuidString.lowercased()
            $0.run = "0190"
            $0.reason = reason
        }
    }

    /// As if the command had been accepted with this reply.
    private func accept(_ command: FermataStop, _ reply: [UInt8]) throws {
        let identity = try entry.identity(of: command) { _ in }
        let digest = (0..<8).map { UInt8(truncatingIfNeeded: identity.digest >> (56 - 8 * $0)) }
        try journal.openWriter().commit(
            JournalBatch(requests: [RequestRow(id: identity.requestID, digest: digest, reply: reply, at: 1)]))
    }

    /// How a command is answered while this is thrown, by all completions there are.
    private func answers(_ command: FermataStop, _ error: any Error) async -> [Result<[UInt8], Refusal>] {
        let (answers, continuation) = AsyncStream<Result<[UInt8], Refusal>>.makeStream()
        entry.refusing(command, { continuation.yield($0) }, { throw error })
        var all: [Result<[UInt8], Refusal>] = []
        for await answer in answers {
            all.append(answer)
            // Whatever else might come would come before this: look-ups are done in order, by one thread.
            if all.count == 1 { entry.refusing(Self.nobodys, { _ in continuation.finish() }, { throw error }) }
        }
        return all
    }

    private static let nobodys = FermataStop.with { $0.requestID = "00000000-0000-7000-8000-000000000000" }

    @Test func isTheRefusal() async {
        #expect(await answers(stop(), refusal) == [.failure(refusal)])
        // It can be no repeat.
        var command = stop()
        command.requestID = "none"
        #expect(await answers(command, refusal) == [.failure(refusal)])
    }

    @Test func isAMistakeOfTheServersIfItIsNoRefusal() async {
        #expect(await answers(stop(), Mistake()) == [.failure(Refusal(.internalError, "Mistake()"))])
    }

    @Test func ofARepeatIsTheOldReply() async throws {
        let command = stop()
        try accept(command, [8, 1])
        #expect(await answers(command, refusal) == [.success([8, 1])])
        #expect(await answers(command, Mistake()) == [.success([8, 1])])
        // The same id stands for another command.
        var other = stop("another")
        other.requestID = command.requestID
        #expect(await answers(other, refusal) == [.failure(refusal)])
    }

    @Test func nothingIsAnsweredForWhatIsNotThrown() {
        let count = Mutex(0)
        entry.refusing(stop(), { _ in count.withLock { $0 += 1 } }, {})
        #expect(count.withLock { $0 } == 0)
    }

    /// What is neither an id nor the beginning of one is not looked for.
    @Test func ofATextThatNamesNoRunIsThrownAtOnce() {
        let runs = RunLookUp(readers: readers)
        #expect(throws: Refusal.self) { try runs.find("no run") { _ in Issue.record("it was looked for") } }
    }

    /// The answer of a read, whatever of it fails.
    @Test func ofAReadIsItsAnswer() async throws {
        let runs = RunLookUp(readers: readers)
        func answer(_ run: String, _ body: @escaping @Sendable (RunID) throws -> Void) async -> Refusal? {
            await withCheckedContinuation { continuation in
                let complete: Exchange.Completion = { result in
                    if case .failure(let refusal) = result { continuation.resume(returning: refusal) }
                }
                do throws(Refusal) {
                    try runs.find(run, for: complete, body)
                } catch {
                    complete(.failure(error))
                }
            }
        }
        let run = RunID(high: 1, low: 2).description
        let refused = await answer(run) { [refusal] _ in throw refusal }
        #expect(refused == refusal)
        let mistaken = await answer(run) { _ in throw Mistake() }
        #expect(mistaken == Refusal(.internalError, "Mistake()"))
        let unknown = await answer("0190") { _ in Issue.record("it was found") }
        #expect(unknown?.code == .noSuchRun)
        let unnamed = await answer("no run") { _ in Issue.record("it was found") }
        #expect(unnamed?.code == .invalidArgument)
    }
}
