import Testing

/// What the protocol `Journal` promises, asked of every implementation. One that is new gets a line here.
@Suite struct JournalConformanceTests {
    @Test(.timeLimit(.minutes(2)), arguments: JournalConformance.allCases)
    func sqliteConforms(_ requirement: JournalConformance) throws { try requirement.check(SQLiteFixture.self) }

    @Test(.timeLimit(.minutes(2)), arguments: JournalConformance.allCases.filter { $0 != .lasts })
    func memoryConforms(_ requirement: JournalConformance) throws { try requirement.check(MemoryFixture.self) }
}
