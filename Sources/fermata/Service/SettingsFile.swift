internal import Foundation
internal import Yams

/// The configuration file: a YAML mapping of settings by the long names of serve's options.
///
///     model: openai/gpt-4o
///     model-silence: 300
///     webhooks:
///     - name: inbox
///       url: https://example.org/fermata
///       secret-file: /etc/fermata/inbox.secret
///     providers:
///     - name: anthropic
///       api-key-file: /etc/fermata/anthropic.key
///
/// Keys of providers are never in it: `api-key-file` names a file that has the key.
struct SettingsFile: Sendable {
    struct Entry: Sendable {
        let text: String
        let line: Int
    }

    var path = ""
    var entries: [String: Entry] = [:]
    var webhooks: [WebhookSettings] = []
    var providers: [ProviderSettings] = []
    /// `FILE:LINE: KEY: what is wrong`.
    var mistakes: [String] = []

    init() {}

    /// The most that a file may have, in bytes: it is a page of text.
    private static let limit = 64 << 10

    /// - Throws: `Settings.Mistakes` if it is no such file at all.
    init(path: String) throws {
        self.path = path
        func failure(_ text: String) -> Settings.Mistakes { .init(lines: ["\(path): \(text)"], areOptions: false) }
        guard let file = FileHandle(forReadingAtPath: path) else { throw failure(String(cString: strerror(errno))) }
        let data: Data
        do { data = try file.read(upToCount: Self.limit + 1) ?? Data() } catch {
            throw failure("it cannot be read: \(error.localizedDescription)")
        }
        guard data.count <= Self.limit else { throw failure("it is longer than \(Self.limit) bytes") }
        guard let text = String(validating: data, as: UTF8.self) else { throw failure("it is not UTF-8") }
        let root: Node?
        do { root = try Yams.compose(yaml: text) } catch let error as YamlError {
            throw Settings.Mistakes(lines: [Self.line(path, error)], areOptions: false)
        }
        guard let root else { return }
        guard let mapping = root.mapping else {
            throw failure("it is not a mapping of settings, such as model: openai/gpt-4o")
        }
        for (key, value) in mapping { read(key, value) }
    }

    private mutating func read(_ key: Node, _ value: Node) {
        let line = key.mark?.line ?? value.mark?.line ?? 0
        guard let name = key.scalar?.string else {
            mistakes.append("\(path):\(line): a key is a word")
            return
        }
        func mistake(_ text: String) { mistakes.append("\(path):\(line): \(name.oneLine(60)): \(text)") }
        if name == WebhookReading.list.key { return webhooks = entries(WebhookReading.self, value, line) }
        if name == ProviderReading.list.key { return providers = entries(ProviderReading.self, value, line) }
        let plain = name.lowercased().replacing("_", with: "-")
        if ["-key", "-token", "-secret", "-password"].contains(where: plain.hasSuffix) {
            return mistake("keys are not written here: name a file that has it with api-key-file, or set LLM_API_KEY")
        }
        guard Setting.all.contains(where: { $0.key == name }) else {
            let known = Setting.all.map(\.key) + ["webhooks", "providers"]
            let near = known.first { $0 == plain || Self.areNear($0, plain) }
            return mistake(
                near.map { "unknown; is it \($0)?" } ?? "unknown; known are \(known.joined(separator: ", "))")
        }
        guard let scalar = value.scalar else { return mistake("it has one value") }
        guard value.tag.description != "tag:yaml.org,2002:null", !scalar.string.isEmpty else {
            return mistake("it has no value")
        }
        entries[name] = Entry(text: scalar.string, line: line)
    }

    private mutating func entries<Reading: ListReading>(
        _: Reading.Type, _ value: Node, _ line: Int
    ) -> [Reading.Entry] {
        var reading = Reading(path: path)
        reading.read(value, line: line)
        mistakes += reading.mistakes
        return reading.entries
    }

    /// One letter too many, too few, another one, or two swapped.
    static func areNear(_ left: String, _ right: String) -> Bool {
        let (left, right) = (Array(left), Array(right))
        let start = zip(left, right).prefix { $0 == $1 }.count
        let end = zip(left.dropFirst(start).reversed(), right.dropFirst(start).reversed()).prefix { $0 == $1 }.count
        let (a, b) = (left[start..<(left.count - end)], right[start..<(right.count - end)])
        return max(a.count, b.count) <= 1 || (a.count == 2 && Array(a) == b.reversed())
    }

    private static func line(_ path: String, _ error: YamlError) -> String {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return "\(path):\(mark.line): \(problem)"
        case .duplicatedKeysInMapping(let keys, let context):
            return "\(path):\(context.mark.line): twice: \(keys.sorted().joined(separator: ", "))"
        default:
            return "\(path): " + "\(error)".oneLine(300)
        }
    }
}
