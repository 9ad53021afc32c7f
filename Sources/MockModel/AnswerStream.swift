internal import ModelScript

/// The bytes of one answer, in the form of one API.
protocol AnswerStream: Sendable {
    var plan: ScriptPlan { get }
    /// What opens the answer.
    func begin() -> [UInt8]
    /// These of the turn's pieces.
    func chunks(_ range: Range<Int>) -> [UInt8]
    /// What ends it.
    func end() -> [UInt8]
    /// A piece that is cut off in its middle, and the end of the stream.
    func malformed() -> [UInt8]
    /// An error in the midst of it, in the API's layout.
    func failed(_ error: MockRefusal) -> [UInt8]
    /// The whole answer as one object, for a request without `stream`.
    func whole() -> [UInt8]
    func error(_ error: MockRefusal) -> [UInt8]
}
