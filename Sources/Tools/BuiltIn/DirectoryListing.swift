import Glibc

/// What is in a directory, two levels deep, as a model is shown it: a path for each entry, from the directory on.
///
/// Links are named and not followed. Directories whose names begin with a dot are not gone into: they are tools' own.
struct DirectoryListing {
    /// More names of one directory are not read.
    private static let maximumNames = 10_000

    private var lines: [String] = []
    private var bytes = 0
    private var omitted = 0
    private var isIncomplete = false
    private let budget: Int

    /// - Parameter budget: bytes of text.
    init(_ directory: Descriptor, of name: String, budget: Int) throws(FileRefusal) {
        self.budget = budget
        guard let names = read(directory) else { throw FileRefusal(code: errno, "\(name) cannot be read") }
        for name in names { add(name, in: directory) }
    }

    var text: String {
        if lines.isEmpty { return "(no entries)\n" }
        var text = lines.joined(separator: "\n") + "\n"
        if omitted > 0 { text += "[… \(omitted) entries left out; view a directory in it …]\n" }
        if isIncomplete {
            text += "[… of a directory with more than \(DirectoryListing.maximumNames) entries, only so many …]\n"
        }
        return text
    }

    private mutating func read(_ directory: Descriptor) -> [String]? {
        guard let names = directory.names(upTo: DirectoryListing.maximumNames + 1) else { return nil }
        if names.count > DirectoryListing.maximumNames { isIncomplete = true }
        return names.prefix(DirectoryListing.maximumNames).sorted()
    }

    private mutating func add(_ name: String, in directory: Descriptor) {
        let kind = Descriptor.status(of: name, in: directory)?.kind
        show(name, kind, in: directory)
        guard kind == .directory, name.utf8.first != UInt8(ascii: "."),
            let inner = Descriptor.open(name, in: directory, O_RDONLY | O_DIRECTORY), let names = read(inner)
        else { return }
        for other in names {
            show(other, Descriptor.status(of: other, in: inner)?.kind, in: inner, after: name + "/")
        }
    }

    private mutating func show(_ name: String, _ kind: stat.Kind?, in directory: Descriptor, after path: String = "") {
        // Once one was left out, all are: what is shown is a beginning.
        guard omitted == 0, bytes < budget else { return omitted += 1 }
        var line = DirectoryListing.oneLine(path + name)
        switch kind {
        case .directory: line += "/"
        case .link:
            var target = [CChar](repeating: 0, count: 4096)
            let count = max(0, readlinkat(directory.number, name, &target, target.count))
            line += " -> "
            line += DirectoryListing.oneLine(
                String(decoding: target[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self))
        case .fifo: line += " (named pipe)"
        case .socket: line += " (socket)"
        case .device: line += " (device)"
        case .file, .other, nil: break
        }
        lines.append(line)
        bytes += line.utf8.count + 1
    }

    /// A name with a line break in it must not look like two entries.
    private static func oneLine(_ name: String) -> String {
        String(
            String.UnicodeScalarView(
                name.unicodeScalars.map { scalar in
                    [.control, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
                        ? "\u{FFFD}" : scalar
                }))
    }
}
