import FermataProtocol
import Testing

@Suite struct HarnessTests {
    @Test func aRunFinishes() async throws {
        try await Service.run(script: #"[{"text": "Done."}]"#) { service, _ in
            let run = try await service.launch()
            let summary = try await service.wait(run, .finished)
            #expect(summary.lastMessage == "Done.")
            #expect(await service.terminate() == 0)
        }
    }
}
