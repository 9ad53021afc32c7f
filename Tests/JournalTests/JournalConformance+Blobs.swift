import Journal
import Testing

/// Blobs, and which run names which.
extension JournalConformance {
    func keepsBlobs(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        var samples = Samples()
        func digest(_ number: UInt8) -> [UInt8] { [UInt8](repeating: number, count: 32) }
        let long = BlobRow(sha256: digest(2), at: 2, data: [UInt8](repeating: 7, count: 3_000_000))
        #expect(try reader.blob(digest(1)) == nil && reader.blobHead(digest(1), atMost: 9) == nil)
        #expect(try !writer.hasBlob(digest(1)))
        try writer.commit(JournalBatch(blobs: [BlobRow(sha256: digest(1), at: 1, data: [1, 2, 3]), long]))
        #expect(try reader.blob(digest(1)) == [1, 2, 3] && reader.blob(digest(2)) == long.data)
        #expect(try writer.hasBlob(digest(1)) && !writer.hasBlob(digest(3)))
        let head = try #require(try reader.blobHead(digest(1), atMost: 2))
        #expect(head.byteCount == 3 && head.head == [1, 2])
        #expect(try reader.blobHead(digest(2), atMost: 16).map { $0.byteCount } == 3_000_000)
        // What is there stays as it is.
        try writer.commit(JournalBatch(blobs: [BlobRow(sha256: digest(1), at: 9, data: [9])]))
        #expect(try reader.blob(digest(1)) == [1, 2, 3])

        let (one, two) = (Samples.run(1), Samples.run(2))
        let events = [samples.event(one), samples.event(two), samples.event(one), samples.event(one)]
        let uses = [
            BlobUse(run: one, seq: 1, sha256: digest(2)), BlobUse(run: two, seq: 1, sha256: digest(1)),
            BlobUse(run: one, seq: 2, sha256: digest(1)), BlobUse(run: one, seq: 3, sha256: digest(2)),
        ]
        try writer.commit(JournalBatch(events: events, runs: [samples.row(one), samples.row(two)], blobUses: uses))
        // Of two events the first is the one that counts.
        #expect(try reader.blobUses(of: one, through: .max) == [uses[0], uses[2]])
        #expect(try reader.blobUses(of: one, through: 1) == [uses[0]])
        #expect(try reader.blobUses(of: two, through: .max) == [uses[1]])
        #expect(try reader.blobUses(of: Samples.run(3), through: .max).isEmpty)

        for refused in [
            JournalBatch(blobs: [BlobRow(sha256: [1], at: 1, data: [1])]),
            JournalBatch(blobUses: [BlobUse(run: one, seq: 1, sha256: digest(1))]),
        ] {
            let error = #expect(throws: JournalError.self) { try writer.commit(refused) }
            #expect(error?.code == .invalidBatch)
        }
        #expect(try reader.blobUses(of: one, through: .max).count == 2)
    }
}
