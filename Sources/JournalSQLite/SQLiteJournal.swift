internal import Glibc
public import Journal
public import Logging
internal import SQLite
internal import Synchronization

/// A journal in one SQLite file, with the write-ahead log, the lock, the mark and the reserve beside it.
///
/// What was committed lies in the WAL first. A thread of the journal's own (`fermata-wal`) brings it to the file, from when
/// a writer is opened until that is closed: see ``init(path:options:keepingLogShort:)``.
///
/// Threads: any. Ownership: the store is locked for this process until the journal and everything opened from it are
/// released; whoever ends the process need not do anything.
public final class SQLiteJournal: Journal {
    /// The store's file, absolute and without symbolic links.
    public let path: String
    public let options: JournalOptions
    let mark: StoreMark
    let reserve: StoreReserve
    /// Where the thread that keeps the WAL short says what it cannot do.
    private let logger: Logger?
    private let lock: StoreLock
    private let hasWriter = Mutex(false)

    /// Opens a store, and makes it if there is none: no file, or an empty one, and nothing beside it that says otherwise.
    /// One of an older version is made anew first. What cannot be opened is an error and is not changed: never a fresh
    /// start, never a shorter past.
    ///
    /// - Parameters:
    ///   - path: of the store's file, in a directory that is there.
    ///   - logger: the WAL is kept short while there is a writer, beside the commits, and what cannot be done of it is
    ///     said here. nil: the WAL is as long as the commits make it, and only `makeRoom` and `end` move it; for who writes
    ///     little.
    /// - Throws: `missingDirectory`, `notAFile`, `notWritable`, `inUse`, `shared`, `notADatabase`, `notAStore`,
    ///   `newerSchema`, `corrupt`, `behindMark`, `storeFull`; each says in one line which file and why.
    public init(
        path: String, options: JournalOptions = JournalOptions(), keepingLogShort logger: Logger? = nil
    ) throws(JournalError) {
        let path = try StoreFile.prepare(path)
        try StoreFile.refuseOtherKinds(beside: path)
        let lock = try StoreLock(store: path)
        DamagedWALs.forget(path)
        self.lock = lock
        self.path = path
        self.options = options
        self.logger = logger
        let reserve = StoreReserve(ofStore: path)
        self.reserve = reserve
        mark = try journalErrors(path) { try SQLiteJournal.open(path, options, lock, reserve) }
    }

    /// Makes the store ready for a server: it is there, of this version, agrees with its mark, and says that it is in use.
    private static func open(
        _ path: String, _ options: JournalOptions, _ lock: StoreLock, _ reserve: StoreReserve
    ) throws -> StoreMark {
        let found = StoreMark.find(ofStore: path)
        // Before anything is changed.
        try found.verifyIsUsable()
        try StoreFile.refuseIfItsStartIsDamaged(path)
        let alone = StoreAlone(path: path)
        let database = try ready(path, options, lock)
        let check = StoreCheck(database: database, path: path)
        let version = try check.version()
        let end = try check.verifyTail(version: version)
        try check.compare(with: found, end: end)
        if let alone { try check.verifyLogFollows(alone) }
        // Only now: what is written to a WAL that has lost its end takes the place of what was lost.
        if version < StoreSchema.version { try extend(check, from: version, reserve) }
        let (id, isInUse) = try check.identity()
        // First the mark: a store that is in use has one.
        let mark = try StoreMark(ofStore: path, id: id, known: found.content, at: end, durability: options.durability)
        guard !isInUse else { return mark }
        do {
            // In the file itself, for whoever copies that alone: it is synced there, and in the WAL only for that.
            try database.pragma("synchronous = NORMAL")
            try database.execute("UPDATE store SET in_use = 1")
            _ = try database.passiveCheckpoint()
        } catch  where CommitFailure(path: path).journalError(error, duringCommit: false).code == .storeFull {
            // A full disk does not keep a server from starting, which is needed to read and to export.
        }
        return mark
    }

    /// A few pages, for which a full disk has the room that was kept for the log.
    private static func extend(_ check: StoreCheck, from version: Int64, _ reserve: StoreReserve) throws {
        do { try check.extend(from: version) } catch
            where CommitFailure(path: check.path).journalError(error, duringCommit: false).code == .storeFull
        {
            reserve.release()
            try check.extend(from: version)
        }
    }

