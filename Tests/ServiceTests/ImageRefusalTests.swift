import FermataProtocol
import Foundation
import MockModel
import ModelScript
import Testing

extension OneServerAtATime {
    /// An image that a model's server refuses is said in words from then on, and the run goes on.
    @Suite(.timeLimit(.minutes(2))) struct ImageRefusalTests {
        /// What a server of the API says, at which status.
        private static let refusals: [(api: String, status: Int, error: String)] = [
            ("chat", 500, #"{"code": 500, "message": "image input is not supported - hint: you may need the mmproj"}"#),
            ("chat", 404, #"{"code": 404, "message": "No endpoints found that support image input"}"#),
            (
                "messages", 400,
                #"{"type": "invalid_request_error", "message": "messages.0.content.1: Could not process image"}"#
            ),
            (
                "responses", 400,
                #"{"type": "invalid_request_error", "message": "image_url is only supported by certain models."}"#
            ),
            ("responses", 400, #"{"code": "invalid_image_format", "message": "The image cannot be read."}"#),
        ]
        private static let bytes = Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1])

        @Test(arguments: refusals.indices) func itIsSaidInWords(_ number: Int) async throws {
            let (api, status, error) = Self.refusals[number]
            let text = JSONEncoder.quoted(#"{"error": \#(error)}"#)
            let fault = #"{"fault": {"status": \#(status), "body": \#(text)}}"#
            let script = #"""
                [\#(fault), {"text": "One."}, {"text": "Two."}, \#(fault),
                 {"match": "user: Go on.", "text": "Three."}]
                """#
            let model = try await MockModel.start(try ModelScript(json: script, file: "test"))
            let other = try await MockModel.start(
                try ModelScript(json: #"[{"match": "", "text": "I see it."}]"#, file: "test"))
            let settings = """
                providers:
                - name: blind
                  base-url: \(model.baseURL)
                  api: \(api)
                - name: other
                  base-url: \(other.baseURL)
                  api: \(api)
                """
            try await Service.withSettings(settings) { _, file in
                try await Service.run(arguments: ["--config", file]) { service in
                    try await check(api, service, model, other)
                }
            }
            await model.stop()
            await other.stop()
        }

        /// A file is as an image: it would be sent with every later request.
        @Test(arguments: ["chat", "messages", "responses"]) func aFileThatIsRefusedIsSaidInWords(_ api: String)
            async throws
        {
            let body = JSONEncoder.quoted(#"{"error": {"message": "Invalid file data: unsupported MIME type"}}"#)
            let script = #"[{"fault": {"status": 400, "body": \#(body)}}, {"text": "Done."}]"#
            let model = try await MockModel.start(try ModelScript(json: script, file: "test"))
            let settings = "providers:\n- name: own\n  base-url: \(model.baseURL)\n  api: \(api)\n"
            try await Service.withSettings(settings) { _, file in
                try await Service.run(arguments: ["--config", file]) { service in
                    let blob = try await service.client.send(
                        FermataPutBlob.with { $0.data = Data("%PDF-1.7".utf8) + Self.bytes })
                    let document = FermataBlock.with {
                        $0.file.sha256 = blob.blob.sha256
                        $0.file.mediaType = "application/pdf"
                        $0.file.name = "d.pdf"
                    }
                    let run = try await service.launch("see") {
                        $0.model = "own/m"
                        $0.blocks = [.with { $0.text = 3 }, document]
                    }
                    #expect(try await service.wait(run, .finished, .failed).lastMessage == "Done.")
                    let sent = try model.log.entries().map { String(decoding: try #require($0.body), as: UTF8.self) }
                    let words = "File d.pdf, application/pdf, 17 bytes: this model cannot be shown it"
                    #expect(sent.count == 2 && !sent[0].contains(words) && sent[1].contains(words), "\(sent)")
                }
            }
            await model.stop()
        }

        private func check(
            _ api: String, _ service: Service, _ model: MockModel, _ other: MockModel
        ) async throws {
            let words = "a.png, image/png, 9 bytes: this model cannot be shown it"
            func body(_ model: MockModel, _ number: Int) throws -> String {
                String(decoding: try #require(model.log.entry(number)?.body), as: UTF8.self)
            }
            func images(_ body: String) -> Int {
                body.ranges(of: "iVBORw0KGgoB").count
            }
            let blob = try await service.client.send(FermataPutBlob.with { $0.data = Self.bytes })
            let picture = FermataBlock.with {
                $0.image.sha256 = blob.blob.sha256
                $0.image.mediaType = "image/png"
                $0.image.name = "a.png"
            }
            let run = try await service.launch("see") {
                $0.model = "blind/m"
                $0.blocks = [.with { $0.text = 3 }, picture]
            }
            #expect(try await service.wait(run, .finished, .failed).lastMessage == "One.")
            #expect(try images(body(model, 1)) == 1 && images(body(model, 2)) == 0)
            #expect(try body(model, 2).contains(words))
            let failed = try await service.events(run).compactMap {
                if case .modelFailed(let failed) = $0.kind { failed } else { nil }
            }
            #expect(failed.count == 1 && failed[0].dropsImages && failed[0].failure.kind == "IMAGES_REFUSED")
            #expect(failed[0].model == "blind/m" && failed[0].failure.willRepeat)

            // Those to come as well, over a restart.
            service.kill()
            try await service.start()
            _ = try await service.client.send(
                FermataSend.with {
                    $0.run = run
                    $0.text = "and"
                    $0.blocks = [.with { $0.text = 3 }, picture]
                })
            #expect(try await service.wait(run, .finished, .failed).lastMessage == "Two.")
            let third = try body(model, 3)
            #expect(images(third) == 0 && third.ranges(of: words).count == 2)

            // Where there is none to be left out it is a failure.
            try await service.send(run, "more")
            let refused = try await service.wait(run, .failed, .finished)
            #expect(refused.failure.kind == "UNSUPPORTED_PARAMETER" && model.log.entries().count == 4)

            // Another model is shown them, and this one is not when it is asked again.
            for (name, count) in [("other/m", 2), ("blind/m", 0)] {
                _ = try await service.client.send(
                    FermataResume.with { ($0.run, $0.model, $0.text) = (run, name, "Go on.") })
                #expect(try await service.wait(run, .finished, .failed).status == .finished, "\(name)")
                let asked = name == "other/m" ? other : model
                #expect(try images(body(asked, asked.log.entries().count)) == count, "\(name)")
            }
        }
    }
}

extension JSONEncoder {
    /// A text as JSON has it.
    fileprivate static func quoted(_ text: String) -> String {
        String(decoding: (try? JSONEncoder().encode(text)) ?? Data(), as: UTF8.self)
    }
}
