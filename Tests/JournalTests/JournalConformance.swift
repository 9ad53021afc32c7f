import Journal
import Testing

private struct Enough: Error {}

/// What every journal does. Each case gets a place for a journal, where there is none yet.
enum JournalConformance: CaseIterable {
    case isEmptyAtFirst
    case keepsEvents
    case bounds
    case picksKinds
    case keepsRuns
    case refusesBatches
    case keepsRequests
    case keepsAsks
    case keepsAgents
    case keepsTools
    case keepsReadyCalls
    case keepsTokens
    case keepsBlobs
    case keepsSnapshots
    case keepsMessages
    case hasOneWriter
    case closes
    case ends
    case readersSeeWholeBatches
    case readersFollowTheWriter
    case bigBodies
    case namesAreBytes
    case takesExtremes
    case refusesEachKindOfRow
    case pagesOfNothing
    case remembersSoManyRequests
    /// Not for what is meant to be gone with its process.
    case lasts

    func check(_ fixture: (some JournalFixture).Type) throws {
        let place = fixture.init()
        switch self {
        case .remembersSoManyRequests: try remembersSoManyRequests(try place.open(requestLimit: 10))
        case .lasts: try lasts(place)
        default: try check(try place.open())
        }
    }

    /// - Parameter journal: empty. As the server has it: of any kind.
    private func check(_ journal: any Journal) throws {
        switch self {
        case .isEmptyAtFirst: try isEmptyAtFirst(journal)
        case .keepsEvents: try keepsEvents(journal)
        case .bounds: try bounds(journal)
        case .picksKinds: try picksKinds(journal)
        case .keepsRuns: try keepsRuns(journal)
        case .refusesBatches: try refusesBatches(journal)
        case .keepsRequests: try keepsRequests(journal)
        case .keepsAsks: try keepsAsks(journal)
        case .keepsAgents: try keepsAgents(journal)
        case .keepsTools: try keepsTools(journal)
        case .keepsReadyCalls: try keepsReadyCalls(journal)
        case .keepsTokens: try keepsTokens(journal)
        case .keepsBlobs: try keepsBlobs(journal)
        case .keepsSnapshots: try keepsSnapshots(journal)
        case .keepsMessages: try keepsMessages(journal)
        case .hasOneWriter: try hasOneWriter(journal)
        case .closes: try closes(journal)
        case .ends: try ends(journal)
        case .readersSeeWholeBatches: try readersSeeWholeBatches(journal)
        case .readersFollowTheWriter: try readersFollowTheWriter(journal)
        case .bigBodies: try bigBodies(journal)
        case .namesAreBytes: try namesAreBytes(journal)
        case .takesExtremes: try takesExtremes(journal)
        case .refusesEachKindOfRow: try refusesEachKindOfRow(journal)
        case .pagesOfNothing: try pagesOfNothing(journal)
        case .remembersSoManyRequests, .lasts: break
        }
    }

    private func isEmptyAtFirst(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        #expect(writer.lastOffset == 0)
        #expect(try writer.commit(JournalBatch()).firstOffset == 1)
        try writer.verify()
        let reader = try journal.openReader()
        #expect(try reader.lastOffset() == 0)
        #expect(try reader.lastSeq(of: Samples.run(1)) == 0)
        #expect(try reader.run(Samples.run(1)) == nil)
        #expect(try reader.events(afterOffset: 0, maxBytes: 100, maxCount: 100).isEmpty)
        #expect(try reader.runs(RunFilter(), order: .newestFirst, after: nil, limit: 10).isEmpty)
        #expect(try reader.activeRuns().isEmpty)
        #expect(try reader.nextDue() == nil)
        #expect(try reader.openAsks(of: nil, after: nil, limit: 10).isEmpty)
        #expect(try reader.request(Samples.request(1).id) == nil)
        #expect(try writer.request(Samples.request(1).id) == nil)
        #expect(try reader.agent("default") == nil)
        #expect(try writer.agent("default") == nil)
        #expect(try reader.agents(after: nil, limit: 10).isEmpty)
        #expect(try reader.tool("search") == nil)
        #expect(try writer.tool("search") == nil)
        #expect(try reader.tools(after: nil, limit: 10).isEmpty)
        #expect(try reader.readyCalls(of: "search", limit: 10).isEmpty)
        #expect(try reader.tokens(after: nil, limit: 10).isEmpty)
        #expect(try reader.snapshot(of: Samples.run(1)) == nil)
        #expect(try reader.dueMessages(to: "a", through: .max, limit: 10).isEmpty)
        #expect(try reader.nextMessageDue(to: "a", after: .min) == nil)
        #expect(try reader.outboxCounts().isEmpty)
        #expect(try writer.forgetDeadMessages(before: .max, limit: 10) == 0)
        try writer.dropSnapshots()
    }

