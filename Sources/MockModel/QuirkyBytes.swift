internal import ModelScript

/// Server-sent events as some servers write them.
struct QuirkyBytes {
    private let quirks: Set<ScriptQuirk>

    init(_ quirks: Set<ScriptQuirk>) { self.quirks = quirks }

    /// - Parameters:
    ///   - bytes: whole events.
    ///   - isLast: the stream ends with them.
    func of(_ bytes: [UInt8], isLast: Bool) -> [UInt8] {
        guard !quirks.isEmpty else { return bytes }
        var events = String(decoding: bytes, as: UTF8.self).split(separator: "\n\n", omittingEmptySubsequences: false)
        if events.last == "" { events.removeLast() }
        var text = ""
        for event in events {
            if quirks.contains(.comments) { text += ": keep-alive\n\n" }
            if quirks.contains(.pings) { text += "event: ping\ndata: {\"type\": \"ping\"}\n\n" }
            if quirks.contains(.unknownEvents), event.contains("data: {") {
                text += "event: from.the.future\ndata: {\"type\":\"from.the.future\",\"choices\":[],\"odd\":[1,{}]}\n\n"
            }
            text += line(event) + "\n\n"
        }
        if isLast, quirks.contains(.noFinalBlankLine), text.hasSuffix("\n\n") { text.removeLast(2) }
        return Array((quirks.contains(.crlf) ? text.replacing("\n", with: "\r\n") : text).utf8)
    }

    private func line(_ event: Substring) -> String {
        var lines = event.split(separator: "\n", omittingEmptySubsequences: false)
        if quirks.contains(.noEventLines) { lines.removeAll { $0.hasPrefix("event: ") } }
        return lines.map { line in
            guard line.hasPrefix("data: ") else { return String(line) }
            let data = line.dropFirst(6) + (quirks.contains(.padding) && line.hasSuffix("}") ? "    " : "")
            return (quirks.contains(.noSpace) ? "data:" : "data: ") + data
        }.joined(separator: "\n")
    }
}
