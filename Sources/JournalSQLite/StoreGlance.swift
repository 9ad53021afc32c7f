internal import Glibc
public import Journal
internal import SQLite

/// What a store looks like from outside, read beside a server that may be using it: nothing is locked or changed.
public struct StoreGlance: Sendable {
    /// Bytes of the file, and of the write-ahead log beside it.
    public let bytes: UInt64
    public let walBytes: UInt64
    /// The number of its schema, and the highest that this version can use.
    public let schema: Int
    public let supportedSchema: Int
    public let lastOffset: UInt64
    /// When its last event was journaled, µs since 1970; nil: it has none.
    public let lastEventAt: Int64?
    /// Bytes that its file system has for this user.
    public let freeBytes: UInt64

    /// - Parameter path: of the store's file, which must exist.
    /// - Throws: `JournalError`: it cannot be read, is damaged, or is no store.
    public init(path: String) throws(JournalError) {
        let path = StoreFile.realPath(path) ?? path
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw JournalError(code: .unreadable, path: path, message: String(cString: strerror(errno)))
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw JournalError(code: .notAFile, path: path, message: "the store must be a file, and this is none")
        }
        try StoreFile.refuseOtherKinds(beside: path)
        try StoreFile.refuseIfEmptied(path)
        try StoreFile.refuseIfItsStartIsDamaged(path)
        bytes = UInt64(status.st_size)
        walBytes = stat(path + "-wal", &status) == 0 ? UInt64(status.st_size) : 0
        freeBytes = UInt64(freeSpace(at: path) ?? 0)
        supportedSchema = Int(StoreSchema.version)
        do {
            let database = try StoreConnection.reader(path: path)
            guard try database.pragma("application_id") == String(StoreSchema.applicationID) else {
                throw JournalError(code: .notAStore, path: path, message: "not a Fermata store")
            }
            schema = try database.pragma("user_version").flatMap { Int($0) } ?? 0
            let last = try database.prepare("SELECT offset, at FROM events ORDER BY offset DESC LIMIT 1")
            let isThere = try last.step()
            lastOffset = isThere ? UInt64(last.int64(at: 0)) : 0
            lastEventAt = isThere ? last.int64(at: 1) : nil
        } catch let error as JournalError {
            throw error
        } catch let error as SQLiteError {
            throw JournalError(error, path: path)
        } catch {
            throw JournalError(code: .unreadable, path: path, message: "\(error)")
        }
    }

    /// The process that holds the store's lock, as the kernel lists it; nil: none does. See `man 5 proc_locks`.
    public static func holder(ofStoreAt path: String) -> Int32? {
        var status = stat()
        guard stat(path + ".lock", &status) == 0, let file = fopen("/proc/locks", "re") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 512)
        while fgets(&line, Int32(line.count), file) != nil {
            // 1: FLOCK  ADVISORY  WRITE 708 08:01:17 0 EOF
            let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                .split(separator: " ")
            guard words.count > 5, words[1] == "FLOCK", let process = Int32(words[4]),
                words[5].split(separator: ":").last.flatMap({ UInt64($0) }) == UInt64(status.st_ino)
            else { continue }
            return process
        }
        return nil
    }
}
