public import Journal
internal import SQLite

/// A store that its mark says has lost something, or that has no mark, is to go on as it is: by somebody who knows.
public enum StoreAcceptance {
    /// - Parameters:
    ///   - path: of the store's file, which no server has.
    ///   - offset: of the store's last event, as its refusal names it: what is accepted is what was seen.
    /// - Returns: the event that the mark named before; nil: there was no mark, or it said nothing.
    /// - Throws: as ``SQLiteJournal/init(path:options:)``, but for what the mark says; `behindMark` if the store ends
    ///   elsewhere than `offset`.
    public static func accept(store path: String, endingAt offset: UInt64) throws(JournalError) -> UInt64? {
        let path = try StoreFile.resolve(path)
        try StoreFile.refuseOtherKinds(beside: path)
        try StoreFile.refuseIfEmptied(path)
        let lock = try StoreLock(store: path)
        try StoreFile.refuseIfItsStartIsDamaged(path)
        return try journalErrors(path) {
            let found = StoreMark.find(ofStore: path)
            try found.verifyIsUsable()
            let known = found.content
            let database = try SQLiteJournal.ready(path, JournalOptions(), lock)
            defer { database.close() }
            let check = StoreCheck(database: database, path: path)
            let end = try check.verifyTail(version: check.version())
            guard end.offset == offset else {
                throw JournalError(
                    code: .behindMark, path: path,
                    message: "the store ends at event \(end.offset), not at \(offset): nothing was accepted")
            }
            // The WAL is moved, so that what is accepted is in the file itself.
            try database.truncatingCheckpoint()
            _ = try StoreMark(
                ofStore: path, id: try check.identity().id, known: known, at: end, durability: .full)
            return known?.committed.offset
        }
    }
}
