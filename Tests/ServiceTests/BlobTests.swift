import FermataClient
import FermataProtocol
import Foundation
import MockModel
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// Images and files, from whoever has them to what a model is shown, through restarts, copies and moves.
    @Suite(.timeLimit(.minutes(3))) struct BlobTests {
        private static let script = #"[{"match": "", "text": "Done."}]"#
        /// Begins as a PNG does; nobody here looks further.
        private static let png = Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1, 2, 3])
        private static let url = "data:image/png;base64,\(png.base64EncodedString())"

        private func image(_ service: Service) async throws -> FermataBlock {
            try await service.client.keep(Self.png, named: "plan.png", type: "image/png")
        }

        /// The last request that the model was sent, as text.
        private func request(_ model: MockModel, _ number: Int) throws -> String {
            String(decoding: try #require(model.log.entry(number)?.body), as: UTF8.self)
                .replacing("\\/", with: "/")
        }

        @Test func theyAreKeptOnceAndForEver() async throws {
            try await Service.run(script: "[]") { service, _ in
                let first = try await service.client.send(FermataPutBlob.with { $0.data = Self.png })
                let second = try await service.client.send(FermataPutBlob.with { $0.data = Self.png })
                #expect(first.changed && !second.changed && first.blob == second.blob)
                #expect(first.blob.bytes == UInt64(Self.png.count) && first.blob.sha256.count == 64)
                let large = Data(repeating: 7, count: FermataBlob.maximumBytes)
                let other = try await service.client.send(FermataPutBlob.with { $0.data = large }).blob
                service.kill()
                try await service.start()
                for (blob, data) in [(first.blob, Self.png), (other, large)] {
                    let kept = try await service.client.send(FermataGetBlob.with { $0.sha256 = blob.sha256 }).data
                    #expect(kept == data)
                }
                try await service.check()
            }
        }

        @Test func aModelIsShownWhatAMessageHas() async throws {
            try await Service.run(script: Self.script) { service, model in
                let image = try await image(service)
                let notes = try await service.client.keep(Data("two\nlines".utf8), named: "n.txt", type: "text/plain")
                let run = try await service.launch("look:") { $0.blocks = [image] }
                try await service.wait(run, .finished)
                let first = try request(model, 1)
                #expect(
                    first.contains(
                        #"{"role":"user","content":[{"type":"text","text":"look:"},{"type":"image_url","image_url":{"url":""#
                            + Self.url), "\(first)")
                service.kill()
                try await service.start()
                _ = try await service.client.send(
                    FermataSend.with {
                        $0.run = run
                        $0.text = "ab"
                        $0.blocks = [.with { $0.text = 1 }, notes, .with { $0.text = 1 }]
                    })
                try await service.wait(run, .finished)
                let second = try request(model, 2)
                let messages = second.range(of: #""messages":["#)!.upperBound
                // The past is as it was, also after the service has read it anew.
                #expect(
                    second[messages...].hasPrefix(first[first.range(of: #""messages":["#)!.upperBound...].dropLast(2)))
                #expect(
                    second.contains(
                        #"{"type":"text","text":"a"},{"type":"text","text":"[File n.txt, text/plain, 9 bytes]\ntwo\nlines"},{"type":"text","text":"b"}"#
                    ))
                let queued = try await service.events(run).compactMap { event in
                    if case .messageQueued(let message) = event.kind { message } else { nil }
                }
                #expect(queued[0].blocks.map(\.image.bytes) == [0, UInt64(Self.png.count)])
                try await service.check()
            }
        }

        @Test func aWorkersResultHasAnImage() async throws {
            try await Service.run(script: Worker.script) { service, model in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                let run = try await Worker.launch(service)
                let offer = try await worker.begin()
                let image = try await image(service)
                _ = try await service.client.send(
                    FermataCompleteCall.with {
                        $0.run = offer.run
                        $0.call = offer.call
                        $0.attempt = offer.attempt
                        $0.worker = worker.name
                        $0.result = "Seen."
                        $0.blocks = [image, .with { $0.text = 5 }]
                    })
                try await service.wait(run, .finished)
                let shown = try request(model, 2)
                #expect(
                    shown.contains(#""content":"[Image shown below: plan.png, image/png, 11 bytes]\nSeen.""#),
                    "\(shown)")
                #expect(shown.contains(#"{"type":"image_url","image_url":{"url":""# + Self.url))
                let history = try await service.cli("history", run)
                #expect(history.output.contains("[image: plan.png, image/png, 11 bytes, "), "\(history.output)")
            }
        }

        @Test func whatIsWrongIsRefusedAndNothingHappens() async throws {
            try await Service.run(script: Self.script) { service, _ in
                let run = try await service.launch("")
                let image = try await image(service)
                func send(_ text: String, _ blocks: [FermataBlock]) async throws {
                    _ = try await service.client.send(
                        FermataSend.with {
                            $0.run = run
                            $0.text = text
                            $0.blocks = blocks
                        })
                }
                var unknown = image
                unknown.image.sha256 = String(repeating: "0", count: 64)
                try await service.refused(.noSuchBlob) { try await send("", [unknown]) }
                var jpeg = image
                jpeg.image.mediaType = "image/jpeg"
                try await service.refused(.invalidArgument) { try await send("", [jpeg]) }
                let svg = try await service.client.keep(Data("<svg/>".utf8), named: "a.svg", type: "image/svg+xml")
                #expect(svg.image.sha256.isEmpty && svg.file.mediaType == "image/svg+xml")
                var asImage = image
                asImage.image = svg.file
                try await service.refused(.invalidArgument) { try await send("", [asImage]) }
                try await service.refused(.invalidArgument) { try await send("é", [.with { $0.text = 1 }, image]) }
                try await service.refused(.invalidArgument) { try await send("x", [.with { $0.reasoning = "r" }]) }
                try await service.refused(.invalidArgument) {
                    try await send("", [FermataBlock](repeating: image, count: 65))
                }
                try await service.refused(.invalidArgument) {
                    _ = try await service.launch("x") { $0.blocks = [.with { $0.text = 2 }] }
                }
                try await service.refused(.invalidArgument) { _ = try await service.client.send(FermataPutBlob()) }
                try await service.refused(.invalidArgument) {
                    let data = Data(repeating: 1, count: FermataBlob.maximumBytes + 1)
                    _ = try await service.client.send(FermataPutBlob.with { $0.data = data })
                }
                for text in ["", "0", String(repeating: "A", count: 64), String(repeating: "0", count: 65)] {
                    try await service.refused(.invalidArgument) {
                        _ = try await service.client.send(FermataGetBlob.with { $0.sha256 = text })
                    }
                }
                try await service.refused(.noSuchBlob) {
                    _ = try await service.client.send(
                        FermataGetBlob.with { $0.sha256 = String(repeating: "0", count: 64) })
                }
                #expect(try await service.summary(run).lastSeq == 1)
            }
        }

        @Test func theyTravelWithTheirRun() async throws {
            try await Service.run(script: Self.script) { service, _ in
                let image = try await image(service)
                // More than a page, so that one begins in the middle of a blob.
                let large = try await service.client.keep(
                    Data((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }), named: "l", type: "a/b")
                let run = try await service.launch("look") { $0.blocks = [image, large, image] }
                try await service.wait(run, .finished)
                let text = try await service.export(run)
                let checkpoint = try CheckpointJSON(text)
                let blobs = try #require(checkpoint.document["blobs"] as? [[String: String]])
                #expect(blobs.count == 2)
                #expect(
                    blobs.contains {
                        $0["data"] == Self.png.base64EncodedString() && $0["sha256"] == image.image.sha256
                    })
                try await service.besideAnother { other in
                    // One without its blobs, with another's data, with one too many.
                    var without = checkpoint
                    without.document["blobs"] = nil
                    try await service.refused(.brokenJournal) { try await other.import(without.text()) }
                    var changed = checkpoint
                    changed.document["blobs"] = blobs.map { blob in
                        blob["sha256"] == image.image.sha256
                            ? ["sha256": image.image.sha256, "data": Data("x".utf8).base64EncodedString()] : blob
                    }
                    try await service.refused(.wrongDigest) { try await other.import(changed.text()) }
                    var doubled = checkpoint
                    doubled.document["blobs"] = blobs + blobs
                    try await service.refused(.brokenJournal) { try await other.import(doubled.text()) }
                    // In another order of its members.
                    #expect(try await other.import(checkpoint.text()).run.id == run)
                    let kept = try await other.client.send(FermataGetBlob.with { $0.sha256 = image.image.sha256 }).data
                    #expect(kept == Self.png)
                    #expect(
                        try await CheckpointJSON(other.export(run)).document["blobs"] as? [[String: String]] == blobs)
                    try await other.check()
                }
                let fork = try await service.fork(run) { $0.start = true }.run.id
                #expect(
                    try await CheckpointJSON(service.export(fork)).document["blobs"] as? [[String: String]] == blobs)
                try await service.check()
            }
        }

        @Test func checkFindsWhatIsMissingOrDamaged() async throws {
            try await Service.run(script: Self.script) { service, _ in
                let image = try await image(service)
                let run = try await service.launch("look") { $0.blocks = [image] }
                try await service.wait(run, .finished)
                #expect(await service.terminate() == 0)
                for (damage, expected) in [
                    ("UPDATE blobs SET data = x'00'", "its data has another digest"),
                    ("DELETE FROM blobs", "is not in the store"),
                    ("DELETE FROM blob_uses", "has no row that says so"),
                ] {
                    try service.change(damage)
                    let (code, output, errors) = try await Service.cli(["check"], directory: service.directory)
                    #expect(code == 1 && (output + errors).contains(expected), "\(damage): \(output)\(errors)")
                }
            }
        }

        @Test func theCommandLineAttachesFiles() async throws {
            try await Service.run(script: Self.script) { service, model in
                let file = service.directory + "/plan.png"
                try Self.png.write(to: URL(fileURLWithPath: file))
                let launched = try await service.cli("launch", "--attach", file, "--wait", "look:")
                #expect(launched.code == 0 && launched.output == "Done.\n", "\(launched)")
                #expect(try request(model, 1).contains(Self.url))
                let put = try await service.cli("blob", "put", file)
                let sha256 = put.output.trimmingCharacters(in: .newlines)
                let json = try await service.cli("blob", "get", "--json", sha256)
                #expect(json.output.contains(Self.png.base64EncodedString()), "\(json)")
                for arguments in [
                    ["blob", "put", "/nowhere"], ["blob", "get", "xyz"], ["launch", "--attach", "/", "x"],
                ] {
                    let (code, _, errors) = try await Service.cli(arguments, directory: service.directory)
                    #expect(code != 0 && !errors.isEmpty, "\(arguments)")
                }
            }
        }

        @Test(.enabled(if: PythonProgram.python != nil, "FERMATA_PYTHON names no python3"))
        func aWorkerInPythonReturnsAnImage() async throws {
            try await Service.run(script: Worker.script) { service, model in
                let program = PythonProgram(
                    [
                        "-c",
                        """
                        import threading, fermata
                        client = fermata.Client()
                        png = b"\\x89PNG\\r\\n\\x1a\\n\\x01\\x02\\x03"
                        worker = fermata.Worker(client)
                        @worker.tool
                        def search(q: str):
                            return ["Seen é:", fermata.Attachment(png, "plan.png"), "below"]
                        threading.Thread(target=worker.run, daemon=True).start()
                        while "search" not in [tool.spec.name for tool in client.list_tools()]: pass
                        run = client.launch(["look é", fermata.Attachment(b"text", "n.txt")], tools=["search"]).run.id
                        print(client.wait_until(run, "FINISHED", "FAILED").last_message, flush=True)
                        print(client.get_blob("\(Self.digest)") == png, flush=True)
                        """,
                    ], service: service)
                defer { program.kill() }
                var lines: [String] = []
                for await line in try program.start() { lines.append(line) }
                let end = await program.end()
                #expect(lines == ["Done.", "True"] && end.code == 0, "\(lines) \(end.errors)")
                let shown = try request(model, 2)
                #expect(
                    shown.contains(#""content":"Seen é:\n[Image shown below: plan.png, image/png, 11 bytes]\nbelow""#))
                #expect(shown.contains(Self.url) && shown.contains(#"{"type":"text","text":"look é"}"#))
            }
        }

        /// Of `png`, by `sha256sum`.
        private static let digest = "7f47b756761a46e6d4a4d96f0d8a4448f8449235009d1f3ad1493f5c773c19e8"
    }
}
