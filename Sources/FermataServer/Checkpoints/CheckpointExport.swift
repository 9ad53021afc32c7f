internal import FermataCore
internal import FermataProtocol
internal import FoundationEssentials
internal import Journal
internal import OpenSSL
internal import SwiftProtobuf

/// Writes a checkpoint page by page. All pages are of the run as it was when the first one was asked for; what they
/// have in common is in the cursor, so that no server has to remember anything, nor to be the same one.
///
/// It holds a page and an event in memory, however long the run is.
struct CheckpointExport {
    let run: RunID
    let reader: any JournalReading

    /// The first page: it takes a look at the whole journal, for the digest.
    ///
    /// - Parameter ifSeq: the run's last event, or it is refused as STALE.
    func firstPage(ifSeq: UInt64?) throws -> FermataExportReply {
        let last = try reader.lastSeq(of: run.journaled)
        guard last > 0 else { throw Refusal(.noSuchRun, "there is no run \(run)") }
        if let ifSeq, ifSeq != last {
            throw Refusal(
                .stale, "the run is at seq \(last), the command was made for seq \(ifSeq)",
                details: ["seq": String(last)])
        }
        var cursor = ExportCursor(last: last, exportedAt: Clock.now)
        var stream = SHA256Stream()
        let agent = try agent()
        let head = try Checkpoint.head(agent: agent, digest: nil)
        cursor.head = UInt64(bytes: Array(sha256(head).prefix(8)))
        stream.update(head)
        var asks = OpenAsks()
        try forEachEvent(from: 1, through: last) { event in
            stream.update(try Checkpoint.piece(of: event))
            asks.apply(event)
            return true
        }
        cursor.asks = asks.seqs
        stream.update(try tail(cursor) + Checkpoint.end(hasBlobs: false))
        cursor.digest = stream.finish()
        return try page(cursor, agent)
    }

    /// The page after another one.
    func page(after text: String) throws -> FermataExportReply {
        let cursor = try ExportCursor(text)
        guard try reader.lastSeq(of: run.journaled) >= cursor.last else { throw Refusal.badCursor }
        return try page(cursor, cursor.piece == 0 ? agent() : nil)
    }

    /// All of it at once, as the run was after its event `last`; its agent is as it is stored now.
    ///
    /// - Returns: nil if it is longer than so many bytes, which is found out after reading about as many.
    func document(through last: UInt64, exportedAt: Int64, atMost limit: Int) throws -> [UInt8]? {
        // What does not fit as it is in the journal does not fit as JSON, and costs no encoding.
        let rows = try reader.events(of: run.journaled, after: 0, through: last, maxBytes: limit, maxCount: .max)
        guard rows.last?.seq == last else { return nil }
        var asks = OpenAsks()
        var events: [UInt8] = []
        for row in rows where events.count <= limit {
            let event = try FermataEvent(row)
            events += try Checkpoint.piece(of: event)
            asks.apply(event)
        }
        var cursor = ExportCursor(last: last, exportedAt: exportedAt)
        cursor.asks = asks.seqs
        let (agent, rest) = (try agent(), try events + tail(cursor))
        var stream = SHA256Stream()
        stream.update(try Checkpoint.head(agent: agent, digest: nil))
        stream.update(rest + Checkpoint.end(hasBlobs: false))
        var document = try Checkpoint.head(agent: agent, digest: Checkpoint.digest(stream.finish())) + rest
        let blobs = try reader.blobUses(of: run.journaled, through: last)
        for (index, use) in blobs.enumerated() where document.count <= limit {
            document += try piece(of: use, isFirst: index == 0)
        }
        document += Checkpoint.end(hasBlobs: !blobs.isEmpty)
        return document.count <= limit ? document : nil
    }

    private func page(_ cursor: ExportCursor, _ agent: FermataStoredAgent?) throws -> FermataExportReply {
        var page = ExportPage(cursor)
        if cursor.piece == 0 {
            let head = try Checkpoint.head(agent: agent, digest: nil)
            guard UInt64(bytes: Array(sha256(head).prefix(8))) == cursor.head else {
                throw Refusal(.stale, "what is exported has changed meanwhile: begin again")
            }
            page.append(try Checkpoint.head(agent: agent, digest: Checkpoint.digest(cursor.digest)))
        }
        if page.hasRoom, page.cursor.piece <= cursor.last {
            try forEachEvent(from: page.cursor.piece, through: cursor.last) { event in
                page.append(try Checkpoint.piece(of: event))
                return page.hasRoom
            }
        }
        let blobs = try reader.blobUses(of: run.journaled, through: cursor.last)
        let firstBlob = cursor.last + 2
        let end = firstBlob + UInt64(blobs.count)
        guard page.cursor.piece <= end else { throw Refusal.badCursor }
        if page.hasRoom, page.cursor.piece < firstBlob { page.append(try tail(cursor)) }
        while page.hasRoom, page.cursor.piece < end {
            let index = Int(page.cursor.piece - firstBlob)
            page.append(try piece(of: blobs[index], isFirst: index == 0))
        }
        if page.hasRoom { page.append(Checkpoint.end(hasBlobs: !blobs.isEmpty)) }
        return .with {
            $0.text = String(decoding: page.text, as: UTF8.self)
            $0.next = page.cursor.piece > end ? "" : page.cursor.text
        }
    }

