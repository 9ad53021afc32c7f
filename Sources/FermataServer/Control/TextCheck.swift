internal import FermataProtocol

/// What texts in commands may be. All throw INVALID_ARGUMENT that names the field.
enum TextCheck {
    /// A text that has to be there.
    static func text(_ text: String, field: String) throws(Refusal) {
        guard !text.isEmpty else { throw Refusal(.invalidArgument, "\(field) is empty", details: ["field": field]) }
        try length(text, field: field)
    }

    static func length(_ text: String, field: String) throws(Refusal) {
        try length(text, field: field, atMost: Configuration.maximumTextBytes)
    }

    /// What is shown with every list and every event has to be short.
    static func notes(by: String, reason: String) throws(Refusal) {
        for (field, text) in [("by", by), ("reason", reason)] {
            try length(text, field: field, atMost: Configuration.maximumNoteBytes)
        }
    }

    private static func length(_ text: String, field: String, atMost limit: Int) throws(Refusal) {
        guard text.utf8.count <= limit else {
            throw Refusal(.invalidArgument, "\(field) is longer than \(limit) bytes", details: ["field": field])
        }
    }
}
