import Foundation

/// What a browser makes of server-sent events on one connection.
struct EventSource {
    struct Message: Equatable {
        var id: String
        var name: String
        var data: String
    }

    private let connection: HTTPConnection
    private var raw: [UInt8] = []
    private var text: [UInt8] = []
    private var isPastHead = false
    private(set) var status = 0
    /// As a browser would send it when it comes back.
    private(set) var lastID: String
    private(set) var comments = 0

    /// - Parameter lastID: what came last on the connection before; empty: there was none.
    init?(_ gateway: RunningGateway, _ path: String = "/v1/events", token: String, lastID: String = "") async {
        await self.init(port: gateway.port, path, token: token, lastID: lastID)
    }

    init?(port: Int, _ path: String = "/v1/events", token: String, lastID: String = "") async {
        guard let connection = HTTPConnection(port: port) else { return nil }
        self.connection = connection
        self.lastID = lastID
        var fields = ["Host: 127.0.0.1:\(port)", "Authorization: Bearer \(token)"]
        if !lastID.isEmpty { fields.append("Last-Event-ID: \(lastID)") }
        await connection.write("GET \(path) HTTP/1.1\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
    }

    mutating func next() async -> [Message]? {
        var limit = Int.max
        return await next(limit: &limit)
    }

    /// Messages with data; nil at the end of the stream. Waits until there is something, also if that is no message.
    ///
    /// - Parameter limit: takes no more bytes than that, and what it took from it: a connection that is cut ends
    ///   anywhere, and when it is 0 nothing more may be read.
    mutating func next(limit: inout Int) async -> [Message]? {
        let more = await connection.read()
        guard !more.isEmpty else { return nil }
        raw += more.prefix(limit)
        limit -= min(limit, more.count)
        if !isPastHead {
            guard let end = raw.firstRange(of: Array("\r\n\r\n".utf8)) else { return [] }
            status = Int(String(decoding: raw.dropFirst(9).prefix(3), as: UTF8.self)) ?? 0
            raw.removeSubrange(..<end.upperBound)
            isPastHead = true
        }
        takeChunks()
        var messages: [Message] = []
        while let end = text.firstRange(of: Array("\n\n".utf8)) {
            let block = String(decoding: text[..<end.lowerBound], as: UTF8.self)
            text.removeSubrange(..<end.upperBound)
            var message = Message(id: "", name: "message", data: "")
            for line in block.split(separator: "\n") {
                if line.hasPrefix("id: ") { message.id = String(line.dropFirst(4)) }
                if line.hasPrefix("event: ") { message.name = String(line.dropFirst(7)) }
                if line.hasPrefix("data: ") { message.data = String(line.dropFirst(6)) }
                if line.hasPrefix(":") { comments += 1 }
            }
            if !message.id.isEmpty { lastID = message.id }
            if !message.data.isEmpty { messages.append(message) }
        }
        return messages
    }

    private mutating func takeChunks() {
        while let line = raw.firstRange(of: Array("\r\n".utf8)) {
            guard let length = Int(String(decoding: raw[..<line.lowerBound], as: UTF8.self), radix: 16),
                raw.count >= line.upperBound + length + 2
            else { return }
            text += raw[line.upperBound..<line.upperBound + length]
            raw.removeSubrange(..<(line.upperBound + length + 2))
        }
    }
}
