internal import Synchronization

/// Ids of calls as they are sent, each once in a conversation: models repeat them, in an answer and in later ones, and
/// servers refuse every request with two calls of one id.
///
/// frozen: the same conversation gives the same ids for ever.
struct CallIDs: Sendable {
    private var known = KnownDigests()
    /// Of the last turn with calls, if one of them has another id: those that have no result yet, as the model wrote them
    /// and as they were sent.
    private var open: [(own: String, sent: String)] = []

    /// The message with another id where it repeats one: the first keeps it. nil: it stays as it is.
    mutating func distinct(_ message: ModelMessage) -> ModelMessage? {
        switch message {
        case .system, .user: return nil
        case .assistant(let text, let calls, let blocks):
            guard !calls.isEmpty else { return nil }
            var sent: [String]?
            for index in calls.indices {
                let own = calls[index].id
                guard !known.insert(WireName.digest(own)) else { continue }
                var count = 1
                repeat { count += 1 } while !known.insert(WireName.digest("\(own)_\(count)"))
                sent = sent ?? calls.map(\.id)
                sent![index] = "\(own)_\(count)"
            }
            open = sent.map { zip(calls, $0).map { ($0.id, $1) } } ?? []
            guard let sent else { return nil }
            var changed = calls
            for index in changed.indices { changed[index].id = sent[index] }
            return .assistant(text: text, calls: changed, blocks: blocks)
        case .tool(let id, let content):
            guard let index = open.firstIndex(where: { $0.own == id }) else { return nil }
            let sent = open.remove(at: index).sent
            return sent == id ? nil : .tool(callID: sent, content: content)
        }
    }
}

/// A set that only grows, as a value that shares its memory with those that it was copied to: who holds it as it was needs
/// no copy when one of them goes on. With sets of Swift's the last of some had to be copied at each step.
private struct KnownDigests: Sendable {
    private struct Table {
        /// In the order in which they came; a value's own are the first `count` of them.
        var digests: [UInt64] = []
        /// Places in `digests` plus one, by digest (open addressing); 0: none.
        var places: [UInt32] = []

        mutating func insert(_ digest: UInt64) -> Bool {
            if 2 * (digests.count + 1) > places.count { grow() }
            var slot = place(of: digest)
            while places[slot] != 0 {
                if digests[Int(places[slot]) - 1] == digest { return false }
                slot = (slot + 1) & (places.count - 1)
            }
            digests.append(digest)
            places[slot] = UInt32(digests.count)
            return true
        }

        private func place(of digest: UInt64) -> Int {
            Int(truncatingIfNeeded: digest ^ digest >> 32) & (places.count - 1)
        }

        private mutating func grow() {
            places = Array(repeating: 0, count: max(16, 2 * places.count))
            for (index, digest) in digests.enumerated() {
                var slot = place(of: digest)
                while places[slot] != 0 { slot = (slot + 1) & (places.count - 1) }
                places[slot] = UInt32(index + 1)
            }
        }
    }

    private final class Shared: Sendable {
        let table: Mutex<Table>
        init(_ table: Table) { self.table = Mutex(table) }
    }

    private var shared: Shared?
    private var count = 0

    /// - Returns: whether it was not there.
    mutating func insert(_ digest: UInt64) -> Bool {
        if shared == nil { shared = Shared(Table()) }
        let own = count
        // nil: somebody else has gone on in it.
        let isNew = shared!.table.withLock { $0.digests.count == own ? $0.insert(digest) : nil }
        if let isNew {
            if isNew { count += 1 }
            return isNew
        }
        var table = Table()
        for digest in shared!.table.withLock({ $0.digests.prefix(own) }) { _ = table.insert(digest) }
        shared = Shared(table)
        return insert(digest)
    }
}
