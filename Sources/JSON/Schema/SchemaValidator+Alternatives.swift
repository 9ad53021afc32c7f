/// Alternatives and conditions.
extension SchemaValidator {
    mutating func fitsAny(_ group: [Int], _ index: Int, _ tracks: Bool) -> Bool {
        var result = false
        // All of them, where it counts what they evaluate.
        for schema in group where tracks || !result {
            if quietly({ $0.fits(schema, index, tracks: tracks) }) { result = true }
            guard steps >= 0 else { return false }
        }
        if !result, isCollecting { addNearest(group, index, "anyOf", "fit one of the \(group.count) alternatives") }
        return result
    }

    mutating func fitsOne(_ group: [Int], _ index: Int, _ tracks: Bool) -> Bool {
        // For certain, and at most.
        var (count, most) = (0, 0)
        for schema in group where count < 2 {
            let (possible, certain) = judge(schema, index, tracks: tracks)
            if possible { most += 1 }
            if certain { count += 1 }
            guard steps >= 0 else { return false }
        }
        // Of some it is not known.
        if most > count, count < 2 || !isLenient { return isLenient }
        if count == 0, isCollecting {
            addNearest(group, index, "oneOf", "fit exactly one of the \(group.count) alternatives")
        }
        if count > 1 {
            return expect(false, index, "oneOf") {
                "fit exactly one of the \(group.count) alternatives, and fits several"
            }
        }
        return count == 1
    }

    /// `if`, `then`, `else`.
    mutating func fitsCondition(_ group: [Int], _ index: Int, _ tracks: Bool) -> Bool {
        let (possible, certain) = judge(group[0], index, tracks: tracks)
        guard steps >= 0 else { return false }
        func branch(_ place: Int) -> Bool { group[place] < 0 || fits(group[place], index, tracks: tracks) }
        if possible == certain { return branch(certain ? 1 : 2) }
        return isLenient ? branch(1) || branch(2) : branch(1) && branch(2)
    }

    /// Says what is wrong with the alternative that comes nearest: not of another type, then with fewest mistakes.
    private mutating func addNearest(_ group: [Int], _ index: Int, _ keyword: String, _ words: String) {
        let before = findings
        var nearest: [Finding]?
        var types: TypeMask? = []
        for schema in group {
            findings = []
            _ = fits(schema, index, tracks: false)
            guard steps >= 0 else {
                findings = before
                return
            }
            let isOther = findings.count == 1 && findings[0].isType && findings[0].place == index
            if isOther { types?.formUnion(program.nodes[schema].types) } else { types = nil }
            if findings.isEmpty { continue }
            func rank(_ list: [Finding]) -> (Int, Int) {
                let isOther = list.contains { $0.isType && $0.place == index }
                // A wrong constant is mostly the name of another alternative.
                return (isOther ? 1 : 0, list.count + 2 * list.count { $0.keyword == "enum" })
            }
            if nearest.map({ rank(findings) < rank($0) }) ?? true { nearest = findings }
        }
        findings = before
        // Nothing but types, as `anyOf: [{type: integer}, {type: null}]`: they are said together.
        if let types, types != .all { return add(index, "type", "must be " + types.shown, isType: true) }
        let reasons = (nearest ?? []).prefix(3).map { finding in
            finding.place == index ? finding.text : "\(value.pointer(to: finding.place)) \(finding.text)"
        }
        let more = reasons.isEmpty ? "" : "; of the nearest one: " + reasons.joined(separator: ", ")
        findings.append(Finding(place: index, keyword: keyword, text: "must " + words + more))
    }
}
