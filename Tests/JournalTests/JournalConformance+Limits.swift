import Journal
import Testing

/// What is at the edge of what a journal takes, and what it does not take.
extension JournalConformance {
    /// Names are told apart, and ordered, by their bytes: what looks alike is not the same.
    func namesAreBytes(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        // The first two are the same text to Unicode.
        let names = [
            "\u{E9}", "e\u{301}", "E\u{301}", "e", "a\u{0}b", "a", "\u{10FFFF}", "\u{FFFD}", "' OR 1=1 --", "%", "",
        ]
        func bytes(_ name: String) -> [UInt8] { Array(name.utf8) }
        let sorted = names.sorted { bytes($0).lexicographicallyPrecedes(bytes($1)) }
        try writer.commit(
            JournalBatch(
                agents: names.map { AgentRow(name: $0, version: 1, at: 1, body: bytes($0)) },
                tools: names.map { ToolRow(name: $0, at: 1, body: bytes($0)) },
                readyCalls: names.enumerated().map { index, name in
                    .ready(
                        ReadyCallRow(
                            key: ReadyCallKey(readyAt: 1, run: Samples.run(1), number: UInt32(index), attempt: 1),
                            tool: name, body: bytes(name)))
                },
                tokens: names.map { name in
                    TokenRow(
                        id: name, name: name, scope: 1, sha256: [UInt8](repeating: 0, count: 32), createdAt: 1,
                        expiresAt: nil, revokedAt: nil, by: name)
                }))
        for (index, name) in names.enumerated() {
            #expect(try reader.agent(name)?.body == bytes(name))
            #expect(try writer.agent(name)?.body == bytes(name))
            #expect(try reader.tool(name)?.body == bytes(name))
            #expect(try writer.tool(name)?.body == bytes(name))
            #expect(try reader.readyCalls(of: name, limit: 9).map(\.number) == [UInt32(index)])
        }
        func pages<Row>(_ read: (String?) throws -> [Row], _ name: (Row) -> String) throws -> [[UInt8]] {
            var all: [Row] = []
            while true {
                let page = try read(all.last.map(name))
                if page.isEmpty { return all.map { bytes(name($0)) } }
                all += page
            }
        }
        #expect(try pages({ try reader.agents(after: $0, limit: 3) }, \.name) == sorted.map(bytes))
        #expect(try pages({ try reader.tools(after: $0, limit: 3) }, \.name) == sorted.map(bytes))
        #expect(try pages({ try reader.tokens(after: $0, limit: 3) }, \.id) == sorted.map(bytes))
        // A cursor need not name what is there.
        #expect(try reader.agents(after: "f", limit: 1).map { bytes($0.name) } == [bytes("\u{E9}")])
        // Of runs and of messages as well.
        var samples = Samples()
        for (index, name) in names.prefix(2).enumerated() {
            var batch = samples.batch(Samples.run(UInt64(index))) { $0.agent = name }
            batch.outbox = [
                OutboxRow(key: OutboxKey(endpoint: name, run: Samples.run(9), seq: 1, kind: 1), at: Int64(index))
            ]
            try writer.commit(batch)
        }
        for (index, name) in names.prefix(2).enumerated() {
            let runs = try reader.runs(RunFilter(agent: name), order: .oldestFirst, after: nil, limit: 9)
            #expect(runs.map(\.run) == [Samples.run(UInt64(index))])
            #expect(try reader.dueMessages(to: name, through: .max, limit: 9).map(\.at) == [Int64(index)])
        }
    }

