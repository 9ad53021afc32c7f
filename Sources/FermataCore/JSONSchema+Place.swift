/// What can be in a place of a value that fits a schema.
extension JSONSchema {
    enum Place {
        /// The schema does not say.
        case anything
        /// Nothing: no value that fits has anything there.
        ///
        /// - Parameters:
        ///   - beside: the members that there are instead.
        ///   - parent: the pointer to what has them.
        case nothing(beside: [String], parent: String)
        /// If something is there, it fits this.
        case value(JSONSchema)
    }

    /// - Parameter pointer: a JSON pointer.
    func place(at pointer: String) -> Place {
        var schema = self
        var parent = ""
        for token in pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            // Values that are listed are not looked into.
            guard schema.allowed == nil else { return .anything }
            let name = String(token).replacing("~1", with: "/").replacing("~0", with: "~")
            let isIndex = name == "0" || !name.hasPrefix("0") && !name.isEmpty && name.utf8.allSatisfy { (48...57).contains($0) }
            let (mayBeObject, mayBeItem) = (schema.takes(.object), schema.takes(.array) && isIndex)
            switch (mayBeObject, mayBeItem) {
            case (true, true): return .anything
            case (true, false):
                if let member = schema.properties[name] {
                    schema = member
                } else {
                    guard !schema.allowsOtherProperties else { return .anything }
                    return .nothing(beside: schema.properties.keys.sorted(), parent: parent)
                }
            case (false, true):
                guard Int(name).map({ $0 < schema.maxItems }) ?? false else { return .nothing(beside: [], parent: parent) }
                guard let item = schema.items.first else { return .anything }
                schema = item
            case (false, false): return .nothing(beside: [], parent: parent)
            }
            parent += "/" + token
        }
        return .value(schema)
    }

    /// Whether a value of one of these types can fit.
    func takes(_ wanted: ValueType...) -> Bool {
        if let allowed { return allowed.contains { value in wanted.contains { $0.includes(value) } } }
        return types.map { !$0.isDisjoint(with: wanted) } ?? true
    }
}

extension JSONSchema.ValueType {
    fileprivate func includes(_ value: JSONValue) -> Bool {
        switch (self, value) {
        case (.null, .null), (.boolean, .bool), (.integer, .integer), (.number, .integer), (.number, .number),
            (.string, .string), (.array, .array), (.object, .object):
            true
        default: false
        }
    }
}
