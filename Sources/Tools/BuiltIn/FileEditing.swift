/// The work of one call of `file_editor`, in the words that its result is made of.
///
/// Threads: one at a time for a run. Blocks for as long as the file system takes.
struct FileEditing {
    /// Bytes of text in the result of a view.
    static let viewBudget = 32 << 10
    /// Bytes of text that show what a change has made.
    private static let snippetBudget = 4 << 10
    /// Lines around a change that are shown with it.
    private static let context = 4

    private let root: WorkspaceRoot
    private let state: String

    init(workspace: String, state: String) throws(FileRefusal) {
        root = try WorkspaceRoot(workspace)
        self.state = state
    }

    func perform(_ arguments: FileEditorArguments) throws(FileRefusal) -> String {
        let path = arguments.path
        switch arguments.command {
        case .view(let lines): return try view(path, lines)
        case .create(let text): return try create(path, text)
        case .replace(let old, let new): return try replace(path, old, new)
        case .insert(let line, let text): return try insert(path, line, text)
        case .undo: return try undo(path)
        }
    }

    // MARK: - View

    private func view(_ path: String, _ lines: (first: Int, last: Int)?) throws(FileRefusal) -> String {
        let opened = try root.place(of: path).open(.view)
        let name = opened.place.path
        if opened.isDirectory {
            guard lines == nil else { throw FileRefusal("\(name) is a directory; view_range is for files.") }
            return try DirectoryListing(opened.descriptor, of: name, budget: FileEditing.viewBudget).text
        }
        let document = try TextDocument(try opened.read(), of: name)
        let count = document.lineCount
        if count == 0 && lines == nil { return "(the file is empty)\n" }
        let first = lines?.first ?? 1
        let last = lines.map { $0.last == -1 ? count : min($0.last, count) } ?? count
        guard first >= 1, first <= last else {
            throw FileRefusal("view_range is not possible: \(name) has \(FileEditing.lines(count)).")
        }
        let shown = NumberedLines(document, first...last, budget: FileEditing.viewBudget)
        guard shown.last < last else { return shown.text }
        return shown.text + "[… lines \(shown.last + 1) to \(last) left out; view them with view_range …]\n"
    }

    // MARK: - Changes

    private func create(_ path: String, _ text: String) throws(FileRefusal) -> String {
        // A link at the end is something that exists already, wherever it leads.
        let place = try root.place(of: path, .init(followsLast: false, makesDirectories: true))
        if Descriptor.status(of: place.name, in: place.directory) != nil { throw place.alreadyExists }
        let bytes = Array(text.utf8)
        try checkSize(bytes, place.path)
        let document = try TextDocument(bytes, of: place.path)
        try noted(place.path, before: nil, after: bytes) { () throws(FileRefusal) in try place.create(bytes) }
        return "Created \(place.path) with \(FileEditing.lines(document.lineCount)).\n"
    }

    private func replace(_ path: String, _ old: String, _ new: String) throws(FileRefusal) -> String {
        try change(path) { (document, name) throws(FileRefusal) in
            let old = document.adapted(old)
            let places = document.occurrences(of: old)
            guard let place = places.first else {
                throw FileRefusal(
                    "old_str does not occur in \(name); nothing was changed. "
                        + "It must be as in the file, with its white space and without line numbers.")
            }
            guard places.count == 1 else {
                let lines = places.prefix(20).map { String(document.lineNumber(at: $0)) }.joined(separator: ", ")
                throw FileRefusal(
                    "old_str occurs \(places.count) times in \(name), "
                        + "at lines \(lines)\(places.count > 20 ? ", …" : ""); nothing was changed. "
                        + "Take in more lines around it, so that it occurs once.")
            }
            let new = document.adapted(new)
            document.text.replaceSubrange(place..<(place + old.count), with: new)
            return place..<(place + new.count)
        }
    }

    private func insert(_ path: String, _ line: Int, _ text: String) throws(FileRefusal) -> String {
        try change(path) { (document, name) throws(FileRefusal) in
            let count = document.lineCount
            guard line >= 0, line <= count else {
                throw FileRefusal("insert_line is not possible: \(name) has \(FileEditing.lines(count)).")
            }
            var new = document.adapted(text)
            let place = line == 0 ? 0 : document.offset(ofLine: line + 1)
            if place > 0, document.text[place - 1] != TextDocument.lf {
                // After a last line that has no end: it gets one, and the new last line has none unless it brought it.
                new.insert(TextDocument.lf, at: 0)
                document.text.append(contentsOf: new)
                return (place + 1)..<document.text.count
            }
            if new.last != TextDocument.lf { new.append(TextDocument.lf) }
            document.text.insert(contentsOf: new, at: place)
            return place..<(place + new.count)
        }
    }

