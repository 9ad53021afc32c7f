import Glibc

/// An open file descriptor, closed with the last reference to it.
final class Descriptor: Sendable {
    let number: Int32

    /// Takes ownership of an open descriptor.
    init(_ number: Int32) { self.number = number }

    deinit { close(number) }

    /// Opens a name in a directory; the last component is never followed if it is a symbolic link, and nothing waits
    /// (a FIFO for its other end, a lease for its holder).
    ///
    /// - Returns: nil with the reason in `errno`.
    static func open(_ name: String, in directory: Descriptor, _ flags: Int32, mode: mode_t = 0) -> Descriptor? {
        let all = flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
        let number = uninterrupted { openat(directory.number, name, all, mode) }
        return number < 0 ? nil : Descriptor(number)
    }

    /// What the file is that is open here.
    ///
    /// - Returns: nil with the reason in `errno`.
    var status: stat? {
        var status = stat()
        return fstat(number, &status) == 0 ? status : nil
    }

    /// What a name in a directory is, itself and not what it may lead to.
    ///
    /// - Returns: nil with the reason in `errno`.
    static func status(of name: String, in directory: Descriptor) -> stat? {
        var status = stat()
        return fstatat(directory.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status : nil
    }

    /// The bytes from here to the end, but not many more than `limit`: a file can grow while it is read.
    ///
    /// - Returns: nil with the reason in `errno`.
    func read(upTo limit: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count <= limit {
            var result = 0
            let piece = [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
                result = uninterrupted { Glibc.read(number, buffer.baseAddress, buffer.count) }
                count = max(0, result)
            }
            if result < 0 { return nil }
            if result == 0 { break }
            bytes += piece
        }
        return bytes
    }

    /// - Returns: whether all of them were written; if not, the reason is in `errno`.
    func write(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = uninterrupted { Glibc.write(number, rest.baseAddress, rest.count) }
                if count < 0 { return false }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
            return true
        }
    }

    /// The names in a directory that is open here, without `.` and `..`, in no order; at most `limit` of them.
    ///
    /// - Returns: nil with the reason in `errno`.
    func names(upTo limit: Int) -> [String]? {
        // A descriptor of its own: closedir closes it, and the position in the directory is its own.
        let copy = openat(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0 else { return nil }
        guard let stream = fdopendir(copy) else {
            close(copy)
            return nil
        }
        defer { closedir(stream) }
        var names: [String] = []
        while names.count < limit, let entry = readdir(stream) {
            let length = Int(entry.pointee.d_reclen) - MemoryLayout<dirent>.offset(of: \.d_name)!
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: length) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }
}

/// Calls again what a signal has interrupted.
func uninterrupted<Result: BinaryInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}

extension stat {
    enum Kind { case file, directory, link, fifo, socket, device, other }

    var kind: Kind {
        switch st_mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .directory
        case S_IFLNK: .link
        case S_IFIFO: .fifo
        case S_IFSOCK: .socket
        case S_IFCHR, S_IFBLK: .device
        default: .other
        }
    }

    /// Whether two looks saw the same file with the same content, as far as its times tell.
    func isSame(as other: stat) -> Bool {
        st_dev == other.st_dev && st_ino == other.st_ino && st_size == other.st_size
            && st_mtim.tv_sec == other.st_mtim.tv_sec && st_mtim.tv_nsec == other.st_mtim.tv_nsec
    }
}
