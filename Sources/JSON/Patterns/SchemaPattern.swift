internal import CRE2

/// A compiled `pattern`: ECMA-262's meaning, in time linear in the text.
///
/// RE2's own object, which any number of threads may ask at a time. It is freed with this one.
final class SchemaPattern: @unchecked Sendable {
    // Unchecked: the pointer never changes, and RE2's const functions are safe from any thread (re2.h, "Thread-safety").
    private let pattern: OpaquePointer
    /// As the schema has it.
    let source: String
    private let size: Int

    /// What RE2 may take for a pattern's program and for what it remembers of matching. Larger ones are not checked.
    static let maximumMemory: Int64 = 1 << 20
    /// A translation can be many times as long as its pattern.
    static let maximumLength = 64 << 10

    /// - Throws: why it is not checked, or that it is wrong.
    init(_ source: String) throws(SchemaPatternProblem) {
        let translated = try ECMAPattern.translated(source)
        guard translated.count <= Self.maximumLength else { throw .unchecked("the pattern is too large to be checked") }
        var problem = cre2_none
        let pattern = translated.withUnsafeBytes { bytes in
            cre2_compile(bytes.bindMemory(to: CChar.self).baseAddress, bytes.count, Self.maximumMemory, &problem)
        }
        guard let pattern else {
            throw .unchecked(
                problem == cre2_too_large
                    ? "the pattern is too large to be checked" : "the pattern has something that cannot be checked")
        }
        self.pattern = pattern
        self.source = source
        size = cre2_size(pattern)
    }

    deinit { cre2_free(pattern) }

    func isFound(in text: UnsafeBufferPointer<UInt8>) -> Bool {
        text.withMemoryRebound(to: CChar.self) { cre2_is_found(pattern, $0.baseAddress, $0.count) != 0 }
    }

    /// What looking for it may cost, in steps of the validator: where RE2 runs out of memory for remembered states, it
    /// takes one instruction after the other, of which a step has 32.
    func cost(_ length: Int) -> Int { 1 + length * size / 32 }
}

enum SchemaPatternProblem: Error, Equatable {
    /// It is a valid pattern, or may be one: what of it is not checked here.
    case unchecked(String)
    /// It is no regular expression.
    case wrong(String)
}
