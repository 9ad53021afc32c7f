import FermataClient
import FermataProtocol
import Foundation
import Testing

extension OneServerAtATime {
    /// More than the server takes is answered at once, before memory grows.
    @Suite(.timeLimit(.minutes(2))) struct OverloadTests {
        /// Another program has the store's write lock: the loop waits for it, and what comes meanwhile piles up.
        private func whileTheLoopWaits(_ service: Service, _ run: String, _ body: () async throws -> Void) async throws
        {
            let process = Process()
            let (input, output) = (Pipe(), Pipe())
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = [
                "python3", "-c",
                "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
                    + "c.execute('BEGIN IMMEDIATE'); print('locked', flush=True); sys.stdin.read(); c.execute('ROLLBACK')",
                service.directory + "/fermata.db",
            ]
            process.standardInput = input
            process.standardOutput = output
            try process.run()
            for await line in output.lines where line == "locked" { break }
            do {
                try await body()
            } catch {
                try input.fileHandleForWriting.close()
                throw error
            }
            try input.fileHandleForWriting.close()
            _ = await process.exitCode()
        }

        @Test func requestsInProgressAreCounted() async throws {
            try await Service.run(script: "[]") { service, _ in
                let run = try await service.launch("")
                try await service.pause(run)
                try await whileTheLoopWaits(service, run) {
                    let outcome = try await Abuser.run(service, "burst", "300", "100", run)
                    let outcomes = try #require(outcome.outcomes)
                    print("300 at once: \(outcomes), the first after \(outcome.first ?? [:]) s")
                    #expect(outcomes["OVERLOADED", default: 0] >= 60)
                    // The others were taken, and waited for the store.
                    #expect(outcomes["STORE_FULL", default: 0] >= 192)
                    #expect(outcome.first?["OVERLOADED"] ?? 9 < outcome.first?["STORE_FULL"] ?? 0)
                }
                #expect(try await service.send(run, "Now.").changed)
                #expect(try await service.stats.commandsOverloaded >= 60)
            }
        }

        @Test func theirBytesAreCountedAndMemoryIsBounded() async throws {
            try await Service.run(script: "[]") { service, _ in
                let run = try await service.launch("")
                try await service.pause(run)
                let before = try await service.stats
                let size = (4 << 20) - 4096
                try await whileTheLoopWaits(service, run) {
                    let outcome = try await Abuser.run(service, "burst", "40", "\(size)", run)
                    let outcomes = try #require(outcome.outcomes)
                    print("40 of 4 MiB at once: \(outcomes), the first after \(outcome.first ?? [:]) s")
                    #expect(outcomes["OVERLOADED", default: 0] >= 20)
                }
                let after = try await service.settles(since: before, descriptors: 8, bytes: 48 << 20).now
                print("resident: \(before.residentBytes >> 20) → \(after.residentBytes >> 20) MiB")
                #expect(after.residentBytes < before.residentBytes + (48 << 20))
                #expect(after.requestBytes < 1000)
            }
        }

        @Test func aRefusalSaysWhenToComeAgain() async throws {
            try await Service.run(script: "[]") { service, _ in
                let run = try await service.launch("")
                // 64 waiting reads of one connection are its share; nng's own REQ has one at a time, so this is raw.
                let peer = try #require(RawControl(service))
                let wait = try Frame(
                    FermataGetRun.with {
                        $0.run = run
                        $0.until = [.finished]
                        $0.waitMs = 25_000
                    })
                for number in 1...64 { peer.send([wait], as: UInt32(number)) }
                var waiting = Set(1...64)
                for number in 65...70 {
                    peer.send([wait], as: UInt32(number))
                    waiting.insert(number)
                    let (answered, frames) = try #require(await peer.reply())
                    let error = try #require(frames.first).error
                    // Two that come right after each other are taken by two threads: either may be the one too many.
                    #expect(waiting.remove(answered) != nil && error.code == ErrorCode.overloaded.name)
                    #expect(error.retryable && (1...1000).contains(error.retryAfterMs))
                }
                // What passes everything passes that too.
                peer.send(
                    try [
                        Frame(FermataHello()), wait,
                        Frame(
                            FermataStop.with {
                                $0.requestID = UUID().uuidString.lowercased()
                                $0.run = run
                            }),
                    ], as: 71)
                // Those that wait for the end of a run that is stopped now hear that it cannot come.
                var (answered, frames) = try #require(await peer.reply())
                while waiting.remove(answered) != nil {
                    #expect(try frames.first?.error.code == ErrorCode.wrongStatus.name)
                    (answered, frames) = try #require(await peer.reply())
                }
                #expect(answered == 71 && frames.map(\.type) == [0x8001, 0x8000, 0x8008])
            }
        }
    }
}
