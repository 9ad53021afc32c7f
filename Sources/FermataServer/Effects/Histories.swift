internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import Models
internal import RunRows
internal import Synchronization

/// What models are shown, kept for the runs in memory in the form in which it is sent: a model call reads and encodes
/// only what has come since the one before.
///
/// A cache within a budget that all runs share: beyond it the histories that were used longest ago are dropped, and
/// made again from the journal when they are needed. A request in flight holds what it sends by itself.
///
/// Threads: any. A history is taken out while it is read on from the journal; a run has one model call at a time.
final class Histories: Sendable {
    fileprivate struct Entry {
        var transcript: Transcript
        /// As the transcript was begun with.
        let reasoningFrom: UInt64
        var history: ModelHistory
        /// Items that name blobs, and what came after them: not encoded, since whoever had the events cannot read blobs.
        var pending: [[Transcript.Item]] = []
        var lastUse: UInt64 = 0
        /// Bytes of events that came since the last call, in the journal's form.
        var newBytes = 0

        init(_ form: ModelHistory.Form, reasoningFrom: UInt64) {
            transcript = Transcript(reasoningFrom: reasoningFrom)
            self.reasoningFrom = reasoningFrom
            history = ModelHistory(form)
        }

        /// Whether it is what a model of this form is shown of the run.
        func fits(_ run: Run, _ form: ModelHistory.Form) -> Bool {
            history.form == form && reasoningFrom == run.turn.reasoningFrom
        }
    }

    /// An entry by itself: a dictionary has room for twice as many values as it holds, and these are large.
    fileprivate final class Kept {
        var entry: Entry
        init(_ entry: Entry) { self.entry = entry }
    }

    fileprivate struct State {
        var entries: [RunID: Kept] = [:]
        var bytes = 0
        var uses: UInt64 = 0
    }

    private let state = Mutex(State())
    private let budget: Int

    /// - Parameter budget: bytes of encoded history, of all runs together.
    init(budget: Int) { self.budget = budget }

    /// Bytes that are kept now.
    var byteCount: Int { state.withLock { $0.bytes } }

    /// Of a run's history; nil: nothing is kept of it.
    func byteCount(of run: RunID) -> Int? { state.withLock { $0.entries[run]?.entry.history.byteCount } }

    /// New events of a run go on from what is kept of it, so that its next call need not read them from the journal:
    /// that crosses threads once more and took 85 µs of a step. Not if they are many: they are the caller's time.
    ///
    /// - Parameters:
    ///   - event: in the journal by now.
    ///   - size: of its body there.
    func add(_ event: FermataEvent, of run: RunID, size: Int) {
        state.withLock { state in
            guard let kept = state.entries[run] else { return }
            state.bytes += kept.entry.add(event, size: size)
        }
    }

    /// The run's history, if what is kept has all events.
    func kept(of run: Run, in form: ModelHistory.Form) -> ModelHistory? {
        state.withLock { state in
            guard let entry = state.entries[run.id]?.entry, entry.transcript.seq == run.seq, entry.fits(run, form),
                entry.pending.isEmpty
            else { return nil }
            state.keep(entry, run.id, budget: budget)
            return entry.history
        }
    }

    func forget(_ run: RunID) { state.withLock { state in _ = state.remove(run) } }

    /// The run's history as of the journal's last event.
    ///
    /// - Throws: what reading the journal throws; then nothing is kept of the run.
    func history(of run: Run, in form: ModelHistory.Form, from reader: any JournalReading) throws -> ModelHistory {
        let kept = state.withLock { $0.remove(run.id) }
        var entry =
            kept.flatMap { $0.fits(run, form) ? $0 : nil } ?? Entry(form, reasoningFrom: run.turn.reasoningFrom)
        if entry.history.count == 0, !run.spec.systemPrompt.isEmpty {
            entry.history.append([.system(run.spec.systemPrompt)])
        }
        let blobs: (FermataBlob) throws -> [UInt8] = { blob in
            guard let digest = blob.digest, let data = try reader.blob(digest) else {
                throw MissingBlob(sha256: blob.sha256)
            }
            return data
        }
        try entry.encode(blobs)
        try reader.forEachEvent(of: run.id.journaled, from: entry.transcript.seq + 1) { row in
            entry.append(try FermataEvent(row))
            try entry.encode(blobs)
        }
        state.withLock { $0.keep(entry, run.id, budget: budget) }
        return entry.history
    }
}

extension Histories.Entry {
    private static let newBytesLimit = 64 << 10

