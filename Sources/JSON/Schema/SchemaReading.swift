/// Reads the keywords of one schema object.
struct SchemaReading {
    let document: JSONDocument
    let location: SchemaLocation
    var types = TypeMask.all
    var checks: [SchemaProgram.Check] = []
    /// Those that need to know what the others evaluated.
    var lateChecks: [SchemaProgram.Check] = []
    private let keywords: [(key: String, value: Int)]

    init(_ document: JSONDocument, _ location: SchemaLocation) {
        self.document = document
        self.location = location
        keywords = document.members(location.index)
    }

    private func at(_ index: Int) -> SchemaLocation { SchemaLocation(document: location.document, index: index) }

    private func value(_ keyword: String) -> Int? { keywords.first { $0.key == keyword }?.value }

    /// In the order in which they are checked: what is cheap comes first.
    mutating func read(_ compiler: inout SchemaCompiler) {
        if compiler.sources.resources[compiler.sources.resourceOf[location] ?? 0].validates {
            readTypes(&compiler)
            readConstants(&compiler)
            readLimits(&compiler)
        }
        readStrings(&compiler)
        readObject(&compiler)
        readArray(&compiler)
        readDependents(&compiler)
        readReferences(&compiler)
        readGroups(&compiler)
        for (keyword, expected) in [("$id", "a text"), ("$anchor", "a text"), ("$dynamicAnchor", "a text")] {
            if let value = value(keyword), document.kind(value) != .string {
                compiler.fail(at(value), "must be \(expected)")
            }
        }
        for keyword in ["$defs", "definitions"] {
            if let value = value(keyword), document.kind(value) != .object {
                compiler.fail(at(value), "must be an object")
            }
        }
    }

    // MARK: - Values of keywords

    /// A count: an integer that is not negative, also as 1.0.
    private func count(_ keyword: String, _ compiler: inout SchemaCompiler) -> Int? {
        guard let value = value(keyword) else { return nil }
        if document.kind(value) == .number {
            let count = document.withNumber(value) { number -> Int? in
                guard number.isInteger, !number.isNegative || number.isZero else { return nil }
                return number.small
                    ?? (number.isZero ? 0 : Int(exactly: Double(document.text(value)) ?? .infinity) ?? .max)
            }
            if let count { return count }
        }
        compiler.fail(at(value), "must be an integer, 0 or more")
        return nil
    }

    /// A number: its copy among the constants.
    private func number(_ keyword: String, _ compiler: inout SchemaCompiler) -> Int? {
        guard let value = value(keyword) else { return nil }
        guard document.kind(value) == .number else {
            compiler.fail(at(value), "must be a number")
            return nil
        }
        return compiler.parts.constants.add(value, of: document)
    }

    private func strings(_ value: Int, _ compiler: inout SchemaCompiler) -> [String]? {
        let elements = document.elements(value)
        guard document.kind(value) == .array, elements.allSatisfy({ document.kind($0) == .string }) else {
            compiler.fail(at(value), "must be an array of strings")
            return nil
        }
        return elements.map(document.text)
    }

    /// A schema, which is compiled later, and told of then if it is none.
    private func schema(_ keyword: String, _ compiler: inout SchemaCompiler) -> Int? {
        value(keyword).map { compiler.index(of: at($0)) }
    }

    private func schemas(_ value: Int, _ compiler: inout SchemaCompiler) -> [Int]? {
        let elements = document.elements(value)
        guard document.kind(value) == .array, !elements.isEmpty else {
            compiler.fail(at(value), "must be an array of schemas, of one at least")
            return nil
        }
        return elements.map { compiler.index(of: at($0)) }
    }

    private func members(_ keyword: String, _ compiler: inout SchemaCompiler) -> [(key: String, value: Int)] {
        guard let value = value(keyword) else { return [] }
        if document.kind(value) != .object { compiler.fail(at(value), "must be an object") }
        return document.members(value)
    }

    // MARK: - Any value

    private mutating func readTypes(_ compiler: inout SchemaCompiler) {
        guard let value = value("type") else { return }
        var names: [(name: String, value: Int)] = []
        if document.kind(value) == .string {
            names = [(document.text(value), value)]
        } else if let list = strings(value, &compiler) {
            names = Array(zip(list, document.elements(value)))
            if names.isEmpty { compiler.fail(at(value), "must name a type") }
        } else {
            return
        }
        types = []
        for (name, place) in names {
            if let type = TypeMask.named.first(where: { $0.name == name }) {
                types.formUnion(type.mask)
            } else {
                compiler.fail(at(place), "must be one of \(TypeMask.named.map(\.name).joined(separator: ", "))")
            }
        }
    }

    private mutating func readConstants(_ compiler: inout SchemaCompiler) {
        if let value = value("enum") {
            if document.kind(value) == .array {
                addConstants(document.elements(value), &compiler)
            } else {
                compiler.fail(at(value), "must be an array")
            }
        }
        if let value = value("const") { addConstants([value], &compiler) }
    }

