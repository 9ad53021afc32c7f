import FoundationEssentials

/// The arguments of one call of `file_editor`. The caller has checked them against the schema; what belongs to the
/// command is checked here.
struct FileEditorArguments {
    enum Command {
        /// Line numbers; the last may be -1, the end.
        case view(lines: (first: Int, last: Int)?)
        case create(text: String)
        case replace(old: String, new: String)
        case insert(line: Int, text: String)
        case undo
    }

    private struct Fields: Decodable {
        var command: String
        var path: String
        var view_range: [Int]?
        var file_text: String?
        var old_str: String?
        var new_str: String?
        var insert_line: Int?
        var insert_text: String?
    }

    var path: String
    var command: Command

    init(_ json: String) throws(FileRefusal) {
        let fields: Fields
        do {
            fields = try JSONDecoder().decode(Fields.self, from: Data(json.utf8))
        } catch {
            throw FileRefusal(
                "The arguments must be a JSON object with \"command\", \"path\" and what the command needs.")
        }
        path = fields.path
        switch fields.command {
        case "view":
            guard let range = fields.view_range else {
                command = .view(lines: nil)
                break
            }
            guard range.count == 2 else { throw FileRefusal("view_range must be two line numbers: [first, last].") }
            command = .view(lines: (range[0], range[1]))
        case "create":
            command = .create(text: try Self.text(fields.file_text, "file_text", of: "create"))
        case "str_replace":
            let old = try Self.text(fields.old_str, "old_str", of: "str_replace")
            guard !old.isEmpty else { throw FileRefusal("old_str is empty; insert adds text.") }
            let new = try Self.text(fields.new_str ?? "", "new_str", of: "str_replace")
            guard !old.utf8.elementsEqual(new.utf8) else { throw FileRefusal("old_str and new_str are the same.") }
            command = .replace(old: old, new: new)
        case "insert":
            guard let line = fields.insert_line else { throw FileRefusal("insert needs insert_line.") }
            let text = try Self.text(fields.insert_text, "insert_text", of: "insert")
            guard !text.isEmpty else { throw FileRefusal("insert_text is empty.") }
            command = .insert(line: line, text: text)
        case "undo": command = .undo
        default: throw FileRefusal("command must be one of view, create, str_replace, insert, undo.")
        }
    }

    private static func text(_ text: String?, _ name: String, of command: String) throws(FileRefusal) -> String {
        guard let text else { throw FileRefusal("\(command) needs \(name).") }
        guard !text.utf8.contains(0) else { throw FileRefusal("\(name) contains a NUL character; a text cannot.") }
        return text
    }
}