    /// - Returns: by how many bytes the history has grown.
    fileprivate mutating func add(_ event: FermataEvent, size: Int) -> Int {
        guard transcript.seq + 1 == event.seq, newBytes + size <= Self.newBytesLimit else { return 0 }
        newBytes += size
        let before = history.byteCount
        append(event)
        return history.byteCount - before
    }

    fileprivate mutating func append(_ event: FermataEvent) {
        transcript.append(event)
        let items = transcript.takeItems()
        guard !items.isEmpty else { return }
        guard pending.isEmpty, !items.contains(where: \.namesBlobs) else { return pending.append(items) }
        history.append(items.map { ModelMessage($0, for: history.form.origin) { _ in [] } })
    }

    /// Encodes what is pending.
    ///
    /// - Parameter blobs: reads one.
    fileprivate mutating func encode(_ blobs: (FermataBlob) throws -> [UInt8]) rethrows {
        for items in pending {
            history.append(try items.map { try ModelMessage($0, for: history.form.origin, blobs) })
        }
        pending = []
    }
}

extension Transcript.Item {
    fileprivate var namesBlobs: Bool {
        switch self {
        case .user(let content), .result(_, let content): !content.blocks.isEmpty
        case .assistant: false
        }
    }
}

extension Histories.State {
    fileprivate mutating func remove(_ run: RunID) -> Histories.Entry? {
        guard let entry = entries.removeValue(forKey: run)?.entry else { return nil }
        bytes -= entry.history.byteCount
        return entry
    }

    fileprivate mutating func keep(_ entry: Histories.Entry, _ run: RunID, budget: Int) {
        // Of a call that was cut while it was being prepared, and of the one that followed it.
        _ = remove(run)
        uses += 1
        var entry = entry
        entry.lastUse = uses
        entry.newBytes = 0
        entries[run] = Histories.Kept(entry)
        bytes += entry.history.byteCount
        guard bytes > budget else { return }
        // Some more than must go, so that this is not done at every call.
        for (oldest, _) in entries.sorted(by: { $0.value.entry.lastUse < $1.value.entry.lastUse }) {
            guard bytes > budget / 4 * 3 else { return }
            _ = remove(oldest)
        }
    }
}

extension ModelMessage {
    /// - Parameters:
    ///   - reader: what is a provider's own is shown to nobody else.
    ///   - blobs: reads one; not called for items that name none.
    init(
        _ item: Transcript.Item, for reader: ModelOrigin,
        _ blobs: (FermataBlob) throws -> [UInt8]
    ) rethrows {
        switch item {
        case .user(let content): self = .user(try ModelContent(content, blobs))
        case .assistant(let answer):
            let isOwn =
                answer.origin.api == reader.api && answer.origin.provider == reader.provider
                && answer.origin.model == reader.model
            // Nobody else has a use for it, or could tell what it is.
            let own = isOwn ? answer.blocks : []
            var extra: [UInt32: String] = [:]
            for block in own where !block.json.isEmpty {
                if case .call(let number)? = block.kind { extra[number] = block.json }
            }
            self = .assistant(
                text: answer.text,
                calls: answer.calls.map {
                    ModelToolCall(
                        id: $0.modelID, name: $0.tool, arguments: $0.arguments, extra: extra[$0.number] ?? "")
                },
                blocks: own.compactMap { block in
                    switch block.kind {
                    case .text(let length): .text(Int(length), json: block.json)
                    case .reasoning(let text): .reasoning(text, json: block.json)
                    case .call(let number): answer.calls.firstIndex { $0.number == number }.map(ModelBlock.call)
                    case .opaque(let word): .opaque(word, json: block.json)
                    case .image, .file, nil: nil
                    }
                })
        case .result(let call, let content):
            self = .tool(callID: call.modelID, content: try ModelContent(content, blobs))
        }
    }
}

extension ModelContent {
    fileprivate init(_ content: Content, _ blobs: (FermataBlob) throws -> [UInt8]) rethrows {
        guard !content.blocks.isEmpty else {
            self.init(content.text)
            return
        }
        func media(_ blob: FermataBlob) throws -> ModelMedia {
            ModelMedia(type: blob.mediaType, name: blob.name, data: try blobs(blob))
        }
        var rest = content.text.utf8[...]
        self.init(
            parts: try content.blocks.compactMap { block throws -> Part? in
                switch block.kind {
                case .text(let length):
                    defer { rest = rest.dropFirst(Int(length)) }
                    return .text(String(decoding: rest.prefix(Int(length)), as: UTF8.self))
                case .image(let blob): return .image(try media(blob))
                case .file(let blob): return .file(try media(blob))
                case .reasoning, .call, .opaque, nil: return nil
                }
            })
    }
}
