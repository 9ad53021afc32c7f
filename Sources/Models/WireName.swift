/// Names of tools and ids of calls as models' servers take them. Ours may have more than is allowed there, models call
/// tools by names that are none, and both go back with every later request.
///
/// frozen: the same text gives the same name for ever, as what a model was shown is never written anew.
enum WireName {
    /// Letters, digits, `_` and `-`, 64 at most.
    static func tool(_ name: String) -> String {
        if fits(name) { return name }
        let readable = name.utf8.prefix(40).map { isPlain($0) ? Character(Unicode.Scalar($0)) : "_" }
        return (readable.isEmpty ? "unnamed" : String(readable)) + "_" + digest(name, radix: 16)
    }

    /// Letters, digits, `_` and `-`, 64 at most. Ids of other makes stay different from each other.
    static func call(_ id: String) -> String { fits(id) ? id : shortCall(id) }

    /// As OpenAI takes them over chat completions, where another id is too long.
    static func shortCall(_ id: String) -> String { "call_" + digest(id, radix: 16) }

    /// As Mistral takes them: nine letters and digits.
    static func mistralCall(_ id: String) -> String {
        if id.utf8.count == 9, id.utf8.allSatisfy(isAlphanumeric) { return id }
        return String((String(repeating: "0", count: 9) + digest(id, radix: 36)).suffix(9))
    }

    /// Of the tools that have another name on the wire: their own names.
    static func own(of tools: [ModelTool]) -> [String: String] {
        var names: [String: String] = [:]
        for tool in tools {
            let wire = Self.tool(tool.name)
            if wire != tool.name { names[wire] = tool.name }
        }
        return names
    }

    private static func fits(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 64 && name.utf8.allSatisfy(isPlain)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }

    private static func digest(_ text: String, radix: Int) -> String { String(digest(text), radix: radix) }

    /// FNV-1a.
    static func digest(_ text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}

extension ModelAnswer {
    /// With the calls' tools by their own names.
    func renamed(_ names: [String: String]) -> ModelAnswer {
        guard !names.isEmpty, calls.contains(where: { names[$0.name] != nil }) else { return self }
        var answer = self
        for index in calls.indices { answer.calls[index].name = names[calls[index].name] ?? calls[index].name }
        return answer
    }
}
