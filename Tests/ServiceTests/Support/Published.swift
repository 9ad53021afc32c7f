import FermataClient
import FermataProtocol
import Synchronization
import Testing

/// What a subscriber of the `text` socket was sent, by stream. Tests wait in it for text, never for time.
final class Published: Sendable {
    struct Stream: Hashable {
        let run: String
        let step: UInt32
        let call: UInt32
        let attempt: UInt32
    }

    /// A piece as it came: what it is, and its text.
    struct Piece: Equatable {
        let content: FermataTextDelta.Content
        let text: String
    }

    private struct State {
        var texts: [Stream: [UInt8]] = [:]
        /// All that came, in its order.
        var pieces: [Stream: [Piece]] = [:]
        var numbers: [Stream: UInt64] = [:]
        var waiting: [(run: String, call: UInt32, bytes: Int, CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())
    private let task: Task<Void, Never>

    /// Runs a body with everything that is published from now on.
    static func of<T>(_ service: Service, _ body: (Published) async throws -> T) async throws -> T {
        let published = Published(try await service.client.text())
        defer { published.task.cancel() }
        return try await body(published)
    }

    private init(_ deltas: AsyncStream<FermataTextDelta>) {
        let (arrivals, arrival) = AsyncStream.makeStream(of: Published.self)
        task = Task {
            var iterator = arrivals.makeAsyncIterator()
            guard let published = await iterator.next() else { return }
            for await delta in deltas { published.take(delta) }
        }
        arrival.yield(self)
        arrival.finish()
    }

    private func take(_ delta: FermataTextDelta) {
        let stream = Stream(run: delta.run, step: delta.step, call: delta.call, attempt: delta.attempt)
        let woken = state.withLock { state in
            let number = state.numbers[stream].map { $0 + 1 }
            // What began before this did is no stream of the test's.
            guard number != nil || delta.number == 1 else { return [CheckedContinuation<Void, Never>]() }
            #expect(delta.number == number ?? 1, "a delta of \(stream) is missing")
            state.numbers[stream] = delta.number
            #expect(delta.content != .unspecified && (delta.content == .output) == (delta.call > 0))
            state.pieces[stream, default: []].append(Piece(content: delta.content, text: delta.text))
            state.texts[stream, default: []] += delta.content == .reasoning ? [] : Array(delta.text.utf8)
            let count = state.texts[stream]!.count
            let isThere = { (run: String, call: UInt32, bytes: Int) in
                run == delta.run && call == delta.call && bytes <= count
            }
            defer { state.waiting.removeAll { isThere($0.run, $0.call, $0.bytes) } }
            return state.waiting.filter { isThere($0.run, $0.call, $0.bytes) }.map(\.3)
        }
        for continuation in woken { continuation.resume() }
    }

    /// Everything of this stream so far.
    func text(_ run: String, step: UInt32 = 1, call: UInt32 = 0, attempt: UInt32 = 1) -> [UInt8] {
        state.withLock { $0.texts[Stream(run: run, step: step, call: call, attempt: attempt)] ?? [] }
    }

    /// Everything of this stream so far, what it is included; pieces of one kind that follow each other are one.
    func pieces(_ run: String, step: UInt32 = 1, call: UInt32 = 0, attempt: UInt32 = 1) -> [Piece] {
        let pieces = state.withLock { $0.pieces[Stream(run: run, step: step, call: call, attempt: attempt)] ?? [] }
        return pieces.reduce(into: []) { all, piece in
            if let last = all.last, last.content == piece.content {
                all[all.count - 1] = Piece(content: last.content, text: last.text + piece.text)
            } else {
                all.append(piece)
            }
        }
    }

    /// Until a stream of the run's call (0: its model) has so many bytes.
    func wait(for run: String, call: UInt32 = 0, bytes: Int = 1) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                let isThere = state.texts.contains { $0.run == run && $0.call == call && $1.count >= bytes }
                if !isThere { state.waiting.append((run, call, bytes, continuation)) }
                return isThere
            }
            if isThere { continuation.resume() }
        }
    }

    /// Until everything is here that was published before this: the socket keeps the order of all streams.
    func settle(_ service: Service) async throws {
        let run = try await service.launch("settle")
        await wait(for: run)
    }
}

/// An output of which parts were left out, each with a line that says how many bytes: what stands where in the whole.
struct Excerpt {
    private(set) var parts: [(offset: Int, bytes: ArraySlice<UInt8>)] = []
    /// Bytes of the whole.
    private(set) var count = 0

    /// - Parameter bytes: with lines `[… N bytes left out …]`; the line break before one is not the output's own.
    init(_ bytes: [UInt8]) {
        let (begin, end) = (Array("\n[… ".utf8), Array(" bytes left out …]\n".utf8))
        var rest = bytes[...]
        while let mark = rest.firstRange(of: begin), let close = rest[mark.upperBound...].firstRange(of: end) {
            add(rest[..<mark.lowerBound])
            count += Int(String(decoding: rest[mark.upperBound..<close.lowerBound], as: UTF8.self)) ?? 0
            rest = rest[close.upperBound...]
        }
        add(rest)
    }

    private mutating func add(_ bytes: ArraySlice<UInt8>) {
        if !bytes.isEmpty { parts.append((count, bytes)) }
        count += bytes.count
    }

    /// Whether every byte is the one that the whole has there.
    func agrees(with whole: (Int) -> UInt8) -> Bool {
        parts.allSatisfy { offset, bytes in
            bytes.enumerated().allSatisfy { whole(offset + $0.offset) == $0.element }
        }
    }
}
