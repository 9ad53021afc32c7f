internal import Glibc

/// Whether the files of a store that is open are still the ones that were opened.
///
/// SQLite goes on with files that have no name any more, and with a file that somebody has cut: what it is told from
/// then on is lost with them. Two looks at a commit took 1.2 µs.
///
/// Threads: used by one at a time.
struct StoreFiles {
    private struct File {
        let name: String
        let path: [CChar]
        let device: dev_t
        let inode: ino_t
        /// The file never becomes shorter than it was.
        var size: off_t
    }

    private let store: String
    private var database: File
    private let log: File
    private let others: [File]

    /// Takes the files as they are: the store's writer has opened them.
    init(ofStore store: String) throws(JournalError) {
        self.store = store
        func file(_ path: String) throws(JournalError) -> File {
            var status = stat()
            guard stat(path, &status) == 0 else { throw StoreFiles.changed(store, "\(path) is not there") }
            return File(
                name: path, path: Array(path.utf8CString), device: status.st_dev, inode: status.st_ino,
                size: 0)
        }
        database = try file(store)
        log = try file(store + "-wal")
        others = [try file(store + "-shm"), try file(store + ".lock"), try file(StoreMark.path(ofStore: store))]
    }

    /// - Parameter logPages: that the log has at least.
    /// - Throws: `filesChanged`, naming the file and what became of it.
    mutating func verify(logPages: Int) throws(JournalError) {
        database.size = try size(of: database, atLeast: database.size)
        let header: off_t = 32, frame: off_t = 24 + 4096
        _ = try size(of: log, atLeast: logPages == 0 ? 0 : header + off_t(logPages) * frame)
    }

    /// As ``verify(logPages:)``, of the files as well that a commit does not touch.
    mutating func verifyAll(logPages: Int) throws(JournalError) {
        try verify(logPages: logPages)
        for file in others { _ = try size(of: file, atLeast: 0) }
    }

    private func size(of file: File, atLeast least: off_t) throws(JournalError) -> off_t {
        var status = stat()
        let result = file.path.withUnsafeBufferPointer { stat($0.baseAddress!, &status) }
        func changed(_ what: String) -> JournalError {
            StoreFiles.changed(store, "\(file.name) \(what)")
        }
        guard result == 0 else {
            throw changed(errno == ENOENT ? "is gone" : "cannot be looked at: \(String(cString: strerror(errno)))")
        }
        guard status.st_dev == file.device, status.st_ino == file.inode else { throw changed("was replaced") }
        guard status.st_nlink == 1 else {
            throw changed(status.st_nlink == 0 ? "is gone" : "has another name: \(status.st_nlink) hard links")
        }
        guard status.st_size >= least else {
            throw changed("was cut: it has \(status.st_size) bytes, and had \(least)")
        }
        return status.st_size
    }

    private static func changed(_ store: String, _ what: String) -> JournalError {
        JournalError(
            code: .filesChanged, path: store, message: "the files of the running store were changed from outside: \(what)")
    }
}
