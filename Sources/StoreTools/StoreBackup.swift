internal import Glibc
internal import Journal
internal import JournalSQLite

/// A copy of a store, as of one moment, while its server goes on.
public enum StoreBackup {
    /// What the copying has come to.
    public enum Progress: Sendable, Hashable {
        case copying(done: Int, total: Int)
        case verifying(StoreVerification.Progress)
    }

    /// Copies a store into a new file, readable by its owner only, and verifies the copy. It is written beside its
    /// place under another name and gets its own when it is whole and on the disk: no half copy ever has it.
    ///
    /// - Parameters:
    ///   - file: where the copy goes; a file that is there stays, unless `replaces`.
    ///   - progress: called now and then.
    /// - Returns: what the verification of the copy found. If that is not sound there is no copy.
    /// - Throws: a `JournalError` of the store, or a `Failure`.
    public static func make(
        of store: String, at file: String, replaces: Bool, progress: @escaping (Progress) -> Void
    ) throws -> StoreReport {
        let inspection = try StoreInspection(path: store)
        if !replaces, access(file, F_OK) == 0 { throw Failure("\(file): there is a file already") }
        try checkThatIsNotTheStore(file, inspection.path)
        if replaces { try checkThatNobodyNeeds(file, inspection.path) }
        try checkThatNoServerWasThere(file)
        let folder = directory(of: file)
        let name = file.split(separator: "/").last.map(String.init) ?? ""
        // mkstemp makes it for its owner only.
        var template = Array("\(folder).\(name).XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw Failure("\(folder): \(String(cString: strerror(errno)))") }
        // Before SQLite has it open: closing any descriptor of a file takes the process's locks off it.
        close(descriptor)
        let temporary = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { unlink(temporary) }
        // The copy has no mark: it would be whole by all that it says.
        if let loss = try inspection.loss() {
            throw Failure("\(inspection.path): \(loss); a copy would hide that (fermata accept says what to do)")
        }
        try inspection.copy(to: temporary) { progress(.copying(done: $0, total: $1)) }
        let report = try StoreVerification.verify(store: temporary) { progress(.verifying($0)) }
        guard report.isSound else { return report }
        try sync(temporary)
        guard (replaces ? rename(temporary, file) : link(temporary, file)) == 0 else {
            throw Failure("\(file): \(String(cString: strerror(errno)))")
        }
        try sync(folder)
        return report
    }

    /// The store's own files are what its server works with, by whatever name: a link, another way to the directory.
    private static func checkThatIsNotTheStore(_ file: String, _ store: String) throws {
        let name = file.split(separator: "/").last.map(String.init) ?? ""
        if let folder = StoreFile.realPath(directory(of: file)) {
            for own in [""] + StoreFile.suffixes + ["-journal"] where "\(folder)/\(name)" == store + own {
                throw Failure("\(file): this is a name of the store's own files, which its server uses; choose another")
            }
        }
        if serversNames.contains(name), isBeside(file, store) {
            throw Failure("\(file): this is a name of the server that has the store beside it; choose another")
        }
        // Beside any store such a name is its server's.
        for suffix in StoreFile.suffixes + ["-journal"]
        where file.hasSuffix(suffix) && isStore(String(file.dropLast(suffix.count))) {
            throw Failure(
                "\(file): this is a name of the files of the store beside it, which its server uses; choose another")
        }
        var target = stat()
        guard stat(file, &target) == 0 else { return }
        // Reading a pipe waits for ever, and replacing a device takes it from everybody.
        guard target.st_mode & S_IFMT == S_IFREG else {
            throw Failure("\(file): this is no file; the copy needs a file of its own")
        }
        for name in [""] + StoreFile.suffixes {
            var own = stat()
            guard stat(store + name, &own) == 0, own.st_dev == target.st_dev, own.st_ino == target.st_ino else {
                continue
            }
            throw Failure(
                "\(file): this is the store's own file \(store)\(name), which its server uses; copy it to another place"
            )
        }
    }

    /// - Throws: if there is a store at the place that a server has; or, in the directory of a store, where a server keeps
    ///   its key, its sockets and more, anything that is no copy of a store.
    private static func checkThatNobodyNeeds(_ file: String, _ store: String) throws {
        var target = stat()
        guard lstat(file, &target) == 0 else { return }
        let isCopy = (target.st_mode & S_IFMT == S_IFREG || target.st_mode & S_IFMT == S_IFLNK) && isStore(file)
        guard isCopy || !isBeside(file, store) else {
            throw Failure("\(file): what is there is no copy of a store, and beside a store nothing else is replaced")
        }
        guard isCopy else { return }
        let descriptor: Int32
        do { descriptor = try RegularFile.open(file, O_RDONLY) } catch { throw Failure("\(file): \(error.cause)") }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_SH | LOCK_NB) == 0 else {
            throw Failure("\(file): a server has this store; choose another place")
        }
    }

    /// What a server makes in its directory, sooner or later, beside the store's own files.
    private static let serversNames: Set = [
        "workspaces", "toolstate", "clock", "token.key", "token.key.new", "control.sock", "events.sock", "text.sock",
    ]

    /// Whether a file is in the directory of a store.
    private static func isBeside(_ file: String, _ store: String) -> Bool {
        StoreFile.realPath(directory(of: file)) == StoreFile.realPath(directory(of: store))
            || isStore(directory(of: file) + "fermata.db")
    }

    /// A copy has nothing beside it. A killed server leaves a write-ahead log, which belongs to its file and would be read
    /// together with the copy; and each server leaves a mark, which knows nothing of the copy.
    ///
    /// - Throws: if there is one at the place, or where the link that is there leads to.
    private static func checkThatNoServerWasThere(_ file: String) throws {
        for store in [file, StoreFile.realPath(file) ?? file] {
            var status = stat()
            let hasWAL = stat(store + "-wal", &status) == 0 && status.st_size > 0
            let hasMark = lstat(store + ".mark", &status) == 0
            guard hasWAL || hasMark else { continue }
            throw Failure(
                "\(file): a server has worked with a store at this place, and \(store)\(hasWAL ? "-wal" : ".mark") is "
                    + "beside it: what is there is no copy. Choose another place, or remove that store with all its files"
            )
        }
    }

    /// Whether a file is a database that says that it is a store, whatever else is wrong with it; or is empty.
    private static func isStore(_ file: String) -> Bool {
        guard let descriptor = try? RegularFile.open(file, O_RDONLY) else { return false }
        defer { close(descriptor) }
        var header = [UInt8](repeating: 0, count: 72)
        let count = read(descriptor, &header, header.count)
        return count == 0
            || count == header.count && header.starts(with: "SQLite format 3\0".utf8)
                && header[68...].elementsEqual("Frmt".utf8)
    }

    private static func directory(of file: String) -> String {
        file.lastIndex(of: "/").map { String(file[...$0]) } ?? "./"
    }

    private static func sync(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure("\(path): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Failure("\(path): \(String(cString: strerror(errno)))") }
    }

    /// Why there is no copy, in one line.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
        init(_ description: String) { self.description = description }
    }
}
