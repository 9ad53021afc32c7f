import FermataProtocol
import Foundation
import Testing

/// `fermata gateway` as a process, in front of a service.
final class RunningGateway {
    private let command: RunningCommand
    let url: String
    let port: Int

    static func run<T>(
        _ service: Service, _ arguments: [String] = [], descriptors: Int? = nil,
        _ body: (RunningGateway) async throws -> T
    ) async throws -> T {
        let gateway = try await RunningGateway(service, arguments, descriptors)
        defer { gateway.command.kill() }
        return try await body(gateway)
    }

    private init(_ service: Service, _ arguments: [String], _ descriptors: Int?) async throws {
        command = try RunningCommand(
            service, ["gateway", "--listen", "127.0.0.1:0"] + arguments, descriptors: descriptors)
        let line = await command.lines(upTo: "listening ").last ?? ""
        url = String(line.dropFirst("listening ".count))
        port = try #require(url.split(separator: ":").last.flatMap { Int($0) }, "\(line)")
    }

    /// SIGTERM; the exit code, and all that it has said on standard error.
    func terminate() async -> (code: Int32, errors: String) {
        command.signal(SIGTERM)
        let end = await command.end()
        return (end.code, end.errors)
    }

    /// Sends one request on a connection of its own.
    ///
    /// - Parameter fields: besides Host and Content-Length, unless they are named here.
    func request(
        _ method: String, _ path: String, _ body: String = "", token: String? = nil, fields: [String: String] = [:]
    ) async throws -> HTTPConnection.Response {
        let connection = try #require(HTTPConnection(port: port))
        var all = ["Host": "127.0.0.1:\(port)", "Content-Length": "\(body.utf8.count)", "Connection": "close"]
        if let token { all["Authorization"] = "Bearer \(token)" }
        all.merge(fields) { _, new in new }
        let head = all.filter { !$0.value.isEmpty }.map { "\($0.key): \($0.value)\r\n" }.joined()
        await connection.write("\(method) \(path) HTTP/1.1\r\n\(head)\r\n\(body)")
        return try #require(await connection.response())
    }

    /// A command as JSON.
    func post(
        _ command: String, _ body: String = "{}", token: String?, fields: [String: String] = [:]
    ) async throws -> HTTPConnection.Response {
        try await request(
            "POST", "/v1/\(command)", body, token: token,
            fields: ["Content-Type": "application/json"].merging(fields) { _, new in new })
    }
}

extension Service {
    func token(_ scope: FermataScope) async throws -> String {
        try await client.send(
            FermataCreateToken.with {
                $0.name = "tester"
                $0.scope = scope
            }
        ).secret
    }
}
