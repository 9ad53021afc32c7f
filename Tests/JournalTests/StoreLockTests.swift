import Foundation
import Glibc
import Journal
import JournalSQLite
import Testing

@Suite struct StoreLockTests {
    let directory = TemporaryDirectory()
    var path: String { directory.file("store") }

    @Test func aSecondServerIsRefusedAndToldWhoHasTheStore() throws {
        let first = try SQLiteJournal(path: path)
        let error = #expect(throws: JournalError.self) { _ = try SQLiteJournal(path: path) }
        #expect(error?.code == .inUse)
        #expect(error.map { "\($0)" } == "\(first.path): another server has the store: process \(getpid())")
        // The refusal took nothing from the first.
        var samples = Samples()
        let writer = try first.openWriter()
        try writer.commit(samples.batch(Samples.run(1)))
        #expect(throws: JournalError.self) { _ = try SQLiteJournal(path: path) }
        try writer.commit(samples.batch(Samples.run(1)))
    }

    @Test func anotherNameOfTheFileMeetsTheSameLock() throws {
        let first = try SQLiteJournal(path: path)
        let link = directory.file("link")
        #expect(symlink(path, link) == 0)
        let error = #expect(throws: JournalError.self) { _ = try SQLiteJournal(path: link) }
        #expect(error?.code == .inUse)
        #expect(first.path == error?.path)
    }

    @Test func theLockIsHeldAsLongAsAnythingIsOpen() throws {
        var journal: SQLiteJournal? = try SQLiteJournal(path: path)
        let reader = try journal!.openReader()
        journal = nil
        #expect(throws: JournalError.self) { _ = try SQLiteJournal(path: path) }
        #expect(try reader.lastOffset() == 0)
    }

    @Test func aStaleLockFileIsNoLock() throws {
        for content in ["999999\n", "", "what?", String(repeating: "9", count: 100)] {
            try write(Array(content.utf8), to: path + ".lock")
            _ = try SQLiteJournal(path: path)
        }
    }

    @Test func aHolderWithoutANumberIsUnknown() throws {
        try write([], to: path)
        let lock = try StoreLock(store: path)
        try write(Array("what?".utf8), to: lock.path)
        let error = #expect(throws: JournalError.self) { _ = try StoreLock(store: path) }
        #expect(error?.message == "another server has the store: an unknown process")
    }

    /// Race: a server was killed while it was starting a program, which has all its descriptors until it runs, the lock's
    /// too. Whoever comes next waits for that, if the server is gone.
    @Test(.timeLimit(.minutes(1))) func theLockOfAServerThatIsGoneIsWaitedFor() async throws {
        try write([], to: path)
        let child = Process()
        child.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        child.arguments = ["flock", path + ".lock", "sh", "-c", "echo locked; read line"]
        let (input, output) = (Pipe(), Pipe())
        child.standardInput = input
        child.standardOutput = output
        try child.run()
        defer {
            child.terminate()
            child.waitUntilExit()
        }
        #expect(try output.fileHandleForReading.read(upToCount: 7)?.count == 7)
        // A server that lives: no wait.
        try write(Array("\(getpid())\n".utf8), to: path + ".lock")
        let error = #expect(throws: JournalError.self) { _ = try SQLiteJournal(path: path) }
        #expect(error?.code == .inUse)
        // One that is gone, whose number nobody has.
        try write(Array("4194304\n".utf8), to: path + ".lock")
        let opening = Task.detached { [path] in try SQLiteJournal(path: path).path }
        try input.fileHandleForWriting.write(contentsOf: Data("go\n".utf8))
        #expect(try await opening.value.hasSuffix("/store"))
    }

    /// Another name of the same file, with a lock beside it that is free: the file itself is locked.
    @Test func aHardLinkMeetsTheLockOfTheFile() throws {
        let first = try SQLiteJournal(path: path)
        let name = directory.file("name")
        #expect(link(path, name) == 0)
        let error = #expect(throws: JournalError.self) { _ = try SQLiteJournal(path: name) }
        #expect(error?.code == .shared)
        withExtendedLifetime(first) {}
    }
}
