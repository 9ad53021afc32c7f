import Foundation
import Testing

@testable import Models

/// Histories that were copied share their memory: each has what it was given, whoever goes on from where.
@Suite struct HistorySharingTests {
    private static func step(_ name: String, _ number: Int) -> [ModelMessage] {
        let call = ModelToolCall(id: "c\(number % 40)", name: "t", arguments: #"{"of":"\#(name)"}"#)
        return [
            .assistant(text: "\(name) \(number)", calls: [call]),
            .tool(callID: call.id, content: ModelContent(String(repeating: "x", count: number % 7 * 400))),
        ]
    }

    private static func json(_ history: ModelHistory) -> [UInt8] { Array(history.jsonPieces.joined()) }

    /// What one has that was made of the same steps alone.
    private static func alone(_ api: ModelAPI, _ steps: [(name: String, number: Int)]) -> [UInt8] {
        var history = ModelHistory(.json(ModelProfile(api), ModelOrigin()))
        for (name, number) in steps { for message in step(name, number) { history.append(message) } }
        return json(history)
    }

    @Test(arguments: ModelAPI.allCases) func whoGoesOnFromTheSamePlaceHasHisOwn(_ api: ModelAPI) {
        var histories = [ModelHistory(.json(ModelProfile(api), ModelOrigin()))]
        var steps: [[(name: String, number: Int)]] = [[]]
        var random = SystemRandomNumberGenerator()
        for number in 0..<400 {
            let from = Int.random(in: 0..<histories.count, using: &random)
            var (history, past) = (histories[from], steps[from])
            for message in Self.step("n\(number)", number) { history.append(message) }
            past.append(("n\(number)", number))
            // Some go on where they are, some beside the one that they came from.
            if Bool.random(using: &random), histories.count < 20 {
                histories.append(history)
                steps.append(past)
            } else {
                (histories[from], steps[from]) = (history, past)
            }
        }
        for (history, past) in zip(histories, steps) {
            #expect(Self.json(history) == Self.alone(api, past), "\(past)")
        }
    }

    /// One goes on while others, on other threads, read what they hold, and go on from there.
    @Test(arguments: ModelAPI.allCases) func threadsDoNotSeeEachOther(_ api: ModelAPI) async {
        var history = ModelHistory(.json(ModelProfile(api), ModelOrigin()))
        var past: [(name: String, number: Int)] = []
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<120 {
                for message in Self.step("a", number) { history.append(message) }
                past.append(("a", number))
                let (held, heldPast) = (history, past)
                group.addTask {
                    var held = held
                    for message in Self.step("b", number) { held.append(message) }
                    return Self.json(held) == Self.alone(api, heldPast + [("b", number)])
                }
            }
            for await isRight in group { #expect(isRight) }
        }
        #expect(Self.json(history) == Self.alone(api, past))
    }
}