    private mutating func addConstants(_ values: [Int], _ compiler: inout SchemaCompiler) {
        let copies = values.map { compiler.parts.constants.add($0, of: document) }
        let hashed = zip(values, copies).map { value, copy in
            (hash: document.withWalk { $0.hash(of: value) }, index: copy)
        }
        compiler.parts.lists.append(
            .init(values: hashed.sorted { ($0.hash, $0.index) < ($1.hash, $1.index) }, order: copies))
        checks.append(.constants(compiler.parts.lists.count - 1))
    }

    private mutating func readLimits(_ compiler: inout SchemaCompiler) {
        if let count = count("minLength", &compiler) { checks.append(.minLength(count)) }
        if let count = count("maxLength", &compiler) { checks.append(.maxLength(count)) }
        readRange(&compiler)
        if let number = number("multipleOf", &compiler), let value = value("multipleOf") {
            if document.withNumber(value, { $0.isZero || $0.isNegative }) {
                compiler.fail(at(value), "must be more than 0")
            } else {
                checks.append(.multipleOf(number))
            }
        }
        if let count = count("minItems", &compiler) { checks.append(.minItems(count)) }
        if let count = count("maxItems", &compiler) { checks.append(.maxItems(count)) }
        if let value = value("uniqueItems") {
            switch document.kind(value) {
            case .true: checks.append(.uniqueItems)
            case .false: break
            default: compiler.fail(at(value), "must be true or false")
            }
        }
        if let count = count("minProperties", &compiler) { checks.append(.minProperties(count)) }
        if let count = count("maxProperties", &compiler) { checks.append(.maxProperties(count)) }
    }

    /// With draft 4's flags, which generators for OpenAPI 3.0 write: `exclusiveMinimum` true beside a `minimum`.
    private mutating func readRange(_ compiler: inout SchemaCompiler) {
        func isFlag(_ keyword: String) -> Bool? {
            switch value(keyword).map(document.kind) {
            case .true: true
            case .false: false
            default: nil
            }
        }
        let (exclusiveMinimum, exclusiveMaximum) = (isFlag("exclusiveMinimum"), isFlag("exclusiveMaximum"))
        if let number = number("minimum", &compiler) {
            checks.append(exclusiveMinimum == true ? .exclusiveMinimum(number) : .minimum(number))
        }
        if let number = number("maximum", &compiler) {
            checks.append(exclusiveMaximum == true ? .exclusiveMaximum(number) : .maximum(number))
        }
        if exclusiveMinimum == nil, let number = number("exclusiveMinimum", &compiler) {
            checks.append(.exclusiveMinimum(number))
        }
        if exclusiveMaximum == nil, let number = number("exclusiveMaximum", &compiler) {
            checks.append(.exclusiveMaximum(number))
        }
    }

    private mutating func readStrings(_ compiler: inout SchemaCompiler) {
        if let value = value("pattern") {
            if document.kind(value) != .string {
                compiler.fail(at(value), "must be a text")
            } else if let pattern = compiler.pattern(document.text(value), at: at(value)) {
                checks.append(.pattern(pattern))
            } else {
                checks.append(.unknown(.string))
            }
        }
        if let value = value("format") {
            if document.kind(value) != .string {
                compiler.fail(at(value), "must be a text")
            } else if compiler.checksFormats, let format = SchemaFormat(rawValue: document.text(value)) {
                checks.append(.format(format))
            }
        }
    }

    // MARK: - Objects

    private mutating func readObject(_ compiler: inout SchemaCompiler) {
        var names: [[UInt8]: SchemaProgram.Name] = [:]
        var table = SchemaProgram.ObjectTable()
        for (name, value) in members("properties", &compiler) {
            names[Array(name.utf8)] = .init(bytes: Array(name.utf8), schema: Int32(compiler.index(of: at(value))))
        }
        let validates = compiler.sources.resources[compiler.sources.resourceOf[location] ?? 0].validates
        if validates, let value = value("required"), let required = strings(value, &compiler) {
            for name in required {
                names[Array(name.utf8), default: .init(bytes: Array(name.utf8))].isRequired = true
            }
        }
        for (source, value) in members("patternProperties", &compiler) {
            let schema = compiler.index(of: at(value))
            if let pattern = compiler.pattern(source, at: at(value)) {
                table.patterns.append((pattern, schema))
            } else {
                table.hasUncheckedPatterns = true
            }
        }
        if let value = value("additionalProperties") {
            if table.hasUncheckedPatterns {
                compiler.note(at(value), "depends on a pattern that is not checked")
            } else {
                table.additional = compiler.index(of: at(value))
                table.isClosed = document.kind(value) == .false
            }
        }
        table.names = names.values.sorted { SchemaProgram.comesBefore($0.bytes, $1.bytes) }
        table.requiredCount = table.names.count { $0.isRequired }
        if !table.names.isEmpty || !table.patterns.isEmpty || table.additional != nil || table.hasUncheckedPatterns {
            compiler.parts.objects.append(table)
            checks.append(.object(compiler.parts.objects.count - 1))
        }
        if let schema = schema("propertyNames", &compiler) { checks.append(.propertyNames(schema)) }
        if let schema = schema("unevaluatedProperties", &compiler) { lateChecks.append(.unevaluatedProperties(schema)) }
    }

