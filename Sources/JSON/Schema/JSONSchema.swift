/// JSON Schema, draft 2020-12: all keywords and vocabularies, compiled once.
///
/// - A valid schema is never refused. Keywords that are unknown are annotations, as are `content…` and those values of
///   `format` that are not checked (`SchemaFormat`). What generators write of older drafts has its meaning:
///   `definitions`, `dependencies`, `items` as a list with `additionalItems`, `exclusiveMinimum: true`.
/// - References go to any place and anchor of the same document, to what is embedded in it, to 2020-12's metaschema, and
///   to documents that were given. Others are not looked up; patterns with look-around or back-references, and those
///   that are too large, are not matched: `unchecked` names them all.
/// - Numbers are compared exactly, whatever their size.
/// - Work is bounded: a value that takes too much of it does not fit, and the reason says so.
///
/// Threads: any.
package struct JSONSchema: Sendable {
    let program: SchemaProgram
    /// What of the schema is taken and not checked: where, and why.
    package let unchecked: [JSONSchemaProblem]

    /// What a schema may be nested.
    package static let maximumDepth = 128
    /// More would not help whoever has to correct the value.
    package static let maximumMessages = 20
    /// Steps that every value has; it has eight more for each of its own values, and one for each byte: a pattern of usual
    /// size is looked for in a text of any length.
    package static let defaultSteps = 500_000

    /// - Parameters:
    ///   - documents: other schemas that references may lead to, by their URIs.
    ///   - checksFormats: `format` is more than an annotation where that is cheap and certain.
    /// - Throws: all that is wrong with it.
    package init(
        parsing text: String, documents: [String: String] = [:], checksFormats: Bool = true
    ) throws(JSONSchemaError) {
        let document: JSONDocument
        do throws(JSONFault) {
            document = try JSONDocument(parsing: text, maximumDepth: Self.maximumDepth)
        } catch {
            throw JSONSchemaError(problems: [.init(pointer: "", reason: "\(error)")], isNotJSON: true)
        }
        var compiler = SchemaCompiler(document, known: documents, checksFormats: checksFormats)
        program = try compiler.compile()
        unchecked = compiler.unchecked
    }

    /// How many patterns it has compiled, each of which may take `SchemaPattern.maximumMemory`.
    package var patternCount: Int { program.patterns.count }

    /// Whether a value fits; that takes no more than finding out what is wrong.
    package func accepts(_ value: JSONDocument) -> Bool {
        value.withWalk { walk in
            program.constants.withWalk { constants in
                var validator = SchemaValidator(program, walk, constants, steps: Self.steps(for: walk))
                return validator.fits(program.root, 0, tracks: false)
            }
        }
    }

    /// What is wrong with a value: nothing, or a message for each place.
    package func validate(_ value: JSONDocument, at index: Int = 0) -> [JSONSchemaMessage] {
        validate(value, at: index, against: program.root)
    }

    func validate(_ value: JSONDocument, at index: Int, against schema: Int) -> [JSONSchemaMessage] {
        value.withWalk { walk in
            program.constants.withWalk { constants in
                let steps = Self.steps(for: walk)
                var validator = SchemaValidator(program, walk, constants, steps: steps)
                if validator.fits(schema, index, tracks: false) { return [] }
                if !validator.isExhausted {
                    validator = SchemaValidator(program, walk, constants, steps: steps)
                    validator.isCollecting = true
                    _ = validator.fits(schema, index, tracks: false)
                    if !validator.findings.isEmpty {
                        return validator.findings.map {
                            JSONSchemaMessage(pointer: walk.pointer(to: $0.place), keyword: $0.keyword, reason: $0.text)
                        }
                    }
                }
                return [.tooMuchWork]
            }
        }
    }

    private static func steps(for value: JSONWalk) -> Int { defaultSteps + 8 * value.nodes.count + value.bytes.count }
}

/// What is wrong at one place of a value. Says what was expected and nothing of what was found: that may be a secret.
package struct JSONSchemaMessage: Sendable, Equatable, CustomStringConvertible {
    /// JSON pointer into the value; long names in it are cut.
    package var pointer: String
    /// The keyword that it does not fit; `steps` where the check was given up.
    package var keyword: String
    /// Goes on after the place: "must be a string".
    package var reason: String

    package var description: String { (pointer.isEmpty ? "the value" : pointer) + " " + reason }

    /// The check was given up: as a check of arguments that is a refusal.
    static let tooMuchWork = JSONSchemaMessage(
        pointer: "", keyword: "steps",
        reason: "is too much work to check against this schema, or nested too deep for it")
}

/// One place of a schema and what there is to say of it.
package struct JSONSchemaProblem: Sendable, Equatable, CustomStringConvertible {
    /// JSON pointer to the keyword's value; behind the URI of its document, if this is another one.
    package var pointer: String
    package var reason: String

    package init(pointer: String, reason: String) {
        self.pointer = pointer
        self.reason = reason
    }

    package var description: String { "\(pointer.isEmpty ? "its root" : pointer): \(reason)" }
}

/// All that is wrong with a schema, at most fifty places.
package struct JSONSchemaError: Error, Sendable, Equatable, CustomStringConvertible {
    /// In the order of their pointers; never empty.
    package var problems: [JSONSchemaProblem]
    /// The text is no JSON at all.
    package var isNotJSON = false

    package var description: String { "the schema at " + problems.map(\.description).joined(separator: "; at ") }
}
