import Journal
import JournalSQLite
import JournalTestKit

/// A place for one journal, empty at first: what the conformance suite needs of an implementation.
protocol JournalFixture {
    associatedtype Opened: Journal
    /// Whether a journal that is opened again has what was committed before.
    static var lasts: Bool { get }
    init()
    /// Opens the journal of this place. Only one is open at a time.
    ///
    /// - Parameter requestLimit: accepted requests that are remembered at most.
    func open(requestLimit: Int) throws -> Opened
}

extension JournalFixture {
    func open() throws -> Opened { try open(requestLimit: 100_000) }
}

struct SQLiteFixture: JournalFixture {
    static let lasts = true
    private let directory = TemporaryDirectory()

    func open(requestLimit: Int) throws -> SQLiteJournal {
        var options = JournalOptions()
        options.requestLimit = Int64(requestLimit)
        return try SQLiteJournal(path: directory.file("store"), options: options)
    }
}

struct MemoryFixture: JournalFixture {
    static let lasts = false

    func open(requestLimit: Int) throws -> MemoryJournal { MemoryJournal(requestLimit: requestLimit) }
}
