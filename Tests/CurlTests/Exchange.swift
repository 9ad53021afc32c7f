import Curl
import RawServer

/// One transfer and everything that it told, with events to wait for.
final class Exchange: Sendable {
    let response = Latch<CurlResponse>()
    let firstData = Latch<Void>()
    let end = Latch<Result<CurlCompletion, CurlError>>()
    private let received = Guarded<(bytes: [UInt8], pieces: Int, ends: Int)>(([], 0, 0))
    private let transfer = Latch<CurlTransfer>()
    /// Dropping a session would end the transfer.
    private let session: CurlSession

    init(
        _ session: CurlSession, _ request: CurlRequest,
        onResponse: @escaping @Sendable (CurlTransfer) -> Void = { _ in },
        onData: @escaping @Sendable (CurlTransfer) -> Void = { _ in }
    ) {
        self.session = session
        transfer.open(
            session.start(
                request,
                onResponse: { [self] in
                    response.open($0)
                    onResponse($1)
                },
                onData: { [self] bytes, transfer in
                    received.withLock {
                        $0.bytes += bytes
                        $0.pieces += 1
                    }
                    firstData.open()
                    onData(transfer)
                },
                onEnd: { [self] result in
                    received.withLock { $0.ends += 1 }
                    end.open(result)
                }))
    }

    func cancel() { transfer.waitBlocking().cancel() }

    var bytes: [UInt8] { received.withLock { $0.bytes } }
    var text: String { String(decoding: bytes, as: UTF8.self) }
    var pieces: Int { received.withLock { $0.pieces } }
    var ends: Int { received.withLock { $0.ends } }

    /// The failure that it ended with; nil after a success.
    var failure: CurlError? {
        get async {
            if case .failure(let error) = await end.value { return error }
            return nil
        }
    }

    var completion: CurlCompletion? {
        get async { try? await end.value.get() }
    }
}

let okHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

func chunk(_ text: String) -> String { "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n" }

let lastChunk = "0\r\n\r\n"
