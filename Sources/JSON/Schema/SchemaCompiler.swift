/// Compiles a schema and all that it refers to. Every place is compiled once; a queue takes the place of recursion.
struct SchemaCompiler {
    var sources: SchemaSources
    var parts = SchemaParts()
    let checksFormats: Bool
    private(set) var problems: [JSONSchemaProblem] = []
    private(set) var unchecked: [JSONSchemaProblem] = []
    private var indexOf: [SchemaLocation: Int] = [:]
    private var queue: [SchemaLocation] = []
    /// Dynamic references: where their tables are, and the name of the anchor.
    private var dynamicNames: [String] = []
    private var patternsBySource: [String: Int?] = [:]

    /// Of one schema. More patterns than these are not checked: each may take `SchemaPattern.maximumMemory`.
    static let maximumPatterns = 64
    /// More would not help whoever has to mend the schema.
    static let maximumProblems = 50

    init(_ document: JSONDocument, known: [String: String], checksFormats: Bool) {
        sources = SchemaSources(root: document, known: known)
        self.checksFormats = checksFormats
    }

    /// - Throws: all that is wrong.
    mutating func compile() throws(JSONSchemaError) -> SchemaProgram {
        let root = index(of: SchemaLocation(document: 0, index: 0))
        // All that stands in the document, also what nothing refers to: its mistakes are mistakes.
        for location in sources.resourceOf.keys.sorted(by: { $0.index < $1.index }) { _ = index(of: location) }
        compileQueue()
        if !problems.isEmpty { throw JSONSchemaError(problems: problems.sorted(by: SchemaCompiler.comesFirst)) }
        unchecked.sort(by: SchemaCompiler.comesFirst)
        return SchemaProgram(parts, root: root)
    }

    private static func comesFirst(_ left: JSONSchemaProblem, _ right: JSONSchemaProblem) -> Bool {
        left.pointer.utf8.lexicographicallyPrecedes(right.pointer.utf8)
    }

    private mutating func compileQueue() {
        var taken = 0
        while true {
            while taken < queue.count {
                let location = queue[taken]
                taken += 1
                compile(location, into: indexOf[location] ?? 0)
            }
            // A resource that came in later may have the anchor as well, and has more to compile then.
            for (table, name) in dynamicNames.enumerated() {
                for (resource, entry) in sources.resources.enumerated() {
                    guard let anchor = entry.dynamicAnchors[name] else { continue }
                    parts.dynamics[table].anchors[Int32(resource)] = index(of: anchor)
                }
            }
            if taken == queue.count { return }
        }
    }

    /// The index of a place's schema, which is compiled now or later.
    mutating func index(of location: SchemaLocation) -> Int {
        if let known = indexOf[location] { return known }
        let index = parts.nodes.count
        parts.nodes.append(SchemaProgram.Node())
        indexOf[location] = index
        queue.append(location)
        return index
    }

    // MARK: - What is told

    private func pointer(_ location: SchemaLocation) -> String {
        let pointer = sources.documents[location.document].pointer(to: location.index)
        guard location.document > 0 else { return pointer }
        let root = SchemaLocation(document: location.document, index: 0)
        return (sources.resources.first { $0.root == root }?.uri ?? "") + "#" + pointer
    }

    mutating func fail(_ location: SchemaLocation, _ reason: String) {
        guard problems.count < SchemaCompiler.maximumProblems else { return }
        problems.append(JSONSchemaProblem(pointer: pointer(location), reason: reason))
    }

    mutating func note(_ location: SchemaLocation, _ reason: String) {
        guard unchecked.count < SchemaCompiler.maximumProblems else { return }
        unchecked.append(JSONSchemaProblem(pointer: pointer(location), reason: reason))
    }

    // MARK: - One schema

    private mutating func compile(_ location: SchemaLocation, into index: Int) {
        let document = sources.documents[location.document]
        parts.nodes[index].resource = Int32(sources.resourceOf[location] ?? 0)
        switch document.kind(location.index) {
        case .true: return
        case .false: parts.nodes[index].isNever = true
        case .object:
            var reading = SchemaReading(document, location)
            reading.read(&self)
            // A member's check would need what the others evaluated: those come last.
            let checks = reading.checks + reading.lateChecks
            parts.nodes[index].types = reading.types
            parts.nodes[index].tracks = !reading.lateChecks.isEmpty
            parts.nodes[index].checks = Int32(parts.checks.count)..<Int32(parts.checks.count + checks.count)
            parts.checks += checks
        default: fail(location, "a schema must be an object, true or false")
        }
    }

    /// - Returns: nil if the pattern is not checked.
    mutating func pattern(_ source: String, at location: SchemaLocation) -> Int? {
        if let known = patternsBySource[source] {
            if known == nil { note(location, "a pattern that is not checked, as elsewhere in this schema") }
            return known
        }
        var compiled: Int?
        do throws(SchemaPatternProblem) {
            let pattern = try SchemaPattern(source)
            if parts.patterns.count < SchemaCompiler.maximumPatterns {
                compiled = parts.patterns.count
                parts.patterns.append(pattern)
            } else {
                note(location, "only \(SchemaCompiler.maximumPatterns) patterns of a schema are checked")
            }
        } catch {
            switch error {
            case .unchecked(let reason): note(location, reason)
            case .wrong(let reason): fail(location, "is no regular expression: \(reason)")
            }
        }
        patternsBySource[source] = .some(compiled)
        return compiled
    }

    /// - Returns: nil if the reference is not followed.
    mutating func reference(_ text: String, at location: SchemaLocation, in schema: SchemaLocation) -> SchemaLocation? {
        switch sources.target(of: text, in: sources.resourceOf[schema] ?? 0) {
        case .schema(let target): return target
        case .remote: note(location, "leads to another document, which is not looked up")
        case .missing(let reason): fail(location, "leads nowhere: \(reason)")
        }
        return nil
    }

    /// The table of a dynamic reference.
    mutating func dynamic(_ name: String, fallback: Int) -> Int {
        parts.dynamics.append(SchemaProgram.Dynamic(fallback: fallback, anchors: [:]))
        dynamicNames.append(name)
        return parts.dynamics.count - 1
    }
}
