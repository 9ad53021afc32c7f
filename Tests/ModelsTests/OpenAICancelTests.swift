import Models
import RawServer
import Testing

@Suite(.timeLimit(.minutes(2)), .serialized)
struct OpenAICancelTests {
    /// 50 cancels; the time from `cancel()` until the model's server sees the connection closed.
    @Test(arguments: [false, true])
    func theServerSeesTheCloseAtOnce(streaming: Bool) async throws {
        var latencies: [UInt64] = []
        for _ in 0..<50 {
            let waiting = Latch<Void>()
            let closed = Latch<UInt64>()
            let server = RawServer { connection, _ in
                _ = connection.readRequest()
                if streaming { connection.send(streamHead + chunk(textDelta("a"))) }
                waiting.open()
                closed.open(connection.waitForClose())
            }
            defer { server.stop() }
            let call = OpenAICall(try HTTPModel(baseURL: server.url, key: ""))
            await waiting.value
            if streaming { await call.firstText.value }
            let begin = monotonicNanoseconds()
            call.cancel()
            latencies.append(await closed.value - begin)
            #expect(await call.failure?.kind == .cancelled)
            call.cancel()
            #expect(call.ends == 1)
        }
        latencies.sort()
        let phase = streaming ? "streaming" : "waiting"
        print("cancel while \(phase): seen after \(latencies[25] / 1000) µs (median of 50)")
        #expect(latencies[25] < 5_000_000)
    }

    @Test func atOnceAndAfterTheEnd() async throws {
        let server = RawServer { connection, _ in
            while connection.readRequest() != nil {
                connection.send(streamHead + chunk(textDelta("a") + done) + lastChunk)
            }
        }
        defer { server.stop() }
        let chat = try HTTPModel(baseURL: server.url, key: "")
        for round in 0..<100 {
            let call = OpenAICall(chat)
            if round % 2 == 0 { _ = await call.end.value }
            call.cancel()
            switch await call.end.value {
            case .success(let answer): #expect(answer.text == "a")
            case .failure(let failure): #expect(failure.kind == .cancelled)
            }
            #expect(call.ends == 1)
        }
    }
}
