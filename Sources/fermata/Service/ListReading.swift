internal import Foundation
internal import Yams

/// Something that the configuration file has a list of, each under its own name.
protocol ListedSettings {
    var name: String { get }
    /// Of its first key in the file.
    var line: Int { get }
}

/// Reads a list of the configuration file, and notes everything that is wrong with it.
protocol ListReading {
    associatedtype Entry: ListedSettings
    /// The list's key, and what it is a list of.
    static var list: (key: String, what: String) { get }
    var path: String { get }
    var entries: [Entry] { get set }
    /// `FILE:LINE: KEY: what is wrong`.
    var mistakes: [String] { get set }
    init(path: String)
    mutating func entry(_ node: Node, _ place: String, _ line: Int) -> Entry
}

extension ListReading {
    mutating func read(_ node: Node, line: Int) {
        guard let items = node.sequence else { return wrong(line, Self.list.key, "it is a list of \(Self.list.what)") }
        for (index, item) in items.enumerated() {
            let known = mistakes.count
            let place = "\(Self.list.key)[\(index)]"
            let entry = entry(item, place, item.mark?.line ?? line)
            guard known == mistakes.count else { continue }
            if entries.contains(where: { $0.name == entry.name }) {
                wrong(entry.line, "\(place).name", "another one has it")
            }
            entries.append(entry)
        }
    }

    static func isURL(_ text: String) -> Bool {
        guard text.utf8.count <= 2048, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }),
            let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty
        else { return false }
        return ["http", "https"].contains(parts.scheme)
    }

    mutating func text(_ node: Node, _ key: String, _ line: Int) -> String {
        guard let scalar = node.scalar, !scalar.string.isEmpty, node.tag.description != "tag:yaml.org,2002:null" else {
            wrong(line, key, node.scalar == nil ? "it has one value" : "it has no value")
            return ""
        }
        return scalar.string
    }

    /// A list, or one value in place of it.
    mutating func texts(_ node: Node, _ key: String, _ line: Int) -> [String] {
        guard let items = node.sequence else { return [text(node, key, line)] }
        guard items.count > 0 else {
            wrong(line, key, "it has no value")
            return []
        }
        return items.map { text($0, key, line) }
    }

    mutating func unknown(_ name: String, among keys: [String], _ key: String, _ line: Int) {
        let plain = name.lowercased().replacing("_", with: "-")
        let near = keys.first { $0 == plain || SettingsFile.areNear($0, plain) }
        wrong(
            line, key,
            near.map { "unknown; is it \($0)?" } ?? "unknown; known are \(keys.joined(separator: ", "))")
    }

    mutating func wrong(_ line: Int, _ key: String, _ what: String) {
        // Of one key its first mistake says enough.
        let start = "\(path):\(line): \(key): "
        if !mistakes.contains(where: { $0.hasPrefix(start) }) { mistakes.append(start + what) }
    }
}
