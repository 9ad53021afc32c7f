import Glibc

/// Pipes and sockets of this process. Other descriptors come and go with the Swift runtime's own threads.
func connections() -> Set<String> {
    Set(
        entries(of: "/proc/self/fd").compactMap { name in
            var target = [UInt8](repeating: 0, count: 256)
            let count = target.withUnsafeMutableBytes {
                readlink("/proc/self/fd/" + name, $0.baseAddress!, $0.count)
            }
            let text = String(decoding: target[..<max(0, count)], as: UTF8.self)
            return text.hasPrefix("pipe:") || text.hasPrefix("socket:") ? text : nil
        })
}

/// What read(2) says when there is something, or the last process that could write has ended: then 0.
func endOfPipe(_ reader: Int32) async -> Int {
    await withCheckedContinuation { continuation in
        var thread = pthread_t()
        let box = Unmanaged.passRetained(Reading(reader, continuation))
        pthread_create(
            &thread, nil,
            { context in
                let reading = Unmanaged<Reading>.fromOpaque(context!).takeRetainedValue()
                var byte: UInt8 = 0
                reading.continuation.resume(returning: read(reading.descriptor, &byte, 1))
                return nil
            }, box.toOpaque())
        pthread_detach(thread)
    }
}

private final class Reading: Sendable {
    let descriptor: Int32
    let continuation: CheckedContinuation<Int, Never>

    init(_ descriptor: Int32, _ continuation: CheckedContinuation<Int, Never>) {
        self.descriptor = descriptor
        self.continuation = continuation
    }
}
