/// What can be in a place of a value that fits a schema.
///
/// Only what is certain: what several schemas say together (`allOf`, `$ref`) counts, alternatives do not.
package struct JSONSchemaPlace: Sendable {
    private let schema: JSONSchema
    /// What is there fits all of them.
    private let nodes: [Int]

    package enum Answer: Sendable {
        /// The schema does not say.
        case anything
        /// Nothing: no value that fits has anything there.
        ///
        /// - Parameters:
        ///   - beside: the members that there are instead.
        ///   - parent: the pointer to what has them.
        case nothing(beside: [String], parent: String)
        /// If something is there, it fits this.
        case value(JSONSchemaPlace)
    }

    package enum ValueType: Sendable {
        case number, string

        fileprivate var mask: TypeMask { self == .number ? .number : .string }
    }

    fileprivate init(_ schema: JSONSchema, _ nodes: [Int]) {
        self.schema = schema
        // With all that these refer to, each once.
        var all: [Int] = []
        var queue = nodes
        while let node = queue.popLast(), all.count < 64 {
            guard !all.contains(node) else { continue }
            all.append(node)
            for check in schema.program.checks(of: node) {
                switch check {
                case .reference(let target): queue.append(target)
                case .allOf(let group): queue += schema.program.groups[group]
                default: break
                }
            }
        }
        self.nodes = all
    }

    private var checks: [SchemaProgram.Check] { nodes.flatMap(schema.program.checks) }

    private var types: TypeMask {
        nodes.reduce(TypeMask.all) {
            schema.program.nodes[$1].isNever ? [] : $0.intersection(schema.program.nodes[$1].types)
        }
    }

    /// Whether a value of this type can fit.
    package func takes(_ type: ValueType) -> Bool {
        guard !types.isDisjoint(with: type.mask) else { return false }
        guard let allowed = allowedPlaces else { return true }
        return allowed.contains { schema.program.constants.kind($0) == (type == .number ? .number : .string) }
    }

    private var allowedPlaces: [Int]? {
        for case .constants(let list) in checks { return schema.program.lists[list].order }
        return nil
    }

    /// The values of an `enum` or `const`, as JSON; nil: there is none.
    package var allowed: [String]? { allowedPlaces?.map(schema.program.constants.source) }

    /// The digits of a number that no value is more than; nil: there is none.
    package var maximum: String? {
        for check in checks {
            switch check {
            case .maximum(let number), .exclusiveMaximum(let number): return schema.program.constants.text(number)
            default: break
            }
        }
        return nil
    }

    /// The digits of a number that no value is less than; nil: there is none.
    package var minimum: String? {
        for check in checks {
            switch check {
            case .minimum(let number), .exclusiveMinimum(let number): return schema.program.constants.text(number)
            default: break
            }
        }
        return nil
    }

    package func accepts(_ value: JSONDocument) -> Bool {
        nodes.allSatisfy { schema.validate(value, at: 0, against: $0).isEmpty }
    }

    // MARK: - The way there

    fileprivate enum Step {
        case anything
        case nothing(beside: [String])
        case next([Int])
    }

    fileprivate func step(_ part: String) -> Step {
        let checks = checks
        // Values that are listed are not looked into.
        if allowedPlaces != nil { return .anything }
        let index = JSONPointer.index(part)
        switch (types.contains(.object), types.contains(.array) && index != nil) {
        case (true, true): return .anything
        case (true, false): return member(part, checks)
        case (false, true): return item(index ?? 0, checks)
        case (false, false): return .nothing(beside: [])
        }
    }

    private func member(_ name: String, _ checks: [SchemaProgram.Check]) -> Step {
        var next: [Int] = []
        for case .object(let index) in checks {
            let table = schema.program.objects[index]
            let found = Array(name.utf8).withUnsafeBufferPointer { table.index(of: $0) }
            if let found, table.names[found].schema >= 0 {
                next.append(Int(table.names[found].schema))
            } else if table.patterns.isEmpty, !table.hasUncheckedPatterns, let additional = table.additional {
                if table.isClosed {
                    return .nothing(
                        beside: table.names.filter { $0.schema >= 0 }.map { String(decoding: $0.bytes, as: UTF8.self) }
                            .sorted())
                }
                next.append(additional)
            }
        }
        return next.isEmpty ? .anything : .next(next)
    }

    private func item(_ index: Int, _ checks: [SchemaProgram.Check]) -> Step {
        var next: [Int] = []
        for check in checks {
            switch check {
            case .maxItems(let count) where index >= count: return .nothing(beside: [])
            case .items(let table):
                let table = schema.program.arrays[table]
                if index < table.prefix.count {
                    next.append(table.prefix[index])
                } else if let rest = table.rest {
                    next.append(rest)
                }
            default: break
            }
        }
        return next.isEmpty ? .anything : .next(next)
    }
}

extension JSONSchema {
    /// - Parameter pointer: a JSON pointer.
    package func place(at pointer: String) -> JSONSchemaPlace.Answer {
        // Where these lead depends on the way there.
        guard program.dynamics.isEmpty, let parts = JSONPointer.parts(pointer) else { return .anything }
        var place = JSONSchemaPlace(self, [program.root])
        var parent = ""
        for part in parts {
            switch place.step(part) {
            case .anything: return .anything
            case .nothing(let beside): return .nothing(beside: beside, parent: parent)
            case .next(let nodes): place = JSONSchemaPlace(self, nodes)
            }
            parent += "/" + part.replacing("~", with: "~0").replacing("/", with: "~1")
        }
        return .value(place)
    }
}

extension SchemaProgram {
    func checks(of node: Int) -> [Check] { nodes[node].checks.map { checks[Int($0)] } }
}