    private mutating func readDependents(_ compiler: inout SchemaCompiler) {
        var dependents: [SchemaProgram.Dependent] = []
        for (name, value) in members("dependentRequired", &compiler) {
            guard let required = strings(value, &compiler) else { continue }
            dependents.append(.init(name: Array(name.utf8), required: required.map { Array($0.utf8) }))
        }
        for (name, value) in members("dependentSchemas", &compiler) {
            dependents.append(.init(name: Array(name.utf8), required: [], schema: compiler.index(of: at(value))))
        }
        // Both of them, as they were called before 2019.
        for (name, value) in members("dependencies", &compiler) {
            if document.kind(value) == .array {
                guard let required = strings(value, &compiler) else { continue }
                dependents.append(.init(name: Array(name.utf8), required: required.map { Array($0.utf8) }))
            } else {
                dependents.append(.init(name: Array(name.utf8), required: [], schema: compiler.index(of: at(value))))
            }
        }
        guard !dependents.isEmpty else { return }
        compiler.parts.dependents.append(dependents)
        checks.append(.dependents(compiler.parts.dependents.count - 1))
    }

    // MARK: - Arrays

    private mutating func readArray(_ compiler: inout SchemaCompiler) {
        var table = SchemaProgram.ArrayTable()
        if let value = value("prefixItems"), let schemas = schemas(value, &compiler) { table.prefix = schemas }
        if let value = value("items") {
            // Before 2020, a list was what `prefixItems` is now, and `additionalItems` what `items` is.
            if document.kind(value) == .array {
                table.prefix = document.elements(value).map { compiler.index(of: at($0)) }
                table.rest = schema("additionalItems", &compiler)
            } else {
                table.rest = compiler.index(of: at(value))
            }
        }
        if !table.prefix.isEmpty || table.rest != nil {
            compiler.parts.arrays.append(table)
            checks.append(.items(compiler.parts.arrays.count - 1))
        }
        let least = count("minContains", &compiler)
        let most = count("maxContains", &compiler)
        if let schema = schema("contains", &compiler) {
            compiler.parts.contains.append(.init(schema: schema, least: least ?? 1, most: most ?? .max))
            checks.append(.contains(compiler.parts.contains.count - 1))
        }
        if let schema = schema("unevaluatedItems", &compiler) { lateChecks.append(.unevaluatedItems(schema)) }
    }

    // MARK: - Schemas of the same value

    private mutating func readReferences(_ compiler: inout SchemaCompiler) {
        if let value = value("$ref") {
            if document.kind(value) != .string {
                compiler.fail(at(value), "must be a text")
            } else if let target = compiler.reference(document.text(value), at: at(value), in: location) {
                checks.append(.reference(compiler.index(of: target)))
            } else {
                checks.append(.unknown(.all))
            }
        }
        if let value = value("$dynamicRef") {
            if document.kind(value) != .string {
                compiler.fail(at(value), "must be a text")
            } else if let target = compiler.reference(document.text(value), at: at(value), in: location) {
                readDynamic(document.text(value), target, &compiler)
            } else {
                checks.append(.unknown(.all))
            }
        }
        if let value = value("$recursiveRef") {
            compiler.note(at(value), "a keyword of 2019-09 that is not checked")
            checks.append(.unknown(.all))
        }
    }

    private mutating func readDynamic(_ text: String, _ target: SchemaLocation, _ compiler: inout SchemaCompiler) {
        let fallback = compiler.index(of: target)
        let name = SchemaURI.resolve(text, against: "").fragment
        let resource = compiler.sources.resources[compiler.sources.resourceOf[target] ?? 0]
        // It is dynamic only if what it names is so.
        guard resource.dynamicAnchors[name] == target else { return checks.append(.reference(fallback)) }
        checks.append(.dynamicReference(compiler.dynamic(name, fallback: fallback)))
    }

    private mutating func readGroups(_ compiler: inout SchemaCompiler) {
        func group(_ schemas: [Int]) -> Int {
            compiler.parts.groups.append(schemas)
            return compiler.parts.groups.count - 1
        }
        if let value = value("allOf"), let schemas = schemas(value, &compiler) { checks.append(.allOf(group(schemas))) }
        if let value = value("anyOf"), let schemas = schemas(value, &compiler) { checks.append(.anyOf(group(schemas))) }
        if let value = value("oneOf"), let schemas = schemas(value, &compiler) { checks.append(.oneOf(group(schemas))) }
        if let schema = schema("not", &compiler) { checks.append(.not(schema)) }
        let (condition, then, otherwise) = (
            schema("if", &compiler), schema("then", &compiler), schema("else", &compiler)
        )
        if let condition { checks.append(.conditional(group([condition, then ?? -1, otherwise ?? -1]))) }
    }
}
