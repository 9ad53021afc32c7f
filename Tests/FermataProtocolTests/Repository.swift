import Foundation

/// The files that the tests hold against the code.
enum Repository {
    /// The folder that holds protocol/ and Tests/, wherever it was checked out.
    static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// A file of vectors: a list of objects.
    static func vectors(_ name: String) throws -> [[String: Any]] {
        let data = try Data(contentsOf: root.appending(path: "protocol/vectors/\(name).json"))
        guard let list = try JSONSerialization.jsonObject(with: data) as? [[String: Any]] else {
            throw BadFile(description: "\(name).json is no list of objects")
        }
        return list
    }

    struct BadFile: Error, CustomStringConvertible {
        let description: String
    }
}

extension Dictionary<String, Any> {
    func text(_ key: String) throws -> String {
        guard let text = self[key] as? String else {
            throw Repository.BadFile(description: "\(key) is missing: \(self)")
        }
        return text
    }

    func hex(_ key: String) throws -> [UInt8] {
        guard let bytes = [UInt8](hex: try text(key)) else {
            throw Repository.BadFile(description: "\(key) is not hexadecimal: \(self)")
        }
        return bytes
    }
}

extension [UInt8] {
    /// Reads pairs of hexadecimal digits, white space between them allowed.
    init?(hex: some StringProtocol) {
        let digits = String(hex).filter { !$0.isWhitespace }
        guard digits.count.isMultiple(of: 2) else { return nil }
        self = []
        var rest = digits[...]
        while !rest.isEmpty {
            guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
            append(byte)
            rest = rest.dropFirst(2)
        }
    }

    var hex: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}

/// JSON text in one form, so that two of them can be compared as text.
func canonical(_ json: Any) throws -> String {
    let data = try JSONSerialization.data(withJSONObject: json, options: [.sortedKeys, .fragmentsAllowed])
    return String(decoding: data, as: UTF8.self)
}

func canonical(text: String) throws -> String {
    try canonical(JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed))
}
