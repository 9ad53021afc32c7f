import MockModel
import ModelScript

/// Starts a server for a script, and stops it whatever happens.
func withMockModel<Value>(
    _ script: String, key: String? = nil, largestBody: Int = 1 << 20,
    _ body: (MockModel) async throws -> Value
) async throws -> Value {
    var configuration = MockModel.Configuration()
    configuration.requiredKey = key
    configuration.largestBody = largestBody
    let server = try await MockModel.start(try ModelScript(json: script, file: "test.json"), configuration)
    do {
        let value = try await body(server)
        await server.stop()
        return value
    } catch {
        await server.stop()
        throw error
    }
}

func post(_ path: String, _ body: String, headers: [String] = [], isLast: Bool = true) -> String {
    let lines =
        ["POST \(path) HTTP/1.1", "Host: test", "Content-Type: application/json", "Content-Length: \(body.utf8.count)"]
        + headers + (isLast ? ["Connection: close"] : [])
    return lines.joined(separator: "\r\n") + "\r\n\r\n" + body
}

func get(_ path: String) -> String { "GET \(path) HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n" }

/// A chat request whose transcript has this many answers in it.
func chat(answers: Int = 0, stream: Bool = true, user: String? = nil, task: String = "Count.") -> String {
    var messages = [#"{"role":"system","content":"You count."}"#, #"{"role":"user","content":"\#(task)"}"#]
    for index in 0..<answers {
        messages.append(#"{"role":"assistant","content":"Answer \#(index)."}"#)
        messages.append(#"{"role":"user","content":"Go on."}"#)
    }
    let user = user.map { #","user":"\#($0)""# } ?? ""
    return #"{"model":"m","stream":\#(stream),"stream_options":{"include_usage":true}\#(user),"messages":["#
        + messages.joined(separator: ",") + "]}"
}

let chatPath = "/v1/chat/completions"

extension MockModel {
    /// Sends one request on a connection of its own and reads all that comes back.
    func exchange(_ request: String) async throws -> String {
        let port = port
        return try await onThread {
            let client = try RawClient(port: port)
            try client.send(request)
            return try client.receiveAll()
        }
    }
}

/// The data of the server-sent events in a chunked response, in order.
func events(_ response: String) -> [String] {
    response.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("data: ") }.map { String($0.dropFirst(6)) }
}

/// The texts of the content deltas, joined; the tests' tokens need no escapes.
func content(_ response: String) -> String {
    events(response).compactMap { event in
        guard let start = event.range(after: #""delta":{"content":""#) else { return nil }
        return String(start.prefix { $0 != "\"" })
    }.joined()
}

extension String {
    fileprivate func range(after marker: String) -> Substring? {
        let parts = split(separator: marker, maxSplits: 1, omittingEmptySubsequences: false)
        return parts.count == 2 ? parts[1] : nil
    }
}
