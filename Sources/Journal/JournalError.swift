/// Why a journal did not do what was asked: one line that names the store and the cause.
///
/// Codes are an open set; more may come.
public struct JournalError: Error, Sendable, Hashable {
    public struct Code: RawRepresentable, Sendable, Hashable {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }
    }

    public let code: Code
    /// Which store: of one in a file the file.
    public let path: String
    public let message: String
    /// The code of the library underneath, where it was that which refused.
    package let libraryCode: Int32?

    public init(code: Code, path: String, message: String) {
        self.init(code: code, path: path, message: message, libraryCode: nil)
    }

    package init(code: Code, path: String, message: String, libraryCode: Int32?) {
        self.code = code
        self.path = path
        self.message = message
        self.libraryCode = libraryCode
    }
}

extension JournalError.Code {
    // From opening a store. Nothing was changed.

    /// The directory of the store does not exist.
    public static let missingDirectory = Self(rawValue: "missing-directory")
    /// The path names something that is not a regular file.
    public static let notAFile = Self(rawValue: "not-a-file")
    /// The file, or the directory that takes its log and its lock, cannot be read and written.
    public static let notWritable = Self(rawValue: "not-writable")
    /// Another process, or another journal of this one, has the store.
    public static let inUse = Self(rawValue: "in-use")
    /// The file is not an SQLite database.
    public static let notADatabase = Self(rawValue: "not-a-database")
    /// The file is an SQLite database that something else made.
    public static let notAStore = Self(rawValue: "not-a-store")
    /// A newer version made the store.
    public static let newerSchema = Self(rawValue: "newer-schema")
    /// The file is damaged; also from reading and writing.
    public static let corrupt = Self(rawValue: "corrupt")

    /// The store ends before its mark says that it was: its write-ahead log, or a part of it, is lost, or it is an older
    /// copy.
    public static let behindMark = Self(rawValue: "behind-mark")
    /// The store's file has other names (hard links), by one of which another server could open it.
    public static let shared = Self(rawValue: "shared")

    // From a commit.

    /// The files of the running store are gone, were replaced, cut, or linked to. What is committed now would be lost
    /// with them: the writer refuses all batches from then on.
    public static let filesChanged = Self(rawValue: "files-changed")

    /// No space. The batch is not written, and will not appear later; the journal goes on when there is space again.
    public static let storeFull = Self(rawValue: "store-full")
    /// The batch contradicts the journal or itself: a mistake of the caller. Nothing of it is written.
    public static let invalidBatch = Self(rawValue: "invalid-batch")
    /// A foreign program holds the store's write lock. Nothing of the batch is written.
    public static let busy = Self(rawValue: "busy")
    /// Nobody can tell whether the batch is, or will be, in the journal: only the next start can read that.
    public static let commitOutcomeUnknown = Self(rawValue: "commit-outcome-unknown")

    // From any use.

    /// The handle was closed.
    public static let closed = Self(rawValue: "closed")
    /// The store cannot be read, for the cause that the message gives.
    public static let unreadable = Self(rawValue: "unreadable")
}

extension JournalError: CustomStringConvertible {
    public var description: String { "\(path): \(message)" }
}
