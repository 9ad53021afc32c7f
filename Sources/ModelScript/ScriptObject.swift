/// An object of a script while it is read: knows its place, so that a mistake names file, turn and key.
struct ScriptObject {
    private let node: JSONNode
    private let file: String
    private let turn: Int?
    /// What stands before a key of an inner object: `fault.`.
    private let prefix: String

    init(_ node: JSONNode, file: String, turn: Int? = nil, inside: String? = nil, allowed: [String]) throws(ScriptError)
    {
        self.node = node
        self.file = file
        self.turn = turn
        prefix = inside.map { "\($0)." } ?? ""
        guard case .object(let members) = node else {
            throw ScriptError(
                code: .badScript, file: file, turn: turn, key: inside, message: "must be an object, not \(node.kind)")
        }
        var seen: Set<String> = []
        for member in members {
            guard allowed.contains(member.key) else {
                throw mistake(member.key, "is unknown; known are \(allowed.joined(separator: ", "))")
            }
            guard seen.insert(member.key).inserted else { throw mistake(member.key, "is given twice") }
        }
    }

    func mistake(_ key: String?, _ message: String) -> ScriptError {
        ScriptError(code: .badScript, file: file, turn: turn, key: key.map { prefix + $0 }, message: message)
    }

    func has(_ key: String) -> Bool { node[key] != nil }

    func required(_ key: String) throws(ScriptError) -> JSONNode {
        guard let value = node[key] else { throw mistake(key, "is missing") }
        return value
    }

    func optional(_ key: String) -> JSONNode? { node[key] }

    func text(_ key: String) throws(ScriptError) -> String? {
        guard let value = node[key] else { return nil }
        guard let text = value.text else { throw mistake(key, "must be a string, not \(value.kind)") }
        return text
    }

    func bool(_ key: String) throws(ScriptError) -> Bool? {
        guard let value = node[key] else { return nil }
        guard case .bool(let flag) = value else { throw mistake(key, "must be true or false, not \(value.kind)") }
        return flag
    }

    func integer(_ key: String, _ range: ClosedRange<Int64>) throws(ScriptError) -> Int64? {
        guard let value = node[key] else { return nil }
        guard let number = value.integer, range.contains(number) else {
            throw mistake(key, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func double(_ key: String, _ range: ClosedRange<Double>) throws(ScriptError) -> Double? {
        guard let value = node[key] else { return nil }
        guard case .number(let digits) = value, let number = Double(digits), range.contains(number) else {
            throw mistake(key, "must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// The object under `key`, or nil.
    func object(_ key: String, allowed: [String]) throws(ScriptError) -> ScriptObject? {
        guard let value = node[key] else { return nil }
        return try ScriptObject(value, file: file, turn: turn, inside: prefix + key, allowed: allowed)
    }

    /// The objects of the list under `key`, or nil.
    func objects(_ key: String, allowed: [String]) throws(ScriptError) -> [ScriptObject]? {
        guard let value = node[key] else { return nil }
        guard let elements = value.elements else { throw mistake(key, "must be a list, not \(value.kind)") }
        var objects: [ScriptObject] = []
        for (index, element) in elements.enumerated() {
            let place = "\(prefix)\(key)[\(index)]"
            objects.append(try ScriptObject(element, file: file, turn: turn, inside: place, allowed: allowed))
        }
        return objects
    }
}
