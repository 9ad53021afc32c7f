import FermataClient
import FermataProtocol
import MockModel
import Testing

/// A run whose model is in the middle of a long answer, of which the service has received something.
enum Streaming {
    static let text = (1...5000).map { "word\($0)" }.joined(separator: " ")

    /// The model streams `text` to whoever says `stream`; it says `Done.` to everything that `turns` (each with a
    /// comma after it) do not answer.
    static func run(
        turns: String = "", _ body: (Service, MockModel, String) async throws -> Void
    ) async throws {
        let script = #"""
            [
              {"match": "user: stream", "text": "\#(text)", "tokens_per_second": 200},
              \#(turns)
              {"match": "", "text": "Done."}
            ]
            """#
        try await Service.run(script: script) { service, model in
            try await body(service, model, try await launch("stream", service))
        }
    }

    /// Launches a run and waits until the service has received text for it.
    static func launch(_ task: String, _ service: Service) async throws -> String {
        let pieces = try await service.client.text()
        let run = try await service.launch(task)
        for await piece in pieces where piece.run == run { break }
        return run
    }
}
