/// One thing that is wrong with an agent's file.
public struct AgentMistake: Sendable, Equatable, CustomStringConvertible {
    public var file: String
    /// From 1; nil where it is the file as a whole.
    public var line: Int?
    /// With those it is in: `model_options.temperature`; nil where the file cannot be understood.
    public var key: String?
    /// What is wrong, and what would not be.
    public var text: String

    public init(file: String, line: Int? = nil, key: String? = nil, text: String) {
        self.file = file
        self.line = line
        self.key = key
        self.text = text
    }

    /// One line: `reviewer.yaml:4: model_options.temperature: must be from 0 to 2`.
    public var description: String {
        ([file + (line.map { ":\($0)" } ?? "")] + [key, text].compactMap { $0 }).joined(separator: ": ")
    }
}

/// Everything that is wrong with an agent's file, in the order of its lines; never empty.
public struct AgentFileError: Error, Sendable, Equatable, CustomStringConvertible {
    public var mistakes: [AgentMistake]

    public init(_ mistakes: [AgentMistake]) { self.mistakes = mistakes }

    public var description: String { mistakes.map(\.description).joined(separator: "\n") }
}

/// A text from a file as it is shown in a message: whatever it is made of, it takes one short line.
func shown(_ text: String) -> String {
    let limit = 64
    var scalars = String.UnicodeScalarView(
        text.unicodeScalars.prefix(limit).map { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: "\u{FFFD}"
            default: scalar
            }
        })
    if text.unicodeScalars.dropFirst(limit).first != nil { scalars.append("…") }
    return String(scalars)
}
