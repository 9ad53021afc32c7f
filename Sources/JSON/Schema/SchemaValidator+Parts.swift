/// Checks of a value's items and members.
extension SchemaValidator {
    mutating func itemsFit(_ table: SchemaProgram.ArrayTable, _ index: Int, _ tracks: Bool) -> Bool {
        var result = true
        var child = index + 1
        var number = 0
        while child < value.next(index) {
            let schema: Int
            if number < table.prefix.count {
                schema = table.prefix[number]
            } else if let rest = table.rest {
                schema = rest
            } else {
                break
            }
            if !fits(schema, child, tracks: false) {
                result = false
                if !goesOn { return false }
            }
            if tracks { evaluated[evaluated.count - 1].insert(number) }
            child = value.next(child)
            number += 1
        }
        if tracks, table.rest != nil { evaluated[evaluated.count - 1].insertAll() }
        return result
    }

    /// Whether there may be more to say.
    var goesOn: Bool { isCollecting && findings.count < JSONSchema.maximumMessages && steps >= 0 }

    mutating func contains(_ table: SchemaProgram.ContainsTable, _ index: Int, _ tracks: Bool) -> Bool {
        // For certain, and at most.
        var (certainly, possibly) = (0, 0)
        var child = index + 1
        var number = 0
        while child < value.next(index) {
            let (possible, certain) = judge(table.schema, child, tracks: false)
            if certain { certainly += 1 }
            if possible {
                possibly += 1
                if tracks, certain || isLenient { evaluated[evaluated.count - 1].insert(number) }
                // Enough is known.
                if !tracks, certainly > table.most || table.most == .max && certainly >= table.least { break }
            }
            guard steps >= 0 else { return false }
            child = value.next(child)
            number += 1
        }
        let (forLeast, forMost) = isLenient ? (possibly, certainly) : (certainly, possibly)
        return expect(forLeast >= table.least, index, table.least == 1 ? "contains" : "minContains") {
            "have at least \(table.least) of the items that the schema's `contains` describes"
        }
            && expect(forMost <= table.most, index, "maxContains") {
                "have at most \(table.most) of the items that the schema's `contains` describes"
            }
    }

    // MARK: - Members

    mutating func membersFit(_ tableIndex: Int, _ index: Int, _ tracks: Bool) -> Bool {
        let table = program.objects[tableIndex]
        var result = true
        var required = 0
        var (key, number) = (index + 1, 0)
        while key < value.next(index) {
            let name = value.text(key)
            var isKnown = false
            if let found = table.index(of: name) {
                if table.names[found].isRequired { required += 1 }
                let schema = Int(table.names[found].schema)
                if schema >= 0 {
                    isKnown = true
                    if !fits(schema, key + 1, tracks: false) { result = false }
                }
            }
            for (pattern, schema) in table.patterns {
                steps -= program.patterns[pattern].cost(name.count)
                guard steps >= 0 else { return false }
                guard program.patterns[pattern].isFound(in: name) else { continue }
                isKnown = true
                if !fits(schema, key + 1, tracks: false) { result = false }
            }
            if !isKnown, let additional = table.additional {
                isKnown = true
                if table.isClosed {
                    if isCollecting { addUnexpected(key, table) }
                    result = false
                } else if !fits(additional, key + 1, tracks: false) {
                    result = false
                }
            }
            // A pattern that is not checked may name it.
            if tracks, isKnown || table.hasUncheckedPatterns && isLenient {
                evaluated[evaluated.count - 1].insert(number)
            }
            if !result, !goesOn { return false }
            key = value.next(key + 1)
            number += 1
        }
        guard required < table.requiredCount else { return result }
        if isCollecting { addMissing(table, index) }
        return false
    }

    private mutating func addUnexpected(_ key: Int, _ table: SchemaProgram.ObjectTable) {
        let known = table.names.filter { $0.schema >= 0 }.map { String(decoding: $0.bytes, as: UTF8.self) }.sorted()
        let shown = known.prefix(50).map(JSONText.quoted).joined(separator: ", ") + (known.count > 50 ? ", …" : "")
        add(key, "additionalProperties", "is not expected; \(shown.isEmpty ? "no member is" : "known: \(shown)")")
    }

    private mutating func addMissing(_ table: SchemaProgram.ObjectTable, _ index: Int) {
        for name in table.names where name.isRequired && value.member(name.bytes, of: index) == nil {
            steps -= value.count(index)
            guard goesOn else { return }
            add(
                index, "required",
                "must have the member " + JSONText.quoted(String(decoding: name.bytes, as: UTF8.self)))
        }
    }

    mutating func namesFit(_ schema: Int, _ index: Int) -> Bool {
        var result = true
        var key = index + 1
        while key < value.next(index) {
            // A key is a text like any other; what is said of it is said of its member's name.
            let start = findings.count
            if !fits(schema, key, tracks: false) {
                result = false
                for position in findings.indices.dropFirst(start) {
                    findings[position].keyword = "propertyNames"
                    findings[position].text = "has a name that is not allowed here: it " + findings[position].text
                }
                if !goesOn { return false }
            }
            key = value.next(key + 1)
        }
        return result
    }

    mutating func dependentsFit(_ table: Int, _ index: Int, _ tracks: Bool) -> Bool {
        var result = true
        for dependent in program.dependents[table] {
            steps -= 1 + value.count(index) / 8
            guard steps >= 0 else { return false }
            guard value.member(dependent.name, of: index) != nil else { continue }
            for name in dependent.required {
                steps -= 1 + value.count(index) / 8
                guard steps >= 0 else { return false }
                guard value.member(name, of: index) == nil else { continue }
                result = expect(false, index, "dependentRequired") {
                    "have the member \(JSONText.quoted(String(decoding: name, as: UTF8.self))) beside "
                        + JSONText.quoted(String(decoding: dependent.name, as: UTF8.self))
                }
            }
            if let schema = dependent.schema, !fits(schema, index, tracks: tracks) { result = false }
            if !result, !goesOn { return false }
        }
        return result
    }

    // MARK: - What nobody evaluated

    mutating func unevaluatedItemsFit(_ schema: Int, _ index: Int) -> Bool {
        var result = true
        var (child, number) = (index + 1, 0)
        while child < value.next(index) {
            if !evaluated[evaluated.count - 1].contains(number), !fits(schema, child, tracks: false) {
                result = false
                if !goesOn { return false }
            }
            child = value.next(child)
            number += 1
        }
        evaluated[evaluated.count - 1].insertAll()
        return result
    }

    mutating func unevaluatedMembersFit(_ schema: Int, _ index: Int) -> Bool {
        var result = true
        var (key, number) = (index + 1, 0)
        while key < value.next(index) {
            if !evaluated[evaluated.count - 1].contains(number), !fits(schema, key + 1, tracks: false) {
                result = false
                if !goesOn { return false }
            }
            key = value.next(key + 1)
            number += 1
        }
        evaluated[evaluated.count - 1].insertAll()
        return result
    }
}
