import Foundation

/// A named pipe through which a tool's processes tell a test how far they have come, or wait for its word: no side
/// has to look again and again.
///
/// Threads: any; lines are read on a thread of its own.
final class Fifo: Sendable {
    let path: String
    private let descriptor: Int32

    /// Makes it in a directory. Held open for both directions, so that no process waits in `open`.
    init(in directory: String, named name: String) throws {
        path = directory + "/" + name
        guard mkfifo(path, 0o600) == 0 else { throw CocoaError(.fileWriteUnknown) }
        descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw CocoaError(.fileReadUnknown) }
    }

    deinit { close(descriptor) }

    /// Waits until so many lines have been written into it.
    func lines(_ count: Int) async {
        let descriptor = descriptor
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            Thread.detachNewThread {
                var missing = count
                var byte: UInt8 = 0
                while missing > 0, read(descriptor, &byte, 1) == 1 {
                    if byte == UInt8(ascii: "\n") { missing -= 1 }
                }
                continuation.resume()
            }
        }
    }

    /// Lets one process go on that reads a line from it.
    func send() {
        _ = write(descriptor, "go\n", 3)
    }

    /// Takes out what nobody has read.
    func drain() {
        var source = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        var bytes = [UInt8](repeating: 0, count: 256)
        while poll(&source, 1, 0) == 1 { _ = read(descriptor, &bytes, bytes.count) }
    }
}
