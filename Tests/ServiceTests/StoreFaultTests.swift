import FermataClient
import FermataProtocol
import Foundation
import MockModel
import Testing

/// The disk under a running server: no room for the store, and a disk that fails.
extension OneServerAtATime {
    @Suite(.timeLimit(.minutes(2))) struct StoreFaultTests {
        /// Race: a model call ends while the store is full. Its end is kept, and the run goes on when there is room.
        @Test func aFullStoreRefusesCommandsAndGoesOnWhenThereIsRoom() async throws {
            let script = #"""
                [
                  {"match": "user: stream", "text": "one two three", "gate": "rest", "gate_after_tokens": 1},
                  {"match": "", "text": "Done."}
                ]
                """#
            try await Service.run(script: script) { service, model in
                let held = try await service.launch("")
                try await service.pause(held)
                // The log and the store are longer than what will be allowed.
                try await service.queue(200, in: held)
                let streaming = try await service.launch("stream")
                await model.gates.awaited("rest")

                try await service.limitFiles(to: 64 << 10)
                var refused: FermataError?
                for _ in 0..<200 where refused == nil {
                    do {
                        try await service.send(held, "more", .whenIdle)
                    } catch ClientError.refused(let error) { refused = error }
                }
                #expect(refused?.code == "STORE_FULL" && refused?.retryable == true)
                let before = try await service.summary(held)
                // A refusal changes nothing, and reads go on.
                try await service.refused(.storeFull) { try await service.resume(held) }
                try await service.refused(.storeFull) { try await service.launch("another") }
                #expect(try await service.summary(held) == before)
                #expect(try await service.events(held).count == Int(before.lastSeq))
                #expect(try await service.client.send(FermataStats()).storeIsFull)

                // What ends meanwhile stays in flight: it is not lost, and nothing starts.
                model.gates.open("rest")
                try await service.ticks(3)
                #expect(try await service.summary(streaming).status == .running)
                #expect(service.process.isRunning)

                try await service.limitFiles(to: nil)
                #expect(try await service.wait(streaming, .finished).lastMessage == "one two three")
                #expect(try await service.events(streaming).map(\.kindName).filter { $0 == "modelAnswered" }.count == 1)
                let message = try await service.send(held, "after", .whenIdle).message
                #expect(message == before.queuedMessages + 1)
                service.kill()
                let check = try await service.cli("check")
                #expect(check.code == 0, "\(check.output)")
            }
        }

        /// A run whose events are damaged is refused and named; the others go on, also those that were in flight.
        @Test func aDamagedRunDoesNotKeepTheOthersFromStarting() async throws {
            let script = #"""
                [
                  {"match": "user: stream", "text": "one two three", "gate": "rest", "gate_after_tokens": 1},
                  {"match": "", "text": "Done."}
                ]
                """#
            try await Service.run(script: script) { service, model in
                let damaged = try await service.launch("stream")
                await model.gates.awaited("rest")
                let other = try await service.launch("stream")
                await model.gates.awaited("rest")
                service.kill()
                let id = "x'\(damaged.filter { $0 != "-" })'"
                try service.change("DELETE FROM events WHERE run = \(id) AND seq = 2")
                try await service.start()
                model.gates.open("rest")
                try await service.wait(other, .finished)
                try await service.refused(.internalError) { try await service.pause(damaged) }
                #expect(try await service.summary(damaged).status == .running)
                #expect(service.serverLog.contains("a run cannot be read"))
                #expect(service.serverLog.contains("event 2 of run \(damaged) is missing"))
                let check = try await service.cli("check")
                #expect(check.code == 1 && check.output.contains("run \(damaged), event 2: it is missing"))
            }
        }

        /// A library for LD_PRELOAD that makes every sync of a file fail while a file of the name is there.
        private func failingSync(_ trigger: String, in directory: String) async throws -> String {
            let source = """
                #define _GNU_SOURCE
                #include <dlfcn.h>
                #include <errno.h>
                #include <unistd.h>
                static int sync_or_fail(const char *name, int file) {
                    if (access("\(trigger)", F_OK) == 0) { errno = EIO; return -1; }
                    int (*real)(int) = dlsym(RTLD_NEXT, name);
                    return real(file);
                }
                int fdatasync(int file) { return sync_or_fail("fdatasync", file); }
                int fsync(int file) { return sync_or_fail("fsync", file); }
                """
            try source.write(toFile: directory + "/sync.c", atomically: true, encoding: .utf8)
            let compiler = Process()
            compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            compiler.arguments = [
                "clang", "-shared", "-fPIC", "-o", directory + "/sync.so", directory + "/sync.c", "-ldl",
            ]
            try compiler.run()
            #expect(await compiler.exitCode() == 0)
            return directory + "/sync.so"
        }

        /// Race: the disk fails in the middle of a commit. Whether the command is in the journal nobody can tell, so
        /// there is no answer and the process ends; its repeat at the next server acts once.
        @Test func aCommitOfUnknownOutcomeEndsTheProcessUnanswered() async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let trigger = directory + "/fail"
            let library = try await failingSync(trigger, in: directory)
            try await Service.run(environment: ["LD_PRELOAD": library]) { service in
                let run = try await service.launch("") { $0.model = "mock/none" }
                try await service.pause(run)
                let command = FermataSend.with {
                    $0.requestID = UUID().uuidString.lowercased()
                    $0.run = run
                    $0.text = "once"
                }
                _ = FileManager.default.createFile(atPath: trigger, contents: nil)
                let answer = Task { try await service.client.send(command, timeout: .seconds(60)) }
                #expect(await service.process.exitCode() == 70)
                #expect(service.serverLog.contains("a commit failed and its outcome is not known"))

                try FileManager.default.removeItem(atPath: trigger)
                try await service.start()
                // The client's own repeat has its answer from the new server, or none and is made here.
                if let reply = try? await answer.value { #expect(reply.message == 1) }
                #expect(try await service.client.send(command).message == 1)
                let queued = try await service.events(run).filter { $0.kindName == "messageQueued" }
                #expect(queued.count == 1)
            }
        }
    }
}
