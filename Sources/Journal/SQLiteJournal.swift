internal import Glibc
internal import SQLite
internal import Synchronization

/// A journal in one SQLite file, with the write-ahead log and the lock beside it.
///
/// Threads: any. Ownership: the store is locked for this process until the journal and everything opened from it are
/// released; whoever ends the process need not do anything.
public final class SQLiteJournal: Journal {
    /// The store's file, absolute and without symbolic links.
    public let path: String
    public let options: JournalOptions
    private let lock: StoreLock
    private let hasWriter = Mutex(false)

    /// Opens a store, and makes it if the file is missing or empty. What cannot be opened is an error and is not
    /// changed: never a fresh start.
    ///
    /// - Throws: `missingDirectory`, `notAFile`, `notWritable`, `inUse`, `notADatabase`, `notAStore`, `newerSchema`,
    ///   `corrupt`, `storeFull`; each says in one line which file and why.
    public init(path: String, options: JournalOptions = JournalOptions()) throws(JournalError) {
        let path = try StoreFile.prepare(path)
        lock = try StoreLock(store: path)
        self.path = path
        self.options = options
        do {
            let database = try StoreConnection.writer(path: path, options: options)
            // A file that is not ours stays as it is, its log included; of ours the log is taken over by the writer.
            try database.setCheckpointsOnClose(false)
            try StoreCheck(database: database, path: path).openOrCreate()
        } catch let error as JournalError {
            throw error
        } catch let error as SQLiteError {
            throw JournalError(error, path: path)
        } catch {
            throw JournalError(code: .unreadable, path: path, message: "\(error)")
        }
    }

    public func openWriter() throws(JournalError) -> sending JournalWriter {
        let isFirst = hasWriter.withLock { hasWriter in
            defer { hasWriter = true }
            return !hasWriter
        }
        guard isFirst else {
            throw JournalError(code: .inUse, path: path, message: "the journal has a writer already")
        }
        do { return try JournalWriter(self) } catch {
            writerClosed()
            throw error
        }
    }

    public func openReader() throws(JournalError) -> sending JournalReader {
        try JournalReader(self)
    }

    public func openCheckpointer() throws(JournalError) -> sending JournalCheckpointer {
        try JournalCheckpointer(self)
    }

    func writerClosed() {
        hasWriter.withLock { $0 = false }
    }
}

/// The store's file before SQLite sees it.
enum StoreFile {
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
        // SQLite takes a file that is smaller than its smallest page for an empty one, and would write over it.
        if (1..<512).contains(status.st_size) {
            throw failure(.notADatabase, "not a Fermata store: the file is not an SQLite database")
        }
        guard let resolved = realpath(path, nil) else {
            throw failure(.notWritable, "the store cannot be opened: \(String(cString: strerror(errno)))")
        }
        defer { free(resolved) }
        let absolute = String(cString: resolved)
        guard access(absolute, R_OK | W_OK) == 0 else {
            throw failure(.notWritable, "the store cannot be read and written: \(String(cString: strerror(errno)))")
        }
        let directory = String(absolute[...absolute.lastIndex(of: "/")!])
        guard access(directory, W_OK | X_OK) == 0 else {
            let cause = String(cString: strerror(errno))
            throw failure(.notWritable, "the store's log and lock cannot be made in \(directory): \(cause)")
        }
        return absolute
    }
}
