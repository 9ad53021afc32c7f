import Foundation

extension Service {
    /// Runs a body with a configuration file that has this text, in a directory of its own.
    static func withSettings(
        _ text: String, _ body: (_ directory: String, _ file: String) async throws -> Void
    ) async throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let file = directory + "/settings.yaml"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        try await body(directory, file)
    }
}
