import FermataProtocol
import Foundation
import MockModel
import ModelScript
import Testing

extension Service {
    /// A server that may have so many descriptors, hard and soft, with a scripted model, and a webhook or none.
    static func run(
        descriptors: Int, script: String, webhook: String? = nil, _ body: (Service, MockModel) async throws -> Void
    ) async throws {
        let model = try await MockModel.start(try ModelScript(json: script, file: "test"))
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let service = Service(
            directory: directory,
            environment: ["LLM_MODEL": "openai/mock", "LLM_BASE_URL": model.baseURL, "LLM_API_KEY": "test-key-1"],
            arguments: try webhook.map { ["--config", try settings(webhook: $0, in: directory)] } ?? [])
        try service.limit(descriptors: descriptors)
        defer { service.kill() }
        do {
            try await service.start()
            try await body(service, model)
        } catch {
            await model.stop()
            throw error
        }
        await model.stop()
    }

    private static func settings(webhook url: String, in directory: String) throws -> String {
        let secret = "whsec_" + Data("the secret of the tests, 32 bytes".utf8).base64EncodedString()
        try Data(secret.utf8).write(to: URL(fileURLWithPath: directory + "/secret"))
        let file = directory + "/settings.yaml"
        let webhook = "{name: hook, url: \"\(url)\", secret-file: \(directory)/secret, timeout: 30}"
        try Data("webhooks: [\(webhook)]\n".utf8).write(to: URL(fileURLWithPath: file))
        return file
    }

    /// Of the running server: what is open stays open.
    func limitDescriptors(to count: Int) async throws {
        let prlimit = Process()
        prlimit.executableURL = URL(fileURLWithPath: "/usr/bin/prlimit")
        prlimit.arguments = ["--pid", String(process.processIdentifier), "--nofile=\(count):64"]
        try prlimit.run()
        #expect(await prlimit.exitCode() == 0)
    }

    /// From its next start on.
    func limit(descriptors: Int) throws {
        let script = directory + "/limited.sh"
        try Data("#!/bin/sh\nulimit -n \(descriptors)\nexec \(Service.binary) \"$@\"\n".utf8)
            .write(to: URL(fileURLWithPath: script))
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: script)
        executable = script
    }
}
