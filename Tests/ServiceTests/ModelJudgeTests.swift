import FermataClient
import FermataProtocol
import Foundation
import MockModel
import ModelScript
import Testing

extension OneServerAtATime {
    /// The providers' own SDKs read what the scripted model says, and judge what models are sent.
    @Suite(.timeLimit(.minutes(5)), .enabled(if: PythonProgram.python != nil)) struct ModelJudgeTests {
        private static let script = #"""
            [
              {"match": "user: look", "reasoning": "Where am I? ", "text": "I look.",
                "usage": {"prompt_tokens": 100, "completion_tokens": 20, "cached_tokens": 60},
                "tool_calls": [
                  {"name": "terminal", "arguments": {"command": "echo one"}},
                  {"name": "terminal", "arguments": {"command": "echo two"}}]},
              {"match": "user: long", "text": "\#((1...500).map { "word\($0)" }.joined(separator: " "))",
                "usage": {"prompt_tokens": 100, "completion_tokens": 20}, "finish_reason": "length"},
              {"match": "", "text": "Done."}
            ]
            """#
        private static let program = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("model_judge.py").path

        private static let answers: [(String, String, String)] = [
            (
                "chat", "look",
                #"["I look.", [["terminal", "{\"command\":\"echo one\"}"], "#
                    + #"["terminal", "{\"command\":\"echo two\"}"]], "tool_calls", 100, 20]"#
            ),
            (
                "messages", "look",
                #"["I look.", [["terminal", "{\"command\": \"echo one\"}"], "#
                    + #"["terminal", "{\"command\": \"echo two\"}"]], "tool_use", 100, 20]"#
            ),
            (
                "responses", "look",
                #"["I look.", [["terminal", "{\"command\":\"echo one\"}"], "#
                    + #"["terminal", "{\"command\":\"echo two\"}"]], "completed", 100, 20]"#
            ),
            ("messages", "long", #"max_tokens", 100, 20]"#), ("responses", "long", #"incomplete", 100, 20]"#),
            ("chat", "long", #"length", 100, 20]"#),
        ]

        @Test(arguments: answers) func itsStreamsAreRead(api: String, task: String, expected: String) async throws {
            let model = try await MockModel.start(try ModelScript(json: Self.script, file: "test"))
            let (output, errors, code) = try await PythonProgram.run([
                Self.program, "stream", api, model.baseURL, task,
            ])
            await model.stop()
            #expect(code == 0, "\(errors)")
            #expect(output.hasSuffix(expected + "\n"), "\(output)")
        }

        /// Every request of runs with tools, reasoning, images, an interrupt and a correction.
        @Test(arguments: ["chat", "messages", "responses"]) func requestsFitTheirTypes(_ api: String) async throws {
            try await Service.run(over: api, script: Self.script) { service, model in
                let image = try await service.client.send(
                    FermataPutBlob.with {
                        $0.data = Data(
                            [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + Array(repeating: 0, count: 64))
                    }
                ).blob
                let run = try await service.launch("look") {
                    $0.modelOptions.maxOutputTokens = 2000
                    $0.systemPrompt = "Be good."
                    $0.blocks = [
                        .with { $0.text = 4 },
                        .with {
                            $0.image = image
                            $0.image.mediaType = "image/png"
                        },
                    ]
                }
                try await service.wait(run, .finished)
                try await service.send(run, "And then?")
                try await service.wait(run, .finished)
                let cut = try await service.launch("long")
                try await service.wait(cut, .finished)
                let bodies = model.log.entries().compactMap { model.log.entry($0.number)?.body }
                #expect(bodies.count >= 4)
                let file = service.directory + "/bodies"
                try Data(bodies.map { $0 + [10] }.joined()).write(to: URL(fileURLWithPath: file))
                let (output, errors, code) = try await PythonProgram.run([
                    "-c",
                    "import sys; sys.stdin = open(sys.argv[1]); sys.argv[1:] = ['requests', sys.argv[2]]; "
                        + "exec(open('\(Self.program)').read())", file, api,
                ])
                #expect(code == 0, "\(errors)")
                #expect(output == "\(bodies.count)\n")
            }
        }
    }
}
