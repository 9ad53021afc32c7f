/// Ids of calls as they are sent, each once in a conversation: models repeat them, in an answer and in later ones, and
/// servers refuse every request with two calls of one id.
///
/// frozen: the same conversation gives the same ids for ever.
struct CallIDs: Sendable {
    /// Digests of those that were sent. Full ones never change again: a request that holds the conversation as it was
    /// has no more than the last of them copied.
    private var full: [Set<UInt64>] = []
    private var last: Set<UInt64> = []
    /// Of the last turn with calls: those that have no result yet, as the model wrote them and as they were sent.
    private var open: [(own: String, sent: String)] = []

    private static let most = 512

    /// The message with another id where it repeats one: the first keeps it. nil: it stays as it is.
    mutating func distinct(_ message: ModelMessage) -> ModelMessage? {
        switch message {
        case .system, .user: return nil
        case .assistant(let text, var calls, let blocks):
            guard !calls.isEmpty else { return nil }
            open = []
            var isChanged = false
            for index in calls.indices {
                let own = calls[index].id
                var (sent, count) = (own, 1)
                while !insert(WireName.digest(sent)) {
                    count += 1
                    sent = "\(own)_\(count)"
                }
                open.append((own, sent))
                guard sent != own else { continue }
                calls[index].id = sent
                isChanged = true
            }
            return isChanged ? .assistant(text: text, calls: calls, blocks: blocks) : nil
        case .tool(let id, let content):
            guard let index = open.firstIndex(where: { $0.own == id }) else { return nil }
            let sent = open.remove(at: index).sent
            return sent == id ? nil : .tool(callID: sent, content: content)
        }
    }

    private mutating func insert(_ digest: UInt64) -> Bool {
        guard !full.contains(where: { $0.contains(digest) }), last.insert(digest).inserted else { return false }
        if last.count == Self.most {
            // Two of one size become one of twice the size: few are looked into, however long the conversation is.
            var new = last
            while let before = full.last, before.count <= new.count {
                full.removeLast()
                new.formUnion(before)
            }
            full.append(new)
            last = []
        }
        return true
    }
}
