import Glibc
import Synchronization

@testable import NNG

/// Things that happened, in order, to be waited for.
final class Events<Element: Sendable>: Sendable {
    private let stream: AsyncStream<Element>
    private let continuation: AsyncStream<Element>.Continuation

    init() {
        (stream, continuation) = AsyncStream<Element>.makeStream()
    }

    func add(_ element: Element) {
        continuation.yield(element)
    }

    /// The next one. Only one task at a time waits.
    func next() async -> Element {
        var iterator = stream.makeAsyncIterator()
        while true {
            if let element = await iterator.next() { return element }
            // The test's time is over: it must end, not wait in circles.
            if Task.isCancelled { fatalError("what the test waits for has not come") }
        }
    }
}

/// Whether it becomes so while patience lasts. For threads of a test's own.
func comes(_ isSo: () -> Bool) -> Bool {
    let end = Deadline(after: patience)
    while !isSo() {
        guard end.remainingNanoseconds > 0 else { return false }
        sched_yield()
    }
    return true
}

/// Runs blocking work on a thread of its own, so that the tests' pool goes on.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Value, any Error>) in
        Blocking.start { continuation.resume(with: Result { try body() }) }
    }
}

/// A directory for one test's sockets; it goes with the object.
final class SocketDirectory: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/nng-tests-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { buffer in
            String(cString: mkdtemp(buffer.baseAddress!)!)
        }
    }

    deinit {
        for name in ["a", "b"] { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    func file(_ name: String = "a") -> String { "\(path)/\(name)" }
    func url(_ name: String = "a") -> String { "ipc://\(path)/\(name)" }
}

final class Flag: Sendable {
    private let value = Atomic<Bool>(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
    func reset() { value.store(false, ordering: .releasing) }
}

final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .acquiring) }
    func increment() { count.add(1, ordering: .acquiringAndReleasing) }
}

enum Unique {
    private static let last = Atomic<Int>(0)

    static func inproc() -> String {
        "inproc://nng-tests-\(last.add(1, ordering: .relaxed).newValue)"
    }
}

/// A plain stream socket that says what it likes to an nng listener.
struct RawPeer: ~Copyable, Sendable {
    private let descriptor: Int32

    init?(_ path: String) {
        let (descriptor, failure) = SocketFile.connect(path, type: SOCK_STREAM)
        guard failure == 0 else {
            if descriptor >= 0 { close(descriptor) }
            return nil
        }
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    func write(_ bytes: [UInt8]) {
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// Reads until `count` bytes are there or the other side closes.
    func read(_ count: Int) -> [UInt8] {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: count)
        while all.count < count {
            var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            poll(&wanted, 1, 20_000)
            let length = recv(descriptor, &buffer, count - all.count, 0)
            guard length > 0 else { break }
            all += buffer[..<length]
        }
        return all
    }

    static let requestHandshake: [UInt8] = [0, 0x53, 0x50, 0, 0, 0x30, 0, 0]

    /// nng's frame of an ipc message.
    static func frame(_ body: [UInt8], claiming length: UInt64? = nil) -> [UInt8] {
        let length = length ?? UInt64(body.count)
        return [1] + (0..<8).map { UInt8(truncatingIfNeeded: length >> (56 - 8 * UInt64($0))) } + body
    }
}

/// Holds requests until someone answers them.
final class Held: Sendable {
    private let requests = Mutex<[Request]>([])
    let arrived = Events<Int>()

    func add(_ request: Request) {
        let count = requests.withLock { requests in
            requests.append(request)
            return requests.count
        }
        arrived.add(count)
    }

    func takeAll() -> [Request] {
        requests.withLock { requests in
            defer { requests = [] }
            return requests
        }
    }

    func waitFor(_ count: Int) async {
        while await arrived.next() < count {}
    }
}

let patience = Duration.seconds(30)

extension RequestSocket {
    func outcome(_ bytes: [UInt8], within timeout: Duration = patience) async -> Result<[UInt8], NNGError> {
        do throws(NNGError) {
            return .success(try await request(bytes, timeout: timeout))
        } catch {
            return .failure(error)
        }
    }
}
