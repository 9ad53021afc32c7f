/// Checks of one value by itself.
extension SchemaValidator {
    mutating func isOne(of list: Int, _ index: Int) -> Bool {
        steps -= value.cost(of: index)
        guard steps >= 0 else { return false }
        let hash = value.hash(of: index)
        let values = program.lists[list].values
        var (low, high) = (0, values.count)
        while low < high {
            let middle = (low + high) / 2
            if values[middle].hash < hash { low = middle + 1 } else { high = middle }
        }
        while low < values.count, values[low].hash == hash {
            if value.isEqual(index, constants, values[low].index, &steps) { return true }
            low += 1
        }
        if isCollecting { add(index, "enum", "must be " + shown(program.lists[list].order)) }
        return false
    }

    private func shown(_ order: [Int]) -> String {
        let shown = order.prefix(20).map(shown).joined(separator: ", ")
        return (order.count == 1 ? "" : "one of ") + shown + (order.count > 20 ? ", …" : "")
    }

    /// A value of the schema.
    func shown(_ constant: Int) -> String {
        switch constants.kind(constant) {
        case .null: "null"
        case .true: "true"
        case .false: "false"
        case .number: JSONText.shown(String(decoding: constants.text(constant), as: UTF8.self))
        case .string: JSONText.quoted(String(decoding: constants.text(constant), as: UTF8.self))
        case .array: "the array in the schema"
        case .object: "the object in the schema"
        }
    }

    /// In Unicode scalars, which are the bytes that do not go on.
    mutating func hasLength(
        _ index: Int, _ keyword: String, _ words: String, _ limit: Int, _ isMet: (Int) -> Bool
    ) -> Bool {
        let text = value.text(index)
        steps -= text.count / 64
        var count = 0
        for byte in text where byte & 0xC0 != 0x80 { count += 1 }
        return expect(isMet(count), index, keyword) { "have \(words) \(limit) characters" }
    }

    mutating func matches(_ pattern: Int, _ index: Int) -> Bool {
        let (pattern, text) = (program.patterns[pattern], value.text(index))
        steps -= pattern.cost(text.count)
        guard steps >= 0 else { return false }
        return expect(pattern.isFound(in: text), index, "pattern") {
            "match the pattern \(JSONText.quoted(pattern.source))"
        }
    }

    mutating func compares(
        _ index: Int, _ constant: Int, _ keyword: String, _ words: String, _ isMet: (Int) -> Bool
    ) -> Bool {
        steps -= Int(value.nodes[index].length) / 64
        let order = JSONNumber.compare(value.number(index), constants.number(constant))
        if isMet(order) { return true }
        if isCollecting { add(index, keyword, "must be \(words) \(shown(constant))") }
        return false
    }

    mutating func isMultiple(_ index: Int, _ constant: Int) -> Bool {
        let isMultiple = value.number(index).isMultiple(of: constants.number(constant), &steps)
        guard steps >= 0 else { return false }
        if isMultiple { return true }
        if isCollecting { add(index, "multipleOf", "must be a multiple of \(shown(constant))") }
        return false
    }

    /// By hashes, so that only equal ones are compared.
    mutating func hasUniqueItems(_ index: Int) -> Bool {
        let count = value.count(index)
        steps -= value.cost(of: index)
        guard count > 1, steps >= 0 else { return steps >= 0 }
        var items: [(hash: UInt64, index: Int)] = []
        items.reserveCapacity(count)
        var child = index + 1
        while child < value.next(index) {
            items.append((value.hash(of: child), child))
            child = value.next(child)
        }
        items.sort { ($0.hash, $0.index) < ($1.hash, $1.index) }
        var start = 0
        for position in items.indices.dropFirst() {
            if items[position].hash != items[start].hash {
                start = position
                continue
            }
            for other in start..<position
            where value.isEqual(items[position].index, value, items[other].index, &steps) {
                return expect(false, index, "uniqueItems") { "have no item twice" }
            }
            guard steps >= 0 else { return false }
        }
        return true
    }
}