    private func piece(of use: BlobUse, isFirst: Bool) throws -> [UInt8] {
        guard let data = try reader.blob(use.sha256) else {
            throw MissingBlob(sha256: use.sha256.hexadecimal)
        }
        return try Checkpoint.piece(
            of: .with {
                $0.sha256 = use.sha256.hexadecimal
                $0.data = Data(data)
            }, isFirst: isFirst)
    }

    private func tail(_ cursor: ExportCursor) throws -> [UInt8] {
        let name = try agentName()
        let asks = try cursor.asks.map { seq in
            var ask: FermataAsk?
            try forEachEvent(from: seq, through: seq) { event in
                ask = FermataAsk(event.askOpened, at: event.at, of: run, agent: name)
                return true
            }
            guard let ask else { throw Refusal.badCursor }
            return ask
        }
        return try Checkpoint.tail(of: run, asks: asks, exportedAt: cursor.exportedAt)
    }

    /// The stored agent that the run was launched from, as it is stored now.
    private func agent() throws -> FermataStoredAgent? {
        try reader.agent(agentName()).map { try FermataStoredAgent($0) }
    }

    private func agentName() throws -> String {
        var name = ""
        try forEachEvent(from: 1, through: 1) { event in
            name = event.launched.agent
            return true
        }
        return name
    }

    /// - Parameter body: returns whether it wants more.
    private func forEachEvent(
        from first: UInt64, through last: UInt64, _ body: (FermataEvent) throws -> Bool
    ) throws {
        struct Enough: Error {}
        do {
            try reader.forEachEvent(of: run.journaled, from: first, through: last) { row in
                if try !body(try FermataEvent(row)) { throw Enough() }
            }
        } catch is Enough {}
    }
}

/// A page while it is filled.
private struct ExportPage {
    private(set) var text: [UInt8] = []
    /// Where the next page begins.
    private(set) var cursor: ExportCursor

    init(_ cursor: ExportCursor) { self.cursor = cursor }

    private(set) var hasRoom = true

    /// Takes a piece from where the cursor is, as much of it as there is room for.
    mutating func append(_ piece: [UInt8]) {
        let rest = piece.dropFirst(cursor.byte)
        let room = Configuration.pageBytes - text.count
        guard rest.count > room else {
            text += rest
            cursor.piece += 1
            cursor.byte = 0
            return
        }
        hasRoom = false
        // Between two characters, so that each page is a text.
        var end = rest.startIndex + room
        while end < rest.endIndex, rest[end] & 0xC0 == 0x80 { end -= 1 }
        text += rest[..<end]
        cursor.byte = end
    }
}

/// The events that opened the asks which are open after some events.
private struct OpenAsks {
    private var openedBy: [UInt32: UInt64] = [:]

    var seqs: [UInt64] { openedBy.values.sorted() }

    mutating func apply(_ event: FermataEvent) {
        switch event.kind {
        case .askOpened(let ask): openedBy[ask.number] = event.seq
        case .askAnswered(let ask): openedBy[ask.number] = nil
        case .askClosed(let ask): openedBy[ask.number] = nil
        default: break
        }
    }
}

/// What the pages of one export have in common, and where the next one begins: text that clients hand back and do not
/// read.
struct ExportCursor {
    let last: UInt64
    let exportedAt: Int64
    /// 0: the head; then the events, the tail, the blobs and the end.
    var piece: UInt64 = 0
    /// Of the piece, from which the page begins.
    var byte = 0
    var digest: [UInt8] = []
    /// The beginning of the head's SHA-256.
    var head: UInt64 = 0
    /// The events that opened the asks that are open.
    var asks: [UInt64] = []

    init(last: UInt64, exportedAt: Int64) {
        self.last = last
        self.exportedAt = exportedAt
    }

    var text: String {
        "1/\(last)/\(exportedAt)/\(piece)/\(byte)/\(digest.hexadecimal)/\(head)/"
            + asks.map(String.init).joined(separator: ".")
    }

    init(_ text: String) throws(Refusal) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 8, parts[0] == "1", let last = UInt64(parts[1]), let exportedAt = Int64(parts[2]),
            let piece = UInt64(parts[3]), let byte = Int(parts[4]), let digest = [UInt8](hexadecimal: parts[5]),
            let head = UInt64(parts[6]), last > 0, last < UInt64(Int64.max), piece < UInt64(Int64.max), byte >= 0,
            digest.count == 32
        else { throw .badCursor }
        self.init(last: last, exportedAt: exportedAt)
        (self.piece, self.byte, self.digest, self.head) = (piece, byte, digest, head)
        for number in parts[7].split(separator: ".") {
            guard let seq = UInt64(number), seq > 0, seq <= last else { throw .badCursor }
            asks.append(seq)
        }
    }
}
