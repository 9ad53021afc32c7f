import FermataProtocol
import Testing

/// The registry in Swift and the table in protocol/README.md are the same, word for word.
struct ErrorCodeTests {
    @Test func theDocumentHasTheRegistry() throws {
        let rows = try Repository.text("protocol/README.md").split(separator: "\n")
            .drop { $0 != "| code | class | retryable | cause | remedy |" }.dropFirst(2)
            .prefix { $0.hasPrefix("|") }
        let registry = ErrorCode.registry.map { code in
            "| "
                + ["`\(code.name)`", code.class.name, code.retryable ? "yes" : "no", code.cause, code.remedy]
                .joined(separator: " | ") + " |"
        }
        #expect(rows.map(String.init) == registry)
    }

    @Test func everyCodeHasACauseAndARemedy() {
        #expect(Set(ErrorCode.registry).count == ErrorCode.registry.count)
        for code in ErrorCode.registry {
            #expect(code.name.wholeMatch(of: /[A-Z]+(_[A-Z]+)*/) != nil, "\(code)")
            #expect(code.cause.hasSuffix(".") && code.remedy.hasSuffix("."), "\(code)")
            #expect(!code.cause.contains("|") && !code.remedy.contains("|"), "\(code)")
            #expect(code.retryable == (code.class == .unavailable), "\(code)")
        }
    }

    /// A code that is written in the source and not in the registry would not be in the document either.
    @Test func theRegistryIsComplete() throws {
        let source = try Repository.text("Sources/FermataProtocol/ErrorCode.swift")
        let names = source.matches(of: /name: "([A-Z_]+)", class:/).map { String($0.1) }
        #expect(names == ErrorCode.registry.map(\.name))
    }

    @Test func aRefusalAsMessage() {
        let refusal = Refusal(.stale, "the run has moved on", details: ["seq": "7", "field": "if_seq"])
        let error = refusal.asMessage
        #expect(error.code == "STALE")
        #expect(error.class == "STATE")
        #expect(error.message == "the run has moved on")
        #expect(!error.retryable && error.retryAfterMs == 0)
        #expect(error.details.map(\.key) == ["field", "seq"])
        #expect(error.details.map(\.value) == ["if_seq", "7"])
        let later = Refusal(.overloaded, "too much").asMessage
        #expect(later.retryable && later.retryAfterMs > 0)
    }
}
