/// Checks one value against a compiled schema.
///
/// It goes through quickly and without words first; only a value that does not fit is gone through again for what to say.
/// Work is counted in steps, a step being a schema that is looked at, or a few dozen bytes that are compared, and ends
/// when they are used up. It recurses no deeper than `maximumDepth` schemas: a value of 64 levels goes through six
/// schemas for each.
///
/// What is not checked may fit and may not. A value is refused only if it fits in neither case: so whoever asks whether it
/// fits takes what is not known for fitting, and under a `not` for not fitting. Where both count (`oneOf`, `if`, the
/// number of `contains`) both are asked.
///
/// Threads: one.
struct SchemaValidator {
    let program: SchemaProgram
    let value: JSONWalk
    let constants: JSONWalk
    /// What is left of the work that may be done.
    var steps: Int
    /// What is said to have been evaluated, for each schema that is being looked at and needs it.
    var evaluated: [SchemaEvaluated] = []
    private var depth = 0
    /// The resources that were gone through to get here, the outermost first.
    private var scope: [Int32] = []
    /// What is wrong, if it is asked for.
    var findings: [Finding] = []
    var isCollecting = false
    /// What is not known is taken for fitting; else for not fitting: then what fits does so for certain.
    var isLenient = true

    static let maximumDepth = 384

    struct Finding {
        /// A value of the instance, or a key, which stands for its member.
        var place: Int
        var keyword: String
        /// Follows the place: "must be a string".
        var text: String
        /// Nothing but the type is wrong.
        var isType = false
    }

    init(_ program: SchemaProgram, _ value: JSONWalk, _ constants: JSONWalk, steps: Int) {
        self.program = program
        self.value = value
        self.constants = constants
        self.steps = steps
    }

    var isExhausted: Bool { steps < 0 }

    /// - Parameter tracks: whoever asks needs to know what was evaluated, in the last of `evaluated`.
    mutating func fits(_ schema: Int, _ index: Int, tracks: Bool) -> Bool {
        steps -= 1
        let node = program.nodes[schema]
        guard steps >= 0, !node.isNever else {
            if isCollecting, steps >= 0 { add(index, "false", "is not expected") }
            return false
        }
        guard types(of: index, against: node.types) else {
            if isCollecting { add(index, "type", "must be " + node.types.shown, isType: true) }
            return false
        }
        if node.checks.isEmpty { return true }
        guard depth < Self.maximumDepth else {
            steps = -1
            return false
        }
        depth += 1
        let entersResource = !program.dynamics.isEmpty && scope.last != node.resource
        if entersResource { scope.append(node.resource) }
        let own = tracks || node.tracks
        if own { evaluated.append(SchemaEvaluated(value.count(index))) }
        var result = true
        for position in node.checks {
            if holds(program.checks[Int(position)], index, own) { continue }
            result = false
            if !isCollecting || findings.count >= JSONSchema.maximumMessages || steps < 0 { break }
        }
        if own {
            let mine = evaluated.removeLast()
            if tracks, result, !evaluated.isEmpty {
                steps -= mine.cost
                evaluated[evaluated.count - 1].form(union: mine)
            }
        }
        if entersResource { scope.removeLast() }
        depth -= 1
        return result
    }

    @inline(__always)
    private func types(of index: Int, against mask: TypeMask) -> Bool {
        switch value.kind(index) {
        case .null: mask.contains(.null)
        case .true, .false: mask.contains(.boolean)
        case .string: mask.contains(.string)
        case .array: mask.contains(.array)
        case .object: mask.contains(.object)
        case .number:
            mask.contains(.number)
                || !mask.isDisjoint(with: .number)
                    && mask.contains(value.number(index).isInteger ? .integer : .fraction)
        }
    }

