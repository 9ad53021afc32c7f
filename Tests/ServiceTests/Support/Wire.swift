import FermataProtocol
import NNG
import SwiftProtobuf

/// The control socket without a client: whatever bytes, as nng carries them.
struct Wire {
    private let socket: RequestSocket

    init(_ service: Service) throws {
        socket = try RequestSocket("ipc://\(service.directory)/control.sock", maximumMessageSize: 8 << 20)
    }

    /// - Returns: nil if the server closed the connection instead of replying.
    func send(_ bytes: [UInt8]) async throws -> [Frame]? {
        do {
            return try Frame.frames(in: try await socket.request(bytes, timeout: .seconds(30)))
        } catch let error as NNGError where error == .connectionReset {
            return nil
        }
    }

    /// Sends some frames in one message; the replies, one for each.
    func send(_ frames: [Frame]) async throws -> [Frame] {
        try await send(frames.flatMap(\.encoded)) ?? []
    }
}

extension Frame {
    init<R: ControlRequest>(_ request: R) throws {
        self.init(type: UInt16(R.frameType.rawValue), body: try request.serializedBytes())
    }

    /// The error that the frame is.
    var error: FermataError {
        get throws {
            guard type == UInt16(FermataFrameType.error.rawValue) else { return FermataError() }
            return try FermataError(serializedBytes: body)
        }
    }
}
