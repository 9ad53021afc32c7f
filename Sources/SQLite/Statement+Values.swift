internal import CSQLite

/// Binding. Indexes begin at 1, as in SQL's `?1`. See <https://sqlite.org/c3ref/bind_blob.html>.
extension Statement {
    public func bind(_ value: Int64, at index: Int) throws(SQLiteError) {
        try check(sqlite3_bind_int64(try open(), Int32(index), value))
    }

    /// Binds NULL for nil.
    public func bind(_ value: Int64?, at index: Int) throws(SQLiteError) {
        if let value { try bind(value, at: index) } else { try bindNull(at: index) }
    }

    /// Binds 1 or 0.
    public func bind(_ value: Bool, at index: Int) throws(SQLiteError) {
        try bind(value ? 1 as Int64 : 0, at: index)
    }

    public func bind(_ value: Double, at index: Int) throws(SQLiteError) {
        try check(sqlite3_bind_double(try open(), Int32(index), value))
    }

    /// Binds text; it may contain U+0000.
    public func bind(_ value: String, at index: Int) throws(SQLiteError) {
        let handle = try open()
        var text = value
        let result = text.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { bytes in
                // SQLite reads a null pointer as NULL; no bytes are the empty text.
                guard let start = bytes.baseAddress else { return csqlite_bind_text(handle, Int32(index), "", 0) }
                return csqlite_bind_text(handle, Int32(index), start, UInt64(bytes.count))
            }
        }
        try check(result)
    }

    /// Binds a blob.
    public func bind(_ value: RawSpan, at index: Int) throws(SQLiteError) {
        let handle = try open()
        let result = value.withUnsafeBytes { bytes in
            // SQLite reads a null pointer as NULL; no bytes are the empty blob.
            guard let start = bytes.baseAddress, !bytes.isEmpty else {
                return sqlite3_bind_zeroblob(handle, Int32(index), 0)
            }
            return csqlite_bind_blob(handle, Int32(index), start, UInt64(bytes.count))
        }
        try check(result)
    }

    /// Binds a blob.
    public func bind(_ value: [UInt8], at index: Int) throws(SQLiteError) {
        try bind(value.span.bytes, at: index)
    }

    public func bindNull(at index: Int) throws(SQLiteError) {
        try check(sqlite3_bind_null(try open(), Int32(index)))
    }

    private func check(_ result: Int32) throws(SQLiteError) {
        guard result != SQLITE_OK else { return }
        throw SQLiteError(connection: database.handle, result: result, sql: sql)
    }
}

/// Columns of the current row. Indexes begin at 0. A value of another type is converted as SQLite does it; without a
/// row, or beyond the last column, all are NULL. See <https://sqlite.org/c3ref/column_blob.html>.
extension Statement {
    public func isNull(at index: Int) -> Bool {
        sqlite3_column_type(handle, Int32(index)) == SQLITE_NULL
    }

    public func int64(at index: Int) -> Int64 {
        sqlite3_column_int64(handle, Int32(index))
    }

    /// nil for NULL.
    public func optionalInt64(at index: Int) -> Int64? {
        isNull(at: index) ? nil : int64(at: index)
    }

    public func double(at index: Int) -> Double {
        sqlite3_column_double(handle, Int32(index))
    }

    /// Empty for NULL. Bytes that are not UTF-8 become U+FFFD.
    public func text(at index: Int) -> String {
        guard let start = sqlite3_column_text(handle, Int32(index)) else { return "" }
        let count = Int(sqlite3_column_bytes(handle, Int32(index)))
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// Empty for NULL.
    public func blob(at index: Int) -> [UInt8] {
        withBlob(at: index) { span in span.withUnsafeBytes { Array($0) } }
    }

    /// Lends SQLite's own bytes, without a copy, for the time of the call. Empty for NULL.
    public func withBlob<Result>(at index: Int, _ body: (RawSpan) -> Result) -> Result {
        let start = sqlite3_column_blob(handle, Int32(index))
        let count = start == nil ? 0 : Int(sqlite3_column_bytes(handle, Int32(index)))
        return body(UnsafeRawBufferPointer(start: start, count: count).bytes)
    }

    /// Bytes of a blob or text; of a blob, without reading it.
    public func byteCount(at index: Int) -> Int {
        Int(sqlite3_column_bytes(handle, Int32(index)))
    }

    public var columnCount: Int { Int(sqlite3_column_count(handle)) }
}