    private mutating func holds(_ check: SchemaProgram.Check, _ index: Int, _ tracks: Bool) -> Bool {
        let kind = value.kind(index)
        switch check {
        case .constants(let list): return isOne(of: list, index)
        case .minLength(let count):
            return kind != .string || hasLength(index, "minLength", "at least", count) { $0 >= count }
        case .maxLength(let count):
            return kind != .string || hasLength(index, "maxLength", "at most", count) { $0 <= count }
        case .pattern(let pattern): return kind != .string || matches(pattern, index)
        case .format(let format):
            return kind != .string || expect(format.fits(value.text(index)), index, "format") { "be \(format.shown)" }
        case .minimum(let number): return kind != .number || compares(index, number, "minimum", "at least") { $0 >= 0 }
        case .maximum(let number): return kind != .number || compares(index, number, "maximum", "at most") { $0 <= 0 }
        case .exclusiveMinimum(let number):
            return kind != .number || compares(index, number, "exclusiveMinimum", "more than") { $0 > 0 }
        case .exclusiveMaximum(let number):
            return kind != .number || compares(index, number, "exclusiveMaximum", "less than") { $0 < 0 }
        case .multipleOf(let number): return kind != .number || isMultiple(index, number)
        case .minItems(let count):
            return kind != .array
                || expect(value.count(index) >= count, index, "minItems") { "have at least \(count) items" }
        case .maxItems(let count):
            return kind != .array
                || expect(value.count(index) <= count, index, "maxItems") { "have at most \(count) items" }
        case .uniqueItems: return kind != .array || hasUniqueItems(index)
        case .items(let table): return kind != .array || itemsFit(program.arrays[table], index, tracks)
        case .contains(let table): return kind != .array || contains(program.contains[table], index, tracks)
        case .minProperties(let count):
            return kind != .object
                || expect(value.count(index) >= count, index, "minProperties") { "have at least \(count) members" }
        case .maxProperties(let count):
            return kind != .object
                || expect(value.count(index) <= count, index, "maxProperties") { "have at most \(count) members" }
        case .object(let table): return kind != .object || membersFit(table, index, tracks)
        case .propertyNames(let schema): return kind != .object || namesFit(schema, index)
        case .dependents(let table): return kind != .object || dependentsFit(table, index, tracks)
        case .allOf(let group):
            var result = true
            for schema in program.groups[group] where result || isCollecting {
                if !fits(schema, index, tracks: tracks) { result = false }
            }
            return result
        case .anyOf(let group): return fitsAny(program.groups[group], index, tracks)
        case .oneOf(let group): return fitsOne(program.groups[group], index, tracks)
        case .conditional(let group): return fitsCondition(program.groups[group], index, tracks)
        case .not(let schema):
            // What a schema that must not fit evaluated is nobody's affair, but itself may need it.
            let other = !isLenient
            let fits = quietly { $0.asking(lenient: other) { $0.fits(schema, index, tracks: false) } }
            return expect(!fits && steps >= 0, index, "not") {
                "be something other than what the schema's `not` describes"
            }
        case .reference(let schema): return fits(schema, index, tracks: tracks)
        case .dynamicReference(let dynamic):
            let table = program.dynamics[dynamic]
            let schema = scope.lazy.compactMap { table.anchors[$0] }.first ?? table.fallback
            return fits(schema, index, tracks: tracks)
        case .unknown(let mask):
            guard types(of: index, against: mask) else { return true }
            if tracks, isLenient { evaluated[evaluated.count - 1].insertAll() }
            return isLenient
        case .unevaluatedItems(let schema): return kind != .array || unevaluatedItemsFit(schema, index)
        case .unevaluatedProperties(let schema): return kind != .object || unevaluatedMembersFit(schema, index)
        }
    }

    // MARK: - What is wrong

    mutating func add(_ place: Int, _ keyword: String, _ text: String, isType: Bool = false) {
        guard findings.count < JSONSchema.maximumMessages else { return }
        findings.append(Finding(place: place, keyword: keyword, text: text, isType: isType))
    }

    mutating func expect(
        _ isMet: Bool, _ place: Int, _ keyword: String, _ expectation: () -> String
    ) -> Bool {
        if !isMet, isCollecting, steps >= 0 { add(place, keyword, "must " + expectation()) }
        return isMet
    }

    /// With what is not known taken for fitting or for not fitting.
    mutating func asking(lenient: Bool, _ body: (inout SchemaValidator) -> Bool) -> Bool {
        let before = isLenient
        isLenient = lenient
        defer { isLenient = before }
        return body(&self)
    }

    /// Whether a value may fit, and whether it does for certain.
    mutating func judge(_ schema: Int, _ index: Int, tracks: Bool) -> (possible: Bool, certain: Bool) {
        let possible = quietly { $0.asking(lenient: true) { $0.fits(schema, index, tracks: tracks) } }
        guard possible, program.hasUnknown else { return (possible, possible) }
        return (true, quietly { $0.asking(lenient: false) { $0.fits(schema, index, tracks: false) } })
    }

    /// Without words: for what may or may not fit.
    mutating func quietly(_ body: (inout SchemaValidator) -> Bool) -> Bool {
        let wasCollecting = isCollecting
        isCollecting = false
        defer { isCollecting = wasCollecting }
        return body(&self)
    }
}

/// Which items or members of one value were evaluated.
struct SchemaEvaluated {
    private var bits: [UInt64] = []
    private let count: Int
    /// All of them.
    private(set) var isAll = false

    init(_ count: Int) { self.count = count }

    var cost: Int { bits.count / 16 }

    mutating func insertAll() { isAll = true }

    mutating func insert(_ index: Int) {
        guard !isAll else { return }
        if bits.isEmpty { bits = Array(repeating: 0, count: (count + 63) / 64) }
        bits[index / 64] |= 1 << UInt64(index % 64)
    }

    func contains(_ index: Int) -> Bool {
        isAll || !bits.isEmpty && bits[index / 64] & 1 << UInt64(index % 64) != 0
    }

    mutating func form(union other: SchemaEvaluated) {
        if other.isAll { isAll = true }
        guard !isAll, !other.bits.isEmpty else { return }
        if bits.isEmpty {
            bits = other.bits
        } else {
            for index in bits.indices { bits[index] |= other.bits[index] }
        }
    }
}