    /// A connection to a store with sealed pages, which is made or made anew if it has to be. It may be of a version that
    /// counts no commits yet.
    static func ready(_ path: String, _ options: JournalOptions, _ lock: StoreLock) throws -> Database {
        func connect() throws -> (StoreCheck, StoreCheck.Finding) {
            let database = try StoreConnection.writer(path: path, options: options)
            let check = StoreCheck(database: database, path: path)
            return (check, try check.find())
        }
        var (check, finding) = try connect()
        switch finding {
        case .empty:
            if let mark = StoreMark.find(ofStore: path).content, mark.isOfSomething {
                throw JournalError(
                    code: .behindMark, path: path,
                    message: "the store is empty, and was known \(mark.reach) "
                        + "(\(StoreMark.path(ofStore: path))): put the whole store back, or remove that file to begin anew"
                )
            }
            // Whoever made the file may not have made room for seals: there is nothing in it.
            check.database.close()
            guard truncate(path, 0) == 0 else {
                throw JournalError(
                    code: .notWritable, path: path,
                    message: "the store cannot be made: \(String(cString: strerror(errno)))")
            }
            for name in ["-wal", "-shm"] { unlink(path + name) }
            (check, finding) = try connect()
            try check.create()
        case .store(let version) where version < StoreSchema.firstSealed:
            _ = try check.verifyTail(version: version)
            try StoreUpgrade(path: path, version: version, options: options).run(closing: check.database)
            try lock.moved(to: path)
            (check, finding) = try connect()
            guard case .store(StoreSchema.version) = finding else {
                throw JournalError(
                    code: .corrupt, path: path, message: "the store could not be made one of this version")
            }
        case .store: break
        }
        try check.useLog()
        return check.database
    }

    public func openWriter() throws(JournalError) -> sending SQLiteJournalWriter {
        let isFirst = hasWriter.withLock { hasWriter in
            defer { hasWriter = true }
            return !hasWriter
        }
        guard isFirst else {
            throw JournalError(code: .inUse, path: path, message: "the journal has a writer already")
        }
        do {
            let writer = try SQLiteJournalWriter(self, mark)
            if let logger { writer.keepWALShort(try WALKeeper(self, logger)) }
            return writer
        } catch {
            writerClosed()
            throw error
        }
    }

    public func openReader() throws(JournalError) -> sending SQLiteJournalReader {
        try SQLiteJournalReader(self)
    }

    /// A connection for who keeps the WAL short.
    func openCheckpointer() throws(JournalError) -> sending SQLiteJournalCheckpointer {
        try SQLiteJournalCheckpointer(self)
    }

    /// Bytes of the store's file, and of its log.
    public var storage: JournalStorage {
        JournalStorage(
            bytes: UInt64(StoreFile.size(of: path)), waitingBytes: UInt64(StoreFile.size(of: path + "-wal")))
    }

    /// Of the store's file as it is on the disk; fewer if it ends before.
    func bytes(at offset: Int64, count: Int) -> [UInt8] { lock.bytes(at: offset, count: count) }

    func writerClosed() {
        hasWriter.withLock { $0 = false }
    }
}

/// The store's file before SQLite sees it.
public enum StoreFile {
    /// What the names of the files beside the store end with: its WAL and the WAL's index, lock, mark and reserve.
    public static let suffixes = ["-wal", "-shm", ".lock", ".mark", ".reserve"]

    /// Makes the file if it is missing, readable by its owner only, and gives its absolute path without symbolic
    /// links: two names of one file must meet at one lock.
    static func prepare(_ path: String) throws(JournalError) -> String {
        func failure(_ code: JournalError.Code, _ message: String) -> JournalError {
            JournalError(code: code, path: path, message: message)
        }
        var status = stat()
        if stat(path, &status) != 0 {
            let error = errno
            guard error == ENOENT || error == ENOTDIR else {
                throw failure(.notWritable, "the store cannot be opened: \(String(cString: strerror(error)))")
            }
            let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
            var parent = stat()
            guard stat(directory, &parent) == 0, parent.st_mode & S_IFMT == S_IFDIR else {
                throw failure(.missingDirectory, "there is no directory \(directory) for the store")
            }
            try checkThatNothingIsLeft(of: path)
            // Never opened when it exists: closing any descriptor of the file would drop SQLite's locks on it.
            let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            if descriptor >= 0 {
                close(descriptor)
            } else if errno != EEXIST {
                throw failure(.notWritable, "the store cannot be made: \(String(cString: strerror(errno)))")
            }
        } else if status.st_mode & S_IFMT != S_IFREG {
            let isDirectory = status.st_mode & S_IFMT == S_IFDIR
            throw failure(.notAFile, "the store must be a file, and this is \(isDirectory ? "a directory" : "none")")
        }
        if status.st_size == 0 { try checkThatNothingIsLeft(of: path) }
        // SQLite takes a file that is smaller than its smallest page for an empty one, and would write over it.
        if (1..<512).contains(status.st_size) {
            throw failure(.notADatabase, "not a Fermata store: the file is not an SQLite database")
        }
        return try resolve(path)
    }

