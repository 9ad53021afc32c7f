import Foundation
import Testing

extension OneServerAtATime {
    /// LiteLLM's proxy stands between the service and the scripted model: each check of litellm_judge.py holds.
    @Suite(.timeLimit(.minutes(6)), .enabled(if: PythonProgram.python != nil)) struct LiteLLMJudgeTests {
        private static let program = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("litellm_judge.py").path

        @Test func runsGoThroughTheProxy() async throws {
            let (output, errors, code) = try await PythonProgram.run([Self.program, Service.binary])
            #expect(code == 0, "\(errors)\n\(output)")
            // Nothing is silently not there.
            #expect(output.contains(/\d\d\d checks, 0 wrong/), "\(output)")
        }
    }
}
