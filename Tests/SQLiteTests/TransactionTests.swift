import SQLite
import Testing

@Suite struct TransactionTests {
    struct Refusal: Error {}

    let directory = TemporaryDirectory()
    let database: Database

    init() throws {
        database = try Database(path: directory.file("db"))
        try database.execute("PRAGMA journal_mode = WAL; CREATE TABLE t(x UNIQUE)")
    }

    private func count() throws -> Int64 {
        let statement = try database.prepare("SELECT count(*) FROM t")
        _ = try statement.step()
        return statement.int64(at: 0)
    }

    @Test func whatReturnsIsCommitted() throws {
        let answer = try database.transaction {
            try database.execute("INSERT INTO t VALUES(1)")
            #expect(!database.isInAutocommit)
            return 42
        }
        #expect(answer == 42)
        #expect(database.isInAutocommit)
        #expect(try count() == 1)
    }

    @Test func whatThrowsIsRolledBack() throws {
        #expect(throws: Refusal.self) {
            try database.transaction {
                try database.execute("INSERT INTO t VALUES(1)")
                throw Refusal()
            }
        }
        #expect(throws: SQLiteError.self) {
            try database.transaction { try database.execute("INSERT INTO t VALUES(1); INSERT INTO t VALUES(1)") }
        }
        #expect(database.isInAutocommit)
        #expect(try count() == 0)
    }

    @Test func aNestedTransactionIsRefusedAndTheOuterOneRolledBack() throws {
        #expect(throws: SQLiteError.self) {
            try database.transaction {
                try database.execute("INSERT INTO t VALUES(1)")
                try database.transaction {}
            }
        }
        #expect(try count() == 0)
    }

    @Test func aFullDatabaseGoesOnWhenThereIsSpaceAgain() throws {
        try database.pragma("max_page_count = 8")
        let error = #expect(throws: SQLiteError.self) {
            try database.transaction { try database.execute("INSERT INTO t VALUES(zeroblob(100000))") }
        }
        #expect(error?.code == .full)
        #expect(database.isInAutocommit)
        try database.pragma("max_page_count = 1000")
        try database.transaction { try database.execute("INSERT INTO t VALUES(zeroblob(100000))") }
        #expect(try count() == 1)
    }

    @Test func checkpointsMoveTheLogThatIsCounted() throws {
        try database.observeLog()
        try database.observeLog()
        #expect(database.observedWALPages == 0)
        try database.execute("INSERT INTO t VALUES(1)")
        let pages = database.observedWALPages
        #expect(pages > 0)
        let other = try Database(path: directory.file("db"))
        let checkpoint = try other.passiveCheckpoint()
        #expect(checkpoint == WALCheckpoint(walPages: pages, movedPages: pages))
        #expect(checkpoint.isComplete)
        try database.execute("INSERT INTO t VALUES(2)")
        #expect(database.observedWALPages < pages)
    }

    @Test func aReaderHoldsUpOnlyThePartThatItNeeds() throws {
        try database.execute("INSERT INTO t VALUES(1)")
        let reader = try Database(path: directory.file("db"), access: .readOnly)
        try reader.begin(.deferred)
        try reader.execute("SELECT * FROM t")
        try database.execute("INSERT INTO t VALUES(2)")
        let checkpoint = try database.passiveCheckpoint()
        #expect(!checkpoint.isComplete)
        #expect(checkpoint.movedPages > 0)
        reader.rollback()
        #expect(try database.passiveCheckpoint().isComplete)
    }

    @Test func withoutALogThereIsNothingToMove() throws {
        let plain = try Database(path: ":memory:")
        #expect(try plain.passiveCheckpoint() == WALCheckpoint(walPages: 0, movedPages: 0))
    }
}
