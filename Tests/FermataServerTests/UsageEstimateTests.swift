import FermataProtocol
import Models
import Testing

@testable import FermataServer

/// What a call is taken to have used that was cut.
@Suite struct UsageEstimateTests {
    @Test func anImageIsNotCountedByItsBytes() {
        let data = [UInt8](repeating: 1, count: 3_000_000)
        func tokens(_ parts: [ModelContent.Part]) -> UInt64 {
            var history = ModelHistory(.json(ModelProfile(), ModelOrigin()))
            history.append(.user(ModelContent(parts: parts)))
            return UsageEstimate(history, toolBytes: 300, model: "mock/x", Prices.builtIn).usage(answerBytes: 30)
                .inputTokens
        }
        let text = tokens([.text(String(repeating: "x", count: 3000))])
        #expect((1100..<1200).contains(text))
        let image = tokens([.image(ModelMedia(type: "image/png", name: "", data: data))])
        #expect((2100..<2300).contains(image))
        let file = tokens([.file(ModelMedia(type: "application/pdf", name: "", data: data))])
        #expect((150_100..<150_300).contains(file))
    }
}