    /// Events of some kinds, of one run or of all: in order, within bounds, and no others.
    private func picksKinds(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        var samples = Samples()
        for round in 0..<30 { try writer.commit(samples.batch(Samples.run(UInt64(round % 3)), events: 2)) }
        let all = samples.events
        func pick(
            _ kinds: [Int32], _ run: JournalRunID?, _ after: UInt64 = 0, _ last: UInt64 = .max, bytes: Int = .max,
            count: Int = .max
        ) throws -> [EventRow] {
            try reader.events(ofKinds: kinds, of: run, after: after, through: last, maxBytes: bytes, maxCount: count)
        }
        for kinds in [[], [0], [1, 6], [0, 1, 2, 3, 4, 5, 6], [99]] as [[Int32]] {
            let wanted = all.filter { kinds.contains($0.kind) }
            #expect(try pick(kinds, nil) == wanted)
            #expect(try pick(kinds, nil, 10, 40) == wanted.filter { (11...40).contains($0.offset) })
            #expect(try pick(kinds, nil, count: 3) == Array(wanted.prefix(3)))
            // The first comes whatever its size.
            #expect(try pick(kinds, nil, bytes: 1) == Array(wanted.prefix(1)))
            for run in (0..<4).map(Samples.run) {
                let own = wanted.filter { $0.run == run }
                #expect(try pick(kinds, run) == own)
                #expect(try pick(kinds, run, 3, 9) == own.filter { (4...9).contains($0.seq) })
            }
        }
        #expect(try pick([1], nil, .max).isEmpty && pick([1], nil, 40, 10).isEmpty)
        for count in [0, -1, .min] { #expect(try pick([1], nil, count: count).isEmpty) }
    }

    private func keepsEvents(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        var samples = Samples()
        let (one, two) = (Samples.run(1), Samples.run(2))
        for round in 0..<20 as Range<UInt64> {
            let events = [samples.event(one), samples.event(two, body: []), samples.event(one)]
            let batch = JournalBatch(events: events, runs: [samples.row(one), samples.row(two)])
            let commit = try writer.commit(batch)
            #expect(commit.firstOffset == round * 3 + 1)
        }
        let all = samples.events
        #expect(writer.lastOffset == 60)
        // One without events gives no offset away.
        #expect(try writer.commit(JournalBatch(requests: [Samples.request(1)])).firstOffset == 61)
        #expect(writer.lastOffset == 60)
        #expect(try reader.lastOffset() == 60)
        #expect(try reader.lastSeq(of: one) == 40)
        #expect(try reader.events(afterOffset: 0, maxBytes: .max, maxCount: 1000) == all)
        #expect(try reader.events(afterOffset: 58, maxBytes: .max, maxCount: 1000) == Array(all.suffix(2)))
        #expect(try reader.events(afterOffset: .max, maxBytes: .max, maxCount: 1000).isEmpty)
        let ofOne = all.filter { $0.run == one }
        #expect(try reader.events(of: one, after: 0, maxBytes: .max, maxCount: 1000) == ofOne)
        #expect(try reader.events(of: one, after: 39, maxBytes: .max, maxCount: 1000) == [ofOne[39]])
        #expect(try reader.events(of: Samples.run(3), after: 0, maxBytes: .max, maxCount: 1000).isEmpty)
        var visited: [EventRow] = []
        try reader.forEachEvent(of: one, from: 3, through: 30) { event in
            // The reader can be used meanwhile.
            let lastSeq = try reader.lastSeq(of: one)
            #expect(lastSeq == 40)
            visited.append(event)
        }
        #expect(visited == Array(ofOne[2..<30]))
        #expect(throws: Enough.self) { try reader.forEachEvent(of: one) { _ in throw Enough() } }
    }

    private func bounds(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        var samples = Samples()
        let run = Samples.run(1)
        let events = (0..<10).map { _ in samples.event(run, body: [UInt8](repeating: 1, count: 100)) }
        try writer.commit(JournalBatch(events: events, runs: [samples.row(run)]))
        func count(_ maxBytes: Int, _ maxCount: Int) throws -> [Int] {
            [
                try reader.events(afterOffset: 2, maxBytes: maxBytes, maxCount: maxCount).count,
                try reader.events(of: run, after: 2, maxBytes: maxBytes, maxCount: maxCount).count,
            ]
        }
        #expect(try count(.max, 3) == [3, 3])
        #expect(try count(.max, 0) == [0, 0])
        #expect(try count(300, 100) == [3, 3])
        #expect(try count(299, 100) == [2, 2])
        #expect(try count(1, 100) == [1, 1])
        #expect(try count(0, 100) == [1, 1])
        let some = try reader.events(of: run, after: 2, through: 4, maxBytes: .max, maxCount: 100)
        #expect(some == Array(samples.events[2..<4]))
        // Portions of the walk are smaller than the run.
        var seqs: [UInt64] = []
        let many = (0..<3000).map { _ in samples.event(run, body: [UInt8](repeating: 1, count: 1000)) }
        try writer.commit(JournalBatch(events: many, runs: [samples.row(run)]))
        try reader.forEachEvent(of: run) { seqs.append($0.seq) }
        #expect(seqs == Array(1...3010))
    }

    private func keepsRuns(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        var samples = Samples()
        let parent = Samples.run(0)
        for number in 0..<50 as Range<UInt64> {
            try writer.commit(
                samples.batch(Samples.run(number)) { row in
                    row.status = Int32(number % 5)
                    row.active = number % 10 == 0
                    row.due = number % 7 == 0 ? Int64(1000 - number) : nil
                    row.parent = number % 3 == 1 ? parent : nil
                    row.agent = number % 2 == 0 ? "even" : "odd"
                    // Some share their instant.
                    row.createdAt = Int64(number / 4)
                })
        }
        let all = samples.rows.values.sorted { ($0.createdAt, $0.run) < ($1.createdAt, $1.run) }
        #expect(try reader.run(Samples.run(7)) == samples.rows[Samples.run(7)])
        let filters = [
            RunFilter(), RunFilter(statuses: []), RunFilter(statuses: [3]), RunFilter(statuses: [1, 2, 4, 99]),
            RunFilter(active: true), RunFilter(active: false), RunFilter(agent: "odd"), RunFilter(agent: "none"),
            RunFilter(parent: parent), RunFilter(statuses: [1, 2], agent: "even"),
            RunFilter(statuses: [2], active: false, agent: "odd", parent: parent),
            RunFilter(createdAfter: 3), RunFilter(createdBefore: 9),
            RunFilter(createdAfter: 3, createdBefore: 9),
            RunFilter(statuses: [1, 2], createdAfter: 3, createdBefore: 9),
            RunFilter(statuses: [0], active: true, agent: "even"), RunFilter(createdAfter: 9, createdBefore: 3),
        ]
        for filter in filters {
            let fitting = all.filter { row in
                filter.statuses?.contains(row.status) ?? true && filter.active.map { $0 == row.active } ?? true
                    && filter.agent.map { $0 == row.agent } ?? true && filter.parent.map { $0 == row.parent } ?? true
                    && row.createdAt > filter.createdAfter ?? .min && row.createdAt < filter.createdBefore ?? .max
            }
            for order in [RunOrder.oldestFirst, .newestFirst] {
                var paged: [RunRow] = []
                while true {
                    let page = try reader.runs(filter, order: order, after: paged.last.map { RunCursor($0) }, limit: 4)
                    if page.isEmpty { break }
                    #expect(page.count <= 4)
                    paged += page
                }
                #expect(paged == (order == .oldestFirst ? fitting : fitting.reversed()), "\(filter) \(order)")
            }
        }
        #expect(try reader.activeRuns() == all.filter(\.active))
        let due = all.filter { $0.due != nil }.sorted { $0.due! < $1.due! }
        #expect(try reader.dueRuns(through: .max, limit: 100) == due)
        #expect(try reader.dueRuns(through: due[2].due!, limit: 100) == Array(due[0...2]))
        #expect(try reader.dueRuns(through: due[0].due! - 1, limit: 100).isEmpty)
        #expect(try reader.nextDue() == due[0].due)
        #expect(try reader.runs(from: Samples.run(3), through: Samples.run(5), limit: 10).map(\.lastSeq) == [2, 2, 2])
        #expect(try reader.runs(from: Samples.run(3), through: Samples.run(5), limit: 2).count == 2)
        // Every key changes, and every list with it; a row without events may come along.
        let changed = samples.row(Samples.run(10)) { row in
            row.status = 77
            row.active = false
            row.due = 1
            row.agent = "other"
            row.parent = Samples.run(1)
        }
        try writer.commit(JournalBatch(runs: [changed]))
        for filter in [RunFilter(statuses: [77]), RunFilter(agent: "other"), RunFilter(parent: Samples.run(1))] {
            #expect(try reader.runs(filter, order: .oldestFirst, after: nil, limit: 10) == [changed])
        }
        #expect(try reader.activeRuns() == all.filter { $0.active && $0.run != Samples.run(10) })
        #expect(try reader.nextDue() == 1)
        // Of two rows the last counts.
        var batch = samples.batch(Samples.run(10))
        batch.runs.insert(changed, at: 0)
        try writer.commit(batch)
        #expect(try reader.run(Samples.run(10)) == batch.runs[1])
    }

    private func refusesBatches(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        var samples = Samples()
        let (one, two) = (Samples.run(1), Samples.run(2))
        try writer.commit(samples.batch(one))
        let good = samples
        func expectRefused(_ what: String, _ make: (inout Samples) -> JournalBatch) throws {
            var samples = good
            let batch = make(&samples)
            let error = #expect(throws: JournalError.self, "\(what)") { try writer.commit(batch) }
            #expect(error?.code == .invalidBatch, "\(what): \(String(describing: error))")
            #expect(writer.isOpen && writer.lastOffset == 2)
            #expect(try reader.lastOffset() == 2, "\(what)")
            #expect(try reader.run(one) == good.rows[one], "\(what)")
            #expect(try reader.run(two) == nil, "\(what)")
            #expect(try reader.openAsks(of: nil, after: nil, limit: 1).isEmpty, "\(what)")
            #expect(try reader.request(Samples.request(1).id) == nil, "\(what)")
        }
        for seq in [0, 1, 2, 4, .max] as [UInt64] {
            try expectRefused("seq \(seq)") { samples in
                var batch = samples.batch(one, events: 1)
                batch.events[0].seq = seq
                batch.runs[0].lastSeq = seq
                return batch
            }
            try expectRefused("last seq \(seq)") { samples in
                var batch = samples.batch(one, events: 1)
                batch.runs[0].lastSeq = seq
                return batch
            }
        }
        try expectRefused("a gap between seqs") { samples in
            var batch = samples.batch(one, events: 2)
            batch.events[1].seq += 1
            batch.runs[0].lastSeq += 1
            return batch
        }
        try expectRefused("events without a row") { JournalBatch(events: [$0.event(one)]) }
        try expectRefused("a new run without events") { samples in
            samples.seqs[two] = 1
            return JournalBatch(runs: [samples.row(two)])
        }
        try expectRefused("a new run that begins late") { samples in
            samples.seqs[two] = 5
            return samples.batch(two, events: 1)
        }
        try expectRefused("a row behind its events") { samples in
            var row = samples.row(one)
            row.lastSeq = 1
            return JournalBatch(runs: [row])
        }
        try expectRefused("another time of creation") { samples in
            samples.batch(one) { $0.createdAt += 1 }
        }
        try expectRefused("a request twice, after all else is written") { samples in
            var batch = samples.batch(two)
            batch.asks = [AskRow(run: two, number: 1, open: true, kind: 1, body: [], openedAt: 1, due: nil)]
            batch.requests = [Samples.request(1), Samples.request(1)]
            return batch
        }
        // What was refused left nothing behind.
        samples = good
        try writer.commit(samples.batch(one))
        #expect(try reader.lastSeq(of: one) == 4)
    }

    private func keepsRequests(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        for number in 1...10 as ClosedRange<UInt64> {
            try writer.commit(JournalBatch(requests: [Samples.request(number, at: Int64(number))]))
        }
        #expect(try reader.request(Samples.request(3).id) == Samples.request(3, at: 3))
        #expect(try writer.request(Samples.request(3).id) == Samples.request(3, at: 3))
        let asked = [3, 99, 2, 3].map { Samples.request($0).id }
        #expect(
            try writer.requests(asked) == [
                Samples.request(3, at: 3), Samples.request(2, at: 2), Samples.request(3, at: 3),
            ])
        #expect(try writer.requests([]).isEmpty)
        let twice = #expect(throws: JournalError.self) {
            try writer.commit(JournalBatch(requests: [Samples.request(3)]))
        }
        #expect(twice?.code == .invalidBatch)
        #expect(try writer.forgetRequests(before: 6, limit: 3) == 3)
        #expect(try reader.request(Samples.request(3).id) == nil)
        #expect(try reader.request(Samples.request(4).id) != nil)
        #expect(try writer.forgetRequests(before: 6, limit: 100) == 2)
        #expect(try writer.forgetRequests(before: 6, limit: 100) == 0)
        #expect(try reader.request(Samples.request(6).id) != nil)
        try writer.commit(JournalBatch(requests: [Samples.request(3, at: 20)]))
        #expect(try writer.forgetRequests(before: .max, limit: 100) == 6)
        try writer.commit(JournalBatch(requests: [Samples.request(3, at: 20)]))
        #expect(try reader.request(Samples.request(3).id) == Samples.request(3, at: 20))
    }

    private func keepsAsks(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        var asks: [AskRow] = []
        for number in 1...6 as ClosedRange<UInt32> {
            asks.append(
                AskRow(
                    run: Samples.run(UInt64(number % 2)), number: number, open: true, kind: 3, body: [UInt8(number)],
                    openedAt: Int64(10 - number / 3), due: number == 4 ? 99 : nil))
        }
        try writer.commit(JournalBatch(asks: asks))
        let sorted = asks.sorted { ($0.openedAt, $0.run, $0.number) < ($1.openedAt, $1.run, $1.number) }
        #expect(try reader.openAsks(of: nil, after: nil, limit: 100) == sorted)
        var paged: [AskRow] = []
        while true {
            let page = try reader.openAsks(of: nil, after: paged.last.map { AskCursor($0) }, limit: 2)
            if page.isEmpty { break }
            paged += page
        }
        #expect(paged == sorted)
        let ofOne = sorted.filter { $0.run == Samples.run(1) }
        #expect(try reader.openAsks(of: Samples.run(1), after: nil, limit: 100) == ofOne)
        #expect(
            try reader.openAsks(of: Samples.run(1), after: AskCursor(ofOne[0]), limit: 100) == Array(ofOne.dropFirst()))
        // Closing needs no more than the name, and keeps what was asked.
        var closing = AskRow(run: asks[3].run, number: 4, open: false, kind: 0, body: [], openedAt: 0, due: nil)
        try writer.commit(JournalBatch(asks: [closing]))
        closing = asks[3]
        closing.open = false
        closing.due = nil
        #expect(try reader.ask(4, of: asks[3].run) == closing)
        #expect(try reader.openAsks(of: nil, after: nil, limit: 100) == sorted.filter { $0.number != 4 })
        // One batch may open and close, change and open again.
        var changed = asks[0]
        changed.body = [7, 7]
        let brief = AskRow(run: Samples.run(9), number: 1, open: true, kind: 1, body: [1], openedAt: 1, due: nil)
        var ended = brief
        ended.open = false
        try writer.commit(JournalBatch(asks: [changed, brief, ended, asks[3]]))
        #expect(try reader.ask(1, of: changed.run) == changed)
        #expect(try reader.ask(1, of: brief.run) == ended)
        #expect(try reader.ask(4, of: asks[3].run) == asks[3])
        #expect(try reader.ask(99, of: changed.run) == nil)
    }

    private func keepsAgents(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        let names = ["b", "", "a", "ä", "B", "a b", "z\u{1F3B5}", "ab"]
        let agents = names.enumerated().map { index, name in
            AgentRow(name: name, version: UInt32(index + 1), at: Int64(index), body: [UInt8](name.utf8))
        }
        try writer.commit(JournalBatch(agents: Array(agents.prefix(3))))
        try writer.commit(JournalBatch(agents: Array(agents.dropFirst(3))))
        for agent in agents {
            #expect(try reader.agent(agent.name) == agent)
            #expect(try writer.agent(agent.name) == agent)
        }
        #expect(try reader.agent("A") == nil)
        #expect(try writer.agent("A") == nil)
        let sorted = agents.sorted { $0.body.lexicographicallyPrecedes($1.body) }
        #expect(try reader.agents(after: nil, limit: 100) == sorted)
        var paged: [AgentRow] = []
        while true {
            let page = try reader.agents(after: paged.last?.name, limit: 3)
            if page.isEmpty { break }
            #expect(page.count <= 3)
            paged += page
        }
        #expect(paged == sorted)
        // Of several under one name the last stays; with the events of one batch all or none.
        var samples = Samples()
        var batch = samples.batch(Samples.run(1))
        batch.agents = [
            AgentRow(name: "b", version: 2, at: 8, body: [8]), AgentRow(name: "b", version: .max, at: 9, body: []),
        ]
        try writer.commit(batch)
        #expect(try reader.agent("b") == batch.agents[1])
        #expect(try reader.agents(after: nil, limit: 100).count == agents.count)
        var refused = samples.batch(Samples.run(2))
        refused.agents = [AgentRow(name: "new", version: 1, at: 1, body: []), batch.agents[0]]
        refused.events[1].seq = 9
        let error = #expect(throws: JournalError.self) { try writer.commit(refused) }
        #expect(error?.code == .invalidBatch)
        #expect(try reader.agent("new") == nil)
        #expect(try writer.agent("b") == batch.agents[1])
    }

    private func keepsTokens(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        let tokens = ["b", "a", "ä", "B", "c"].enumerated().map { index, id in
            TokenRow(
                id: id, name: index < 2 ? "same" : "n \(id)", scope: Int32(index) - 1,
                sha256: [UInt8](repeating: UInt8(index), count: 32), createdAt: Int64(index),
                expiresAt: index % 2 == 0 ? nil : 0, revokedAt: index == 3 ? .max : nil, by: index == 4 ? "" : "ada")
        }
        var samples = Samples()
        var batch = samples.batch(Samples.run(1))
        batch.tokens = Array(tokens.prefix(2))
        try writer.commit(batch)
        try writer.commit(JournalBatch(tokens: Array(tokens.dropFirst(2))))
        let sorted = tokens.sorted { Array($0.id.utf8).lexicographicallyPrecedes(Array($1.id.utf8)) }
        var paged: [TokenRow] = []
        while true {
            let page = try reader.tokens(after: paged.last?.id, limit: 2)
            if page.isEmpty { break }
            #expect(page.count <= 2)
            paged += page
        }
        #expect(paged == sorted)
        var revoked = tokens[0]
        revoked.revokedAt = 77
        try writer.commit(JournalBatch(tokens: [tokens[0], revoked]))
        let changed = sorted.map { $0.id == "b" ? revoked : $0 }
        #expect(try reader.tokens(after: nil, limit: 100) == changed)
        // With the events of one batch all or none.
        var refused = samples.batch(Samples.run(2))
        refused.tokens = [tokens[0]]
        refused.events[1].seq = 9
        let error = #expect(throws: JournalError.self) { try writer.commit(refused) }
        #expect(error?.code == .invalidBatch)
        #expect(try reader.tokens(after: nil, limit: 100) == changed)
    }

    private func keepsSnapshots(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        var samples = Samples()
        try writer.commit(samples.batch(Samples.run(1)))
        try writer.keep([])
        var snapshots = (1...5 as ClosedRange<UInt64>).map {
            SnapshotRow(run: Samples.run($0), seq: $0, format: Int32($0), body: [UInt8](repeating: 7, count: 9000))
        }
        try writer.keep(snapshots)
        for snapshot in snapshots { #expect(try reader.snapshot(of: snapshot.run) == snapshot) }
        #expect(try reader.snapshot(of: Samples.run(6)) == nil)
        snapshots[1].seq = 77
        snapshots[1].format = -1
        snapshots[1].body = []
        try writer.keep([snapshots[1]])
        for snapshot in snapshots { #expect(try reader.snapshot(of: snapshot.run) == snapshot) }
        try writer.dropSnapshots()
        for snapshot in snapshots { #expect(try reader.snapshot(of: snapshot.run) == nil) }
        try writer.keep([snapshots[0]])
        #expect(try reader.snapshot(of: snapshots[0].run) == snapshots[0])
        #expect(try reader.lastOffset() == 2)
        try writer.commit(samples.batch(Samples.run(1)))
        writer.close()
        #expect(throws: JournalError.self) { try writer.keep([snapshots[0]]) }
    }

    private func hasOneWriter(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let error = #expect(throws: JournalError.self) { _ = try journal.openWriter() }
        #expect(error?.code == .inUse)
        writer.close()
        let next = try journal.openWriter()
        writer.close()
        #expect(throws: JournalError.self) { _ = try journal.openWriter() }
        var samples = Samples()
        try next.commit(samples.batch(Samples.run(1)))
    }

    private func closes(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        var samples = Samples()
        try writer.commit(samples.batch(Samples.run(1)))
        #expect(writer.isOpen && reader.isOpen)
        for _ in 0..<2 {
            writer.close()
            reader.close()
        }
        #expect(!writer.isOpen && !reader.isOpen)
        let run = Samples.run(1)
        let call = ReadyCallKey(readyAt: 1, run: run, number: 1, attempt: 1)
        let snapshot = SnapshotRow(run: run, seq: 1, format: 1, body: [])
        let batch = samples.batch(run)
        let uses: [(String, () throws -> Void)] = [
            ("commit", { try writer.commit(batch) }), ("commit of nothing", { try writer.commit(JournalBatch()) }),
            ("request of the writer", { _ = try writer.request(Samples.request(1).id) }),
            ("requests", { _ = try writer.requests([Samples.request(1).id]) }),
            ("agent of the writer", { _ = try writer.agent("a") }),
            ("tool of the writer", { _ = try writer.tool("a") }),
            ("forgetRequests", { _ = try writer.forgetRequests(before: 1, limit: 1) }),
            ("keep", { try writer.keep([snapshot]) }),
            ("forgetDeadMessages", { _ = try writer.forgetDeadMessages(before: 1, limit: 1) }),
            ("dropSnapshots", { try writer.dropSnapshots() }), ("verify", { try writer.verify() }),
            ("makeRoom", { _ = try writer.makeRoom() }), ("end", { try writer.end() }),
            ("events of a run", { _ = try reader.events(of: run, after: 0, maxBytes: 1, maxCount: 1) }),
            ("events", { _ = try reader.events(afterOffset: 0, maxBytes: 1, maxCount: 1) }),
            ("lastOffset", { _ = try reader.lastOffset() }), ("lastSeq", { _ = try reader.lastSeq(of: run) }),
            ("run", { _ = try reader.run(run) }), ("runs", { _ = try reader.runs(from: run, through: run, limit: 1) }),
            ("a list", { _ = try reader.runs(RunFilter(), order: .oldestFirst, after: nil, limit: 1) }),
            ("activeRuns", { _ = try reader.activeRuns() }),
            ("dueRuns", { _ = try reader.dueRuns(through: 1, limit: 1) }),
            ("nextDue", { _ = try reader.nextDue() }),
            ("openAsks", { _ = try reader.openAsks(of: nil, after: nil, limit: 1) }),
            ("ask", { _ = try reader.ask(1, of: run) }), ("request", { _ = try reader.request(Samples.request(1).id) }),
            ("agent", { _ = try reader.agent("a") }), ("agents", { _ = try reader.agents(after: nil, limit: 1) }),
            ("dueMessages", { _ = try reader.dueMessages(to: "a", through: 1, limit: 1) }),
            ("nextMessageDue", { _ = try reader.nextMessageDue(to: "a", after: 1) }),
            ("outboxCounts", { _ = try reader.outboxCounts() }), ("tool", { _ = try reader.tool("a") }),
            ("tools", { _ = try reader.tools(after: nil, limit: 1) }),
            ("readyCalls", { _ = try reader.readyCalls(of: "a", limit: 1) }),
            ("readyCall", { _ = try reader.readyCall(call) }),
            ("tokens", { _ = try reader.tokens(after: nil, limit: 1) }),
            ("snapshot", { _ = try reader.snapshot(of: run) }),
        ]
        for (what, use) in uses {
            let error = #expect(throws: JournalError.self, "\(what)") { try use() }
            #expect(error?.code == .closed, "\(what): \(String(describing: error))")
        }
        #expect(try journal.openWriter().lastOffset == 2)
    }

    /// An orderly end closes the writer, loses nothing, and leaves readers as they are.
    private func ends(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        var samples = Samples()
        let body = [UInt8](repeating: 1, count: 100_000)
        let event = samples.event(Samples.run(1), body: body)
        try writer.commit(JournalBatch(events: [event], runs: [samples.row(Samples.run(1))]))
        let storage = journal.storage
        #expect(storage.bytes + storage.waitingBytes >= 100_000)
        try writer.end()
        #expect(!writer.isOpen)
        #expect(journal.storage.waitingBytes == 0 && journal.storage.bytes >= 100_000)
        let error = #expect(throws: JournalError.self) { try writer.commit(JournalBatch()) }
        #expect(error?.code == .closed)
        #expect(try reader.events(afterOffset: 0, maxBytes: .max, maxCount: 9) == samples.events)
        let next = try journal.openWriter()
        #expect(next.lastOffset == 1)
        #expect(try next.commit(samples.batch(Samples.run(1))).firstOffset == 2)
        #expect(try reader.events(afterOffset: 0, maxBytes: .max, maxCount: 9) == samples.events)
    }

    private func readersSeeWholeBatches(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let readers = [try journal.openReader(), try journal.openReader()]
        var samples = Samples()
        for round in 1...100 as ClosedRange<UInt64> {
            try writer.commit(samples.batch(Samples.run(round % 5), events: 3))
            for reader in readers {
                #expect(try reader.lastOffset() == round * 3)
                #expect(try reader.run(Samples.run(round % 5)) == samples.rows[Samples.run(round % 5)])
            }
        }
    }

    private func bigBodies(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        var samples = Samples()
        let run = Samples.run(1)
        let body = (0..<4 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let new = [samples.event(run, body: body), samples.event(run), samples.event(run, body: body)]
        try writer.commit(JournalBatch(events: new, runs: [samples.row(run) { $0.summary = body }]))
        let events = samples.events
        #expect(try reader.events(of: run, after: 0, maxBytes: 1000, maxCount: 10) == [events[0]])
        #expect(try reader.events(of: run, after: 1, maxBytes: 1000, maxCount: 10) == [events[1]])
        #expect(try reader.events(of: run, after: 0, maxBytes: .max, maxCount: 10) == events)
        #expect(try reader.run(run)?.summary == body)
    }
}
