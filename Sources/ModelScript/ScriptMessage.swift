/// One message of a request, as much of it as a script looks at.
public struct ScriptMessage: Sendable, Equatable {
    /// `system`, `user`, `assistant`, `tool`, or whatever else was sent.
    public var role: String
    public var content: String
    /// Name and arguments of the tool calls.
    public var calls: [Call]

    public struct Call: Sendable, Equatable {
        public var name: String
        public var arguments: String

        public init(name: String, arguments: String) {
            self.name = name
            self.arguments = arguments
        }
    }

    public init(role: String, content: String, calls: [Call] = []) {
        self.role = role
        self.content = content
        self.calls = calls
    }

    var tokens: UInt64 {
        calls.reduce(ScriptTokens.count(content)) { $0 + ScriptTokens.count(arguments: $1.arguments) }
    }
}
