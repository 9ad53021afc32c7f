import Glibc

/// What the system refused when tool processes were set up or one was started.
///
/// Open: `code` is errno, and values that are unknown here survive.
public struct ToolProcessError: Error, Sendable, Equatable, CustomStringConvertible {
    public var code: Int32
    /// What was being done, as the beginning of a sentence: "The workspace /srv/x cannot be created".
    public var what: String

    public init(code: Int32, what: String) {
        self.code = code
        self.what = what
    }

    /// None was left, of this process or of the machine: it may be another time.
    var isOfDescriptors: Bool { code == EMFILE || code == ENFILE }

    public var description: String { "\(what): \(ToolProcessError.text(of: code))" }

    /// The C library's own words. Threads: any; `strerror_r` writes into our buffer.
    static func text(of code: Int32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let start = buffer.baseAddress, strerror_r(code, start, buffer.count) == 0 else {
                return "error \(code)"
            }
            return String(cString: start)
        }
    }
}
