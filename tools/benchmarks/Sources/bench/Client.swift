internal import CBench
internal import FermataProtocol
internal import Foundation
internal import SwiftProtobuf

/// The one client of all measurements: C, one request at a time. Used by one thread.
final class Client {
    private let client: OpaquePointer

    init(_ url: String) throws {
        guard let client = bench_client_open(url) else { throw Failure(String(cString: bench_error())) }
        self.client = client
    }

    deinit { bench_client_close(client) }

    /// One request, not to be timed.
    func send<Request: ControlRequest>(_ request: Request) throws -> Request.Reply {
        let frame = try encode(request)
        return try Request.Reply(serializedBytes: reply(to: frame).body)
    }

    func reply(to frame: [UInt8]) throws -> Frame {
        var bytes: UnsafePointer<UInt8>?
        var size = 0
        try check(bench_call(client, frame, frame.count, &bytes, &size))
        let reply = try Frame.frames(in: UnsafeBufferPointer(start: bytes, count: size))[0]
        if reply.type == FermataFrameType.error.rawValue {
            let error = try FermataError(serializedBytes: reply.body)
            throw Failure("\(error.code): \(error.message)")
        }
        return reply
    }

    /// Times each of the requests, in ns.
    func times(_ requests: Requests) throws -> [UInt64] {
        var times = [UInt64](repeating: 0, count: requests.count)
        var refused = 0
        try requests.withC { try check(bench_sequence(client, $0, &times, &refused)) }
        guard refused == 0 else { throw Failure("\(refused) of \(requests.count) requests were refused") }
        return times
    }
}

/// Encoded requests, one after the other.
struct Requests {
    private var bytes: [UInt8] = []
    private var offsets = [0]

    var count: Int { offsets.count - 1 }

    init() {}

    init(_ request: [UInt8], count: Int) {
        for _ in 0..<count { append(request) }
    }

    mutating func append(_ request: [UInt8]) {
        bytes += request
        offsets.append(bytes.count)
    }

    func withC<Result>(_ body: (bench_requests) throws -> Result) rethrows -> Result {
        try bytes.withUnsafeBufferPointer { bytes in
            try offsets.withUnsafeBufferPointer { offsets in
                try body(bench_requests(bytes: bytes.baseAddress, offsets: offsets.baseAddress, count: count))
            }
        }
    }
}

func encode<Request: ControlRequest>(_ request: Request) throws -> [UInt8] {
    Frame(type: UInt16(Request.frameType.rawValue), body: try request.serializedBytes()).encoded
}

/// A fresh `request_id`.
func newRequestID() -> String { UUID().uuidString.lowercased() }
