import Foundation

/// A command of the real command line on a terminal: what it writes there, control sequences and all.
final class PseudoTerminal {
    let process = Process()
    private let main: Int32
    private let other: FileHandle
    private var lines: AsyncStream<String>.Iterator

    /// - Parameter environment: beside HOME, USER and FERMATA_DIR.
    init(
        _ directory: String, columns: Int = 80, environment: [String: String] = ["TERM": "xterm-256color"],
        _ arguments: [String]
    ) throws {
        main = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        // TIOCSPTLCK and TIOCGPTN, macros that Swift does not import: see `man 2 ioctl_tty`.
        var (locked, number) = (Int32(0), UInt32(0))
        guard main >= 0, ioctl(main, 0x4004_5431, &locked) == 0, ioctl(main, 0x8004_5430, &number) == 0 else {
            throw CocoaError(.fileReadUnknown)
        }
        var size = winsize(ws_row: 24, ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(main, UInt(TIOCSWINSZ), &size)
        let descriptor = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CocoaError(.fileReadUnknown) }
        other = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        process.executableURL = URL(fileURLWithPath: Service.binary)
        process.arguments = arguments
        process.environment = environment.merging(
            ["FERMATA_DIR": directory, "HOME": directory, "USER": "tester"]) { own, _ in own }
        process.standardInput = other
        process.standardOutput = other
        process.standardError = other
        let reader = main
        lines = AsyncStream { continuation in
            Thread.detachNewThread {
                var rest: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: 4096)
                while case let count = read(reader, &buffer, buffer.count), count > 0 {
                    rest += buffer[..<count]
                    while let end = rest.firstIndex(where: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) {
                        if end > 0 { continuation.yield(String(decoding: rest[..<end], as: UTF8.self)) }
                        rest.removeSubrange(...end)
                    }
                }
                if !rest.isEmpty { continuation.yield(String(decoding: rest, as: UTF8.self)) }
                continuation.finish()
                close(reader)
            }
        }.makeAsyncIterator()
        try process.run()
        // The command has it now: when that ends, the reading does.
        try other.close()
    }

    /// What is written up to the next line break or return of the carriage; nil when the command has ended.
    func nextLine() async -> String? { await lines.next() }

    /// Reads up to a line that contains a text; all lines that were read.
    func lines(upTo text: String) async -> [String] {
        var read: [String] = []
        while let line = await nextLine() {
            read.append(line)
            if line.contains(text) { break }
        }
        return read
    }

    /// All lines up to the end.
    func all() async -> [String] {
        var read: [String] = []
        while let line = await nextLine() { read.append(line) }
        return read
    }

    func kill() {
        guard process.isRunning else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
