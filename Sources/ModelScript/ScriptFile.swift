internal import Glibc

extension ModelScript {
    static let largestFile = 16 << 20

    /// The bytes of a regular file. Anything else is refused: a pipe could block for ever, a device never end.
    static func read(_ file: String) throws(ScriptError) -> [UInt8] {
        func unreadable(_ message: String) -> ScriptError {
            ScriptError(code: .unreadable, file: file, message: message)
        }
        let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw unreadable(String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw unreadable(String(cString: strerror(errno))) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw unreadable("not a regular file") }

        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw unreadable(String(cString: strerror(errno)))
            }
            if count == 0 { return bytes }
            bytes.append(contentsOf: buffer[..<count])
            guard bytes.count <= largestFile else { throw unreadable("larger than \(largestFile >> 20) MiB") }
        }
    }
}