    /// Refuses a file that was emptied, of which its WAL or its mark tell.
    static func refuseIfEmptied(_ path: String) throws(JournalError) {
        var status = stat()
        if stat(path, &status) == 0, status.st_size == 0 { try checkThatNothingIsLeft(of: path) }
    }

    /// Refuses a file that does not begin as an SQLite database, although a WAL is beside it: SQLite takes the page from
    /// there and asks the file alone how pages are sealed, so that it would be written without seals from then on, and be
    /// no store any more once the WAL is merged.
    ///
    /// Nobody in this process may have the file open yet: closing it drops all of the process's locks on it.
    static func refuseIfItsStartIsDamaged(_ path: String) throws(JournalError) {
        var status = stat()
        guard stat(path + "-wal", &status) == 0, status.st_size > 0, stat(path, &status) == 0, status.st_size > 0 else {
            return
        }
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var head = [UInt8](repeating: 0, count: 16)
        guard pread(descriptor, &head, 16, 0) != 16 || head != magic else { return }
        throw JournalError(
            code: .corrupt, path: path,
            message:
                "the store is damaged: its file does not begin as an SQLite database. The write-ahead log beside it is "
                + "not merged into such a file: put the whole store back")
    }

    private static let magic = Array("SQLite format 3\0".utf8)

    /// Refuses something else at the places of the files that are opened beside a store: who opens a pipe waits for its
    /// other end.
    static func refuseOtherKinds(beside path: String) throws(JournalError) {
        for suffix in ["-wal", "-shm", "-journal", ".lock", ".mark"] {
            var status = stat()
            guard stat(path + suffix, &status) == 0, let kind = RegularFile.otherKind(status.st_mode) else { continue }
            throw JournalError(
                code: .notAFile, path: path, message: "\(path)\(suffix) is \(kind), and has to be a regular file")
        }
    }

    /// The absolute path without symbolic links of a store's file, which is there.
    static func resolve(_ path: String) throws(JournalError) -> String {
        func failure(_ code: JournalError.Code, _ message: String) -> JournalError {
            JournalError(code: code, path: path, message: message)
        }
        guard let absolute = realPath(path) else {
            throw failure(.notWritable, "the store cannot be opened: \(String(cString: strerror(errno)))")
        }
        guard access(absolute, R_OK | W_OK) == 0 else {
            throw failure(.notWritable, "the store cannot be read and written: \(String(cString: strerror(errno)))")
        }
        let directory = String(absolute[...absolute.lastIndex(of: "/")!])
        guard access(directory, W_OK | X_OK) == 0 else {
            let cause = String(cString: strerror(errno))
            throw failure(.notWritable, "the store's WAL and lock cannot be made in \(directory): \(cause)")
        }
        return absolute
    }

    /// Bytes of a file; 0 if there is none.
    static func size(of path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? max(0, Int(status.st_size)) : 0
    }

    /// A path without symbolic links: the files beside a store are found by such a one only. nil, with `errno`: there is
    /// nothing at it.
    public static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Whether the mark of the store at a path says something, and has lost a half.
    public static func hasHalfAMark(path: String) -> Bool { StoreMark.find(ofStore: path).isHalf }

    /// A store that was there leaves its WAL and its mark behind when its file goes: that is no place for a new one.
    ///
    /// To be asked of an empty file before anything is connected to it: SQLite removes the WAL that is beside one.
    private static func checkThatNothingIsLeft(of path: String) throws(JournalError) {
        try refuseOtherKinds(beside: path)
        var status = stat()
        let hasWAL = stat(path + "-wal", &status) == 0 && status.st_size > 0
        let mark = StoreMark.find(ofStore: path)
        try mark.verifyIsUsable()
        let what: String
        switch mark {
        case .content(let content, _) where hasWAL || content.isOfSomething:
            what = "\(hasWAL ? "its write-ahead log" : "its mark") is there, which was known \(content.reach)"
        // A mark is made when there is a store: one that says nothing was emptied together with it.
        case .useless(let state): what = "its mark is there and says nothing any more: it \(state)"
        default:
            guard hasWAL else { return }
            what = "its write-ahead log is there"
        }
        throw JournalError(
            code: .behindMark, path: path,
            message: "the store's file is missing or empty, and \(what)"
                + ": put the whole store back, or remove \(path)-wal and \(StoreMark.path(ofStore: path)) to begin anew"
        )
    }
}

/// Says whatever goes wrong with a store as a `JournalError`.
func journalErrors<Result>(_ path: String, _ body: () throws -> Result) throws(JournalError) -> Result {
    do {
        return try body()
    } catch let error as JournalError {
        throw error
    } catch let error as SQLiteError {
        throw JournalError(error, path: path)
    } catch {
        throw JournalError(code: .unreadable, path: path, message: "\(error)")
    }
}
