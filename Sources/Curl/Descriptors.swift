internal import Glibc

/// Whether the process has descriptors left.
enum Descriptors {
    /// True if so few are free that what was just tried may have failed for it. libcurl and the resolver do not say why:
    /// to them a name is unknown whose file could not be opened.
    static func areExhausted() -> Bool {
        var taken: [Int32] = []
        defer { for descriptor in taken { close(descriptor) } }
        while taken.count < 4 {
            let descriptor = fcntl(0, F_DUPFD_CLOEXEC, 0)
            // Where 0 is closed there is at least one free.
            guard descriptor >= 0 else { return errno == EMFILE || errno == ENFILE }
            taken.append(descriptor)
        }
        return false
    }
}
