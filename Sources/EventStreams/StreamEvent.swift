/// One event of a stream of [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html).
package struct StreamEvent: Sendable, Hashable {
    /// Of which kind it is; empty: the stream does not say, and it is a `message`.
    package var name = ""
    /// What whoever connects again says that it has: of this event, or of the last one before it that had any; nil: none
    /// had.
    package var id: String?
    /// The lines of its data, with LF between them.
    package var data: [UInt8]

    package init(name: String = "", id: String? = nil, data: [UInt8]) {
        self.name = name
        self.id = id
        self.data = data
    }
}

/// Writes server-sent events.
package enum EventStreamText {
    /// What keeps a connection alive, and finds out whether it is.
    package static let comment = ":\n\n"

    /// - Parameters:
    ///   - name, id: without line breaks; nil: not said.
    ///   - data: any text; each of its lines gets a line of its own.
    ///   - retry: after how many milliseconds whoever reads is to connect again.
    package static func event(
        name: String? = nil, id: String? = nil, data: String? = nil, retry: Int? = nil
    ) -> String {
        var text = ""
        if let retry { text += "retry: \(retry)\n" }
        if let id { text += "id: \(id)\n" }
        if let name { text += "event: \(name)\n" }
        if let data {
            text.reserveCapacity(text.utf8.count + data.utf8.count + 8)
            if data.utf8.contains(where: { $0 == 10 || $0 == 13 }) {
                // The reader puts LF between the lines: which of the three breaks it was is lost, as in every such stream.
                for line in data.split(omittingEmptySubsequences: false, whereSeparator: \.isStreamBreak) {
                    text += "data: \(line)\n"
                }
            } else {
                text += "data: \(data)\n"
            }
        }
        return text + "\n"
    }
}

extension Character {
    fileprivate var isStreamBreak: Bool { self == "\n" || self == "\r" || self == "\r\n" }
}
