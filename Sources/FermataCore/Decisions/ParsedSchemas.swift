package import JSON
internal import Synchronization

/// Schemas that were parsed already, by their text. Every call of a model is checked against its tool's schema, and
/// all runs share a few: parsing them took 1.3 million of a step's 1.7 million instructions (callgrind, two built-in
/// tools).
///
/// A memo of what is a pure function of the text. Threads: any.
package final class ParsedSchemas: Sendable {
    package static let shared = ParsedSchemas()

    private struct State {
        var schemas: [String: JSONSchema] = [:]
        var bytes = 0
        var patterns = 0
    }

    private let state = Mutex(State())
    /// Bytes of text; a schema takes several times as much. A run may have tools of 1 MiB, most have some of 2 KiB.
    private let budget: Int
    /// Compiled patterns, each of which may grow to 1 MiB.
    private let patternBudget = 64

    init(budget: Int = 256 << 10) { self.budget = budget }

    /// As `JSONSchema(parsing:)`.
    package func schema(_ text: String) throws(JSONSchemaError) -> JSONSchema {
        if let known = state.withLock({ $0.schemas[text] }) { return known }
        let schema = try JSONSchema(parsing: text)
        let size = text.utf8.count
        let patterns = schema.patternCount
        guard size <= budget, patterns <= patternBudget else { return schema }
        state.withLock { state in
            if state.bytes + size > budget || state.patterns + patterns > patternBudget { state = State() }
            guard state.schemas.updateValue(schema, forKey: text) == nil else { return }
            state.bytes += size
            state.patterns += patterns
        }
        return schema
    }

    /// Bytes of text that are kept.
    var byteCount: Int { state.withLock { $0.bytes } }
}
