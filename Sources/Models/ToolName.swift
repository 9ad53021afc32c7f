/// Names of tools as models' servers take them: letters, digits, `_` and `-`, 64 at most. Names of ours may have more,
/// and models call tools by names that are none, which go back with every later request.
enum ToolName {
    /// The same name for ever, also of what is no name. frozen: FNV-1a; what a model was shown is never written anew.
    static func onTheWire(_ name: String) -> String {
        if !name.isEmpty, name.utf8.count <= 64, name.utf8.allSatisfy(isPlain) { return name }
        let hash = name.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        let digits = String(hash, radix: 16)
        let readable = name.utf8.prefix(40).map { isPlain($0) ? Character(Unicode.Scalar($0)) : "_" }
        return (readable.isEmpty ? "unnamed" : String(readable)) + "_" + digits
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }

    /// Of the tools that have another name on the wire: their own names.
    static func own(of tools: [ModelTool]) -> [String: String] {
        var names: [String: String] = [:]
        for tool in tools {
            let wire = onTheWire(tool.name)
            if wire != tool.name { names[wire] = tool.name }
        }
        return names
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
