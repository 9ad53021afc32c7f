import Journal
import Testing

/// Tools that workers serve, and calls that wait for them.
extension JournalConformance {
    func keepsTools(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        let tools = ["search", "a", "ä", "S", "send_mail"].enumerated().map { index, name in
            ToolRow(name: name, at: Int64(index), body: [UInt8](name.utf8))
        }
        try writer.commit(JournalBatch(tools: Array(tools.prefix(2))))
        try writer.commit(JournalBatch(tools: Array(tools.dropFirst(2))))
        for tool in tools {
            #expect(try reader.tool(tool.name) == tool)
            #expect(try writer.tool(tool.name) == tool)
        }
        #expect(try reader.tool("Search") == nil)
        let sorted = tools.sorted { $0.body.lexicographicallyPrecedes($1.body) }
        #expect(try reader.tools(after: nil, limit: 2) + reader.tools(after: sorted[1].name, limit: 9) == sorted)
        // Of several under one name the last stays.
        let changed = ToolRow(name: "a", at: 9, body: [])
        try writer.commit(JournalBatch(tools: [ToolRow(name: "a", at: 8, body: [8]), changed]))
        #expect(try reader.tool("a") == changed)
        #expect(try writer.tool("a") == changed)
        #expect(try reader.tools(after: nil, limit: 9).count == tools.count)
    }

    func keepsReadyCalls(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        func row(
            _ run: UInt64, _ number: UInt32, _ tool: String, at: Int64, attempt: UInt32 = 1
        ) -> ReadyCallRow {
            ReadyCallRow(
                key: ReadyCallKey(readyAt: at, run: Samples.run(run), number: number, attempt: attempt), tool: tool,
                body: [UInt8(run), UInt8(truncatingIfNeeded: number)])
        }
        let rows = [
            row(2, 1, "search", at: 5), row(1, 1, "search", at: 5), row(1, 2, "search", at: 5),
            row(3, 7, "mail", at: 1),
            row(4, .max, "search", at: 2, attempt: .max), row(5, 1, "search", at: .min),
        ]
        try writer.commit(JournalBatch(readyCalls: rows.map(ReadyCallChange.ready)))
        let ofSearch = [rows[5], rows[4], rows[1], rows[2], rows[0]]
        #expect(try reader.readyCalls(of: "search", limit: 100) == ofSearch.map(\.key))
        #expect(ofSearch.map(\.key).sorted() == ofSearch.map(\.key))
        #expect(try reader.readyCalls(of: "search", limit: 2) == ofSearch.prefix(2).map(\.key))
        #expect(try reader.readyCalls(of: "search", limit: 0).isEmpty)
        #expect(try reader.readyCalls(of: "Search", limit: 9).isEmpty)
        for row in rows { #expect(try reader.readyCall(row.key) == row) }

        // Another attempt is another call to be offered; what is gone is gone, and what was never there as well.
        let again = row(2, 1, "search", at: 9, attempt: 2)
        try writer.commit(
            JournalBatch(readyCalls: [
                .ready(again), .notReady(run: Samples.run(1), number: 1), .notReady(run: Samples.run(9), number: 1),
            ]))
        #expect(try reader.readyCall(rows[0].key) == nil)
        #expect(try reader.readyCall(rows[1].key) == nil)
        #expect(try reader.readyCalls(of: "search", limit: 9) == [rows[5], rows[4], rows[2], again].map(\.key))
        // In order: the last word about a call counts.
        try writer.commit(
            JournalBatch(readyCalls: [.notReady(run: again.key.run, number: 1), .ready(again), .ready(rows[1])]))
        #expect(try reader.readyCall(again.key) == again)
        #expect(try reader.readyCalls(of: "search", limit: 9).count == 5)
        // With the events of one batch all or none.
        var samples = Samples()
        var refused = samples.batch(Samples.run(2))
        refused.readyCalls = [.notReady(run: again.key.run, number: 1)]
        refused.tools = [ToolRow(name: "mail", at: 1, body: [])]
        refused.events[1].seq = 9
        let error = #expect(throws: JournalError.self) { try writer.commit(refused) }
        #expect(error?.code == .invalidBatch)
        #expect(try reader.readyCall(again.key) == again)
        #expect(try writer.tool("mail") == nil)
    }
}