    /// Every number that a row can have comes back as it was.
    func takesExtremes(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        let ids = [
            JournalRunID(high: 0, low: 0), JournalRunID(high: .max, low: .max), JournalRunID(high: 1 << 63, low: 1),
        ]
        var batch = JournalBatch()
        for (index, id) in ids.enumerated() {
            let time: Int64 = index == 0 ? .min : .max
            batch.events.append(
                NewEvent(run: id, seq: 1, at: time, kind: index == 0 ? .min : .max, body: index == 0 ? [] : [0, 255]))
            batch.runs.append(
                RunRow(
                    run: id, summary: [], status: index == 0 ? .min : .max, active: index == 0, due: time,
                    parent: ids[2 - index], agent: "", createdAt: Int64(index), updatedAt: time, lastSeq: 1))
            batch.asks.append(
                AskRow(
                    run: id, number: index == 0 ? 0 : .max, open: true, kind: index == 0 ? .min : .max, body: [],
                    openedAt: Int64(index), due: time))
        }
        batch.agents = [AgentRow(name: "", version: .max, at: .min, body: [])]
        batch.tools = [ToolRow(name: "", at: .max, body: [])]
        let request = RequestRow(id: JournalRequestID(high: .max, low: .max), digest: [], reply: [], at: .min)
        batch.requests = [request]
        let token = TokenRow(
            id: "t", name: "", scope: .min, sha256: [UInt8](repeating: 255, count: 32), createdAt: .min,
            expiresAt: .max, revokedAt: .min, by: "")
        batch.tokens = [token]
        let call = ReadyCallRow(
            key: ReadyCallKey(readyAt: .max, run: ids[1], number: .max, attempt: .max), tool: "", body: [])
        batch.readyCalls = [.ready(call)]
        let message = OutboxRow(
            key: OutboxKey(endpoint: "", run: ids[0], seq: UInt64(Int64.max), kind: .min), at: .max, attempts: .max)
        batch.outbox = [message]
        let commit = try writer.commit(batch)
        #expect(commit.firstOffset == 1)
        let snapshot = SnapshotRow(run: ids[1], seq: UInt64(Int64.max), format: .min, body: [])
        try writer.keep([snapshot])

        let events = batch.events.enumerated().map { EventRow($1, offset: UInt64($0 + 1)) }
        #expect(try reader.events(afterOffset: 0, maxBytes: .max, maxCount: .max) == events)
        for (event, row) in zip(events, batch.runs) {
            #expect(try reader.events(of: event.run, after: 0, maxBytes: .max, maxCount: .max) == [event])
            #expect(try reader.run(row.run) == row)
        }
        #expect(try reader.runs(from: ids[0], through: ids[1], limit: .max).map(\.run) == [ids[0], ids[2], ids[1]])
        #expect(
            try reader.runs(RunFilter(statuses: [.min, .max]), order: .oldestFirst, after: nil, limit: 9) == batch.runs)
        #expect(try reader.dueRuns(through: .max, limit: .max).map(\.run) == [ids[0], ids[2], ids[1]])
        #expect(try reader.nextDue() == .min)
        #expect(try reader.openAsks(of: nil, after: nil, limit: .max) == batch.asks)
        #expect(try reader.agent("") == batch.agents[0])
        #expect(try reader.tool("") == batch.tools[0])
        #expect(try reader.request(request.id) == request)
        #expect(try reader.tokens(after: nil, limit: .max) == [token])
        #expect(try reader.readyCall(call.key) == call)
        #expect(try reader.dueMessages(to: "", through: .max, limit: .max) == [message])
        #expect(try reader.nextMessageDue(to: "", after: .min) == .max)
        #expect(try reader.snapshot(of: ids[1]) == snapshot)
        // What lies beyond the end is nothing.
        #expect(try reader.events(of: ids[0], after: .max, through: .max, maxBytes: .max, maxCount: .max).isEmpty)
        #expect(try reader.events(of: ids[0], after: 1, through: 0, maxBytes: .max, maxCount: .max).isEmpty)
        #expect(try reader.runs(from: ids[1], through: ids[0], limit: 9).isEmpty)
    }

    /// Rows that no batch may have: each is refused with all that comes with it, and the writer goes on.
    func refusesEachKindOfRow(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        var samples = Samples()
        let run = Samples.run(1)
        let message = OutboxRow(key: OutboxKey(endpoint: "a", run: run, seq: 1, kind: 1), at: 1)
        var first = samples.batch(run)
        first.outbox = [message]
        first.requests = [Samples.request(1)]
        try writer.commit(first)
        var none = message
        none.key.seq = 0
        func token(_ digest: Int) -> TokenRow {
            TokenRow(
                id: "t", name: "", scope: 1, sha256: [UInt8](repeating: 0, count: digest), createdAt: 1, expiresAt: nil,
                revokedAt: nil, by: "")
        }
        let wrong: [(String, JournalBatch)] = [
            ("an agent of no version", JournalBatch(agents: [AgentRow(name: "a", version: 0, at: 1, body: [])])),
            ("a short digest", JournalBatch(tokens: [token(31)])), ("a long digest", JournalBatch(tokens: [token(33)])),
            ("no digest", JournalBatch(tokens: [token(0)])),
            ("a message that is there", JournalBatch(outbox: [message])),
            (
                "a message twice",
                JournalBatch(
                    outbox: [message, message].map { row in
                        var row = row
                        row.key.seq = 2
                        return row
                    })
            ),
            ("a message of no event", JournalBatch(outbox: [none])),
            ("a request that is remembered", JournalBatch(requests: [Samples.request(2), Samples.request(1)])),
        ]
        for (what, rows) in wrong {
            var next = samples
            var batch = next.batch(run)
            batch.agents = [AgentRow(name: "b", version: 1, at: 1, body: [])] + rows.agents
            batch.tokens = rows.tokens
            batch.outbox = rows.outbox
            batch.requests = rows.requests
            let error = #expect(throws: JournalError.self, "\(what)") { try writer.commit(batch) }
            #expect(error?.code == .invalidBatch, "\(what): \(String(describing: error))")
            #expect(writer.isOpen && writer.lastOffset == 2, "\(what)")
            #expect(try reader.lastOffset() == 2, "\(what)")
            #expect(try reader.agents(after: nil, limit: 9).isEmpty, "\(what)")
            #expect(try reader.tokens(after: nil, limit: 9).isEmpty, "\(what)")
            #expect(try reader.outboxCounts() == ["a": OutboxCounts(pending: 1, dead: 0)], "\(what)")
            #expect(try reader.request(Samples.request(2).id) == nil, "\(what)")
        }
        let nothing = SnapshotRow(run: run, seq: 0, format: 1, body: [])
        let fine = SnapshotRow(run: run, seq: 2, format: 1, body: [])
        let error = #expect(throws: JournalError.self) { try writer.keep([fine, nothing]) }
        #expect(error?.code == .invalidBatch)
        #expect(try reader.snapshot(of: run) == nil)
        // One that was delivered, or is dead, may come again.
        try writer.commit(
            JournalBatch(outcomes: [OutboxOutcome(key: message.key, result: .givenUp(nextAt: 1))], outbox: [message]))
        #expect(try reader.outboxCounts() == ["a": OutboxCounts(pending: 1, dead: 1)])
        #expect(try writer.commit(samples.batch(run)).firstOffset == 3)
    }

    /// Who asks for no rows, or for fewer, gets none.
    func pagesOfNothing(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        var samples = Samples()
        let run = Samples.run(1)
        var batch = samples.batch(run) {
            $0.active = true
            $0.due = 1
        }
        batch.asks = [AskRow(run: run, number: 1, open: true, kind: 1, body: [], openedAt: 1, due: nil)]
        batch.agents = [AgentRow(name: "a", version: 1, at: 1, body: [])]
        batch.tools = [ToolRow(name: "a", at: 1, body: [])]
        batch.requests = [Samples.request(1)]
        batch.outbox = [OutboxRow(key: OutboxKey(endpoint: "a", run: run, seq: 1, kind: 1), at: 1)]
        batch.readyCalls = [
            .ready(ReadyCallRow(key: ReadyCallKey(readyAt: 1, run: run, number: 1, attempt: 1), tool: "a", body: []))
        ]
        batch.tokens = [
            TokenRow(
                id: "t", name: "", scope: 1, sha256: [UInt8](repeating: 0, count: 32), createdAt: 1, expiresAt: nil,
                revokedAt: nil, by: "")
        ]
        try writer.commit(batch)
        func counts(_ limit: Int) throws -> [Int] {
            let filters = [
                RunFilter(), RunFilter(statuses: [1, 2]), RunFilter(agent: "default"), RunFilter(active: true),
            ]
            return try [
                reader.events(of: run, after: 0, maxBytes: .max, maxCount: limit).count,
                reader.events(afterOffset: 0, maxBytes: .max, maxCount: limit).count,
                reader.runs(from: run, through: run, limit: limit).count,
                reader.dueRuns(through: .max, limit: limit).count,
                reader.openAsks(of: nil, after: nil, limit: limit).count,
                reader.openAsks(of: run, after: nil, limit: limit).count,
                reader.agents(after: nil, limit: limit).count, reader.tools(after: nil, limit: limit).count,
                reader.tokens(after: nil, limit: limit).count,
                reader.dueMessages(to: "a", through: .max, limit: limit).count,
                reader.readyCalls(of: "a", limit: limit).count,
            ] + filters.map { try reader.runs($0, order: .newestFirst, after: nil, limit: limit).count }
        }
        #expect(Set(try counts(1)) == [1])
        for limit in [0, -1, .min] { #expect(Set(try counts(limit)) == [0], "\(limit)") }
        #expect(try writer.forgetRequests(before: .max, limit: -1) == 0)
        try writer.commit(
            JournalBatch(outcomes: [OutboxOutcome(key: batch.outbox[0].key, result: .givenUp(nextAt: 1))]))
        #expect(try writer.forgetDeadMessages(before: .max, limit: -1) == 0)
        #expect(try writer.forgetDeadMessages(before: .max, limit: 1) == 1)
    }

    /// The oldest are forgotten in the commit that would pass the limit.
    ///
    /// - Parameter journal: remembers ten.
    func remembersSoManyRequests(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        for number in 1...30 as ClosedRange<UInt64> {
            try writer.commit(JournalBatch(requests: [Samples.request(number)]))
            #expect(try reader.request(Samples.request(number).id) != nil)
            let oldest = number > 10 ? number - 9 : 1
            #expect(try reader.request(Samples.request(oldest).id) != nil)
            if oldest > 1 { #expect(try reader.request(Samples.request(oldest - 1).id) == nil) }
        }
        // What is forgotten may be accepted again.
        try writer.commit(JournalBatch(requests: [Samples.request(1)]))
        #expect(try writer.request(Samples.request(1).id) != nil)
    }

    /// Opened again, it has everything that was committed, whether its writer had ended or not.
    func lasts(_ place: some JournalFixture) throws {
        var samples = Samples()
        let token = TokenRow(
            id: "t", name: "ci", scope: 3, sha256: [UInt8](repeating: 7, count: 32), createdAt: 1, expiresAt: nil,
            revokedAt: nil, by: "tester")
        let message = OutboxRow(key: OutboxKey(endpoint: "a", run: Samples.run(1), seq: 1, kind: 1), at: 1, body: [1])
        let call = ReadyCallRow(
            key: ReadyCallKey(readyAt: 1, run: Samples.run(1), number: 1, attempt: 1), tool: "a", body: [2])
        let ask = AskRow(run: Samples.run(1), number: 1, open: true, kind: 1, body: [3], openedAt: 1, due: 2)
        for round in 1...5 as ClosedRange<UInt64> {
            let journal = try place.open()
            let writer = try journal.openWriter()
            #expect(writer.lastOffset == samples.offset)
            for _ in 1...10 {
                let next = samples.offset + 1
                #expect(try writer.commit(samples.batch(Samples.run(round % 3))).firstOffset == next)
            }
            try writer.commit(JournalBatch(requests: [Samples.request(round)]))
            if round == 2 {
                try writer.commit(
                    JournalBatch(
                        asks: [ask], agents: [AgentRow(name: "a", version: 1, at: 1, body: [4])], outbox: [message],
                        tools: [ToolRow(name: "a", at: 1, body: [5])], readyCalls: [.ready(call)], tokens: [token]))
                try writer.keep([SnapshotRow(run: Samples.run(1), seq: 1, format: 1, body: [6])])
            }
            if round % 2 == 0 { try writer.end() }
        }
        let journal = try place.open()
        let reader = try journal.openReader()
        #expect(try reader.events(afterOffset: 0, maxBytes: .max, maxCount: .max) == samples.events)
        for (run, row) in samples.rows { #expect(try reader.run(run) == row) }
        for round in 1...5 as ClosedRange<UInt64> {
            #expect(try reader.request(Samples.request(round).id) == Samples.request(round))
        }
        #expect(try reader.openAsks(of: nil, after: nil, limit: 9) == [ask])
        #expect(try reader.agent("a")?.body == [4])
        #expect(try reader.dueMessages(to: "a", through: .max, limit: 9) == [message])
        #expect(try reader.tool("a")?.body == [5])
        #expect(try reader.readyCall(call.key) == call)
        #expect(try reader.tokens(after: nil, limit: 9) == [token])
        #expect(try reader.snapshot(of: Samples.run(1))?.body == [6])
        let twice = #expect(throws: JournalError.self) {
            try journal.openWriter().commit(JournalBatch(requests: [Samples.request(1)]))
        }
        #expect(twice?.code == .invalidBatch)
    }
}
