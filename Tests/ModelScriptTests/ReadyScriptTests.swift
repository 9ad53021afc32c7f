import Foundation
import JSON
import ModelScript
import Testing

/// protocol/mock-model: scripts that are ready, and the schema of all of them.
@Suite struct ReadyScriptTests {
    private static let folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "protocol/mock-model")

    private static let scripts =
        (try? FileManager.default.contentsOfDirectory(atPath: folder.path))?
        .filter { $0.hasSuffix(".json") && $0 != "script.schema.json" }.sorted() ?? []

    private func schema() throws -> JSONSchema {
        let file = Self.folder.appending(path: "script.schema.json")
        return try JSONSchema(parsing: try String(contentsOf: file, encoding: .utf8))
    }

    private func problems(_ text: String) throws -> [String] {
        try schema().validate(try JSONDocument(parsing: text)).map(\.description)
    }

    @Test func theyAreReadAndFitTheSchema() throws {
        #expect(Self.scripts.count > 10)
        for name in Self.scripts {
            let file = Self.folder.appending(path: name)
            #expect(throws: Never.self, "\(name)") { try ModelScript(contentsOf: file.path) }
            #expect(try problems(try String(contentsOf: file, encoding: .utf8)) == [], "\(name)")
        }
    }

    /// What one of the two refuses the other does too.
    @Test(arguments: [
        #"[]"#, #"[{"text": ""}]"#,
        #"{"turns": [{"tool_calls": [{"name": "f", "arguments": "{"}]}], "order": "requests"}"#,
        #"[{"text": "x", "fault": {"status": 503, "retry_after": 1, "body": "b"}}]"#,
        #"[{"fault": {"error_after_tokens": 1, "error_status": 529, "code": "c", "message": "m"}, "repeat": true}]"#,
        #"[{"fault": {"end_after_tokens": 0}}]"#,
        #"[{"text": "x", "usage": null, "match": {"regex": "^a"}, "times": 2}]"#,
        #"[{"text": "x", "gate": "a.b", "gate_after_tokens": 2, "quirks": ["crlf", "no_done"]}]"#,
    ]) func whatIsRight(_ text: String) throws {
        #expect(throws: Never.self) { try ModelScript(json: text, file: "test") }
        #expect(try problems(text) == [])
    }

    @Test(arguments: [
        #"{}"#, #""text""#, #"[1]"#, #"[{}]"#, #"[{"txt": "x"}]"#, #"[{"text": 1}]"#, #"[{"tool_calls": [{}]}]"#,
        #"[{"text": "x", "quirks": ["crfl"]}]"#, #"[{"text": "x", "quirks": "crlf"}]"#, #"[{"fault": {}}]"#,
        #"[{"fault": {"status": 200}}]"#, #"[{"fault": {"end_after_tokens": 1, "code": "c"}}]"#,
        #"[{"fault": {"status": 500, "silence_after_tokens": 1}}]"#, #"[{"text": "x", "tokens_per_second": -1}]"#,
        #"[{"text": "x", "gate": "a/b"}]"#, #"[{"text": "x", "times": 0}]"#, #"{"turns": [], "order": "any"}"#,
        #"[{"text": "x", "usage": {"tokens": 1}}]"#, #"[{"text": "x", "match": {}}]"#,
    ]) func whatIsWrong(_ text: String) throws {
        #expect(throws: ScriptError.self) { try ModelScript(json: text, file: "test") }
        #expect(try !problems(text).isEmpty)
    }

    @Test func everyQuirkIsInTheSchema() throws {
        for quirk in ScriptQuirk.allCases {
            #expect(try problems(#"[{"text": "x", "quirks": ["\#(quirk.rawValue)"]}]"#) == [], "\(quirk)")
        }
    }
}