    /// Reads a file, changes its text, and writes it.
    ///
    /// - Parameter edit: changes the document; returns where the new text is in it.
    private func change(
        _ path: String, _ edit: (inout TextDocument, String) throws(FileRefusal) -> Range<Int>
    ) throws(FileRefusal) -> String {
        let opened = try root.place(of: path).open(.change)
        let name = opened.place.path
        let before = try opened.read()
        var document = try TextDocument(before, of: name)
        let changed = try edit(&document, name)
        let after = document.bytes
        try checkSize(after, name)
        try noted(name, before: before, after: after) { () throws(FileRefusal) in try opened.replace(by: after) }
        var text = "Changed \(name). " + snippet(document, changed)
        if opened.hardLinks > 1 {
            text += "The file had \(opened.hardLinks) names (hard links); under the others it is as before.\n"
        }
        return text
    }

    private func snippet(_ document: TextDocument, _ changed: Range<Int>) -> String {
        let count = document.lineCount
        guard count > 0 else { return "It is empty now.\n" }
        let first = document.lineNumber(at: changed.lowerBound)
        let last = document.lineNumber(at: max(changed.lowerBound, changed.upperBound - 1))
        let from = max(1, min(first, count) - FileEditing.context)
        let to = min(count, last + FileEditing.context)
        let shown = NumberedLines(document, from...to, budget: FileEditing.snippetBudget)
        return "Lines \(from) to \(shown.last) of \(count) are now:\n\(shown.text)"
    }

    private func checkSize(_ bytes: [UInt8], _ name: String) throws(FileRefusal) {
        guard bytes.count <= WorkspacePlace.maximumBytes else {
            throw FileRefusal("\(name) would be larger than \(WorkspacePlace.maximumBytes >> 20) MiB.")
        }
    }

    private static func lines(_ count: Int) -> String { count == 1 ? "1 line" : "\(count) lines" }

    // MARK: - Undo

    /// Makes a change that can be undone. It is noted first: a change that is not noted could not be taken back.
    private func noted(
        _ path: String, before: [UInt8]?, after: [UInt8], _ change: () throws(FileRefusal) -> Void
    ) throws(FileRefusal) {
        let history = try UndoHistory(state: state)
        let number = try history.note(.init(path: path, before: before, after: .init(after)))
        do throws(FileRefusal) {
            try change()
        } catch {
            history.forget(number)
            throw error
        }
    }

    private func undo(_ path: String) throws(FileRefusal) -> String {
        let place = try root.place(of: path)
        let name = place.path
        let history = try UndoHistory(state: state)
        guard let (number, change) = try history.last(of: name) else {
            throw FileRefusal("There is no change of \(name) by this tool left to take back.")
        }
        let opened = Descriptor.status(of: place.name, in: place.directory) == nil ? nil : try place.open(.change)
        let now = try opened?.read()
        if now == change.before {
            // Somebody else took it back, or the service ended between its note and the change itself.
            history.forget(number)
            return "\(name) is already as it was before the last change; nothing was changed.\n"
        }
        guard let opened, let now, UndoHistory.Fingerprint(now) == change.after else {
            throw FileRefusal(
                "\(name) was changed since by something else, which undo would lose; nothing was changed.")
        }
        guard let before = change.before else {
            try opened.remove()
            history.forget(number)
            return "Took back the creation of \(name): the file is removed.\n"
        }
        let document = try TextDocument(before, of: name)
        let changed = FileEditing.difference(document.text, try TextDocument(now, of: name).text)
        try opened.replace(by: before)
        history.forget(number)
        return "Took back the last change of \(name). " + snippet(document, changed)
    }

    /// Where a text differs from another: between the beginning and the end that they share.
    private static func difference(_ text: [UInt8], _ other: [UInt8]) -> Range<Int> {
        let start = zip(text, other).prefix { $0 == $1 }.count
        let rest = min(text.count, other.count) - start
        let end = zip(text.reversed(), other.reversed()).prefix(rest).prefix { $0 == $1 }.count
        return start..<(text.count - end)
    }
}
