import Foundation
import Testing

@testable import JSON

/// The official JSON-Schema-Test-Suite, draft 2020-12, as PyPI's jsonschema 4.26.0 ships it (Suite/LICENSE).
@Suite struct SuiteTests {
    private struct Group: Decodable {
        struct Case: Decodable {
            var description: String
            var valid: Bool
        }

        var description: String
        var tests: [Case]
    }

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Suite")

    /// What the suite serves at http://localhost:1234.
    private static let remotes: [String: String] = {
        let root = folder.appending(path: "remotes")
        var documents: [String: String] = [:]
        let files = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
        for file in files where file.hasSuffix(".json") {
            documents["http://localhost:1234/" + file] = try? String(
                contentsOf: root.appending(path: file), encoding: .utf8)
        }
        return documents
    }()

    private struct Outcome {
        var agreed = 0
        var different: [String] = []
        /// Schemas that refer to other documents.
        var remote: [String] = []
        var refused: [String] = []
        var unchecked: [String] = []
    }

    /// - Parameter remotes: the documents that references may lead to.
    private func run(_ path: String, remotes: [String: String], formats: Bool, into outcome: inout Outcome) throws {
        let data = try Data(contentsOf: Self.folder.appending(path: path))
        let document = try JSONDocument(parsing: Array(data), .init(maximumDepth: 128, checksUTF8: true))
        for (group, index) in zip(try JSONDecoder().decode([Group].self, from: data), document.elements(0)) {
            let schema = try #require(document.member("schema", of: index))
            let cases = document.elements(try #require(document.member("tests", of: index)))
            let name = "\(path): \(group.description)"
            let compiled: JSONSchema
            do {
                compiled = try JSONSchema(parsing: document.source(schema), documents: remotes, checksFormats: formats)
            } catch {
                outcome.refused.append("\(name): \(error)")
                continue
            }
            if compiled.unchecked.contains(where: { $0.reason.contains("another document") }) {
                outcome.remote += group.tests.map { "\(name): \($0.description)" }
                continue
            }
            outcome.unchecked += compiled.unchecked.map { "\(name): \($0)" }
            for (test, place) in zip(group.tests, cases) {
                let data = try #require(document.member("data", of: place))
                let value = try JSONDocument(parsing: document.source(data), maximumDepth: 64)
                let messages = compiled.validate(value)
                #expect(messages.isEmpty == compiled.accepts(value))
                if messages.isEmpty == test.valid {
                    outcome.agreed += 1
                } else {
                    outcome.different.append("\(name): \(test.description): \(messages)")
                }
            }
        }
    }

    private static func files(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: Self.folder.appending(path: folder).path)
            .filter { $0.hasSuffix(".json") }.sorted().map { folder + "/" + $0 }
    }

    @Test func everyMandatoryCaseAgrees() throws {
        var outcome = Outcome()
        for file in try Self.files("draft2020-12") {
            try run(file, remotes: Self.remotes, formats: false, into: &outcome)
        }
        #expect(outcome.different == [])
        #expect(outcome.refused == [])
        #expect(outcome.remote == [])
        #expect(outcome.unchecked == [])
        #expect(outcome.agreed == 1257)
    }

    /// As in the service, where nothing is looked up: these are left out, and only these.
    @Test func remoteReferencesAreLeftOutByName() throws {
        var outcome = Outcome()
        for file in try Self.files("draft2020-12") { try run(file, remotes: [:], formats: false, into: &outcome) }
        // Other than those left out: a dialect whose metaschema is remote is taken for the standard one.
        #expect(
            outcome.different.map { String($0.prefix { $0 != "[" }) } == [
                "draft2020-12/vocabulary.json: schema that uses custom metaschema with with no validation vocabulary: "
                    + "no validation: invalid number, but it still validates: "
            ])
        #expect(outcome.refused == [])
        #expect(outcome.unchecked == [])
        let files = Dictionary(grouping: outcome.remote) { String($0.prefix { $0 != ":" }) }.mapValues(\.count)
        #expect(files == Self.leftOut)
        #expect(outcome.agreed == 1257 - 1 - Self.leftOut.values.reduce(0, +))
    }

    private static let leftOut = ["draft2020-12/dynamicRef.json": 13, "draft2020-12/refRemote.json": 31]

    @Test func optionalCasesAgree() throws {
        var outcome = Outcome()
        for file in try Self.files("draft2020-12/optional") {
            try run(file, remotes: Self.remotes, formats: false, into: &outcome)
        }
        for file in try Self.files("draft2020-12/optional/format") {
            try run(file, remotes: Self.remotes, formats: true, into: &outcome)
        }
        #expect(outcome.different == [])
        #expect(outcome.refused == [])
        #expect(outcome.unchecked == [])
        #expect(outcome.agreed == 339)
    }
}
