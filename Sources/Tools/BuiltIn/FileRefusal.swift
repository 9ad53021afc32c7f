/// Why `file_editor` did not do what it was asked for: a sentence or two that the model reads.
struct FileRefusal: Error, Equatable {
    var text: String

    init(_ text: String) { self.text = text }

    /// - Parameters:
    ///   - code: errno; first, so that nothing comes between it and the call that set it.
    ///   - what: the beginning of a sentence: "src/main.c cannot be written".
    init(code: Int32, _ what: String) { text = "\(what): \(ToolProcessError.text(of: code))." }
}
