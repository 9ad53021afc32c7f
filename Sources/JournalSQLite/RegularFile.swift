internal import Glibc

/// Opens files at places where somebody may have put something else. Who opens a pipe waits until it has another end, which
/// may be for ever.
public enum RegularFile {
    /// Why a file was not opened.
    public struct Refusal: Error, Sendable {
        /// The system's error; nil: it could be opened, and is no regular file.
        public let systemError: Int32?
        /// What follows "it cannot be opened: ".
        public let cause: String

        public var isMissing: Bool { systemError == ENOENT || systemError == ENOTDIR }
    }

    /// Never waits. The descriptor is the caller's, and is closed in programs that the process starts.
    ///
    /// A file that is made is its owner's only.
    ///
    /// - Parameter flags: of `open(2)`, but for `O_CLOEXEC` and `O_NONBLOCK`, which are added.
    public static func open(_ path: String, _ flags: Int32) throws(Refusal) -> Int32 {
        let descriptor = Glibc.open(path, flags | O_CLOEXEC | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else { throw Refusal(errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let error = errno
            close(descriptor)
            throw Refusal(error)
        }
        if let kind = otherKind(status.st_mode) {
            close(descriptor)
            throw Refusal(systemError: nil, cause: "it is \(kind), and has to be a regular file")
        }
        return descriptor
    }

    /// What something is that is no regular file; nil: it is one.
    static func otherKind(_ mode: mode_t) -> String? {
        switch mode & S_IFMT {
        case S_IFREG: nil
        case S_IFIFO: "a pipe"
        case S_IFDIR: "a directory"
        case S_IFSOCK: "a socket"
        case S_IFBLK, S_IFCHR: "a device"
        default: "something else"
        }
    }
}

extension RegularFile.Refusal {
    fileprivate init(_ error: Int32) {
        self.init(systemError: error, cause: String(cString: strerror(error)))
    }
}
