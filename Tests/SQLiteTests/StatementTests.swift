import SQLite
import Testing

@Suite struct StatementTests {
    let database: Database

    init() throws {
        database = try Database(path: ":memory:")
    }

    @Test(arguments: [0, 1, -1, .min, .max] as [Int64]) func integersComeBack(_ value: Int64) throws {
        let statement = try database.prepare("SELECT ?1, typeof(?1)")
        try statement.bind(value, at: 1)
        #expect(try statement.step())
        #expect(statement.int64(at: 0) == value)
        #expect(statement.text(at: 1) == "integer")
    }

    @Test(arguments: ["", "a", "naïve 🎼", "with\0zero"]) func textComesBack(_ value: String) throws {
        let statement = try database.prepare("SELECT ?1, typeof(?1)")
        try statement.bind(value, at: 1)
        #expect(try statement.step())
        #expect(statement.text(at: 0) == value)
        #expect(statement.text(at: 1) == "text")
    }

    @Test(arguments: [0, 1, 16, 4096, 4 << 20]) func blobsComeBack(_ count: Int) throws {
        let value = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let statement = try database.prepare("SELECT ?1, typeof(?1)")
        try statement.bind(value, at: 1)
        #expect(try statement.step())
        #expect(statement.byteCount(at: 0) == count)
        #expect(statement.blob(at: 0) == value)
        #expect(statement.withBlob(at: 0) { $0.byteCount } == count)
        #expect(statement.text(at: 1) == "blob")
    }

    @Test func nullIsNullAndDoublesAreDoubles() throws {
        let statement = try database.prepare("SELECT ?1, ?2, ?3, ?4")
        try statement.bindNull(at: 1)
        try statement.bind(2.5, at: 2)
        try statement.bind(nil as Int64?, at: 3)
        try statement.bind(true, at: 4)
        #expect(try statement.step())
        #expect(statement.isNull(at: 0) && statement.isNull(at: 2))
        #expect(statement.optionalInt64(at: 0) == nil)
        #expect(statement.blob(at: 0).isEmpty && statement.text(at: 0).isEmpty)
        #expect(statement.double(at: 1) == 2.5)
        #expect(statement.int64(at: 3) == 1)
        #expect(statement.columnCount == 4)
    }

    @Test func valuesStayBoundUntilCleared() throws {
        let statement = try database.prepare("SELECT ?1")
        try statement.bind(5 as Int64, at: 1)
        for _ in 0..<2 {
            #expect(try statement.step())
            #expect(statement.int64(at: 0) == 5)
            #expect(try !statement.step())
        }
        statement.clearBindings()
        #expect(try statement.step())
        #expect(statement.isNull(at: 0))
    }

    @Test func aPlaceThatIsNotThereIsAnError() throws {
        let statement = try database.prepare("SELECT ?1")
        let error = #expect(throws: SQLiteError.self) { try statement.bind(1 as Int64, at: 2) }
        #expect(error?.code == .range)
    }

    @Test(arguments: ["", "  ;", "-- only a comment", "SELECT 1; SELECT 2", "SELEKT 1", "SELECT x", "SELECT '"])
    func whatIsNotOneStatementIsRefused(_ sql: String) {
        #expect(throws: SQLiteError.self) { _ = try database.prepare(sql) }
    }

    @Test func aFinalSemicolonIsAllowed() throws {
        #expect(try database.prepare("SELECT 1 ;\n").step())
    }

    @Test func bytesThatAreNotUTF8AreReplaced() throws {
        let statement = try database.prepare("SELECT CAST(x'61FF62' AS TEXT)")
        #expect(try statement.step())
        #expect(statement.text(at: 0) == "a\u{FFFD}b")
    }

    @Test func aCacheGivesTheSameStatementReset() throws {
        let cache = StatementCache(database, capacity: 2)
        let first = try cache.statement("SELECT 1 UNION ALL SELECT 2")
        #expect(try first.step())
        let again = try cache.statement("SELECT 1 UNION ALL SELECT 2")
        #expect(again === first)
        #expect(try again.step())
        #expect(again.int64(at: 0) == 1)
        _ = try cache.statement("SELECT 3")
        _ = try cache.statement("SELECT 4")
        #expect(try cache.statement("SELECT 1 UNION ALL SELECT 2") !== first)
    }
}
