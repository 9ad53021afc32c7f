import Glibc
import SQLite
import Testing

@Suite struct DatabaseTests {
    let directory = TemporaryDirectory()

    @Test func openingWhatIsMissingIsAnErrorWithItsCause() throws {
        let path = directory.file("none")
        let error = #expect(throws: SQLiteError.self) { _ = try Database(path: path, access: .readWrite) }
        #expect(error?.code == .cantOpen)
        #expect(error?.message == "unable to open database file")
        #expect(error?.systemError == ENOENT)
    }

    @Test func bytesThatAreNoDatabaseAreRefused() throws {
        let path = directory.file("noise")
        let stream = fopen(path, "w")
        fputs(String(repeating: "not a database, surely. ", count: 100), stream)
        fclose(stream)
        let database = try Database(path: path)
        let error = #expect(throws: SQLiteError.self) { try database.execute("CREATE TABLE t(x)") }
        #expect(error?.code == .notADatabase)
    }

    @Test func readOnlyDoesNotWrite() throws {
        let path = directory.file("db")
        try Database(path: path).execute("CREATE TABLE t(x)")
        let error = #expect(throws: SQLiteError.self) {
            try Database(path: path, access: .readOnly).execute("INSERT INTO t VALUES(1)")
        }
        #expect(error?.code == .readOnly)
    }

    @Test func errorsCarryTheStatementAndTheExtendedCode() throws {
        let database = try Database(path: ":memory:")
        try database.execute("CREATE TABLE t(x UNIQUE)")
        let insert = try database.prepare("INSERT INTO t VALUES(?1)")
        try insert.bind(1 as Int64, at: 1)
        try insert.run()
        #expect(database.changes == 1)
        let error = #expect(throws: SQLiteError.self) { try insert.run() }
        #expect(error?.code == .constraint)
        #expect(error?.extendedCode == 2067)
        #expect(error?.message == "UNIQUE constraint failed: t.x")
        #expect(error?.sql == "INSERT INTO t VALUES(?1)")
    }

    @Test func aLockedDatabaseIsBusyAtOnceWithoutATimeout() throws {
        let path = directory.file("db")
        let first = try Database(path: path)
        try first.execute("CREATE TABLE t(x)")
        try first.begin(.immediate)
        let second = try Database(path: path)
        let error = #expect(throws: SQLiteError.self) { try second.begin(.immediate) }
        #expect(error?.code == .busy)
        first.rollback()
        try second.begin(.immediate)
        try second.commit()
    }

    @Test func closingMakesEverythingUnusableAndIsRepeatable() throws {
        let database = try Database(path: directory.file("db"))
        let statement = try database.prepare("SELECT 1")
        #expect(try statement.step())
        try database.begin(.deferred)
        database.close()
        database.close()
        #expect(!database.isOpen)
        #expect(throws: SQLiteError.self) { _ = try statement.step() }
        #expect(throws: SQLiteError.self) { try statement.bind(1 as Int64, at: 1) }
        #expect(throws: SQLiteError.self) { try database.execute("SELECT 1") }
        #expect(throws: SQLiteError.self) { try database.begin(.immediate) }
        #expect(statement.int64(at: 0) == 0)
        statement.reset()
        database.interrupter.interrupt()
        database.rollback()
    }

    @Test func aStatementKeepsItsDatabaseOpen() throws {
        let statement = try Database(path: ":memory:").prepare("SELECT 7")
        #expect(try statement.step())
        #expect(statement.int64(at: 0) == 7)
    }

    @Test func pragmasGiveTheirValue() throws {
        let database = try Database(path: directory.file("db"))
        #expect(try database.pragma("journal_mode = WAL") == "wal")
        #expect(try database.pragma("user_version = 3") == nil)
        #expect(try database.pragma("user_version") == "3")
    }

    @Test func aHardenedDatabaseRefusesToBeDamaged() throws {
        let database = try Database(path: ":memory:")
        try database.harden()
        try database.execute("PRAGMA writable_schema = ON; CREATE TABLE t(x)")
        #expect(throws: SQLiteError.self) { try database.execute("DELETE FROM sqlite_schema") }
    }

    /// An interrupt from another thread ends a statement that would not end by itself.
    @Test(.timeLimit(.minutes(1))) func anInterruptEndsAStatement() async throws {
        let database = try Database(path: ":memory:")
        let statement = try database.prepare(
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n WHERE x % 1000 = 0")
        #expect(try statement.step())
        // The statement is running, between two of its rows: SQLite notes the interrupt for its next step.
        let interrupter = database.interrupter
        await Task.detached { interrupter.interrupt() }.value
        let error = #expect(throws: SQLiteError.self) { try statement.run() }
        #expect(error?.code == .interrupted)
        #expect(try statement.step())
        statement.reset()
    }
}
