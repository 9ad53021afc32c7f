internal import Glibc
internal import Journal
internal import SQLite

/// What the error of a commit means.
///
/// Before COMMIT nothing has reached the WAL that a reader, or the next start, would take for a whole transaction. At
/// COMMIT the same is sure of one failure only: the write of the WAL was refused for want of space. The mark that
/// makes a transaction whole is in the header of its last page in the WAL, and that page's checksum is wrong when it
/// was not written to its end. A failed sync, or one of the WAL's index after it, comes when the mark may be in the
/// file: whether it will be found there, only the next start can say.
struct CommitFailure {
    let path: String

    func journalError(_ error: any Error, duringCommit: Bool) -> JournalError {
        if let error = error as? InvalidBatch {
            return JournalError(code: .invalidBatch, path: path, message: "a batch is not valid: \(error.cause)")
        }
        guard let error = error as? SQLiteError else {
            return JournalError(code: .commitOutcomeUnknown, path: path, message: "a commit failed: \(error)")
        }
        if error.isOfForeignChange { return StoreFiles.changed(path, error.message) }
        if error.isOfDamagedWAL { DamagedWALs.note(path, error.message) }
        let (code, message): (JournalError.Code, String) =
            if error.code == .full || isWantOfSpace(error) {
                (.storeFull, "no space for the store; nothing was written")
            } else if duringCommit {
                (.commitOutcomeUnknown, "a commit failed and its outcome is not known")
            } else {
                switch error.code {
                case .constraint, .tooBig: (.invalidBatch, "a batch is not valid")
                case .busy: (.busy, "another program holds a lock on the store; nothing was written")
                case .inputOutput where error.extendedCode == SQLiteError.damagedPage:
                    (.corrupt, "the store is damaged; nothing was written")
                case .corrupt, .notADatabase: (.corrupt, "the store is damaged; nothing was written")
                case .misuse: (.closed, "the writer was closed")
                default: (.commitOutcomeUnknown, "a commit failed and its outcome is not known")
                }
            }
        return JournalError(code: code, path: path, message: "\(message): \(error)", libraryCode: error.extendedCode)
    }

    /// SQLite says `full` for ENOSPC itself, not for a quota or a limit on a file's size.
    private func isWantOfSpace(_ error: SQLiteError) -> Bool {
        error.extendedCode == SQLiteError.writeFailed && [ENOSPC, EDQUOT, EFBIG].contains(error.systemError)
    }
}
