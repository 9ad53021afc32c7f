internal import Journal
internal import SQLite

extension JournalError {
    /// What a failed read, or a failed step of opening, means.
    init(_ error: SQLiteError, path: String) {
        if error.isOfForeignChange {
            self = StoreFiles.changed(path, error.message)
            return
        }
        if error.isOfDamagedWAL { DamagedWALs.note(path, error.message) }
        let code: Code =
            switch error.code {
            case .corrupt: .corrupt
            case .inputOutput where error.extendedCode == SQLiteError.damagedPage: .corrupt
            case .notADatabase: .notADatabase
            case .busy: .busy
            case .full: .storeFull
            case .readOnly, .cantOpen: .notWritable
            case .misuse: .closed
            default: .unreadable
            }
        let message =
            switch code {
            case .corrupt: "the store is damaged: \(error)"
            case .notADatabase: "not a Fermata store: the file is not an SQLite database"
            case .busy: "another program holds a lock on the store: \(error)"
            case .storeFull: "no space for the store: \(error)"
            case .notWritable: "the store cannot be opened for reading and writing: \(error)"
            case .closed: "the journal was closed: \(error)"
            default: "the store cannot be read: \(error)"
            }
        self.init(code: code, path: path, message: message, libraryCode: error.extendedCode)
    }
}

/// Runs work on a connection and says its errors as the journal's.
func reading<Result>(
    _ path: String, _ body: () throws(SQLiteError) -> Result
) throws(JournalError) -> Result {
    do { return try body() } catch { throw JournalError(error, path: path) }
}
