import SQLite
import Testing

@Suite struct BackupTests {
    let directory = TemporaryDirectory()

    private struct Enough: Error {}

    private func filled() throws -> (source: Database, writer: Database) {
        let writer = try Database(path: directory.file("source"))
        try writer.pragma("journal_mode = WAL")
        try writer.execute("CREATE TABLE t(x); INSERT INTO t VALUES(1)")
        for _ in 0..<10 { try writer.execute("INSERT INTO t SELECT randomblob(500) FROM t") }
        return (try Database(path: directory.file("source"), access: .readOnly), writer)
    }

    private func count(_ database: Database) throws -> Int64 {
        let statement = try database.prepare("SELECT count(*) FROM t")
        _ = try statement.step()
        return statement.int64(at: 0)
    }

    /// Race: another connection commits between two portions; the copy is of the state at its beginning.
    @Test func copiesOneStateWhileAnotherWrites() throws {
        let (source, writer) = try filled()
        let target = try Database(path: directory.file("target"))
        try source.begin(.deferred)
        #expect(try count(source) == 1024)
        var steps: [Int] = []
        try source.backUp(to: target, pages: 10) { done, total in
            steps.append(done)
            try writer.execute("INSERT INTO t SELECT randomblob(500) FROM t LIMIT 20")
            #expect(done <= total)
        }
        source.rollback()
        #expect(steps.count > 5 && steps == steps.sorted())
        target.close()
        let copy = try Database(path: directory.file("target"))
        #expect(try count(copy) == 1024)
        #expect(try copy.pragma("integrity_check") == "ok")
        #expect(try count(writer) > 1024)
    }

    @Test func endsWithWhatTheProgressThrows() throws {
        let (source, _) = try filled()
        let target = try Database(path: directory.file("target"))
        #expect(throws: Enough.self) { try source.backUp(to: target, pages: 1) { _, _ in throw Enough() } }
        // Both are free again.
        try source.backUp(to: target)
        #expect(try count(target) == 1024)
    }

    @Test func whatCannotBeCopiedToIsSaid() throws {
        let (source, _) = try filled()
        let busy = try Database(path: directory.file("target"))
        try busy.execute("BEGIN IMMEDIATE; CREATE TABLE u(x)")
        let target = try Database(path: directory.file("target"))
        let error = #expect(throws: SQLiteError.self) { try source.backUp(to: target) }
        #expect(error?.code == .busy)
        target.close()
        let closed = #expect(throws: SQLiteError.self) { try source.backUp(to: target) }
        #expect(closed?.code == .misuse)
    }
}
