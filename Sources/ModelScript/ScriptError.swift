/// What is wrong with a script, or why it has no turn for a request.
public struct ScriptError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Open: a new code is a new constant, so that no `switch` over it breaks.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The file is not there or cannot be read.
        public static let unreadable = Code(rawValue: "UNREADABLE")
        /// The file is not JSON.
        public static let notJSON = Code(rawValue: "NOT_JSON")
        /// A key is unknown, missing, or has a value that it cannot have.
        public static let badScript = Code(rawValue: "BAD_SCRIPT")
        /// No turn is left, or none matches.
        public static let noTurn = Code(rawValue: "NO_TURN")
    }

    public var code: Code
    /// The script's file, as it was named by the caller.
    public var file: String
    /// The turn, counted from 0, where one is meant.
    public var turn: Int?
    /// The key, where one is meant; a key of an inner object is written `fault.status`.
    public var key: String?
    /// What is wrong, without file, turn and key.
    public var message: String

    public init(code: Code, file: String, turn: Int? = nil, key: String? = nil, message: String) {
        self.code = code
        self.file = file
        self.turn = turn
        self.key = key
        self.message = message
    }

    /// One line: `script demo.json, turn 2, key "times": …`.
    public var description: String {
        var place = "script \(file)"
        if let turn { place += ", turn \(turn)" }
        if let key { place += ", key \"\(key)\"" }
        return "\(place): \(message)"
    }
}
