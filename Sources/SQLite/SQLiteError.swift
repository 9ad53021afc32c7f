internal import CSQLite
internal import CStoreSeals

/// What SQLite answered when it did not do what was asked, in its own words.
///
/// Codes are an open set: those without a name here, and those of later versions, arrive unchanged.
/// See <https://sqlite.org/rescode.html>.
public struct SQLiteError: Error, Sendable, Hashable {
    /// A primary result code.
    public struct Code: RawRepresentable, Sendable, Hashable {
        public let rawValue: Int32

        public init(rawValue: Int32) {
            self.rawValue = rawValue
        }
    }

    /// The extended result code; its low eight bits are the primary one.
    public let extendedCode: Int32
    /// SQLite's text.
    public let message: String
    /// `errno` of the system call that failed, 0 if none did.
    public let systemError: Int32
    /// The statement with its placeholders; values are never part of it.
    public let sql: String?

    public init(extendedCode: Int32, message: String, systemError: Int32 = 0, sql: String? = nil) {
        self.extendedCode = extendedCode
        self.message = message
        self.systemError = systemError
        self.sql = sql
    }

    public var code: Code { Code(rawValue: extendedCode & 0xFF) }
}

extension SQLiteError.Code {
    public static let error = Self(rawValue: SQLITE_ERROR)
    public static let busy = Self(rawValue: SQLITE_BUSY)
    public static let locked = Self(rawValue: SQLITE_LOCKED)
    public static let readOnly = Self(rawValue: SQLITE_READONLY)
    public static let interrupted = Self(rawValue: SQLITE_INTERRUPT)
    public static let inputOutput = Self(rawValue: SQLITE_IOERR)
    public static let corrupt = Self(rawValue: SQLITE_CORRUPT)
    public static let full = Self(rawValue: SQLITE_FULL)
    public static let cantOpen = Self(rawValue: SQLITE_CANTOPEN)
    public static let tooBig = Self(rawValue: SQLITE_TOOBIG)
    public static let constraint = Self(rawValue: SQLITE_CONSTRAINT)
    public static let misuse = Self(rawValue: SQLITE_MISUSE)
    public static let range = Self(rawValue: SQLITE_RANGE)
    public static let notADatabase = Self(rawValue: SQLITE_NOTADB)
}

extension SQLiteError {
    /// Extended code of a write that the system refused; `systemError` tells why.
    public static let writeFailed: Int32 = SQLITE_IOERR | (3 << 8)
    /// Extended code of a page that does not have its checksum; the message says which. See ``Database/Pages/sealed``.
    public static let damagedPage: Int32 = SQLITE_IOERR | (32 << 8)

    /// The last error of a connection; to be made right after the call that failed.
    init(connection: OpaquePointer?, result: Int32, sql: String? = nil) {
        // The connection's own extended code is of use only if it is about this result.
        let extended = connection.map { sqlite3_extended_errcode($0) } ?? result
        let isOfThisCall = extended & 0xFF == result & 0xFF
        let extendedCode = isOfThisCall && result & ~0xFF == 0 ? extended : result
        let damage = extendedCode == SQLiteError.damagedPage ? SQLiteError.lastDamage : nil
        self.init(
            extendedCode: extendedCode,
            message: damage ?? String(cString: isOfThisCall ? sqlite3_errmsg(connection) : sqlite3_errstr(result)),
            // Which statement came upon a damaged page says nothing of the damage.
            systemError: isOfThisCall && damage == nil ? connection.map { sqlite3_system_errno($0) } ?? 0 : 0,
            sql: damage == nil ? sql : nil)
    }

    /// The page that this thread was refused last; nil: there was none.
    private static var lastDamage: String? {
        var number: UInt64 = 0
        switch store_seals_last_damage(&number) {
        case STORE_SEALS_DATABASE: return "page \(number) of the file does not have its checksum"
        case STORE_SEALS_LOG: return "\(frame)\(number) of the write-ahead log does not have its checksum"
        case STORE_SEALS_INDEX: return foreign
        default: return nil
        }
    }

    /// Whether it is a frame of a write-ahead log that does not have its checksum.
    public var isOfDamagedWAL: Bool {
        extendedCode == SQLiteError.damagedPage && message.hasPrefix(SQLiteError.frame)
    }

    private static let frame = "frame "

    /// Whether the index of the write-ahead log is not as this process left it: nothing was written.
    public var isOfForeignChange: Bool {
        extendedCode == SQLiteError.damagedPage && message == SQLiteError.foreign
    }

    private static let foreign = "the index of the write-ahead log (-shm) is not the one that was written last"

    func with(systemError: Int32) -> SQLiteError {
        SQLiteError(extendedCode: extendedCode, message: message, systemError: systemError, sql: sql)
    }

    static func misuse(_ message: String, sql: String? = nil) -> SQLiteError {
        SQLiteError(extendedCode: SQLITE_MISUSE, message: message, sql: sql)
    }
}

extension SQLiteError: CustomStringConvertible {
    /// One line.
    public var description: String {
        var text = "\(message) (SQLite \(extendedCode)"
        if systemError != 0 { text += ", errno \(systemError)" }
        text += ")"
        if let sql { text += " in: \(sql.split(whereSeparator: \.isWhitespace).joined(separator: " "))" }
        return text
    }
}
