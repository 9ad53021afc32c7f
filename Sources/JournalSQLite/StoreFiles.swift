internal import CStoreSeals
internal import Glibc
internal import Journal

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
        let device: UInt64
        let inode: UInt64
        /// The file never becomes shorter than it was.
        var size: off_t
    }

    private let store: String
    private var database: File
    private let wal: File
    private let others: [File]
    /// Reads the page of the store's file that says which store it is.
    private let identityPage: () -> [UInt8]
    /// What that page has once the file says that a server has the store, and what it has before.
    private let (inUse, notInUse): ([UInt8], [UInt8])
    private var wasInUse = false

    /// Takes the files as they are: the store's writer has opened them.
    ///
    /// - Parameters:
    ///   - id: of the store.
    ///   - identityPage: reads the page that has it, from the file itself.
    init(ofStore store: String, id: JournalRunID, identityPage: @escaping () -> [UInt8]) throws(JournalError) {
        self.store = store
        self.identityPage = identityPage
        // The row as SQLite writes it: three bytes of header, an id of 16 bytes, 1 or 0.
        inUse = [3, 44, 9] + id.bytes
        notInUse = [3, 44, 8] + id.bytes
        func file(_ path: String) throws(JournalError) -> File {
            var status = store_file()
            guard store_file_look(path, &status) == 0 else { throw StoreFiles.changed(store, "\(path) is not there") }
            return File(
                name: path, path: Array(path.utf8CString), device: status.device, inode: status.inode, size: 0)
        }
        database = try file(store)
        wal = try file(store + "-wal")
        others = [try file(store + "-shm"), try file(store + ".lock"), try file(StoreMark.path(ofStore: store))]
    }

    /// - Parameter walPages: that the WAL has at least.
    /// - Throws: `filesChanged`, naming the file and what became of it.
    mutating func verify(walPages: Int) throws(JournalError) {
        database.size = try size(of: database, atLeast: database.size)
        let header: off_t = 32, frame: off_t = 24 + 4096
        _ = try size(of: wal, atLeast: walPages == 0 ? 0 : header + off_t(walPages) * frame)
    }

    /// As ``verify(walPages:)``, of the files as well that a commit does not touch.
    mutating func verifyAll(walPages: Int) throws(JournalError) {
        try verify(walPages: walPages)
        for file in others { _ = try size(of: file, atLeast: 0) }
        // An older state of the store may have been written into the same files.
        switch store_seals_look(store) {
        case STORE_SEALS_NONE: break
        case STORE_SEALS_INDEX: throw StoreFiles.changed(store, "\(store)-shm was overwritten")
        case STORE_SEALS_LOG_END: throw StoreFiles.changed(store, "\(store)-wal was overwritten")
        default: throw StoreFiles.changed(store, "\(store) was overwritten: it has pages that are older")
        }
        // Another store, or a copy of this one.
        let page = identityPage()
        if page.contains(inUse) {
            wasInUse = true
        } else if wasInUse || !page.contains(notInUse) {
            throw StoreFiles.changed(store, "\(store) was overwritten: it is not the store any more that was opened")
        }
    }

    private func size(of file: File, atLeast least: off_t) throws(JournalError) -> off_t {
        var status = store_file()
        let result = file.path.withUnsafeBufferPointer { store_file_look($0.baseAddress!, &status) }
        func changed(_ what: String) -> JournalError {
            StoreFiles.changed(store, "\(file.name) \(what)")
        }
        guard result == 0 else {
            throw changed(errno == ENOENT ? "is gone" : "cannot be looked at: \(String(cString: strerror(errno)))")
        }
        guard status.device == file.device, status.inode == file.inode else { throw changed("was replaced") }
        guard status.links == 1 else {
            throw changed(status.links == 0 ? "is gone" : "has another name: \(status.links) hard links")
        }
        guard status.size >= least else {
            throw changed("was cut: it has \(status.size) bytes, and had \(least)")
        }
        return off_t(status.size)
    }

    static func changed(_ store: String, _ what: String) -> JournalError {
        JournalError(
            code: .filesChanged, path: store,
            message: "the files of the running store were changed from outside: \(what)")
    }
}
